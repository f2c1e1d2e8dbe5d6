"""Sequences: differences, running results, angles, powers, windows, parts put in or left out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.arithmetic import add, divide, multiply, negative, subtract
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import greater_equal, less, less_equal, logical_and
from tracegraph.ir.ops.complexes import imag
from tracegraph.ir.ops.compose import move_axis, take_axis
from tracegraph.ir.ops.compose_bessel import i0
from tracegraph.ir.ops.division import floor_divide, remainder
from tracegraph.ir.ops.reduce import all_
from tracegraph.ir.ops.scan import cumprod
from tracegraph.ir.ops.signs import absolute
from tracegraph.ir.sizes import Dim, floordiv, product
from tracegraph.ir.types import BOOL, FLOAT64, INT64
from tracegraph.numpy import reductions
from tracegraph.numpy.arguments import (
    array,
    axis_argument,
    c_order,
    dim_argument,
    dtype_argument,
    join,
    no_out,
    only,
    reshaped,
    shape_argument,
)
from tracegraph.numpy.creation import linspace, positions
from tracegraph.numpy.emit import Emitter, Sym, Unsupported, result_type
from tracegraph.numpy.functions import apply_ufunc, where
from tracegraph.numpy.powers import power_ufunc
from tracegraph.numpy.selecting import diag

Rule = Callable[..., Sym]


def ediff1d(e: Emitter, ary: Any, to_end: Any = None, to_begin: Any = None) -> Sym:
    """The rule of ``np.ediff1d``."""
    x = array(e, ary)
    x = reshaped(x, (x.type.size,))
    if not e.holds(1, "<=", x.shape[0]):
        raise Unsupported("differences of nothing")
    rest = x.shape[0] - 1
    parts = [subtract(take_axis(x, 0, 1, rest), take_axis(x, 0, 0, rest))]
    ends = [None if end is None else e.cast(array(e, end), x.dtype) for end in (to_begin, to_end)]
    before, after = ([] if end is None else [reshaped(end, (end.type.size,))] for end in ends)
    return Sym(join([*before, *parts, *after], 0))


def _cumulative(rule: Rule, identity: int) -> Rule:
    """Return the rule of ``np.cumulative_sum`` or ``np.cumulative_prod``."""

    def cumulative(
        e: Emitter,
        x: Any,
        /,
        *,
        axis: Any = None,
        dtype: Any = None,
        out: Any = None,
        include_initial: Any = False,
    ) -> Sym:
        no_out(out)
        value = array(e, x)
        if axis is None and value.ndim != 1:
            raise Unsupported("an axis that is not said")
        at = 0 if axis is None else axis_argument(axis, value.ndim)
        found = rule(e, Sym(value), at, dtype).value
        if not include_initial:
            return Sym(found)
        first = (*found.shape[:at], 1, *found.shape[at + 1 :])
        return Sym(join([e.full(first, identity, found.dtype), found], at))

    return cumulative


def unwrap(
    e: Emitter, p: Any, discont: Any = None, axis: Any = -1, *, period: Any = 2 * np.pi
) -> Sym:
    """The rule of ``np.unwrap``, step by step as NumPy takes them."""
    do = partial(apply_ufunc, e)
    x = array(e, p)
    at = axis_argument(axis, x.ndim)
    if not e.holds(1, "<=", x.shape[at]):
        raise Unsupported("an axis without elements")
    rest = x.shape[at] - 1
    later = take_axis(x, at, 1, rest)
    dd = Sym(subtract(later, take_axis(x, at, 0, rest)))
    common = result_type(dd, period)
    if common.kind != "f":
        raise Unsupported("angles that are whole numbers")
    high = _half(e, period)
    low = Sym(negative(high.value), high.weak) if isinstance(high, Sym) else -high
    discont = high if discont is None else discont
    mod = do(np.add, do(np.remainder, do(np.subtract, dd, low), period), low)
    is_low = do(np.logical_and, do(np.equal, mod, low), do(np.greater, dd, 0))
    mod = Sym(e.cast(where(e, is_low, high, mod).value, mod.dtype))
    correction = do(np.subtract, mod, dd)
    is_small = do(np.less, do(np.absolute, dd), discont)
    correction = where(e, is_small, 0.0, correction)
    total = reductions.cumsum_rule(e, correction, at)
    moved = e.cast(do(np.add, Sym(later), total).value, common)
    return Sym(join([e.cast(take_axis(x, at, 0, 1), common), moved], at))


def _half(e: Emitter, number: Any) -> Any:
    """Return half of a number, which like Python's numbers has no dtype if that has none."""
    if not isinstance(number, Sym):
        return number / 2
    half = apply_ufunc(e, np.divide, number, 2)
    return half if number.weak is None else Sym(half.value, float)


