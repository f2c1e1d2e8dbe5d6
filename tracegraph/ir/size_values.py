"""The numbers that sizes stand for: symbols replaced, evaluated, or as they were recorded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tracegraph.ir.sizes import Atom, Dim, Size, Symbol, floordiv, maximum, minimum, symbols

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


def hint(value: Dim) -> int | None:
    """Return the value that was seen while recording, or None where a symbol has none."""
    if isinstance(value, int):
        return value
    hints = {s: s.hint for s in symbols(value)}
    known = {s: h for s, h in hints.items() if h is not None}
    return evaluate(value, known) if len(known) == len(hints) else None


def bare_symbol(dim: Dim) -> Symbol | None:
    """Return the symbol that a size consists of, or None where it is something else."""
    if isinstance(dim, Size) and len(dim.terms) == 1:
        monomial, factor = dim.terms[0]
        if factor == 1 and len(monomial) == 1 and isinstance(monomial[0], Symbol):
            return monomial[0]
    return None


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
