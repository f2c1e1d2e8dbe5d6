"""The steps of nodes that hold graphs: branches and loops.

Each graph is scheduled between buffers of the graph around it. What a loop carries is in one buffer
from beginning to end: the body reads its parameter there and writes its output there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from tracegraph.codegen.assemble import nest
from tracegraph.codegen.buffers import Buffers
from tracegraph.codegen.plan import Branch, Loop, Step, While
from tracegraph.codegen.storage import Storage, domain_index
from tracegraph.ir.graph import Graph, Node
from tracegraph.ir.loops import Statement, Store
from tracegraph.ir.record import record
from tracegraph.ir.scalar import ScalarBuilder
from tracegraph.ir.sizes import Symbol
from tracegraph.ir.types import BOOL, ArrayType

Inner: TypeAlias = Callable[[Graph, Sequence[Storage], Sequence[Storage], str], tuple[Step, ...]]
"""Schedules a graph: its parameters, where its outputs go, and how names of kernels begin."""


@record
class Nest:
    """Makes the steps of one node.

    Parameters
    ----------
    node : Node
        It holds graphs.
    given, results : sequence of Storage
        Where its operands are, and where its results go.
    buffers : Buffers
        Of the whole plan.
    inner : callable
        Schedules a graph.
    prefix : str
        Begins the names of kernels.
    """

    node: Node
    given: Sequence[Storage]
    results: Sequence[Storage]
    buffers: Buffers
    inner: Inner
    prefix: str

    def steps(self) -> tuple[Step, ...]:
        """Return the steps; what a loop carries is where its results go already."""
        attrs = dict(self.node.attrs)
        if "then" in attrs:
            arms = [self._arm(attrs[word], word) for word in ("then", "orelse")]
            return (Branch(self.given[0].buffer, *arms),)
        if "index" in attrs:
            return (self._loop(**attrs),)
        if "test" in attrs:
            return (self._while(**attrs),)
        return self.inner(attrs["graph"], self.given, self.results, f"{self.prefix}again_")

    def _arm(self, graph: Graph, word: str) -> tuple[Step, ...]:
        return self.inner(graph, self.given[1:], self.results, f"{self.prefix}{word}_")

    def _loop(self, *, body: Graph, index: str, trip: Any) -> Step:
        symbol = Symbol(index, bound=trip)
        with self.buffers.inside(symbol, trip):
            steps = self.inner(body, self._params(), self.results, f"{self.prefix}body_")
        return Loop(symbol, trip, steps)

    def _while(self, *, test: Graph, body: Graph, count: Any = None) -> Step:
        flag = self.buffers.new(ArrayType(BOOL))
        params = self._params()
        tested = self.inner(test, params, [flag], f"{self.prefix}test_")
        steps = self.inner(body, params, self.results, f"{self.prefix}body_")
        return While(tested, flag.buffer, steps, count)

    def _params(self) -> list[Storage]:
        return [*self.results, *self.given[len(self.results) :]]


def true_everywhere(type: ArrayType, target: Storage) -> tuple[Statement, ...]:
    """Return the loops that fill an array of bools."""
    place = target.place(domain_index(type.shape))
    store = Store(target.buffer, place, ScalarBuilder().const(True, BOOL))
    return nest(type.shape, range(type.ndim), [store])
