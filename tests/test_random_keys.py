"""Numbers of keys: Threefry's published values, the distributions, and the same bits everywhere."""

from __future__ import annotations

import math
import statistics
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracegraph as tg
from tracegraph.random import (
    bernoulli,
    bits,
    choice,
    exponential,
    fold_in,
    integers,
    key,
    laplace,
    normal,
    permutation,
    split,
    uniform,
)
from tracegraph.random.standard import high_product, minus_log, percentage_point
from tracegraph.random.words import threefry

KEY = key(11)
MANY = 100_000
U64 = st.integers(0, 2**64 - 1)

KNOWN = (
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x243F6A88, 0x85A308D3), (0x13198A2E, 0x03707344), (0xC4923A9C, 0x483DF7A0)),
)
"""Counter, key and block from the known answers of the Random123 library."""


@pytest.mark.parametrize(("counter", "words", "block"), KNOWN)
def test_threefry_gives_the_published_blocks(counter: Any, words: Any, block: Any) -> None:
    first, second = (np.array([word], np.uint32) for word in counter)
    for function in (threefry, tg.compile(threefry)):
        for _ in range(2):
            found = function(np.array(words, np.uint32), first, second)
            assert tuple(int(word[0]) for word in found) == block


# -- the same everywhere ------------------------------------------------------------------------

DRAWS: dict[str, Callable[[Any], Any]] = {
    "key": lambda k: key(k[0]),
    "split": lambda k: split(k, 3),
    "fold_in": lambda k: fold_in(k, 2**40 + 7),
    "bits": lambda k: (bits(k), bits(k, 5), bits(k, (2, 3), np.uint32), bits(k, 4, np.uint8)),
    "uniform": lambda k: (uniform(k), uniform(k, (2, 3), -1.0, 5.0), uniform(k, 4, np.arange(4))),
    "normal": lambda k: (normal(k), normal(k, 1000), normal(k, loc=np.arange(3.0), scale=2.0)),
    "exponential": lambda k: (exponential(k), exponential(k, (40, 25), 3.0)),
    "laplace": lambda k: laplace(k, 1000, 1.0, 2.0),
    "integers": lambda k: (integers(k, 0, 10, 20), integers(k, -5, [1, 2, 3], (2, 3))),
    "wide integers": lambda k: integers(k, -(2**63), 2**63 - 1, 20),
    "bernoulli": lambda k: (bernoulli(k), bernoulli(k, [0.1, 0.9], (5, 2))),
    "permutation": lambda k: (permutation(k, 10), permutation(k, np.arange(12.0).reshape(4, 3))),
    "choice": lambda k: (choice(k, 5), choice(k, np.arange(4.0), (2, 3))),
    "choice by weight": lambda k: choice(k, 3, 20, p=np.array([1.0, 2.0, 3.0])),
    "choice without replacement": lambda k: choice(k, np.arange(9.0), 4, replace=False),
    "both": lambda k: choice(k, 4, 2, False, np.array([0.0, 1.0, 0.0, 2.0])),
    "a step": lambda k: [normal(s, 3) for s in split(fold_in(k, 3))],
}


@pytest.mark.parametrize("name", DRAWS)
def test_the_same_bits_eager_and_compiled(name: str) -> None:
    draw = DRAWS[name]
    compiled = tg.compile(draw)
    for seed in (0, 1, 2**63, 123456789):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            expected = draw(key(seed))
        same_bits(compiled(key(seed)), expected)
    assert not compiled.fallbacks
    assert len(compiled.traces) == 1


def same_bits(a: Any, b: Any) -> None:
    if isinstance(a, (tuple, list)):
        for x, y in zip(a, b, strict=True):
            same_bits(x, y)
        return
    assert type(a) is type(b)
    assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


@pytest.mark.parametrize("name", [n for n in DRAWS if n not in ("key", "a step")])
def test_mapped_over_keys(name: str) -> None:
    draw, keys = DRAWS[name], split(KEY, 4)
    mapped = tg.vmap(draw)(keys)
    singles = [draw(k) for k in keys]
    if not isinstance(mapped, tuple):
        mapped, singles = (mapped,), [(one,) for one in singles]
    for k, each in enumerate(mapped):
        np.testing.assert_array_equal(each, np.stack([np.asarray(one[k]) for one in singles]))


def test_sizes_that_vary_need_one_trace() -> None:
    compiled = tg.compile(lambda k, x: x + normal(k, x.shape) * uniform(k, len(x)))
    for n in (3, 4, 5, 6, 7):
        x = np.ones(n)
        expected = x + normal(KEY, x.shape) * uniform(KEY, len(x))
        np.testing.assert_array_equal(compiled(KEY, x), expected)
    assert len(compiled.traces) == 2


