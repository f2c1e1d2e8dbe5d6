"""Universal functions: one rule for all, and for each the operation that its inner loop is.

NumPy decides: ``ufunc.resolve_dtypes`` gives the dtypes of the loop, weak Python numbers included.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracegraph.ir.graph import Op, Value
from tracegraph.ir.ops.arithmetic import (
    add,
    divide,
    multiply,
    negative,
    reciprocal,
    square,
    subtract,
    times,
)
from tracegraph.ir.ops.bitwise import (
    bitwise_and,
    bitwise_or,
    bitwise_xor,
    invert,
    left_shift,
    right_shift,
)
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.cast import convert
from tracegraph.ir.ops.choice import fmax, fmin, maximum, minimum, select
from tracegraph.ir.ops.compare import (
    equal,
    greater,
    greater_equal,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    not_equal,
    signbit,
)
from tracegraph.ir.ops.complexes import conjugate
from tracegraph.ir.ops.compose_linalg import results_of
from tracegraph.ir.ops.division import floor_divide, fmod, remainder
from tracegraph.ir.ops.exponential import (
    exp,
    exp2,
    expm1,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    logaddexp2,
)
from tracegraph.ir.ops.exponents import bit_count, frexp, gcd, lcm, ldexp
from tracegraph.ir.ops.power import cbrt, hypot, sqrt
from tracegraph.ir.ops.rounding import ceil, floor, nextafter, rint, trunc
from tracegraph.ir.ops.signs import absolute, copysign, sign
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
from tracegraph.ir.sizes import Size
from tracegraph.ir.types import BOOL, DTYPES, INT64, DType
from tracegraph.numpy.arguments import array, dtype_argument, no_options, no_out, only
from tracegraph.numpy.emit import Emitter, Sym, dtype_of, in_range

Compute = Callable[..., Any]
Rule = Callable[..., Any]

U64 = DTYPES["u64"]


def elementwise(ufunc: np.ufunc, compute: Compute) -> Rule:
    """Return the rule of a ufunc whose loop is ``compute(*values)``, on values of one shape."""

    def rule(e: Emitter, *operands: Any, **options: Any) -> Any:
        results = compute(*e.align(loop_operands(e, ufunc, operands, **options)))
        if isinstance(results, tuple):
            return tuple(Sym(result, fresh=True) for result in results)
        return Sym(results, fresh=True)

    return rule


def loop_operands(
    e: Emitter,
    ufunc: np.ufunc,
    operands: Sequence[Any],
    *,
    dtype: Any = None,
    out: Any = None,
    casting: Any = "same_kind",
    order: Any = "K",
    **options: Any,
) -> list[Value]:
    """Return the operands of a ufunc, in the dtypes of its loop."""
    no_options(options)
    no_out(out)
    only("casting", casting, "same_kind")
    only("order", order, "K")
    if len(operands) > ufunc.nin:
        no_out(operands[ufunc.nin :])
    operands = [operand(e, x) for x in operands]
    types = loop_dtypes(ufunc, operands, dtype_argument(dtype))
    return [e.value(x, type) for x, type in zip(operands, types, strict=False)]


def operand(e: Emitter, x: Any) -> Any:
    """Return an operand that is a list as the array that NumPy makes of it."""
    return Sym(array(e, x)) if isinstance(x, (list, tuple)) else x


def loop_dtypes(ufunc: np.ufunc, operands: Sequence[Any], dtype: DType | None = None) -> Any:
    """Return the dtypes of the operands and results in the loop that NumPy chooses."""
    given = (*map(dtype_of, operands), *(None for _ in range(ufunc.nout)))
    if dtype is None:
        return ufunc.resolve_dtypes(given, casting="same_kind")
    signature = (*(None for _ in operands), *(dtype,) * ufunc.nout)
    return ufunc.resolve_dtypes(given, signature=signature, casting="same_kind")


def or_logical(op: Op, logical: Op) -> Compute:
    """Return arithmetic that on booleans is logic."""
    return lambda x, y: (logical if x.dtype == BOOL else op)(x, y)


def whole(op: Op) -> Compute:
    """Return a rounding operation, which changes no integer."""
    return lambda x: op(x) if x.dtype.kind in "fc" else x


def ratio(numerator: float, denominator: float) -> Compute:
    """Return a product with a constant, which NumPy computes in the precision of its loop."""
    return lambda x: times(x, x.dtype.type(numerator) / x.dtype.type(denominator))


def heaviside(x: Value, at_zero: Value) -> Value:
    """Return NumPy's ``heaviside``."""
    sides = select(less(x, full_like(x, 0)), full_like(x, 0), full_like(x, 1))
    steps = select(equal(x, full_like(x, 0)), at_zero, sides)
    out: Value = select(isnan(x), x, steps)
    return out


