"""Sizes and addresses in LLVM text: each part of a sum is computed in the loop it varies in."""

from __future__ import annotations

from collections.abc import Callable

from tracegraph.codegen.llvm_scope import Register, Scopes
from tracegraph.ir.sizes import (
    Atom,
    Call,
    Dim,
    Monomial,
    Size,
    Symbol,
    nonnegative,
    symbols,
)


class Places:
    """Computes sizes where they vary, at most once in each loop.

    Parameters
    ----------
    scopes : Scopes
        The function that is being written.
    symbol : callable
        Gives the register of a symbol.
    declare : callable
        Takes the ``declare`` line of an intrinsic that is called.
    """

    def __init__(
        self,
        scopes: Scopes,
        symbol: Callable[[Symbol], Register],
        declare: Callable[[str], None],
    ) -> None:
        self._scopes, self._symbol, self._declare = scopes, symbol, declare

    def size(self, value: Dim) -> Register:
        """Return the register of a size; of vectors' indices the first lane counts."""
        if isinstance(value, int):
            return Register(str(value), 1, 0)
        found = self._scopes.find(value)
        if found is not None:
            return found
        total = Register("0", 1, 0)
        for part in self._parts(value):
            total = part if total.text == "0" else self._binary("add", total, part)
        return self._scopes.keep(value, total)

    def address(self, buffer: str, type: str, offset: Dim) -> Register:
        """Return the address of an element."""
        fixed = (
            next((f for m, f in offset.terms if not m), 0) if isinstance(offset, Size) else offset
        )
        moving = offset - fixed
        key = ("address", buffer, moving)
        place = self._scopes.find(key)
        if place is None:
            place = Register(f"%b.{buffer}", 1, 0)
            for part in self._parts(moving) if isinstance(moving, Size) else ():
                place = self._advance(place, type, part)
            self._scopes.keep(key, place)
        return self._advance(place, type, Register(str(fixed), 1, 0)) if fixed else place

    def _advance(self, place: Register, type: str, by: Register) -> Register:
        key = ("advance", place.text, by.text, type)
        found = self._scopes.find(key)
        if found is not None:
            return found
        home = self._scopes.home((place.scope, by.scope))
        text = f"getelementptr {type}, ptr {place.text}, i64 {by.text}"
        return self._scopes.keep(key, Register(self._scopes.emit(home, text), 1, home))

    def _parts(self, value: Size) -> list[Register]:
        """Return the sums of the terms that vary in each scope, the outermost first."""
        by_scope: dict[int, Register] = {}
        for monomial, factor in value.terms:
            term = self._term(monomial, factor)
            before = by_scope.get(term.scope)
            by_scope[term.scope] = term if before is None else self._binary("add", before, term)
        return [by_scope[scope] for scope in sorted(by_scope)]

    def _term(self, monomial: Monomial, factor: int) -> Register:
        registers = sorted((self._atom(a) for a in monomial), key=lambda r: r.scope)
        product = Register(str(factor), 1, 0)
        for one in registers:
            product = one if product.text == "1" else self._binary("mul", product, one)
        return product

    def _atom(self, atom: Atom) -> Register:
        if isinstance(atom, Symbol):
            return self._symbol(atom)
        found = self._scopes.find(atom)
        return found if found is not None else self._scopes.keep(atom, self._call(atom))

    def _call(self, call: Call) -> Register:
        a, b = (self.size(argument) for argument in call.arguments)
        if call.function == "floordiv":
            if nonnegative(call.arguments[0]):
                return self._binary("udiv", a, b)
            return self._floordiv(a, b)
        name = f"llvm.s{call.function}.i64"
        self._declare(f"declare i64 @{name}(i64, i64)")
        home = self._scopes.home((a.scope, b.scope))
        text = f"call i64 @{name}(i64 {a.text}, i64 {b.text})"
        return Register(self._scopes.emit(home, text), 1, home)

    def _floordiv(self, a: Register, b: Register) -> Register:
        """Divide by a positive divisor: the quotient goes down by one for a negative rest."""
        quotient, rest = self._binary("sdiv", a, b), self._binary("srem", a, b)
        home = self._scopes.home((quotient.scope, rest.scope))
        sign = self._scopes.emit(home, f"ashr i64 {rest.text}, 63")
        return self._binary("add", quotient, Register(sign, 1, home))

    def _binary(self, word: str, a: Register, b: Register) -> Register:
        home = self._scopes.home((a.scope, b.scope))
        text = f"{word} i64 {a.text}, {b.text}"
        found = self._scopes.find(text)
        if found is not None:
            return found
        return self._scopes.keep(text, Register(self._scopes.emit(home, text), 1, home))


def depends(value: Dim, index: Symbol | None) -> bool:
    """Return whether a size mentions a symbol."""
    return index is not None and not isinstance(value, int) and index in symbols(value)
