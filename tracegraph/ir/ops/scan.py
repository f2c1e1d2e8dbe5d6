"""Running sums, products and extremes along one axis, and the recurrence behind derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from tracegraph.ir.graph import Op, Tangent, Value
from tracegraph.ir.lowering import Recurrence, Scan
from tracegraph.ir.ops.arithmetic import add_tangents, chain, chain_both
from tracegraph.ir.ops.boxes import concatenate
from tracegraph.ir.ops.broadcast import batched_alike, full_like, scalar_like, spread
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import equal, isnan, logical_or
from tracegraph.ir.ops.compose import flip, take_axis
from tracegraph.ir.ops.family import ANY, INEXACT, NUMERIC, type_error
from tracegraph.ir.scalar import Scalar, ScalarBuilder
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import ArrayType

FEW_LANES = 8
"""Below this number of lanes a loop over Python numbers beats one over rows of arrays."""


def delayed(x: Value, axis: int, first: Any) -> Value:
    """Return ``x`` moved up by one along an axis: ``first`` comes in, the last element falls out.

    The way over a longer array is right for an empty axis too, whose length may be a symbol.
    """
    edge = tuple(1 if i == axis else n for i, n in enumerate(x.shape))
    longer = concatenate(spread(scalar_like(x, first), edge), x, axis=axis)
    return take_axis(longer, axis, 0, x.shape[axis])


def _running(ufunc: np.ufunc) -> Callable[..., Any]:
    return lambda x, *, axis: ufunc.accumulate(x, axis=axis, dtype=x.dtype)


def _along_axis(name: str, kinds: str) -> Callable[..., ArrayType]:
    """Return the type rule of an operation along ``axis`` of operands of one type."""

    def rule(*types: ArrayType, axis: int) -> ArrayType:
        first = types[0]
        if any(t != first for t in types):
            raise type_error(name, "operands of one type", *types)
        if first.dtype.kind not in kinds:
            raise type_error(name, f"a dtype of the kinds {kinds!r}", *types)
        if not 0 <= axis < first.ndim:
            raise type_error(name, f"an axis inside its operand, not {axis}", *types)
        return first

    return rule


def _scan(
    name: str,
    eager: Callable[..., Any],
    combine: str,
    *,
    kinds: str = NUMERIC,
    jvp: Callable[..., Tangent],
    transpose: Callable[..., Sequence[Tangent]] | None = None,
) -> Op:
    """Return an operation of running combinations along ``axis``."""

    def batch(operands: Sequence[Value], batched: Sequence[bool], size: Dim, *, axis: int) -> Value:
        del batched, size
        out: Value = op(*operands, axis=axis + 1)
        return out

    op = Op(
        name=name,
        type_rule=_along_axis(name, kinds),
        eager=eager,
        lower=Scan(combine),
        jvp=jvp,
        transpose=transpose,
        batch=batch,
    )
    return op


cumsum: Op = _scan(
    "cumsum",
    _running(np.add),
    "add",
    jvp=lambda primals, tangents, out, *, axis: cumsum(tangents[0], axis=axis),
    transpose=lambda ct, operands, linear, *, axis: [flip(cumsum(flip(ct, axis), axis=axis), axis)],
)
"""``cumsum(x, axis=)``: the running sum, in the dtype of x."""

# The derivative d of a running product p obeys d[k] = x[k] d[k-1] + p[k-1] dx[k]. It has no
# division, so it is right where x has zeros, and so are its own derivatives.
cumprod: Op = _scan(
    "cumprod",
    _running(np.multiply),
    "multiply",
    jvp=lambda primals, tangents, out, *, axis: linear_recurrence(
        primals[0], chain(tangents[0], delayed(out, axis, 1)), axis=axis
    ),
)
"""``cumprod(x, axis=)``: the running product, in the dtype of x."""


def _records_jvp(
    primals: Sequence[Value], tangents: Sequence[Tangent], out: Value, *, axis: int
) -> Tangent:
    """Hand each tangent on until the next record; of equal elements the last one sets it."""
    (x,), (tangent,) = primals, tangents
    assert tangent is not None
    zero, one = full_like(tangent, 0), full_like(tangent, 1)
    is_record = logical_or(equal(x, out), isnan(x))
    factors, terms = select(is_record, zero, one), select(is_record, tangent, zero)
    result: Value = linear_recurrence(factors, terms, axis=axis)
    return result


cummax: Op = _scan("cummax", _running(np.maximum), "maximum", kinds=ANY, jvp=_records_jvp)
"""``cummax(x, axis=)``: the running maximum, NumPy's ``maximum.accumulate``; NaN wins."""

