"""The convolution of two sequences, by NumPy's own kernel. It is linear in each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracegraph.ir.graph import Op, Tangent, Value
from tracegraph.ir.lowering import CALLOUT
from tracegraph.ir.ops.arithmetic import add_tangents
from tracegraph.ir.ops.broadcast import batched_alike
from tracegraph.ir.ops.compose import flip
from tracegraph.ir.ops.family import type_error
from tracegraph.ir.ops.linalg import PLAIN, Zeros, settled
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import ArrayType


def _convolve_type(x: ArrayType, y: ArrayType, *, full: bool, zeros: Zeros = PLAIN) -> ArrayType:
    del zeros
    if x.dtype != y.dtype or x.ndim != y.ndim or not x.ndim or x.shape[:-1] != y.shape[:-1]:
        raise type_error("convolve", "[*batch, n] and [*batch, m] of one dtype", x, y)
    length = x.shape[-1] + y.shape[-1] - 1 if full else x.shape[-1] - y.shape[-1] + 1
    return x.with_shape((*x.shape[:-1], length))


def _convolve_eager(x: Any, y: Any, *, full: bool, zeros: Zeros = PLAIN) -> Any:
    if not any(zeros):
        return _convolved(x, y, full)
    with np.errstate(invalid="ignore", over="ignore", under="ignore"):
        found = _convolved(x, y, full)
        return settled(found, x, y, zeros, lambda x, y: _convolved(x, y, full))


def _convolved(x: Any, y: Any, full: bool) -> Any:
    if np.ndim(x) == 1:
        return np.convolve(x, y, "full" if full else "valid")
    extra = y.shape[-1] - 1
    out = np.empty((*x.shape[:-1], x.shape[-1] + (extra if full else -extra)), x.dtype)
    for place in np.ndindex(x.shape[:-1]):
        out[place] = np.convolve(x[place], y[place], "full" if full else "valid")
    return out


def _convolve_jvp(
    primals: Sequence[Value],
    tangents: Sequence[Tangent],
    out: Value,
    *,
    full: bool,
    zeros: Zeros = PLAIN,
) -> Tangent:
    del out
    (x, y), (dx, dy) = primals, tangents
    left = None if dx is None else convolve(dx, y, full=full, zeros=(True, zeros[1]))
    right = None if dy is None else convolve(x, dy, full=full, zeros=(zeros[0], True))
    return add_tangents(left, right)


def _convolve_transpose(
    ct: Value,
    operands: Sequence[Value],
    linear: Sequence[bool],
    *,
    full: bool,
    zeros: Zeros = PLAIN,
) -> list[Tangent]:
    x, y = operands
    last = ct.ndim - 1
    if linear[0]:
        return [convolve(ct, flip(y, last), full=not full, zeros=(True, zeros[1])), None]
    if full:
        return [None, convolve(ct, flip(x, last), full=False, zeros=(True, zeros[0]))]
    return [None, convolve(flip(x, last), ct, full=False, zeros=(zeros[0], True))]


def _convolve_batch(
    operands: Sequence[Value], batched: Sequence[bool], size: Dim, **attrs: Any
) -> Value:
    out: Value = convolve(*batched_alike(operands, batched, size), **attrs)
    return out


convolve: Op = Op(
    name="convolve",
    type_rule=_convolve_type,
    eager=_convolve_eager,
    lower=CALLOUT,
    jvp=_convolve_jvp,
    transpose=_convolve_transpose,
    batch=_convolve_batch,
)
"""``convolve(x, y, full=)`` along the last axis: every overlap, or those of the whole of y.

Without ``full`` y may not be longer than x. ``zeros`` is as in ``matmul``.
"""

OPS = (convolve,)
