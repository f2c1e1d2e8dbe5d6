"""Derivatives and batching: closed forms, finite differences, compositions in any order, all containers,
each plainly and compiled."""

import collections
import dataclasses
import functools
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import program

X = np.array([0.5, 1.5, 2.5])
K = np.array([1.0, 2.0, 3.0])
Function = Callable[..., Any]
COMPILED = [lambda f: f, tg.compile]
BOTH = pytest.mark.parametrize("transform", COMPILED, ids=["eager", "compiled"])
pytestmark = pytest.mark.filterwarnings("ignore::tracegraph.FallbackWarning")


def slopes(function: Function, x: Any, eps: float = 1e-6) -> Any:
    """The gradient by central differences."""
    out = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        above, below = x.copy(), x.copy()
        above[i] += eps
        below[i] -= eps
        out[i] = (float(function(above)) - float(function(below))) / (2 * eps)
    return out


def gradients(function: Function) -> list[Function]:
    """The gradient made in every order of compile and grad."""
    return [
        tg.grad(function), tg.compile(tg.grad(function)), tg.grad(tg.compile(function)),
        tg.compile(tg.grad(tg.compile(function))), lambda x: tg.value_and_grad(function)(x)[1],
        lambda x: tg.vjp(function, x)[1](1.0)[0],
        lambda x: np.array([tg.jvp(function, (x.copy(),), (e,))[1] for e in np.eye(3)]),
    ]  # fmt: skip


# -- gradients of ordinary programs ---------------------------------------------------------------

PROGRAMS = {
    "writes into a copy": "b = a.copy(); b[0] = b[1] * b[2]; b *= a; return b.sum()",
    "an item written": "a[0] = a[1] ** 2; return (a * K).sum()",
    "the argument doubled": "a *= 2; return (a ** 2).sum()",
    "the argument squared by out": "np.multiply(a, a, out=a); return a.sum()",
    "overlapping views": "v = a[1:]; v += a[:-1]; return (a ** 2).sum()",
    "read, then written": "s = (a ** 2).sum(); a[:] = 0; return s",
    "an array filled": "o = np.zeros(3)\n    for i in range(3): o[i] = a[i] * (o[i - 1] if i else 1)\n    return o.sum()",
    "floats and items": "return float(a[0]) * a[1] + a.sum().item() * a[2]",
    "a float's power": "return float(a[0]) ** 2",
    "a power of a float": "return 2.0 ** float(a[1])",
    "abs of a float": "return abs(float(a[0]) - 5)",
    "a float's remainder": "return float(a[0]) % 0.3",
    "pow": "return pow(float(a[0]), 2)",
    "divmod": "return divmod(float(a[0]), 0.3)[1]",
    "floats divided": "return float(a[0]) / float(a[1])",
    "floats compared": "return max(float(a[0]) * 3, float(a[1])) + min(float(a[1]), float(a[2]))",
    "math.sqrt": "return math.sqrt(float(a[1]))",
    "math.exp": "return math.exp(float(a[0])) + math.exp(a[1])",
    "math": "return math.hypot(a[0], a[1]) + math.atan2(a[0], a[1]) + math.log(a[1], 2) + math.pow(a[0], 2)",
    "math of floats": "return math.sin(float(a[0])) * math.tanh(float(a[1])) + math.fabs(float(a[2]))",
    "complex": "return complex(a[0], a[1]).real * 2 + complex(a[0], a[1]).imag",
    "abs of complex": "return abs(complex(a[0], a[1]))",
    "real of a float": "return float(a[0]).real * 3",
    "__float__": "return a.sum().__float__() * 2",
    "__pow__": "return float(a[0]).__pow__(2)",
    "a float from text": "return float(str(float(a[0])))",
    "rounded": "return round(float(a[0]), 1) * a[0]",
    "where": "return np.where(a > 1, a ** 2, np.sqrt(a)).sum()",
    "max and min": "return max(a[0], a[1]) * min(a[1], a[2])",
    "max of an array": "return max(a) * a.min()",
    "sorted": "return sorted(a)[0] * 2 + sorted([a[2], a[1]])[1]",
    "sum": "return sum(a) + sum([v * w for v, w in zip(a, K)])",
    "reduce": "return functools.reduce(lambda p, q: p * q, a)",
    "a while loop": "s = 0.0\n    while s < 5: s = s + a.sum()\n    return s * a[0]",
    "a branch": "return a[0] ** 2 if a.sum() > 3 else a[1] ** 3",
    "a caught error": "try: return a[5].sum()\n    except IndexError: return a[0] ** 2",
    "containers": "l = []; l.append(a * 2); d = {'q': l}; return d['q'][0].sum() * a[0]",
    "recursion": "def h(v, n): return v if n == 0 else h(v * a[0], n - 1)\n    return h(a[1], 3)",
    "a closure": "k = a.sum()\n    def h(v): return v * k\n    return h(a).sum()",
    "a default": "def h(v, q=a): return (q * v).sum()\n    return h(a)",
    "a partial": "return functools.partial(np.multiply, a)(a).sum()",
    "a generator": "return sum(v * v for v in a)",
    "unpacking": "x, *y = a; return x * y[0] + y[1]",
    "a dataclass": "p = Pair(a[0], a[1]); return p.u * p.v",
    "an attribute": "box.v = a * 2; return (box.v * a).sum()",
    "a list outside": "kept.append(a * 2); return (kept[-1] * a).sum()",
    "print": "print(end=''); return (a ** 2).sum()",
    "a gradient inside": "return tg.grad(lambda v: (v ** 3).sum())(a).sum()",
    "a vmap inside": "return tg.vmap(lambda v: v * a[0])(a).sum()",
    "a jvp inside": "return tg.jvp(np.sin, (a,), (K,))[1].sum()",
    "a Tensor inside": "return (tg.Tensor(a) * 2).numpy().sum() + float(tg.constant(a[0])) * 2",
    "the norm": "return np.linalg.norm(a)",
    "sizes": "return a.sum() / len(a) * a.shape[0]",
    "an array of items": "b = np.array([a[0], a[1] * 2, 1.0]); return (b ** 2).sum()",
    "an array of floats": "b = np.array([float(a[0]), 2.0]); return b.sum() * 3",
    "full and linspace": "return np.full(3, float(a[0])).sum() + np.linspace(0.0, a[1], 3).sum()",
    "stack": "return np.stack([v * i for i, v in enumerate(a)]).sum()",
    "fancy indices": "return a[np.array([0, 0, 1])].sum() * a[[2]].sum()",
    "concatenate and reshape": "return np.concatenate([a, a[::-1]]).reshape(2, 3).T.ravel() @ np.arange(6.0)",
    "clip": "return np.clip(a, 1, 2).sum()",
    "cumsum": "return np.cumsum(a)[-1] * a[0]",
    "prod": "return np.prod(a)",
    "dot": "return a @ a + a.dot(K) + (a.T @ a).item()",
    "floor": "return (a // 1 * a).sum()",
    "copies": "return np.asarray(a).sum() + np.array(a).sum() + a.copy()[0] + a.tolist()[0]",
    "copy.copy": "import copy; return copy.copy(a)[0] * 2 + copy.deepcopy([a])[0][1]",
    "where the derivative is zero": "return np.sign(a).sum() + a[0] * 0 + np.round(a[1] + 0.1)",
    "stop and go": "b = a * 1.0\n    for i in range(3):\n        if b[i] > 1: b = b * 2\n        else: b = b + 1\n    return b.sum()",
    "masked sum": "return a[a > 1].sum()",
    "np.sort": "return np.sort(a) @ K",
    "sum where": "return np.sum(a, where=a > 1)",
    "a nan not taken": "return np.where(a > 0, np.log(np.where(a > 0, a, 1)), a).sum()",
    "a mean over axes": "return (np.outer(a, a).mean(0) * a).sum()",
    "einsum": "return np.einsum('i,j,i->', a, a, K)",
}


