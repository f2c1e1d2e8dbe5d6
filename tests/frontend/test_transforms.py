"""Derivatives and batching in any composition, against closed forms, eager and compiled."""

import functools
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg

X = np.array([0.5, 1.5, 2.5])
K = np.array([1.0, 2.0, 3.0])
Function = Callable[..., Any]
COMPILED = [lambda f: f, tg.compile]
BOTH = pytest.mark.parametrize("transform", COMPILED, ids=["eager", "compiled"])
pytestmark = [pytest.mark.filterwarnings("ignore::tracegraph.FallbackWarning"), pytest.mark.slow]


def slopes(function: Function, x: Any, eps: float = 1e-6) -> Any:
    """The gradient by central differences."""
    out = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[i] += eps
        below[i] -= eps
        out[i] = (float(function(above)) - float(function(below))) / (2 * eps)
    return out


# -- the other transformations --------------------------------------------------------------------


@BOTH
def test_vjp_and_jvp_of_containers(transform: Function) -> None:
    def function(p: Any, x: Any) -> Any:
        return {"y": p["w"] * x, "z": [p["b"] * 2.0, (x.sum(),)]}

    p = {"w": X, "b": 3.0}

    def backward(p: Any, x: Any) -> Any:
        result, pullback = tg.vjp(function, p, x)
        return result, pullback({"y": K, "z": [1.0, (5.0,)]})

    def forward(p: Any, x: Any) -> Any:
        return tg.jvp(function, (p, x), ({"w": K, "b": 1.0}, X))

    for _ in range(3):
        result, (dp, dx) = transform(backward)(p, K)
        np.testing.assert_allclose(result["y"], X * K)
        np.testing.assert_allclose(dp["w"], K * K)
        assert dp["b"] == 2.0
        np.testing.assert_allclose(dx, X * K + 5)
        result, tangent = transform(forward)(p, K)
        np.testing.assert_allclose(tangent["y"], K * K + X * X)
        assert tangent["z"][0] == 2.0
        assert np.isclose(tangent["z"][1][0], X.sum())


def test_a_pullback_can_be_used_again_and_later() -> None:
    x = X.copy()
    result, pullback = tg.vjp(lambda a: a**2, x)
    np.testing.assert_allclose(pullback(K)[0], 2 * X * K)
    result[:] = 0
    x[:] = 100
    np.testing.assert_allclose(pullback(np.ones(3))[0], 2 * X)


def sine(x: Any) -> Any:
    return (np.sin(x) * x**2).sum()


def one(s: Any) -> Any:
    return np.sin(s) * s**2


def first(x: Any) -> Any:
    return np.cos(x) * x**2 + 2 * x * np.sin(x)


def second(x: Any) -> Any:
    return -np.sin(x) * x**2 + 4 * x * np.cos(x) + 2 * np.sin(x)


def cubes(v: Any) -> Any:
    return v**3


