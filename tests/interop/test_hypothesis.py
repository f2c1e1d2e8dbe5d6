"""hypothesis: properties of compiled functions, with its deadline on."""

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import tracegraph as tg


@tg.compile
def clipped(x: Any, low: Any) -> Any:
    return np.maximum(x, low) * 2 if x.size else x


for _n in (3, 4, 5):  # what is compiled before is not timed
    clipped(np.ones(_n), 0.0)

FLOATS = st.floats(-1e6, 1e6)
VECTORS = arrays.arrays(np.float64, st.integers(2, 30), elements=FLOATS)


@settings(deadline=200)
@given(VECTORS, FLOATS)
def test_values(x: Any, low: float) -> None:
    np.testing.assert_array_equal(clipped(x, low), clipped.eager(x, low))


@settings(deadline=None)
@given(arrays.arrays(st.sampled_from([np.float32, np.float64, np.int64]), arrays.array_shapes()))
def test_dtypes_and_shapes(x: Any) -> None:
    with np.errstate(all="ignore"):
        expected = clipped.eager(x, 1)
    got = clipped(x, 1)
    assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
    np.testing.assert_array_equal(got, expected)


def test_sizes_do_not_need_traces_of_their_own() -> None:
    clipped.clear()
    test_values()
    assert 1 <= len(clipped.traces) <= 3
    assert clipped.fallbacks == []
