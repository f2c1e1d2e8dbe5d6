"""xarray: compiled functions in apply_ufunc; its own objects run eagerly."""

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.support import Counted

xr = pytest.importorskip("xarray", reason="pip install 'tracegraph[interop]'")


def test_apply_ufunc() -> None:
    array = xr.DataArray(np.arange(6.0).reshape(2, 3), dims=("x", "y"), coords={"x": [10, 20]})
    wave = Counted(lambda a: np.sin(a) * 2, strict=True)
    for k in range(3):
        found = xr.apply_ufunc(wave, array + k)
        xr.testing.assert_allclose(found, np.sin(array + k) * 2)
    assert wave.slow == 1


def test_apply_ufunc_over_a_core_dimension() -> None:
    array = xr.DataArray(np.arange(6.0).reshape(2, 3), dims=("x", "y"))
    norm = tg.compile(lambda a: np.sqrt((a * a).sum(-1)))
    found = xr.apply_ufunc(norm, array, input_core_dims=[["y"]])
    np.testing.assert_allclose(found, norm.eager(array.to_numpy()))
    looped = xr.apply_ufunc(norm, array, input_core_dims=[["y"]], vectorize=True)
    np.testing.assert_allclose(looped, found)
    assert norm.fallbacks == []


def test_a_data_array_passed_in_is_a_data_array() -> None:
    array = xr.DataArray(np.arange(3.0), dims=("x",))
    double = tg.compile(lambda a: a * 2)
    with pytest.warns(tg.FallbackWarning):
        found = double(array)
    xr.testing.assert_identical(found, array * 2)
    xr.testing.assert_identical(double(array + 1), (array + 1) * 2)
