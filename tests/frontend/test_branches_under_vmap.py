"""Python's ``if`` and its kin on data, in functions that ``vmap`` maps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.control_flow import Function, assert_gradient, assert_recorded, compiled
from tests.frontend.test_branches_in_functions import BATCH, W, X, asserted
from tracegraph import tree

pytestmark = pytest.mark.filterwarnings("ignore::tracegraph.FallbackWarning")


# -- functions of an example -----------------------------------------------------------------------


def doubled_or_not(x: Any) -> Any:
    if x.sum() > 1:
        return x * 2
    return x - 1


def summed(x: Any) -> Any:
    total = 0.0
    for k in range(4):
        if x[k] > 0.3:
            total = total + x[k] * x[0]
    if total > 1 and not x[0] > 1:
        total = total * 2
    return total


def long(x: Any) -> Any:
    total = x[0] * 0
    for k in range(20):
        if x[k % 4] > total:
            total = total + 0.3 * x[k % 4]
    return total if total > 1 else total * total


def rooted(x: Any) -> Any:
    """A loop that never ends for the examples that do not get there."""
    if x[0] < 1:
        return x[0] * 3
    y = x[0]
    while y < 50:
        y = y * x[0]
    return y


def counted(x: Any) -> Any:
    return 1 if x[0] > 0.6 else 2


def pair(x: Any) -> Any:
    if x[0] > x[1]:
        return {"a": x[0], "b": (x, 1.0)}
    return {"a": x[1], "b": (W, x[2])}


def checked(x: Any) -> Any:
    assert x[0] < 100, "large"
    return x * 2


MAPPED = [doubled_or_not, summed, long, rooted, counted, pair, checked]


@pytest.mark.parametrize("function", MAPPED, ids=lambda f: f.__name__)
def test_vmap(function: Function) -> None:
    singles = [tree.flatten(function(x))[0] for x in BATCH]
    expected = [np.stack(column) for column in zip(*singles, strict=True)]
    for got in (tg.vmap(function)(BATCH), compiled(tg.vmap(function), BATCH)):
        for one, other in zip(tree.flatten(got)[0], expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)
            assert one.dtype == other.dtype
    many = tg.vmap(tg.vmap(function))(np.stack([BATCH, BATCH]))
    for one, other in zip(tree.flatten(many)[0], expected, strict=True):
        np.testing.assert_allclose(one[1], other, rtol=1e-12)


@pytest.mark.parametrize("function", [summed, long, rooted], ids=lambda f: f.__name__)
def test_gradients_of_a_batch(function: Function) -> None:
    slopes = np.array([tg.grad(function)(x) for x in BATCH])
    np.testing.assert_allclose(tg.vmap(tg.grad(function))(BATCH), slopes, rtol=1e-12)
    np.testing.assert_allclose(compiled(tg.vmap(tg.grad(function)), BATCH), slopes, rtol=1e-12)

    def total(batch: Any) -> Any:
        return tg.vmap(function)(batch).sum()

    np.testing.assert_allclose(tg.grad(total)(BATCH), slopes, rtol=1e-12)


def test_vmap_over_some_arguments() -> None:
    def picked(x: Any, y: Any, flag: bool) -> Any:
        return x * y if flag and x > 0.4 else y.sum()

    mapped = tg.vmap(lambda x, y: picked(x, y, True), in_axes=(0, None), out_axes=1)
    expected = np.stack([x * W if x > 0.4 else np.full(4, W.sum()) for x in X], axis=1)
    with pytest.raises(tg.AbstractValueError, match="other objects on some ways"):
        mapped(X, W)
    spread = tg.vmap(lambda x, y: x * y if x > 0.4 else y.sum() + 0 * y, (0, None), 1)
    np.testing.assert_allclose(spread(X, W), expected)


def test_vmap_inside_of_what_is_drawn() -> None:
    def function(x: Any) -> Any:
        def body(i: Any, c: Any) -> Any:
            moved = tg.vmap(lambda r: r * 2 if r > c else r - 0.1)(x)
            return c + moved.sum() if c < 5 else c * 0.5

        return tg.fori_loop(0, 4, body, 0.3)

    assert_recorded(function, X)
    assert_gradient(function, X)
    np.testing.assert_allclose(tg.vmap(function)(BATCH), [function(x) for x in BATCH])


def test_a_loop_that_no_twin_sees_comes_to_an_end() -> None:
    names: dict[str, Any] = {"__name__": "tracegraph.none"}
    exec("def f(x):\n    while x < 50: x = x * 2\n    return x", names)
    with pytest.raises(tg.AbstractValueError, match="more than 64 ways"):
        tg.vmap(names["f"])(X)


def test_an_example_that_raises() -> None:
    bad = BATCH + np.array([[0.0], [0.0], [0.0], [200.0]])
    for mapped in (tg.vmap(checked), tg.compile(tg.vmap(checked))):
        np.testing.assert_array_equal(mapped(BATCH), BATCH * 2)
        with pytest.raises(tg.AbstractValueError, match="an example breaks an assumption"):
            mapped(bad)
    with pytest.raises(AssertionError, match="large"):
        tg.compile(asserted)(bad[3])
