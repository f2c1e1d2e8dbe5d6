"""Gradients of ordinary programs: the slope, or a refusal, never silently something else."""

import dataclasses
import functools
import math
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
    "an array filled": (
        "o = np.zeros(3)\n    for i in range(3): o[i] = a[i] * (o[i - 1] if i else 1)\n    "
        "return o.sum()"
    ),
    "floats and items": "return float(a[0]) * a[1] + a.sum().item() * a[2]",
    "a float's power": "return float(a[0]) ** 2",
    "a power of a float": "return 2.0 ** float(a[1])",
    "abs of a float": "return abs(float(a[0]) - 5)",
    "a float's remainder": "return float(a[0]) % 0.3",
    "pow": "return pow(float(a[0]), 2)",
    "divmod": "return divmod(float(a[0]), 0.3)[1]",
    "floats divided": "return float(a[0]) / float(a[1])",
    "floats compared": "return max(float(a[0]) * 4, float(a[1])) + min(float(a[1]), float(a[2]))",
    "math.sqrt": "return math.sqrt(float(a[1]))",
    "math.exp": "return math.exp(float(a[0])) + math.exp(a[1])",
    "math": (
        "return math.hypot(a[0], a[1]) + math.atan2(a[0], a[1]) + math.log(a[1], 2) + "
        "math.pow(a[0], 2)"
    ),
    "math of floats": (
        "return math.sin(float(a[0])) * math.tanh(float(a[1])) + math.fabs(float(a[2]))"
    ),
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
    "concatenate and reshape": (
        "return np.concatenate([a, a[::-1]]).reshape(2, 3).T.ravel() @ np.arange(6.0)"
    ),
    "clip": "return np.clip(a, 1, 2).sum()",
    "cumsum": "return np.cumsum(a)[-1] * a[0]",
    "prod": "return np.prod(a)",
    "dot": "return a @ a + a.dot(K) + (a.T @ a).item()",
    "floor": "return (a // 1 * a).sum()",
    "copies": "return np.asarray(a).sum() + np.array(a).sum() + a.copy()[0] + a.tolist()[0]",
    "copy.copy": "import copy; return copy.copy(a)[0] * 2 + copy.deepcopy([a])[0][1]",
    "where the derivative is zero": "return np.sign(a).sum() + a[0] * 0 + np.round(a[1] + 0.1)",
    "stop and go": (
        "b = a * 1.0\n    for i in range(3):\n        if b[i] > 1: b = b * 2\n        else: b = "
        "b + 1\n    return b.sum()"
    ),
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

    names = {
        "tg": tg,
        "math": math,
        "functools": functools,
        "K": K,
        "Pair": Pair,
        "box": Box(),
        "kept": [],
    }
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


MAY_BE_REFUSED = [
    "masked sum", "sum where", "reduce", "a float from text", "copy.copy",
    "max of an array", "copies",
    "complex", "abs of complex", "__float__", "__pow__", "rounded", "divmod", "a float's remainder",
]  # fmt: skip


@pytest.mark.parametrize("what", [name for name in PROGRAMS if name not in MAY_BE_REFUSED])
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
