"""Methods and attributes of arrays, by name. They differ from the functions in their signatures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracegraph.ir.ops.complexes import imag, real
from tracegraph.ir.ops.structural import transpose
from tracegraph.numpy import creation, manipulation, reductions
from tracegraph.numpy.arguments import c_order, dtype_argument, only
from tracegraph.numpy.emit import Emitter, Sym, Unsupported
from tracegraph.numpy.linalg import RULES as PRODUCTS
from tracegraph.numpy.ufuncs import RULES as UFUNCS
from tracegraph.numpy.ufuncs import loop_value, operand

Rule = Callable[..., Any]


def reshape(e: Emitter, x: Sym, *shape: Any, order: Any = "C", copy: Any = None) -> Sym:
    """The rule of ``x.reshape``."""
    wanted = shape[0] if len(shape) == 1 else shape
    return manipulation.reshape(e, x, wanted, order, copy=copy)


METHODS: dict[str, Rule] = {
    "sum": reductions.sum_rule,
    "mean": reductions.mean_rule,
    "reshape": reshape,
}
VIEW_ATTRIBUTES: dict[str, Rule] = {"T": manipulation.transpose}
