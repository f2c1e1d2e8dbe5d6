"""Choosing between arrays by conditions or numbers, and blocks of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.choice import maximum, minimum, select
from tracegraph.ir.ops.compare import (
    equal,
    greater_equal,
    less,
    logical_and,
    logical_not,
    logical_or,
)
from tracegraph.ir.ops.compose import take_axis
from tracegraph.ir.ops.division import remainder
from tracegraph.ir.ops.reduce import all_
from tracegraph.ir.types import BOOL, INT64
from tracegraph.numpy.arguments import array, no_out, reshaped, same_dtype
from tracegraph.numpy.emit import Emitter, Sym, Unsupported, result_type
from tracegraph.numpy.joining import joined
from tracegraph.numpy.ufuncs import operand

MOST_CHOICES = 64
"""How many arrays are chosen from by comparisons; more are left to NumPy."""


def select_rule(e: Emitter, condlist: Any, choicelist: Any, default: Any = 0) -> Sym:
    """The rule of ``np.select``: the first condition that holds decides."""
    conditions, choices = (_parts(e, parts) for parts in (condlist, choicelist))
    choices = [operand(e, choice) for choice in choices]
    default = operand(e, default)
    common = result_type(*choices, default)
    values = [e.cast(array(e, condition), BOOL) for condition in conditions]
    values = e.align([*values, *(e.value(choice, common) for choice in (*choices, default))])
    count = len(conditions)
    result = values[-1]
    for condition, choice in zip(values[:count][::-1], values[count:-1][::-1], strict=True):
        result = select(condition, choice, result)
    return Sym(result, fresh=True)


def _parts(e: Emitter, parts: Any) -> list[Any]:
    """Return a sequence of arrays, which may be an array, as a list."""
    if not isinstance(parts, Sym):
        return list(parts)
    count, rest = parts.shape[0], parts.shape[1:]
    if not isinstance(count, int) or count > MOST_CHOICES:
        raise Unsupported("a number of choices that varies, or is large; make them a list")
    return [Sym(reshaped(take_axis(parts.value, 0, at, 1), rest)) for at in range(count)]


def choose(e: Emitter, a: Any, choices: Any, out: Any = None, mode: Any = "raise") -> Sym:
    """The rule of ``np.choose``."""
    no_out(out)
    options = _parts(e, choices)
    if not 0 < len(options) <= MOST_CHOICES:
        raise Unsupported("no choices, or many")
    options = [operand(e, option) for option in options]
    common = result_type(*options)
    values = [e.value(option, common) for option in options]
    index, *values = e.align([e.cast(array(e, a), INT64), *values])
    count, zero = full_like(index, len(values)), full_like(index, 0)
    if mode == "wrap":
        index = remainder(index, count)
    elif mode == "clip":
        index = minimum(maximum(index, zero), full_like(index, len(values) - 1))
    else:
        inside = logical_and(greater_equal(index, zero), less(index, count))
        e.guard(all_(inside, axes=tuple(range(inside.ndim))), True)
    result = values[-1]
    for at, value in reversed(list(enumerate(values[:-1]))):
        result = select(equal(index, full_like(index, at)), value, result)
    return Sym(result, fresh=True)


def block(e: Emitter, arrays: Any) -> Sym:
    """The rule of ``np.block``: nested lists are joined along the last axes."""
    depth = _depth(arrays)
    values = [array(e, leaf) for leaf in _leaves(arrays, depth)]
    ndim = max(depth, *(value.ndim for value in values))
    common = np.result_type(*(value.dtype for value in values))
    parts = iter([_leading_ones(e.cast(value, common), ndim) for value in values])
    return Sym(_joined(e, arrays, depth, parts), fresh=True)


def _depth(arrays: Any) -> int:
    depth = 0
    while isinstance(arrays, list):
        arrays, depth = arrays[0], depth + 1
    return depth


def _leaves(arrays: Any, depth: int) -> list[Any]:
    if not depth:
        return [arrays]
    return [leaf for part in arrays for leaf in _leaves(part, depth - 1)]


def _leading_ones(x: Value, ndim: int) -> Value:
    return reshaped(x, (*(1,) * (ndim - x.ndim), *x.shape))


def _joined(e: Emitter, arrays: Any, depth: int, parts: Any) -> Value:
    if not depth:
        part: Value = next(parts)
        return part
    return joined(e, [_joined(e, each, depth - 1, parts) for each in arrays], -depth)


def isin(
    e: Emitter,
    element: Any,
    test_elements: Any,
    assume_unique: Any = False,
    invert: Any = False,
    *,
    kind: Any = None,
) -> Sym:
    """The rule of ``np.isin``: each element is compared with a few others."""
    del assume_unique, kind  # they say how NumPy finds what is the same
    x, others = array(e, element), array(e, test_elements)
    others = reshaped(others, (others.type.size,))
    count = others.shape[0]
    if not isinstance(count, int) or count > MOST_CHOICES:
        raise Unsupported("many elements to compare with")
    if x.dtype != others.dtype and {x.dtype.kind, others.dtype.kind} & set("u"):
        raise Unsupported("signed and unsigned integers")
    x, others = same_dtype(e, (Sym(x), Sym(others)))
    found = e.full(x.shape, False, BOOL)
    for at in range(count):
        other = reshaped(take_axis(others, 0, at, 1), ())
        found = logical_or(found, equal(x, e.broadcast(other, x.shape)))
    return Sym(equal(found, full_like(found, False)) if invert else found, fresh=True)


def conditions_of(e: Emitter, x: Sym, condlist: Any, count: int) -> list[Value]:
    """Return the conditions of ``np.piecewise``; one that is missing holds where none else does."""
    is_one = not isinstance(condlist, (list, tuple)) and array(e, condlist).ndim <= 1
    parts = [condlist] if is_one else _parts(e, condlist)
    if not all(isinstance(part, (Sym, list)) for part in parts) and x.ndim:
        parts = [parts]  # one condition, written as a list of its elements
    conditions = [e.cast(array(e, part), BOOL) for part in parts]
    for condition in conditions:
        e.must_equal(condition.shape, x.shape)
    if len(conditions) == count - 1:
        found = conditions[0]
        for condition in conditions[1:]:
            found = logical_or(found, condition)
        conditions.append(logical_not(found))
    if len(conditions) != count:
        raise Unsupported(f"{len(conditions)} conditions for {count} functions")
    return conditions


def chosen(e: Emitter, x: Value, conditions: list[Value], results: list[Any]) -> Value:
    """Return for each element the result of the last condition that holds, else 0."""
    out = full_like(x, 0)
    for condition, result in zip(conditions, results, strict=True):
        out = select(condition, e.broadcast(array(e, result, x.dtype), x.shape), out)
    return out


def piecewise(e: Emitter, x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Sym:
    """The rule of ``np.piecewise`` where the functions are numbers."""
    del args, kw  # only functions take them
    value = array(e, x)
    if any(map(callable, funclist)):
        raise Unsupported("functions of elements without values, as inside vmap; use np.select")
    conditions = conditions_of(e, Sym(value), condlist, len(funclist))
    return Sym(chosen(e, value, conditions, list(funclist)), fresh=True)


RULES: dict[Any, Any] = {
    np.piecewise: piecewise,
    np.select: select_rule,
    np.choose: choose,
    np.block: block,
    np.isin: isin,
}
