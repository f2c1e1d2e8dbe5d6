"""The numbers that sizes stand for: symbols replaced, evaluated, or as they were recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tracegraph.ir.sizes import (
    Atom,
    Call,
    Dim,
    Monomial,
    Size,
    Symbol,
    floordiv,
    maximum,
    minimum,
    nonnegative,
    symbols,
)

FUNCTIONS: Mapping[str, Callable[[Dim, Dim], Dim]] = {
    "floordiv": floordiv,
    "max": maximum,
    "min": minimum,
}


def substitute(value: Dim, replacements: Mapping[Symbol, Dim]) -> Dim:
    """Return ``value`` with symbols replaced; all replaced by ints gives an ``int``."""
    if isinstance(value, int):
        return value
    total: Dim = 0
    for monomial, factor in value.terms:
        term: Dim = factor
        for atom in monomial:
            term = term * _substitute_atom(atom, replacements)
        total = total + term
    return total


def _substitute_atom(atom: Atom, replacements: Mapping[Symbol, Dim]) -> Dim:
    if isinstance(atom, Symbol):
        found = replacements.get(atom)
        return Size((((atom,), 1),)) if found is None else found
    a, b = (substitute(argument, replacements) for argument in atom.arguments)
    return FUNCTIONS[atom.function](a, b)


def evaluate(value: Dim, values: Mapping[Symbol, int]) -> int:
    """Return the number that a size has where its symbols have ``values``.

    Raises
    ------
    KeyError
        A symbol of the size has no value.
    """
    result = substitute(value, values)
    if isinstance(result, Size):
        missing = next(s for s in symbols(result) if s not in values)
        raise KeyError(f"the size {value} needs a value for {missing}")
    return result


def largest(value: Dim, index: Symbol, trip: Dim) -> Dim | None:
    """Return a size that no iteration of a loop exceeds, and that is not negative.

    It is exact at one end where the size is affine in the index. None: nothing is known.

    Parameters
    ----------
    value : int or Size
        What may depend on the index.
    index : Symbol
        It is less than ``trip``, and not negative.
    trip : int or Size
        How many iterations there are.

    Examples
    --------
    >>> from tracegraph.ir.sizes import symbol
    >>> k, n = symbol("k"), symbol("n")
    >>> largest(n - k, Symbol("k"), n), largest(k * (n - k), Symbol("k"), n)
    (n, n*n)
    """
    if index not in set(symbols(value)):
        return value
    found = _extreme(value, index, trip, highest=True)
    return None if found is None else maximum(found, 0)


def _extreme(value: Dim, index: Symbol, trip: Dim, highest: bool) -> Dim | None:
    """Return a bound of a size, from above or from below."""
    if isinstance(value, int):
        return value
    total: Dim = 0
    for monomial, factor in value.terms:
        term = _extreme_product(monomial, index, trip, (factor > 0) == highest)
        if term is None:
            return None
        total = total + term * factor
    return total


def _extreme_product(atoms: Monomial, index: Symbol, trip: Dim, highest: bool) -> Dim | None:
    """Return a bound of a product; of several factors none may be negative."""
    parts: list[Dim] = [Size((((atom,), 1),)) for atom in atoms]
    varies = [index in symbols(part) for part in parts]
    if len(parts) > 1 and any(varies) and not all(map(nonnegative, parts)):
        return None
    total: Dim = 1
    for atom, part, does in zip(atoms, parts, varies, strict=True):
        bound = _extreme_atom(atom, index, trip, highest) if does else part
        if bound is None:
            return None
        total = total * bound
    return total


def _extreme_atom(atom: Atom, index: Symbol, trip: Dim, highest: bool) -> Dim | None:
    if isinstance(atom, Symbol):
        return trip if highest else 0
    a, b = atom.arguments
    if atom.function == "floordiv":
        bound = _extreme(a, index, trip, highest)
        return None if bound is None or index in symbols(b) else floordiv(bound, b)
    both = [_extreme(argument, index, trip, highest) for argument in (a, b)]
    known = [bound for bound in both if bound is not None]
    return FUNCTIONS[atom.function](*known) if len(known) == 2 else None


def hint(value: Dim) -> int | None:
    """Return the value that was seen while recording, or None where a symbol has none."""
    if isinstance(value, int):
        return value
    hints = {s: s.hint for s in symbols(value)}
    known = {s: h for s, h in hints.items() if h is not None}
    return evaluate(value, known) if len(known) == len(hints) else None


def typical(value: Dim) -> int | None:
    """Return the value that was seen while recording, of loop indices that in the middle.

    None: nothing is known.

    Examples
    --------
    >>> from tracegraph.ir.sizes import symbol
    >>> n = symbol("n", hint=20)
    >>> typical(n - symbol("k", bound=n)), typical(n + symbol("m"))
    (10, None)
    """
    middles = {s: floordiv(s.bound, 2) for s in symbols(value) if s.bound is not None}
    return hint(substitute(value, middles))


def bare_symbol(dim: Dim) -> Symbol | None:
    """Return the symbol that a size consists of, or None where it is something else."""
    if isinstance(dim, Size) and len(dim.terms) == 1:
        monomial, factor = dim.terms[0]
        if factor == 1 and len(monomial) == 1 and isinstance(monomial[0], Symbol):
            return monomial[0]
    return None


def is_multiple(value: Dim, divisor: int) -> bool:
    """Return whether ``value`` is surely a multiple of ``divisor``, whatever its symbols are.

    Examples
    --------
    >>> from tracegraph.ir.sizes import symbol
    >>> is_multiple(minimum(4096, 1_000_000 - 4096 * symbol("b")), 32)
    True
    """
    if isinstance(value, int):
        return value % divisor == 0
    return all(
        factor % divisor == 0
        or any(isinstance(atom, Call) and _is_multiple_call(atom, divisor) for atom in monomial)
        for monomial, factor in value.terms
    )


def _is_multiple_call(call: Call, divisor: int) -> bool:
    either = call.function in ("min", "max")
    return either and all(is_multiple(argument, divisor) for argument in call.arguments)


def attr_symbols(value: Any) -> Iterator[Symbol]:
    """Yield the symbols that an attribute mentions."""
    if isinstance(value, Size):
        yield from symbols(value)
    elif isinstance(value, tuple):
        for item in value:
            yield from attr_symbols(item)


def concrete(value: Any, sizes: Mapping[Symbol, int]) -> Any:
    """Return an attribute with every size replaced by its number."""
    if isinstance(value, Size):
        return evaluate(value, sizes)
    if type(value) is tuple:
        return tuple([concrete(item, sizes) for item in value])
    return value
