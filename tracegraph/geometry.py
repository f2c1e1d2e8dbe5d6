"""How arrays lie in memory: offset, shape and strides of views and fresh arrays, in elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracegraph.ir.size_values import hint
from tracegraph.ir.sizes import Dim, Size
from tracegraph.ir.types import Shape
from tracegraph.numpy.emit import Unsupported
from tracegraph.standin import Step

Geometry = tuple[Dim, Shape, tuple[Dim, ...]]


def contiguous(shape: Shape) -> tuple[Dim, ...]:
    """Return the strides, in elements, of a C-contiguous array."""
    return strides_in_order(shape, tuple(range(len(shape))))


def strides_in_order(shape: Shape, order: tuple[int, ...]) -> tuple[Dim, ...]:
    """Return the strides of an array whose axes vary from slow to fast in ``order``."""
    strides: list[Dim] = [1] * len(shape)
    step: Dim = 1
    for axis in reversed(order):
        strides[axis] = step
        step = step * shape[axis]
    return tuple(strides)


def is_writeable(array: Any) -> bool:
    """Return ``array.flags.writeable``, which warns of what ``np.broadcast_arrays`` gave."""
    return bool(array.flags.num & WRITEABLE)


WRITEABLE = 0x400  # NPY_ARRAY_WRITEABLE


def axes_order(array: Any) -> tuple[int, ...]:
    """Return the axes of a real array from slow to fast."""
    if array.flags.c_contiguous:
        return tuple(range(array.ndim))
    return tuple(int(axis) for axis in np.argsort([-s for s in array.strides], kind="stable"))


def spacing(array: Any, order: tuple[int, ...]) -> int | None:
    """Return how many elements a real array's lie apart, None if that is irregular."""
    steps = [stride // array.itemsize for stride in array.strides]
    moving = [axis for axis in order if array.shape[axis] > 1]
    if not moving or array.transpose(order).flags.c_contiguous:
        return 1
    gap = steps[moving[-1]]
    expected = strides_in_order(array.shape, order)
    return gap if all(steps[axis] == gap * expected[axis] for axis in moving) else None


def view_geometry(shape: Shape, strides: tuple[Dim, ...], path: tuple[Step, ...]) -> Geometry:
    """Return offset, shape and strides of a view of memory with ``shape`` and ``strides``.

    Raises
    ------
    Unsupported
        The view has no strides: it was a copy.

    Notes
    -----
    Where places are computed, the offset is that of a view at the first ones.
    """
    geometry: Geometry = (0, shape, strides)
    for step in path:
        geometry = VIEW_STEPS[step.op.name](*geometry, **step.attrs)
    return geometry


def concrete(path: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return a path with every size replaced by the number seen."""
    return tuple(
        step._replace(attrs={name: _seen(value) for name, value in step.attrs.items()})
        for step in path
    )


def _seen(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_seen, value))
    return hint(value) if isinstance(value, Size) else value


def lies_as(real: Any, owner: Any, path: tuple[Step, ...]) -> bool:
    """Return whether a real view lies in its owner's memory as a path says.

    Along an axis of one element, and where there is none, strides say nothing.
    """
    if not owner.size:
        return True
    parts = 1 + any(step.op.name in PARTS for step in path)
    if owner.itemsize != parts * real.itemsize:
        return False
    steps = tuple(stride // owner.itemsize for stride in owner.strides)
    try:
        offset, shape, strides = view_geometry(owner.shape, steps, path)
    except Unsupported:
        return False
    start = real.__array_interface__["data"][0] - owner.__array_interface__["data"][0]
    pairs = zip(real.shape, real.strides, strides, strict=True)
    alike = all(length < 2 or seen == step * real.itemsize for length, seen, step in pairs)
    return alike and (start, real.shape) == (offset * real.itemsize, shape)


def _view_slice(
    offset: Dim, shape: Shape, strides: tuple[Dim, ...], /, *, start: Any, step: Any, **attrs: Any
) -> Geometry:
    for first, stride in zip(start, strides, strict=True):
        offset = offset + first * stride
    return offset, attrs["shape"], tuple(s * k for s, k in zip(strides, step, strict=True))


def _view_transpose(
    offset: Dim, shape: Shape, strides: tuple[Dim, ...], /, *, axes: tuple[int, ...]
) -> Geometry:
    return offset, tuple(shape[a] for a in axes), tuple(strides[a] for a in axes)


def _view_broadcast(
    offset: Dim, old: Shape, strides: tuple[Dim, ...], /, *, shape: Shape, axes: tuple[int, ...]
) -> Geometry:
    new: list[Dim] = [0] * len(shape)
    for axis, stride in zip(axes, strides, strict=True):
        new[axis] = stride
    return offset, shape, tuple(new)


def _view_reshape(
    offset: Dim, old: Shape, strides: tuple[Dim, ...], /, *, shape: Shape
) -> Geometry:
    # Of parts of complex numbers every stride is twice that of contiguous memory.
    apart = strides[-1] if strides else 1
    if strides == tuple(apart * stride for stride in contiguous(old)):
        return offset, shape, tuple(apart * stride for stride in contiguous(shape))
    kept = [(d, s) for d, s in zip(old, strides, strict=True) if d != 1]
    if tuple(d for d, _ in kept) != tuple(d for d in shape if d != 1):
        raise Unsupported("a reshaped view of strided memory is returned; return a copy")
    moving = iter(kept)
    return offset, shape, tuple(next(moving)[1] if d != 1 else 1 for d in shape)


def _view_at_places(
    offset: Dim, shape: Shape, strides: tuple[Dim, ...], /, *, axes: tuple[int, ...]
) -> Geometry:
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    return offset, tuple(shape[a] for a in kept), tuple(strides[a] for a in kept)


def _view_part(number: int) -> Callable[..., Geometry]:
    """Return the geometry of parts of complex numbers, in elements of their own dtype."""

    def step(offset: Dim, shape: Shape, strides: tuple[Dim, ...], /) -> Geometry:
        return 2 * offset + number, shape, tuple(2 * stride for stride in strides)

    return step


PARTS = ("real", "imag")
VIEW_STEPS: dict[str, Callable[..., Geometry]] = {
    "slice": _view_slice,
    "transpose": _view_transpose,
    "broadcast_to": _view_broadcast,
    "reshape": _view_reshape,
    "real": _view_part(0),
    "imag": _view_part(1),
    "gather": _view_at_places,
}
