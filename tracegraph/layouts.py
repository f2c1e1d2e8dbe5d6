"""How arrays that have no values would lie in memory.

NumPy is run on examples in their place, and says what is a view and what a copy: reshaping gives a
view where the elements lie in order, and a copy where they do not. So examples lie as the arrays
would of which they are examples.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tracegraph.geometry import axes_order, contiguous, strides_in_order, view_geometry
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.size_values import hint
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import ArrayType
from tracegraph.numpy.callouts import example_of
from tracegraph.standin import Storage, Traced

Order = tuple[int, ...]


def example_for(traced: Traced, type: ArrayType) -> Any:
    """Return an example of an array, which is a view of memory that is nobody else's."""
    example, storage = example_of(type), traced.storage
    if traced.path or storage.array is not None or storage.order is not None:
        strides = [1 if (known := hint(step)) is None else known for step in _strides(traced)]
        if tuple(strides) != contiguous(example.shape):
            example = _laid_out(example, strides)
    found = example[...]
    found.flags.writeable = not storage.is_read_only
    return found


def order_of(traced: Traced) -> Order | None:
    """Return the axes of an array from slow to fast; None if it is C-contiguous."""
    if not traced.path and traced.storage.array is None:
        return traced.storage.order
    return order_like(example_for(traced, traced.value.type))


def order_like(array: Any) -> Order | None:
    """Return the axes of a real array from slow to fast; None if it has some and is C-contiguous.

    One whose elements lie apart has an order that no other has.
    """
    if array.ndim and array.flags.c_contiguous:
        return None
    order = axes_order(array)
    return order if array.transpose(order).flags.c_contiguous else (*order, array.ndim)


def lay_like(storage: Storage, array: Any) -> None:
    """Let memory without values be that of an array that lies as a real one does."""
    storage.order = order_like(array)
    if storage.order is not None and len(storage.order) > array.ndim:
        storage.strides = tuple(_steps(array))


def copy_like(array: Any) -> Any:
    """Return a copy of an array that lies in memory as it does."""
    return _laid_out(array, _steps(array))


def _steps(array: Any) -> list[int]:
    """Return the strides of a real array, in elements."""
    return [step // array.itemsize for step in array.strides]


def _strides(traced: Traced) -> tuple[Dim, ...]:
    storage = traced.storage
    shape = storage.value.shape
    _, _, strides = view_geometry(shape, _strides_of_memory(storage), traced.path)
    return strides


def _strides_of_memory(storage: Storage) -> tuple[Dim, ...]:
    shape = storage.value.shape
    if isinstance(storage.array, np.ndarray) and storage.array.ndim == len(shape):
        return tuple(_steps(storage.array))
    order = storage.order or tuple(range(len(shape)))
    if storage.strides is not None:
        return storage.strides
    if len(order) > len(shape):
        raise AbstractValueError(
            "how an array without value lies in memory is not known; use np.ascontiguousarray"
        )
    return strides_in_order(shape, order)


def _laid_out(example: Any, strides: list[int]) -> Any:
    """Return an array of the same content with these strides, in elements."""
    ends = [step * (length - 1) for step, length in zip(strides, example.shape, strict=True)]
    first = -sum(end for end in ends if end < 0)
    memory = np.zeros(first + sum(end for end in ends if end > 0) + 1, example.dtype)
    steps = [step * example.itemsize for step in strides]
    found = np.ndarray(example.shape, example.dtype, memory, first * example.itemsize, steps)
    found[...] = example
    return found
