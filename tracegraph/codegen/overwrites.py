"""Which updates write into the memory of what they update, instead of into a copy of it.

A chain ``x1 = x0 with a box written``, ``x2 = x1 with a box written`` is what assignments to slices
become: where nothing looks at ``x0`` afterwards, ``x1`` lives in its memory, and only the box is
written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from tracegraph.codegen.groups import Group
from tracegraph.codegen.plan import Kernel, Step
from tracegraph.codegen.pull import is_pulled
from tracegraph.codegen.roots import STEP, is_update
from tracegraph.ir.graph import Graph, Node
from tracegraph.ir.loops import Program, Store, place_of, scalars, statements
from tracegraph.ir.sizes import Dim


def overwritten(
    graph: Graph,
    groups: Sequence[Group],
    readers: Mapping[Node, set[int]],
    placed: Iterable[Node],
) -> dict[Node, Node]:
    """Return for each update that can be made in place what it updates.

    Parameters
    ----------
    graph : Graph
        The graph that is scheduled.
    groups : sequence of Group
        What is computed, in order.
    readers : mapping of Node to set of int
        The groups that read each node.
    placed : iterable of Node
        Nodes with memory of their own: parameters, outputs, and what scheduling wants stored.
    """
    own = {m.root.node for g in groups for m in g.members if m.root.kind not in (STEP, "copy")}
    fixed = {*placed, *graph.params, *graph.outputs}
    found = {}
    for group in groups:
        root = group.members[0].root
        if root.kind != "boxes" or root.node in fixed:
            continue
        base = root.node.operands[0]
        free = base in own and base not in fixed and max(readers[base]) == group.number
        if free and is_update(root.node, base):
            found[root.node] = base
    return found


def conflicts(
    bases: Mapping[Node, Node],
    groups: Sequence[Group],
    steps: Sequence[Sequence[Step]],
    stored: Collection[Node],
) -> set[Node]:
    """Return what must have memory of its own, because updates in place read what they overwrite.

    That is what they write; where it is stored already, or is what they update, the result.
    """
    found: set[Node] = set()
    for group, made in zip(groups, steps, strict=True):
        node = group.members[0].root.node
        programs = [step.program for step in made if isinstance(step, Kernel)]
        if node in bases and any(reads_elsewhere(p, written_places(p)) for p in programs):
            free = {o for o in node.operands[1:] if is_pulled(o) and o not in stored}
            found |= free or {node}
    return found


def written_places(program: Program) -> dict[str, set[Dim]]:
    """Return at which places a program writes each buffer that it writes."""
    written: dict[str, set[Dim]] = {}
    for statement in statements(program.body):
        if isinstance(statement, Store):
            written.setdefault(statement.buffer, set()).add(statement.offset)
    return written


def reads_elsewhere(
    program: Program, written: Mapping[str, set[Dim]], before: Collection[str] = ()
) -> bool:
    """Return whether a program reads a buffer at any but the place where it writes it.

    Buffers that were written ``before`` it must not be read at all.
    """
    loads = [scalar for scalar in scalars(program) if scalar.op == "load"]
    places = [(load.attr("buffer"), place_of(load)) for load in loads]
    return any(
        buffer in before or (buffer in written and written[buffer] != {place})
        for buffer, place in places
    )
