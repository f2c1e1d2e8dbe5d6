"""Convolution and correlation of sequences."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.complexes import conjugate
from tracegraph.ir.ops.compose import flip, take_axis
from tracegraph.ir.ops.convolve import convolve
from tracegraph.ir.sizes import floordiv
from tracegraph.numpy.arguments import reshaped, same_dtype
from tracegraph.numpy.emit import Emitter, Sym, Unsupported

MODES = {0: "valid", 1: "same", 2: "full"}


def convolve_rule(e: Emitter, a: Any, v: Any, mode: Any = "full") -> Sym:
    """The rule of ``np.convolve``: the longer sequence comes first."""
    x, y = (reshaped(each, (1,)) if not each.ndim else each for each in same_dtype(e, (a, v)))
    if not e.holds(y.shape[0], "<=", x.shape[0]):
        x, y = y, x
    return Sym(_overlaps(e, x, y, mode))


def correlate_rule(e: Emitter, a: Any, v: Any, mode: Any = "valid") -> Sym:
    """The rule of ``np.correlate``, of a sequence with one that is not longer."""
    x, y = same_dtype(e, (a, v))
    if not e.holds(y.shape[0], "<=", x.shape[0]):
        raise Unsupported("the second sequence is longer; NumPy adds in another order")
    return Sym(_overlaps(e, x, conjugate(flip(y, 0)) if y.dtype.kind == "c" else flip(y, 0), mode))


def _overlaps(e: Emitter, x: Value, y: Value, mode: Any) -> Value:
    if not e.holds(1, "<=", y.shape[0]):
        raise Unsupported("an empty sequence")
    name = MODES.get(mode, mode)
    whole: Value = convolve(x, y, full=name != "valid")
    if name != "same":
        return whole
    return take_axis(whole, 0, floordiv(y.shape[0] - 1, 2), x.shape[0])


RULES: dict[Any, Any] = {np.convolve: convolve_rule, np.correlate: correlate_rule}
