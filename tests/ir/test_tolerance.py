"""How nearly results must agree: by bits where operations round once, else as rounding carries."""

from typing import Any

import numpy as np
import pytest

from tracegraph.ir.graph import Graph, trace
from tracegraph.ir.ops import OPS
from tracegraph.ir.ops.arithmetic import add, divide, multiply, subtract
from tracegraph.ir.ops.broadcast import sum_
from tracegraph.ir.ops.compare import less
from tracegraph.ir.ops.exponential import exp
from tracegraph.ir.ops.linalg import matmul
from tracegraph.ir.ops.power import sqrt
from tracegraph.ir.ops.rounding import floor
from tracegraph.ir.ops.structural import reshape
from tracegraph.ir.tolerance import difference, ulps_of
from tracegraph.ir.types import FLOAT32, FLOAT64, ArrayType

VECTOR = ArrayType(FLOAT64, (4,))
X, Y = np.array([0.5, -1.25, 3.0, 1e-3]), np.array([2.0, 0.75, 1 / 3, 7.0])


def graph_of(function: Any, *types: ArrayType) -> Graph:
    return trace(function, *(types or (VECTOR, VECTOR)))


def next_to(value: Any, steps: int = 1) -> Any:
    """A copy whose last element is some units in the last place larger."""
    moved = np.array(value)
    for _ in range(steps):
        moved[-1] = np.nextafter(moved[-1], np.inf)
    return moved


@pytest.mark.parametrize("op", [add, subtract, multiply, divide])
def test_operations_that_round_once_have_one_result(op: Any) -> None:
    graph = graph_of(op)
    value = op.eager(X, Y)
    assert difference(graph, (X, Y), [value]) is None
    found = difference(graph, (X, Y), [next_to(value)])
    assert found is not None
    assert (found.output, found.index) == (0, (3,))
    assert (found.expected, found.got) == (value[3], next_to(value)[3])


def test_contraction_leaves_products_unrounded() -> None:
    graph = graph_of(lambda x, y: add(multiply(x, y), x))
    value = X * Y + X
    assert difference(graph, (X, Y), [next_to(value)]) is not None
    assert difference(graph, (X, Y), [next_to(value)], fp="contract") is None


def test_elementary_functions_may_differ_by_a_few_units() -> None:
    graph = graph_of(exp, VECTOR)
    assert difference(graph, (X,), [next_to(np.exp(X), 4)]) is None
    assert difference(graph, (X,), [next_to(np.exp(X), 1000)]) is not None


def test_what_cancels_may_differ_by_more() -> None:
    graph = graph_of(lambda x, y: subtract(exp(x), y))
    y = np.exp(X) + 1e-15
    value = np.exp(X) - y
    assert difference(graph, (X, y), [value + 1e-15]) is None
    assert difference(graph, (X, y), [value + 1e-13]) is not None


def test_sums_may_differ_as_their_terms_do() -> None:
    types = ArrayType(FLOAT32, (1000,))
    x = np.where(np.arange(1000) % 2, -1, 1).astype("f4") + np.float32(1e-3)
    graph = graph_of(lambda x: sum_(x, axes=(0,)), types)
    assert difference(graph, (x,), [np.float32(x.sum() + 1e-4)]) is None
    assert difference(graph, (x,), [np.float32(x.sum() + 1)]) is not None


def test_integers_and_bools_are_free_only_on_the_edge() -> None:
    graph = graph_of(lambda x, y: (less(exp(x), y), floor(exp(x))))
    y = np.exp(X)
    results = [np.zeros(4, bool), np.floor(y)]
    assert difference(graph, (X, y), [~results[0], results[1]]) is None
    found = difference(graph, (X, y), [results[0], results[1] + 1])
    assert found is not None
    assert found.output == 1


def test_signs_of_zeros_count_and_nans_are_equal() -> None:
    graph = graph_of(multiply)
    x, y = np.array([0.0, np.nan, np.inf, 1.0]), np.array([-1.0, 1.0, 0.0, 1.0])
    with np.errstate(all="ignore"):
        value = x * y
    assert difference(graph, (x, y), [np.array([-0.0, -np.nan, np.nan, 1.0])]) is None
    found = difference(graph, (x, y), [np.abs(value)])
    assert found is not None
    assert found.index == (0,)
    assert difference(graph, (x, y), [np.nan_to_num(value)]) is not None


