"""Threads and processes: concurrent.futures, and multiprocessing by fork and by spawn."""

import concurrent.futures
import multiprocessing
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from tests.interop import helpers

XS = [np.linspace(0, n, 6) for n in range(4)]
METHODS = [m for m in ("fork", "spawn") if m in multiprocessing.get_all_start_methods()]


def test_threads() -> None:
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        found = list(pool.map(helpers.decorated, XS * 10))
    np.testing.assert_allclose(found, [(x**2).sum() for x in XS * 10])


@pytest.mark.parametrize("method", METHODS)
def test_a_pool_of_processes(method: str) -> None:
    helpers.decorated(XS[1])  # a forked process has the trace, a spawned one records its own
    context = multiprocessing.get_context(method)
    with context.Pool(1) as pool:
        found = pool.map(helpers.decorated, XS)
        value, traces, fallbacks = pool.apply(helpers.traced_in_this_process, (XS[2],))
        static = pool.apply(helpers.Model(np.ones(6)).predict, (XS[3],))
    np.testing.assert_allclose(found, [(x**2).sum() for x in XS])
    np.testing.assert_allclose(value, (XS[2] ** 2).sum())
    assert traces >= 1
    assert fallbacks == 0
    np.testing.assert_allclose(static, XS[3].sum())


@pytest.mark.parametrize("method", METHODS)
def test_an_executor_of_processes(method: str) -> None:
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        found = list(pool.map(helpers.fast, XS))
        slope = pool.submit(helpers.slope, XS[1]).result()
    for x, got in zip(XS, found, strict=True):
        np.testing.assert_allclose(got, np.sin(x) * 2)
    np.testing.assert_allclose(slope, 2 * XS[1])


SCRIPT = """
import multiprocessing, numpy as np, sys, tracegraph as tg

@tg.compile
def total(x):
    return float((x * 2).sum())

if __name__ == "__main__":
    total(np.ones(3))
    with multiprocessing.get_context(sys.argv[1]).Pool(1) as pool:
        print(pool.map(total, [np.ones(3), np.ones(4)]))
"""


@pytest.mark.parametrize("method", METHODS)
def test_functions_of_main(method: str, tmp_path: Any) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, script, method], check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[6.0, 8.0]"
