"""Comparisons, logic and questions about one number: everything that gives booleans."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracegraph.ir.graph import Derivative, Op
from tracegraph.ir.ops.family import ANY, FLOAT, elementwise, same_types
from tracegraph.ir.scalar import Scalar, ScalarBuilder
from tracegraph.ir.types import BOOL, DTYPES


def predicate(
    name: str,
    eager: Callable[..., Any],
    *,
    kinds: str = ANY,
    scalar: Callable[..., Scalar] | None = None,
    commutative: bool = False,
) -> Op:
    """Return an elementwise operation whose results are booleans."""
    return elementwise(
        name,
        eager,
        kinds,
        scalar=scalar,
        jvp=Derivative.ZERO,
        type_rule=same_types(name, kinds, BOOL),
        commutative=commutative,
    )


def truth(b: ScalarBuilder, x: Scalar) -> Scalar:
    """Return whether an element counts as true: NaN does."""
    return x if x.dtype == BOOL else b.apply("not_equal", x, b.const(0, x.dtype))


def not_(b: ScalarBuilder, x: Scalar) -> Scalar:
    """Return the negation of a boolean."""
    return b.apply("invert", x)


def is_nan(b: ScalarBuilder, x: Scalar) -> Scalar:
    """Return whether an element is NaN: only floats ever are, or their pairs."""
    if x.dtype.kind == "c":
        return _of_parts(b, x, is_nan, "bitwise_or")
    return b.apply("not_equal", x, x) if x.dtype.kind == "f" else b.const(False, BOOL)


def _of_parts(b: ScalarBuilder, x: Scalar, question: Callable[..., Scalar], join: str) -> Scalar:
    return b.apply(join, *(question(b, b.apply(part, x)) for part in ("real", "imag")))


def _is_inf(b: ScalarBuilder, x: Scalar) -> Scalar:
    if x.dtype.kind == "c":
        return _of_parts(b, x, _is_inf, "bitwise_or")
    if x.dtype.kind != "f":
        return b.const(False, BOOL)
    return b.apply("equal", b.apply("absolute", x), b.const(np.inf, x.dtype))


def is_finite(b: ScalarBuilder, x: Scalar) -> Scalar:
    """Return whether an element is neither infinite nor NaN."""
    if x.dtype.kind == "c":
        return _of_parts(b, x, is_finite, "bitwise_and")
    if x.dtype.kind != "f":
        return b.const(True, BOOL)
    return b.apply("less", b.apply("absolute", x), b.const(np.inf, x.dtype))


def _signbit(b: ScalarBuilder, x: Scalar) -> Scalar:
    bits = b.bitcast(x, DTYPES[f"i{8 * x.dtype.itemsize}"])
    return b.apply("less", bits, b.const(0, bits.dtype))


def _logical(bitwise: str) -> Callable[..., Scalar]:
    return lambda b, x, y: b.apply(bitwise, truth(b, x), truth(b, y))


equal: Op = predicate("equal", np.equal, commutative=True)
not_equal: Op = predicate("not_equal", np.not_equal, commutative=True)
less: Op = predicate("less", np.less)
less_equal: Op = predicate("less_equal", np.less_equal)
greater: Op = predicate("greater", np.greater)
greater_equal: Op = predicate("greater_equal", np.greater_equal)
logical_not: Op = predicate("logical_not", np.logical_not, scalar=lambda b, x: not_(b, truth(b, x)))
logical_and: Op = predicate(
    "logical_and", np.logical_and, scalar=_logical("bitwise_and"), commutative=True
)
logical_or: Op = predicate(
    "logical_or", np.logical_or, scalar=_logical("bitwise_or"), commutative=True
)
logical_xor: Op = predicate(
    "logical_xor", np.logical_xor, scalar=_logical("bitwise_xor"), commutative=True
)
isnan: Op = predicate("isnan", np.isnan, scalar=is_nan)
isinf: Op = predicate("isinf", np.isinf, scalar=_is_inf)
isfinite: Op = predicate("isfinite", np.isfinite, scalar=is_finite)
signbit: Op = predicate("signbit", np.signbit, kinds=FLOAT, scalar=_signbit)

OPS = (
    equal, not_equal, less, less_equal, greater, greater_equal,
    logical_not, logical_and, logical_or, logical_xor,
    isnan, isinf, isfinite, signbit,
)  # fmt: skip
