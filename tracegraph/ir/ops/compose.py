"""Compositions that the rules of several families need."""

from __future__ import annotations

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.boxes import slice_
from tracegraph.ir.ops.creation import iota
from tracegraph.ir.ops.structural import transpose
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import INT64, DType, Shape


def iota_beside(x: Value, shape: Shape, axis: int, dtype: DType = INT64) -> Value:
    """Return positions along an axis of ``shape``, in the graph of ``x``."""
    return x.builder.emit(iota, (), {"shape": shape, "axis": axis, "dtype": dtype})


def move_axis(x: Value, source: int, destination: int) -> Value:
    """Return ``x`` with one axis moved, the others staying in order."""
    if source == destination:
        return x
    axes = [axis for axis in range(x.ndim) if axis != source]
    axes.insert(destination, source)
    out: Value = transpose(x, axes=tuple(axes))
    return out


def take_axis(x: Value, axis: int, start: Dim, length: Dim, step: int = 1) -> Value:
    """Return part of one axis: ``length`` places from ``start`` on."""
    out: Value = slice_(
        x,
        start=tuple(start if i == axis else 0 for i in range(x.ndim)),
        shape=(*x.shape[:axis], length, *x.shape[axis + 1 :]),
        step=tuple(step if i == axis else 1 for i in range(x.ndim)),
    )
    return out


def flip(x: Value, axis: int) -> Value:
    """Return ``x`` with one axis reversed."""
    length = x.shape[axis]
    return take_axis(x, axis, length - 1, length, -1)
