"""Which loops are better as straight code."""

from __future__ import annotations

from collections.abc import Sequence

from tracegraph.control.outcome import symbol_of
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.graph import Node, Value, item_types
from tracegraph.ir.ops.broadcast import broadcast_to, literal
from tracegraph.ir.ops.loop import loop
from tracegraph.ir.ops.while_loop import while_loop
from tracegraph.ir.sizes import Dim, Size, nonnegative
from tracegraph.ir.slicing import dependents
from tracegraph.recording import Recording

SHORT = 8
"""A loop of at most so many iterations is recorded one by one, if that is straight code."""

WRITTEN_OUT = 512
"""So many operations on whole arrays, element by element, are better one kernel than a loop."""

LOOPS = (loop, while_loop)


class StraightCodeError(AbstractValueError):
    """A loop could be drawn, but is better recorded iteration by iteration."""


def is_short(count: Dim) -> bool:
    """Return whether a loop has so few iterations that straight code may be better."""
    return isinstance(count, int) and count <= SHORT


def is_worth(recording: Recording, count: Dim) -> bool:
    """Return whether a loop of at most so many iterations is to be drawn: an empty one is not."""
    if isinstance(count, int):
        return not is_short(count)
    if recording.drawn is None and not runs(recording, count):
        return False
    return nonnegative(count) or recording.ask_size(0, "<=", count)


def runs(recording: Recording, count: Dim) -> bool:
    """Return whether there is an iteration; the trace is bound to that."""
    return nonnegative(count - 1) or recording.ask_size(1, "<=", count)


def check_straight(recording: Recording, sources: Sequence[Value], index: Size | None) -> None:
    """Raise where a short loop that asks nothing of data is straight code: no loop is in it.

    As one operation a loop that looks at data is one trace, whatever the data; and what is in loops
    is compiled once.

    Raises
    ------
    StraightCodeError
        It is.
    """
    if not any(node.op in LOOPS for node in _body(recording, sources, index)):
        raise StraightCodeError("it is short, and straight code")


def check_worth(recording: Recording, sources: Sequence[Value], index: Size, count: Dim) -> None:
    """Raise where written out a loop would be one kernel, with all its values in registers.

    As a loop it would write whole arrays in each iteration.

    Raises
    ------
    StraightCodeError
        It would.
    """
    body = _body(recording, sources, index)
    arrays = [node for node in body if _has_arrays(node)]
    is_fused = all(node.op.elementwise or node.op is broadcast_to for node in arrays)
    is_small = isinstance(count, int) and 0 < count * len(arrays) <= WRITTEN_OUT
    if is_fused and is_small and recording.drawn is None:
        raise StraightCodeError("it is short enough to be one kernel")


def _body(recording: Recording, sources: Sequence[Value], index: Size | None) -> list[Node]:
    within = () if index is None else (symbol_of(index),)
    return dependents(recording.builder.nodes, [value.node for value in sources], within)


def _has_arrays(node: Node) -> bool:
    """Return whether a node reads or makes an array: a sum of one is a kernel of its own."""
    types = [type for one in (node, *node.operands) for type in item_types(one.type)]
    return any(type.shape for type in types)


def depends_on_data(
    recording: Recording,
    condition: Value,
    init: Sequence[Value],
    sources: Sequence[Value],
    targets: Sequence[Value],
) -> bool:
    """Return whether a condition looks at more than what Python's numbers alone lead to.

    Parameters
    ----------
    recording : Recording
        Where it is drawn.
    condition : Value
        What is asked of the sources.
    init, sources, targets : sequence of Value
        What a loop carries: at first, in an iteration, after that.
    """
    constant = {k for k, value in enumerate(init) if value.node.op is literal}
    given = {value.node for value in sources}
    while True:
        known = {sources[k].node for k in constant}
        for node in recording.builder.nodes:
            if node in given:
                continue
            if node.op is literal or (node.operands and known.issuperset(node.operands)):
                known.add(node)
        changed = {k for k in constant if targets[k].node not in known}
        if not changed:
            return condition.node not in known
        constant -= changed