COMPOSITIONS: dict[str, tuple[Function, Function]] = {
    "grad": (tg.grad(sine), first),
    "hessian": (tg.hessian(sine), lambda x: np.diag(second(x))),
    "jacobian of grad": (tg.jacobian(tg.grad(sine)), lambda x: np.diag(second(x))),
    "grad of grad": (tg.grad(lambda x: tg.grad(sine)(x).sum()), second),
    "vmap of grad": (tg.vmap(tg.grad(one)), first),
    "vmap of grad of grad": (tg.vmap(tg.grad(tg.grad(one))), second),
    "grad of vmap": (tg.grad(lambda x: tg.vmap(one)(x).sum()), first),
    "jacobian of vmap": (tg.jacobian(tg.vmap(one)), lambda x: np.diag(first(x))),
    "jvp": (lambda x: tg.jvp(sine, (x,), (K,))[1], lambda x: (first(x) * K).sum()),
    "jvp of grad": (lambda x: tg.jvp(tg.grad(sine), (x,), (K,))[1], lambda x: second(x) * K),
    "grad of jvp": (tg.grad(lambda x: tg.jvp(sine, (x,), (K,))[1]), lambda x: second(x) * K),
    "jvp of jvp": (
        lambda x: tg.jvp(lambda y: tg.jvp(sine, (y,), (K,))[1], (x,), (K,))[1],
        lambda x: (second(x) * K * K).sum(),
    ),
    "vjp": (lambda x: tg.vjp(np.sin, x)[1](K)[0], lambda x: np.cos(x) * K),
    "grad of vjp": (
        tg.grad(lambda x: tg.vjp(np.sin, x)[1](K)[0].sum()),
        lambda x: -np.sin(x) * K,
    ),
    "vmap of vjp": (
        lambda x: tg.vmap(lambda v: tg.vjp(np.sin, x)[1](v)[0])(np.eye(3)),
        lambda x: np.diag(np.cos(x)),
    ),
    "vmap of jvp": (
        lambda x: tg.vmap(lambda v: tg.jvp(np.sin, (x,), (v,))[1])(np.eye(3)),
        lambda x: np.diag(np.cos(x)),
    ),
    "vmap of vmap": (
        lambda x: tg.vmap(tg.vmap(lambda s, t: s * t, (None, 0)), (0, None))(x, K),
        lambda x: np.outer(x, K),
    ),
    "vmap of hessian": (
        lambda x: tg.vmap(tg.hessian(lambda v: (v**3).sum()))(np.stack([x, K])),
        lambda x: np.stack([np.diag(6 * x), np.diag(6 * K)]),
    ),
    "vmap of jacobian": (
        lambda x: tg.vmap(tg.jacobian(cubes))(np.stack([x, K])),
        lambda x: np.stack([np.diag(3 * x**2), np.diag(3 * K**2)]),
    ),
    "jacobian of jacobian": (
        tg.jacobian(tg.jacobian(cubes)),
        lambda x: np.einsum("ij,jk->ijk", np.eye(3), np.diag(6 * x)),
    ),
    "compile of grad of compile of grad": (
        tg.grad(tg.compile(lambda x: tg.compile(tg.grad(sine))(x).sum())), second,
    ),
    "vmap of compile": (tg.vmap(tg.compile(lambda s: s**2)), lambda x: x**2),
    "grad of a sum of a hessian": (
        tg.grad(lambda x: tg.hessian(sine)(x).sum()),
        lambda x: slopes(lambda v: second(v).sum(), x),
    ),
    "grad of value_and_grad": (
        tg.grad(lambda x: (lambda v, g: v + g.sum())(*tg.value_and_grad(sine)(x))),
        lambda x: first(x) + second(x),
    ),
    "perturbations apart": (
        tg.grad(lambda x: (x * tg.grad(lambda y: (x * y).sum())(x)).sum()), lambda x: 2 * x,
    ),
    "perturbations apart, forwards": (
        lambda x: tg.jvp(
            lambda y: tg.jvp(lambda z: (y * z).sum(), (x,), (K,))[1] * y.sum(), (x,), (K,)
        )[1],
        lambda x: (K * K).sum() * x.sum() + (x * K).sum() * K.sum(),
    ),
}  # fmt: skip


@BOTH
@pytest.mark.parametrize("what", COMPOSITIONS)
def test_compositions(what: str, transform: Function) -> None:
    function, closed = COMPOSITIONS[what]
    used = transform(function)
    for shift in (0.0, 0.3, -1.0, 0.0):
        x = X + shift
        np.testing.assert_allclose(
            used(x), closed(x), rtol=2e-5 if "sum of a" in what else 1e-10, atol=1e-9
        )


# -- vmap -----------------------------------------------------------------------------------------

