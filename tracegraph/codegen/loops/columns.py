"""Sums down long columns read memory row by row: a few rows at a time, totals in local memory.

::

    for j < m (vector):               for j < m:  s[j] = c[j] = 0
        for i < n:  t += x[i,j]       for b < ceil(n/8):
        y[j] = t                -->       for j < m (vector):
                                              for k < 8:  t += x[8*b+k,j]
                                              (s[j], c[j]) = two_sum(s[j], t) + (0, c[j])
                                      for j < m:  y[j] = s[j] + c[j]

Each column has a careful sum, so that its length hardly matters. Wide rows go in strips.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tracegraph.ir.loop_substitute import Rewriter, rebuilt, rewrite, substitute_symbols
from tracegraph.ir.loops import Buffer, Fold, For, Program, Statement, Store
from tracegraph.ir.record import replace
from tracegraph.ir.scalar import Scalar, ScalarBuilder
from tracegraph.ir.size_values import hint
from tracegraph.ir.sizes import Dim, Symbol, floordiv, minimum, symbol

ROWS = 8
"""Rows read side by side: as many streams as caches and prefetchers follow well."""

STRIP = 1024
"""Columns whose totals are in local memory."""

LONG, WIDE = 64, 64
"""Fewer rows or columns are summed in registers alone."""


def columns(program: Program) -> Program:
    """Rewrite every sum down long columns."""
    return _Columns(program).run()


class _Columns:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.b = ScalarBuilder()

    def run(self) -> Program:
        body = [s for statement in self.program.body for s in self._statement(statement)]
        return self.program.with_body(*body)

    def _statement(self, statement: Statement) -> Iterator[Statement]:
        if not isinstance(statement, For):
            yield statement
        elif _matches(statement):
            yield self._rewritten(statement)
        else:
            body = tuple(s for one in statement.body for s in self._statement(one))
            yield replace(statement, body=body)

    def _local(self, dtype: Scalar, size: int) -> str:
        name = f"local{len(self.program.buffers)}"
        buffer = Buffer(name, dtype.dtype, size)
        self.program = replace(self.program, buffers=(*self.program.buffers, buffer))
        return name

    def _rewritten(self, loop: For) -> Statement:
        rows = loop.body[0]
        assert isinstance(rows, For)
        width = loop.extent if isinstance(loop.extent, int) else STRIP
        width = min(width, STRIP)
        totals = [(self._local(f.value, width), self._local(f.value, width)) for f in rows.folds]
        strips, start, length = _strips(loop, width)
        column = Symbol(f"{loop.index.name}c", bound=width)
        at = symbol(column.name, bound=width)
        begin = self._begin(column, length, loop.lanes, totals, rows.folds)
        middle = self._middle(loop, rows, column, length, start + at, totals)
        end = self._end(loop, rows, column, length, start + at, totals)
        return For(strips, floordiv(loop.extent + (width - 1), width), (begin, middle, end))

    def _begin(
        self,
        column: Symbol,
        length: Dim,
        lanes: int,
        totals: Sequence[tuple[str, str]],
        folds: Sequence[Fold],
    ) -> For:
        at = symbol(column.name, bound=column.bound)
        stores = [
            Store(name, at, self.b.const(0, fold.value.dtype))
            for pair, fold in zip(totals, folds, strict=True)
            for name in pair
        ]
        return For(column, length, tuple(stores), lanes=lanes)

    def _middle(
        self,
        loop: For,
        rows: For,
        column: Symbol,
        length: Dim,
        place: Dim,
        totals: Sequence[tuple[str, str]],
    ) -> For:
        """Return the loop over blocks of rows, each added to the totals of all columns."""
        blocks = floordiv(rows.extent + (ROWS - 1), ROWS)
        block = Symbol(f"{rows.index.name}b", bound=blocks)
        first = symbol(block.name, bound=blocks) * ROWS
        row = Symbol(f"{rows.index.name}r", bound=ROWS)
        whole = isinstance(rows.extent, int) and rows.extent % ROWS == 0
        count: Dim = ROWS if whole else minimum(ROWS, rows.extent - first)
        few = replace(rows, index=row, extent=count)
        values = {rows.index: first + symbol(row.name, bound=ROWS), loop.index: place}
        self.program = substitute_symbols(self.program, (few,), values)
        at = symbol(column.name, bound=column.bound)
        stores: list[Store] = []
        for (total, lost), fold in zip(totals, rows.folds, strict=True):
            stores += self._two_sum(total, lost, at, fold.result)
        inner = For(column, length, (*self.program.body, *stores), lanes=loop.lanes)
        return For(block, blocks, (inner,))

    def _two_sum(self, total: str, lost: str, at: Dim, part: Scalar) -> list[Store]:
        b, dtype = self.b, part.dtype
        old = b.load(total, at, dtype)
        new = b.apply("add", old, part)
        taken = b.apply("subtract", new, old)
        first = b.apply("subtract", old, b.apply("subtract", new, taken))
        error = b.apply("add", first, b.apply("subtract", part, taken))
        before = b.load(lost, at, dtype)
        return [Store(total, at, new), Store(lost, at, b.apply("add", before, error))]

    def _end(
        self,
        loop: For,
        rows: For,
        column: Symbol,
        length: Dim,
        place: Dim,
        totals: Sequence[tuple[str, str]],
    ) -> For:
        """Return the loop that does with the finished sums what was done before."""
        b, at = self.b, symbol(column.name, bound=column.bound)
        ends: dict[Scalar, Scalar] = {}
        for (total, lost), fold in zip(totals, rows.folds, strict=True):
            s, c = (b.load(name, at, fold.value.dtype) for name in (total, lost))
            # Where the sum is not finite, what was lost is NaN.
            known = b.apply("equal", c, c)
            ends[fold.result] = b.select(known, b.apply("add", s, c), s)
        self.program = substitute_symbols(self.program, loop.body[1:], {loop.index: place})
        rewriter = Rewriter(lambda s, args: ends.get(s) or rebuilt(s, args))
        body = rewrite(self.program.body, rewriter)
        return For(column, length, body, lanes=loop.lanes)


def _strips(loop: For, width: int) -> tuple[Symbol, Dim, Dim]:
    """Return the index of strips, where the current one starts, and how wide it is."""
    count = floordiv(loop.extent + (width - 1), width)
    index = Symbol(f"{loop.index.name}s", bound=count)
    if count == 1:
        return index, 0, loop.extent
    start = symbol(index.name, bound=count) * width
    whole = isinstance(loop.extent, int) and loop.extent % width == 0
    return index, start, width if whole else minimum(width, loop.extent - start)


def _matches(loop: For) -> bool:
    """Return whether a loop over columns does nothing but sum them and use the sums."""
    if loop.lanes == 1 or loop.folds or not loop.body or not isinstance(loop.body[0], For):
        return False
    rows = loop.body[0]
    if not all(isinstance(s, Store) for s in loop.body[1:]) or rows.body or rows.carries:
        return False
    sums = all(f.combine == "add" and f.value.dtype.kind == "f" for f in rows.folds)
    return sums and _is_large(rows.extent, LONG) and _is_large(loop.extent, WIDE)


def _is_large(extent: Dim, least: int) -> bool:
    known = hint(extent)
    return known is None or known >= least