def divmod_(x: Value, y: Value) -> tuple[Value, Value]:
    """Return quotient and remainder."""
    return floor_divide(x, y), remainder(x, y)


def modf(x: Value) -> tuple[Value, Value]:
    """Return the fractional and the whole part, both with the sign of the whole."""
    integral = trunc(x)
    fraction = select(isinf(x), full_like(x, 0), subtract(x, integral))
    return copysign(fraction, x), integral


def positive(e: Emitter, x: Any, /, **options: Any) -> Sym:
    """The rule of ``np.positive``: a copy."""
    (value,) = loop_operands(e, np.positive, (x,), **options)
    return Sym(value, fresh=True)


def logic(op: Op) -> Rule:
    """Return the rule of an operation on truth values."""

    def rule(e: Emitter, *operands: Any, out: Any = None, **options: Any) -> Sym:
        no_out(out)
        no_options(options)
        return Sym(op(*e.align([e.cast(array(e, x), BOOL) for x in operands])))

    return rule


# -- comparisons --------------------------------------------------------------------------------


def comparison(ufunc: np.ufunc, op: Op, below: bool, above: bool) -> Rule:
    """Return the rule of a comparison.

    Parameters
    ----------
    below, above : bool
        The result where the first operand is certain to be less, or greater, than the second.
    """

    def rule(e: Emitter, x: Any, y: Any, /, **options: Any) -> Sym:
        x, y = operand(e, x), operand(e, y)
        far = _out_of_range(x, y)
        if far:
            return _constant_answer(e, y if dtype_of(x) is int else x, below if far < 0 else above)
        if _is_symbolic_int(x) or _is_symbolic_int(y):
            x, y = (_strong(e, v) for v in (x, y))
        values = e.align(loop_operands(e, ufunc, (x, y), **options))
        kinds = [v.dtype.kind for v in values]
        if kinds == ["i", "u"]:
            return Sym(_compare_mixed(op, values[0], values[1], below))
        if kinds == ["u", "i"]:
            return Sym(_compare_mixed_reversed(op, values[0], values[1], above))
        return Sym(op(*values))

    return rule


def _out_of_range(x: Any, y: Any) -> int:
    """Return the sign of ``x - y`` where a Python int is outside the dtype of the other operand."""
    for number, other, sign_ in ((x, y, 1), (y, x, -1)):
        kind = dtype_of(other)
        is_integer = isinstance(kind, np.dtype) and kind.kind in "iu"
        if type(number) is int and is_integer and not in_range(number, kind):
            return sign_ if number > 0 else -sign_
    return 0


def _is_symbolic_int(x: Any) -> bool:
    return isinstance(x, (Sym, Size)) and dtype_of(x) is int


def _strong(e: Emitter, x: Any) -> Any:
    """Return integers as int64, so that a Python int is compared whatever its value is."""
    if dtype_of(x) is float or not isinstance(x, (Sym, Size)):
        return x
    value = e.value(x)
    return Sym(e.cast(value, INT64) if value.dtype.kind in "iu" and value.dtype != U64 else value)


def _constant_answer(e: Emitter, other: Any, answer: bool) -> Sym:
    return Sym(e.full(e.value(other).shape, answer, BOOL))


def _compare_mixed(op: Op, x: Value, y: Value, below: bool) -> Value:
    """Compare int64 with uint64: negative numbers are below all others."""
    negative_ = less(x, full_like(x, 0))
    answer = op(convert(x, y.dtype), y)
    out: Value = select(negative_, full_like(answer, below), answer)
    return out


def _compare_mixed_reversed(op: Op, x: Value, y: Value, above: bool) -> Value:
    negative_ = less(y, full_like(y, 0))
    answer = op(x, convert(y, x.dtype))
    out: Value = select(negative_, full_like(answer, above), answer)
    return out


def spacing(x: Value) -> Value:
    """Return the distance to the next number away from zero."""
    ends = full_like(x, np.inf), full_like(x, -np.inf)
    away = select(less(x, full_like(x, 0)), *ends[::-1])
    out: Value = subtract(nextafter(x, away), x)
    return out


def frexp_(x: Value) -> tuple[Value, ...]:
    """Return significand and exponent."""
    return tuple(results_of(frexp(x)))


