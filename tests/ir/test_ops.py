"""Tables over all operations: every rule, against NumPy and against the other rules."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from tests.ir import (
    samples_elementwise,
    samples_linalg,
    samples_loop,
    samples_reduce,
    samples_sort,
    samples_structural,
)
from tests.ir.samples import Array, Sample, by_op
from tracegraph.ir.autodiff import jvp, vjp
from tracegraph.ir.batching import batch
from tracegraph.ir.graph import Derivative, Graph, Op
from tracegraph.ir.interpret import interpret
from tracegraph.ir.lowering import CALLOUT
from tracegraph.ir.ops import FAMILIES, OPS
from tracegraph.ir.types import array_type, is_differentiable
from tracegraph.ir.verify import verify

SAMPLES: tuple[Sample, ...] = (
    *samples_elementwise.SAMPLES,
    *samples_structural.SAMPLES,
    *samples_reduce.SAMPLES,
    *samples_sort.SAMPLES,
    *samples_linalg.SAMPLES,
    *samples_loop.SAMPLES,
)
SMOOTH = tuple(
    s
    for s in SAMPLES
    if s.has_tangents
    and all(
        a.dtype in (np.float64, np.complex128) or not is_differentiable(a.dtype) for a in s.arrays
    )
    and s.op.jvp is not Derivative.NONE
)
BATCH = 3
STEP = 1e-5

every_sample = pytest.mark.parametrize("sample", SAMPLES, ids=str)
every_smooth_sample = pytest.mark.parametrize("sample", SMOOTH, ids=str)


@pytest.fixture(autouse=True)
def _numpy_may_warn() -> Iterator[None]:
    """Let NumPy meet special values; a complex number that loses its imaginary part still warns."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
        yield


@pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.name)
def test_every_op_is_complete(op: Op) -> None:
    optional = ("transpose", "counts")
    assert all(rule is not None for name, rule in vars(op).items() if name not in optional)
    assert callable(op.type_rule)
    assert callable(op.eager)
    assert callable(op.batch)
    assert callable(op.jvp) or isinstance(op.jvp, Derivative)
    assert op.transpose is None or callable(op.transpose)


def test_every_op_has_a_name_of_its_own() -> None:
    names = [op.name for family in FAMILIES for op in family]
    assert len(names) == len(set(names)) == len(OPS)


def test_every_op_has_a_sample() -> None:
    assert sorted(set(OPS) - set(by_op(SAMPLES))) == []


@every_sample
def test_type_rule_says_what_eager_gives(sample: Sample) -> None:
    graph = verify(sample.graph())
    for out, result in zip(graph.outputs, interpret(graph, *sample.arrays), strict=True):
        assert array_type(np.asarray(result)) == out.array_type


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s.reference], ids=str)
def test_eager_is_numpy(sample: Sample) -> None:
    assert sample.reference is not None
    result = sample.op.eager(*sample.arrays, **sample.attrs)
    expected = np.asarray(sample.reference(*sample.arrays, **sample.attrs))
    np.testing.assert_allclose(result, expected, rtol=4 * _epsilon(result))


@every_sample
def test_operands_are_not_changed(sample: Sample) -> None:
    before = [array.copy() for array in sample.arrays]
    interpret(sample.graph(), *sample.arrays)
    for array, copy in zip(sample.arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)


@every_smooth_sample
def test_jvp_is_the_finite_difference(sample: Sample) -> None:
    check_jvp(sample.graph(), sample.arrays, sample.tolerance)


@every_smooth_sample
def test_jvp_along_each_operand_alone(sample: Sample) -> None:
    for operand, array in enumerate(sample.arrays):
        if is_differentiable(array.dtype):
            chosen = [i == operand for i in range(len(sample.arrays))]
            check_jvp(sample.graph(), sample.arrays, sample.tolerance, chosen)


@every_smooth_sample
def test_vjp_is_the_transpose_of_jvp(sample: Sample) -> None:
    graph = sample.graph()
    tangents = directions(sample.arrays, 1)
    forward = interpret(verify(jvp(graph)), *sample.arrays, *tangents)[len(graph.outputs) :]
    forward = [t for t in forward if is_differentiable(np.asarray(t).dtype)]
    cotangents = directions(forward, 2)
    backward = interpret(verify(vjp(graph)), *sample.arrays, *cotangents)[len(graph.outputs) :]
    assert [np.shape(b) for b in backward] == [np.shape(t) for t in tangents]
    left, right = inner(cotangents, forward), inner(backward, tangents)
    np.testing.assert_allclose(left, right, rtol=0, atol=1e-3 * sample.tolerance * (1 + abs(left)))


@every_smooth_sample
def test_second_order(sample: Sample) -> None:
    graph = sample.graph()
    cotangents = directions(
        [a for a in interpret(graph, *sample.arrays) if a.dtype.kind in "fc"], 3
    )
    check_jvp(vjp(graph), (*sample.arrays, *cotangents), 10 * sample.tolerance)
    gradient = vjp(graph)
    forward = interpret(jvp(gradient), *_with_tangents([*sample.arrays, *cotangents]))
    cotangents2 = directions(
        [a for a in forward[len(gradient.outputs) :] if a.dtype.kind in "fc"], 4
    )
    backward = interpret(vjp(gradient), *sample.arrays, *cotangents, *cotangents2)
    tangents = directions([*sample.arrays, *cotangents], 1)
    right = inner(backward[len(gradient.outputs) :], tangents)
    left = inner(cotangents2, [a for a in forward[len(gradient.outputs) :] if a.dtype.kind in "fc"])
    np.testing.assert_allclose(left, right, rtol=0, atol=1e-2 * sample.tolerance * (1 + abs(left)))


