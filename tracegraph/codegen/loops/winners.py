"""The place of the largest small integer: first the block that has it, then the place in there.

::

    for i < n:  w = argmax(x[i], i)   -->   for b < ceil(n/4096):
                                                for k < min(4096, n-4096*b):  t = max(x[4096*b+k])
                                                v = argmax(t, b)
                                            for k < min(4096, n-4096*v):
                                                w = argmax(x[4096*v+k], 4096*v+k)

A place is an i64, so that a vector of 64 bytes would have eight vectors of places beside it. Of
equal elements the first wins, in its block and among blocks.
"""

from __future__ import annotations

from collections.abc import Iterator

from tracegraph.ir.loop_substitute import substitute_symbols
from tracegraph.ir.loops import Fold, For, Program, Statement, fold_leaf
from tracegraph.ir.record import replace
from tracegraph.ir.scalar import Scalar, ScalarBuilder
from tracegraph.ir.sizes import Dim, Symbol, floordiv, minimum, nonnegative, symbol

BLOCK = 4096
WIDEST = 4
"""Bytes of the widest elements that this is worth it for."""

EXTREME = {"argmax": "maximum", "argmin": "minimum"}


def winners(program: Program) -> Program:
    """Rewrite the outermost loops that look for one place."""
    body: list[Statement] = []
    for statement in program.body:
        if isinstance(statement, For) and _matches(program, statement):
            program, found = _in_two_steps(program, statement)
            body += found
        else:
            body.append(statement)
    return program.with_body(*body)


def _matches(program: Program, loop: For) -> bool:
    # Indices that are computed from data would have to be computed for both steps.
    if program.indices or loop.body or loop.carries or len(loop.folds) != 1:
        return False
    dtype = loop.folds[0].value.dtype
    narrow = dtype.kind != "f" and dtype.itemsize <= WIDEST
    return narrow and loop.folds[0].combine in EXTREME and not nonnegative(BLOCK - loop.extent)


def _in_two_steps(program: Program, loop: For) -> tuple[Program, Iterator[Statement]]:
    (fold,) = loop.folds
    b, name = ScalarBuilder(), loop.index.name
    blocks = floordiv(loop.extent + (BLOCK - 1), BLOCK)
    outer, winner = Symbol(f"{name}b", bound=blocks), Symbol(f"{name}w", bound=blocks)
    part = fold_leaf(b, f"{name}part", EXTREME[fold.combine], fold.value.dtype)
    chosen = fold_leaf(b, f"{name}chosen", fold.combine, fold.value.dtype)
    best = Fold(EXTREME[fold.combine], fold.value, part)
    program, inner = _block_of(program, loop, outer, "k", best)
    program, last = _block_of(program, loop, winner, "l", fold)
    place = b.size(symbol(outer.name, bound=blocks))
    search = For(outer, blocks, (inner,), (Fold(fold.combine, part, chosen, place),))
    indices: dict[Symbol, Scalar] = {**program.indices, winner: chosen}
    return replace(program, indices=indices), iter((search, last))


def _block_of(
    program: Program, loop: For, number: Symbol, letter: str, fold: Fold
) -> tuple[Program, Statement]:
    """Return the loop over one block, by the symbol of its number."""
    start = symbol(number.name, bound=number.bound) * BLOCK
    whole = isinstance(loop.extent, int) and loop.extent % BLOCK == 0
    length: Dim = BLOCK if whole else minimum(BLOCK, loop.extent - start)
    index = Symbol(f"{loop.index.name}{letter}", bound=BLOCK)
    values: dict[Symbol, Dim] = {loop.index: start + symbol(index.name, bound=BLOCK)}
    one = For(index, length, (), (fold,))
    program = substitute_symbols(program, (one,), values)
    return program, program.body[0]
