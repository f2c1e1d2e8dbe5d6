"""Which loops run as vectors, and how wide.

For each nest the cheapest choice by a plain estimate wins: instructions times how often they run.
Reading along a stride costs as much as its lanes, what does not vary in a loop runs once before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tracegraph.codegen.loops.analysis import Dependence, is_chain, scalars_of, trips
from tracegraph.ir.loops import For, Program, Statement, Store, roots, statements
from tracegraph.ir.record import replace
from tracegraph.ir.scalar import ELEMENTARY, Scalar, walk
from tracegraph.ir.sizes import Dim, Symbol, coefficient, symbols

BYTES = 64
"""The size of vectors: twice the machine's own, so that two of them are on their way at once."""

CHAIN = 4
"""Bodies that are one chain get so much wider vectors: the parts of a vector wait in parallel."""

LIGHT = 16
"""Folds of so few operations get four times as wide vectors: additions take long, not much room."""

SHORT = 8
"""Loops of fewer iterations, without elementary functions, get vectors only where these fit: one
that is shifted back overlaps the one before, and then neither can stay in a register."""

LARGE = 1000
"""Bodies of more operations get vectors of the machine's own size: registers run short."""


def vectorise(program: Program) -> Program:
    """Choose the vector loops of every nest."""
    paired = frozenset(b.name for b in program.buffers if b.paired)
    chooser = Chooser(program, Dependence(program), paired)
    return program.with_body(*(chooser.best(s) for s in program.body))


@dataclass(eq=False)
class Chooser:
    """Compares the ways to run a nest."""

    program: Program
    dependence: Dependence
    paired: frozenset[str]

    def best(self, statement: Statement) -> Statement:
        if not isinstance(statement, For):
            return statement
        options = list(self._options(statement))
        return min(options, key=self._cost) if len(options) > 1 else options[0]

    def _options(self, loop: For) -> Iterator[For]:
        """Yield a loop as it is with the best choice inside, and as vectors itself."""
        inner = tuple(self.best(s) for s in loop.body)
        yield replace(loop, body=inner)
        if self._is_legal(loop):
            lanes = self._lanes(loop)
            if lanes > 1:
                yield replace(loop, lanes=lanes)

    def _is_legal(self, loop: For) -> bool:
        """Return whether iterations may run side by side."""
        if loop.carries:
            return False
        stores = [s for s in statements(loop.body) if isinstance(s, Store)]
        moves: dict[str, set[Dim | None]] = {}
        for store in stores:
            if any(s in self.program.indices for s in symbols(store.offset)):
                return False
            moves.setdefault(store.buffer, set()).add(coefficient(store.offset, loop.index))
        for load in (s for s in scalars_of((loop,)) if s.op == "load"):
            if load.attr("buffer") in moves:
                offset = load.attr("offset")
                moves[load.attr("buffer")].add(coefficient(offset, loop.index))
        return all(len(m) == 1 and 0 not in m and None not in m for m in moves.values())

    def _lanes(self, loop: For) -> int:
        """Return how many iterations fit in a vector of the widest dtype that varies."""
        varying = self._varying(loop)
        widths = [s.dtype.itemsize for s in varying]
        widths += [s.value.dtype.itemsize for s in statements((loop,)) if isinstance(s, Store)]
        lanes = min(64, BYTES // max(widths, default=8))
        if len(varying) > LARGE:
            lanes //= 2
        folds = any(isinstance(s, For) and s.folds for s in statements((loop,)))
        if not folds and not loop.carries and is_chain(scalars_of((loop,))):
            lanes *= CHAIN
        choices = [lanes]
        if folds and len(varying) <= LIGHT and not any(s.op in ELEMENTARY for s in varying):
            choices = [lanes * 4, lanes * 2, lanes]
        dear = any(s.op in ELEMENTARY for s in varying)
        return self._fitting(loop, choices, dear)

    def _fitting(self, loop: For, choices: Iterable[int], dear: bool) -> int:
        """Return the widest choice that leaves little over."""
        extent = loop.extent
        if not isinstance(extent, int):
            return next(iter(choices))
        shifted = not loop.folds
        short = shifted and not dear and extent < SHORT
        best, least = 1, extent
        for lanes in (*choices, 32, 16, 8, 4, 2):
            if lanes > extent or (short and extent % lanes):
                continue
            count = -(-extent // lanes) if shifted else extent // lanes + extent % lanes
            if lanes <= max(choices) and count < least:
                best, least = lanes, count
        return best

    def _varying(self, loop: For) -> list[Scalar]:
        leaves = {f.result for s in statements((loop,)) if isinstance(s, For) for f in s.folds}
        return [
            s
            for s in scalars_of((loop,))
            if s.op != "size" and (loop.index in self.dependence.of(s) or s in leaves)
        ]

    # ---- cost

    def _cost(self, loop: For) -> float:
        return sum(self._costs((loop,), (), None))

    def _costs(
        self, body: Iterable[Statement], around: tuple[For, ...], vector: For | None
    ) -> Iterator[float]:
        """Yield the estimated time of each scalar and store in statements."""
        for statement in body:
            tops = list(roots(statement))
            if isinstance(statement, For):
                own = statement if statement.lanes > 1 else vector
                yield from self._costs(statement.body, (*around, statement), own)
                yield self._tops(tops, (*around, statement), own)
                yield self._latency(statement, around, own)
            else:
                yield self._tops(tops, around, vector)
                moving = self._moving(statement.buffer, statement.offset, vector)
                yield moving * _times(around)

    def _tops(self, tops: list[Scalar], around: tuple[For, ...], vector: For | None) -> float:
        total = 0.0
        times = [_times(around[:depth]) for depth in range(len(around) + 1)]
        for scalar in walk(*tops):
            if scalar.op in ("const", "size", "state", "result"):
                continue
            found = self.dependence.of(scalar)
            depth = len(around)
            while depth and around[depth - 1].index not in found:
                depth -= 1
            unit = 8.0 if scalar.op in ELEMENTARY or scalar.op == "divide" else 1.0
            if scalar.op == "load":
                unit = self._moving(scalar.attr("buffer"), scalar.attr("offset"), vector)
            wide = vector is not None and vector.index in found
            total += unit * (_width(vector) if wide else 1) * times[depth]
        return total

    def _latency(self, loop: For, around: tuple[For, ...], vector: For | None) -> float:
        """Return what waiting for the previous iteration costs: little where vectors are wide."""
        chains = len(loop.folds) + len(loop.carries)
        wait = 4.0 if vector is None else max(4.0, _width(vector))
        return chains * wait * _times((*around, loop))

    def _moving(self, buffer: str, place: Dim, vector: For | None) -> float:
        """Return the cost of reading or writing a place."""
        if vector is None or vector.index not in self.dependence.of_place(place):
            return 1.0
        near = coefficient(place, vector.index)
        direct = 1.0 if near in (1, -1) else 2.0 if near == 2 and buffer in self.paired else None
        if direct is not None and not self._behind_data(place, vector.index):
            return direct
        return 1.5 * vector.lanes / _width(vector)

    def _behind_data(self, place: Dim, index: Symbol) -> bool:
        indices = self.program.indices
        return any(s in indices and index in self.dependence.of(indices[s]) for s in symbols(place))


def _width(vector: For | None) -> float:
    """Return how many instructions of the machine an operation on a vector takes."""
    return 1.0 if vector is None else max(1.0, vector.lanes / 8)


def _times(around: Iterable[For]) -> float:
    total = 1.0
    for loop in around:
        count = trips(loop)
        total *= count if loop.lanes == 1 else count // loop.lanes + min(count % loop.lanes, 4)
    return total
