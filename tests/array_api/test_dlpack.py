"""Exchange of memory by DLPack, with NumPy on the other side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tracegraph import Tensor
from tracegraph import array_api as xp

needs_2_1 = pytest.mark.skipif(
    np.lib.NumpyVersion(np.__version__) < "2.1.0",
    reason="before 2.1 NumPy's from_dlpack gives read-only memory and takes no options",
)
DTYPES = "bool int8 uint64 float32 float64 complex64 complex128".split()


@needs_2_1
@pytest.mark.parametrize("dtype", DTYPES)
def test_memory_goes_to_numpy_and_comes_back(dtype: str) -> None:
    array = np.arange(6).reshape(2, 3).astype(dtype)
    tensor = Tensor(array)
    seen = np.from_dlpack(tensor)
    back = xp.from_dlpack(seen)
    assert type(back) is Tensor
    for each in (seen, back.numpy()):
        np.testing.assert_array_equal(each, array, strict=True)
        assert np.shares_memory(each, array)


def test_strides_are_kept() -> None:
    tensor = Tensor(np.arange(12.0).reshape(3, 4))[::2, ::-1]
    seen = np.from_dlpack(tensor)
    assert seen.strides == tensor.numpy().strides
    np.testing.assert_array_equal(seen, tensor.numpy())


@needs_2_1
def test_a_copy_is_made_on_request_alone() -> None:
    array = np.arange(3.0)
    assert not np.shares_memory(np.from_dlpack(Tensor(array), copy=True), array)
    assert not np.shares_memory(xp.from_dlpack(array, copy=True).numpy(), array)
    assert np.shares_memory(xp.from_dlpack(Tensor(array), device="cpu").numpy(), array)


def test_the_device_is_the_cpu() -> None:
    assert Tensor([1.0]).__dlpack_device__() == (1, 0)
    with pytest.raises(ValueError, match="'gpu'"):
        xp.from_dlpack(np.ones(2), device="gpu")


def test_memory_that_leaves_a_compiled_function_ends_its_recording() -> None:
    def doubled(x: Any) -> Any:
        return np.from_dlpack(x * 2) + 1

    compiled = tg.compile(doubled)
    with pytest.warns(tg.FallbackWarning, match="another library"):
        first = compiled(Tensor([1.0, 2.0]))
    np.testing.assert_array_equal(first, [3.0, 5.0])
    np.testing.assert_array_equal(compiled(Tensor([2.0, 3.0])), [5.0, 7.0])
