"""Random graphs: the interpreter, native code, every pass and the text form agree."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.exceptions import ComplexWarning

from tests.codegen.harness import Runner
from tests.ir.random_graphs import RandomGraph, arrays_for
from tests.ir.test_passes import same_bits
from tracegraph.codegen.plan import Fresh
from tracegraph.codegen.schedule import plan
from tracegraph.ir.graph import Graph
from tracegraph.ir.interpret import interpret
from tracegraph.ir.parse import parse_graph
from tracegraph.ir.passes import PIPELINE, run_pipeline
from tracegraph.ir.sizes import symbol
from tracegraph.ir.text import print_graph
from tracegraph.ir.verify import verify

LENGTHS = {"n": 3, "m": 5}
SEEDS = st.integers(0, 2**32 - 1)
MANY = settings(max_examples=2 * settings().max_examples)


def draw(seed: int, *, tame: bool) -> tuple[Graph, list[Any]]:
    """Return a graph, of symbolic sizes for odd seeds, and arrays for it."""
    rng = np.random.default_rng(seed)
    dims: list[Any] = [3, 5] if seed % 2 else [symbol(name, lower=2) for name in LENGTHS]
    graph = RandomGraph(rng, dims, tame=tame).graph(int(rng.integers(3, 20)))
    return verify(graph), arrays_for(graph, rng, LENGTHS)


def same(got: list[Any], expected: list[Any]) -> None:
    for a, b in zip(got, expected, strict=True):
        same_bits(a, b)


@MANY
@given(SEEDS)
def test_text_and_passes(seed: int) -> None:
    graph, arrays = draw(seed, tame=False)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ComplexWarning)
        expected = interpret(graph, *arrays)
        text = print_graph(graph)
        parsed = verify(parse_graph(text))
        assert print_graph(parsed) == text
        same(interpret(parsed, *arrays), expected)
        for one in PIPELINE:
            graph = verify(one(graph))
            same(interpret(graph, *arrays), expected)


@MANY
@given(SEEDS)
def test_native_code(seed: int) -> None:
    graph, arrays = draw(seed, tame=True)
    graph = run_pipeline(graph)
    with np.errstate(all="ignore"):
        expected = interpret(graph, *arrays)
    fresh = [Fresh(tuple(range(o.array_type.ndim))) for o in graph.outputs]
    for got, want in zip(Runner(graph, plan(graph, fresh))(*arrays), expected, strict=True):
        assert got.dtype == want.dtype
        if got.dtype.kind in "fc":
            bound = float(np.max(np.abs(want), initial=1))
            eps = 1e-5 if _has_float32(graph) else 1e-11
            np.testing.assert_allclose(got, want, rtol=0, atol=eps * bound)
        else:
            np.testing.assert_array_equal(got, want)


def _has_float32(graph: Graph) -> bool:
    return any(node.array_type.dtype == "f4" for node in (*graph.params, *graph.nodes))
