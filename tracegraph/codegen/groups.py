"""Which roots share a kernel: those whose loops run over the same rows.

A group's loops run over *rows*, the kept axes of its domain, and inside over the axes that are
combined. What is inside runs in passes: a reduction is known after its pass and may be used in the
next, so that a softmax is one kernel whose row stays in the cache. Without reductions every axis
is a row axis and there is one pass.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from tracegraph.codegen.roots import PRODUCT, STEP, Root
from tracegraph.codegen.storage import Storage, domain_index
from tracegraph.ir.bodies import has_effect
from tracegraph.ir.graph import Node
from tracegraph.ir.lowering import Index
from tracegraph.ir.types import Shape

FUSIBLE = ("map", "copy", "fold", PRODUCT)
MOST_MEMBERS = 12
_NOTHING: Mapping[Root, Node] = MappingProxyType({})


@dataclass(eq=False)
class Member:
    """A root in a group: computed in pass ``turn``; a ``row`` member once a row, after the pass."""

    root: Root
    turn: int
    row: bool


@dataclass(eq=False)
class Group:
    """Roots that one kernel computes. Other kinds of roots are alone in theirs."""

    number: int
    domain: Shape
    kept: tuple[int, ...]
    fusible: bool
    members: list[Member] = field(default_factory=list)

    @property
    def index(self) -> Index:
        return domain_index(self.domain)

    @property
    def row_index(self) -> Index:
        return tuple(self.index[axis] for axis in self.kept)

    @property
    def reduces(self) -> bool:
        return len(self.kept) < len(self.domain)

    @property
    def inner(self) -> tuple[int, ...]:
        """The axes that are combined."""
        return tuple(axis for axis in range(len(self.domain)) if axis not in self.kept)

    def member(self, node: Node) -> Member | None:
        """Return the member that computes a node; copies compute none."""
        return next(
            (m for m in self.members if m.root.node is node and m.root.kind != "copy"), None
        )


def grouped(roots: Iterable[Root], last: Mapping[Root, Node] = _NOTHING) -> list[Group]:
    """Put roots into groups, in an order in which they can run.

    The roots named ``last``, which overwrite a parameter each, share kernels among themselves
    alone, and with nothing that comes before what reads that parameter.
    """
    groups: list[Group] = []
    home: dict[Node, Group] = {}
    last_guard = 0
    for root in roots:
        before = [*root.after, *(node for node, _ in root.reads)]
        floor = max((home[node].number for node in before if node in home), default=0)
        if root in last:
            first = next((g.number for g in groups if _all_in(g, last)), len(groups))
            floor = max(floor, first, *(g.number for g in groups[first:] if _reads(g, last[root])))
        group = _joined(root, groups, max(floor, last_guard) if root.relies else floor)
        if root.kind == STEP and has_effect(root.node):
            last_guard = group.number
        if root.kind != "copy":
            home[root.node] = group
    return groups


def readers_of(groups: Iterable[Group]) -> dict[Node, set[int]]:
    """Return for each node that is read the numbers of the groups that do."""
    found: dict[Node, set[int]] = {}
    for group in groups:
        for member in group.members:
            for node, _ in member.root.reads:
                found.setdefault(node, set()).add(group.number)
    return found


def _all_in(group: Group, roots: Collection[Root]) -> bool:
    return all(m.root in roots for m in group.members)


def _reads(group: Group, node: Node) -> bool:
    return any(read is node for m in group.members for read, _ in m.root.reads)


def _joined(root: Root, groups: list[Group], floor: int) -> Group:
    if root.kind in FUSIBLE:
        for group in reversed(groups[floor:]):
            member = _fitting(root, group)
            if member is not None:
                if not member.row and len(root.kept) < len(group.kept):
                    group.kept = root.kept
                group.members.append(member)
                return group
    group = Group(
        len(groups), root.domain, root.kept, root.kind in FUSIBLE, [Member(root, 0, False)]
    )
    groups.append(group)
    return group


def _fitting(root: Root, group: Group) -> Member | None:
    """Return how a root would stand in a group, or None where it cannot."""
    if not group.fusible or len(group.members) >= MOST_MEMBERS:
        return None
    if root.domain == group.domain and _same_rows(root, group):
        kept = min(root.kept, group.kept, key=len)
        turn = _turn(root, group, tuple(group.index[a] for a in kept), kept)
        return None if turn is None else Member(root, turn, row=False)
    rows = tuple(group.domain[axis] for axis in group.kept)
    prefix = group.kept == tuple(range(len(group.kept)))
    if group.reduces and prefix and root.domain == rows and root.kind in ("map", "copy"):
        turn = _row_turn(root, group)
        return None if turn is None else Member(root, turn, row=True)
    return None


def _same_rows(root: Root, group: Group) -> bool:
    """Return whether the same axes are rows, or can be: a map's axes may be rows or not."""
    if root.kept == group.kept:
        return True
    every = len(group.domain)
    if every not in (len(root.kept), len(group.kept)):
        return False
    # Rows of a map run along the last axis: it joins only reductions that do so too.
    shorter = min(root.kept, group.kept, key=len)
    return every - 1 not in shorter


def _turn(root: Root, group: Group, rows: Index, kept: Sequence[int]) -> int | None:
    """Return the first pass in which a root can run, by what it reads of the group."""
    turn = 0
    for node, index in root.reads:
        member = group.member(node)
        if member is None:
            continue
        full = not member.row and member.root.kind in ("map", "copy")
        if full and index == group.index:
            turn = max(turn, member.turn)
            continue
        own = tuple(index[axis] for axis in kept) if full else index
        if own != rows or len(kept) == len(group.domain):
            return None
        turn = max(turn, member.turn + 1)
    return turn


def _row_turn(root: Root, group: Group) -> int | None:
    """Return after which pass a value of each row can be computed; None if it has no part there."""
    turns = []
    for node, index in root.reads:
        member = group.member(node)
        if member is None:
            continue
        full = not member.row and member.root.kind == "map"
        own = tuple(index[axis] for axis in group.kept) if full else index
        if own != group.row_index:
            return None
        turns.append(member.turn)
    return max(turns, default=None)


def moving(
    groups: Iterable[Group], storages: Mapping[Node, Storage], targets: Mapping[Root, Storage]
) -> list[Group]:
    """Leave out copies of what is there already."""
    for group in groups:
        roots = [m.root for m in group.members]
        still = {r for r in roots if r.kind == "copy" and storages.get(r.node) == targets[r]}
        group.members = [member for member in group.members if member.root not in still]
    return [group for group in groups if group.members]


def nodes_of(group: Group) -> tuple[Node, ...]:
    """Return what a group computes, in the order of first mention."""
    return tuple(
        dict.fromkeys(
            node
            for member in group.members
            for node in (*(n for _, n, _ in reversed(member.root.cone)), member.root.node)
        )
    )
