"""Functions of elements that are no ufuncs: choosing, clipping, rounding, comparing, repairing."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.arithmetic import divide, multiply
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.choice import clip as clip_op
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import equal, greater, isnan, less, logical_or
from tracegraph.ir.ops.complexes import complex_, imag, real
from tracegraph.ir.ops.rounding import rint
from tracegraph.ir.ops.trigonometric import arctan2, sin
from tracegraph.ir.sizes import Size
from tracegraph.ir.types import BOOL, FLOAT64
from tracegraph.numpy.arguments import array, integer, no_options, no_out, only, reshaped
from tracegraph.numpy.emit import Emitter, Sym, Unsupported, result_type
from tracegraph.numpy.indexing import without_leading_ones
from tracegraph.numpy.masks import nonzero
from tracegraph.numpy.reductions import all_rule
from tracegraph.numpy.ufuncs import RULES as UFUNCS
from tracegraph.numpy.ufuncs import loop_dtypes, operand, positive

CLIP: np.ufunc = np._core.umath.clip  # type: ignore[attr-defined]  # the ufunc under np.clip


def where(e: Emitter, condition: Any, /, *choices: Any) -> Sym | list[Sym]:
    """The rule of ``np.where``."""
    if not choices:
        return nonzero(e, condition)
    x, y = (operand(e, choice) for choice in choices)
    common = result_type(x, y)
    holds = e.cast(array(e, condition), BOOL)
    return Sym(select(*e.align((holds, e.value(x, common), e.value(y, common)))), fresh=True)


def clip(
    e: Emitter,
    a: Any,
    a_min: Any = None,
    a_max: Any = None,
    out: Any = None,
    *,
    min: Any = None,
    max: Any = None,
    **options: Any,
) -> Sym:
    """The rule of ``np.clip``."""
    no_out(out)
    x = Sym(array(e, a))
    low, high = (min if a_min is None else a_min), (max if a_max is None else a_max)
    if x.dtype.kind in "iu":
        info = np.iinfo(x.dtype)
        low = None if type(low) is int and low <= info.min else low
        high = None if type(high) is int and high >= info.max else high
    if low is None and high is None:
        return positive(e, x, **options)
    if low is None or high is None:
        ufunc, bound = (np.minimum, high) if low is None else (np.maximum, low)
        result: Sym = UFUNCS[ufunc](e, x, bound, **options)
        return result
    no_options(options)
    return Sym(_clipped(e, x, operand(e, low), operand(e, high)))


def _clipped(e: Emitter, x: Sym, low: Any, high: Any) -> Value:
    types = loop_dtypes(CLIP, (x, low, high))
    values = [e.value(v, t) for v, t in zip((x, low, high), types, strict=False)]
    is_one = all(dim == 1 for bound in values[1:] for dim in bound.shape)
    values = e.align(values)
    if is_one:
        one: Value = clip_op(*values)
        return one
    # Of bounds that are arrays NumPy takes the bound where both are equal, signed zeros included.
    inside, lowest, highest = values
    raised = select(logical_or(greater(inside, lowest), isnan(inside)), inside, lowest)
    out: Value = select(logical_or(less(raised, highest), isnan(raised)), raised, highest)
    return out


def round_(e: Emitter, a: Any, decimals: Any = 0, out: Any = None) -> Sym:
    """The rule of ``np.round``."""
    no_out(out)
    x = array(e, a)
    digits = integer(decimals, "decimals")
    if x.dtype.kind == "c":
        return Sym(complex_(_rounded(real(x), digits), _rounded(imag(x), digits)))
    if x.dtype.kind in "biu":
        if x.dtype == BOOL or digits < 0:
            raise Unsupported("rounding booleans, or integers to tens; divide by hand")
        return Sym(x, fresh=True)
    return Sym(_rounded(x, digits))


def _rounded(x: Value, digits: int) -> Value:
    if digits == 0:
        return rint(x)  # type: ignore[no-any-return]  # ops are untyped calls
    there, back = (multiply, divide) if digits > 0 else (divide, multiply)
    scale = full_like(x, 10.0 ** abs(digits))
    out: Value = back(rint(there(x, scale)), scale)
    return out


def fix(e: Emitter, x: Any, out: Any = None) -> Sym:
    """The rule of ``np.fix``."""
    no_out(out)
    result: Sym = UFUNCS[np.trunc](e, x)
    return result


def isclose(
    e: Emitter, a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: Any = False
) -> Sym:
    """The rule of ``np.isclose``."""
    x, y = operand(e, a), operand(e, b)
    y = float(y) if type(y) is int else y
    if isinstance(y, (Sym, Size)):
        y = Sym(e.value(y, result_type(y, 1.0)), y.weak if isinstance(y, Sym) else None)
    distance = _apply(e, np.absolute, _apply(e, np.subtract, x, y))
    margin = _apply(e, np.add, atol, _apply(e, np.multiply, rtol, _apply(e, np.absolute, y)))
    near = _apply(e, np.logical_and, _apply(e, np.less_equal, distance, margin), _finite(e, y))
    result = _apply(e, np.logical_or, near, _apply(e, np.equal, x, y))
    if equal_nan:
        both = _apply(e, np.logical_and, _apply(e, np.isnan, x), _apply(e, np.isnan, y))
        result = _apply(e, np.logical_or, result, both)
    return result


def _apply(e: Emitter, ufunc: np.ufunc, *operands: Any) -> Sym:
    if not any(isinstance(x, Sym) for x in operands):
        return ufunc(*operands)  # type: ignore[no-any-return]  # of plain numbers, a plain number
    result: Sym = UFUNCS[ufunc](e, *operands)
    return result


def _finite(e: Emitter, y: Any) -> Sym:
    return _apply(e, np.isfinite, y)


def allclose(
    e: Emitter, a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: Any = False
) -> Sym:
    """The rule of ``np.allclose``, a Python bool."""
    return Sym(all_rule(e, isclose(e, a, b, rtol, atol, equal_nan)).value, bool)


def array_equal(e: Emitter, a1: Any, a2: Any, equal_nan: Any = False) -> Sym:
    """The rule of ``np.array_equal``, a Python bool."""
    only("equal_nan", equal_nan, False)
    x, y = Sym(array(e, a1)), Sym(array(e, a2))
    if x.ndim != y.ndim or not all(map(e.same_dim, x.shape, y.shape)):
        return Sym(e.literal(False, BOOL), bool)
    return Sym(all_rule(e, _apply(e, np.equal, x, y)).value, bool)


def nan_to_num(
    e: Emitter, x: Any, copy: Any = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Sym:
    """The rule of ``np.nan_to_num``."""
    if copy is not True:
        raise Unsupported("copy=False writes into the array; assign the result instead")
    value = array(e, x)
    if value.dtype.kind in "biu":
        return Sym(value, fresh=True)
    if value.dtype.kind == "c":
        parts = [_repaired(e, part(value), nan, posinf, neginf) for part in (real, imag)]
        return Sym(complex_(*parts))
    return Sym(_repaired(e, value, nan, posinf, neginf))


def _repaired(e: Emitter, x: Value, nan: Any, posinf: Any, neginf: Any) -> Value:
    info = np.finfo(x.dtype)
    high = info.max if posinf is None else posinf
    low = info.min if neginf is None else neginf
    for holds, number in (
        (isnan(x), nan),
        (equal(x, full_like(x, np.inf)), high),
        (equal(x, full_like(x, -np.inf)), low),
    ):
        x = select(holds, e.broadcast(e.value(number, x.dtype), x.shape), x)
    return x


def sinc(e: Emitter, x: Any) -> Sym:
    """The rule of ``np.sinc``."""
    value = _apply(e, np.multiply, np.pi, Sym(array(e, x))).value
    if value.dtype.kind != "f":
        raise Unsupported("sinc of complex numbers")
    tiny = full_like(value, np.finfo(value.dtype).eps)
    safe = select(e.cast(value, BOOL), value, tiny)
    return Sym(divide(sin(safe), safe))


def real_part(e: Emitter, val: Any) -> Sym:
    """The rule of ``np.real`` and ``x.real``."""
    x = array(e, val)
    return Sym(real(x) if x.dtype.kind == "c" else x)


def imaginary_part(e: Emitter, val: Any) -> Sym:
    """The rule of ``np.imag`` and ``x.imag``."""
    x = array(e, val)
    return Sym(imag(x) if x.dtype.kind == "c" else full_like(x, 0))


def angle(e: Emitter, z: Any, deg: Any = False) -> Sym:
    """The rule of ``np.angle``."""
    x = array(e, z)
    parts = [imaginary_part(e, Sym(x)).value, real_part(e, Sym(x)).value]
    turn = arctan2(*(part if part.dtype.kind == "f" else e.cast(part, FLOAT64) for part in parts))
    return Sym(multiply(turn, full_like(turn, 180 / np.pi)) if deg else turn)


def isposinf(e: Emitter, x: Any, out: Any = None) -> Sym:
    """The rule of ``np.isposinf``."""
    no_out(out)
    return _is_infinity(e, x, np.inf)


def isneginf(e: Emitter, x: Any, out: Any = None) -> Sym:
    """The rule of ``np.isneginf``."""
    no_out(out)
    return _is_infinity(e, x, -np.inf)


def _is_infinity(e: Emitter, x: Any, infinity: float) -> Sym:
    value = array(e, x)
    if value.dtype.kind != "f":
        return Sym(e.full(value.shape, False, BOOL))
    return Sym(equal(value, full_like(value, infinity)))


def copyto(e: Emitter, dst: Sym, src: Any, casting: Any = "same_kind", where: Any = True) -> Sym:
    """The rule of ``np.copyto``: the new content of ``dst``."""
    del casting  # NumPy has checked it
    fitted = without_leading_ones(e, e.value(operand(e, src), dst.dtype), dst.ndim)
    new = e.broadcast(fitted, dst.shape)
    if where is True:
        return Sym(new)
    holds = e.broadcast(e.cast(array(e, where), BOOL), dst.shape)
    return Sym(select(holds, new, dst.value))


def outer(ufunc: np.ufunc) -> Any:
    """Return the rule of ``ufunc.outer``: each element of one array with each of another."""

    def rule(e: Emitter, x: Any, y: Any, /, **options: Any) -> Sym:
        first, second = array(e, x), array(e, y)
        column = reshaped(first, (*first.shape, *(1,) * second.ndim))
        result: Sym = UFUNCS[ufunc](e, Sym(column), Sym(second), **options)
        return result

    return rule


RULES: dict[Any, Any] = {
    np.add.outer: outer(np.add),
    np.subtract.outer: outer(np.subtract),
    np.multiply.outer: outer(np.multiply),
    np.divide.outer: outer(np.divide),
    np.maximum.outer: outer(np.maximum),
    np.minimum.outer: outer(np.minimum),
    np.equal.outer: outer(np.equal),
    np.less.outer: outer(np.less),
    np.greater.outer: outer(np.greater),
    np.where: where,
    np.clip: clip,
    np.round: round_,
    np.around: round_,
    np.fix: fix,
    np.isclose: isclose,
    np.allclose: allclose,
    np.array_equal: array_equal,
    np.nan_to_num: nan_to_num,
    np.sinc: sinc,
    np.real: real_part,
    np.imag: imaginary_part,
    np.angle: angle,
    np.isposinf: isposinf,
    np.isneginf: isneginf,
    np.copyto: copyto,
}
