"""Trigonometric and hyperbolic functions and their inverses.

Inverse functions are differentiated by products of roots, not the root of a product: right on every
side of their branch cuts, and not spoilt by cancellation near 1.
"""

from __future__ import annotations

import numpy as np

from tracegraph.ir.graph import Op, Value
from tracegraph.ir.ops.arithmetic import (
    add,
    divide,
    multiply,
    negative,
    partials,
    reciprocal,
    square,
    subtract,
)
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.exponential import elementary
from tracegraph.ir.ops.family import FLOAT, elementwise
from tracegraph.ir.ops.power import hypot, sqrt


def _plus(x: Value, number: float) -> Value:
    out: Value = add(x, full_like(x, number))
    return out


def _one_minus(x: Value) -> Value:
    out: Value = subtract(full_like(x, 1), x)
    return out


def _arcsin_slope(x: Value) -> Value:
    out: Value = reciprocal(multiply(sqrt(_one_minus(x)), sqrt(_plus(x, 1))))
    return out


def _arccosh_slope(x: Value) -> Value:
    out: Value = reciprocal(multiply(sqrt(_plus(x, -1)), sqrt(_plus(x, 1))))
    return out


def _arctan2_slope(other: Value, x: Value, y: Value) -> Value:
    """``other / (x * x + y * y)`` without leaving the range."""
    radius = hypot(x, y)
    out: Value = divide(divide(other, radius), radius)
    return out


sin: Op = elementary("sin", np.sin, lambda x, out: cos(x))
cos: Op = elementary("cos", np.cos, lambda x, out: negative(sin(x)))
tan: Op = elementary("tan", np.tan, lambda x, out: _plus(square(out), 1))
arcsin: Op = elementary("arcsin", np.arcsin, lambda x, out: _arcsin_slope(x))
arccos: Op = elementary("arccos", np.arccos, lambda x, out: negative(_arcsin_slope(x)))
arctan: Op = elementary("arctan", np.arctan, lambda x, out: reciprocal(_plus(square(x), 1)))
sinh: Op = elementary("sinh", np.sinh, lambda x, out: cosh(x))
cosh: Op = elementary("cosh", np.cosh, lambda x, out: sinh(x))
tanh: Op = elementary("tanh", np.tanh, lambda x, out: _one_minus(square(out)))
arcsinh: Op = elementary(
    "arcsinh", np.arcsinh, lambda x, out: reciprocal(sqrt(_plus(square(x), 1)))
)
arccosh: Op = elementary("arccosh", np.arccosh, lambda x, out: _arccosh_slope(x))
arctanh: Op = elementary(
    "arctanh", np.arctanh, lambda x, out: reciprocal(multiply(_one_minus(x), _plus(x, 1)))
)
arctan2: Op = elementwise(
    "arctan2",
    np.arctan2,
    FLOAT,
    jvp=partials(
        lambda x, y, out: _arctan2_slope(y, x, y),
        lambda x, y, out: negative(_arctan2_slope(x, x, y)),
    ),
    heavy=True,
)
"""``arctan2(x, y)``: the angle whose tangent is x / y. At the origin its derivative is NaN."""

OPS = (
    sin, cos, tan, arcsin, arccos, arctan,
    sinh, cosh, tanh, arcsinh, arccosh, arctanh, arctan2,
)  # fmt: skip
