"""Long float sums run in blocks, whose sums are joined without loss.

::

    for i < n:  s += x[i]     -->     for b < ceil(n/4096):
                                          for k < min(4096, n-4096*b):  t += x[4096*b+k]
                                          (s, c) = two_sum(s, t), carried along

The order of additions depends on the length alone. The error of a block is that of short sums; over
the blocks what each addition loses is summed apart, so that length hardly matters.
"""

from __future__ import annotations

from tracegraph.ir.loop_substitute import substitute_symbols
from tracegraph.ir.loops import Fold, For, Program, Statement
from tracegraph.ir.record import replace
from tracegraph.ir.scalar import Scalar
from tracegraph.ir.sizes import Dim, Symbol, floordiv, minimum, nonnegative, symbol

BLOCK = 4096
"""Iterations of a loop over vectors whose sums are joined plainly."""

SERIAL_BLOCK = 256
"""Iterations of a loop that adds one by one."""


def block(program: Program) -> Program:
    """Split every loop that sums more floats than a block has."""
    body: list[Statement] = []
    for statement in program.body:
        program, statement = _blocked(program, statement)
        body.append(statement)
    return program.with_body(*body)


def _blocked(program: Program, statement: Statement) -> tuple[Program, Statement]:
    if not isinstance(statement, For):
        return program, statement
    inner: list[Statement] = []
    for one in statement.body:
        program, one = _blocked(program, one)
        inner.append(one)
    loop = replace(statement, body=tuple(inner))
    size = BLOCK if loop.lanes > 1 else SERIAL_BLOCK
    if not _sums(loop) or nonnegative(size - loop.extent):
        return program, loop
    return _split(program, loop, size)


def _sums(loop: For) -> bool:
    sums = any(f.combine == "add" and f.value.dtype.kind == "f" for f in loop.folds)
    return sums and not loop.carries and all(f.place is None for f in loop.folds)


def _split(program: Program, loop: For, size: int) -> tuple[Program, Statement]:
    name = loop.index.name
    blocks = floordiv(loop.extent + (size - 1), size)
    outer = Symbol(f"{name}b", bound=blocks)
    start = symbol(outer.name, bound=blocks) * size
    whole = isinstance(loop.extent, int) and loop.extent % size == 0
    length: Dim = size if whole else minimum(size, loop.extent - start)
    index = Symbol(f"{name}k", bound=size)
    parts = tuple(replace(f, result=_part(name, k, f)) for k, f in enumerate(loop.folds))
    sums = tuple(
        replace(fold, value=part.result, careful=fold.combine == "add" and _is_float(part.result))
        for fold, part in zip(loop.folds, parts, strict=True)
    )
    inner = For(index, length, loop.body, parts, (), loop.lanes)
    values: dict[Symbol, Dim] = {loop.index: start + symbol(index.name, bound=size)}
    program = substitute_symbols(program, (inner,), values)
    return program, For(outer, blocks, program.body, sums)


def _part(name: str, number: int, fold: Fold) -> Scalar:
    return Scalar("result", (), fold.result.dtype, (("name", f"{name}part{number}"),))


def _is_float(scalar: Scalar) -> bool:
    return scalar.dtype.kind == "f"
