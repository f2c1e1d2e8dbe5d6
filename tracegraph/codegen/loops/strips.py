"""A nest that reads across the lines of a buffer goes in strips, so that lines stay in the cache.

::

    for i < n:                             for s < ceil(m/8):
        for j < m (vector):        -->         for i < n:
            y[m*i+j] = x[n*j+i]                    for j < min(8, m-8*s) (vector):
                                                       y[m*i+8*s+j] = x[n*(8*s+j)+i]
"""

from __future__ import annotations

from tracegraph.codegen.loops.analysis import scalars_of
from tracegraph.ir.loop_substitute import substitute_symbols
from tracegraph.ir.loops import For, Program, Statement, Store
from tracegraph.ir.size_values import hint
from tracegraph.ir.sizes import Dim, Symbol, coefficient, floordiv, minimum, symbol

STRIP = 8
"""Lines that are read side by side: as many as a cache keeps of one set (see powers of 2)."""

LARGE = 64
"""Shorter loops keep their lines in the cache anyway."""


def strips(program: Program) -> Program:
    """Cut every outermost nest of two loops that reads across lines into strips."""
    body: list[Statement] = []
    for statement in program.body:
        if isinstance(statement, For) and _crosses(statement):
            program, statement = _cut(program, statement)
        body.append(statement)
    return program.with_body(*body)


def _crosses(loop: For) -> bool:
    if len(loop.body) != 1 or not isinstance(loop.body[0], For) or loop.folds or loop.carries:
        return False
    inner = loop.body[0]
    if inner.lanes == 1 or inner.folds or not all(isinstance(s, Store) for s in inner.body):
        return False
    if not (_is_large(loop.extent) and _is_large(inner.extent)):
        return False
    loads = [s.attr("offset") for s in scalars_of(inner.body) if s.op == "load"]
    return any(_is_across(offset, loop.index, inner.index) for offset in loads)


def _is_across(offset: Dim, outer: Symbol, inner: Symbol) -> bool:
    """Return whether the next element in memory belongs to the next outer iteration."""
    along = coefficient(offset, outer) in (1, -1)
    return along and coefficient(offset, inner) not in (None, 0, 1, -1)


def _is_large(extent: Dim) -> bool:
    known = hint(extent)
    return known is None or known >= LARGE


def _cut(program: Program, loop: For) -> tuple[Program, Statement]:
    inner = loop.body[0]
    assert isinstance(inner, For)
    count = floordiv(inner.extent + (STRIP - 1), STRIP)
    strip = Symbol(f"{inner.index.name}s", bound=count)
    start = symbol(strip.name, bound=count) * STRIP
    whole = isinstance(inner.extent, int) and inner.extent % STRIP == 0
    length: Dim = STRIP if whole else minimum(STRIP, inner.extent - start)
    column = Symbol(f"{inner.index.name}c", bound=STRIP)
    short = For(column, length, inner.body, lanes=min(inner.lanes, STRIP))
    nest = For(loop.index, loop.extent, (short,))
    values: dict[Symbol, Dim] = {inner.index: start + symbol(column.name, bound=STRIP)}
    program = substitute_symbols(program, (nest,), values)
    return program, For(strip, count, program.body)
