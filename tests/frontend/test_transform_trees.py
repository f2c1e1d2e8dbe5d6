"""Gradients by containers of every kind, argument choice, captures and dtypes."""

import collections
import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import program

X = np.array([0.5, 1.5, 2.5])
K = np.array([1.0, 2.0, 3.0])
Function = Callable[..., Any]
BOTH = pytest.mark.parametrize("transform", [lambda f: f, tg.compile], ids=["eager", "compiled"])
pytestmark = [pytest.mark.filterwarnings("ignore::tracegraph.FallbackWarning"), pytest.mark.slow]


@dataclasses.dataclass
class Pair:
    u: Any
    v: Any = 2.0


Named = collections.namedtuple("Named", "w b")


class Model(tg.Module):
    def __init__(self, w: Any, b: Any) -> None:
        self.w, self.b = w, b


TREES: dict[str, tuple[Function, Function]] = {
    "a tuple": (lambda w, b: (w, b), lambda p: p),
    "a list": (lambda w, b: [w, b], tuple),
    "a dict": (lambda w, b: {"w": w, "b": b}, lambda p: (p["w"], p["b"])),
    "a named tuple": (Named, lambda p: (p.w, p.b)),
    "a dataclass": (Pair, lambda p: (p.u, p.v)),
    "a Module": (Model, lambda p: (p.w, p.b)),
    "an OrderedDict": (lambda w, b: collections.OrderedDict(w=w, b=b), lambda p: (p["w"], p["b"])),
    "a defaultdict": (
        lambda w, b: collections.defaultdict(int, w=w, b=b),
        lambda p: (p["w"], p["b"]),
    ),
    "nested": (lambda w, b: {"l": [w, (b, None)], "e": []}, lambda p: (p["l"][0], p["l"][1][0])),
    "nested dataclasses": (lambda w, b: Pair([w], Pair(b, ())), lambda p: (p.u[0], p.v.u)),
}


@BOTH
@pytest.mark.parametrize("bias", [2.0, np.float64(2.0), np.array(2.0), np.array([2.0])], ids=repr)
@pytest.mark.parametrize("kind", TREES)
def test_gradients_have_the_structure_of_the_argument(
    kind: str, bias: Any, transform: Function
) -> None:
    make, parts = TREES[kind]
    if kind == "a Module" and not isinstance(bias, np.ndarray):
        return  # numbers that are no Variables are a Module's constants

    def loss(p: Any, x: Any) -> Any:
        w, b = parts(p)
        return ((x * w + b) ** 2).sum()

    for function in (tg.grad(loss), tg.grad(tg.compile(loss))):
        gradient = transform(function)
        for shift in range(3):
            w = X + shift
            found = gradient(make(w.copy(), bias), K)
            residual = K * w + 2.0
            assert type(found) is type(make(w, bias))
            dw, db = parts(found)
            np.testing.assert_allclose(dw, 2 * residual * K, rtol=1e-12)
            np.testing.assert_allclose(
                db, np.full(np.shape(bias), (2 * residual).sum()), rtol=1e-12
            )
            assert type(dw) is np.ndarray
            assert type(db) is type(bias)


@BOTH
def test_tensors_in_and_out(transform: Function) -> None:
    gradient = transform(tg.grad(lambda p, x: ((p[0] * x + p[1]) ** 2).sum()))
    for _ in range(3):
        found = gradient((tg.Tensor(X.copy()), tg.Tensor(2.0)), K)
        assert all(type(g) is tg.Tensor for g in found)
        np.testing.assert_allclose(found[0].numpy(), 2 * (X * K + 2) * K)


def weighted(x: Any, y: Any, z: Any = 1.0, *, s: Any = 2.0) -> Any:
    return (x * y * z * s).sum()


@pytest.mark.parametrize(
    "wrap",
    [tg.grad, lambda f, n: tg.compile(tg.grad(f, n)), lambda f, n: tg.grad(tg.compile(f), n)],
    ids=["grad", "compile(grad)", "grad(compile)"],
)
def test_argnums_and_keywords(wrap: Function) -> None:
    both, third, last, listed = (wrap(weighted, n) for n in ((0, 1), 2, -1, [1]))
    for _ in range(3):
        found = both(X, K, 3.0, s=5.0)
        assert type(found) is tuple
        np.testing.assert_allclose(found[0], K * 15)
        np.testing.assert_allclose(found[1], X * 15)
        assert type(third(X, K, 3.0, s=5.0)) is float
        assert np.isclose(third(X, K, 3.0, s=5.0), (X * K).sum() * 5)
        assert np.isclose(last(X, K, 3.0), (X * K).sum() * 2)
        np.testing.assert_allclose(last(X, K), X * 2)
        (only,) = listed(X, K, z=2.0, s=np.ones(3))
        np.testing.assert_allclose(only, X * 2)


@BOTH
def test_captured_values_are_read_at_every_call(transform: Function) -> None:
    function, module = program("W, k = np.ones(3), 2.0\ndef f(a): return ((a * W) ** k).sum()")()
    gradient = transform(tg.grad(function))
    np.testing.assert_allclose(gradient(X), 2 * X)
    module.run("W[0] = 3.0")
    np.testing.assert_allclose(gradient(X), 2 * X * [9, 1, 1])
    module.run("k = 3.0")
    np.testing.assert_allclose(gradient(X), 3 * X**2 * [27, 1, 1])
    module.run("W = np.zeros(3)")
    np.testing.assert_allclose(gradient(X), X * 0)


@BOTH
def test_dtypes_of_gradients(transform: Function) -> None:
    for dtype in (np.float32, np.float64):
        gradient = transform(tg.grad(lambda a: (a**2).sum()))
        for _ in range(2):
            assert gradient(X.astype(dtype)).dtype == dtype
    both = transform(tg.grad(lambda a, b: (a * b).sum(), (0, 1)))
    for _ in range(2):
        assert [g.dtype for g in both(X.astype(np.float32), K)] == [np.float32, np.float64]
        assert [g.shape for g in both(X, np.array(2.0))] == [(3,), ()]
        assert [g.shape for g in both(X[:, None], K)] == [(3, 1), (3,)]
        assert [g.shape for g in both(np.zeros((0, 3)), K)] == [(0, 3), (3,)]


@BOTH
def test_gradients_of_what_does_not_depend_on_the_argument(transform: Function) -> None:
    for body in ("2.0", "K.sum()", "float(len(a))", "np.float64(1)", "a[:0].sum()"):
        gradient = transform(tg.grad(program(f"def f(a): return {body}", K=K)()[0]))
        for _ in range(2):
            np.testing.assert_array_equal(gradient(X.copy()), np.zeros(3))


@BOTH
def test_both_sides_of_a_branch(transform: Function) -> None:
    gradient = transform(tg.grad(lambda a: (a**2).sum() if a.sum() > 0 else (a**3).sum()))
    for value in (X, -X, X + 1, -X - 1, X):
        expected = 2 * value if value.sum() > 0 else 3 * value**2
        np.testing.assert_allclose(gradient(value), expected)
