"""What is written over what is no longer needed, instead of into memory of its own.

A chain ``x1 = x0 with a box written``, ``x2 = x1 with a box written`` is what assignments to slices
become: where nothing looks at ``x0`` afterwards, ``x1`` lives in its memory, and only the box is
written. What a loop carries lives in the memory of what it starts from, too. Outputs that go into
parameters are written last, in an order in which little has to be stored first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from tracegraph.codegen.groups import Group
from tracegraph.codegen.plan import Kernel, Step
from tracegraph.codegen.pull import is_pulled
from tracegraph.codegen.roots import STEP, Root, is_update
from tracegraph.ir.bodies import holds_graphs, results_of
from tracegraph.ir.graph import Graph, Node
from tracegraph.ir.loops import Program, Store, place_of, scalars, statements
from tracegraph.ir.sizes import Dim

UPDATES = ("boxes", "scatter")
"""Kinds of roots that may be written over their first operand."""


def overwritten(
    groups: Sequence[Group],
    readers: Mapping[Node, set[int]],
    fixed: Collection[Node],
    params: Collection[Node],
) -> dict[tuple[Node, int], Node]:
    """Return what is written over: by updates, and by what branches and loops hand on.

    Parameters
    ----------
    groups : sequence of Group
        What is computed, in order.
    readers : mapping of Node to set of int
        The groups that read each node.
    fixed : collection of Node
        Nodes with memory of their own: outputs, and what scheduling wants stored.
    params : collection of Node
        The parameters whose memory may be written at any time.

    Returns
    -------
    dict
        By node and number of the result, of which an update has one.
    """
    roots = [m.root for g in groups for m in g.members]
    kept = {*fixed, *(o for r in roots if r.node.op.effect for o in r.node.operands)}
    own = {r.node for r in roots if _is_own(r)}.union(params) - kept
    found = {}
    for group in groups:
        root = group.members[0].root
        for number, base in _rewritten(root):
            is_last = base in own and max(readers[base]) == group.number
            if is_last and (root.node not in fixed or root.kind == STEP):
                found[root.node, number] = base
    return found


def _is_own(root: Root) -> bool:
    """Return whether a node is in memory of the plan's that no callout made."""
    if root.node.op.name == "item":
        return holds_graphs(root.node.operands[0])
    return root.kind not in (STEP, "copy")


def _rewritten(root: Root) -> Iterator[tuple[int, Node]]:
    """Yield the results that a root could write over an operand, and that operand."""
    node = root.node
    if root.kind in UPDATES and is_update(node, node.operands[0]):
        yield 0, node.operands[0]
    seen: set[Node] = set()
    for number, place in handed_on(node):
        base = node.operands[place]
        others = [k for k, o in enumerate(node.operands) if o is base and k != place]
        if base not in seen and all(is_carried(node, k) for k in others):
            seen.add(base)
            yield number, base


def is_carried(node: Node, place: int) -> bool:
    """Return whether an operand is where a loop starts from, which it does not look at later."""
    return "body" in dict(node.attrs) and place < len(results_of(node))


def handed_on(node: Node) -> Iterator[tuple[int, int]]:
    """Yield numbers of results and of the operands whose memory they may take over."""
    attrs = dict(node.attrs)
    if "body" in attrs:
        yield from ((k, k) for k in range(len(results_of(node))))
    elif "graph" in attrs:
        for number, out in enumerate(attrs["graph"].outputs):
            place = _origin(attrs["graph"], out)
            if place is not None:
                yield number, place
    elif "then" in attrs:
        both = zip(attrs["then"].outputs, attrs["orelse"].outputs, strict=True)
        for number, (yes, no) in enumerate(both):
            place = _origin(attrs["then"], yes)
            if place is not None and place == _origin(attrs["orelse"], no):
                yield number, 1 + place


def _origin(graph: Graph, node: Node) -> int | None:
    """Return the number of the parameter that an output is, but for boxes that are written."""
    while node not in graph.params:
        origin = _updated(node)
        if origin is None:
            return None
        node = origin
    return graph.params.index(node)


def _updated(node: Node) -> Node | None:
    """Return the operand that a node is in the main."""
    if node.op.name == "item":
        whole, number = node.operands[0], dict(node.attrs)["index"]
        return next((whole.operands[p] for k, p in handed_on(whole) if k == number), None)
    return node.operands[0] if node.operands and is_update(node, node.operands[0]) else None


def conflicts(
    updates: Collection[Node],
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
        if node in updates and any(reads_elsewhere(p, written_places(p)) for p in programs):
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


# -- outputs that go into parameters --------------------------------------------------------------


def in_order(late: Sequence[Root], writes: Mapping[Root, Node]) -> list[Root]:
    """Return roots that write into parameters in an order in which those that read them are first.

    Where there is none, the first in turn comes next.
    """
    params = set(writes.values())
    reads = {root: params.intersection(node for node, _ in root.reads) for root in late}
    waiting = Counter(node for found in reads.values() for node in found)
    left, ordered = list(late), []
    while left:
        ready = (r for r in left if waiting[writes[r]] == (writes[r] in reads[r]))
        root = next(ready, left[0])
        waiting.subtract(reads[root])
        left.remove(root)
        ordered.append(root)
    return ordered


def reads_overwritten(
    made: Iterable[tuple[Group, Sequence[Step]]], late: Collection[Root], memory: Collection[str]
) -> bool:
    """Return whether a kernel reads a parameter's memory where, or after, an output is written."""
    written: set[str] = set()
    for group, steps in made:
        is_late = any(member.root in late for member in group.members)
        for program in [step.program for step in steps if isinstance(step, Kernel)]:
            places = written_places(program).items() if is_late else ()
            own = {buffer: found for buffer, found in places if buffer in memory}
            if reads_elsewhere(program, own, written):
                return True
            written.update(own)
    return False


def stored_first(
    late: Iterable[Root], params: Collection[Node], forced: Collection[Node]
) -> set[Node]:
    """Return what is written into parameters and could be stored first; parameters if need be.

    Of an update that is what it writes; where that is a parameter, which is stored already and may
    itself be overwritten, the whole updated array.
    """
    found: set[Node] = set()
    for root in late:
        written = {root.node} if root.kind == "copy" else set(root.node.operands[1:])
        found |= written
        if root.kind == "update" and not written.isdisjoint(params):
            found |= {root.node}
    found = found.difference(forced)
    return found.difference(params) or found