def vander(e: Emitter, x: Any, N: Any = None, increasing: Any = False) -> Sym:
    """The rule of ``np.vander``: running products of the elements, beside a column of ones."""
    value = array(e, x)
    count = value.shape[0] if N is None else dim_argument(N)
    value = e.cast(value, np.promote_types(value.dtype, int))
    if not e.holds(1, "<=", count):
        raise Unsupported("no columns")
    ones = e.full((value.shape[0], 1), 1, value.dtype)
    column = reshaped(value, (value.shape[0], 1))
    powers = cumprod(e.broadcast(column, (value.shape[0], count - 1)), axis=1)
    rising = join([ones, powers], 1)
    return Sym(rising if increasing else take_axis(rising, 1, count - 1, count, -1))


def diagflat(e: Emitter, v: Any, k: Any = 0) -> Sym:
    """The rule of ``np.diagflat``."""
    x = array(e, v)
    return diag(e, Sym(reshaped(x, (x.type.size,))), k)


def array_equiv(e: Emitter, a1: Any, a2: Any) -> Sym:
    """The rule of ``np.array_equiv``, a Python bool, of shapes that broadcast."""
    same = apply_ufunc(e, np.equal, Sym(array(e, a1)), Sym(array(e, a2)))
    return Sym(reductions.all_rule(e, same).value, bool)


def _is_complex(answer: bool) -> Rule:
    """Return the rule of ``np.iscomplex`` or ``np.isreal``: whether an imaginary part is zero."""

    def rule(e: Emitter, x: Any) -> Sym:
        value = array(e, x)
        if value.dtype.kind != "c":
            return Sym(e.full(value.shape, not answer, BOOL), fresh=True)
        ufunc = np.not_equal if answer else np.equal
        found: Sym = apply_ufunc(e, ufunc, Sym(imag(value)), 0)
        return found

    return rule


# -- windows ------------------------------------------------------------------------------------


def _window(shape: Callable[..., Value]) -> Rule:
    """Return the rule of a window; ``shape(n, M)`` gives it at ``n = 1 - M, 3 - M, ... M - 1``."""

    def window(e: Emitter, M: Any) -> Sym:
        count = dim_argument(M)
        if not e.holds(2, "<=", count):
            raise Unsupported("a window of no width")
        place = positions(e, (count,), 0, FLOAT64)
        last = e.broadcast(e.value(count - 1, FLOAT64), place.shape)
        doubled = multiply(place, full_like(place, 2))
        return Sym(shape(e, subtract(doubled, last), last))

    return window


def _cosines(*factors: float) -> Callable[..., Value]:
    """Return the sum of cosines of ``pi * n / (M - 1)`` and its multiples."""

    def shape(e: Emitter, n: Value, last: Value) -> Value:
        do, total = partial(apply_ufunc, e), factors[0]
        for k, factor in enumerate(factors[1:], 1):
            angle = do(np.multiply, k * np.pi if k > 1 else np.pi, Sym(n))
            wave = do(np.cos, do(np.divide, angle, Sym(last)))
            total = do(np.add, total, do(np.multiply, factor, wave))
        return total.value  # type: ignore[attr-defined, no-any-return]  # there is a cosine

    return shape


