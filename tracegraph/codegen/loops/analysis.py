"""Facts about loops that transformations ask for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tracegraph.ir.loops import For, Program, Statement, Store, place_of, roots, statements
from tracegraph.ir.scalar import ELEMENTARY, Scalar, walk
from tracegraph.ir.size_values import hint
from tracegraph.ir.sizes import Dim, symbols

GUESS = 256
"""The extent that an unknown size is taken for."""

PARALLEL = 2
"""Bodies in which so many operations could run at once on average keep the machine busy."""

MANY = 16
"""More constants than this do not stay in registers."""

LEAVES = frozenset("const size load state result".split())


def scalars_of(body: Iterable[Statement]) -> list[Scalar]:
    """Return the scalars that statements and what is inside them compute."""
    return walk(*(r for s in statements(tuple(body)) for r in roots(s)))


def places_of(program: Program, body: Iterable[Statement]) -> Iterator[Dim]:
    """Yield every place in statements: of loads, stores and sizes, those behind data included."""
    body = tuple(body)
    for statement in statements(body):
        yield statement.offset if isinstance(statement, Store) else statement.extent
    for scalar in (*scalars_of(body), *walk(*program.indices.values())):
        yield place_of(scalar)


def trips(loop: For) -> int:
    """Return how often a loop probably runs."""
    found = hint(loop.extent) if not _bounded(loop.extent) else None
    return GUESS if found is None else max(found, 1)


def _bounded(extent: Dim) -> bool:
    return any(s.bound is not None for s in symbols(extent))


class Dependence:
    """Tells on which loop indices, states and results of folds a scalar depends."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._known: dict[Scalar, frozenset[object]] = {}

    def of(self, root: Scalar) -> frozenset[object]:
        """Return the symbols and the leaves that a scalar is computed from."""
        known = self._known.get(root)
        if known is not None:
            return known
        for scalar in walk(root, enter=lambda s: s not in self._known):
            found = {x for a in scalar.args for x in self._known[a]}
            if scalar.op in ("state", "result"):
                found.add(scalar)
            self._known[scalar] = frozenset(found) | self.of_place(place_of(scalar))
        return self._known[root]

    def of_place(self, place: Dim) -> frozenset[object]:
        found: set[object] = set()
        for symbol in symbols(place):
            found.add(symbol)
            if symbol in self._program.indices:
                found |= self.of(self._program.indices[symbol])
        return frozenset(found)


def is_chain(scalars: Iterable[Scalar]) -> bool:
    """Return whether most operations wait for the one before, each with a constant of its own.

    A Horner scheme is one; the elementary functions, made of pairs (Estrin), are not.
    """
    scalars = tuple(scalars)
    if any(s.op in ELEMENTARY for s in scalars):
        return False
    depth: dict[Scalar, int] = {}
    for scalar in scalars:
        before = max((depth.get(a, 0) for a in scalar.args), default=0)
        depth[scalar] = before + (scalar.op not in LEAVES)
    operations = sum(s.op not in LEAVES for s in scalars)
    constants = sum(s.op == "const" for s in scalars)
    return constants > MANY and operations < PARALLEL * max(depth.values())
