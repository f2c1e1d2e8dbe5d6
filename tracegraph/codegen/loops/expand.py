"""Elementary functions become arithmetic, and equal scalars become one, in a whole program."""

from __future__ import annotations

from tracegraph.codegen.mathlib import expand_program
from tracegraph.ir.loop_substitute import rewrite
from tracegraph.ir.loops import For, Program, Statement, map_loops, roots, statements
from tracegraph.ir.record import replace
from tracegraph.ir.scalar import Scalar, ScalarBuilder


def expand(program: Program) -> Program:
    """Rewrite every scalar of a program without elementary functions."""
    tops = dict.fromkeys(r for s in statements(program.body) for r in roots(s))
    for loop in (s for s in statements(program.body) if isinstance(s, For)):
        tops.update(dict.fromkeys(f.result for f in loop.folds))
        tops.update(dict.fromkeys(x for c in loop.carries for x in (c.state, c.result)))
    tops.update(dict.fromkeys(program.indices.values()))
    new = dict(zip(tops, expand_program(list(tops), ScalarBuilder()), strict=True))
    body = map_loops(rewrite(program.body, new.__getitem__), lambda loop: _leaves(loop, new))
    indices = {symbol: new[scalar] for symbol, scalar in program.indices.items()}
    return replace(program, body=body, indices=indices)


def _leaves(loop: For, new: dict[Scalar, Scalar]) -> Statement:
    folds = tuple(replace(f, result=new[f.result]) for f in loop.folds)
    carries = tuple(replace(c, state=new[c.state], result=new[c.result]) for c in loop.carries)
    return replace(loop, folds=folds, carries=carries)
