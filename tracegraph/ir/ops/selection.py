"""Selecting by data: how many elements there are is known when the data is."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.graph import Derivative, Op
from tracegraph.ir.lowering import Places
from tracegraph.ir.ops.family import type_error
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import BOOL, INT64, ArrayType


def _flatnonzero_type(mask: ArrayType, *, count: Dim) -> ArrayType:
    if mask.dtype != BOOL or mask.ndim != 1:
        raise type_error("flatnonzero", "a mask with one axis", mask)
    return ArrayType(INT64, (count,))


def _flatnonzero_batch(*_: Any, **__: Any) -> NoReturn:
    raise AbstractValueError(
        "a mask selects another number of elements in each example of a batch: use np.where, "
        "which keeps all places"
    )


flatnonzero: Op = Op(
    name="flatnonzero",
    type_rule=_flatnonzero_type,
    eager=lambda mask, *, count: np.flatnonzero(mask),
    lower=Places(),
    jvp=Derivative.ZERO,
    transpose=None,
    batch=_flatnonzero_batch,
    counts="count",
)
"""``flatnonzero(mask, count=)``: the places where a mask holds, in order.

``count`` is a symbol of its own for each mask, or a number where a guard has found it to be that.
"""

OPS = (flatnonzero,)
