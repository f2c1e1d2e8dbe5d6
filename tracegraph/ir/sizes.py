"""Symbolic integers: polynomials over sizes, indices and quotients, equal by structure.

A dimension, a slice bound or an address is an ``int`` or a ``Size``. A ``Size`` is kept in one
normal form, a sorted sum of integer multiples of products of *atoms*, so that equality and hashing
are structural and cheap. An atom is a ``Symbol``, or a ``Call`` of what is no polynomial.

==============  ====================================================================================
``a // b``      exact parts leave the quotient; the rest is the atom ``floordiv(rest, b)``
``a % b``       ``a - b * (a // b)``, so that splitting an index and joining it again cancels
``maximum``     resolved when the difference has a known sign, else the atom ``max(a, b)``
==============  ====================================================================================

Nothing here asks a question of a value: where structure does not answer, the atom stays.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import field
from math import prod
from typing import TypeAlias

from tracegraph.ir.record import record

Dim: TypeAlias = "int | Size"
Atom: TypeAlias = "Symbol | Call"
Monomial: TypeAlias = tuple[Atom, ...]


@record(eq=True)
class Symbol:
    """A named unknown integer.

    Parameters
    ----------
    name : str
        Its identity: two symbols of one name are the same symbol.
    lower : int
        The least value it can have. Symbols are never negative.
    bound : int or Size, optional
        An exclusive upper bound, known for loop indices.
    hint : int, optional
        The value seen while recording. Loop indices and masks' counts have none.
    """

    name: str
    lower: int = field(default=0, compare=False)
    bound: Dim | None = field(default=None, compare=False)
    hint: int | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.name


@record(eq=True)
class Call:
    """A function of sizes without polynomial form: ``floordiv``, ``max`` or ``min``."""

    function: str
    arguments: tuple[Dim, ...]

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, self.arguments))})"


@record(eq=True)
class Size:
    """A symbolic integer: never a constant, which is always a plain ``int``."""

    terms: tuple[tuple[Monomial, int], ...]

    @functools.cached_property
    def _hash(self) -> int:
        return hash(self.terms)

    def __hash__(self) -> int:
        return self._hash

    def __bool__(self) -> bool:
        raise TypeError(
            f"the truth of the symbolic size {self} is not known while building a graph"
        )

    def __add__(self, other: Dim) -> Dim:
        if isinstance(other, Size):
            return _normal((*self.terms, *other.terms))
        return self._plus(int(other)) if isinstance(other, int) else NotImplemented

    def _plus(self, number: int) -> Size:
        """Return the sum with a number: a constant is the first term."""
        (monomial, factor), *others = self.terms
        if monomial:
            return Size((((), number), *self.terms)) if number else self
        return Size((((), factor + number), *others) if factor + number else tuple(others))

    __radd__ = __add__

    def __neg__(self) -> Dim:
        return self * -1

    def __sub__(self, other: Dim) -> Dim:
        return self + other * -1 if _is_dim(other) else NotImplemented

    def __rsub__(self, other: Dim) -> Dim:
        return self * -1 + other if _is_dim(other) else NotImplemented

    def __mul__(self, other: Dim) -> Dim:
        if isinstance(other, Size):
            return _normal(
                ((*left, *right), factor * times)
                for left, factor in self.terms
                for right, times in other.terms
            )
        if not isinstance(other, int):
            return NotImplemented
        return Size(tuple([(m, factor * other) for m, factor in self.terms])) if other else 0

    __rmul__ = __mul__

    def __floordiv__(self, other: Dim) -> Dim:
        return floordiv(self, other) if _is_dim(other) else NotImplemented

    def __rfloordiv__(self, other: Dim) -> Dim:
        return floordiv(other, self) if _is_dim(other) else NotImplemented

    def __mod__(self, other: Dim) -> Dim:
        return self - floordiv(self, other) * other if _is_dim(other) else NotImplemented

    def __rmod__(self, other: Dim) -> Dim:
        return other - floordiv(other, self) * self if _is_dim(other) else NotImplemented

    @functools.cached_property
    def _text(self) -> str:
        parts = []
        for monomial, factor in self.terms:
            names = "*".join(map(str, monomial))
            if not names:
                parts.append(str(factor))
            else:
                parts.append(names if factor == 1 else f"{factor}*{names}")
        return "+".join(parts).replace("+-", "-")

    def __str__(self) -> str:
        return self._text

    __repr__ = __str__


def _is_dim(value: object) -> bool:
    return isinstance(value, (int, Size))


def symbol(name: str, *, lower: int = 0, bound: Dim | None = None, hint: int | None = None) -> Size:
    """Return the size that is one symbol.

    Examples
    --------
    >>> n = symbol("n")
    >>> (n + 1) * 2 - n
    2+n
    >>> (n * 4 + 3) // 4
    n
    """
    return Size((((Symbol(name, lower, bound, hint),), 1),))


def _terms(value: Dim) -> tuple[tuple[Monomial, int], ...]:
    if isinstance(value, Size):
        return value.terms
    return (((), int(value)),) if value else ()


def _normal(terms: Iterable[tuple[Monomial, int]]) -> Dim:
    total: dict[Monomial, int] = {}
    for monomial, factor in terms:
        key = monomial if len(monomial) < 2 else tuple(sorted(monomial, key=str))
        total[key] = total.get(key, 0) + factor
    kept = [(monomial, factor) for monomial, factor in total.items() if factor]
    if not kept:
        return 0
    if len(kept) == 1:
        return Size(tuple(kept)) if kept[0][0] else kept[0][1]
    kept.sort(key=_term_order)
    return Size(tuple(kept))


def _term_order(term: tuple[Monomial, int]) -> tuple[int, list[str]]:
    return len(term[0]), [str(atom) for atom in term[0]]


def _call(function: str, *arguments: Dim) -> Dim:
    return Size((((Call(function, arguments),), 1),))


def floordiv(a: Dim, b: Dim) -> Dim:
    """Return ``a // b`` for ``b > 0``, with every exactly divisible part taken out."""
    if isinstance(a, int) and isinstance(b, int):
        return a // b
    if b == 1:
        return a
    quotient, rest = _divide_terms(a, b)
    if rest == 0 or (nonnegative(rest) and _upper_below(rest, b)):
        return quotient
    if isinstance(rest, int) and isinstance(b, int):
        return quotient + rest // b
    return quotient + _call("floordiv", rest, b)


