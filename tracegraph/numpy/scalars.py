"""Python's own functions of numbers: ``float``, ``round``, ``min``, ``sum`` and ``math``.

``math`` raises where NumPy gives a NaN or an infinity. A guard holds only where arguments and
result are finite; there both agree, and anywhere else Python itself runs.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np

from tracegraph.ir.graph import Op, Value
from tracegraph.ir.ops.arithmetic import add, divide, multiply, negative, subtract
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import (
    equal,
    greater_equal,
    isfinite,
    isinf,
    isnan,
    less,
    logical_and,
    logical_not,
    logical_or,
    not_equal,
)
from tracegraph.ir.ops.complexes import complex_
from tracegraph.ir.ops.division import fmod
from tracegraph.ir.ops.exponential import exp, exp2, expm1, log, log1p, log2, log10
from tracegraph.ir.ops.power import cbrt, hypot, power, sqrt
from tracegraph.ir.ops.rounding import ceil, floor, rint, trunc
from tracegraph.ir.ops.signs import absolute, copysign
from tracegraph.ir.ops.special import erf
from tracegraph.ir.ops.trigonometric import (
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    cos,
    cosh,
    sin,
    sinh,
    tan,
    tanh,
)
from tracegraph.ir.types import BOOL, DTYPES, FLOAT64, INT64, DType
from tracegraph.numpy.arguments import array, integer, reshaped
from tracegraph.numpy.emit import Emitter, Sym, Unsupported, dtype_of
from tracegraph.numpy.functions import round_
from tracegraph.numpy.ufuncs import RULES as UFUNCS

Rule = Callable[..., Sym]


def _number(e: Emitter, x: Any, dtype: DType | None = None) -> Value:
    """Return an argument that must be one number."""
    value = e.value(x)
    if any(dim != 1 for dim in value.shape):
        raise Unsupported("a Python function of one number is given an array; use NumPy's")
    return e.cast(reshaped(value, ()), dtype or value.dtype)


def _of_floats(compute: Callable[..., Value]) -> Rule:
    """Return the rule of a function in ``math`` that takes and gives floats."""

    def rule(e: Emitter, *args: Any) -> Sym:
        values = [_number(e, x, FLOAT64) for x in args]
        result = compute(*values)
        _guard_all(e, [isfinite(v) for v in (*values, result)])
        return Sym(result, float)

    return rule


def _question(ask: Op) -> Rule:
    """Return the rule of a question in ``math`` about a float."""

    def rule(e: Emitter, x: Any) -> Sym:
        return Sym(ask(_number(e, x, FLOAT64)), bool)

    return rule


def _guard_all(e: Emitter, conditions: Sequence[Value]) -> None:
    e.guard(reduce(logical_and, conditions), True)


def _whole(op: Op) -> Rule:
    """Return the rule of a rounding function whose result is a Python int."""

    def rule(e: Emitter, x: Any) -> Sym:
        value = _number(e, x)
        if value.dtype.kind == "c":
            raise Unsupported("rounding a complex number")
        if value.dtype.kind == "f":
            value = op(value)
            limit = full_like(value, 2.0**62)
            e.guard(less(absolute(value), limit), True)
        elif value.dtype == DTYPES["u64"]:
            e.guard(less(value, full_like(value, 2**62)), True)
        return Sym(e.cast(value, INT64), int)

    return rule


def _degrees(factor: float) -> Callable[[Value], Value]:
    return lambda x: multiply(x, full_like(x, factor))


def log_rule(e: Emitter, x: Any, *base: Any) -> Sym:
    """The rule of ``math.log``, with a base or without."""
    values = [log_of(e, v).value for v in (x, *base)]
    if not base:
        return Sym(values[0], float)
    quotient = divide(*values)
    e.guard(isfinite(quotient), True)
    return Sym(quotient, float)


log_of = _of_floats(log)


def to_float(e: Emitter, x: Any = 0.0, /) -> Sym:
    """The rule of ``float``."""
    if dtype_of(x) is complex or (isinstance(x, Sym) and x.dtype.kind == "c"):
        raise Unsupported("float of a complex number; take its real part")
    return Sym(_number(e, x, FLOAT64), float)


def to_complex(e: Emitter, real: Any = 0, imag: Any = None) -> Sym:
    """The rule of ``complex``."""
    if imag is not None:
        parts = [_number(e, x) for x in (real, imag)]
        if any(part.dtype.kind == "c" for part in parts):
            raise Unsupported("complex of complex parts; add them with 1j")
        return Sym(complex_(*(e.cast(part, FLOAT64) for part in parts)), complex)
    return Sym(_number(e, real, DTYPES["c128"]), complex)


def to_bool(e: Emitter, x: Any = False, /) -> Sym:
    """The rule of ``bool``."""
    return Sym(_number(e, x, BOOL), bool)


def rounded(e: Emitter, number: Any, ndigits: Any = None) -> Sym:
    """The rule of ``round``: to a Python int, or to a number of digits."""
    if ndigits is None:
        return _whole(rint)(e, number)
    digits = integer(ndigits, "ndigits")
    if not isinstance(number, Sym) or number.weak is None:
        return round_(e, number, digits)
    if not 0 <= digits <= MOST_DIGITS:
        raise Unsupported(f"round of a Python number to {digits} digits; use np.round")
    if number.weak is not float:
        return Sym(e.cast(number.value, INT64), int)
    return Sym(_to_decimals(e, number.value, digits), float)


MOST_DIGITS = 22
"""The largest power of ten that is a float64."""

SPLITS = 2.0**27 + 1
"""The product with this tells the upper half of a float64 (Veltkamp, 1968)."""


def _to_decimals(e: Emitter, x: Value, digits: int) -> Value:
    """Return a float rounded as Python does: by its exact value, with ties to even digits.

    The product with a power of ten is rounded to a whole number, and where that was a tie, what the
    product has lost decides. Numbers that are whole stay what they are, as NaN and infinity do.
    """
    scale, wide, half = 10.0**digits, full_like(x, 2.0**52), full_like(x, 0.5)
    scaled = multiply(x, full_like(x, scale))
    is_whole = logical_not(less(absolute(x), wide))
    e.guard(logical_or(is_whole, less(absolute(scaled), wide)), True)
    nearest, lost = rint(scaled), _lost(x, scale, scaled)
    one, zero, beyond = full_like(x, 1.0), full_like(x, 0.0), subtract(scaled, nearest)
    is_above = logical_and(equal(beyond, half), less(zero, lost))
    is_below = logical_and(equal(beyond, negative(half)), less(lost, zero))
    lower = select(is_below, subtract(nearest, one), nearest)
    found = select(is_above, add(nearest, one), lower)
    result: Value = select(is_whole, rint(x), divide(found, full_like(x, scale)))
    return result


def _lost(x: Value, factor: float, product: Value) -> Value:
    """Return what rounding took from a product (Dekker, 1971)."""
    spread = multiply(x, full_like(x, SPLITS))
    upper = subtract(spread, subtract(spread, x))
    lower = subtract(x, upper)
    high = factor * SPLITS - (factor * SPLITS - factor)
    parts = [(upper, factor - high), (lower, high), (lower, factor - high)]
    found: Value = subtract(multiply(upper, full_like(x, high)), product)
    for part, by in parts:
        found = add(found, multiply(part, full_like(x, by)))
    return found


def _choice(better: np.ufunc) -> Rule:
    """Return the rule of ``min`` or ``max``: the first of those that none is better than."""

    def rule(e: Emitter, *args: Any) -> Sym:
        items = args[0] if len(args) == 1 else args
        if not isinstance(items, (list, tuple)) or not items:
            raise Unsupported("min or max over an array; use np.min or np.max")
        kinds = {dtype_of(item) for item in items}
        if len(kinds) > 1:
            raise Unsupported("min or max of numbers of different types; use np.minimum")
        best = items[0]
        for item in items[1:]:
            is_better = UFUNCS[better](e, item, best).value
            best = Sym(
                select(is_better, _number(e, item), _number(e, best)),
                item.weak if isinstance(item, Sym) else None,
            )
        return best if isinstance(best, Sym) else Sym(e.value(best))

    return rule


def total(e: Emitter, iterable: Any, /, start: Any = 0) -> Any:
    """The rule of ``sum`` over a list: additions from left to right."""
    if not isinstance(iterable, (list, tuple)):
        raise Unsupported("sum over an array; use np.sum")
    return reduce(lambda x, y: UFUNCS[np.add](e, x, y), iterable, start)


def compensated_total(e: Emitter, numbers: Any, start: Any = 0, /) -> Sym:
    """The rule of ``sum`` of Python's floats and ints, as CPython adds them since 3.12.

    What each addition of floats loses is added at the end (Neumaier, 1974); ints are added plainly.
    """
    items = [start, *numbers]
    while len(items) > 1 and isinstance(items[0], int) and isinstance(items[1], int):
        items[:2] = [items[0] + items[1]]
    values = [e.value(item, FLOAT64) for item in items]
    result, rest = values[0], list(zip(items, values, strict=True))[1:]
    if isinstance(items[0], int):
        result, rest = add(*values[:2]), rest[1:]
    lost = e.literal(0.0, FLOAT64)
    for item, value in rest:
        after = add(result, value)
        if not isinstance(item, int):
            is_larger = greater_equal(absolute(result), absolute(value))
            first, second = add(subtract(result, after), value), add(subtract(value, after), result)
            lost = add(lost, select(is_larger, first, second))
        result = after
    counts = logical_and(isfinite(lost), not_equal(lost, e.literal(0.0, FLOAT64)))
    return Sym(select(counts, add(result, lost), result), float)


def _as_type(dtype: str) -> Rule:
    """Return the rule of one of NumPy's scalar types, called to convert."""

    def rule(e: Emitter, x: Any = 0, /) -> Sym:
        return Sym(array(e, x, np.dtype(dtype)))

    return rule


