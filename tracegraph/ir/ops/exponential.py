"""Exponentials and logarithms."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tracegraph.ir.graph import Op, Value
from tracegraph.ir.ops.arithmetic import (
    add,
    partials,
    reciprocal,
    subtract,
    times,
)
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import equal, isinf
from tracegraph.ir.ops.family import FLOAT, INEXACT, elementwise
from tracegraph.ir.scalar import Scalar, ScalarBuilder

LN2, LN10, LOG2E = math.log(2), math.log(10), 1 / math.log(2)


def elementary(name: str, eager: Callable[..., Any], *derivatives: Callable[..., Value]) -> Op:
    """Return an elementary function of floats and complex numbers, from its partial derivatives."""
    return elementwise(name, eager, INEXACT, jvp=partials(*derivatives), heavy=True)


exp: Op = elementary("exp", np.exp, lambda x, out: out)
exp2: Op = elementary("exp2", np.exp2, lambda x, out: times(out, LN2))
# Not out + 1, which loses every digit where x is very negative.
expm1: Op = elementary("expm1", np.expm1, lambda x, out: exp(x))
log: Op = elementary("log", np.log, lambda x, out: reciprocal(x))
log2: Op = elementary("log2", np.log2, lambda x, out: reciprocal(times(x, LN2)))
log10: Op = elementary("log10", np.log10, lambda x, out: reciprocal(times(x, LN10)))
log1p: Op = elementary("log1p", np.log1p, lambda x, out: reciprocal(add(x, full_like(x, 1))))


def _log_sum(exponential: str, scale: float, of_equal: float) -> Callable[..., Scalar]:
    """Return NumPy's ``max + scale * log1p(exponential(-distance))``."""

    def rule(b: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
        distance = b.apply("absolute", b.apply("subtract", x, y))
        share = b.apply("log1p", b.apply(exponential, b.apply("negative", distance)))
        if scale != 1:
            share = b.apply("multiply", b.const(scale, x.dtype), share)
        total = b.apply("add", b.apply("maximum", x, y), share)
        # The distance of equal infinities is NaN.
        doubled = b.apply("add", x, b.const(of_equal, x.dtype))
        return b.select(b.apply("equal", x, y), doubled, total)

    return rule


def _share(exponential: Op) -> Callable[..., Value]:
    """Return the share of ``x`` in a sum: of infinities, 1 for ``inf`` and 0 for ``-inf`` (JAX)."""

    def share(x: Value, out: Value) -> Value:
        is_all = equal(x, full_like(x, np.inf))
        of_infinite = select(is_all, full_like(x, 0), full_like(x, -np.inf))
        result: Value = exponential(select(isinf(out), of_infinite, subtract(x, out)))
        return result

    return share


def _log_sum_jvp(exponential: Op) -> Callable[..., Any]:
    share = _share(exponential)
    return partials(lambda x, y, out: share(x, out), lambda x, y, out: share(y, out))


logaddexp: Op = elementwise(
    "logaddexp",
    np.logaddexp,
    FLOAT,
    scalar=_log_sum("exp", 1, LN2),
    jvp=_log_sum_jvp(exp),
    commutative=True,
    heavy=True,
)
logaddexp2: Op = elementwise(
    "logaddexp2",
    np.logaddexp2,
    FLOAT,
    scalar=_log_sum("exp2", LOG2E, 1),
    jvp=_log_sum_jvp(exp2),
    commutative=True,
    heavy=True,
)


OPS = (exp, exp2, expm1, log, log2, log10, log1p, logaddexp, logaddexp2)