@dataclasses.dataclass
class Pair:
    u: Any
    v: Any = 2.0


def of_text(body: str) -> Function:
    class Box:
        pass

    names = {"tg": tg, "math": math, "functools": functools, "K": K, "Pair": Pair, "box": Box(), "kept": []}
    return program(f"def f(a):\n    {body}\n", **names)()[0]


@pytest.mark.parametrize("what", PROGRAMS)
def test_gradients_are_slopes_or_refused(what: str) -> None:
    """A gradient is right, or it is refused; it is never silently something else."""
    plain = of_text(PROGRAMS[what])
    expected = slopes(lambda v: plain(v.copy()), X)
    for gradient in gradients(of_text(PROGRAMS[what])):
        for _ in range(2):
            argument = X.copy()
            try:
                found = gradient(argument)
            except tg.DifferentiationError:
                continue
            np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-5, atol=1e-6)
            if found is not None and np.ndim(found):
                assert type(found) is np.ndarray
                assert found.dtype == np.float64


REFUSED = ["masked sum", "np.sort", "sum where", "reduce", "a float from text", "copy.copy", "max of an array"]


@pytest.mark.parametrize("what", [name for name in PROGRAMS if name not in REFUSED])
def test_gradients_of_ordinary_programs_exist(what: str) -> None:
    tg.grad(of_text(PROGRAMS[what]))(X.copy())


@BOTH
def test_effects_of_a_gradient_happen_once(transform: Function) -> None:
    log: list[Any] = []

    def loss(a: Any) -> Any:
        log.append(float(a[0]))
        a[0] += 1
        return (a**2).sum()

    gradient = transform(tg.grad(loss))
    for n in range(4):
        argument = X + n
        np.testing.assert_allclose(gradient(argument), 2 * (X + n + [1, 0, 0]))
        np.testing.assert_array_equal(argument, X + n + [1, 0, 0])
        assert log == [0.5 + m for m in range(n + 1)]


