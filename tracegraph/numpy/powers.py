"""Powers: what NumPy computes depends on how the exponent is given.

=====================  =========================================================================
``x ** 2``, ``** -1``  exact Python ints, arrays of floats or complex: square, reciprocal
``x ** 0.5``           the exact Python float, arrays of floats or complex: the square root
one exponent for all   real floats: loops of their own for -1, 0, 0.5, 1 and 2
NumPy scalars          the C library's power
=====================  =========================================================================
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracegraph.ir.graph import Op, Value
from tracegraph.ir.ops.arithmetic import reciprocal, square
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import equal, greater_equal
from tracegraph.ir.ops.power import constant_power, power, sqrt
from tracegraph.ir.ops.reduce import all_
from tracegraph.ir.types import BOOL
from tracegraph.numpy.emit import Emitter, Sym, Unsupported, dtype_of
from tracegraph.numpy.ufuncs import loop_operands, operand


def power_ufunc(e: Emitter, x: Any, y: Any, /, **options: Any) -> Sym:
    """The rule of ``np.power``."""
    x, y = operand(e, x), operand(e, y)
    if isinstance(x, Sym) and isinstance(y, (int, float, complex, np.generic)):
        return _constant(e, x, y, options)
    base, exponent = loop_operands(e, np.power, (x, y), **options)
    if base.dtype.kind == "i":
        _guard_not_negative(e, exponent)
    is_one = all(dim == 1 for dim in exponent.shape) and not _is_scalar(x)
    base, exponent = e.align((base, exponent))
    out = power(base, exponent)
    if is_one and base.dtype.kind == "f":
        # NumPy takes its loop for square roots, which has other answers for -inf and -0.0.
        half = equal(exponent, full_like(exponent, 0.5))
        out = select(half, sqrt(base), out)
    return Sym(out)


def _is_scalar(x: Any) -> bool:
    return not isinstance(x, Sym) or x.scalar or x.weak is not None


def _guard_not_negative(e: Emitter, exponent: Value) -> None:
    holds = greater_equal(exponent, full_like(exponent, 0))
    e.guard(all_(holds, axes=tuple(range(holds.ndim))), True)


def _constant(e: Emitter, x: Sym, y: Any, options: dict[str, Any]) -> Sym:
    """Return a power whose exponent is known now."""
    base, exponent = loop_operands(e, np.power, (x, y), **options)
    number = exponent.dtype.type(y)
    if base.dtype.kind == "c" or _is_scalar(x):
        return Sym(power(base, e.broadcast(exponent, base.shape)))
    return Sym(constant_power(base, number.item()))


def float_power(e: Emitter, x: Any, y: Any, /, **options: Any) -> Sym:
    """The rule of ``np.float_power``: at least in float64, without loops for single exponents."""
    return Sym(power(*e.align(loop_operands(e, np.float_power, (x, y), **options))))


def power_operator(e: Emitter, x: Any, y: Any) -> Sym:
    """The rule of ``x ** y``."""
    if isinstance(x, Sym) and not _is_scalar(x):
        if dtype_of(x) == BOOL:
            raise Unsupported("a power of booleans; cast them first")
        op = _fast_operation(x, y)
        if op is not None:
            return Sym(op(x.value))
    return power_ufunc(e, x, y)


def _fast_operation(x: Sym, y: Any) -> Op | None:
    """Return the operation that stands for a power with an exponent written as a number."""
    if x.dtype.kind not in "fc":
        return None
    if type(y) is int:
        return {-1: reciprocal, 2: square}.get(y)
    return sqrt if type(y) is float and y == 0.5 else None


RULES: dict[Any, Any] = {
    np.power: power_ufunc,
    np.float_power: float_power,
}
