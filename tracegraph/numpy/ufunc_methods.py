"""Methods of ufuncs: ``outer``, ``at``, ``reduceat`` and ``accumulate``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.arithmetic import negative
from tracegraph.ir.ops.compose import take_axis
from tracegraph.ir.ops.index import scatter_add
from tracegraph.ir.ops.indexed_update import UFUNCS as UPDATING
from tracegraph.ir.ops.indexed_update import update_at
from tracegraph.ir.ops.scan import cummax, cummin
from tracegraph.ir.types import BOOL
from tracegraph.numpy import powers, reductions, ufuncs
from tracegraph.numpy.arguments import array, axis_argument, join, no_out, reshaped
from tracegraph.numpy.emit import Emitter, Sym, Unsupported
from tracegraph.numpy.indexing import index_items, is_mask, select_parts

Rule = Callable[..., Sym]

MOST_PARTS = 64
"""How many parts ``reduceat`` takes one by one; more are left to NumPy."""


def outer(rule: Rule) -> Rule:
    """Return the rule of ``ufunc.outer``: each element of one array with each of another."""

    def combine(e: Emitter, x: Any, y: Any, /, **options: Any) -> Sym:
        first, second = array(e, x), array(e, y)
        column = reshaped(first, (*first.shape, *(1,) * second.ndim))
        return rule(e, Sym(column), Sym(second), **options)

    return combine


def _at(op: Callable[..., Value], ufunc: np.ufunc) -> Rule:
    """Return the rule of ``ufunc.at``: every update counts, also where places repeat."""

    def update(e: Emitter, x: Sym, indices: Any, b: Any) -> Sym:
        items = index_items(e, indices)
        if any(map(is_mask, items)) or not any(isinstance(item, Value) for item in items):
            raise Unsupported(f"np.{ufunc.__name__}.at takes arrays of integers; write x[index]")
        given = Sym(array(e, b)) if isinstance(b, (list, tuple)) else b
        types = ufuncs.loop_dtypes(ufunc, (Sym(x.value), given))
        if types[0] != x.dtype or types[-1] != x.dtype or x.dtype == BOOL:
            raise Unsupported("it computes in another dtype; cast the updates")
        update = e.value(given, types[1])
        if types[1] != x.dtype:
            raise Unsupported("it computes in another dtype; cast the updates")
        return Sym(select_parts(e, x.value, indices).write(e, x.value, update, op))

    return update


def _subtracting(base: Value, updates: Value, *indices: Value, axes: Any) -> Value:
    out: Value = scatter_add(base, negative(updates), *indices, axes=axes)
    return out


def _updating(name: str) -> Callable[..., Value]:
    return lambda *operands, axes: update_at(*operands, ufunc=name, axes=axes)


def _reduceat(rule: Rule) -> Rule:
    """Return the rule of ``ufunc.reduceat``, for places that are known."""

    def reduce(
        e: Emitter, a: Any, indices: Any, axis: Any = 0, dtype: Any = None, out: Any = None
    ) -> Sym:
        no_out(out)
        if dtype is not None:
            raise Unsupported("a dtype for partial reductions; cast their operand")
        x = array(e, a)
        at = axis_argument(axis, x.ndim)
        length = x.shape[at]
        known = isinstance(indices, (list, tuple)) and all(type(i) is int for i in indices)
        if not known or not isinstance(length, int) or not 0 < len(indices) <= MOST_PARTS:
            raise Unsupported("places that depend on data, or many; or a length that varies")
        parts = []
        for start, stop in zip(indices, (*indices[1:], length), strict=True):
            part = take_axis(x, at, start, max(stop - start, 1))
            parts.append(rule(e, Sym(part), at, keepdims=True).value)
        return Sym(join(parts, at))

    return reduce


def _accumulate(op: Any) -> Rule:
    """Return the rule of a running extreme."""

    def accumulate(
        e: Emitter, array_: Any, axis: Any = 0, dtype: Any = None, out: Any = None
    ) -> Sym:
        no_out(out)
        x = array(e, array_)
        if dtype is not None:
            raise Unsupported("a dtype for a running extreme; cast its operand")
        return Sym(op(x, axis=axis_argument(axis, x.ndim)))

    return accumulate


BINARY = {
    ufunc: rule
    for ufunc, rule in {**ufuncs.RULES, **powers.RULES}.items()
    if isinstance(ufunc, np.ufunc) and (ufunc.nin, ufunc.nout, ufunc.signature) == (2, 1, None)
}

RULES: dict[Any, Rule] = {
    **{ufunc.outer: outer(rule) for ufunc, rule in BINARY.items()},
    np.add.reduceat: _reduceat(reductions.sum_rule),
    np.multiply.reduceat: _reduceat(reductions.prod_rule),
    np.maximum.reduceat: _reduceat(reductions.max_rule),
    np.minimum.reduceat: _reduceat(reductions.min_rule),
    np.maximum.accumulate: _accumulate(cummax),
    np.minimum.accumulate: _accumulate(cummin),
}

WRITING: dict[Any, Rule] = {
    np.subtract.at: _at(_subtracting, np.subtract),
    **{getattr(np, name).at: _at(_updating(name), getattr(np, name)) for name in UPDATING},
}
"""Methods that write into their first argument."""
