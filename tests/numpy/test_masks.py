"""Masks that select: as many elements as the data decides, inside one compiled function."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import tracegraph as tg
from tests.numpy.rule_checks import check

RNG = np.random.default_rng(7)
V, M, T = RNG.normal(size=9), RNG.normal(size=(4, 5)), RNG.normal(size=(2, 3, 4))


@pytest.mark.parametrize("symbolic", [False, True])
def test_rules(symbolic: bool) -> None:
    for x in (V, M, T, V > 0, np.zeros(3), np.zeros((0, 2))):
        check(np.nonzero, x, symbolic=symbolic)
        check(np.flatnonzero, x, symbolic=symbolic)
        check(np.argwhere, x, symbolic=symbolic)
        check(np.where, x > 0, symbolic=symbolic)
        check(np.extract, x > 0, x, symbolic=symbolic)
        check("nonzero", x, symbolic=symbolic)
        check(operator.getitem, x, x > 0, symbolic=symbolic)
    check(np.compress, V[:5] > 0, V, symbolic=symbolic)
    check(np.compress, M[:, 0] > 0, M, axis=0, symbolic=symbolic)
    check("compress", T, T[0, 0] > 0, axis=-1, symbolic=symbolic)
    check(np.compress, [True, False, True], M, axis=1, symbolic=symbolic)


@pytest.mark.parametrize("symbolic", [False, True])
def test_mixtures(symbolic: bool) -> None:
    rows, columns = M[:, 0] > -0.5, M[0] > 0
    check(operator.getitem, M, rows, symbolic=symbolic)
    check(operator.getitem, M, (slice(None), columns), symbolic=symbolic)
    check(operator.getitem, M, (rows, 1), symbolic=symbolic)
    check(operator.getitem, M, (rows, slice(1, 4)), symbolic=symbolic)
    check(operator.getitem, M, (rows, None, slice(None, None, -1)), symbolic=symbolic)
    check(operator.getitem, T, (T[..., 0] > 0, 2), symbolic=symbolic)
    check(operator.getitem, T, (..., T[0, 0] > 0), symbolic=symbolic)
    check(operator.getitem, T, (T[:, 0, 0] > -9, slice(None), [3]), symbolic=symbolic)
    check(operator.getitem, T, (0, T[0] > 0), symbolic=symbolic)


def test_a_single_bool_is_a_mask_of_no_axes() -> None:
    for truth in (True, False, np.True_, np.array(False)):
        for x in (V, M, np.array(3.0)):
            check(operator.getitem, x, truth)
            check(operator.setitem, x, truth, 7.0)
        check(operator.getitem, M, (1, truth))
        check(operator.getitem, M, (slice(1), truth, 0))
        check(operator.setitem, M, (slice(1), truth), 7.0)


def test_values_written_one_by_one() -> None:
    check(operator.setitem, V, V < 0, V[V < 0] * 2)
    check(operator.setitem, M, M[:, 0] > -0.5, M[M[:, 0] > -0.5] + 1)
    check(operator.setitem, M, (slice(None), M[0] > 0), M[:, M[0] > 0] * 2)
    check(operator.setitem, T, T > 0, np.arange(float((T > 0).sum())))


def same(got: Any, want: Any) -> None:
    if isinstance(want, tuple):
        assert type(got) is tuple
        assert len(got) == len(want)
        for one, other in zip(got, want, strict=True):
            same(one, other)
        return
    assert type(got) is type(want)
    np.testing.assert_allclose(got, want, rtol=1e-13, strict=True)


def aligned(x: Any) -> Any:
    mask = x > 0
    return x[mask] * np.sin(x)[mask] - x[mask].sum(), x[~mask]


def augmented(x: Any) -> Any:
    x[x > 0] += 1
    x[x < 0] *= x[x < 0]
    return x.sum()


def reversed_(x: Any) -> Any:
    x[x > 0] = x[x > 0][::-1]
    return x


def lengths(x: Any) -> Any:
    count = len(x[x > 0])
    return x / (1 + count), count, np.ones(x[x < 0].size), np.zeros((x[x > 0].size, 2))


def joined(x: Any) -> Any:
    return np.concatenate([x[x > 0], x[x <= 0]])


def branching(x: Any) -> Any:
    found = x[x > 1]
    return found.max() if found.size else 0.0


def iterated(x: Any) -> Any:
    return sum(i * x[i] for i in np.flatnonzero(x > 1))


def places(x: Any) -> Any:
    (i,) = np.nonzero(x > 0)
    return x[i], i + 1, x[i[:1]]


def nested(x: Any) -> Any:
    y = x[x > 0]
    return y[y > 1] * 2


def unrelated(x: Any) -> Any:
    """Only the number of selected elements reaches the result, by a view of an argument."""
    return x[: len(x[x > 0])]


PROGRAMS = (
    aligned, augmented, reversed_, lengths, joined, branching, iterated, places, nested, unrelated,
)  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_one_trace_serves_all_counts(program: Callable[..., Any]) -> None:
    compiled = tg.compile(program, strict=True)
    inputs = [V, -V, V[::-1].copy(), np.ones(9), -np.ones(9), np.zeros(9), V * 3]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        for x in (*inputs, *inputs):
            ours, theirs = x.copy(), x.copy()
            same(compiled(ours), program(theirs))
            np.testing.assert_array_equal(ours, theirs)
    assert compiled.fallbacks == []
    if program not in (branching, iterated, lengths, places, reversed_, unrelated):
        assert len(compiled.traces) == 1


def test_lengths_that_vary_too() -> None:
    compiled = tg.compile(aligned, strict=True)
    for n in (5, 6, 7, 20, 9, 3):
        x = RNG.normal(size=n)
        same(compiled(x), aligned(x))
    assert len(compiled.traces) <= 2


@settings(deadline=None)
@given(st.data())
def test_any_mask_of_any_array(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=3))
    x = np.arange(np.prod(shape, dtype=int), dtype=float).reshape(shape)
    axes = data.draw(st.integers(1, len(shape)))
    places = int(np.prod(shape[:axes]))
    bits = st.lists(st.booleans(), min_size=places, max_size=places)
    mask = np.array(data.draw(bits), dtype=bool).reshape(shape[:axes])
    check(operator.getitem, x, mask)
    check(operator.setitem, x, mask, -x[mask])


def test_places_of_masks_of_any_length_and_layout() -> None:
    compiled = tg.compile(lambda mask: (np.flatnonzero(mask), np.flatnonzero(~mask)), strict=True)
    for n in (0, 1, 2, 31, 32, 33, 63, 64, 100, 1000):
        for share in (0.0, 0.1, 0.5, 1.0):
            mask = RNG.random(2 * n) < share
            odd = (mask * np.uint8(6)).view(bool)  # any byte but 0 is true
            for seen in (mask, mask[::2], mask[::-1], mask.reshape(2, n)[:, : n // 2].T, odd):
                same(compiled(seen), (np.flatnonzero(seen), np.flatnonzero(~seen)))
    assert compiled.fallbacks == []


def test_places_of_several_axes_lie_as_in_numpy() -> None:
    compiled = tg.compile(lambda x: np.nonzero(x > 0), strict=True)
    for x in (np.zeros((2, 3)), M, -M, T[0]):
        for one, other in zip(compiled(x), np.nonzero(x > 0), strict=True):
            assert one.strides == other.strides
            assert one.base is not None
            np.testing.assert_array_equal(one, other)
    assert compiled.fallbacks == []


def test_selections_along_a_later_axis_lie_as_in_numpy() -> None:
    compiled = tg.compile(lambda x: (x[..., x[0] > 0], x[:, x[0] > 0] * 2), strict=True)
    for x in (
        -np.ones((3, 4)),
        np.eye(3, 4),
        M,
        -M,
        np.ones((1, 4)),
        -np.ones((3, 4)),
        np.eye(3, 4),
    ):
        for one, other in zip(compiled(x), (x[..., x[0] > 0], x[:, x[0] > 0] * 2), strict=True):
            assert one.strides == other.strides or not one.size
            np.testing.assert_array_equal(one, other, strict=True)
    assert compiled.fallbacks == []


def test_as_many_values_as_another_mask_selects() -> None:
    def exchange(x: Any, y: Any) -> Any:
        x[x > 0] = y[y < 0]
        return x

    compiled = tg.compile(exchange, strict=True)
    for n in (9, 9, 12, 15):
        x = RNG.normal(size=n)
        np.testing.assert_array_equal(compiled(x.copy(), -x), exchange(x.copy(), -x))
    with pytest.raises(ValueError, match="boolean array indexing assignment"):
        compiled(np.ones(9), -V)


def test_derivatives_pass_to_what_was_selected() -> None:
    def f(x: Any) -> Any:
        return (x[x > 0] ** 2).sum() + np.sin(x[x <= 0]).mean() * x[x > 0].size

    expected = np.where(V > 0, 2 * V, np.cos(V) / (V <= 0).sum() * (V > 0).sum())
    for gradient in (tg.grad(f), tg.compile(tg.grad(f), strict=True)):
        for _ in range(2):
            np.testing.assert_allclose(gradient(V), expected, rtol=1e-12)
    hessian = tg.compile(tg.hessian(f), strict=True)
    curvature = np.where(V > 0, 2, -np.sin(V) / (V <= 0).sum() * (V > 0).sum())
    np.testing.assert_allclose(hessian(V), np.diag(curvature), atol=1e-12)


def combined(x: Any) -> Any:
    return np.exp(x[x > 0]).sum() + x[x <= 0].mean()


def updated(x: Any) -> Any:
    y = x * 1.0
    y[x > 0] = np.sqrt(y[x > 0])
    return y


def test_a_batch_of_masks_that_are_only_combined_or_written_back() -> None:
    for function in (combined, updated):
        expected = np.stack([function(row) for row in M])
        for mapped in (tg.vmap(function), tg.compile(tg.vmap(function), strict=True)):
            for _ in range(2):
                np.testing.assert_allclose(mapped(M), expected, rtol=1e-13)
    gradients = tg.vmap(tg.grad(combined))(M)
    np.testing.assert_allclose(gradients, np.stack([tg.grad(combined)(row) for row in M]))


def test_a_batch_has_no_selections_of_different_lengths() -> None:
    for function in (lambda x: x[x > 0], lambda x: np.sort(x[x > 0]).sum()):
        with pytest.raises(tg.AbstractValueError, match=r"np\.where|not known"):
            tg.vmap(function)(M)
    with pytest.raises(tg.AbstractValueError, match="a size that depends on data"):
        tg.vmap(lambda x: x * len(x[x > 0]))(M)


def test_a_mask_of_another_length_is_numpys_error() -> None:
    compiled = tg.compile(lambda x, y: x[y > 0])
    same(compiled(V, V), V[V > 0])
    for _ in range(2):
        with pytest.raises(IndexError, match="boolean index did not match"):
            compiled(V, M[0])


def test_a_wrong_number_of_values_is_numpys_error() -> None:
    def put(x: Any, y: Any) -> Any:
        x[x > 0] = y
        return x

    compiled = tg.compile(put)
    few = V[V > 0]
    same(compiled(V.copy(), few), put(V.copy(), few))
    same(compiled(V.copy(), few), put(V.copy(), few))
    before = np.abs(V)
    with pytest.raises(ValueError, match="NumPy boolean array indexing assignment"):
        compiled(before, few)
    np.testing.assert_array_equal(before, np.abs(V))
