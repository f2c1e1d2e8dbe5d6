"""Reductions besides ``sum``: the axes named by ``axes`` leave the shape.

``sum`` stands in ``broadcast``, beside its transpose. Keeping the axes as 1 is a reshape above.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from tracegraph.ir.graph import Derivative, Op, Tangent, Value
from tracegraph.ir.lowering import Fold
from tracegraph.ir.ops.arithmetic import chain, divide, multiply
from tracegraph.ir.ops.broadcast import batch_axes, broadcast_to, check_axes, full_like, sum_
from tracegraph.ir.ops.cast import cast
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import equal, isnan, logical_or
from tracegraph.ir.ops.compose import flip
from tracegraph.ir.ops.family import ANY, NUMERIC, type_error
from tracegraph.ir.ops.scan import cumprod, delayed
from tracegraph.ir.ops.structural import reshape, transpose
from tracegraph.ir.sizes import Dim, product
from tracegraph.ir.types import INT64, ArrayType, DType

Axes = tuple[int, ...]


def kept_axes(axes: Axes, ndim: int) -> Axes:
    """Return the axes that a reduction leaves."""
    return tuple(axis for axis in range(ndim) if axis not in axes)


def spread_back(reduced: Value, like: Value, axes: Axes) -> Value:
    """Return the result of a reduction over ``axes``, repeated over the shape that was reduced."""
    out: Value = broadcast_to(reduced, shape=like.shape, axes=kept_axes(axes, like.ndim))
    return out


def _reduced(name: str, kinds: str, result: DType | None, one: bool) -> Callable[..., ArrayType]:
    """Return the type rule of a reduction, over ``one`` axis or any number of them."""

    def rule(x: ArrayType, *, axes: Axes) -> ArrayType:
        check_axes(name, x, axes)
        if one and len(axes) != 1:
            raise type_error(name, f"one axis, not {axes},", x)
        if x.dtype.kind not in kinds:
            raise type_error(name, f"a dtype of the kinds {kinds!r}", x)
        shape = tuple(x.shape[axis] for axis in kept_axes(axes, x.ndim))
        return ArrayType(result or x.dtype, shape)

    return rule


def _reduction(
    name: str,
    eager: Callable[..., Any],
    kinds: str,
    combine: str,
    *,
    jvp: Callable[..., Tangent] | Derivative,
    result: DType | None = None,
    one: bool = False,
) -> Op:
    """Return an operation that combines the elements along ``axes`` into one."""

    def batch(
        operands: Sequence[Value], batched: Sequence[bool], size: Dim, *, axes: Axes
    ) -> Value:
        return batch_axes(operands, batched, size, op, axes)

    op = Op(
        name=name,
        type_rule=_reduced(name, kinds, result, one),
        eager=eager,
        lower=Fold(combine),
        jvp=jvp,
        transpose=None,
        batch=batch,
    )
    return op


def _as_one_axis(x: Value, axes: Axes) -> tuple[Value, int]:
    """Return ``x`` with ``axes`` joined into one, and which one that is."""
    if len(axes) == 1:
        return x, axes[0]
    kept = kept_axes(axes, x.ndim)
    moved = transpose(x, axes=(*kept, *axes))
    length = product(x.shape[axis] for axis in axes)
    return reshape(moved, shape=(*(x.shape[axis] for axis in kept), length)), len(kept)


def _products_of_others(x: Value, axis: int) -> Value:
    """Return at each place the product of the other elements along an axis, without a division."""
    before = delayed(cumprod(x, axis=axis), axis, 1)
    after = flip(delayed(cumprod(flip(x, axis), axis=axis), axis, 1), axis)
    out: Value = multiply(before, after)
    return out


def _prod_jvp(
    primals: Sequence[Value], tangents: Sequence[Tangent], out: Value, *, axes: Axes
) -> Tangent:
    del out
    (tangent,) = tangents
    assert tangent is not None
    x, axis = _as_one_axis(primals[0], axes)
    terms = chain(_as_one_axis(tangent, axes)[0], _products_of_others(x, axis))
    total: Value = sum_(terms, axes=(axis,))
    return total


prod: Op = _reduction(
    "prod",
    lambda x, *, axes: np.prod(x, axis=axes, dtype=x.dtype),
    NUMERIC,
    "multiply",
    jvp=_prod_jvp,
)
"""``prod(x, axes=)``: the product over some axes, in the dtype of x."""


def _winners_jvp(
    primals: Sequence[Value], tangents: Sequence[Tangent], out: Value, *, axes: Axes
) -> Tangent:
    """The mean of the tangents of the elements that are the result.

    Where several are equal they share alike, as in JAX. Where the result is NaN, the NaNs are it.
    """
    (x,), (tangent,) = primals, tangents
    assert tangent is not None
    is_result = logical_or(equal(x, spread_back(out, x, axes)), isnan(x))
    count = sum_(cast(is_result, dtype=x.dtype), axes=axes)
    total = sum_(select(is_result, tangent, full_like(tangent, 0)), axes=axes)
    mean: Value = divide(total, count)
    return mean


def _over_axes(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, *, axes: function(x, axis=axes)


def _over_axis(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, *, axes: function(x, axis=axes[0])


max_: Op = _reduction("max", _over_axes(np.max), ANY, "maximum", jvp=_winners_jvp)
"""``max(x, axes=)``: NaN wins; of nothing it raises NumPy's ValueError when it is computed."""

min_: Op = _reduction("min", _over_axes(np.min), ANY, "minimum", jvp=_winners_jvp)
"""``min(x, axes=)``: NaN wins; of nothing it raises NumPy's ValueError when it is computed."""

any_: Op = _reduction("any", _over_axes(np.any), "b", "logical_or", jvp=Derivative.ZERO)
all_: Op = _reduction("all", _over_axes(np.all), "b", "logical_and", jvp=Derivative.ZERO)

_place = partial(_reduction, kinds=ANY, jvp=Derivative.ZERO, result=INT64, one=True)
argmax: Op = _place("argmax", _over_axis(np.argmax), combine="argmax")
"""``argmax(x, axes=(axis,))``: the first place of the maximum, or of a NaN if there is one."""

argmin: Op = _place("argmin", _over_axis(np.argmin), combine="argmin")
"""``argmin(x, axes=(axis,))``: the first place of the minimum, or of a NaN if there is one."""

OPS = (prod, max_, min_, any_, all_, argmax, argmin)
