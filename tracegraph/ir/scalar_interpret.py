"""The reference meaning of the scalar language: each operation on NumPy scalars."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from tracegraph.ir.errors import GraphError
from tracegraph.ir.scalar import Scalar
from tracegraph.ir.types import DType

LIBRARY: Mapping[str, Callable[[float], float]] = {"erf": math.erf}
"""Elementary functions that NumPy has not."""


def apply(scalar: Scalar, args: list[Any]) -> Any:
    """Return the value of an operation, given those of its operands."""
    op, dtype = scalar.op, scalar.dtype
    with np.errstate(all="ignore"):
        if op == "select":
            return args[1] if args[0] else args[2]
        if op == "shortcut":
            return args[2]
        if op == "complex":
            return dtype.type(complex(*map(float, args)))
        if op == "cast":
            return np.asarray(args[0]).reshape(1).astype(dtype)[0]
        if op == "bitcast":
            return np.asarray(args[0]).reshape(1).view(dtype)[0]
        if op == "slow_path":
            return _elementary(scalar.attr("name"), args[2:], dtype) if args[0] else args[1]
        return dtype.type(_numeric(op, args, dtype))


def _numeric(op: str, args: list[Any], dtype: DType) -> Any:
    if op == "fma":
        return fma(*args)
    if op in ("shl", "lshr", "ashr"):
        return _shift(op, *args)
    if op == "negative" and dtype.kind == "u":
        return np.subtract(dtype.type(0), args[0])
    return _elementary(op, args, dtype)


def _elementary(op: str, args: list[Any], dtype: DType) -> Any:
    if op in LIBRARY:
        return dtype.type(LIBRARY[op](float(args[0])))
    function = getattr(np, op, None)
    if function is None:
        raise GraphError(f"the scalar language has no operation {op}")
    return function(*args)


def _shift(op: str, a: Any, by: Any) -> Any:
    """Shift by less than the width; ``lshr`` brings in zeros even where the sign bit is set."""
    if op == "shl":
        return np.left_shift(a, by)
    if op == "ashr" or a.dtype.kind == "u":
        return np.right_shift(a, by)
    unsigned = np.dtype(f"u{a.dtype.itemsize}").type
    shifted = np.right_shift(np.asarray(a).reshape(1).view(unsigned)[0], unsigned(by))
    return np.asarray(shifted).reshape(1).view(a.dtype)[0]


def fma(x: Any, y: Any, z: Any) -> Any:
    """Return ``x * y + z``, rounded once."""
    kind = type(x)
    if not all(np.isfinite(v) for v in (x, y, z)):
        return x * y + z
    exact = Fraction(float(x)) * Fraction(float(y)) + Fraction(float(z))
    if exact == 0:
        return x * y + z if x * y == 0 else kind(0.0)
    return _rounded(exact, kind)


def _rounded(exact: Fraction, kind: Any) -> Any:
    """Round a fraction once; a float of half the width lies exactly among those of the full."""
    try:
        near = exact.numerator / exact.denominator
    except OverflowError:
        return kind(math.inf if exact > 0 else -math.inf)
    if kind is np.float64:
        return kind(near)
    # Round to odd in float64 first, so that rounding again to float32 is right.
    if Fraction(near) != exact:
        toward = math.inf if exact > Fraction(near) else -math.inf
        bits = np.float64(near).view(np.int64)
        near = near if bits & 1 else float(np.nextafter(np.float64(near), toward))
    return kind(near)
