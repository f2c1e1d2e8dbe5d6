"""What a mask selects stays in place where it is only combined, or written back.

::

    p = flatnonzero(m)                    -->    y = x * 2
    sum(gather(x, p) * 2)                        sum(select(m, y, 0))
    scatter(x, gather(x, p) * 2, p)              select(m, y, x)
    size(count of p)                             sum(m)

Nothing is put together in memory, and what is left fuses like any other graph. Elementary functions
and divisions are still computed of the selected elements alone: there may be few of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from tracegraph.ir.counted import counted, counters, mentioned
from tracegraph.ir.graph import Builder, Graph, Node, Value, rebuild, replay
from tracegraph.ir.loops import identity
from tracegraph.ir.lowering import Fold
from tracegraph.ir.ops.arithmetic import add, multiply
from tracegraph.ir.ops.broadcast import broadcast_to, full_like, literal, sum_
from tracegraph.ir.ops.cast import cast
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.creation import size_value
from tracegraph.ir.ops.index import gather, scatter, scatter_add
from tracegraph.ir.ops.selection import flatnonzero
from tracegraph.ir.ops.structural import inverse, transpose
from tracegraph.ir.passes.dead_code import remove_dead_code
from tracegraph.ir.size_values import bare_symbol
from tracegraph.ir.sizes import Call, Size, Symbol, symbols
from tracegraph.ir.types import INT64

PLAIN = ("add", "multiply", "maximum", "minimum", "logical_or", "logical_and")
"""Combinations to which an element can be added that changes nothing."""


def keep_in_place(graph: Graph, *, whatever_it_costs: bool = False) -> Graph:
    """Return the graph with selected elements left where they are, where nothing else is asked.

    ``whatever_it_costs`` includes elementary functions, and counts that are outputs: a batch of
    examples has no selections, each of another length.
    """
    if not counters(graph):
        return graph
    builder = Builder()
    lifting = _Lifting(builder, whatever_it_costs)

    def visit(node: Node, *operands: Value) -> Value:
        builder.site = node.site
        value = rebuild(builder, node, *operands)
        if value.node.op is flatnonzero:  # others count too, but no mask
            lifting.places.update(dict.fromkeys(counted(value.node), value.node))
        return lifting.in_place(value) or value

    params = [builder.parameter(param.type) for param in graph.params]
    found = builder.build(replay(graph, params, visit))
    return remove_dead_code(_count_in_place(found, () if whatever_it_costs else found.outputs))


@dataclass(eq=False)
class _Lifting:
    """Finds for values of selected elements the values of all elements that they are taken from."""

    builder: Builder
    whatever_it_costs: bool
    places: dict[Symbol, Node] = field(default_factory=dict)
    _known: dict[tuple[Node, Node], Value | None] = field(default_factory=dict)

    def in_place(self, value: Value) -> Value | None:
        """Return a combination, or an update, of selected elements without selecting any."""
        node = value.node
        if isinstance(node.op.lower, Fold) and node.op.lower.combine in PLAIN:
            return self._combination(node)
        if node.op in (scatter, scatter_add) and len(node.operands) == 3:
            return self._update(node)
        return None

    def _combination(self, node: Node) -> Value | None:
        (x,) = node.operands
        places = self._places_of(x)
        if places is None or 0 not in dict(node.attrs)["axes"]:
            return None
        whole = self._lifted(x, places)
        if whole is None:
            return None
        assert isinstance(node.op.lower, Fold)
        neutral = full_like(whole, identity(node.op.lower.combine, whole.dtype))
        kept = select(self._mask(places, whole, 0), whole, neutral)
        return self.builder.emit(node.op, (kept,), dict(node.attrs))

    def _update(self, node: Node) -> Value | None:
        base, updates, places = node.operands
        if places.op is not flatnonzero:
            return None
        whole = self._lifted(updates, places)
        if whole is None:
            return None
        (axis,) = dict(node.attrs)["axes"]
        old = self.builder.value(base)
        if axis:
            order = (axis, *(a for a in range(old.ndim) if a != axis))
            whole = transpose(whole, axes=inverse(order))
        new = add(old, whole) if node.op is scatter_add else whole
        kept: Value = select(self._mask(places, old, axis), new, old)
        return kept

    def _mask(self, places: Node, like: Value, axis: int) -> Value:
        mask = self.builder.value(places.operands[0])
        out: Value = mask if like.ndim == 1 else broadcast_to(mask, shape=like.shape, axes=(axis,))
        return out

    def _places_of(self, node: Node) -> Node | None:
        """Return the places that the first axis of a node counts, None if it counts no mask's."""
        shape = node.array_type.shape
        symbol = bare_symbol(shape[0]) if shape else None
        return None if symbol is None else self.places.get(symbol)

    def _lifted(self, node: Node, places: Node) -> Value | None:
        """Return the value whose elements at ``places`` are those of a node, operands first."""
        stack = [node]
        while stack:
            one = stack[-1]
            missing = [o for o in _inner(one) if (o, places) not in self._known]
            if missing:
                stack.extend(missing)
                continue
            stack.pop()
            self._known[one, places] = self._lift(one, places)
        return self._known[node, places]

    def _lift(self, node: Node, places: Node) -> Value | None:
        value = self.builder.value
        attrs = dict(node.attrs)
        if node.op is gather and node.operands[1:] == (places,) and attrs["axes"] == (0,):
            return value(node.operands[0])
        inner = [self._known[o, places] for o in _inner(node)]
        found = [x for x in inner if x is not None]
        if len(found) < len(inner) or (node.op.heavy and not self.whatever_it_costs):
            return None
        if node.op.elementwise:
            return self.builder.emit(node.op, found, attrs)
        if node.op is broadcast_to and node.array_type.shape:
            length = places.operands[0].array_type.shape[0]
            shape = (length, *node.array_type.shape[1:])
            (x,) = found or [value(node.operands[0])]
            out: Value = broadcast_to(x, shape=shape, axes=attrs["axes"])
            return out
        return None


