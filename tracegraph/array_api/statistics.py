"""Reductions, running sums and products, differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracegraph.array_api.signatures import (
    Accumulation,
    Axes,
    Deviation,
    DType,
    Reduction,
    Search,
    of_tensors,
)
from tracegraph.dispatch import apply
from tracegraph.tensor import Tensor, wrap

all: Reduction = of_tensors(np.all)
any: Reduction = of_tensors(np.any)
max: Reduction = of_tensors(np.max)
mean: Reduction = of_tensors(np.mean)
min: Reduction = of_tensors(np.min)
prod: Accumulation = of_tensors(np.prod)
std: Deviation = of_tensors(np.std)
sum: Accumulation = of_tensors(np.sum)
var: Deviation = of_tensors(np.var)
argmax: Search = of_tensors(np.argmax)
argmin: Search = of_tensors(np.argmin)


def count_nonzero(x: Tensor, /, *, axis: Axes | None = None, keepdims: bool = False) -> Tensor:
    """Return how many elements along some axes are not zero."""
    counts = apply(np.count_nonzero, x, axis=axis, keepdims=keepdims)
    return Tensor(apply(np.asarray, counts))


def diff(
    x: Tensor,
    /,
    *,
    axis: int = -1,
    n: int = 1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:
    """Return differences of neighbours along an axis, ``n`` times."""
    ends = {"prepend": prepend, "append": append}
    given = {name: end for name, end in ends.items() if end is not None}
    differences: Tensor = wrap(apply(np.diff, x, n=n, axis=axis, **given))
    return differences


def cumulative_sum(
    x: Tensor,
    /,
    *,
    axis: int | None = None,
    dtype: DType | None = None,
    include_initial: bool = False,
) -> Tensor:
    """Return running sums along an axis, with a zero before them on request.

    Raises
    ------
    ValueError
        If no axis is given and there is not exactly one.

    Examples
    --------
    >>> from tracegraph import array_api as xp
    >>> xp.cumulative_sum(xp.asarray([1, 2, 3]), include_initial=True)
    Tensor([0, 1, 3, 6])
    """
    return _running(np.cumsum, np.zeros, x, axis, dtype, include_initial)


def cumulative_prod(
    x: Tensor,
    /,
    *,
    axis: int | None = None,
    dtype: DType | None = None,
    include_initial: bool = False,
) -> Tensor:
    """Return running products along an axis, with a one before them on request.

    Raises
    ------
    ValueError
        If no axis is given and there is not exactly one.
    """
    return _running(np.cumprod, np.ones, x, axis, dtype, include_initial)


def _running(
    function: Callable[..., Any],
    initial: Callable[..., Any],
    x: Tensor,
    axis: int | None,
    dtype: DType | None,
    include_initial: bool,
) -> Tensor:
    """Compose of what is native; NumPy's own function is a callout in a compiled function."""
    if x.ndim == 0 or (axis is None and x.ndim != 1):
        raise ValueError(f"expected one of the {x.ndim} axes of x, got axis={axis}")
    along = 0 if axis is None else axis
    results = apply(function, x, axis=along, dtype=dtype)
    if include_initial:
        shape = list(x.shape)
        shape[along] = 1
        before = apply(initial, tuple(shape), dtype=results.dtype)
        results = apply(np.concatenate, (before, results), axis=along)
    return Tensor(results)
