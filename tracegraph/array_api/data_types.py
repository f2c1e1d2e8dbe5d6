"""Questions about dtypes, asked of a dtype or of an array; conversion between them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy import isdtype

from tracegraph.array_api.device import Device, check_device
from tracegraph.array_api.signatures import DType, Number
from tracegraph.tensor import Tensor

__all__ = ["astype", "can_cast", "finfo", "iinfo", "isdtype", "result_type"]

Array = Tensor | np.ndarray[Any, Any]


class FloatInfo(NamedTuple):
    """What ``finfo`` gives."""

    bits: int
    eps: float
    max: float
    min: float
    smallest_normal: float
    dtype: np.dtype[Any]


class IntegerInfo(NamedTuple):
    """What ``iinfo`` gives."""

    bits: int
    max: int
    min: int
    dtype: np.dtype[Any]


def astype(
    x: Tensor, dtype: DType, /, *, copy: bool = True, device: Device | None = None
) -> Tensor:
    """Return an array in another dtype; ``x`` itself if nothing changes and ``copy`` is False."""
    check_device(device)
    if not copy and x.dtype == dtype:
        return x
    converted: Tensor = x.astype(dtype)
    return converted


def can_cast(from_: DType | Array, to: DType, /) -> bool:
    """Return whether every number of one dtype is one of another."""
    return bool(np.can_cast(_dtype(from_), to))


def result_type(*arrays_and_dtypes: DType | Array | Number) -> np.dtype[Any]:
    """Return the dtype in which NumPy computes with all of these."""
    found: np.dtype[Any] = np.result_type(*map(_likeness, arrays_and_dtypes))
    return found


def _likeness(x: DType | Array | Number) -> Any:
    """Return what has the same dtype, or is as weak: a number counts by its type alone."""
    if isinstance(x, (Tensor, np.ndarray)):
        return x.dtype
    return x.__class__() if isinstance(x, (bool, int, float, complex)) else x


def finfo(type: DType | Array, /) -> FloatInfo:
    """Return the limits of a floating dtype; those of its parts if it is complex.

    Examples
    --------
    >>> from tracegraph import array_api as xp
    >>> xp.finfo(xp.ones(3, dtype=xp.complex64)).bits
    32
    """
    found = np.finfo(_dtype(type))
    return FloatInfo(
        found.bits,
        float(found.eps),
        float(found.max),
        float(found.min),
        float(found.smallest_normal),
        np.dtype(found.dtype),
    )


def iinfo(type: DType | Array, /) -> IntegerInfo:
    """Return the limits of an integer dtype."""
    found = np.iinfo(_dtype(type))
    return IntegerInfo(found.bits, int(found.max), int(found.min), np.dtype(found.dtype))


def _dtype(type: DType | Array) -> np.dtype[Any]:
    return type.dtype if isinstance(type, (Tensor, np.ndarray)) else np.dtype(type)