def _triangle(e: Emitter, n: Value, last: Value) -> Value:
    share, one = divide(n, last), full_like(n, 1)
    below = less_equal(n, full_like(n, 0))
    return select(below, add(one, share), subtract(one, share))  # type: ignore[no-any-return]  # ops are untyped calls


def i0_rule(e: Emitter, x: Any) -> Sym:
    """The rule of ``np.i0``."""
    value = array(e, x)
    if value.dtype.kind == "c":
        raise Unsupported("complex numbers")
    return Sym(i0(absolute(value if value.dtype.kind == "f" else e.cast(value, FLOAT64))))


def kaiser(e: Emitter, M: Any, beta: Any) -> Sym:
    """The rule of ``np.kaiser``."""
    do, count = partial(apply_ufunc, e), dim_argument(M)
    if not e.holds(2, "<=", count):
        raise Unsupported("a window of no width")
    place = Sym(positions(e, (count,), 0, FLOAT64))
    middle = do(np.divide, do(np.subtract, Sym(e.value(count, FLOAT64)), 1.0), 2.0)
    share = do(np.divide, do(np.subtract, place, middle), middle)
    width = Sym(e.value(beta, FLOAT64))
    height = do(np.sqrt, do(np.subtract, 1.0, do(np.square, share)))
    whole: Sym = do(np.divide, i0_rule(e, do(np.multiply, width, height)), i0_rule(e, width))
    return whole


# -- parts put in or left out -------------------------------------------------------------------

MOST_PARTS = 64
"""How many parts an array is taken apart into; more are left to NumPy."""


def _line(e: Emitter, arr: Any, axis: Any) -> tuple[Value, int]:
    x = array(e, arr)
    if axis is None:
        return reshaped(x, (x.type.size,)), 0
    return x, axis_argument(axis, x.ndim)


def _inside(e: Emitter, place: int, length: Dim, last: Dim) -> Dim:
    """Return a place counted from the start, having it checked that it is none after the last."""
    at = length + place if place < 0 else place
    if not (e.holds(0, "<=", at) and e.holds(at, "<=", last)):
        raise Unsupported("a place outside")
    return at


def delete(e: Emitter, arr: Any, obj: Any, axis: Any = None) -> Sym:
    """The rule of ``np.delete``, of places that are known."""
    x, at = _line(e, arr, axis)
    length = x.shape[at]
    if type(obj) is int:
        place = _inside(e, obj, length, length - 1)
        runs = [(0, place), (place + 1, length - place - 1)]
    elif isinstance(length, int) and isinstance(obj, (slice, list, tuple)):
        runs = _runs(np.delete(np.arange(length), _known(obj)).tolist())
    else:
        raise Unsupported("places that depend on data, or a length that varies")
    if len(runs) > MOST_PARTS:
        raise Unsupported("many places")
    parts = [take_axis(x, at, start, count) for start, count in runs if count != 0]
    return Sym(join(parts or [take_axis(x, at, 0, 0)], at), fresh=True)


def _known(obj: Any) -> Any:
    parts = (obj.start, obj.stop, obj.step) if isinstance(obj, slice) else obj
    if not all(part is None or type(part) is int for part in parts):
        raise Unsupported("places that depend on data")
    return obj


def _runs(places: list[int]) -> list[tuple[Dim, Dim]]:
    """Return rising places as runs of neighbours: where each begins, and how long it is."""
    runs: list[tuple[int, int]] = []
    for place in places:
        if runs and sum(runs[-1]) == place:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((place, 1))
    return list(runs)


def insert(e: Emitter, arr: Any, obj: Any, values: Any, axis: Any = None) -> Sym:
    """The rule of ``np.insert``, before one place that is known."""
    x, at = _line(e, arr, axis)
    if type(obj) is not int:
        raise Unsupported("places that depend on data, or several")
    length = x.shape[at]
    place = _inside(e, obj, length, length)
    new = array(e, values, x.dtype)
    new = reshaped(new, (*(1,) * (x.ndim - new.ndim), *new.shape))
    new = move_axis(new, 0, at)
    new = e.broadcast(new, (*x.shape[:at], new.shape[at], *x.shape[at + 1 :]))
    parts = [take_axis(x, at, 0, place), new, take_axis(x, at, place, length - place)]
    return Sym(join(parts, at), fresh=True)