RULES: dict[Any, Rule] = {
    np.add: elementwise(np.add, or_logical(add, logical_or)),
    np.subtract: elementwise(np.subtract, subtract),
    np.multiply: elementwise(np.multiply, or_logical(multiply, logical_and)),
    np.divide: elementwise(np.divide, divide),
    np.floor_divide: elementwise(np.floor_divide, floor_divide),
    np.remainder: elementwise(np.remainder, remainder),
    np.fmod: elementwise(np.fmod, fmod),
    np.divmod: elementwise(np.divmod, divmod_),
    np.negative: elementwise(np.negative, negative),
    np.positive: positive,
    np.absolute: elementwise(np.absolute, absolute),
    np.fabs: elementwise(np.fabs, absolute),
    np.sign: elementwise(np.sign, sign),
    np.conjugate: elementwise(np.conjugate, conjugate),
    np.exp: elementwise(np.exp, exp),
    np.exp2: elementwise(np.exp2, exp2),
    np.expm1: elementwise(np.expm1, expm1),
    np.log: elementwise(np.log, log),
    np.log2: elementwise(np.log2, log2),
    np.log10: elementwise(np.log10, log10),
    np.log1p: elementwise(np.log1p, log1p),
    np.logaddexp: elementwise(np.logaddexp, logaddexp),
    np.logaddexp2: elementwise(np.logaddexp2, logaddexp2),
    np.sqrt: elementwise(np.sqrt, sqrt),
    np.cbrt: elementwise(np.cbrt, cbrt),
    np.square: elementwise(np.square, square),
    np.reciprocal: elementwise(np.reciprocal, reciprocal),
    np.hypot: elementwise(np.hypot, hypot),
    np.sin: elementwise(np.sin, sin),
    np.cos: elementwise(np.cos, cos),
    np.tan: elementwise(np.tan, tan),
    np.arcsin: elementwise(np.arcsin, arcsin),
    np.arccos: elementwise(np.arccos, arccos),
    np.arctan: elementwise(np.arctan, arctan),
    np.arctan2: elementwise(np.arctan2, arctan2),
    np.sinh: elementwise(np.sinh, sinh),
    np.cosh: elementwise(np.cosh, cosh),
    np.tanh: elementwise(np.tanh, tanh),
    np.arcsinh: elementwise(np.arcsinh, arcsinh),
    np.arccosh: elementwise(np.arccosh, arccosh),
    np.arctanh: elementwise(np.arctanh, arctanh),
    np.degrees: elementwise(np.degrees, ratio(180, np.pi)),
    np.rad2deg: elementwise(np.rad2deg, ratio(180, np.pi)),
    np.radians: elementwise(np.radians, ratio(np.pi, 180)),
    np.deg2rad: elementwise(np.deg2rad, ratio(np.pi, 180)),
    np.floor: elementwise(np.floor, whole(floor)),
    np.ceil: elementwise(np.ceil, whole(ceil)),
    np.trunc: elementwise(np.trunc, whole(trunc)),
    np.rint: elementwise(np.rint, rint),
    np.copysign: elementwise(np.copysign, copysign),
    np.nextafter: elementwise(np.nextafter, nextafter),
    np.heaviside: elementwise(np.heaviside, heaviside),
    np.modf: elementwise(np.modf, modf),
    np.ldexp: elementwise(np.ldexp, ldexp),
    np.frexp: elementwise(np.frexp, frexp_),
    np.spacing: elementwise(np.spacing, spacing),
    np.gcd: elementwise(np.gcd, gcd),
    np.lcm: elementwise(np.lcm, lcm),
    np.bitwise_count: elementwise(np.bitwise_count, bit_count),
    np.maximum: elementwise(np.maximum, maximum),
    np.minimum: elementwise(np.minimum, minimum),
    np.fmax: elementwise(np.fmax, fmax),
    np.fmin: elementwise(np.fmin, fmin),
    np.isfinite: elementwise(np.isfinite, isfinite),
    np.isinf: elementwise(np.isinf, isinf),
    np.isnan: elementwise(np.isnan, isnan),
    np.signbit: elementwise(np.signbit, signbit),
    np.logical_not: logic(logical_not),
    np.logical_and: logic(logical_and),
    np.logical_or: logic(logical_or),
    np.logical_xor: logic(logical_xor),
    np.invert: elementwise(np.invert, invert),
    np.bitwise_and: elementwise(np.bitwise_and, bitwise_and),
    np.bitwise_or: elementwise(np.bitwise_or, bitwise_or),
    np.bitwise_xor: elementwise(np.bitwise_xor, bitwise_xor),
    np.left_shift: elementwise(np.left_shift, left_shift),
    np.right_shift: elementwise(np.right_shift, right_shift),
    np.equal: comparison(np.equal, equal, False, False),
    np.not_equal: comparison(np.not_equal, not_equal, True, True),
    np.less: comparison(np.less, less, True, False),
    np.less_equal: comparison(np.less_equal, less_equal, True, False),
    np.greater: comparison(np.greater, greater, False, True),
    np.greater_equal: comparison(np.greater_equal, greater_equal, False, True),
}
