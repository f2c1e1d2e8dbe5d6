"""``np.apply_along_axis``: functions of vectors, called once for each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg

M = np.random.default_rng(0).normal(size=(3, 4))
LOG: list[str] = []


def noisy(v: Any) -> Any:
    LOG.append("called")
    return v.sum()


def squares(v: Any) -> Any:
    return np.outer(v, v)


def scaled(v: Any, a: float, b: float = 1) -> Any:
    return v.mean() * a + b


PROGRAMS: dict[str, Callable[[Any], Any]] = {
    "a sum": lambda m: np.apply_along_axis(np.sum, 0, m),
    "sorting": lambda m: np.apply_along_axis(np.sort, 0, m),
    "vectors": lambda m: np.apply_along_axis(lambda v: v[0] * v, 1, m),
    "matrices": lambda m: np.apply_along_axis(squares, 1, np.stack([m, 2 * m])),
    "matrices in front": lambda m: np.apply_along_axis(squares, 0, m),
    "arguments": lambda m: np.apply_along_axis(scaled, -1, m, 3.0, b=2),
    "a decision": lambda m: np.apply_along_axis(lambda v: v if v[0] > 0 else -v, 1, m),
    "effects": lambda m: np.apply_along_axis(noisy, 1, m),
    "a number": lambda m: np.apply_along_axis(lambda v: 3, 0, m),
    "one vector": lambda m: np.apply_along_axis(np.cumsum, 0, m[0]),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_compiles(name: str) -> None:
    function = PROGRAMS[name]
    compiled = tg.compile(function)
    for scale in (1, 1, -1, 2, -1):
        LOG.clear()
        expected = function(M * scale)
        calls, found = len(LOG), compiled(M * scale)
        np.testing.assert_allclose(found, expected, rtol=1e-14, strict=True)
        assert found.strides == expected.strides
        assert len(LOG) == 2 * calls
    assert compiled.fallbacks == []


def test_other_numbers_of_vectors() -> None:
    function = PROGRAMS["vectors"]
    compiled = tg.compile(function)
    for shape in ((3, 4), (2, 4), (5, 6), (3, 4), (2, 7), (5, 2)):
        x = np.cos(np.arange(np.prod(shape, dtype=int))).reshape(shape)
        np.testing.assert_allclose(compiled(x), function(x), rtol=1e-14, strict=True)
    assert compiled.fallbacks == []


def test_the_derivative() -> None:
    expected = np.repeat(M[:, :1], 4, axis=1)
    expected[:, 0] += M.sum(axis=1)
    gradient = tg.grad(lambda m: PROGRAMS["vectors"](m).sum())
    np.testing.assert_allclose(gradient(M), expected, rtol=1e-14)
    np.testing.assert_allclose(tg.compile(gradient)(M), expected, rtol=1e-14)


def test_a_batch() -> None:
    batch = np.stack([M, 2 * M])
    for name in ("a sum", "vectors", "matrices in front", "sorting"):
        expected = np.stack([PROGRAMS[name](m) for m in batch])
        np.testing.assert_allclose(tg.vmap(PROGRAMS[name])(batch), expected, rtol=1e-14)


@pytest.mark.filterwarnings("ignore::tracegraph.FallbackWarning")
def test_many_vectors_run_eagerly() -> None:
    compiled = tg.compile(lambda m: np.apply_along_axis(noisy, 1, m))
    x = np.ones((300, 2))
    for _ in range(2):
        LOG.clear()
        np.testing.assert_array_equal(compiled(x), np.full(300, 2.0))
        assert len(LOG) == 300
    assert "axis argument" in compiled.fallbacks[0].reason


def test_results_that_do_not_fit_raise() -> None:
    compiled = tg.compile(lambda m: np.apply_along_axis(lambda v: v[: 1 + (v[0] > 0)], 1, m))
    for _ in range(2):
        with pytest.raises(ValueError, match="broadcast"):
            compiled(np.array([[-1.0, 2.0], [1.0, 2.0]]))
