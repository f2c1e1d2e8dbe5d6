"""The text form: what it looks like, that it reads back as it was, and what the parser refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegraph.ir.errors import GraphError, ParseError
from tracegraph.ir.graph import Builder, Graph, Site, Value, trace
from tracegraph.ir.ops.arithmetic import add, multiply, negative
from tracegraph.ir.ops.broadcast import broadcast_to, literal
from tracegraph.ir.ops.control import cond, guard, item
from tracegraph.ir.ops.creation import size_value
from tracegraph.ir.ops.structural import reshape
from tracegraph.ir.parse import parse_graph
from tracegraph.ir.sizes import Symbol, floordiv, maximum, symbol, symbols
from tracegraph.ir.text import print_graph
from tracegraph.ir.types import BOOL, DTYPES, FLOAT64, ArrayType
from tracegraph.ir.verify import verify

Golden = Callable[[str, str], None]
VECTOR = ArrayType(FLOAT64, (3,))


def round_trip(graph: Graph) -> Graph:
    """Return the graph that the text of a graph says, after checking that its text is the same."""
    text = print_graph(verify(graph))
    again = verify(parse_graph(text))
    assert print_graph(again) == text
    return again


def bits(number: int, name: str) -> Any:
    """Return the number of a dtype that has these bits."""
    dtype = DTYPES[name]
    return np.frombuffer(number.to_bytes(dtype.itemsize, "little"), dtype)[0]


def literals(*numbers: Any) -> Graph:
    builder = Builder()
    return builder.build([builder.emit(literal, (), {"value": number}) for number in numbers])


def test_sites_and_symbols(golden: Golden) -> None:
    n, k = symbol("n", lower=2), symbol("k")
    builder = Builder()
    x = builder.parameter(ArrayType(FLOAT64, (n, 4)))
    y = builder.parameter(ArrayType(FLOAT64, (k,)))
    builder.site = Site("/home/user/model.py", 12)
    flat = reshape(x, shape=(n * 4,))
    builder.site = Site("/home/user/model.py", 13)
    size = builder.emit(size_value, (), {"value": maximum(floordiv(n, 2), k)})
    wide = broadcast_to(negative(y), shape=(n, k), axes=(1,))
    graph = builder.build([flat, size, wide])
    golden("sites_and_symbols", print_graph(graph))
    assert "# model.py" not in print_graph(graph, sites=False)
    again = round_trip(graph)
    assert again.nodes[0].site == Site("model.py", 12)
    (read,) = [s for s in symbols(again.params[0].array_type.shape[0]) if s == Symbol("n")]
    assert read.lower == 2


def test_numbers(golden: Golden) -> None:
    numbers = (
        np.float64(0.1), np.float32(0.1), np.float64(-0.0), np.float64(np.inf), np.float64(np.nan),
        bits(0xFFF8000000000000, "f64"), bits(0x7FC12345, "f32"), np.complex64(1 - 2j),
        np.complex128(complex(-0.0, -np.inf)), bits(0x7FC12345_3F800000, "c64"), np.bool_(True),
        np.int64(-(2**63)), np.uint64(2**64 - 1), np.int8(-1),
    )  # fmt: skip
    graph = literals(*numbers)
    golden("numbers", print_graph(graph))
    for node, number in zip(round_trip(graph), numbers, strict=True):
        value = dict(node.attrs)["value"]
        assert value.dtype == number.dtype
        assert value.tobytes() == number.tobytes()


@given(st.sampled_from(sorted(DTYPES)), st.integers(0, 2**128 - 1))
def test_every_number_keeps_its_bits(name: str, number: int) -> None:
    width = 1 if name == "bool" else DTYPES[name].itemsize * 8
    value = bits(number % 2**width, name)
    (node,) = round_trip(literals(value))
    assert dict(node.attrs)["value"].tobytes() == value.tobytes()


def inner_graphs() -> Graph:
    """Return a graph with a branch inside a branch."""
    low = trace(lambda x: negative(x), VECTOR)
    high = trace(lambda x: add(x, x), VECTOR)

    def nested(p: Value, x: Value) -> Value:
        out: Value = item(cond(p, x, then=low, orelse=high), index=0)
        return out

    flag = ArrayType(BOOL)
    deep = trace(nested, flag, VECTOR)
    flat = trace(lambda p, x: multiply(x, x), flag, VECTOR)

    def whole(p: Value, q: Value, x: Value) -> Value:
        guard(q, expect=False, number=0)
        out: Value = item(cond(p, q, x, then=deep, orelse=flat), index=0)
        return out

    return trace(whole, flag, flag, VECTOR)


def test_inner_graphs(golden: Golden) -> None:
    graph = inner_graphs()
    golden("inner_graphs", print_graph(graph))
    round_trip(graph)


def test_a_graph_without_nodes_or_results() -> None:
    round_trip(trace(lambda x: x, VECTOR))
    round_trip(Graph((), (), ()))


HEAD = "graph(%0: f64[3]):\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no text"),
        ("nonsense", "head of a graph"),
        (HEAD, "`return` line"),
        (HEAD + "  %1 = negative(%0)\n  return %1", "expected `  %1"),
        (HEAD + "  %1: f64[3] = frobnicate(%0)\n  return %1", "no operation 'frobnicate'"),
        (HEAD + "  %1: f64[4] = negative(%0)\n  return %1", r"has the type f64\[3\]"),
        (HEAD + "  %1: f64[] = literal(value=f64[0])\n  return %1", "expected a value"),
        (HEAD + "  %1: f64[] = literal(value=q8(0))\n  return %1", "there is no 'q8'"),
        (HEAD + "  %1: f65[3] = negative(%0)\n  return %1", "got 'f65'"),
        (HEAD + "  %1: f64[3] = negative(%7)\n  return %1", "%7 is used before"),
        (HEAD + "  return %7", "%7 is used before"),
        (HEAD + "  %1: f64[3] = negative(%0\n  return %1", "expected `  %1"),
        (HEAD + "  %1: f64[3] = negative(%0,,)\n  return %1", "expected an expression"),
        (HEAD + "  %1: i64[] = size(value=n/2)\n  return %1", "expected a value, got 'n / 2'"),
        ("graph(%0: f64[3]) where n:\n  return %0", "head of a graph"),
    ],
)
def test_what_is_no_text_of_a_graph(text: str, message: str) -> None:
    with pytest.raises(ParseError, match=message):
        parse_graph(text)


def test_a_text_whose_types_do_not_fit() -> None:
    with pytest.raises((TypeError, GraphError), match="operands of one type"):
        parse_graph("graph(%0: f64[3], %1: f64[4]):\n  %2: f64[3] = add(%0, %1)\n  return %2")
