"""Other arrangements of the same elements."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracegraph.array_api.signatures import Axes
from tracegraph.dispatch import apply
from tracegraph.tensor import Tensor, wrap


def broadcast_arrays(*arrays: Tensor) -> tuple[Tensor, ...]:
    """Return arrays as views of one shape."""
    return tuple(wrap(apply(np.broadcast_arrays, *arrays)))


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """Return the one shape that arrays of some shapes take together."""
    return tuple(np.broadcast_shapes(*shapes))


def broadcast_to(x: Tensor, /, shape: tuple[int, ...]) -> Tensor:
    """Return an array as a view of a larger shape."""
    spread: Tensor = wrap(apply(np.broadcast_to, x, shape))
    return spread


def concat(arrays: Sequence[Tensor], /, *, axis: int | None = 0) -> Tensor:
    """Return arrays one after the other along an axis that they have; flat if it is None."""
    joined: Tensor = wrap(apply(np.concat, list(arrays), axis=axis))
    return joined


def stack(arrays: Sequence[Tensor], /, *, axis: int = 0) -> Tensor:
    """Return arrays one after the other along a new axis."""
    joined: Tensor = wrap(apply(np.stack, list(arrays), axis=axis))
    return joined


def unstack(x: Tensor, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """Return the parts of an array along an axis, as views."""
    return tuple(wrap(apply(np.moveaxis, x, axis, 0)))


def expand_dims(x: Tensor, /, axis: Axes) -> Tensor:
    """Return a view with new axes of length 1, at these places of the result."""
    expanded: Tensor = wrap(apply(np.expand_dims, x, axis))
    return expanded


def squeeze(x: Tensor, /, axis: Axes) -> Tensor:
    """Return a view without these axes, whose length is 1."""
    squeezed: Tensor = wrap(apply(np.squeeze, x, axis))
    return squeezed


def flip(x: Tensor, /, *, axis: Axes | None = None) -> Tensor:
    """Return a view with the elements in reverse order along some axes."""
    flipped: Tensor = wrap(apply(np.flip, x, axis=axis))
    return flipped


def moveaxis(x: Tensor, source: Axes, destination: Axes, /) -> Tensor:
    """Return a view with axes moved, the others in order."""
    moved: Tensor = wrap(apply(np.moveaxis, x, source, destination))
    return moved


def permute_dims(x: Tensor, /, axes: tuple[int, ...]) -> Tensor:
    """Return a view with the axes in another order."""
    permuted: Tensor = wrap(apply(np.permute_dims, x, axes))
    return permuted


def repeat(x: Tensor, repeats: int | Tensor, /, *, axis: int | None = None) -> Tensor:
    """Return an array in which elements are repeated."""
    repeated: Tensor = wrap(apply(np.repeat, x, repeats, axis=axis))
    return repeated


def reshape(x: Tensor, /, shape: tuple[int, ...], *, copy: bool | None = None) -> Tensor:
    """Return the elements in another shape; a view if that can be and ``copy`` is not True."""
    options = {} if copy is None else {"copy": copy}
    shaped: Tensor = wrap(apply(np.reshape, x, shape, **options))
    return shaped


def roll(x: Tensor, /, shift: Axes, *, axis: Axes | None = None) -> Tensor:
    """Return an array with its elements shifted; what leaves at an end comes in at the other."""
    shifted: Tensor = wrap(apply(np.roll, x, shift, axis=axis))
    return shifted


def tile(x: Tensor, repetitions: tuple[int, ...], /) -> Tensor:
    """Return an array that is repeated along each axis."""
    tiled: Tensor = wrap(apply(np.tile, x, repetitions))
    return tiled
