"""``ufunc.at`` for ufuncs other than addition: every update counts, in order."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from tracegraph.ir.graph import Derivative, Op, Value
from tracegraph.ir.lowering import CALLOUT
from tracegraph.ir.ops.family import ANY
from tracegraph.ir.ops.index import Axes, scatter_batch, scatter_eager, scatter_type
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import ArrayType

UFUNCS = ("multiply", "maximum", "minimum", "fmax", "fmin", "bitwise_or", "bitwise_and",
          "bitwise_xor", "divide")  # fmt: skip
"""The ufuncs by name."""


def _type(*types: ArrayType, ufunc: str, axes: Axes) -> ArrayType:
    if ufunc not in UFUNCS:
        raise TypeError(f"update_at needs one of {', '.join(UFUNCS)}, got {ufunc}")
    return scatter_type("update_at", ANY)(*types, axes=axes)


def _eager(base: Any, updates: Any, *indices: Any, ufunc: str, axes: Axes) -> Any:
    return scatter_eager(getattr(np, ufunc).at)(base, updates, *indices, axes=axes)


def _batch(
    operands: Sequence[Value], batched: Sequence[bool], size: Dim, *, ufunc: str, axes: Axes
) -> Value:
    return scatter_batch(operands, batched, size, partial(update_at, ufunc=ufunc), axes)


update_at: Op = Op(
    name="update_at",
    type_rule=_type,
    eager=_eager,
    lower=CALLOUT,
    jvp=Derivative.NONE,
    transpose=None,
    batch=_batch,
)
"""``update_at(base, updates, *indices, ufunc=, axes=)``: base combined with each update."""

OPS = (update_at,)
