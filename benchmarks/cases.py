"""What is measured: plain NumPy functions, their inputs, and Numba's plain loops for them.

A function is written once. tracegraph and NumPy run it as it stands, JAX with ``np`` bound to
``jax.numpy``, Numba compiles it where it can.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from case import Case
from loop_cases import LOOP_CASES

MILLION = 1_000_000
TERMS = 100


def small(x):
    return x * 2 + 1


def polynomial(x):
    y = x * 0.0
    for k in range(TERMS):
        y = y * x + (1.0 / (k + 1) - 0.5)
    return np.sqrt(y * y + 1.0)


def written_out_polynomial() -> Callable[..., Any]:
    """Return plain loops with all terms in the text, because Numba does not unroll a hundred."""
    terms = "".join(f"        y = y * t + {1.0 / (k + 1) - 0.5!r}\n" for k in range(TERMS))
    text = (
        "def polynomial_loops(x):\n"
        "    out = np.empty_like(x)\n"
        "    for i in range(x.size):\n"
        "        t = x[i]\n"
        "        y = t * 0.0\n"
        f"{terms}"
        "        out[i] = math.sqrt(y * y + 1.0)\n"
        "    return out\n"
    )
    scope: dict[str, Any] = {"np": np, "math": math}
    exec(text, scope)
    return scope["polynomial_loops"]


def transcendental(x, y):
    return np.sin(x) * np.exp(y) + np.log1p(y) * np.tanh(x)


def transcendental_loops(x, y):
    out = np.empty_like(x)
    for i in range(x.size):
        out[i] = math.sin(x[i]) * math.exp(y[i]) + math.log1p(y[i]) * math.tanh(x[i])
    return out


def softmax(x):
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def softmax_loops(x):
    out = np.empty_like(x)
    for i in range(x.shape[0]):
        largest = x[i, 0]
        for j in range(x.shape[1]):
            largest = max(largest, x[i, j])
        total = np.float32(0)
        for j in range(x.shape[1]):
            e = np.exp(x[i, j] - largest)
            out[i, j] = e
            total += e
        for j in range(x.shape[1]):
            out[i, j] /= total
    return out


def layer_norm(x, scale, shift):
    centred = x - np.mean(x, axis=1, keepdims=True)
    variance = np.mean(centred * centred, axis=1, keepdims=True)
    return centred / np.sqrt(variance + 1e-5) * scale + shift


def layer_norm_loops(x, scale, shift):
    out = np.empty_like(x)
    n = np.float32(x.shape[1])
    for i in range(x.shape[0]):
        mean = np.float32(0)
        for j in range(x.shape[1]):
            mean += x[i, j]
        mean /= n
        variance = np.float32(0)
        for j in range(x.shape[1]):
            d = x[i, j] - mean
            variance += d * d
        root = np.sqrt(variance / n + np.float32(1e-5))
        for j in range(x.shape[1]):
            out[i, j] = (x[i, j] - mean) / root * scale[j] + shift[j]
    return out


def sum_of_squares(x):
    return np.sum(x * x)


def sum_of_squares_loops(x):
    total = 0.0
    for i in range(x.size):
        total += x[i] * x[i]
    return total


def matmul_chain(x, a, b, c):
    return x @ a @ b @ c


def mlp_loss(weights, x, labels):
    w1, b1, w2, b2 = weights
    hidden = np.tanh(x @ w1 + b1)
    logits = hidden @ w2 + b2
    shifted = logits - np.max(logits, axis=1, keepdims=True)
    log_sum = np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.mean(np.sum((shifted - log_sum) * labels, axis=1))


def mlp_inputs(rng: np.random.Generator) -> tuple[Any, ...]:
    def normal(*shape: int) -> Any:
        return rng.normal(size=shape).astype(np.float32)

    weights = (normal(784, 256) * 0.05, normal(256) * 0.1, normal(256, 10) * 0.05, normal(10))
    labels = np.eye(10, dtype=np.float32)[rng.integers(0, 10, 128)]
    return weights, normal(128, 784), labels


CASES = (
    Case(
        name="small",
        title="x * 2 + 1, 10 float64",
        function=small,
        inputs=lambda rng: (rng.random(10),),
        arrays=True,
    ),
    Case(
        name="polynomial",
        title="100-term polynomial with sqrt, 1e6 float64",
        function=polynomial,
        inputs=lambda rng: (rng.random(MILLION),),
        loops=written_out_polynomial(),
        arithmetic=True,
        tolerance=1e-9,
    ),
    Case(
        name="transcendental",
        title="sin * exp + log1p * tanh, 1e6 float64",
        function=transcendental,
        inputs=lambda rng: (rng.normal(size=MILLION) * 3, rng.random(MILLION) * 4),
        loops=transcendental_loops,
        arrays=True,
        arithmetic=True,
    ),
    Case(
        name="softmax",
        title="softmax of rows, 2048 x 2048 float32",
        function=softmax,
        inputs=lambda rng: (rng.normal(size=(2048, 2048)).astype(np.float32),),
        loops=softmax_loops,
        arithmetic=True,
        tolerance=1e-5,
    ),
    Case(
        name="layer_norm",
        title="layer norm of rows, 4096 x 768 float32",
        function=layer_norm,
        inputs=lambda rng: (
            rng.normal(size=(4096, 768)).astype(np.float32),
            rng.random(768).astype(np.float32),
            rng.random(768).astype(np.float32),
        ),
        loops=layer_norm_loops,
        arithmetic=True,
        tolerance=1e-5,
    ),
    Case(
        name="sum_of_squares",
        title="sum of squares, 1e6 float64",
        function=sum_of_squares,
        inputs=lambda rng: (rng.normal(size=MILLION),),
        loops=sum_of_squares_loops,
        arrays=True,
        arithmetic=True,
    ),
    Case(
        name="matmul_chain",
        title="x @ a @ b @ c, 256 x 512 and 512 x 512 float32",
        function=matmul_chain,
        inputs=lambda rng: (
            rng.normal(size=(256, 512)).astype(np.float32),
            *(rng.normal(size=(512, 512)).astype(np.float32) / 16 for _ in range(3)),
        ),
        arrays=True,
        tolerance=1e-4,
    ),
    Case(
        name="mlp_gradient",
        title="gradient of a 784-256-10 network, 128 rows float32",
        function=mlp_loss,
        inputs=mlp_inputs,
        gradient=True,
        arithmetic=True,
        tolerance=1e-4,
    ),
    *LOOP_CASES,
)
