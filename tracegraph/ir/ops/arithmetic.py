"""Addition, multiplication, division and the products of the chain rule: what derivatives are of.

NumPy's sums and products of booleans are ``logical_or`` and ``logical_and``; they are no ops here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracegraph.ir.graph import Op, Tangent, Value
from tracegraph.ir.lowering import Index, Operand, Pull
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.family import INEXACT, NUMERIC, elementwise
from tracegraph.ir.scalar import Scalar, ScalarBuilder
from tracegraph.ir.types import ArrayType


def add_tangents(a: Tangent, b: Tangent) -> Tangent:
    """Return the sum of two tangents, where None is zero."""
    if a is None or b is None:
        return b if a is None else a
    out: Value = add(a, b)
    return out


def partials(*rules: Callable[..., Value]) -> Callable[..., Tangent]:
    """Return the jvp rule of an elementwise operation from its partial derivatives.

    ``rules[i](*primals, out)`` is the derivative by operand i.
    """

    def jvp(primals: Sequence[Value], tangents: Sequence[Tangent], out: Value, **_: Any) -> Tangent:
        total: Tangent = None
        for rule, tangent in zip(rules, tangents, strict=True):
            if tangent is not None:
                total = add_tangents(total, chain(tangent, rule(*primals, out)))
        return total

    return jvp


def _chain_scalar(b: ScalarBuilder, tangent: Scalar, factor: Scalar) -> Scalar:
    zero = b.const(0, tangent.dtype)
    return b.select(b.apply("equal", tangent, zero), tangent, b.apply("multiply", tangent, factor))


def _chain_eager(tangent: Any, factor: Any) -> Any:
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        return np.where(tangent == 0, tangent, tangent * factor)


def _bilinear_jvp(primals: Sequence[Value], tangents: Sequence[Tangent], out: Value) -> Tangent:
    del out
    (x, y), (dx, dy) = primals, tangents
    left = None if dx is None else chain(dx, y)
    return add_tangents(left, None if dy is None else chain(dy, x))


def _bilinear_transpose(
    ct: Value, operands: Sequence[Value], is_linear: Sequence[bool]
) -> list[Tangent]:
    x, y = operands
    return [chain(ct, y) if is_linear[0] else None, chain(ct, x) if is_linear[1] else None]


def _chain_both_scalar(b: ScalarBuilder, x: Scalar, y: Scalar) -> Scalar:
    return b.select(b.apply("equal", y, b.const(0, y.dtype)), y, _chain_scalar(b, x, y))


def _chain_both_eager(x: Any, y: Any) -> Any:
    return np.where(y == 0, y, _chain_eager(x, y))


def _chain_jvp(primals: Sequence[Value], tangents: Sequence[Tangent], out: Value) -> Tangent:
    del out
    (x, y), (dx, dy) = primals, tangents
    left = None if dx is None else chain(dx, y)
    return add_tangents(left, None if dy is None else chain(x, dy))


def _chain_both_jvp(primals: Sequence[Value], tangents: Sequence[Tangent], out: Value) -> Tangent:
    del out
    (x, y), (dx, dy) = primals, tangents
    left = None if dx is None else chain_both(dx, y)
    return add_tangents(left, None if dy is None else chain_both(dy, x))


def _chain_both_transpose(
    ct: Value, operands: Sequence[Value], is_linear: Sequence[bool]
) -> list[Tangent]:
    x, y = operands
    return [
        chain_both(ct, y) if is_linear[0] else None,
        chain_both(ct, x) if is_linear[1] else None,
    ]


def times(x: Value, factor: complex) -> Value:
    """Return ``x`` times a finite constant."""
    out: Value = multiply(x, full_like(x, factor))
    return out


def _product_element(b: ScalarBuilder, index: Index, *operands: Operand, type: ArrayType) -> Scalar:
    """Return the product of two elements, or the square of one.

    NumPy's loops over arrays round each part of a complex product with one fma, which is how the
    scalar language has it. Numbers by themselves have plain products, as in Python.
    """
    x, y = operands[0](index), operands[-1](index)
    if type.dtype.kind != "c" or type.shape:
        return b.apply("multiply", x, y)
    (xr, xi), (yr, yi) = ([b.apply(part, z) for part in ("real", "imag")] for z in (x, y))
    re = b.apply("subtract", b.apply("multiply", xr, yr), b.apply("multiply", xi, yi))
    im = b.apply("add", b.apply("multiply", xr, yi), b.apply("multiply", xi, yr))
    return b.apply("complex", re, im)


def _complex_reciprocal(b: ScalarBuilder, x: Scalar) -> Scalar:
    """Divide by the larger part first (Smith 1962), each step rounded as NumPy's is."""
    re, im = b.apply("real", x), b.apply("imag", x)
    one, minus_one = (b.const(number, re.dtype) for number in (1, -1))
    is_flat = b.apply("less_equal", b.apply("absolute", im), b.apply("absolute", re))
    large, small = b.select(is_flat, re, im), b.select(is_flat, im, re)
    ratio = b.apply("divide", small, large)
    whole = b.apply("add", large, b.apply("multiply", small, ratio))
    parts = (
        b.select(is_flat, one, ratio), b.select(is_flat, b.apply("negative", ratio), minus_one)
    )  # fmt: skip
    return b.apply("complex", *(b.apply("divide", part, whole) for part in parts))


