"""The verifier: what a broken graph is told, with the program around the fault."""

from __future__ import annotations

from typing import Any

import pytest

from tracegraph.ir.errors import GraphError
from tracegraph.ir.graph import PARAMETER, Builder, Graph, Node, Value, trace
from tracegraph.ir.ops.arithmetic import add, negative
from tracegraph.ir.ops.broadcast import sum_
from tracegraph.ir.ops.control import cond, item
from tracegraph.ir.ops.structural import reshape
from tracegraph.ir.record import replace
from tracegraph.ir.types import BOOL, FLOAT32, FLOAT64, ArrayType
from tracegraph.ir.verify import CONTEXT_LINES, verify

VECTOR = ArrayType(FLOAT64, (3,))


def chain(length: int) -> Graph:
    def function(x: Value) -> Value:
        for _ in range(length):
            x = add(negative(x), x)
        return x

    return trace(function, VECTOR)


def test_a_good_graph_is_returned() -> None:
    graph = chain(3)
    assert verify(graph) is graph
    assert verify(Graph((), (), ())).outputs == ()


def test_use_before_definition() -> None:
    graph = chain(2)
    turned = replace(graph, nodes=graph.nodes[::-1])
    with pytest.raises(GraphError, match="add uses a value before it is defined"):
        verify(turned)


def test_a_value_of_another_graph() -> None:
    graph, other = chain(1), chain(1)
    with pytest.raises(GraphError, match="uses a value before it is defined"):
        verify(replace(graph, nodes=other.nodes))
    with pytest.raises(GraphError, match=r"returns <node add.*>, which it does not define"):
        verify(replace(graph, outputs=other.outputs))


def test_definition_twice() -> None:
    graph = chain(1)
    with pytest.raises(GraphError, match="negative is defined twice"):
        verify(replace(graph, nodes=(graph.nodes[0], *graph.nodes)))


def test_parameters_are_parameters_and_stand_where_they_belong() -> None:
    graph = chain(1)
    with pytest.raises(GraphError, match="stands among the parameters"):
        verify(replace(graph, params=graph.nodes[:1]))
    with pytest.raises(GraphError, match="stands among the parameters"):
        verify(replace(graph, params=graph.params * 2))
    stray = Node(PARAMETER, (), (), VECTOR)
    with pytest.raises(GraphError, match="parameter uses a value before it is defined"):
        verify(replace(graph, nodes=(stray, *graph.nodes)))


def with_node(graph: Graph, op: Any, attrs: Any, type: ArrayType) -> Graph:
    """Return the graph with one more node after the others, unchecked."""
    node = Node(op, graph.outputs, attrs, type)
    return Graph(graph.params, (*graph.nodes, node), (node,))


def test_a_wrong_type_is_shown_with_the_program_around_it() -> None:
    broken = with_node(chain(9), sum_, (("axes", (0,)),), VECTOR)
    with pytest.raises(GraphError) as error:
        verify(broken)
    fault, *window = str(error.value).splitlines()
    assert fault == "sum is typed f64[3], its rule says f64[], in"
    assert len(window) == CONTEXT_LINES
    assert window[-2].strip().startswith("%19: f64[3] = sum(%18, axes=(0,))")


def test_a_broken_type_rule() -> None:
    broken = with_node(chain(1), reshape, (("shape", (4,)),), ArrayType(FLOAT64, (4,)))
    with pytest.raises(GraphError, match=r"reshape breaks its type rule: reshape needs"):
        verify(broken)
    mixed = Builder()
    x, y = mixed.parameter(VECTOR), mixed.parameter(ArrayType(FLOAT32, (3,)))
    node = Node(add, (x.node, y.node), (), VECTOR)
    with pytest.raises(GraphError, match="operands of one type"):
        verify(Graph((x.node, y.node), (node,), (node,)))


def test_inner_graphs_are_verified() -> None:
    good = trace(lambda x: negative(x), VECTOR)

    def function(p: Value, x: Value) -> Value:
        out: Value = item(cond(p, x, then=good, orelse=good), index=0)
        return out

    graph = verify(trace(function, ArrayType(BOOL), VECTOR))
    node = graph.nodes[0]
    bad = replace(good, nodes=good.nodes * 2)
    attrs = tuple((name, bad if name == "then" else value) for name, value in node.attrs)
    broken = Node(node.op, node.operands, attrs, node.type)
    with pytest.raises(GraphError, match="negative is defined twice"):
        verify(Graph(graph.params, (broken,), ()))
