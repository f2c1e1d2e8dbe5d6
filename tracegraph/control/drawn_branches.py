"""Branches in a recording: each is drawn once, and a graph of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracegraph.control.drawing import (
    Body,
    Drawn,
    forget,
    joint,
    part_since,
    results,
    source,
    stand_in,
    value_of_leaf,
    values_as,
)
from tracegraph.control.given import draw_given, following
from tracegraph.control.leaves import Form
from tracegraph.control.plain import result_of
from tracegraph.evaluate import add_graph
from tracegraph.ir.bodies import inline
from tracegraph.ir.graph import Builder, Graph, Value
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.choice import minimum
from tracegraph.ir.ops.compare import less
from tracegraph.ir.ops.control import cond as cond_op
from tracegraph.ir.ops.control import items
from tracegraph.ir.types import INT64, ArrayType
from tracegraph.recording import Recording

Function = Callable[..., Any]


def cond(recording: Recording, pred: Any, branches: Sequence[Function], operands: Any) -> Any:
    """``tg.cond``; ``branches`` are that for true and that for false."""
    condition = value_of_leaf(recording, pred)
    drawn = _Branches(recording, "tg.cond", branches, operands)
    then, orelse = drawn.graphs
    attrs = {"then": then, "orelse": orelse}
    given = [condition, *drawn.operands]
    return drawn.results(items(recording.builder.emit(cond_op, given, attrs)))


def switch(recording: Recording, index: Any, branches: Sequence[Function], operands: Any) -> Any:
    """``tg.switch``: a search for the branch by its number."""
    number = value_of_leaf(recording, index)
    if number.dtype == np.uint64:
        number = minimum(number, full_like(number, len(branches) - 1))
    number = recording.emitter.cast(number, INT64)
    drawn = _Branches(recording, "tg.switch", branches, operands)
    graph = _search(drawn.graphs, 0)
    return drawn.results(add_graph(recording, graph, [number, *drawn.operands]))


def _search(graphs: Sequence[Graph], first: int) -> Graph:
    """Return the graph that runs one of several, by a number that is its first operand.

    ``first`` is the number of the first of them. Numbers outside choose the nearest.
    """
    builder = Builder()
    number = builder.parameter(ArrayType(INT64))
    params = [builder.parameter(param.type) for param in graphs[0].params]
    if len(graphs) == 1:
        return builder.build(inline(builder, graphs[0], params))
    half = len(graphs) // 2
    attrs = {
        "then": _search(graphs[:half], first),
        "orelse": _search(graphs[half:], first + half),
    }
    is_low = less(number, full_like(number, first + half))
    return builder.build(items(builder.emit(cond_op, [is_low, number, *params], attrs)))


class _Branches:
    """Functions of the same operands, drawn."""

    def __init__(
        self, recording: Recording, what: str, functions: Sequence[Function], operands: Any
    ) -> None:
        self.recording, self.what = recording, what
        self.given, leaves = Form.of(f"the operands of {what}", tuple(operands))
        init = values_as(recording, self.given, leaves)
        self.sources = [source(recording, value.type) for value in init]
        before = set(recording.builder.nodes)
        drawn = [self._draw(function) for function in functions]
        self.form = self._common_form([one.result[0] for one in drawn])
        parts = [
            part_since(recording, before, self.sources, [*self._values(one), *one.predicates])
            for one in drawn
        ]
        forget(recording, self.sources)
        frontier = joint(parts)
        self.is_checked = any(one.assumed for one in drawn)
        self.operands = [*init, *(Value(recording.builder, node) for node in frontier)]
        self.graphs = []
        for part, one in zip(parts, drawn, strict=True):
            body = Body(self.sources, frontier, is_checked=self.is_checked)
            found, count = body.add(part), len(self.form.leaves)
            flag = [body.holds(None, one.expected, found[count:])] if self.is_checked else []
            self.graphs.append(body.build([*found[:count], *flag]))

    def _draw(self, function: Function) -> Drawn:
        def once() -> Any:
            pairs = zip(self.sources, self.given.leaves, strict=True)
            args = [stand_in(self.recording, value, leaf) for value, leaf in pairs]
            result = following(self.recording, function)(*self.given.tree(args))
            return Form.of(f"the result of {self.what}", result)

        return draw_given(self.recording, self.what, [function], once)

    def _values(self, drawn: Drawn) -> list[Value]:
        return [value_of_leaf(self.recording, leaf) for leaf in drawn.result[1]]

    def _common_form(self, forms: Sequence[Form]) -> Form:
        """Return what all branches return."""
        first, *others = forms
        leaves = tuple(map(result_of, first.leaves))
        for number, other in enumerate(others, start=1):
            if other.treedef != first.treedef or tuple(map(result_of, other.leaves)) != leaves:
                raise TypeError(
                    f"{self.what} needs branches that return the same containers, dtypes and "
                    f"shapes; the first returns {_shown(first)}, number {number} {_shown(other)}"
                )
        return Form(first.what, first.treedef, leaves)

    def results(self, found: Sequence[Value]) -> Any:
        """Return the tree of results."""
        count = len(self.form.leaves)
        holds = found[count] if self.is_checked else None
        return self.form.tree(results(self.recording, self.form, found[:count], holds))


def _shown(form: Form) -> str:
    return str(form.tree([Shown(str(leaf)) for leaf in form.leaves]))


class Shown(str):
    """Text that shows as itself in a container."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)