cummin: Op = _scan("cummin", _running(np.minimum), "minimum", kinds=ANY, jvp=_records_jvp)
"""``cummin(x, axis=)``: the running minimum, NumPy's ``minimum.accumulate``; NaN wins."""


def _recurrence_eager(factors: Any, terms: Any, *, axis: int) -> Any:
    # In double precision, which is what Python's numbers have.
    double = np.result_type(terms.dtype, np.float64)
    out = np.array(np.moveaxis(terms, axis, 0), double, order="C")
    scales = np.moveaxis(factors, axis, 0).astype(double, copy=False)
    with np.errstate(all="ignore"):
        if 0 < out.size <= FEW_LANES * len(out):
            _run_lanes(scales, out)
        else:
            _run_rows(scales, out)
        return np.moveaxis(out.astype(terms.dtype, copy=False), 0, axis)


def _run_rows(scales: Any, out: Any) -> None:
    for k in range(1, len(out)):
        out[k] += np.where(out[k - 1] == 0, out[k - 1], scales[k] * out[k - 1])


def _run_lanes(scales: Any, out: Any) -> None:
    lanes = out.reshape(len(out), -1).T
    for lane, scale in zip(lanes, scales.reshape(len(out), -1).T, strict=True):
        steps = zip(scale.tolist(), lane.tolist(), strict=True)
        lane[:] = list(accumulate(steps, _step, initial=0))[1:]


def _step(carried: Any, now: tuple[Any, Any]) -> Any:
    scale, term = now
    return term + (carried and carried * scale)


def _step_scalar(b: ScalarBuilder, before: Scalar, factor: Scalar, term: Scalar) -> Scalar:
    is_zero = b.apply("equal", before, b.const(0, before.dtype))
    handed = b.select(is_zero, before, b.apply("multiply", factor, before))
    return b.apply("add", term, handed)


def _recurrence_jvp(
    primals: Sequence[Value], tangents: Sequence[Tangent], out: Value, *, axis: int
) -> Value:
    by_factor, by_term = tangents
    if by_factor is not None:
        by_term = add_tangents(by_term, chain_both(by_factor, delayed(out, axis, 0)))
    result: Value = linear_recurrence(primals[0], by_term, axis=axis)
    return result


def _recurrence_transpose(
    ct: Value, operands: Sequence[Value], linear: Sequence[bool], *, axis: int
) -> list[Tangent]:
    del linear
    factors = delayed(flip(operands[0], axis), axis, 0)
    backward = linear_recurrence(factors, flip(ct, axis), axis=axis)
    return [None, flip(backward, axis)]


def _recurrence_batch(
    operands: Sequence[Value], batched: Sequence[bool], size: Dim, *, axis: int
) -> Value:
    out: Value = linear_recurrence(*batched_alike(operands, batched, size), axis=axis + 1)
    return out


linear_recurrence: Op = Op(
    name="linear_recurrence",
    type_rule=_along_axis("linear_recurrence", INEXACT),
    eager=_recurrence_eager,
    # The start is a zero that keeps the sign of the first term.
    lower=Recurrence(_step_scalar, start=-0.0),
    jvp=_recurrence_jvp,
    transpose=_recurrence_transpose,
    batch=_recurrence_batch,
)
"""``y[k] = factors[k] * y[k-1] + terms[k]`` along ``axis``, from ``y[0] = terms[0]``.

It is linear in ``terms``, which are tangents: a ``y`` that is zero wins over a non-finite factor,
as in ``chain``. Its own derivatives are recurrences with the same factors.
"""

OPS = (cumsum, cumprod, cummax, cummin, linear_recurrence)
