"""Reductions that leave NaNs out: the reductions of arrays in which NaNs are replaced."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.broadcast import full_like, sum_
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import isnan, less_equal, logical_not
from tracegraph.ir.ops.complexes import conjugate, real
from tracegraph.ir.ops.power import sqrt
from tracegraph.ir.ops.reduce import all_, any_, spread_back
from tracegraph.ir.types import INT64
from tracegraph.numpy import reductions
from tracegraph.numpy.arguments import array, axes_argument, axis_argument, dtype_argument, integer
from tracegraph.numpy.emit import Emitter, Sym, Unsupported
from tracegraph.numpy.functions import apply_ufunc
from tracegraph.numpy.reductions import kept

Rule = Any


def _replaced(x: Value, number: Any) -> tuple[Value, Value | None]:
    """Return an array with a number for its NaNs, and where they were if there can be any."""
    if x.dtype.kind not in "fc":
        return x, None
    is_nan = isnan(x)
    return select(is_nan, full_like(x, number), x), is_nan


def given(options: dict[str, Any]) -> dict[str, Any]:
    """Return the options that are not NumPy's mark for one that was left out."""
    return {name: value for name, value in options.items() if value is not np._NoValue}


def _replacing(rule: Rule, number: Any) -> Rule:
    """Return the rule of a reduction that NaNs do not change once they are a number."""

    def replacing(e: Emitter, a: Any, *args: Any, **options: Any) -> Sym:
        x, _ = _replaced(array(e, a), number)
        result: Sym = rule(e, Sym(x), *args, **given(options))
        return result

    return replacing


def _extremum(rule: Rule, number: float) -> Rule:
    """Return the rule of ``np.nanmax`` or ``np.nanmin``, NaN where nothing else is there."""

    def extremum(e: Emitter, a: Any, axis: Any = None, out: Any = None, **options: Any) -> Sym:
        options = given(options)
        x = array(e, a)
        if x.dtype.kind == "c" or "initial" in options or "where" in options:
            raise Unsupported("complex numbers, `initial` or `where`")
        replaced, is_nan = _replaced(x, number)
        found = rule(e, Sym(replaced), axis, out, **options).value
        if is_nan is None:
            return Sym(found)
        axes = axes_argument(axis, x.ndim)
        nothing = kept(all_(is_nan, axes=axes), x, axes, options.get("keepdims", False))
        return Sym(select(nothing, full_like(found, np.nan), found))

    return extremum


def _place(rule: Rule, number: float) -> Rule:
    """Return the rule of ``np.nanargmax`` or ``np.nanargmin``; of NaNs alone NumPy raises."""

    def place(
        e: Emitter, a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = np._NoValue
    ) -> Sym:
        x = array(e, a)
        if x.dtype.kind == "c":
            raise Unsupported("complex numbers")
        replaced, is_nan = _replaced(x, number)
        if is_nan is not None:
            axes = tuple(range(x.ndim)) if axis is None else (axis_argument(axis, x.ndim),)
            nothing = all_(is_nan, axes=axes)
            e.guard(any_(nothing, axes=tuple(range(nothing.ndim))), False)
        result: Sym = rule(e, Sym(replaced), axis, out, **given({"keepdims": keepdims}))
        return result

    return place


def nanmean(
    e: Emitter, a: Any, axis: Any = None, dtype: Any = None, out: Any = None, **options: Any
) -> Sym:
    """The rule of ``np.nanmean``."""
    options = given(options)
    x, is_nan = _replaced(array(e, a), 0)
    if is_nan is None:
        return reductions.mean_rule(e, Sym(x), axis, dtype, out, **options)
    total = reductions.sum_rule(e, Sym(x), axis, dtype, out, **options)
    number = reductions.sum_rule(e, Sym(logical_not(is_nan)), axis, INT64, **options)
    return _divided(e, total, number)


def _divided(e: Emitter, total: Sym, number: Sym) -> Sym:
    """Return a quotient by a count, in the dtype of what is divided."""
    return Sym(e.cast(apply_ufunc(e, np.divide, total, number).value, total.dtype))


def nanvar(
    e: Emitter,
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    **options: Any,
) -> Sym:
    """The rule of ``np.nanvar``."""
    options = given(options)
    free = options.pop("correction", ddof)
    keepdims = given({"keepdims": keepdims}).get("keepdims", False)
    x, is_nan = _replaced(array(e, a), 0)
    if is_nan is None:
        return reductions.var_rule(e, Sym(x), axis, dtype, out, free, keepdims, **options)
    if options or (dtype is not None and (dtype_argument(dtype) != x.dtype or x.dtype.kind == "c")):
        raise Unsupported("`where`, `mean` or another dtype")
    do, axes = partial(apply_ufunc, e), axes_argument(axis, x.ndim)
    count = sum_(e.cast(logical_not(is_nan), INT64), axes=axes)
    center = _divided(e, Sym(sum_(x, axes=axes)), Sym(count)).value
    distance = do(np.subtract, Sym(x), Sym(spread_back(center, x, axes))).value
    distance = select(is_nan, full_like(x, 0), distance)
    squares = do(np.multiply, Sym(distance), Sym(conjugate(distance))).value
    total = sum_(real(squares) if x.dtype.kind == "c" else squares, axes=axes)
    freedom = do(np.subtract, Sym(count), integer(free, "ddof"))
    found = _divided(e, Sym(total), freedom).value
    is_bad = less_equal(freedom.value, full_like(freedom.value, 0))
    return Sym(kept(select(is_bad, full_like(found, np.nan), found), x, axes, keepdims))


def nanstd(e: Emitter, a: Any, *args: Any, **options: Any) -> Sym:
    """The rule of ``np.nanstd``."""
    return Sym(sqrt(nanvar(e, a, *args, **options).value))


RULES: dict[Any, Rule] = {
    np.nansum: _replacing(reductions.sum_rule, 0),
    np.nanprod: _replacing(reductions.prod_rule, 1),
    np.nancumsum: _replacing(reductions.cumsum_rule, 0),
    np.nancumprod: _replacing(reductions.cumprod_rule, 1),
    np.nanmax: _extremum(reductions.max_rule, -np.inf),
    np.nanmin: _extremum(reductions.min_rule, np.inf),
    np.nanargmax: _place(reductions.argmax_rule, -np.inf),
    np.nanargmin: _place(reductions.argmin_rule, np.inf),
    np.nanmean: nanmean,
    np.nanvar: nanvar,
    np.nanstd: nanstd,
}
