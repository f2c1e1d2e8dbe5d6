"""Symbolic sizes as i64 values of an entry, with every overflow noticed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from tracegraph.codegen.entry_text import Text
from tracegraph.ir.errors import GraphError
from tracegraph.ir.sizes import Atom, Call, Dim, Monomial, Symbol, symbols

_PREDICATES = {"==": "eq", "!=": "ne", "<": "slt", "<=": "sle", ">=": "sge"}


class Sizes:
    """The values of symbols and of sizes made of them.

    What is computed is remembered, so all sizes are computed before the code branches; those that
    depend on data, when the step has run that counts them; those that depend on the number of an
    iteration, when that begins, and for no longer than it lasts. The overflow bits gather until
    ``require_exact``; a wrapped value may be compared before that, never used.
    """

    def __init__(self, text: Text) -> None:
        self.text = text
        self._values: dict[Dim | Monomial | Call, str] = {}
        self._symbols: dict[Symbol, str] = {}
        self._inexact: list[str] = []

    def bind(self, symbol: Symbol, value: str, otherwise: str) -> None:
        """Give a symbol its value, or compare with the value that it already has."""
        known = self._symbols.get(symbol)
        if known is not None:
            self.text.require_equal("i64", value, known, otherwise)
            return
        self._symbols[symbol] = value
        at_least = self.text.let(f"icmp sge i64 {value}, {symbol.lower}")
        self.text.require(at_least, otherwise)

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Forget afterwards what is bound and computed inside: code that may not have run."""
        values, bound = dict(self._values), dict(self._symbols)
        yield
        if self._inexact:
            raise GraphError("a size inside a loop is not computed where the loop begins")
        self._values, self._symbols = values, bound

    def number(self, symbol: Symbol, value: str) -> None:
        """Give the index of a loop its value, a number of iterations that have been."""
        if symbol in self._symbols:
            raise GraphError(f"a loop is numbered by the size {symbol}, which has a value")
        self._symbols[symbol] = value

    def is_bound(self, symbol: Symbol) -> bool:
        return symbol in self._symbols

    def is_known(self, dim: Dim) -> bool:
        """Return whether every symbol of a size has its value."""
        return all(map(self.is_bound, symbols(dim)))

    def prepare(self, dims: Iterable[Dim]) -> None:
        """Compute those of some sizes that are known."""
        for dim in dims:
            if self.is_known(dim):
                self.value(dim)

    def symbol(self, symbol: Symbol) -> str:
        """Return the value of a symbol."""
        if symbol not in self._symbols:
            raise GraphError(f"no input of the signature gives the size {symbol}")
        return self._symbols[symbol]

    def value(self, dim: Dim) -> str:
        """Return the value of a size."""
        if isinstance(dim, int):
            return str(dim)
        if dim not in self._values:
            terms = [self._times(self._monomial(m), f) for m, f in dim.terms]
            total = terms[0]
            for term in terms[1:]:
                total = self._checked("sadd", total, term)
            self._values[dim] = total
        return self._values[dim]

    def compare(self, left: Dim, relation: str, right: Dim) -> str:
        """Return the i1 ``left relation right``."""
        a, b = self.value(left), self.value(right)
        return self.text.let(f"icmp {_PREDICATES[relation]} i64 {a}, {b}")

    def require_exact(self, otherwise: str) -> None:
        """Go on where nothing computed since the last time left the range of i64."""
        for bit in self._inexact:
            self.text.require(self.text.let(f"xor i1 {bit}, true"), otherwise)
        self._inexact.clear()

    def take_inexact(self) -> list[str]:
        """Return the overflow bits that were not looked at yet, and forget them."""
        bits, self._inexact = self._inexact, []
        return bits

    def _monomial(self, monomial: Monomial) -> str:
        if not monomial:
            return "1"
        if monomial not in self._values:
            product = self._atom(monomial[0])
            for atom in monomial[1:]:
                product = self._checked("smul", product, self._atom(atom))
            self._values[monomial] = product
        return self._values[monomial]

    def _times(self, value: str, factor: int) -> str:
        if factor == 1 or value == "1":
            return value if factor == 1 else str(factor)
        return self._checked("smul", value, str(factor))

    def _checked(self, operation: str, a: str, b: str) -> str:
        intrinsic = f"@llvm.{operation}.with.overflow.i64"
        pair = self.text.let(f"call {{i64, i1}} {intrinsic}(i64 {a}, i64 {b})")
        self._inexact.append(self.text.let(f"extractvalue {{i64, i1}} {pair}, 1"))
        return self.text.let(f"extractvalue {{i64, i1}} {pair}, 0")

    def _atom(self, atom: Atom) -> str:
        if isinstance(atom, Symbol):
            return self.symbol(atom)
        if atom not in self._values:
            a, b = (self.value(argument) for argument in atom.arguments)
            if atom.function == "floordiv":
                self._values[atom] = self._floordiv(a, b)
            else:
                intrinsic = f"@llvm.s{atom.function}.i64"
                self._values[atom] = self.text.let(f"call i64 {intrinsic}(i64 {a}, i64 {b})")
        return self._values[atom]

    def _floordiv(self, a: str, b: str) -> str:
        """A divisor below 1 counts as overflow: ``sdiv`` by it could end the process."""
        let = self.text.let
        bad = let(f"icmp slt i64 {b}, 1")
        self._inexact.append(bad)
        divisor = let(f"select i1 {bad}, i64 1, i64 {b}")
        quotient = let(f"sdiv i64 {a}, {divisor}")
        rest = let(f"srem i64 {a}, {divisor}")
        below = let(f"ashr i64 {rest}, 63")
        return let(f"add i64 {quotient}, {below}")


INTRINSICS = """declare {i64, i1} @llvm.sadd.with.overflow.i64(i64, i64)
declare {i64, i1} @llvm.smul.with.overflow.i64(i64, i64)
declare i64 @llvm.smax.i64(i64, i64)
declare i64 @llvm.smin.i64(i64, i64)
"""
