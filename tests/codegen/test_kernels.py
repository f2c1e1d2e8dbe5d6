"""What becomes one kernel, what is stored, and how exact and repeatable long sums are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tests.codegen.harness import Runner, compiled
from tests.ir import samples_elementwise
from tests.ir.samples import by_op
from tracegraph.codegen.native import PIPELINES
from tracegraph.codegen.plan import Fresh, Kernel
from tracegraph.codegen.pull import FEW
from tracegraph.codegen.schedule import plan
from tracegraph.ir.graph import trace
from tracegraph.ir.loop_interpret import interpret_loops
from tracegraph.ir.loop_verify import verify_loops
from tracegraph.ir.ops.arithmetic import add, divide, multiply, subtract
from tracegraph.ir.ops.broadcast import broadcast_to, full_like, sum_
from tracegraph.ir.ops.reduce import argmax, max_
from tracegraph.ir.ops.structural import reshape, transpose
from tracegraph.ir.sizes import symbol
from tracegraph.ir.types import FLOAT32, FLOAT64, ArrayType

EXP = by_op(samples_elementwise.SAMPLES)["exp"][0].op


def rows(x: Any, like: Any) -> Any:
    return broadcast_to(x, shape=like.shape, axes=(0,))


def softmax(x: Any) -> Any:
    e = EXP(subtract(x, rows(max_(x, axes=(1,)), x)))
    return divide(e, rows(sum_(e, axes=(1,)), x))


def softmax_numpy(x: Any) -> Any:
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


@pytest.mark.parametrize("shape", [(1, 1), (4, 3), (5, 64), (3, 333), (0, 5)])
@pytest.mark.parametrize("symbolic", [False, True])
def test_softmax_is_one_kernel(shape: tuple[int, int], symbolic: bool) -> None:
    dims = (symbol("n"), symbol("m")) if symbolic else shape
    runner = compiled(softmax, ArrayType(FLOAT64, dims))
    x = np.random.default_rng(0).normal(size=shape)
    np.testing.assert_allclose(runner(x)[0], softmax_numpy(x), rtol=1e-14)
    written_out = not symbolic and shape[1] <= FEW
    assert len(runner.plan.steps) <= 1 + written_out


def test_softmax_keeps_one_row() -> None:
    found = compiled(softmax, ArrayType(FLOAT64, (100, 30))).plan
    assert [b.size for b in found.buffers if b.kind == "temp"] == [30]


@pytest.mark.parametrize("n", [0, 1, 7, 31, 32, 100, 4096, 4097, 50_000])
@pytest.mark.parametrize("symbolic", [False, True])
def test_sums_are_as_exact_as_pairwise(n: int, symbolic: bool) -> None:
    type = ArrayType(FLOAT64, (symbol("n") if symbolic else n,))
    x = np.random.default_rng(n).normal(size=n)
    total = compiled(lambda x: sum_(x, axes=(0,)), type)(x)[0]
    exact = math.fsum(x)
    scale = math.fsum(abs(x)) * np.finfo(float).eps
    assert abs(total - exact) <= max(2 * scale, abs(x.sum() - exact))


def test_sums_of_long_columns_are_exact() -> None:
    x = np.full((20_000, 70), 0.1, np.float32)
    type = ArrayType(FLOAT32, x.shape)
    total = compiled(lambda x: sum_(x, axes=(0,)), type)(x)[0]
    np.testing.assert_allclose(total, 20_000 * np.float64(np.float32(0.1)), rtol=2e-7)


@pytest.mark.parametrize("values", [[np.inf, 1], [np.inf, -np.inf], [np.nan, 1], [1e308, 1e308]])
def test_sums_that_are_not_finite(values: list[float]) -> None:
    x = np.zeros(10_000)
    x[[17, 9_000]] = values
    total = compiled(lambda x: sum_(x, axes=(0,)), ArrayType(FLOAT64, x.shape))(x)[0]
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(total, x.sum())


@pytest.mark.parametrize("dtype", ["f4", "f8", "c16"])
@pytest.mark.parametrize("shape", [(1,), (3,), (5000,), (3, 100), (100, 3), (2, 3, 4)])
def test_sums_of_negative_zeros_start_from_zero(shape: tuple[int, ...], dtype: str) -> None:
    x = -np.zeros(shape, dtype)
    for axes in {(0,), (len(shape) - 1,), tuple(range(len(shape)))}:
        runner = compiled(lambda x, axes=axes: sum_(x, axes=axes), ArrayType(x.dtype, shape))
        got, expected = (np.atleast_1d(a).view(x.real.dtype) for a in (runner(x)[0], x.sum(axes)))
        np.testing.assert_array_equal(np.signbit(got), np.signbit(expected))


@pytest.mark.parametrize("place", [0, 3, 40, 99])
def test_argmax_takes_the_first_and_nan_wins(place: int) -> None:
    x = np.zeros(100)
    x[place:] = 1
    runner = compiled(lambda x: argmax(x, axes=(0,)), ArrayType(FLOAT64, (100,)))
    assert runner(x)[0] == place
    x[50] = np.nan
    assert runner(x)[0] == 50
    x[:] = -np.inf
    assert runner(x)[0] == 0


def test_contract_rounds_once() -> None:
    type = ArrayType(FLOAT64, (100,))
    x, y, z = np.random.default_rng(0).normal(size=(3, 100))

    def rule(x: Any, y: Any, z: Any) -> Any:
        return add(multiply(x, y), z)

    strict = compiled(rule, type, type, type)(x, y, z)[0]
    np.testing.assert_array_equal(strict, x * y + z)
    fused = compiled(rule, type, type, type, fp="contract")(x, y, z)[0]
    exact = x.astype(np.longdouble) * y + z
    assert np.all(np.abs(fused - exact) <= np.spacing(np.abs(fused)) / 2 * 1.01)


FUNCTIONS = {
    "elementwise": lambda x: multiply(x, full_like(x, 2.0)),
    "rows": lambda x: sum_(x, axes=(1,)),
    "columns": lambda x: sum_(x, axes=(0,)),
    "all": lambda x: sum_(x, axes=(0, 1)),
    "turned": lambda x: add(transpose(x, axes=(1, 0)), full_like(transpose(x, axes=(1, 0)), 1)),
    "softmax": softmax,
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("fp", PIPELINES)
def test_transformations_keep_the_meaning(name: str, fp: str) -> None:
    graph = trace(FUNCTIONS[name], ArrayType(FLOAT64, (75, 68)))
    found = plan(graph, [Fresh(tuple(range(o.array_type.ndim))) for o in graph.outputs])
    x = np.random.default_rng(0).normal(size=(75, 68))
    for step in found.steps:
        assert isinstance(step, Kernel)
        program, results = step.program, []
        for transformation in (lambda p: p, *PIPELINES[fp]):
            program = transformation(program)
            verify_loops(program)
            memory = {b.name: np.zeros(int(b.size), b.dtype) for b in found.buffers}  # type: ignore[arg-type]
            memory["in0"] = x.ravel()
            interpret_loops(program, memory)
            results.append(memory["out0"])
        for result in results[1:]:
            np.testing.assert_allclose(result, results[0], rtol=1e-13, atol=1e-13)


def test_what_is_dear_is_not_stretched_by_a_quotient() -> None:
    """Of ``repeat`` and ``reshape`` no loop is left to hoist an exponential out of."""

    def rule(x: Any, y: Any) -> Any:
        wide = broadcast_to(EXP(x), shape=(4, 100), axes=(0,))
        return multiply(reshape(wide, shape=(400,)), y)

    runner = compiled(rule, ArrayType(FLOAT64, (4,)), ArrayType(FLOAT64, (400,)))
    x, y = np.arange(4.0) / 2, np.random.default_rng(0).normal(size=400)
    np.testing.assert_allclose(runner(x, y)[0], np.repeat(np.exp(x), 100) * y, rtol=1e-15)
    assert [b.size for b in runner.plan.buffers if b.kind == "temp"] == [4]


def test_temporaries_share_memory_when_dead() -> None:
    type = ArrayType(FLOAT64, (50, 50))

    def chain(x: Any) -> Any:
        for _ in range(4):
            x = add(EXP(transpose(x, axes=(1, 0))), EXP(x))
            x = multiply(sum_(x, axes=(0, 1)), full_like(sum_(x, axes=(0, 1)), 1e-9))
            x = broadcast_to(x, shape=(50, 50), axes=())
        return x

    graph = trace(chain, type)
    runner = Runner(graph, plan(graph, [Fresh((0, 1))]))
    assert all(np.isfinite(runner(np.ones((50, 50)))[0]).tolist()[0])
    assert len(runner.plan.slots) <= len([b for b in runner.plan.buffers if b.kind == "temp"])
