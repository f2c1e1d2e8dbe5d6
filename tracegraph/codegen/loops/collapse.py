"""Two loops over neighbouring axes that lie together in every buffer become one.

::

    for i < n:                      for ij < n*m:
        for j < m:        -->           y[ij] = x[ij] + 1
            y[m*i+j] = x[m*i+j] + 1
"""

from __future__ import annotations

from tracegraph.codegen.loops.analysis import places_of
from tracegraph.ir.loop_substitute import substitute_symbols
from tracegraph.ir.loops import Fold, For, Program, Statement
from tracegraph.ir.record import replace
from tracegraph.ir.sizes import Dim, Symbol, coefficient, symbol


def collapse(program: Program) -> Program:
    """Join loops from the inside out, wherever every place allows it."""
    body: list[Statement] = []
    for statement in program.body:
        program, statement = _collapsed(program, statement)
        body.append(statement)
    return program.with_body(*body)


def _collapsed(program: Program, statement: Statement) -> tuple[Program, Statement]:
    if not isinstance(statement, For):
        return program, statement
    inner: list[Statement] = []
    for one in statement.body:
        program, one = _collapsed(program, one)
        inner.append(one)
    loop = replace(statement, body=tuple(inner))
    if len(inner) != 1 or not isinstance(inner[0], For) or not _joins(program, loop, inner[0]):
        return program, loop
    below = inner[0]
    name = f"{loop.index.name}{below.index.name}"
    extent = loop.extent * below.extent
    joined = For(Symbol(name, bound=extent), extent, below.body, _folds(loop, below))
    values: dict[Symbol, Dim] = {loop.index: 0, below.index: symbol(name, bound=extent)}
    program = substitute_symbols(program, (joined,), values)
    return _collapsed(program, program.body[0])


def _joins(program: Program, loop: For, below: For) -> bool:
    if loop.carries or below.carries or not _folds_agree(loop, below):
        return False
    return all(
        _is_linear(place, loop.index, below.index, below.extent)
        for place in places_of(program, (below,))
    )


def _is_linear(place: Dim, outer: Symbol, inner: Symbol, extent: Dim) -> bool:
    """Return whether a place depends on ``outer * extent + inner`` alone."""
    far, near = coefficient(place, outer), coefficient(place, inner)
    return far is not None and near is not None and far == near * extent


def _folds_agree(loop: For, below: For) -> bool:
    """Return whether the outer loop folds nothing but the results of the inner loop."""
    if len(loop.folds) != len(below.folds):
        return False
    return all(
        outer.value is inner.result and outer.combine == inner.combine and inner.place is None
        for outer, inner in zip(loop.folds, below.folds, strict=True)
    )


def _folds(loop: For, below: For) -> tuple[Fold, ...]:
    pairs = zip(loop.folds, below.folds, strict=True)
    return tuple(replace(inner, result=outer.result) for outer, inner in pairs)
