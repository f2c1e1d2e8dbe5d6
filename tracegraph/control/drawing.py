"""Functions as graphs: called once in a recording, with stand-ins that have no value.

What a function asks of values meanwhile (that a place is inside an axis) cannot end the trace from
within a loop. So the answers become results beside the others, and a guard behind the loop asks
whether all were as assumed; places that are computed are kept inside their axes until then.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tracegraph.control.leaves import Form, Leaf
from tracegraph.control.restoring import unchanged
from tracegraph.evaluate import ASSUMED, Make, evaluate, real_values, tokens
from tracegraph.ir.autodiff import zeros
from tracegraph.ir.bodies import only
from tracegraph.ir.counted import counters
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.graph import Builder, Graph, Node, Value, attrs_key, rebuild, replay
from tracegraph.ir.ops.broadcast import broadcast_to, literal
from tracegraph.ir.ops.compare import logical_and, logical_not
from tracegraph.ir.ops.compose_places import rebuild_inside
from tracegraph.ir.ops.creation import iota, size_value
from tracegraph.ir.ops.identity import mark
from tracegraph.ir.ops.while_loop import trips
from tracegraph.ir.passes.selected import keep_in_place
from tracegraph.ir.record import record
from tracegraph.ir.sizes import Symbol
from tracegraph.ir.slicing import ancestors, between, cut, dependents
from tracegraph.ir.types import BOOL, ArrayType
from tracegraph.recording import Recording
from tracegraph.standin import ABSENT, ArrayHolder, Storage, Traced, TracedSize

Journal = dict[Storage, tuple[Value, int]]
"""What memory held before it was written, and in which version it was."""

CAUGHT = "an exception is caught that comes of a missing value; test values in place of catching it"

Predicate = tuple[Value, bool]
"""What a function assumes: a bool, and its expected value."""


@record
class Drawn:
    """What a function gave when it was drawn.

    Parameters
    ----------
    result : object
        What it returned, with stand-ins.
    assumed : list of Predicate
        What it assumes of values.
    """

    result: Any
    assumed: list[Predicate]

    @property
    def predicates(self) -> list[Value]:
        """What it asks of values."""
        return [predicate for predicate, _ in self.assumed]

    @property
    def expected(self) -> list[bool]:
        """The answers that it assumes."""
        return [expect for _, expect in self.assumed]


def draw(
    recording: Recording,
    what: str,
    functions: Sequence[Any],
    run: Callable[[], Any],
    journal: Journal | None = None,
    may_change: Callable[[list[tuple[Any, list[Any]]]], bool] | None = None,
) -> Drawn:
    """Call ``run``, which calls some functions of the user's, without values.

    Parameters
    ----------
    recording : Recording
        Where it is drawn.
    what : str
        What draws, for messages.
    functions : sequence
        What the user's functions can reach must stay as it is.
    run : callable
        Calls them.
    journal : dict, optional
        Takes what memory held that they write into, where they may.
    may_change : callable, optional
        Tells of what they have changed whether they may.

    Raises
    ------
    AbstractValueError
        A function needs values, or does more than to compute.
    """
    before, refused = len(recording.guards), AbstractValueError.made
    with drawing(recording, what, journal), unchanged(recording, functions, may_change):
        try:
            result = run()
        finally:
            guards = recording.take_guards(before)
    if AbstractValueError.made != refused:
        raise AbstractValueError(CAUGHT)
    builder = recording.builder
    return Drawn(result, [(Value(builder, n.operands[0]), expect) for n, expect in guards])


@contextmanager
def drawing(recording: Recording, what: str, journal: Journal | None) -> Iterator[None]:
    """Within this a recording draws; one that follows no functions otherwise, as a tape, does."""
    before = recording.is_abstract, recording.drawn, recording.drawn_since
    follows, outer, paths = recording.follows, recording.journal, recording.paths
    newest = Storage(recording.emitter.literal(True, BOOL), None)
    recording.is_abstract, recording.drawn, recording.drawn_since = True, what, newest.born
    recording.follows, recording.journal, recording.paths = True, journal, None
    try:
        yield
    finally:
        recording.is_abstract, recording.drawn, recording.drawn_since = before
        recording.follows, recording.journal, recording.paths = follows, outer, paths


def source(recording: Recording, type: ArrayType) -> Value:
    """Return a value of the graph that stands for a parameter of what is drawn."""
    marked: Value = mark(zeros(recording.builder, type), token=next(tokens))
    return marked


def stand_in(recording: Recording, value: Value, leaf: Leaf, real: Any = ABSENT) -> Traced:
    """Return a stand-in for a leaf."""
    number = leaf.kind if leaf.is_number else None
    return recording.fresh(real, value, number)


def value_of_leaf(recording: Recording, leaf: Any) -> Value:
    """Return the value in the graph of a leaf: a stand-in, a number, an array from outside."""
    if isinstance(leaf, ArrayHolder):
        leaf = leaf._read()
    leaf = recording.known(leaf)
    if type(leaf) is Traced:
        return recording.value_of(leaf)
    if type(leaf) is np.ndarray:
        raise AbstractValueError(str(recording.failure))
    return recording.emitter.value(leaf.size if type(leaf) is TracedSize else leaf)


def values_as(recording: Recording, form: Form, leaves: Iterable[Any]) -> list[Value]:
    """Return the values of leaves that a form takes, with the types of that form."""
    return [
        recording.emitter.cast(value_of_leaf(recording, leaf), known.type.dtype)
        for leaf, known in zip(leaves, form.leaves, strict=True)
    ]


def results(
    recording: Recording, form: Form, values: Sequence[Value], holds: Value | None
) -> list[Any]:
    """Return the stand-ins of results, and guard that what was assumed holds.

    Raises
    ------
    AbstractValueError
        It does not hold in this call.
    """
    reals: Sequence[Any] = [ABSENT] * len(values)
    if not recording.is_abstract:
        makes = [functools.partial(_real, leaf=leaf) for leaf in form.leaves]
        reals = _reals(recording, values, makes, holds)
    if holds is not None:
        recording.guard(holds, True)
    return [
        stand_in(recording, value, leaf, real)
        for value, leaf, real in zip(values, form.leaves, reals, strict=True)
    ]


def _reals(
    recording: Recording, values: Sequence[Value], makes: Sequence[Make], holds: Value | None
) -> list[Any]:
    """Return real results, after looking whether what was assumed holds."""
    if holds is None:
        return real_values(recording, values, makes)
    *arrays, is_so = evaluate(recording, [*values, holds])
    if not is_so:
        raise AbstractValueError(ASSUMED)
    return [make(array) for make, array in zip(makes, arrays, strict=True)]


def _real(real: Any, leaf: Leaf) -> Any:
    """Return a real result as a recording keeps it."""
    return leaf.made(np.asarray(real)[()] if leaf.is_number else real)


# -- what is drawn, as graphs ---------------------------------------------------------------------


@record
class Part:
    """A part of the recording's graph that becomes a graph of its own.

    Parameters
    ----------
    graph : Graph
        Its parameters are the sources, then the frontier.
    frontier : tuple of Node
        What it reads from outside.
    """

    graph: Graph
    frontier: tuple[Node, ...]


CONSTANTS = (literal, iota, size_value, broadcast_to)
"""What costs nothing where it is used, and would be a parameter elsewhere."""


def part_since(
    recording: Recording,
    before: Collection[Node],
    sources: Sequence[Value],
    targets: Sequence[Value],
) -> Part:
    """Return what was drawn since ``before``, as far as it leads to ``targets``."""
    ends, starts = [v.node for v in targets], [v.node for v in sources]
    new = [n for n in recording.builder.nodes if n not in before and n not in starts]
    inner = [node for node in new if not node.op.effect]
    return _with_constants(recording, starts, *cut(inner, starts, ends))


def part_between(
    recording: Recording, sources: Sequence[Value], targets: Sequence[Value], index: Symbol | None
) -> Part:
    """Return what leads to ``targets`` and differs between the iterations of a loop."""
    ends, starts = [v.node for v in targets], [v.node for v in sources]
    within = () if index is None else (index,)
    return _with_constants(
        recording, starts, *between(recording.builder.nodes, starts, ends, within)
    )


def _with_constants(
    recording: Recording, sources: Sequence[Node], graph: Graph, frontier: tuple[Node, ...]
) -> Part:
    """Return a part that makes the constants that it reads itself."""
    constants: set[Node] = set()
    for node in recording.builder.nodes:
        if node.op in CONSTANTS and constants.issuperset(node.operands):
            constants.add(node)
    read = [node for node in frontier if node in constants]
    made = ancestors(recording.builder.nodes, read, sources)
    rest = tuple(node for node in frontier if node not in constants)
    return Part(Graph((*sources, *rest), (*made, *graph.nodes), graph.outputs), rest)


def forget(recording: Recording, sources: Sequence[Value], index: Symbol | None = None) -> None:
    """Take out of the recording's graph what was drawn, once it is a graph of its own."""
    marked = [value.node for value in sources]
    within = () if index is None else (index,)
    drawn = dependents(recording.builder.nodes, marked, within)
    recording.builder.forget({*marked, *drawn})