ROWS = np.arange(6.0).reshape(3, 2)
MAPPED: dict[str, tuple[Function, Any, tuple[Any, ...]]] = {
    "rows": (lambda v: v.sum() * v, 0, (ROWS,)),
    "columns": (lambda v: v * 2, 1, (ROWS,)),
    "the last axis": (lambda v: v * 2, -1, (ROWS,)),
    "one of two": (lambda v, w: v @ w, (0, None), (np.eye(3), K)),
    "both, other axes": (lambda v, w: v * w, (0, 1), (np.ones((3, 2)), ROWS.T)),
    "a constant": (lambda v: 1.0, 0, (X,)),
    "sizes": (lambda v: v.sum() / len(v) * v.shape[0], 0, (np.ones((4, 2)),)),
    "where": (lambda v: np.where(v > 1, v, -v), 0, (X,)),
    "matrices": (lambda m, v: m @ v, 0, (np.arange(24.0).reshape(4, 2, 3), np.ones((4, 3)))),
    "indices": (lambda v, i: v[i], 0, (ROWS, np.array([0, 1, 0]))),
    "writes into a copy": (lambda v: np.concatenate([v[:1] * 0 + 5, v[1:]]), 0, (ROWS,)),
    "ints": (lambda v: v // 2 + v % 3, 0, (np.arange(6),)),
    "bools": (lambda v: (v > 1) & (v < 3), 0, (X,)),
    "float32": (lambda v: v * 2, 0, (X.astype(np.float32),)),
    "a dict": (
        lambda p: {"s": p["a"] * 2, "t": (p["b"].sum(), p["a"])}, 0, ({"a": X, "b": ROWS},),
    ),
    "reductions": (lambda v: (v.max(), v.argmax(), v.std(), v.cumsum()), 0, (ROWS,)),
    "empty": (lambda v: v * 2, 0, (np.zeros((0, 2)),)),
    "one": (lambda v: v * 2, 0, (np.ones((1, 2)),)),
}  # fmt: skip


@BOTH
@pytest.mark.parametrize("what", MAPPED)
def test_vmap_is_a_loop(what: str, transform: Function) -> None:
    function, axes, args = MAPPED[what]
    mapped = transform(tg.vmap(function, in_axes=axes))
    each = axes if isinstance(axes, tuple) else (axes,) * len(args)
    for _ in range(3):
        found = mapped(*args)
        rows = [function(*example) for example in examples(args, each)]
        check_rows(found, rows)


def examples(args: tuple[Any, ...], axes: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    def pick(value: Any, axis: Any, i: int) -> Any:
        if isinstance(value, dict):
            return {k: pick(v, axis, i) for k, v in value.items()}
        return value if axis is None else np.moveaxis(value, axis, 0)[i]

    first_leaf = next(iter(args[0].values())) if isinstance(args[0], dict) else args[0]
    count = first_leaf.shape[axes[0]]
    return [tuple(pick(v, a, i) for v, a in zip(args, axes, strict=True)) for i in range(count)]


def check_rows(found: Any, rows: list[Any]) -> None:
    if isinstance(found, dict):
        for key in found:
            check_rows(found[key], [row[key] for row in rows])
    elif isinstance(found, tuple):
        for i, item in enumerate(found):
            check_rows(item, [row[i] for row in rows])
    else:
        assert type(found) is np.ndarray
        assert len(found) == len(rows)
        for one_found, row in zip(found, rows, strict=True):
            assert np.asarray(row).dtype == one_found.dtype
            np.testing.assert_allclose(one_found, row, rtol=1e-12)


@BOTH
def test_out_axes(transform: Function) -> None:
    for axis in (0, 1, -1):
        mapped = transform(tg.vmap(lambda v: v * 2, out_axes=axis))
        for _ in range(2):
            expected = np.moveaxis(ROWS * 2, 0, axis)
            np.testing.assert_array_equal(mapped(ROWS), expected)


def test_a_vmapped_function_that_writes_into_its_argument() -> None:
    def write(v: Any) -> Any:
        v[0] = 5
        return v.sum()

    batch = ROWS
    try:
        found = tg.vmap(write)(batch)
    except tg.TracegraphError:
        return
    np.testing.assert_array_equal(found, [6, 8, 10])
    np.testing.assert_array_equal(batch[:, 0], [5, 5, 5])


# -- as decorators and methods --------------------------------------------------------------------


def test_transformed_functions_look_like_the_function() -> None:
    def named(x: Any) -> Any:
        """Text."""
        return (x**2).sum()

    for transform in (tg.grad, tg.value_and_grad, tg.jacobian, tg.hessian, tg.vmap):
        changed: Any = transform(named)
        assert changed.__name__ == "named"
        assert changed.__doc__ == "Text."
        assert "named" in repr(changed)


def test_transformed_methods() -> None:
    class Problem:
        k = 3.0

        @functools.partial(tg.grad, argnums=1)
        def slope(self, x: Any) -> Any:
            return (x**2 * self.k).sum()

        def loss(self, x: Any) -> Any:
            return (x**2 * self.k).sum()

        @tg.compile
        def through(self, x: Any) -> Any:
            return tg.grad(self.loss)(x)

    problem = Problem()
    for _ in range(3):
        np.testing.assert_allclose(problem.slope(X), 6 * X)
        np.testing.assert_allclose(tg.grad(problem.loss)(X), 6 * X)
        np.testing.assert_allclose(problem.through(X), 6 * X)
    problem.k = 1.0
    np.testing.assert_allclose(problem.slope(X), 2 * X)
    np.testing.assert_allclose(problem.through(X), 2 * X)


def test_gradients_inside_a_compiled_training_step() -> None:
    @tg.compile
    def step(w: Any, x: Any, y: Any) -> Any:
        value, slope = tg.value_and_grad(lambda w: np.mean((x @ w - y) ** 2))(w)
        w -= 0.1 * slope
        return value

    rng = np.random.default_rng(0)
    x, true = rng.normal(size=(50, 3)), np.array([1.0, -2.0, 0.5])
    w = np.zeros(3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses = [step(w, x, x @ true) for _ in range(200)]
    assert losses[-1] < 1e-6 < losses[0]
    np.testing.assert_allclose(w, true, atol=1e-2)


def test_directions_of_whole_numbers() -> None:
    def along(x: Any, v: Any) -> Any:
        return tg.jvp(lambda a: np.sin(a), (x,), (v,))[1]

    for v in (np.array([1, 0, 2], np.int8), np.array([1, 0, 1], np.uint64)):
        for function in (along, tg.compile(along)):
            for _ in range(2):
                np.testing.assert_allclose(function(X[:3], v), np.cos(X[:3]) * v)
    np.testing.assert_allclose(tg.jvp(np.sin, (0.5,), (2,))[1], np.cos(0.5) * 2)