def _divide_terms(a: Dim, b: Dim) -> tuple[Dim, Dim]:
    """Split ``a`` into ``quotient * b + rest``."""
    if isinstance(b, int):
        quotient = _normal((m, f // b) for m, f in _terms(a))
        return quotient, a - quotient * b
    if len(b.terms) > 1:
        whole = _multiple_of(a, b)
        return (0, a) if whole is None else (whole, 0)
    ((divisor, scale),) = b.terms
    taken = []
    for monomial, factor in _terms(a):
        left = _without(monomial, divisor)
        if left is not None and factor % scale == 0:
            taken.append((left, factor // scale))
    quotient = _normal(taken)
    return quotient, a - quotient * b


def _multiple_of(a: Dim, b: Size) -> Dim | None:
    """Return ``a / b`` when the polynomial ``a`` is a multiple of ``b``.

    Long division. It ends because each step takes away the last term, in an order of monomials that
    multiplication keeps.
    """
    quotient: Dim = 0
    rest = a
    lead, scale = b.terms[-1]
    while rest != 0:
        monomial, factor = _terms(rest)[-1]
        left = _without(monomial, lead)
        if left is None or factor % scale:
            return None
        step = _normal([(left, factor // scale)])
        quotient, rest = quotient + step, rest - step * b
    return quotient


def _without(monomial: Monomial, divisor: Monomial) -> Monomial | None:
    left = list(monomial)
    for atom in divisor:
        if atom not in left:
            return None
        left.remove(atom)
    return tuple(left)


def maximum(a: Dim, b: Dim) -> Dim:
    """Return the larger of two sizes."""
    if isinstance(a, int) and isinstance(b, int):
        return max(a, b)
    if nonnegative(a - b):
        return a
    return b if nonnegative(b - a) else _call("max", a, b)


def minimum(a: Dim, b: Dim) -> Dim:
    """Return the smaller of two sizes."""
    if isinstance(a, int) and isinstance(b, int):
        return min(a, b)
    if nonnegative(a - b):
        return b
    return a if nonnegative(b - a) else _call("min", a, b)


def nonnegative(value: Dim) -> bool:
    """Return whether ``value >= 0`` follows from the bounds of its symbols.

    >>> k, n = symbol("k", bound=symbol("n")), symbol("n")
    >>> nonnegative(n - k - 1), nonnegative(k - 1)
    (True, False)
    """
    value = _least(value)
    if isinstance(value, int):
        return value >= 0
    shifted: Dim = 0
    for monomial, factor in value.terms:
        product = _shifted(monomial)
        if product is None:
            return False
        shifted = shifted + factor * product
    return all(factor >= 0 for _, factor in _terms(shifted))


def _least(value: Dim) -> Dim:
    """Return a size that ``value`` is not below, with upper bounds for what is subtracted.

    The bound of one loop's index may be the index of another, which is replaced after it.

    >>> i = symbol("i", bound=8)
    >>> _least(6 - i - symbol("j", bound=7 - i))
    0
    """
    while bounds := dict(_bounds(value)):
        outer = {symbol for bound in bounds.values() for symbol in symbols(bound)}
        total: Dim = 0
        for monomial, factor in _terms(value):
            term: Dim = factor
            for atom in monomial:
                is_next = factor < 0 and atom in bounds and atom not in outer
                term = term * (bounds[atom] - 1 if is_next else Size((((atom,), 1),)))
            total = total + term
        value = total
    return value


def _bounds(value: Dim) -> Iterator[tuple[Atom, Dim]]:
    """Yield the symbols of what is subtracted that have upper bounds, with these."""
    for monomial, factor in _terms(value):
        for atom in monomial if factor < 0 else ():
            if isinstance(atom, Symbol) and atom.bound is not None:
                yield atom, atom.bound


def _shifted(monomial: Monomial) -> Dim | None:
    """Rewrite each atom as its lower bound plus an excess that is not negative."""
    product: Dim = 1
    for atom in monomial:
        lower = atom.lower if isinstance(atom, Symbol) else _lower_of_call(atom)
        if lower is None:
            return None
        product = product * (Size((((Symbol(str(atom)),), 1),)) + lower)
    return product


def _lower_of_call(call: Call) -> int | None:
    """Return 0 where a function of sizes is known not to be negative."""
    known = [nonnegative(argument) for argument in call.arguments]
    enough = {"floordiv": known[0], "max": any(known), "min": all(known)}
    return 0 if enough[call.function] else None


def _upper_below(value: Dim, limit: Dim) -> bool:
    """Return whether ``value < limit`` follows from the upper bounds of loop indices."""
    largest: Dim = 0
    for monomial, factor in _terms(value):
        term: Dim = factor
        for atom in monomial:
            bounded = isinstance(atom, Symbol) and atom.bound is not None and factor > 0
            term = term * (atom.bound - 1 if bounded else Size((((atom,), 1),)))  # type: ignore[operator, union-attr]  # `bounded` narrows both
        largest = largest + term
    return nonnegative(limit - largest - 1)


def symbols(value: Dim) -> Iterator[Symbol]:
    """Yield every symbol in a size, inside calls too, in order of appearance."""
    for monomial, _ in _terms(value):
        for atom in monomial:
            if isinstance(atom, Symbol):
                yield atom
            else:
                for argument in atom.arguments:
                    yield from symbols(argument)


def coefficient(value: Dim, index: Symbol) -> Dim | None:
    """Return the factor of ``index`` in a size that is affine in it, else None.

    >>> i, m = Symbol("i"), symbol("m")
    >>> coefficient(m * symbol("i") + 3, i)
    m
    """
    factor: Dim = 0
    for monomial, times in _terms(value):
        if any(isinstance(a, Call) and index in symbols(Size((((a,), 1),))) for a in monomial):
            return None
        if monomial.count(index) > 1:
            return None
        if index in monomial:
            left = _without(monomial, (index,))
            assert left is not None
            factor = factor + _normal([(left, times)])
    return factor


def product(dims: Iterable[Dim]) -> Dim:
    """Return the product of dimensions: the number of elements of a shape."""
    dims = tuple(dims)
    if all(isinstance(d, int) for d in dims):
        return prod(d for d in dims if isinstance(d, int))
    total: Dim = 1
    for dim in dims:
        total = total * dim
    return total
