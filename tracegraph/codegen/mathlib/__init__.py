"""Elementary functions as arithmetic: straight-line programs of the scalar language.

``expand_program`` rewrites scalar programs so that no elementary function is left; what remains are
additions, multiplications, fma, divisions, square roots, choices and integer operations on bit
patterns, all of which have vector instructions. No tables and no loops, so that any width will do.
Only ``sin``, ``cos`` and ``tan`` of huge arguments leave it for the C library (``slow_path``).

Errors stay below 1.4 units in the last place, over the whole range, with subnormal arguments and
results; special cases are those of C99 Annex F. tools/measure_mathlib.py prints the worst it finds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tracegraph.codegen.mathlib.error import erf
from tracegraph.codegen.mathlib.exponential import exp, exp2, expm1
from tracegraph.codegen.mathlib.hyperbolic import arccosh, arcsinh, arctanh, cosh, sinh, tanh
from tracegraph.codegen.mathlib.inverse import arccos, arcsin, arctan, arctan2
from tracegraph.codegen.mathlib.logarithm import log, log1p, log2, log10
from tracegraph.codegen.mathlib.power import cbrt, power
from tracegraph.codegen.mathlib.trigonometric import cos, sin, tan
from tracegraph.codegen.mathlib.value import Value
from tracegraph.ir.scalar import Scalar, ScalarBuilder, walk

__all__ = ["PROGRAMS", "expand", "expand_program"]

PROGRAMS: dict[str, Callable[..., Value]] = {
    f.__name__: f
    for f in (
        exp, exp2, expm1, log, log2, log10, log1p, sin, cos, tan, arcsin, arccos, arctan, arctan2,
        sinh, cosh, tanh, arcsinh, arccosh, arctanh, erf, power, cbrt,
    )
}  # fmt: skip
"""The program of each elementary function, by its name in the scalar language."""


def expand(b: ScalarBuilder, op: str, *args: Scalar) -> Scalar:
    """Return an elementary function of some scalars, made of arithmetic only."""
    return PROGRAMS[op](*(Value(b, a) for a in args)).scalar


def expand_program(roots: Sequence[Scalar], builder: ScalarBuilder) -> list[Scalar]:
    """Return the roots with every elementary function below them expanded.

    Everything else is made again in ``builder`` as it is; scalars that define indices of loads
    (``ScalarBuilder.indices``) are rewritten only if they are given as roots too.
    """
    done: dict[Scalar, Scalar] = {}
    for s in walk(*roots):
        args = tuple(done[a] for a in s.args)
        if s.op in PROGRAMS:
            done[s] = expand(builder, s.op, *args)
        else:
            done[s] = builder.make(s.op, args, s.dtype, **dict(s.attrs))
    return [done[root] for root in roots]
