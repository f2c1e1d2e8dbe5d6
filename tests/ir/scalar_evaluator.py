"""Evaluates scalar programs with NumPy, for many elements at once: what a lowering means.

Elements are loads of buffers, whose values are arrays of one shape.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from tracegraph.ir.graph import Op
from tracegraph.ir.lowering import Pull
from tracegraph.ir.ops.special import erf
from tracegraph.ir.scalar import Scalar, ScalarBuilder, constant_value, walk
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import ArrayType, array_type

Array = np.ndarray[Any, Any]


class Element:
    """An operand of which one element is looked at: a load of the buffer that holds its values."""

    def __init__(self, b: ScalarBuilder, name: str, type: ArrayType) -> None:
        self.b, self.name, self.type = b, name, type

    def __call__(self, index: tuple[Dim, ...], /) -> Scalar:
        return self.b.load(self.name, 0, self.type.dtype)


def lowered(op: Op, *arrays: Array, **attrs: Any) -> Array:
    """Return what the lowering of an elementwise operation computes of arrays of one shape."""
    assert isinstance(op.lower, Pull)
    b = ScalarBuilder()
    types = [array_type(array) for array in arrays]
    operands = [Element(b, f"x{i}", type) for i, type in enumerate(types)]
    out = op.type_rule(*types, **attrs)
    assert isinstance(out, ArrayType)
    index = (0,) * out.ndim
    scalar = op.lower.element(b, index, *operands, type=out, **attrs)
    assert scalar.dtype == out.dtype
    buffers = {operand.name: array for operand, array in zip(operands, arrays, strict=True)}
    return np.broadcast_to(evaluate(scalar, buffers), arrays[0].shape)


def evaluate(root: Scalar, buffers: Mapping[str, Array]) -> Array:
    """Return the values of a scalar where its loads have the values of ``buffers``."""
    env: dict[Scalar, Array] = {}
    for scalar in walk(root):
        args = [env[argument] for argument in scalar.args]
        value = LEAVES[scalar.op](scalar, buffers) if scalar.op in LEAVES else _apply(scalar, args)
        env[scalar] = np.asarray(value)
        assert env[scalar].dtype == scalar.dtype, scalar
    return env[root]


LEAVES: dict[str, Callable[[Scalar, Mapping[str, Array]], Any]] = {
    "const": lambda scalar, buffers: constant_value(scalar),
    "load": lambda scalar, buffers: buffers[scalar.attr("buffer")],
}


def _apply(scalar: Scalar, args: list[Array]) -> Any:
    if scalar.op == "cast":
        return args[0].astype(scalar.dtype)
    if scalar.op == "bitcast":
        return args[0].view(scalar.dtype)
    function = SPECIAL.get(scalar.op) or getattr(np, scalar.op)
    return function(*args)


def _fma(x: Array, y: Array, z: Array) -> Array:
    """Round once, by exact arithmetic where all is finite."""
    x, y, z = np.broadcast_arrays(x, y, z)
    out = np.asarray(x * y + z)
    for index in np.ndindex(*out.shape):
        numbers = [x[index], y[index], z[index]]
        if np.all(np.isfinite(numbers)):
            a, b, c = (Fraction(float(number)) for number in numbers)
            exact = a * b + c
            if exact:  # else the plain expression gives the zero of the right sign
                out[index] = _rounded(exact)
    return out


def _rounded(exact: Fraction) -> float:
    try:
        return float(exact)
    except OverflowError:
        return math.copysign(math.inf, exact.numerator)


SPECIAL: dict[str, Callable[..., Any]] = {"select": np.where, "erf": erf.eager, "fma": _fma}