# -- containers -----------------------------------------------------------------------------------

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
    "a defaultdict": (lambda w, b: collections.defaultdict(int, w=w, b=b), lambda p: (p["w"], p["b"])),
    "nested": (lambda w, b: {"l": [w, (b, None)], "e": []}, lambda p: (p["l"][0], p["l"][1][0])),
    "nested dataclasses": (lambda w, b: Pair([w], Pair(b, ())), lambda p: (p.u[0], p.v.u)),
}


@BOTH
@pytest.mark.parametrize("bias", [2.0, np.float64(2.0), np.array(2.0), np.array([2.0])], ids=repr)
@pytest.mark.parametrize("kind", TREES)
def test_gradients_have_the_structure_of_the_argument(kind: str, bias: Any, transform: Function) -> None:
    make, parts = TREES[kind]

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
            np.testing.assert_allclose(db, np.full(np.shape(bias), (2 * residual).sum()), rtol=1e-12)
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
        gradient = transform(tg.grad(of_text(f"return {body}")))
        for _ in range(2):
            np.testing.assert_array_equal(gradient(X.copy()), np.zeros(3))


@BOTH
def test_both_sides_of_a_branch(transform: Function) -> None:
    gradient = transform(tg.grad(lambda a: (a**2).sum() if a.sum() > 0 else (a**3).sum()))
    for value in (X, -X, X + 1, -X - 1, X):
        expected = 2 * value if value.sum() > 0 else 3 * value**2
        np.testing.assert_allclose(gradient(value), expected)


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
        tg.grad(lambda x: tg.hessian(sine)(x).sum()), lambda x: slopes(lambda v: second(v).sum(), x),
    ),
    "grad of value_and_grad": (
        tg.grad(lambda x: (lambda v, g: v + g.sum())(*tg.value_and_grad(sine)(x))),
        lambda x: first(x) + second(x),
    ),
    "perturbations apart": (
        tg.grad(lambda x: (x * tg.grad(lambda y: (x * y).sum())(x)).sum()), lambda x: 2 * x,
    ),
    "perturbations apart, forwards": (
        lambda x: tg.jvp(lambda y: tg.jvp(lambda z: (y * z).sum(), (x,), (K,))[1] * y.sum(), (x,), (K,))[1],
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
        np.testing.assert_allclose(used(x), closed(x), rtol=2e-5 if "sum of a" in what else 1e-10, atol=1e-9)


# -- vmap -----------------------------------------------------------------------------------------

MAPPED: dict[str, tuple[Function, Any, tuple[Any, ...]]] = {
    "rows": (lambda v: v.sum() * v, 0, (np.arange(6.0).reshape(3, 2),)),
    "columns": (lambda v: v * 2, 1, (np.arange(6.0).reshape(3, 2),)),
    "the last axis": (lambda v: v * 2, -1, (np.arange(6.0).reshape(3, 2),)),
    "one of two": (lambda v, w: v @ w, (0, None), (np.eye(3), K)),
    "both, other axes": (lambda v, w: v * w, (0, 1), (np.ones((3, 2)), np.arange(6.0).reshape(2, 3))),
    "a constant": (lambda v: 1.0, 0, (X,)),
    "sizes": (lambda v: v.sum() / len(v) * v.shape[0], 0, (np.ones((4, 2)),)),
    "where": (lambda v: np.where(v > 1, v, -v), 0, (X,)),
    "matrices": (lambda m, v: m @ v, 0, (np.arange(24.0).reshape(4, 2, 3), np.ones((4, 3)))),
    "indices": (lambda v, i: v[i], 0, (np.arange(6.0).reshape(3, 2), np.array([0, 1, 0]))),
    "writes into a copy": (lambda v: np.concatenate([v[:1] * 0 + 5, v[1:]]), 0, (np.arange(6.0).reshape(3, 2),)),
    "ints": (lambda v: v // 2 + v % 3, 0, (np.arange(6),)),
    "bools": (lambda v: (v > 1) & (v < 3), 0, (X,)),
    "float32": (lambda v: v * 2, 0, (X.astype(np.float32),)),
    "a dict": (lambda p: {"s": p["a"] * 2, "t": (p["b"].sum(), p["a"])}, 0, ({"a": X, "b": np.ones((3, 2))},)),
    "reductions": (lambda v: (v.max(), v.argmax(), v.std(), v.cumsum()), 0, (np.arange(6.0).reshape(3, 2),)),
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
            expected = np.moveaxis(np.arange(6.0).reshape(3, 2) * 2, 0, axis)
            np.testing.assert_array_equal(mapped(np.arange(6.0).reshape(3, 2)), expected)


def test_a_vmapped_function_that_writes_into_its_argument() -> None:
    def write(v: Any) -> Any:
        v[0] = 5
        return v.sum()

    batch = np.arange(6.0).reshape(3, 2)
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
