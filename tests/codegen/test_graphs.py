"""Graphs as native code give what the reference interpreter gives."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from tests.codegen.harness import Runner
from tests.codegen.random_graphs import RandomGraph
from tests.ir import (
    samples_elementwise,
    samples_linalg,
    samples_loop,
    samples_reduce,
    samples_sort,
    samples_structural,
)
from tests.ir.samples import Sample, by_op
from tracegraph.codegen.plan import Fresh
from tracegraph.codegen.schedule import plan
from tracegraph.ir.graph import Graph
from tracegraph.ir.interpret import interpret
from tracegraph.ir.size_values import evaluate
from tracegraph.ir.sizes import Symbol, symbol

FAMILIES = (
    samples_elementwise,
    samples_linalg,
    samples_loop,
    samples_reduce,
    samples_sort,
    samples_structural,
)


def run(graph: Graph, *arrays: Any) -> list[Any]:
    fresh = [Fresh(tuple(range(o.array_type.ndim))) for o in graph.outputs]
    return Runner(graph, plan(graph, fresh))(*arrays)


def families() -> dict[str, list[Sample]]:
    return by_op(sample for family in FAMILIES for sample in family.SAMPLES)


@pytest.mark.parametrize("name", sorted(families()))
def test_every_op_natively(name: str) -> None:
    for sample in families()[name]:
        graph = sample.graph()
        with np.errstate(all="ignore"):
            expected = interpret(graph, *sample.arrays)
        for got, want in zip(run(graph, *sample.arrays), expected, strict=True):
            assert got.dtype == want.dtype, str(sample)
            if got.dtype.kind in "fc":
                tolerance = 4 * np.finfo(got.dtype).eps
                np.testing.assert_allclose(got, want, rtol=tolerance, atol=0, err_msg=str(sample))
            else:
                np.testing.assert_array_equal(got, want, err_msg=str(sample))


def functions() -> list[Any]:
    return [families()[name][0].op for name in ("tanh", "sin", "cos", "arctan", "absolute")]


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = {"n": int(rng.integers(4, 90)), "m": int(rng.integers(4, 150))}
    symbolic = seed % 3 == 0
    dims: list[Any] = [symbol(k, lower=4) if symbolic else v for k, v in sizes.items()]
    graph = RandomGraph(rng, functions(), dims).graph(int(rng.integers(3, 16)))
    values = {Symbol(name): size for name, size in sizes.items()}
    shapes = [[evaluate(d, values) for d in p.array_type.shape] for p in graph.params]
    arrays = [rng.normal(size=shape) for shape in shapes]
    expected = interpret(graph, *arrays)
    for got, want in zip(run(graph, *arrays), expected, strict=True):
        scale = np.max(np.abs(want), initial=1)
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-11 * scale)


def test_long_chains_need_no_recursion() -> None:
    rng = np.random.default_rng(0)
    maker = RandomGraph(rng, functions(), [7])
    maker.graph(1)
    x = maker.values[0]
    for _ in range(sys.getrecursionlimit() + 1):
        x = maker.unary(x)
    graph = maker.builder.build([x])
    arrays = [rng.normal(size=(7,) * p.array_type.ndim) for p in graph.params]
    np.testing.assert_allclose(run(graph, *arrays)[0], interpret(graph, *arrays)[0], rtol=1e-11)
