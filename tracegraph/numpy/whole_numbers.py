"""Python's whole numbers that are computed from data: int64, with guards that nothing leaves it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Collection
from typing import Any

from tracegraph.ir.graph import Value
from tracegraph.ir.ops import bitwise, compare
from tracegraph.ir.ops.arithmetic import add, multiply, negative, subtract
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.cast import cast
from tracegraph.ir.ops.choice import maximum
from tracegraph.ir.ops.division import floor_divide, remainder
from tracegraph.ir.ops.power import power
from tracegraph.ir.ops.signs import absolute
from tracegraph.ir.rewrite import constant_of
from tracegraph.ir.types import BOOL, FLOAT64, INT64
from tracegraph.numpy.emit import Emitter, Unsupported

LIMIT = 2**62
"""Sums and differences of numbers below this are in int64."""

MOST = 16
"""The largest exponent of which the products are written out."""

WIDTH = 62
"""Numbers are shifted by fewer places than this."""

Rule = Callable[[Emitter, list[Value]], Value]


def _small(e: Emitter, value: Value) -> None:
    """Guard that a number is far enough from the ends of int64."""
    known = constant_of(value)
    if known is not None and abs(int(known)) < LIMIT:
        return
    for relation, limit in ((compare.less, LIMIT), (compare.greater, -LIMIT)):
        e.guard(relation(value, full_like(value, limit)), True)


def _with_small_operands(op: Any) -> Rule:
    def rule(e: Emitter, operands: list[Value]) -> Value:
        for operand in operands:
            _small(e, operand)
        result: Value = op(*operands)
        return result

    return rule


def _product(e: Emitter, operands: list[Value]) -> Value:
    about = absolute(multiply(*(cast(operand, dtype=FLOAT64) for operand in operands)))
    e.guard(compare.less(about, full_like(about, float(LIMIT))), True)
    product: Value = multiply(*operands)
    return product


def _quotient(op: Any) -> Rule:
    def rule(e: Emitter, operands: list[Value]) -> Value:
        dividend, divisor = operands
        _small(e, dividend)
        e.guard(compare.equal(divisor, full_like(divisor, 0)), False)
        result: Value = op(dividend, divisor)
        return result

    return rule


def _power(e: Emitter, operands: list[Value]) -> Value:
    """A power that is in int64; its exponent is not negative, or it would be a float."""
    base, exponent = operands
    known = constant_of(exponent)
    if known is not None and int(known) < 0:
        raise Unsupported(f"a whole number to the power of {known}; use float(x)")
    if known is not None and int(known) <= MOST:
        return _written_out(e, base, int(known))
    least = full_like(exponent, 0)
    e.guard(compare.less(exponent, least), False)
    _guard_power(e, base, exponent)
    result: Value = power(base, maximum(exponent, least))
    return result


def _written_out(e: Emitter, base: Value, exponent: int) -> Value:
    about = absolute(cast(base, dtype=FLOAT64))
    result, size = e.literal(1, INT64), e.literal(1, FLOAT64)
    for _ in range(exponent):
        result, size = multiply(result, base), multiply(size, about)
    e.guard(compare.less(size, full_like(size, float(LIMIT))), True)
    return result


def _guard_power(e: Emitter, base: Value, exponent: Value) -> None:
    """Guard that a power is small enough; those of 0, 1 and -1 are."""
    known = constant_of(base)
    if known is None:
        size = power(absolute(cast(base, dtype=FLOAT64)), cast(exponent, dtype=FLOAT64))
        e.guard(compare.less(size, full_like(size, float(LIMIT))), True)
    elif abs(int(known)) > 1:
        most = next(n for n in range(WIDTH + 1) if abs(int(known)) ** n >= LIMIT)
        e.guard(compare.less(exponent, full_like(exponent, most)), True)


def _shift(op: Any, *, grows: bool) -> Rule:
    def rule(e: Emitter, operands: list[Value]) -> Value:
        number, places = operands
        known = constant_of(places)
        if known is None or not 0 <= int(known) < WIDTH:
            e.guard(compare.less(places, full_like(places, 0)), False)
            e.guard(compare.less(places, full_like(places, WIDTH)), True)
        if grows:
            most = bitwise.right_shift(full_like(number, LIMIT), places)
            e.guard(compare.less(absolute(number), most), True)
        result: Value = op(number, places)
        return result

    return rule


def _plain(op: Any) -> Rule:
    return lambda e, operands: op(*operands)


ARITHMETIC: dict[Any, Rule] = {
    operator.add: _with_small_operands(add),
    operator.sub: _with_small_operands(subtract),
    operator.mul: _product,
    operator.floordiv: _quotient(floor_divide),
    operator.mod: _quotient(remainder),
    operator.pow: _power,
    operator.neg: _with_small_operands(negative),
    operator.abs: _with_small_operands(absolute),
    operator.pos: _plain(lambda value: value),
    operator.invert: _plain(bitwise.invert),
    operator.lshift: _shift(bitwise.left_shift, grows=True),
    operator.rshift: _shift(bitwise.right_shift, grows=False),
}
COMPARISONS: dict[Any, Rule] = {
    operator.lt: _plain(compare.less),
    operator.le: _plain(compare.less_equal),
    operator.gt: _plain(compare.greater),
    operator.ge: _plain(compare.greater_equal),
    operator.eq: _plain(compare.equal),
    operator.ne: _plain(compare.not_equal),
}
LOGIC: dict[Any, Rule] = {
    operator.and_: _plain(bitwise.bitwise_and),
    operator.or_: _plain(bitwise.bitwise_or),
    operator.xor: _plain(bitwise.bitwise_xor),
}
IN_PLACE: dict[Any, Any] = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.ifloordiv: operator.floordiv,
    operator.imod: operator.mod,
    operator.ipow: operator.pow,
    operator.ilshift: operator.lshift,
    operator.irshift: operator.rshift,
    operator.iand: operator.and_,
    operator.ior: operator.or_,
    operator.ixor: operator.xor,
}
RULES: dict[Any, Rule] = {**ARITHMETIC, **COMPARISONS, **LOGIC}


def is_small(number: Any) -> bool:
    """Return whether a real whole number is one that the guards let pass."""
    return bool(-LIMIT < number < LIMIT)


def is_followed(function: Any, kinds: Collection[type]) -> bool:
    """Return whether a function of Python numbers of these types is one of whole numbers."""
    return IN_PLACE.get(function, function) in RULES and {int, bool}.issuperset(kinds)


def computed(e: Emitter, function: Any, operands: list[Any], result: type) -> Value:
    """Return what a function of whole numbers gives, an int or a bool."""
    function = IN_PLACE.get(function, function)
    if result is float:
        raise Unsupported("a whole number to the power of a negative one; use float(x)")
    of_bools = function in LOGIC and result is bool
    values = [e.value(operand, BOOL if of_bools else INT64) for operand in operands]
    return RULES[function](e, values)
