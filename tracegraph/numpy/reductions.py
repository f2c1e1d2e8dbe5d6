"""Sums, products, extrema, truth and places over axes, running sums, and statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracegraph.ir.graph import Op, Value
from tracegraph.ir.ops.arithmetic import add, divide, multiply, subtract
from tracegraph.ir.ops.broadcast import full_like, sum_
from tracegraph.ir.ops.choice import maximum, minimum, select
from tracegraph.ir.ops.compare import equal
from tracegraph.ir.ops.compose_reduce import logsumexp, mean, var
from tracegraph.ir.ops.power import sqrt
from tracegraph.ir.ops.reduce import all_, any_, argmax, argmin, max_, min_, prod
from tracegraph.ir.ops.scan import cumprod, cumsum
from tracegraph.ir.sizes import product
from tracegraph.ir.types import BOOL, FLOAT64, INT64, DType
from tracegraph.numpy.arguments import (
    array,
    axes_argument,
    axis_argument,
    dtype_argument,
    no_options,
    no_out,
    reshaped,
)
from tracegraph.numpy.emit import Emitter, Sym, Unsupported

Axes = tuple[int, ...]
Rule = Callable[..., Sym]


def kept(reduced: Value, x: Value, axes: Axes, keepdims: Any) -> Value:
    """Return the result of a reduction, with the axes that went as axes of length 1 if wanted."""
    if not keepdims:
        return reduced
    return reshaped(reduced, tuple(1 if a in axes else dim for a, dim in enumerate(x.shape)))


def accumulator(dtype: DType) -> DType:
    """Return the dtype in which NumPy adds and multiplies numbers of a dtype."""
    if dtype.kind in "bi":
        return np.result_type(dtype, np.int_)
    return np.result_type(dtype, np.uint) if dtype.kind == "u" else dtype


def _accumulation(op: Op) -> Rule:
    """Return the rule of a sum or product."""

    def rule(
        e: Emitter,
        a: Any,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        keepdims: Any = False,
        initial: Any = None,
        where: Any = True,
    ) -> Sym:
        no_out(out)
        x = array(e, a)
        x = e.cast(x, dtype_argument(dtype) or accumulator(x.dtype))
        x = masked(e, x, where, 0 if op is sum_ else 1)
        axes = axes_argument(axis, x.ndim)
        total = _accumulate(op, x, axes)
        if initial is not None and x.dtype != BOOL:
            total = (add if op is sum_ else multiply)(_as(e, initial, total), total)
        elif initial is not None:
            raise Unsupported("an initial value of booleans; combine it with the result")
        return Sym(kept(total, x, axes, keepdims))

    return rule


def masked(e: Emitter, x: Value, where: Any, identity: Any) -> Value:
    """Return an array with what a reduction leaves out replaced by what does not change it."""
    if where is True:
        return x
    holds = e.broadcast(e.cast(array(e, where), BOOL), x.shape)
    out: Value = select(holds, x, full_like(x, identity))
    return out


def _as(e: Emitter, number: Any, like: Value) -> Value:
    """Return a number as an array like another."""
    return e.broadcast(e.stored(number, like.dtype), like.shape)


def _accumulate(op: Op, x: Value, axes: Axes) -> Value:
    if x.dtype == BOOL:
        op = any_ if op is sum_ else all_
    out: Value = op(x, axes=axes)
    return out


def _extremum(op: Op, of_two: Op) -> Rule:
    """Return the rule of a maximum or minimum."""

    def rule(
        e: Emitter,
        a: Any,
        axis: Any = None,
        out: Any = None,
        keepdims: Any = False,
        initial: Any = None,
        where: Any = True,
    ) -> Sym:
        no_out(out)
        x = array(e, a)
        axes = axes_argument(axis, x.ndim)
        if initial is None:
            not_empty(e, x, axes)
            return Sym(kept(op(x, axes=axes), x, axes, keepdims))
        first = e.stored(initial, x.dtype)
        if where is not True:
            holds = e.broadcast(e.cast(array(e, where), BOOL), x.shape)
            x = select(holds, x, e.broadcast(first, x.shape))
        rest = tuple(dim for i, dim in enumerate(x.shape) if i not in axes)
        found = e.broadcast(first, rest)
        if all(e.holds(1, "<=", x.shape[i]) for i in axes):
            found = of_two(op(x, axes=axes), found)
        return Sym(kept(found, x, axes, keepdims))

    return rule


def not_empty(e: Emitter, x: Value, axes: Axes) -> None:
    """Have it checked that there is something to choose from, else NumPy raises."""
    for axis in axes:
        if not e.holds(1, "<=", x.shape[axis]):
            raise Unsupported("a reduction of no elements that has no identity")


def _truth(op: Op) -> Rule:
    """Return the rule of ``any`` or ``all``."""

    def rule(
        e: Emitter,
        a: Any,
        axis: Any = None,
        out: Any = None,
        keepdims: Any = False,
        *,
        where: Any = True,
    ) -> Sym:
        no_out(out)
        x = masked(e, e.cast(array(e, a), BOOL), where, op is all_)
        axes = axes_argument(axis, x.ndim)
        return Sym(kept(op(x, axes=axes), x, axes, keepdims))

    return rule


def _place(op: Op) -> Rule:
    """Return the rule of ``argmax`` or ``argmin``."""

    def rule(
        e: Emitter, a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False
    ) -> Sym:
        no_out(out)
        x = array(e, a)
        line, at = (reshaped(x, (x.type.size,)), 0) if axis is None else (x, axis)
        at = axis_argument(at, line.ndim)
        not_empty(e, line, (at,))
        axes = tuple(range(x.ndim)) if axis is None else (at,)
        return Sym(kept(op(line, axes=(at,)), x, axes, keepdims))

    return rule


def _running(op: Op) -> Rule:
    """Return the rule of a running sum or product."""

    def rule(e: Emitter, a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Sym:
        no_out(out)
        x = array(e, a)
        x = e.cast(x, dtype_argument(dtype) or accumulator(x.dtype))
        if x.dtype == BOOL:
            raise Unsupported("a running sum of booleans; give it another dtype")
        if axis is None:
            return Sym(op(reshaped(x, (x.type.size,)), axis=0))
        return Sym(op(x, axis=axis_argument(axis, x.ndim)))

    return rule


# -- statistics ---------------------------------------------------------------------------------


def inexact(e: Emitter, x: Value, dtype: Any = None) -> Value:
    """Return an array in the dtype in which NumPy takes means."""
    found = dtype_argument(dtype)
    if found is not None and found.kind not in "fc":
        raise Unsupported("a mean in a dtype of integers")
    if found is None and x.dtype.kind in "biu":
        found = FLOAT64
    return e.cast(x, found or x.dtype)


def mean_rule(
    e: Emitter,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    keepdims: Any = False,
    *,
    where: Any = True,
) -> Sym:
    """The rule of ``np.mean``."""
    no_out(out)
    x = inexact(e, array(e, a), dtype)
    axes = axes_argument(axis, x.ndim)
    if where is True:
        return Sym(kept(mean(x, axes), x, axes, keepdims))
    total = sum_(masked(e, x, where, 0), axes=axes)
    return Sym(kept(divide(total, _count(e, x, where, axes)), x, axes, keepdims))


def _count(e: Emitter, x: Value, where: Any, axes: Axes) -> Value:
    """Return how many elements a reduction takes, in the dtype of the array."""
    holds = e.broadcast(e.cast(array(e, where), BOOL), x.shape)
    return e.cast(sum_(e.cast(holds, INT64), axes=axes), x.dtype)


def var_rule(
    e: Emitter,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    mean: Any = None,
    correction: Any = None,
    **options: Any,
) -> Sym:
    """The rule of ``np.var``."""
    no_out(out)
    no_options(options)
    x = inexact(e, array(e, a), dtype)
    axes = axes_argument(axis, x.ndim)
    center = None
    if mean is not None:
        shape = tuple(dim for i, dim in enumerate(x.shape) if i not in axes)
        center = reshaped(e.value(mean, x.dtype), shape)
    free = ddof if correction is None else correction
    return Sym(kept(var(x, axes, _degrees_lost(e, free), center), x, axes, keepdims))


def _degrees_lost(e: Emitter, ddof: Any) -> int | Value:
    """Return ``ddof`` as an int where it is a whole number, else as a float64 without axes."""
    if isinstance(ddof, (int, np.integer)) or (isinstance(ddof, float) and ddof.is_integer()):
        return int(ddof)
    value = e.value(ddof)
    if value.shape or value.dtype.kind == "c":
        raise Unsupported("ddof is no real number")
    return e.cast(value, FLOAT64)


def std_rule(e: Emitter, a: Any, *args: Any, **options: Any) -> Sym:
    """The rule of ``np.std``."""
    return Sym(sqrt(var_rule(e, a, *args, **options).value))


def ptp(e: Emitter, a: Any, axis: Any = None, out: Any = None, keepdims: Any = False) -> Sym:
    """The rule of ``np.ptp``: the greatest difference."""
    no_out(out)
    x = array(e, a)
    axes = axes_argument(axis, x.ndim)
    not_empty(e, x, axes)
    return Sym(kept(subtract(max_(x, axes=axes), min_(x, axes=axes)), x, axes, keepdims))


def count_nonzero(e: Emitter, a: Any, axis: Any = None, *, keepdims: Any = False) -> Sym:
    """The rule of ``np.count_nonzero``."""
    x = e.cast(e.cast(array(e, a), BOOL), INT64)
    axes = axes_argument(axis, x.ndim)
    return Sym(kept(sum_(x, axes=axes), x, axes, keepdims))


def average(
    e: Emitter,
    a: Any,
    axis: Any = None,
    weights: Any = None,
    returned: Any = False,
    *,
    keepdims: Any = False,
) -> Any:
    """The rule of ``np.average``; with ``returned`` the sum of the weights beside it."""
    keepdims = keepdims is not np._NoValue and keepdims
    x = array(e, a)
    axes = axes_argument(axis, x.ndim)
    if weights is None:
        found = mean_rule(e, Sym(x), axis, keepdims=keepdims)
        if not returned:
            return found
        count = e.value(product(x.shape[i] for i in axes), found.dtype)
        return found, Sym(e.broadcast(count, found.shape))
    out, total = weighted(e, x, array(e, weights), axes)
    results = [Sym(kept(value, x, axes, keepdims)) for value in (out, total)]
    return tuple(results) if returned else results[0]


def weighted(e: Emitter, x: Value, weights: Value, axes: Axes) -> tuple[Value, Value]:
    """Return a weighted mean, and the sum of the weights, which is not zero."""
    is_whole = x.dtype.kind in "biu"
    common = np.result_type(x.dtype, weights.dtype, *([FLOAT64] if is_whole else []))
    x, w = e.cast(x, common), e.cast(_along(e, weights, x, axes), common)
    total = sum_(w, axes=axes)
    is_zero = equal(total, full_like(total, 0))
    e.guard(any_(is_zero, axes=tuple(range(is_zero.ndim))), False)
    return divide(sum_(multiply(x, w), axes=axes), total), total


def _along(e: Emitter, weights: Value, x: Value, axes: Axes) -> Value:
    """Return weights in the shape of what they weigh; they may run along one axis alone."""
    if weights.ndim == 1 and len(axes) == 1:
        weights = reshaped(weights, (*weights.shape, *(1,) * (x.ndim - axes[0] - 1)))
    elif weights.ndim != x.ndim:
        raise Unsupported("weights of another shape; broadcast them first")
    return e.broadcast(weights, x.shape)


def logaddexp_reduce(
    e: Emitter, a: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False
) -> Sym:
    """The rule of ``np.logaddexp.reduce``, in the form that overflows nowhere."""
    no_out(out)
    x = inexact(e, array(e, a), dtype)
    axes = axes_argument(axis, x.ndim)
    not_empty(e, x, axes)
    return Sym(kept(logsumexp(x, axes), x, axes, keepdims))


def by_first_axis(rule: Rule) -> Rule:
    """Return a rule as that of ``ufunc.reduce`` or ``ufunc.accumulate``, where the axis is 0."""

    def reduce(e: Emitter, a: Any, axis: Any = 0, *args: Any, **options: Any) -> Sym:
        return rule(e, a, axis, *args, **options)

    return reduce


def without_dtype(rule: Rule) -> Rule:
    """Return a rule without ``dtype`` as that of ``ufunc.reduce``, where axis is 0."""

    def reduce(
        e: Emitter, a: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False
    ) -> Sym:
        if dtype is not None:
            raise Unsupported("a dtype for this reduction; cast its operand")
        return rule(e, a, axis, out, keepdims)

    return reduce


sum_rule, prod_rule = _accumulation(sum_), _accumulation(prod)
max_rule, min_rule = _extremum(max_, maximum), _extremum(min_, minimum)
any_rule, all_rule = _truth(any_), _truth(all_)
argmax_rule, argmin_rule = _place(argmax), _place(argmin)
cumsum_rule, cumprod_rule = _running(cumsum), _running(cumprod)

RULES: dict[Any, Any] = {
    np.sum: sum_rule,
    np.prod: prod_rule,
    np.max: max_rule,
    np.amax: max_rule,
    np.min: min_rule,
    np.amin: min_rule,
    np.any: any_rule,
    np.all: all_rule,
    np.argmax: argmax_rule,
    np.argmin: argmin_rule,
    np.cumsum: cumsum_rule,
    np.cumprod: cumprod_rule,
    np.mean: mean_rule,
    np.var: var_rule,
    np.std: std_rule,
    np.ptp: ptp,
    np.count_nonzero: count_nonzero,
    np.average: average,
    np.add.reduce: by_first_axis(sum_rule),
    np.multiply.reduce: by_first_axis(prod_rule),
    np.maximum.reduce: without_dtype(max_rule),
    np.minimum.reduce: without_dtype(min_rule),
    np.logical_or.reduce: without_dtype(any_rule),
    np.logical_and.reduce: without_dtype(all_rule),
    np.logaddexp.reduce: logaddexp_reduce,
    np.add.accumulate: by_first_axis(cumsum_rule),
    np.multiply.accumulate: by_first_axis(cumprod_rule),
}
