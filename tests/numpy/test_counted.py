"""Sets: functions that give as many elements as data decides, one trace for all counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg

RNG = np.random.default_rng(11)


def parts(x: Any) -> Any:
    values, index, inverse, counts = np.unique(
        x, return_index=True, return_inverse=True, return_counts=True
    )
    return values * counts, index, inverse, values[inverse]


def sets(x: Any) -> Any:
    y = x[::2] + 1
    return np.union1d(x, y), np.setdiff1d(x, y), np.setxor1d(x, y), np.intersect1d(x, y).sum()


def named(x: Any) -> Any:
    every, counts = np.unique_all(x), np.unique_counts(x)
    return every.values * every.counts, every.inverse_indices, counts.values - counts.counts


def of_selected(x: Any) -> Any:
    return np.unique(x[x > 2]), np.unique(x[x > 2]).sum()


def table(x: Any) -> Any:
    return (x[:, None] == np.unique(x)).sum(axis=0)


@pytest.mark.parametrize("program", [parts, sets, named, of_selected, table])
def test_one_trace_serves_all_counts(program: Callable[..., Any]) -> None:
    compiled = tg.compile(program, strict=True)
    for size in (15, 15, 15, 20, 9, 31, 12):
        x = RNG.integers(0, 12, size=size)
        got, want = compiled(x), program(x)
        pairs = zip(got, want, strict=True) if isinstance(want, tuple) else [(got, want)]
        for one, other in pairs:
            np.testing.assert_array_equal(one, other)
            assert type(one) is type(other)
    assert len(compiled.traces) == 2


def test_unique_rows_are_a_trace_of_each_shape() -> None:
    compiled = tg.compile(lambda x: np.unique(x, axis=0), strict=True)
    for x in (np.eye(3), np.ones((3, 3)), np.eye(3)):
        np.testing.assert_array_equal(compiled(x), np.unique(x, axis=0))


def test_a_batch_of_sets_has_no_one_length() -> None:
    with pytest.raises(tg.AbstractValueError, match="whole batch"):
        tg.vmap(lambda x: np.unique(x).sum())(np.eye(3))
