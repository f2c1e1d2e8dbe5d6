"""Choosing between elements: where, the larger and the smaller, clipping.

Derivatives flow to the operand that was chosen and to no other: through ``select``, not through a
product by zero, so that no NaN passes. Equal operands of maximum and minimum get half each (JAX).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracegraph.ir.graph import Op, Tangent, Value
from tracegraph.ir.ops.arithmetic import add_tangents, times
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.compare import equal, is_nan, logical_and
from tracegraph.ir.ops.family import ANY, elementwise, type_error
from tracegraph.ir.scalar import Scalar, ScalarBuilder
from tracegraph.ir.types import BOOL, ArrayType


def _select_type(condition: ArrayType, x: ArrayType, y: ArrayType) -> ArrayType:
    if x != y or condition != x.with_dtype(BOOL):
        raise type_error("select", "a bool and two of one type, of one shape", condition, x, y)
    return x


def _select_jvp(primals: Sequence[Value], tangents: Sequence[Tangent], out: Value) -> Tangent:
    dx, dy = (full_like(out, 0) if t is None else t for t in tangents[1:])
    result: Value = select(primals[0], dx, dy)
    return result


def _select_transpose(
    ct: Value, operands: Sequence[Value], is_linear: Sequence[bool]
) -> list[Tangent]:
    condition, zero = operands[0], full_like(ct, 0)
    return [
        None,
        select(condition, ct, zero) if is_linear[1] else None,
        select(condition, zero, ct) if is_linear[2] else None,
    ]


select: Op = elementwise(
    "select",
    np.where,
    ANY,
    scalar=lambda b, condition, x, y: b.select(condition, x, y),
    type_rule=_select_type,
    jvp=_select_jvp,
    transpose=_select_transpose,
)
"""``select(condition, x, y)``: NumPy's ``where``."""


def _extremum_jvp(primals: Sequence[Value], tangents: Sequence[Tangent], out: Value) -> Tangent:
    """Give each tangent where its operand is the result, half of it where both are."""
    is_result = [equal(primal, out) for primal in primals]
    is_tied = logical_and(*is_result)
    total: Tangent = None
    for chosen, tangent in zip(is_result, tangents, strict=True):
        if tangent is not None:
            share = select(is_tied, times(tangent, 0.5), tangent)
            total = add_tangents(total, select(chosen, share, full_like(share, 0)))
    return total


def _ignoring_nan(name: str) -> Callable[..., Scalar]:
    def rule(b: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
        both = b.apply(name, x, y)
        if x.dtype.kind not in "fc":
            return both
        return b.select(is_nan(b, y), x, b.select(is_nan(b, x), y, both))

    return rule


maximum: Op = elementwise("maximum", np.maximum, ANY, jvp=_extremum_jvp)
minimum: Op = elementwise("minimum", np.minimum, ANY, jvp=_extremum_jvp)
fmax: Op = elementwise("fmax", np.fmax, ANY, scalar=_ignoring_nan("maximum"), jvp=_extremum_jvp)
fmin: Op = elementwise("fmin", np.fmin, ANY, scalar=_ignoring_nan("minimum"), jvp=_extremum_jvp)
# Not commutative: of 0.0 and -0.0, NumPy's vector loops give the second operand.


def _clip_scalar(b: ScalarBuilder, x: Scalar, low: Scalar, high: Scalar) -> Scalar:
    raised = b.select(b.apply("less", x, low), low, x)
    inside = b.select(b.apply("greater", raised, high), high, raised)
    if x.dtype.kind not in "fc":
        return inside
    return b.select(is_nan(b, low), low, b.select(is_nan(b, high), high, inside))


def _clip_eager(x: Any, low: Any, high: Any) -> Any:
    if x.dtype.kind != "f":
        return np.clip(x, low, high)
    raised = np.where(x < low, low, x)
    inside = np.where(raised > high, high, raised)
    return np.where(np.isnan(low), low, np.where(np.isnan(high), high, inside))


def _clip_jvp(primals: Sequence[Value], tangents: Sequence[Tangent], out: Value) -> Tangent:
    (x, low, high), (dx, dlow, dhigh) = primals, tangents
    raised = maximum(x, low)
    inner = None if dx is None and dlow is None else _extremum_jvp((x, low), (dx, dlow), raised)
    return _extremum_jvp((raised, high), (inner, dhigh), out)


clip: Op = elementwise("clip", _clip_eager, ANY, scalar=_clip_scalar, jvp=_clip_jvp)
"""``clip(x, low, high)``: ``np.clip`` with bounds that are one number each.

There NumPy keeps ``-0.0`` against a bound of ``0.0``. Of an array of bounds it takes the bound:
``t = select(x > low or isnan(x), x, low)``, then ``select(t < high or isnan(t), t, high)``.
Derivatives are those of ``minimum(maximum(x, low), high)``.
"""

OPS = (select, maximum, minimum, fmax, fmin, clip)
