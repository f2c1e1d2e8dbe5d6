"""What tests of complex numbers in kernels share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tracegraph as tg
from tracegraph.codegen.plan import CalloutStep
from tracegraph.compile import Compiled
from tracegraph.ir.types import DTYPES

Array = np.ndarray[Any, Any]
DTYPE_NAMES = ("complex128", "complex64")
C128 = DTYPES["c128"]


def numbers(*shape: int, dtype: Any = C128, seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)


def is_native(function: Compiled) -> bool:
    """Return whether the one trace of a function makes no call of Python."""
    (path,) = function._paths
    return not any(isinstance(step, CalloutStep) for step in path.executable.plan.steps)


def native_result(function: Callable[..., Any], *args: Any) -> Any:
    """Return what a function gives when it is called natively, without callouts."""
    found = tg.compile(function, strict=True)
    found(*args)
    assert is_native(found)
    return found(*args)


def same(got: Array, want: Array) -> Array:
    """Return where two real arrays have the same bits, any NaN being equal to any other."""
    equal = (got == want) & (np.signbit(got) == np.signbit(want))
    found: Array = equal | (np.isnan(got) & np.isnan(want))
    return found


def parts_of(x: Array) -> tuple[Array, ...]:
    return (x.real, x.imag) if x.dtype.kind == "c" else (x.astype(float),)


def assert_bits(got: Any, want: Any) -> None:
    got, want = np.asarray(got), np.asarray(want)
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    for mine, theirs in zip(parts_of(got), parts_of(want), strict=True):
        assert np.all(same(mine, theirs)), (got, want)
