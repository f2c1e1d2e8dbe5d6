"""Which loops are better as straight code."""

from __future__ import annotations

from collections.abc import Sequence

from tracegraph.control.outcome import symbol_of
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.graph import Node, Value, item_types
from tracegraph.ir.ops.broadcast import broadcast_to
from tracegraph.ir.sizes import Dim, Size
from tracegraph.ir.slicing import dependents
from tracegraph.recording import Recording

WRITTEN_OUT = 512
"""So many operations on whole arrays, element by element, are better one kernel than a loop."""


class StraightCodeError(AbstractValueError):
    """A loop could be drawn, but is better recorded iteration by iteration."""


def check_worth(recording: Recording, sources: Sequence[Value], index: Size, count: Dim) -> None:
    """Raise where written out a loop would be one kernel, with all its values in registers.

    As a loop it would write whole arrays in each iteration.

    Raises
    ------
    StraightCodeError
        It would.
    """
    nodes = recording.builder.nodes
    body = dependents(nodes, [value.node for value in sources], [symbol_of(index)])
    arrays = [node for node in body if _has_arrays(node)]
    is_fused = all(node.op.elementwise or node.op is broadcast_to for node in arrays)
    is_short = isinstance(count, int) and 0 < count * len(arrays) <= WRITTEN_OUT
    if is_fused and is_short and recording.drawn is None:
        raise StraightCodeError("it is short enough to be one kernel")


def _has_arrays(node: Node) -> bool:
    """Return whether a node reads or makes an array: a sum of one is a kernel of its own."""
    types = [type for one in (node, *node.operands) for type in item_types(one.type)]
    return any(type.shape for type in types)
