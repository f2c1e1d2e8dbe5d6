"""Functions that Python calls itself are followed or end the recording; sums add as Python does."""

from __future__ import annotations

import itertools
import operator
import random
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg

X = np.ones(2)

IMPURE: dict[str, Callable[[Any], Any]] = {
    "iter": lambda x: x + next(iter(time.perf_counter, 2.0)),
    "operator.call": lambda x: x + operator.call(random.random),
    "methodcaller": lambda x: x + operator.methodcaller("random")(random),
    "starmap": lambda x: x + next(itertools.starmap(random.random, [()])),
    "map": lambda x: x + next(map(random.uniform, [1], [2])),
    "accumulate": lambda x: x + list(itertools.accumulate([1, 2, 3], random.uniform))[-1],
}


@pytest.mark.parametrize("name", IMPURE)
def test_what_an_unseen_call_gives_is_no_constant(name: str) -> None:
    compiled = tg.compile(IMPURE[name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tg.FallbackWarning)
        results = [compiled(X)[0] for _ in range(4)]
    assert len(set(results)) == 4


def test_calls_of_followed_functions_compile() -> None:
    def f(x: Any) -> Any:
        counter = iter(lambda: float(x[0]), 2.0)
        return operator.call(lambda v: v * 2, x) + next(counter)

    compiled = tg.compile(f, strict=True)
    for scale in (1.0, 3.0, 4.0):
        np.testing.assert_array_equal(compiled(scale * X), f(scale * X))


def test_sums_of_floats_have_the_bits_of_python() -> None:
    """Since 3.12 what additions lose is added at the end; before, they go from left to right."""

    def f(x: Any) -> Any:
        return sum(float(v) for v in x), sum([float(x[0]), 1, float(x[1]), 2.5], 3), sum(x)

    compiled = tg.compile(f, strict=True)
    rng = np.random.default_rng(0)
    for _ in range(20):
        x = rng.normal(size=9) * 10.0 ** rng.integers(-8, 8, size=9)
        assert compiled(x) == f(x)
    for special in ([np.inf, 1.0], [1e308, 1e308], [np.nan, 2.0], [-0.0, -0.0]):
        x = np.resize(special, 9)
        assert repr(compiled(x)) == repr(f(x))
    assert len(compiled.traces) == 1
