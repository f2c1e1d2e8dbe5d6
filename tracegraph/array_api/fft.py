"""The standard's extension for Fourier transforms: NumPy's functions, but the frequencies."""

from __future__ import annotations

import numpy as np

from tracegraph.array_api.device import Device, check_device
from tracegraph.array_api.signatures import (
    DType,
    Shift,
    Transform,
    TransformOfAxes,
    of_tensors,
)
from tracegraph.dispatch import apply
from tracegraph.tensor import Tensor

__all__ = [
    "fft",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfftn",
    "rfft",
    "rfftfreq",
    "rfftn",
]

fft: Transform = of_tensors(np.fft.fft)
hfft: Transform = of_tensors(np.fft.hfft)
ifft: Transform = of_tensors(np.fft.ifft)
ihfft: Transform = of_tensors(np.fft.ihfft)
irfft: Transform = of_tensors(np.fft.irfft)
rfft: Transform = of_tensors(np.fft.rfft)
fftn: TransformOfAxes = of_tensors(np.fft.fftn)
ifftn: TransformOfAxes = of_tensors(np.fft.ifftn)
irfftn: TransformOfAxes = of_tensors(np.fft.irfftn)
rfftn: TransformOfAxes = of_tensors(np.fft.rfftn)
fftshift: Shift = of_tensors(np.fft.fftshift)
ifftshift: Shift = of_tensors(np.fft.ifftshift)


def fftfreq(
    n: int,
    /,
    *,
    d: float = 1.0,
    dtype: DType | None = None,
    device: Device | None = None,
) -> Tensor:
    """Return the frequencies of the bins of ``fft``, in cycles per unit of ``d``.

    Examples
    --------
    >>> from tracegraph import array_api as xp
    >>> xp.fft.fftfreq(4, dtype=xp.float32)
    Tensor([ 0.  ,  0.25, -0.5 , -0.25], dtype=float32)
    """
    check_device(device)
    frequencies = Tensor(apply(np.fft.fftfreq, n, d))
    return frequencies if dtype is None else frequencies.astype(dtype)


def rfftfreq(
    n: int,
    /,
    *,
    d: float = 1.0,
    dtype: DType | None = None,
    device: Device | None = None,
) -> Tensor:
    """Return the frequencies of the bins of ``rfft``, in cycles per unit of ``d``."""
    check_device(device)
    frequencies = Tensor(apply(np.fft.rfftfreq, n, d))
    return frequencies if dtype is None else frequencies.astype(dtype)
