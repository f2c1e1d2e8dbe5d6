"""Matrix products and convolutions in branches not taken, and in iterations that do not run.

What they multiply may be infinite there: the gradient is that of what did run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg

pytestmark = [
    pytest.mark.slow,  # no interpreter differs in this
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
]

ROWS = np.array([[1.0, 2.0], [0.0, 2.0]])
"""Of the second the branch is not taken, and no iteration runs."""


def branch(x: Any) -> Any:
    if x[0] > 0:
        return (np.outer(np.log(x), x) @ x).sum()
    return x.sum()


def while_(x: Any) -> Any:
    v = 1 / x
    a = np.outer(x, x)
    c = x * 1.0
    k = 0
    while k < x[0]:
        c = c * (a @ v) + c
        k += 1
    return c.sum()


def while_loop(x: Any) -> Any:
    v, a = 1 / x, np.outer(x, x)
    return tg.while_loop(
        lambda s: s[1] < x[0], lambda s: (s[0] * (a @ v) + s[0], s[1] + 1), (x, 0)
    )[0].sum()


def equations(x: Any) -> Any:
    a = np.eye(2) * 2 + np.outer(x, x)

    def step(state: Any) -> Any:
        c, k = state
        return np.linalg.solve(a + np.outer(c, c), c), k + 1

    return tg.while_loop(lambda s: s[1] < x[0], step, (x, 0))[0].sum()


@pytest.mark.parametrize("function", [branch, while_, while_loop, equations])
def test_a_row_that_is_left_early_has_the_gradient_that_it_has_alone(
    function: Callable[..., Any],
) -> None:
    # Along the second axis, as the first one says how many iterations there are.
    x, step = ROWS[0], np.array([0.0, 1e-6])
    central = (function(x + step) - function(x - step)) / 2e-6
    singles = np.stack([tg.grad(function)(row) for row in ROWS])
    np.testing.assert_allclose(singles[0, 1], central, rtol=1e-6)
    np.testing.assert_array_equal(singles[1], [1.0, 1.0])
    each = tg.vmap(tg.grad(function))
    whole = tg.grad(lambda rows: tg.vmap(function)(rows).sum())
    for gradient in (each, whole, tg.compile(each), tg.compile(whole)):
        for _ in range(2):
            np.testing.assert_allclose(gradient(ROWS), singles, rtol=1e-12)


CONTRACTIONS: dict[str, Callable[[Any], Any]] = {
    "matvec": lambda v: (np.outer(v, v) @ v).sum(),
    "tensordot": lambda v: np.tensordot(np.outer(v, v), v, 1).sum(),
    "matrix power": lambda v: np.linalg.matrix_power(np.outer(v, v), 3).sum(),
    "cov": lambda v: np.cov(v, v[::-1])[0, 1],
    "corrcoef": lambda v: np.corrcoef(v, v[::-1])[0, 1],
    "convolve": lambda v: np.convolve(v, v).sum(),
    "solve": lambda v: np.linalg.solve(np.outer(v, v), v).sum(),
}


@pytest.mark.parametrize("name", CONTRACTIONS)
@pytest.mark.parametrize("special", [np.inf, np.nan])
def test_where_does_not_let_a_nan_out(name: str, special: float) -> None:
    def loss(x: Any) -> Any:
        return np.where(x[0] > 1, CONTRACTIONS[name](x * special), x.sum())

    x = np.array([0.5, 0.25, -1.0])
    compiled = tg.compile(tg.grad(loss))
    for gradient in (tg.grad(loss), compiled, compiled):
        np.testing.assert_array_equal(gradient(x), np.ones(3))


def test_a_zero_tangent_wins_as_well() -> None:
    def turned(x: Any) -> Any:
        return np.array([[np.inf, 1.0]]) @ np.sqrt(x)

    _, tangent = tg.jvp(turned, (np.array([1.0, 4.0]),), (np.array([0.0, 1.0]),))
    np.testing.assert_array_equal(tangent, [0.25])