RULES: dict[Any, Any] = {
    float: to_float,
    complex: to_complex,
    bool: to_bool,
    int: _whole(trunc),
    builtins.round: rounded,
    builtins.min: _choice(np.less),
    builtins.max: _choice(np.greater),
    builtins.sum: total,
    np.bool_: _as_type("bool"),
    np.int8: _as_type("int8"),
    np.int16: _as_type("int16"),
    np.int32: _as_type("int32"),
    np.int64: _as_type("int64"),
    np.uint8: _as_type("uint8"),
    np.uint16: _as_type("uint16"),
    np.uint32: _as_type("uint32"),
    np.uint64: _as_type("uint64"),
    np.float32: _as_type("float32"),
    np.float64: _as_type("float64"),
    np.complex64: _as_type("complex64"),
    np.complex128: _as_type("complex128"),
    math.floor: _whole(floor),
    math.ceil: _whole(ceil),
    math.trunc: _whole(trunc),
    math.sqrt: _of_floats(sqrt),
    math.cbrt: _of_floats(cbrt),
    math.exp: _of_floats(exp),
    math.exp2: _of_floats(exp2),
    math.expm1: _of_floats(expm1),
    math.log: log_rule,
    math.log2: _of_floats(log2),
    math.log10: _of_floats(log10),
    math.log1p: _of_floats(log1p),
    math.pow: _of_floats(power),
    math.hypot: _of_floats(hypot),
    math.sin: _of_floats(sin),
    math.cos: _of_floats(cos),
    math.tan: _of_floats(tan),
    math.asin: _of_floats(arcsin),
    math.acos: _of_floats(arccos),
    math.atan: _of_floats(arctan),
    math.atan2: _of_floats(arctan2),
    math.sinh: _of_floats(sinh),
    math.cosh: _of_floats(cosh),
    math.tanh: _of_floats(tanh),
    math.asinh: _of_floats(arcsinh),
    math.acosh: _of_floats(arccosh),
    math.atanh: _of_floats(arctanh),
    math.erf: _of_floats(erf),
    math.fabs: _of_floats(absolute),
    math.isnan: _question(isnan),
    math.isinf: _question(isinf),
    math.isfinite: _question(isfinite),
    math.fmod: _of_floats(fmod),
    math.copysign: _of_floats(copysign),
    math.degrees: _of_floats(_degrees(180 / math.pi)),
    math.radians: _of_floats(_degrees(math.pi / 180)),
}