def test_a_longer_draw_starts_like_a_shorter_one() -> None:
    for draw in (bits, uniform, normal, exponential):
        np.testing.assert_array_equal(draw(KEY, 100)[:7], draw(KEY, 7))
        np.testing.assert_array_equal(draw(KEY, (10, 10)).ravel(), draw(KEY, 100))
    np.testing.assert_array_equal(split(KEY, 9)[:4], split(KEY, 4))


def test_keys_that_are_made_differ() -> None:
    made = [KEY, *split(KEY, 1000), *(fold_in(KEY, n) for n in (0, 1, 2**32, 2**32 + 1))]
    blocks = bits(KEY, 1000)
    words = {(int(k[0]) << 32) | int(k[1]) for k in made}
    assert len(words) == len(made)
    assert not words & set(blocks.tolist())
    assert len({tuple(bits(k, 2).tolist()) for k in made}) == len(made)


# -- derivatives --------------------------------------------------------------------------------

SMOOTH: dict[str, tuple[Callable[[Any, Any], Any], Any]] = {
    "normal": (lambda k, p: normal(k, 50, p[0], p[1]), lambda z: (np.ones(50), z)),
    "laplace": (lambda k, p: laplace(k, 50, p[0], p[1]), lambda z: (np.ones(50), z)),
    "uniform": (lambda k, p: uniform(k, 50, p[0], p[1]), lambda z: (1 - z, z)),
    "exponential": (lambda k, p: exponential(k, 50, p[1]) + p[0], lambda z: (np.ones(50), z)),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_are_those_of_location_and_scale(name: str) -> None:
    draw, partials = SMOOTH[name]
    standard = draw(KEY, np.array([0.0, 1.0]))
    p = np.array([0.5, 2.5])
    expected = [2 * draw(KEY, p) @ part for part in partials(standard)]
    gradient = tg.grad(lambda p: np.sum(draw(KEY, p) ** 2))
    np.testing.assert_allclose(gradient(p), expected, rtol=1e-12)
    compiled = tg.compile(lambda k, p: tg.grad(lambda q: np.sum(draw(k, q) ** 2))(p))
    for _ in range(2):
        np.testing.assert_allclose(compiled(KEY, p), expected, rtol=1e-12)
    assert not compiled.fallbacks


# -- distributions ------------------------------------------------------------------------------

LARGEST = 1.95 / math.sqrt(MANY)
"""The Kolmogorov-Smirnov distance that one draw in a thousand exceeds."""

CONTINUOUS: dict[str, tuple[Any, Callable[[Any], Any], float, float]] = {
    "uniform": (uniform(KEY, MANY, 2.0, 5.0), lambda x: (x - 2) / 3, 3.5, 0.75),
    "normal": (
        normal(KEY, MANY, 1.0, 2.0),
        lambda x: 0.5 + 0.5 * tg.erf((x - 1) / math.sqrt(8)),
        1.0,
        4.0,
    ),
    "exponential": (exponential(KEY, MANY, 3.0), lambda x: -np.expm1(-x / 3), 3.0, 9.0),
    "laplace": (
        laplace(KEY, MANY, 1.0, 2.0),
        lambda x: 0.5 + 0.5 * np.sign(x - 1) * -np.expm1(-np.abs(x - 1) / 2),
        1.0,
        8.0,
    ),
}


@pytest.mark.parametrize("name", CONTINUOUS)
def test_a_distribution_is_the_one_it_says(name: str) -> None:
    drawn, below, mean, variance = CONTINUOUS[name]
    at = below(np.sort(drawn))
    steps = np.arange(MANY) / MANY
    assert max(np.abs(at - steps).max(), np.abs(at - steps - 1 / MANY).max()) < LARGEST
    assert abs(drawn.mean() - mean) < 4 * math.sqrt(variance / MANY)
    assert abs(drawn.var() / variance - 1) < 0.05


def chi_squared(counts: Any, probabilities: Any) -> float:
    expected = np.asarray(probabilities) * np.sum(counts)
    return float(np.sum((counts - expected) ** 2 / expected))


def test_whole_numbers_are_as_frequent_as_they_should_be() -> None:
    """Chi-squared distances that one draw in a thousand exceeds."""
    counts = np.bincount(integers(KEY, 0, 10, MANY), minlength=10)
    assert chi_squared(counts, np.full(10, 0.1)) < 27.9
    weights = np.array([1.0, 2.0, 3.0, 4.0])
    counts = np.bincount(choice(KEY, 4, MANY, p=weights), minlength=4)
    assert chi_squared(counts, weights / 10) < 16.3
    assert abs(bernoulli(KEY, 0.3, MANY).mean() - 0.3) < 4 * math.sqrt(0.21 / MANY)
    ones = np.unpackbits(bits(KEY, MANY).view(np.uint8)).reshape(MANY, 64).mean(axis=0)
    assert np.abs(ones - 0.5).max() < 4.5 * math.sqrt(0.25 / MANY)


def test_every_order_is_as_frequent() -> None:
    orders = [tuple(permutation(k, 3).tolist()) for k in split(KEY, 3000)]
    counts = np.array([orders.count(order) for order in sorted(set(orders))])
    assert counts.size == 6
    assert chi_squared(counts, np.full(6, 1 / 6)) < 20.5


def test_choices_without_replacement_follow_their_weights() -> None:
    """The first of two is drawn by weight, the second by the weights that are left."""
    weights = np.array([1.0, 2.0, 5.0])
    draw = tg.compile(lambda k: choice(k, 3, 2, replace=False, p=weights))
    pairs = [tuple(draw(k).tolist()) for k in split(KEY, 3000)]
    cases = [(i, j) for i in range(3) for j in range(3) if i != j]
    chance = [weights[i] / 8 * weights[j] / (8 - weights[i]) for i, j in cases]
    assert chi_squared(np.array([pairs.count(case) for case in cases]), chance) < 20.5


def test_draws_of_split_keys_are_not_correlated() -> None:
    a, b = (normal(k, MANY) for k in split(KEY))
    for one, other in ((a, b), (a[1:], a[:-1]), (a, normal(KEY, MANY))):
        assert abs(np.corrcoef(one, other)[0, 1]) < 4 / math.sqrt(MANY)


# -- the parts ----------------------------------------------------------------------------------


@given(st.lists(st.tuples(U64, U64), min_size=1, max_size=9))
def test_the_upper_half_of_a_product(pairs: list[tuple[int, int]]) -> None:
    a, b = (np.array(column, np.uint64) for column in zip(*pairs, strict=True))
    assert high_product(a, b).tolist() == [(x * y) >> 64 for x, y in pairs]


@given(st.lists(st.integers(0, 2**52 - 1), min_size=1, max_size=9))
def test_logarithm_and_percentage_point(numbers: list[int]) -> None:
    odd = np.array(numbers, np.uint64) * np.uint64(2) + np.uint64(1)
    exact = [-math.log(int(v) / 2**53) for v in odd]
    np.testing.assert_allclose(minus_log(odd), exact, rtol=1e-15)
    exact = [-statistics.NormalDist().inv_cdf(int(v) / 2**54) for v in odd]
    np.testing.assert_allclose(percentage_point(odd), exact, rtol=2e-14, atol=2e-16)


def test_numbers_stay_inside_their_bounds() -> None:
    assert minus_log(np.array([1, 2**53 - 1], np.uint64)).tolist() == pytest.approx(
        [53 * math.log(2), 2.0**-53], rel=1e-15
    )
    assert float(percentage_point(np.array([1], np.uint64))[0]) < 8.3
    assert set(integers(KEY, 3, 4, 10).tolist()) == {3}
    wide = integers(KEY, -(2**63), 2**63 - 1, 1000)
    assert wide.min() < -(2**62) < 2**62 < wide.max()


def test_keys_of_all_kinds_of_numbers() -> None:
    assert key(-1).tolist() == [2**32 - 1, 2**32 - 1]
    assert key(2**64 - 1).tolist() == [2**32 - 1, 2**32 - 1]
    assert key(np.int32(7)).tolist() == key(np.array(7)).tolist() == [0, 7]
    compiled = tg.compile(lambda n: uniform(key(n), 2))
    for n in (1, 2, 3, 4, 5):
        np.testing.assert_array_equal(compiled(n), uniform(key(n), 2))


@pytest.mark.parametrize("wrong", [0, np.zeros(2), np.zeros(3, np.uint32), split(KEY)])
def test_what_is_no_key_is_refused(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"make one with tg\.random\.key"):
        normal(wrong, 3)


def test_other_arguments_that_are_refused() -> None:
    with pytest.raises(TypeError, match=r"use np\.uint64"):
        bits(KEY, 3, np.float64)
    with pytest.raises(ValueError, match="without replacement"):
        choice(KEY, 3, 4, replace=False)
    with pytest.raises(ValueError, match="broadcast"):
        normal(KEY, 3, np.zeros(2))