# -- places in several axes ---------------------------------------------------------------------


def unravel_index(e: Emitter, indices: Any, shape: Any, order: Any = "C") -> tuple[Sym, ...]:
    """The rule of ``np.unravel_index``, row by row; NumPy raises for places outside."""
    c_order(order)
    dims = shape_argument(shape)
    place = e.cast(array(e, indices), INT64)
    size = e.broadcast(e.value(product(dims), INT64), place.shape)
    inside = logical_and(greater_equal(place, full_like(place, 0)), less(place, size))
    e.guard(all_(inside, axes=tuple(range(inside.ndim))), True)
    found = []
    for dim in reversed(dims[1:]):
        length = e.broadcast(e.value(dim, INT64), place.shape)
        found.append(remainder(place, length))
        place = floor_divide(place, length)
    return tuple(Sym(each, fresh=True) for each in (place, *reversed(found)))


# -- frequencies, logarithmic scales ------------------------------------------------------------


def _frequencies(both: bool) -> Rule:
    """Return the rule of ``np.fft.fftfreq``, or of ``np.fft.rfftfreq``."""

    def rule(e: Emitter, n: Any, d: Any = 1.0, device: Any = None) -> Sym:
        only("device", device, None, "cpu")
        do, length = partial(apply_ufunc, e), dim_argument(n)
        unit = do(np.divide, 1.0, do(np.multiply, length, d))
        if not both:
            place = positions(e, (floordiv(length, 2) + 1,), 0)
        else:
            place = positions(e, (length,), 0)
            half = e.broadcast(e.value(floordiv(length - 1, 2) + 1, INT64), place.shape)
            whole = e.broadcast(e.value(length, INT64), place.shape)
            place = select(less(place, half), place, subtract(place, whole))
        found: Sym = do(np.multiply, Sym(place), unit)
        return found

    return rule


def logspace(
    e: Emitter,
    start: Any,
    stop: Any,
    num: Any = 50,
    endpoint: Any = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: Any = 0,
) -> Sym:
    """The rule of ``np.logspace``, of a base that is one number."""
    if isinstance(base, (list, tuple)) or (isinstance(base, Sym) and base.ndim):
        raise Unsupported("several bases")
    exponents = linspace(e, start, stop, num, endpoint, axis=axis)
    found = power_ufunc(e, base, exponents)
    wanted = dtype_argument(dtype)
    return found if wanted is None else Sym(e.cast(found.value, wanted))


NEWER = {
    "cumulative_sum": _cumulative(reductions.cumsum_rule, 0),
    "cumulative_prod": _cumulative(reductions.cumprod_rule, 1),
}
"""Functions that NumPy has since version 2.1."""

RULES: dict[Any, Any] = {
    **{getattr(np, name): rule for name, rule in NEWER.items() if hasattr(np, name)},
    np.ediff1d: ediff1d,
    np.unwrap: unwrap,
    np.vander: vander,
    np.diagflat: diagflat,
    np.array_equiv: array_equiv,
    np.iscomplex: _is_complex(answer=True),
    np.isreal: _is_complex(answer=False),
    np.hanning: _window(_cosines(0.5, 0.5)),
    np.hamming: _window(_cosines(0.54, 0.46)),
    np.blackman: _window(_cosines(0.42, 0.5, 0.08)),
    np.bartlett: _window(_triangle),
    np.i0: i0_rule,
    np.kaiser: kaiser,
    np.delete: delete,
    np.insert: insert,
    np.unravel_index: unravel_index,
    np.fft.fftfreq: _frequencies(both=True),
    np.fft.rfftfreq: _frequencies(both=False),
    np.logspace: logspace,
}
