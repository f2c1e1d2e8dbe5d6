"""Derivatives, as functions from graph to graph.

Forward mode pushes tangents through the operations' ``jvp`` rules. Reverse mode is forward mode,
transposed: the part of the forward graph that depends on tangents is linear in them, and is walked
backwards with the ``transpose`` rules. A tangent or cotangent that is zero by structure is ``None``
and costs nothing. Values of tuple type have tuples of tangents.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from tracegraph.ir.bodies import holds_graphs
from tracegraph.ir.errors import MissingRuleError
from tracegraph.ir.graph import (
    Builder,
    Derivative,
    Graph,
    Node,
    Value,
    rebuild,
    replay,
)
from tracegraph.ir.ops.broadcast import literal, spread
from tracegraph.ir.ops.cotangents import add_cotangents
from tracegraph.ir.types import ArrayType, is_differentiable

Dual: TypeAlias = tuple[Value, Any]


def jvp(graph: Graph, has_tangent: Sequence[bool] | None = None) -> Graph:
    """Return the graph of a function together with its derivative in a direction.

    Parameters
    ----------
    graph : Graph
        The function.
    has_tangent : sequence of bool, optional
        Which parameters get a tangent; all of inexact dtype where not given.

    Returns
    -------
    Graph
        Parameters: those of ``graph``, then the tangents of those chosen. Outputs: those of
        ``graph``, then a tangent for each of them.

    Raises
    ------
    MissingRuleError
        An operation has no derivative.
    """
    forward = _forward(graph, has_tangent)
    builder = forward.builder
    tangents = [
        zeros(builder, out.type) if tangent is None else tangent for out, tangent in forward.outputs
    ]
    return builder.build([*(out for out, _ in forward.outputs), *tangents])


class _Forward:
    """A graph with its tangents, before zeros are made of the tangents that are None."""

    def __init__(self, builder: Builder, outputs: list[Dual], chosen: list[bool]) -> None:
        self.builder, self.outputs, self.chosen = builder, outputs, chosen


def _forward(graph: Graph, has_tangent: Sequence[bool] | None) -> _Forward:
    builder = Builder()
    chosen = list(has_tangent or (is_differentiable(p.array_type.dtype) for p in graph.params))
    primals = [builder.parameter(param.type) for param in graph.params]
    tangents = [
        builder.parameter(param.type) if wanted else None
        for param, wanted in zip(graph.params, chosen, strict=True)
    ]
    duals: list[Dual] = list(zip(primals, tangents, strict=True))
    outputs = replay(graph, duals, lambda node, *xs: _push(builder, node, xs))
    return _Forward(builder, outputs, chosen)


def _push(builder: Builder, node: Node, duals: Sequence[Dual]) -> Dual:
    """Return the value of a node and its tangent."""
    primals = [primal for primal, _ in duals]
    tangents = [tangent for _, tangent in duals]
    out = rebuild(builder, node, *primals)
    if all(_is_zero(tangent) for tangent in tangents):
        return out, None
    rule = node.op.jvp
    if rule is Derivative.ZERO:
        return out, None
    if isinstance(rule, Derivative):
        raise MissingRuleError(_missing(node, "derivative"))
    attrs = dict(node.attrs)
    if holds_graphs(node):
        attrs["jvp_graph"] = jvp
    return out, rule(primals, tangents, out, **attrs)


def _is_zero(tangent: Any) -> bool:
    if isinstance(tangent, (tuple, list)):
        return all(item is None for item in tangent)
    return tangent is None


def _missing(node: Node, what: str) -> str:
    place = f" ({node.site})" if node.site else ""
    return (
        f"{node.op.name} has no {what}{place}; compute without it, or declare the rule through "
        "tracegraph.extend"
    )


def vjp(graph: Graph, wanted: Sequence[bool] | None = None) -> Graph:
    """Return the graph of a function together with its reverse-mode derivative.

    Parameters
    ----------
    graph : Graph
        The function.
    wanted : sequence of bool, optional
        Which parameters' cotangents to compute; all of inexact dtype where not given.

    Returns
    -------
    Graph
        Parameters: those of ``graph``, then a cotangent for each output of inexact dtype. Outputs:
        those of ``graph``, then the cotangents of the wanted parameters.
    """
    forward = _forward(graph, wanted)
    primal_outputs = [out for out, _ in forward.outputs]
    tangents = [tangent for out, tangent in forward.outputs if is_differentiable(out.type.dtype)]
    count = len(graph.params)
    whole = forward.builder.build(primal_outputs)
    linear_params = whole.params[count:]
    return _transpose(whole, whole.params[:count], linear_params, [
        (None if t is None else t.node, out.type)
        for t, out in zip(
            tangents,
            (out for out in primal_outputs if is_differentiable(out.type.dtype)),
            strict=True,
        )
    ])  # fmt: skip


def transpose(graph: Graph, linear: Sequence[bool]) -> Graph:
    """Return the transpose of a graph that is linear in the flagged parameters.

    Parameters
    ----------
    graph : Graph
        Every output must be linear in the flagged parameters.
    linear : sequence of bool
        Which parameters are linear.

    Returns
    -------
    Graph
        Parameters: the other parameters, then a cotangent for each output. Outputs: a cotangent
        for each linear parameter.
    """
    others = [p for p, is_linear in zip(graph.params, linear, strict=True) if not is_linear]
    chosen = [p for p, is_linear in zip(graph.params, linear, strict=True) if is_linear]
    outputs = [(output, output.array_type) for output in graph.outputs]
    return _transpose(Graph(graph.params, graph.nodes, ()), others, chosen, outputs)


def _transpose(
    graph: Graph,
    others: Sequence[Node],
    linear: Sequence[Node],
    outputs: Sequence[tuple[Node | None, ArrayType]],
) -> Graph:
    """Copy what does not depend on ``linear``, then walk the rest backwards from ``outputs``."""
    builder = Builder()
    env = {param: builder.parameter(param.type) for param in others}
    depends = set(linear)
    for node in graph:
        if depends.intersection(node.operands):
            depends.add(node)
        else:
            env[node] = rebuild(builder, node, *(env[operand] for operand in node.operands))
    cotangents = _Cotangents()
    for output, type in outputs:
        cotangent = builder.parameter(type)
        if output is not None and output in depends:
            cotangents.accumulate(output, cotangent)
    for node in reversed(graph.nodes):
        if node in depends and node in cotangents:
            _pull(builder, node, cotangents, depends, env)
    results = [env[output] for output in graph.outputs]
    for param in linear:
        found = cotangents.take(param)
        results.append(zeros(builder, param.array_type) if found is None else found)
    return builder.build(results)


class _Cotangents:
    """The cotangents gathered so far: a value for a node, or one per item of a tuple."""

    def __init__(self) -> None:
        self._of: dict[Node, Any] = {}

    def __contains__(self, node: Node) -> bool:
        return node in self._of

    def take(self, node: Node) -> Any:
        return self._of.pop(node, None)

    def accumulate(self, node: Node, cotangent: Any) -> None:
        if isinstance(cotangent, (tuple, list)):
            known = self._of.get(node) or [None] * len(cotangent)
            self._of[node] = [add_cotangents(a, b) for a, b in zip(known, cotangent, strict=True)]
        else:
            self._of[node] = add_cotangents(self._of.get(node), cotangent)


def _pull(
    builder: Builder,
    node: Node,
    cotangents: _Cotangents,
    depends: set[Node],
    env: dict[Node, Value],
) -> None:
    """Hand the cotangent of a node on to the operands that it is linear in."""
    if node.op.transpose is None:
        raise MissingRuleError(_missing(node, "transpose: it is not linear"))
    is_linear = [operand in depends for operand in node.operands]
    # A linear operand has no value here; its rule may ask for its type, which its own node tells.
    operands = [
        Value(builder, operand) if dependent else env[operand]
        for operand, dependent in zip(node.operands, is_linear, strict=True)
    ]
    attrs = dict(node.attrs)
    if holds_graphs(node):
        attrs["transpose_graph"] = transpose
    builder.site = node.site
    given = node.op.transpose(cotangents.take(node), operands, is_linear, **attrs)
    for operand, dependent, cotangent in zip(node.operands, is_linear, given, strict=True):
        if dependent and cotangent is not None:
            cotangents.accumulate(operand, cotangent)


def zeros(builder: Builder, type: ArrayType) -> Value:
    """Return zeros of a type."""
    return spread(builder.emit(literal, (), {"value": type.dtype.type(0)}), type.shape)
