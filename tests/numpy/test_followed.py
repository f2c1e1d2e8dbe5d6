"""Functions that are recorded by NumPy's own Python code, with each of their options."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracegraph as tg

RNG = np.random.default_rng(0)
X, Y = np.linspace(0, 1, 12), RNG.normal(size=12)
PAIRS = RNG.normal(size=(12, 2))
WEIGHTS = np.abs(Y) + 0.1
TALL, STACK = RNG.normal(size=(5, 3)), RNG.normal(size=(2, 4, 4))

Case = tuple[Any, tuple[Any, ...], dict[str, Any]]
CASES: list[Case] = [
    (np.polyfit, (X, Y, 2), {}),
    (np.polyfit, (X, PAIRS, 2), {}),
    (np.polyfit, (X, Y, 2), {"full": True}),
    (np.polyfit, (X, Y, 2), {"w": WEIGHTS}),
    (np.polyfit, (X, Y, 2), {"cov": True}),
    (np.polyfit, (X, PAIRS, 1), {"cov": True}),
    (np.polyfit, (X, Y, 2), {"cov": "unscaled"}),
    (np.polyfit, (X, Y, 2), {"rcond": 1e-3}),
    (np.polyfit, (X.astype("f4"), Y, 1), {}),
    (np.polyfit, (np.arange(12), np.arange(12) ** 2, 2), {}),
    (np.polydiv, (Y[:5], WEIGHTS[:2]), {}),
    (np.polydiv, (Y[:2], WEIGHTS[:4]), {}),
    (np.polydiv, (np.arange(1, 5), np.array([1, 2])), {}),
    (np.polydiv, (np.array([1.0, 2, 1]), np.array([1.0, 1])), {}),
    (np.polydiv, (3.0, WEIGHTS[:1]), {}),
    (np.linalg.matrix_rank, (TALL,), {}),
    (np.linalg.matrix_rank, (STACK,), {}),
    (np.linalg.matrix_rank, (X,), {}),
    (np.linalg.matrix_rank, (TALL,), {"tol": 0.5}),
    (np.linalg.matrix_rank, (TALL,), {"rtol": 0.5}),
    (np.linalg.matrix_rank, (STACK[0] + STACK[0].T,), {"hermitian": True}),
    (np.resize, (Y, (3, 5)), {}),
    (np.resize, (Y, 4), {}),
    (np.resize, (TALL, (2, 2)), {}),
    (np.resize, (TALL, (0,)), {}),
    (np.resize, (3.0, (2, 2)), {}),
    (np.diag_indices, (3,), {}),
    (np.diag_indices, (3, 3), {}),
    (np.diag_indices_from, (STACK[0],), {}),
    (np.sort_complex, (Y,), {}),
    (np.sort_complex, (Y * 1j,), {}),
    (np.sort_complex, (np.arange(4),), {}),
    (np.geomspace, (1.0, 8.0, 4), {}),
    (np.geomspace, (1.0, 8.0), {"num": 5, "endpoint": False}),
    (np.geomspace, (-1.0, -8.0, 4), {}),
    (np.geomspace, (WEIGHTS[:3], WEIGHTS[3:6] + 1, 4), {}),
    (np.geomspace, (WEIGHTS[:3], WEIGHTS[3:6] + 1, 4), {"axis": 1}),
    (np.geomspace, (1, 1000, 4), {"dtype": int}),
    (np.geomspace, (1j, 8j, 4), {}),
]


NAMES = [f"{function.__name__}-{k}" for k, (function, *_) in enumerate(CASES)]


@pytest.mark.parametrize(("function", "args", "options"), CASES, ids=NAMES)
def test_every_option_is_recorded(function: Any, args: Any, options: Any) -> None:
    compiled = tg.compile(lambda *given: function(*given, **options))
    for scale in (1, 1, 2):
        given = [scale * a if isinstance(a, np.ndarray) and a.dtype == float else a for a in args]
        found, expected = compiled(*given), function(*given, **options)
        assert type(found) is type(expected)
        pairs = zip(found, expected, strict=True) if type(found) is tuple else [(found, expected)]
        for one, other in pairs:
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12, strict=True)
    assert compiled.fallbacks == []


def test_a_fit_has_a_derivative() -> None:
    def loss(y: Any) -> Any:
        return (np.polyfit(X, y, 2) ** 2).sum()

    step = 1e-6 * np.eye(12)
    expected = [(loss(Y + s) - loss(Y - s)) / 2e-6 for s in step]
    np.testing.assert_allclose(tg.grad(loss)(Y), expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(tg.compile(tg.grad(loss))(Y), expected, rtol=1e-6, atol=1e-6)