def _reciprocal_scalar(b: ScalarBuilder, x: Scalar) -> Scalar:
    if x.dtype.kind == "c":
        return _complex_reciprocal(b, x)
    one = b.const(1, x.dtype)
    if x.dtype.kind == "f":
        return b.apply("divide", one, x)
    # 1 and -1 keep their value, others vanish. What NumPy answers for 0 differs between machines.
    magnitude = b.apply("absolute", x) if x.dtype.kind == "i" else x
    small = b.select(b.apply("equal", magnitude, one), x, b.const(0, x.dtype))
    with np.errstate(divide="ignore"):
        of_zero = np.reciprocal(x.dtype.type(0))
    return b.select(b.apply("equal", x, b.const(0, x.dtype)), b.const(of_zero, x.dtype), small)


negative: Op = elementwise(
    "negative",
    np.negative,
    NUMERIC,
    jvp=lambda primals, tangents, out: negative(tangents[0]),
    transpose=lambda ct, operands, is_linear: [negative(ct)],
)
add: Op = elementwise(
    "add",
    np.add,
    NUMERIC,
    jvp=lambda primals, tangents, out: add_tangents(*tangents),
    transpose=lambda ct, operands, is_linear: [ct if wanted else None for wanted in is_linear],
    commutative=True,
)
subtract: Op = elementwise(
    "subtract",
    np.subtract,
    NUMERIC,
    jvp=lambda primals, tangents, out: add_tangents(
        tangents[0], None if tangents[1] is None else negative(tangents[1])
    ),
    transpose=lambda ct, operands, is_linear: [
        ct if is_linear[0] else None,
        negative(ct) if is_linear[1] else None,
    ],
)
multiply: Op = elementwise(
    "multiply",
    np.multiply,
    NUMERIC,
    lower=Pull(_product_element),
    jvp=_bilinear_jvp,
    transpose=_bilinear_transpose,
    commutative=True,
)
chain: Op = elementwise(
    "chain",
    _chain_eager,
    NUMERIC,
    scalar=_chain_scalar,
    jvp=_chain_jvp,
    transpose=lambda ct, operands, is_linear: [
        chain(ct, operands[1]) if is_linear[0] else None,
        chain_both(ct, operands[0]) if is_linear[1] else None,
    ],
)
"""``chain(tangent, factor)``: their product, where a zero tangent wins over a non-finite factor.

The derivative of a branch that was not taken must not turn into NaN (``0 * inf``).
"""
chain_both: Op = elementwise(
    "chain_both",
    _chain_both_eager,
    NUMERIC,
    scalar=_chain_both_scalar,
    jvp=_chain_both_jvp,
    transpose=_chain_both_transpose,
)
"""``chain`` where a zero of either operand wins: the cotangent of a factor of ``chain``.

There both are tangents, and either may come from a branch that was not taken.
"""
square: Op = elementwise(
    "square",
    np.square,
    NUMERIC,
    lower=Pull(_product_element),
    jvp=partials(lambda x, out: add(x, x)),
)
reciprocal: Op = elementwise(
    "reciprocal",
    np.reciprocal,
    NUMERIC,
    scalar=_reciprocal_scalar,
    jvp=partials(lambda x, out: negative(square(out))),
    heavy=True,
)
divide: Op = elementwise(
    "divide",
    np.divide,
    INEXACT,
    # A quotient of the tangent by y would be 0/0 in a branch that was not taken.
    jvp=partials(lambda x, y, out: reciprocal(y), lambda x, y, out: negative(divide(out, y))),
    transpose=lambda ct, operands, is_linear: [chain(ct, reciprocal(operands[1])), None],
    heavy=True,
)

OPS = (negative, add, subtract, multiply, chain, chain_both, square, reciprocal, divide)