def _inner(node: Node) -> tuple[Node, ...]:
    """Return the operands whose first axis is that of a node, element by element."""
    if node.op.elementwise or (node.op is broadcast_to and 0 in dict(node.attrs)["axes"]):
        return node.operands
    return ()


def _count_in_place(graph: Graph, outputs: Collection[Node]) -> Graph:
    """Count masks by sums where nothing is selected by them any more.

    An output that is a size may be one that a result of the function is shaped by.
    """
    counting = counters(graph)
    used = set(_used(graph, outputs))
    free = {symbol: node for symbol, node in counting.items() if symbol not in used}
    if not free:
        return graph
    builder = Builder()

    def visit(node: Node, *operands: Value) -> Value:
        builder.site = node.site
        if node.op is flatnonzero and not used.issuperset(counted(node)):
            (symbol,) = counted(node)
            numbers[symbol] = sum_(cast(operands[0], dtype=INT64), axes=(0,))
        if node.op is size_value:
            value = dict(node.attrs)["value"]
            if not numbers.keys().isdisjoint(symbols(value)):
                return _number(builder, value, numbers)
        return rebuild(builder, node, *operands)

    numbers: dict[Symbol, Value] = {}
    params = [builder.parameter(param.type) for param in graph.params]
    return builder.build(replay(graph, params, visit))


def _used(graph: Graph, outputs: Collection[Node]) -> Iterator[Symbol]:
    """Yield the counted sizes of which more than the number is needed."""
    for node in remove_dead_code(graph):
        if node.op is flatnonzero:
            continue
        if node.op is not size_value or node in outputs:
            yield from mentioned(node)
        else:
            size = dict(node.attrs)["value"]  # a number, where substitution has made it one
            terms = size.terms if isinstance(size, Size) else ()
            calls = [atom for monomial, _ in terms for atom in monomial if isinstance(atom, Call)]
            yield from (s for call in calls for one in call.arguments for s in symbols(one))


def _number(builder: Builder, size: Size, numbers: Mapping[Symbol, Value]) -> Value:
    """Return a polynomial in sizes as arithmetic of int64, some of its symbols being numbers."""
    total = builder.emit(literal, (), {"value": np.int64(0)})
    for monomial, factor in size.terms:
        term = builder.emit(literal, (), {"value": np.int64(factor)})
        for atom in monomial:
            known = numbers.get(atom) if isinstance(atom, Symbol) else None
            whole = Size((((atom,), 1),))
            value = builder.emit(size_value, (), {"value": whole}) if known is None else known
            term = multiply(term, value)
        total = add(total, term)
    return total