NOT_GUARDED = {"draw", "det", "slogdet", "qr", "svdvals"}
"""What raises: draws, where a distribution has no such parameters, and derivatives that need an
inverse or vectors, where a matrix has none."""


@pytest.mark.parametrize("sample", [s for s in SMOOTH if s.op.name not in NOT_GUARDED], ids=str)
def test_a_zero_cotangent_gives_zero(sample: Sample) -> None:
    """Even where the operands are infinite or NaN: no NaN leaks out of a branch not taken."""
    graph = sample.graph()
    outputs = [np.asarray(a) for a in interpret(graph, *sample.arrays)]
    zeros = [np.zeros_like(a) for a in outputs if is_differentiable(a.dtype)]
    for special in (0.0, np.inf, -np.inf, np.nan, 1.0, -1.0):
        arrays = [
            np.full_like(a, special) if is_differentiable(a.dtype) else a for a in sample.arrays
        ]
        if sample.op.lower is CALLOUT and _raises(graph, arrays):
            continue
        first = interpret(vjp(graph), *arrays, *zeros)[len(graph.outputs) :]
        assert all(np.all(np.asarray(ct) == 0) for ct in first), special


def _raises(graph: Graph, arrays: Sequence[Array]) -> bool:
    """Return whether there is no decomposition, say, and so nothing to derive."""
    try:
        interpret(graph, *arrays)
    except np.linalg.LinAlgError:
        return True
    return False


@pytest.mark.parametrize("sample", [s for s in SAMPLES if s.arrays], ids=str)
def test_batch_is_a_loop_of_singles(sample: Sample) -> None:
    graph = sample.graph()
    for flags in itertools.product((False, True), repeat=len(sample.arrays)):
        lanes = [
            [
                _another(sample, a, k) if flag else a
                for a, flag in zip(sample.arrays, flags, strict=True)
            ]
            for k in range(BATCH)
        ]
        operands = [
            np.stack(column) if flag else column[0]
            for column, flag in zip(zip(*lanes, strict=True), flags, strict=True)
        ]
        batched = interpret(verify(batch(graph, flags, BATCH)), *operands)
        singles = [interpret(graph, *lane) for lane in lanes]
        for result, *expected in zip(batched, *singles, strict=True):
            wanted = np.stack(expected)
            assert result.dtype == wanted.dtype
            np.testing.assert_allclose(result, wanted, rtol=8 * _epsilon(wanted))


def _epsilon(array: Any) -> float:
    dtype = np.asarray(array).dtype
    return float(np.finfo(dtype).eps) if dtype.kind in "fc" else 0.0


def _another(sample: Sample, array: Array, number: int) -> Array:
    """Return other elements that the operation takes: of Cholesky's they must stay positive."""
    if sample.op.name == "cholesky":
        return (array * (1 + number)).astype(array.dtype)
    return np.roll(array.ravel(), number).reshape(array.shape)


def directions(arrays: Sequence[Any], seed: int) -> list[Array]:
    """Return a random direction for each array of inexact dtype."""
    rng = np.random.default_rng(seed)
    found = []
    for array in map(np.asarray, arrays):
        if is_differentiable(array.dtype):
            numbers = rng.normal(size=array.shape)
            if array.dtype.kind == "c":
                numbers = numbers + 1j * rng.normal(size=array.shape)
            found.append(np.asarray(numbers, array.dtype))
    return found


def _with_tangents(arrays: Sequence[Any]) -> list[Any]:
    return [*arrays, *directions(arrays, 1)]


def inner(a: Sequence[Any], b: Sequence[Any]) -> float:
    """Return the real part of the sum of products, without conjugation."""
    return sum(float(np.real(np.sum(x * y))) for x, y in zip(a, b, strict=True))


def check_jvp(
    graph: Graph,
    arrays: Sequence[Any],
    tolerance: float,
    chosen: Sequence[bool] | None = None,
) -> None:
    """Compare the derivative of a graph in a random direction with a central difference."""
    flags = list(chosen or (is_differentiable(a.dtype) for a in arrays))
    tangents = directions([a for a, flag in zip(arrays, flags, strict=True) if flag], 1)
    result = interpret(verify(jvp(graph, flags)), *arrays, *tangents)[len(graph.outputs) :]

    def moved(step: float) -> list[Any]:
        rest = iter(tangents)
        return interpret(
            graph, *(a + step * next(rest) if f else a for a, f in zip(arrays, flags, strict=True))
        )

    for tangent, up, down in zip(result, moved(STEP), moved(-STEP), strict=True):
        if is_differentiable(up.dtype):
            expected = (up - down) / (2 * STEP)
            scale = 1 + np.max(np.abs(expected), initial=0)
            np.testing.assert_allclose(tangent, expected, rtol=0, atol=tolerance * scale)
        else:
            assert not np.any(tangent)
