"""Finding, sorting, sets, and taking elements by their places."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from tracegraph.array_api.signatures import Operand
from tracegraph.dispatch import apply
from tracegraph.tensor import Tensor, wrap

Side = Literal["left", "right"]


class UniqueAll(NamedTuple):
    """What ``unique_all`` gives."""

    values: Tensor
    indices: Tensor
    inverse_indices: Tensor
    counts: Tensor


class UniqueCounts(NamedTuple):
    """What ``unique_counts`` gives."""

    values: Tensor
    counts: Tensor


class UniqueInverse(NamedTuple):
    """What ``unique_inverse`` gives."""

    values: Tensor
    inverse_indices: Tensor


def nonzero(x: Tensor, /) -> tuple[Tensor, ...]:
    """Return the indices of the elements that are not zero, one array for each axis."""
    return tuple(wrap(apply(np.nonzero, x)))


def searchsorted(
    x1: Tensor, x2: Operand, /, *, side: Side = "left", sorter: Tensor | None = None
) -> Tensor:
    """Return where in ``x1``, which is in order, elements would keep it so."""
    found: Tensor = wrap(apply(np.searchsorted, x1, x2, side=side, sorter=sorter))
    return found


def where(condition: Tensor, x1: Operand, x2: Operand, /) -> Tensor:
    """Return elements of ``x1`` where the condition holds, of ``x2`` elsewhere."""
    chosen: Tensor = wrap(apply(np.where, condition, x1, x2))
    return chosen


def take(x: Tensor, indices: Tensor, /, *, axis: int | None = None) -> Tensor:
    """Return what lies at some indices along an axis."""
    taken: Tensor = wrap(apply(np.take, x, indices, axis=axis))
    return taken


def take_along_axis(x: Tensor, indices: Tensor, /, *, axis: int = -1) -> Tensor:
    """Return the elements at the places that ``indices`` gives along an axis."""
    taken: Tensor = wrap(apply(np.take_along_axis, x, indices, axis=axis))
    return taken


def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """Return a copy whose elements are in order along an axis.

    Examples
    --------
    >>> from tracegraph import array_api as xp
    >>> xp.sort(xp.asarray([2, 3, 1]), descending=True)
    Tensor([3, 2, 1])
    """
    ordered = apply(np.sort, x, axis=axis, stable=stable)
    return Tensor(apply(np.flip, ordered, axis=axis) if descending else ordered)


def argsort(
    x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True
) -> Tensor:
    """Return the indices that put an array in order along an axis."""
    if not descending:
        return Tensor(apply(np.argsort, x, axis=axis, stable=stable))
    # Equal elements keep their order only if they are sorted from the other end.
    places = apply(np.argsort, apply(np.flip, x, axis=axis), axis=axis, stable=stable)
    return Tensor(x.shape[axis] - 1 - apply(np.flip, places, axis=axis))


def isin(x1: Operand, x2: Operand, /, *, invert: bool = False) -> Tensor:
    """Return of each element of ``x1`` whether it is one of ``x2``."""
    found: Tensor = wrap(apply(np.isin, x1, x2, invert=invert))
    return found


def unique_values(x: Tensor, /) -> Tensor:
    """Return each element once."""
    values: Tensor = wrap(apply(np.unique_values, x))
    return values


def unique_counts(x: Tensor, /) -> UniqueCounts:
    """Return each element once, and how often it occurs."""
    return UniqueCounts(*wrap(apply(np.unique_counts, x)))


def unique_inverse(x: Tensor, /) -> UniqueInverse:
    """Return each element once, and the indices that make ``x`` of these."""
    return UniqueInverse(*wrap(apply(np.unique_inverse, x)))


def unique_all(x: Tensor, /) -> UniqueAll:
    """Return each element once, where it occurs first, and what the two functions above give."""
    return UniqueAll(*wrap(apply(np.unique_all, x)))