def values_of(recording: Recording, nodes: Sequence[Node]) -> list[Value]:
    """Return the values of nodes of the recording's graph."""
    return [Value(recording.builder, node) for node in nodes]


def shared(recording: Recording, graph: Graph) -> Graph:
    """Return an equal graph that was drawn before, if there is one: equal loops are one then."""
    return recording.bodies.setdefault(structure_of(graph, attrs_key), graph)


def structure_of(graph: Graph, key: Callable[[Any], Any]) -> Any:
    """Return what two graphs have in common that compute the same alike.

    ``key`` gives that of an attribute.
    """
    number = {node: k for k, node in enumerate((*graph.params, *graph.nodes))}
    nodes = tuple(
        (node.op.name, tuple(number[x] for x in node.operands), key(node.attrs)) for node in graph
    )
    ends = tuple(number[node] for node in graph.outputs)
    return tuple(param.type for param in graph.params), nodes, ends


def joint(parts: Iterable[Part]) -> list[Node]:
    """Return what any of some parts reads from outside."""
    return list(dict.fromkeys(node for part in parts for node in part.frontier))


class Body:
    """A graph that is made of parts which read the same parameters.

    Parameters
    ----------
    sources : sequence of Value
        What the first parameters were when the parts were drawn.
    frontier : sequence of Node
        What the last ones are in the recording.
    is_checked : bool
        Whether something is assumed of values: places are then kept inside their axes.
    flags : int
        How many parameters more there are behind the sources, all bools.
    """

    def __init__(
        self,
        sources: Sequence[Value],
        frontier: Sequence[Node],
        *,
        is_checked: bool,
        flags: int = 0,
    ) -> None:
        self.builder, self.is_checked = Builder(), is_checked
        self.sources = [self.builder.parameter(value.type) for value in sources]
        self.flags = [self.builder.parameter(ArrayType(BOOL)) for _ in range(flags)]
        still = [self.builder.parameter(node.type) for node in frontier]
        self._at = dict(zip(frontier, still, strict=True))

    def add(self, part: Part, *, at: Sequence[Value] | None = None) -> list[Value]:
        """Copy a part in, and return its outputs; ``at`` gives other values for the sources."""
        graph = keep_in_place(part.graph, whatever_it_costs=True)
        if any(node.op is not trips for node in counters(graph).values()):
            raise AbstractValueError(
                "the length of an array depends on data, and so differs between iterations or "
                "branches; use np.where instead of selecting by a mask"
            )
        given = [*(self.sources if at is None else at), *(self._at[n] for n in part.frontier)]
        return replay(graph, given, self._copied)

    def _copied(self, node: Node, *operands: Value) -> Value:
        copy = rebuild_inside if self.is_checked else rebuild
        return copy(self.builder, node, *operands)

    def holds(self, start: Value | None, assumed: Sequence[bool], found: Sequence[Value]) -> Value:
        """Return whether ``start`` holds and predicates are as assumed."""
        holds = self.literal(True) if start is None else start
        for expect, predicate in zip(assumed, found, strict=True):
            holds = logical_and(holds, predicate if expect else logical_not(predicate))
        return holds

    def literal(self, value: bool) -> Value:
        """Return a constant bool."""
        return self.builder.emit(literal, (), {"value": np.bool_(value)})

    def build(self, outputs: Iterable[Value]) -> Graph:
        """Return the graph, without what its outputs do not need."""
        graph = self.builder.build(outputs)
        return only(graph, [True] * len(graph.outputs))