def test_complex_numbers_are_compared_by_parts() -> None:
    types = ArrayType(np.dtype("c16"), (4,))
    z = X + 1j * Y
    for op, value in ((OPS["exp"], np.exp(z)), (multiply, z * z), (OPS["sqrt"], np.sqrt(z))):
        graph = graph_of(lambda z, op=op: op(z, z) if op is multiply else op(z), types)
        near = value.real + 1j * np.nextafter(value.imag, np.inf)
        assert difference(graph, (z,), [near]) is None
        assert difference(graph, (z,), [value + 1e-9j]) is not None
    graph = graph_of(add, types, types)
    assert difference(graph, (z, z), [z + z]) is None
    assert difference(graph, (z, z), [(z + z) * (1 + 1e-15)]) is not None


def test_a_sum_of_negative_zeros_is_a_positive_zero() -> None:
    graph = graph_of(lambda x: sum_(x, axes=(0,)), VECTOR)
    x = np.full(4, -0.0)
    assert difference(graph, (x,), [np.float64(0.0)]) is None
    for other in (-0.0, 5e-324):
        assert difference(graph, (x,), [np.float64(other)]) is not None


def test_infinities_are_no_near_misses() -> None:
    graph = graph_of(exp, VECTOR)
    with np.errstate(all="ignore"):
        big = X * 1000
        value = np.exp(big)
    assert difference(graph, (big,), [np.where(np.isinf(value), 1e308, value)]) is not None
    assert difference(graph, (X,), [np.where(X > 2, np.inf, np.exp(X))]) is not None


@pytest.mark.parametrize("wrong", [X.astype("f4"), X[:3], X[None]])
def test_dtypes_and_shapes_are_compared(wrong: Any) -> None:
    graph = graph_of(lambda x: reshape(x, shape=(4,)), VECTOR)
    assert difference(graph, (X,), [wrong]) is not None
    assert difference(graph, (X,), [None]) is None


def test_products_of_matrices() -> None:
    types = ArrayType(FLOAT64, (8, 8))
    a = np.random.default_rng(0).standard_normal((8, 8))
    graph = graph_of(matmul, types, types)
    assert difference(graph, (a, a), [(a[:, ::-1] @ a[::-1])]) is None
    assert difference(graph, (a, a), [a @ a + 1e-12]) is not None


def test_rounding_of_what_was_moved_is_random_too() -> None:
    """Moved by whole multiples of a few units, a product by 6 would round as it did before."""
    types = ArrayType(FLOAT32, (50,))
    six = np.full(50, np.float32(6))

    def function(x: Any, y: Any) -> Any:
        power = OPS["integer_power"](x, exponent=3)
        wide = [OPS["cast"](one, dtype=FLOAT64) for one in (multiply(power, y), power)]
        return OPS["arctan2"](*wide)

    x = np.random.default_rng(0).standard_normal(50).astype("f4")
    near = np.nextafter(x**3, np.float32(np.inf))
    other = np.arctan2((near * six).astype(float), near.astype(float))
    assert difference(graph_of(function, types, types), (x, six), [other]) is None


def test_which_operations_are_exact() -> None:
    attrs: dict[str, Any] = {
        "cast": {"dtype": FLOAT32},
        "reshape": {"shape": (2, 2)},
        "transpose": {"axes": (0,)},
    }
    for name in "add subtract multiply divide maximum minimum copysign".split():
        assert ulps_of(graph_of(OPS[name]).nodes[-1], "strict") == 0, name
    for name in "negative absolute sign floor ceil trunc rint cast reshape transpose".split():
        graph = graph_of(lambda x, name=name: OPS[name](x, **attrs.get(name, {})), VECTOR)
        assert ulps_of(graph.nodes[-1], "strict") == 0, name
    assert ulps_of(graph_of(sqrt, VECTOR).nodes[-1], "strict") == 0
    for name in "exp log sin tanh power arctan2 hypot logaddexp".split():
        arity = 2 if name in ("power", "arctan2", "hypot", "logaddexp") else 1
        assert ulps_of(graph_of(OPS[name], *[VECTOR] * arity).nodes[-1], "strict") > 0, name
