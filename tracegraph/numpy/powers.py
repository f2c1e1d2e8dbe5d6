"""Powers: what NumPy computes depends on how the exponent is given.

=====================  =========================================================================
``x ** 2``, ``** -1``  exact Python ints, arrays of floats or complex: square, reciprocal
``x ** 0.5``           the exact Python float, arrays of floats or complex: the square root
one exponent for all   real floats: loops of their own for -1, 0, 0.5, 1 and 2
NumPy scalars          the C library's power
=====================  =========================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracegraph.ir.graph import Op, Value
from tracegraph.ir.ops.arithmetic import add, reciprocal, square
from tracegraph.ir.ops.broadcast import full_like, literal
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import equal, greater_equal
from tracegraph.ir.ops.power import constant_power, power, sqrt
from tracegraph.ir.ops.reduce import all_
from tracegraph.ir.sizes import Size
from tracegraph.ir.types import BOOL
from tracegraph.numpy.arguments import is_array_like
from tracegraph.numpy.emit import Emitter, Sym, Unsupported, dtype_of
from tracegraph.numpy.ufuncs import loop_operands, operand


def power_ufunc(e: Emitter, x: Any, y: Any, /, **options: Any) -> Sym:
    """The rule of ``np.power``."""
    return Sym(_power(e, loop_root, *_integers_checked(e, x, y, options)), fresh=True)


def _integers_checked(e: Emitter, x: Any, y: Any, options: dict[str, Any]) -> list[Value]:
    """Return base and exponent; a negative exponent of integers is NumPy's error."""
    x, y = operand(e, x), operand(e, y)
    base, exponent = loop_operands(e, np.power, (x, y), **options)
    if base.dtype.kind == "i" and isinstance(y, (Sym, Size)):
        holds = greater_equal(exponent, full_like(exponent, 0))
        e.guard(all_(holds, axes=tuple(range(holds.ndim))), True)
    return [base, exponent]


def float_power(e: Emitter, x: Any, y: Any, /, **options: Any) -> Sym:
    """The rule of ``np.float_power``: at least in float64, without loops for single exponents."""
    x, y = operand(e, x), operand(e, y)
    return Sym(_power(e, root, *loop_operands(e, np.float_power, (x, y), **options)), fresh=True)


def _is_number(x: Any) -> bool:
    """Return whether an operand is a number, not an array without axes."""
    return not isinstance(x, Sym) or x.scalar or x.weak is not None


def root(x: Value) -> Value:
    """Return ``pow(x, 0.5)`` of the C library, which is no NaN of -inf and has no negative zero."""
    is_lowest = equal(x, full_like(x, -np.inf))
    usual = sqrt(add(x, full_like(x, 0)))
    out: Value = select(is_lowest, full_like(x, np.inf), usual)
    return out


with np.errstate(invalid="ignore"):
    _has_root_loop = bool(np.isnan(np.power(np.array([-np.inf]), 0.5))[0])
loop_root: Callable[..., Value] = sqrt if _has_root_loop else root
"""``np.power(x, 0.5)``: since NumPy 2.3 its loops take the square root."""


def _power(e: Emitter, half_power: Callable[..., Value], base: Value, exponent: Value) -> Value:
    number = known_number(exponent)
    is_one = all(dim == 1 for dim in exponent.shape)
    if base.dtype.kind == "c" or not is_one:
        return power(*e.align((base, exponent)))  # type: ignore[no-any-return]  # untyped call
    if number is not None:
        base = e.broadcast(base, e.broadcast_shape(base.shape, exponent.shape))
        return half_power(base) if number == 0.5 else constant_power(base, number)
    base, exponent = e.align((base, exponent))
    out: Value = power(base, exponent)
    if base.dtype.kind == "f":
        out = select(equal(exponent, full_like(exponent, 0.5)), half_power(base), out)
    return out


def known_number(exponent: Value) -> complex | None:
    """Return the number that a literal is, or None."""
    value = dict(exponent.node.attrs).get("value") if exponent.node.op is literal else None
    number: complex | None = None if value is None else value.item()
    return number


def power_operator(e: Emitter, x: Any, y: Any, /, mod: Any = None) -> Sym:
    """The rule of ``x ** y`` and of ``pow``."""
    if mod is not None:
        raise Unsupported("pow with a modulus")
    if _is_number(x) and _is_number(y):
        return Sym(_power(e, root, *_integers_checked(e, x, y, {})), fresh=True)
    if isinstance(x, Sym):
        if dtype_of(x) == BOOL:
            raise Unsupported("a power of booleans; cast them first")
        op = _fast_operation(x, y)
        if op is not None:
            return Sym(op(x.value))
    half_power = loop_root if is_array_like(y) else sqrt
    return Sym(_power(e, half_power, *_integers_checked(e, x, y, {})), fresh=True)


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
