"""Statistics composed of reductions: their derivatives and native form follow from the parts."""

from __future__ import annotations

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.arithmetic import add, divide, square, subtract
from tracegraph.ir.ops.broadcast import full_like, scalar_like, spread, sum_
from tracegraph.ir.ops.cast import cast
from tracegraph.ir.ops.choice import maximum as larger
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import isfinite
from tracegraph.ir.ops.complexes import imag, real
from tracegraph.ir.ops.creation import size_value
from tracegraph.ir.ops.exponential import exp, log
from tracegraph.ir.ops.identity import stop_gradient
from tracegraph.ir.ops.power import sqrt
from tracegraph.ir.ops.reduce import Axes, max_, spread_back
from tracegraph.ir.sizes import Dim, maximum, product


def _number(like: Value, size: Dim) -> Value:
    """Return a size as a number of the dtype of ``like``."""
    if isinstance(size, int):
        return scalar_like(like, size)
    number: Value = cast(like.builder.emit(size_value, (), {"value": size}), dtype=like.dtype)
    return number


def _divided(total: Value, count: Dim) -> Value:
    out: Value = divide(total, spread(_number(total, count), total.shape))
    return out


def _count(x: Value, axes: Axes) -> Dim:
    return product(x.shape[axis] for axis in axes)


def _squared_modulus(x: Value) -> Value:
    """Return the square of each element, of complex numbers that of the absolute value."""
    out: Value = add(square(real(x)), square(imag(x))) if x.dtype.kind == "c" else square(x)
    return out


def mean(x: Value, axes: Axes) -> Value:
    """Return the mean over some axes: the sum, divided by the number of elements as NumPy does."""
    return _divided(sum_(x, axes=axes), _count(x, axes))


def var(x: Value, axes: Axes, ddof: int | Value = 0, center: Value | None = None) -> Value:
    """Return the variance over some axes, in two passes as NumPy's.

    Parameters
    ----------
    x : Value
        Of inexact dtype; the variance of complex numbers is real.
    axes : tuple of int
        The axes that leave the shape.
    ddof : int, or Value of float64 without axes
        What is subtracted from the number of elements in the divisor, which is never below 0.
    center : Value, optional
        The mean, in the reduced shape, where it is known.
    """
    center = mean(x, axes) if center is None else center
    deviation = subtract(x, spread_back(center, x, axes))
    total = sum_(_squared_modulus(deviation), axes=axes)
    if isinstance(ddof, Value):
        return _divided_by_float(total, _count(x, axes), ddof)
    return _divided(total, maximum(_count(x, axes) - ddof, 0))


def _divided_by_float(total: Value, count: Dim, ddof: Value) -> Value:
    """Return ``total / (count - ddof)``, computed in float64 as NumPy's."""
    divisor = larger(subtract(_number(ddof, count), ddof), full_like(ddof, 0))
    wide = cast(total, dtype=ddof.dtype)
    out: Value = cast(divide(wide, spread(divisor, total.shape)), dtype=total.dtype)
    return out


def std(x: Value, axes: Axes, ddof: int | Value = 0, center: Value | None = None) -> Value:
    """Return the standard deviation over some axes.

    At variance 0 it has no derivative: its gradient is NaN there, as JAX's is. Forward mode gives
    0, because a zero tangent wins over the infinite slope of the root.
    """
    out: Value = sqrt(var(x, axes, ddof, center))
    return out


def logsumexp(x: Value, axes: Axes) -> Value:
    """Return ``log(sum(exp(x)))`` over some axes, which overflows nowhere.

    The elements are taken relative to their maximum, which is a constant for the derivative: what
    it would add cancels. An infinite maximum is not subtracted, so that ``-inf`` and ``inf`` stay.
    """
    top = stop_gradient(max_(x, axes=axes))
    top = select(isfinite(top), top, full_like(top, 0))
    total = sum_(exp(subtract(x, spread_back(top, x, axes))), axes=axes)
    out: Value = add(log(total), top)
    return out
