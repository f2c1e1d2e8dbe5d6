"""New arrays, with the standard's signatures: they give Tensors."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from tracegraph.array_api.device import Device, check_device
from tracegraph.array_api.signatures import (
    DType,
    Likeness,
    Number,
    Shape,
    Triangle,
    of_tensors,
)
from tracegraph.dispatch import apply
from tracegraph.tensor import Tensor, wrap

empty_like: Likeness = of_tensors(np.empty_like)
ones_like: Likeness = of_tensors(np.ones_like)
zeros_like: Likeness = of_tensors(np.zeros_like)
tril: Triangle = of_tensors(np.tril)
triu: Triangle = of_tensors(np.triu)


def asarray(
    obj: Any,
    /,
    *,
    dtype: DType | None = None,
    device: Device | None = None,
    copy: bool | None = None,
) -> Tensor:
    """Return an array of numbers, nested lists of them, or another array, as a Tensor.

    A Tensor comes back as itself if it needs no copy; memory of an ndarray is shared.

    Examples
    --------
    >>> from tracegraph import array_api as xp
    >>> xp.asarray([1, 2], dtype=xp.float64)
    Tensor([1., 2.])
    """
    check_device(device)
    if isinstance(obj, Tensor) and not copy and dtype in (None, obj.dtype):
        return obj
    made: Tensor = wrap(apply(np.asarray, obj, dtype=dtype, copy=copy))
    return made


def from_dlpack(x: Any, /, *, device: Device | None = None, copy: bool | None = None) -> Tensor:
    """Return a Tensor on the memory of any array that exports it by DLPack."""
    check_device(device)
    options = {} if copy is None else {"copy": copy}
    made: Tensor = wrap(apply(np.from_dlpack, x, **options))
    return made


def arange(
    start: float,
    /,
    stop: float | None = None,
    step: float = 1,
    *,
    dtype: DType | None = None,
    device: Device | None = None,
) -> Tensor:
    """Return numbers with equal steps, ``stop`` excluded."""
    check_device(device)
    if stop is None:
        start, stop = 0, start
    made: Tensor = wrap(apply(np.arange, start, stop, step, dtype=dtype))
    return made


def linspace(
    start: complex,
    stop: complex,
    /,
    num: int,
    *,
    dtype: DType | None = None,
    device: Device | None = None,
    endpoint: bool = True,
) -> Tensor:
    """Return ``num`` numbers with equal steps."""
    check_device(device)
    made: Tensor = wrap(apply(np.linspace, start, stop, num, endpoint=endpoint, dtype=dtype))
    return made


def eye(
    n_rows: int,
    n_cols: int | None = None,
    /,
    *,
    k: int = 0,
    dtype: DType | None = None,
    device: Device | None = None,
) -> Tensor:
    """Return a matrix with ones on one diagonal."""
    check_device(device)
    made: Tensor = wrap(apply(np.eye, n_rows, n_cols, k, dtype=dtype or float))
    return made


def empty(shape: Shape, *, dtype: DType | None = None, device: Device | None = None) -> Tensor:
    """Return an array whose content is not said."""
    check_device(device)
    made: Tensor = wrap(apply(np.empty, shape, dtype=dtype or float))
    return made


def zeros(shape: Shape, *, dtype: DType | None = None, device: Device | None = None) -> Tensor:
    """Return an array of zeros."""
    check_device(device)
    made: Tensor = wrap(apply(np.zeros, shape, dtype=dtype or float))
    return made


def ones(shape: Shape, *, dtype: DType | None = None, device: Device | None = None) -> Tensor:
    """Return an array of ones."""
    check_device(device)
    made: Tensor = wrap(apply(np.ones, shape, dtype=dtype))
    return made


def full(
    shape: Shape,
    fill_value: Number,
    *,
    dtype: DType | None = None,
    device: Device | None = None,
) -> Tensor:
    """Return an array of one number."""
    check_device(device)
    made: Tensor = wrap(apply(np.full, shape, fill_value, dtype=dtype))
    return made


def full_like(
    x: Tensor,
    /,
    fill_value: Number,
    *,
    dtype: DType | None = None,
    device: Device | None = None,
) -> Tensor:
    """Return an array of one number in the shape of another."""
    check_device(device)
    made: Tensor = wrap(apply(np.full_like, x, fill_value, dtype=dtype))
    return made


def meshgrid(*arrays: Tensor, indexing: Literal["xy", "ij"] = "xy") -> tuple[Tensor, ...]:
    """Return the coordinates of a grid, one array for each of its axes."""
    return tuple(wrap(apply(np.meshgrid, *arrays, indexing=indexing)))
