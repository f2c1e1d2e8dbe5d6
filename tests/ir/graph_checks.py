"""Checks of graphs that need no closed form: differences, duality, and one example at a time."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from tracegraph.ir.autodiff import jvp, vjp
from tracegraph.ir.batching import batch
from tracegraph.ir.graph import Graph
from tracegraph.ir.interpret import interpret
from tracegraph.ir.types import is_differentiable
from tracegraph.ir.verify import verify


def random_like(rng: np.random.Generator, arrays: Sequence[Any]) -> list[Any]:
    """Return a random direction: complex for complex arrays."""
    found = []
    for array in arrays:
        direction = rng.standard_normal(array.shape)
        if array.dtype.kind == "c":
            direction = direction + 1j * rng.standard_normal(array.shape)
        found.append(direction.astype(array.dtype))
    return found


def inexact(arrays: Sequence[Any]) -> list[Any]:
    return [a for a in map(np.asarray, arrays) if is_differentiable(a.dtype)]


def pairing(left: Sequence[Any], right: Sequence[Any]) -> Any:
    """Return the sum of products, without conjugation: transposes are linear (JAX's convention)."""
    return sum(np.sum(a * b) for a, b in zip(left, right, strict=True))


def check_derivatives(
    graph: Graph, *arrays: Any, order: int = 2, step: float = 1e-5, rtol: float = 2e-5
) -> None:
    """jvp is the difference quotient, vjp is its transpose; for a higher order, theirs as well."""
    rng = np.random.default_rng(7)
    arrays = tuple(np.asarray(a) for a in arrays)
    verify(graph)
    value = interpret(graph, *arrays)
    count = len(value)
    v = random_like(rng, inexact(arrays))
    forward = jvp(graph)
    verify(forward)
    outs = interpret(forward, *arrays, *v)
    same_values(outs[:count], value)
    tangents = [t for t, out in zip(outs[count:], value, strict=True) if _float(out)]
    quotient = _difference(graph, arrays, v, step)
    scale = max([1.0, *(float(np.max(np.abs(t), initial=0)) for t in tangents)])
    for tangent, expected in zip(tangents, quotient, strict=True):
        np.testing.assert_allclose(tangent, expected, rtol=rtol, atol=rtol * scale)
    u = random_like(rng, [np.asarray(out) for out in value if _float(out)])
    backward = vjp(graph)
    verify(backward)
    outs = interpret(backward, *arrays, *u)
    same_values(outs[:count], value)
    np.testing.assert_allclose(
        pairing(u, tangents), pairing(outs[count:], v), rtol=1e-9, atol=1e-9 * scale
    )
    if order > 1:
        check_derivatives(forward, *arrays, *v, order=order - 1, step=step, rtol=rtol)
        check_derivatives(backward, *arrays, *u, order=order - 1, step=step, rtol=rtol)


def _float(out: Any) -> bool:
    return is_differentiable(np.asarray(out).dtype)


def same_values(got: Sequence[Any], expected: Sequence[Any]) -> None:
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def _difference(graph: Graph, arrays: Sequence[Any], v: Sequence[Any], step: float) -> list[Any]:
    """Return the central difference quotient of the inexact results along ``v``."""
    sides = []
    for sign in (1, -1):
        directions = iter(v)
        moved = [
            a + sign * step * next(directions) if is_differentiable(a.dtype) else a for a in arrays
        ]
        sides.append(inexact(interpret(graph, *moved)))
    return [(a - b) / (2 * step) for a, b in zip(*sides, strict=True)]


def check_batches(graph: Graph, *arrays: Any, rtol: float = 0) -> None:
    """Whichever operands have a batch, it gives what one example after the other gives."""
    for flags in itertools.product((False, True), repeat=len(arrays)):
        for size in (0, 3) if any(flags) else ():
            _check_batch(graph, arrays, flags, size, rtol)


def _check_batch(
    graph: Graph, arrays: Sequence[Any], flags: Sequence[bool], size: int, rtol: float
) -> None:
    many = [
        np.stack([np.roll(a, k) for k in range(3)])[:size] if flag else np.asarray(a)
        for a, flag in zip(arrays, flags, strict=True)
    ]
    batched = batch(graph, flags, size)
    verify(batched)
    outs = interpret(batched, *many)
    for out, node in zip(outs, batched.outputs, strict=True):
        assert np.shape(out) == node.array_type.shape
    for k in range(size):
        one = interpret(graph, *(a[k] if flag else a for a, flag in zip(many, flags, strict=True)))
        for got, expected in zip(outs, one, strict=True):
            np.testing.assert_allclose(got[k], expected, rtol=rtol, atol=rtol)
