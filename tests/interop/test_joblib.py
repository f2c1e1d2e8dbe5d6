"""joblib: compiled functions in its processes and threads."""

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.interop import helpers

joblib = pytest.importorskip("joblib", reason="pip install 'tracegraph[interop]'")
XS = [np.linspace(0, n, 6) for n in range(4)]


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_parallel(backend: str) -> None:
    weight = np.arange(6.0)
    local = tg.compile(lambda x: x @ weight)
    with joblib.Parallel(n_jobs=2, backend=backend) as parallel:
        found = parallel(joblib.delayed(helpers.decorated)(x) for x in XS)
        products = parallel(joblib.delayed(local)(x) for x in XS)
        bound = parallel(joblib.delayed(helpers.Model(weight).predict)(x) for x in XS)
    np.testing.assert_allclose(found, [(x**2).sum() for x in XS])
    np.testing.assert_allclose(products, [x @ weight for x in XS])
    np.testing.assert_allclose(bound, products)


def compiled_there(function: Any, x: Any) -> Any:
    function(x)
    return function(x), len(function.traces), len(function.fallbacks)


def test_local_functions_compile_in_the_other_process() -> None:
    weight = np.arange(6.0)
    local = tg.compile(lambda x: x @ weight)
    with joblib.Parallel(n_jobs=2, backend="loky") as parallel:
        found = parallel(joblib.delayed(compiled_there)(local, x) for x in XS)
    assert [counts for _, *counts in found] == [[1, 0]] * len(XS)


def test_memory(tmp_path: Any) -> None:
    calls = []

    def counted(x: Any) -> Any:
        calls.append(1)
        return x * 2

    cached = joblib.Memory(tmp_path, verbose=0).cache(counted)
    fast = tg.compile(lambda x: x + 1)
    for _ in range(2):
        np.testing.assert_array_equal(cached(fast(XS[1])), (XS[1] + 1) * 2)
    assert len(calls) == 1


def test_the_cache_of_a_compiled_function(tmp_path: Any) -> None:
    cached = joblib.Memory(tmp_path, verbose=0).cache(helpers.decorated)
    for _ in range(2):
        np.testing.assert_allclose(cached(XS[2]), (XS[2] ** 2).sum())
