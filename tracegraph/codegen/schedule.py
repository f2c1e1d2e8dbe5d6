"""Graph -> plan: what is fused, what is stored, where it is stored, and in which order it runs.

The first attempt stores only what must be. Where an attempt finds a value that would be computed in
two places though it is dear, or a parameter that would be read after it is overwritten, it names
the nodes to store, and the graph is scheduled again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tracegraph.codegen.arena import arena
from tracegraph.codegen.assemble import Assembler
from tracegraph.codegen.assemble_alone import alone
from tracegraph.codegen.buffers import Buffers
from tracegraph.codegen.demand import Demands
from tracegraph.codegen.groups import Group, grouped, readers_of
from tracegraph.codegen.matrices import matrix_product
from tracegraph.codegen.overwrites import conflicts, overwritten, reads_elsewhere, written_places
from tracegraph.codegen.plan import (
    Branch,
    CalloutStep,
    Destination,
    Fresh,
    GuardStep,
    Into,
    Kernel,
    Plan,
    SelectStep,
    Step,
)
from tracegraph.codegen.roots import GEMM, STEP, Root, copy_of, is_update, root_of, update_of
from tracegraph.codegen.storage import Storage, strides_of
from tracegraph.ir.counted import counters
from tracegraph.ir.errors import GraphError
from tracegraph.ir.graph import Graph, Node, item_types
from tracegraph.ir.loops import Program, Statement
from tracegraph.ir.lowering import Places
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import TupleType


class StoreInstead(Exception):
    """Raised inside scheduling: these nodes have to be stored after all."""

    def __init__(self, nodes: set[Node]) -> None:
        super().__init__(nodes)
        self.nodes = nodes


def plan(
    graph: Graph,
    destinations: Sequence[Destination],
    layouts: Sequence[tuple[Dim, ...] | None] | None = None,
    prefix: str = "",
) -> Plan:
    """Decide how a graph is computed.

    Parameters
    ----------
    graph : Graph
        What is computed.
    destinations : sequence of Fresh or Into
        Where each output goes.
    layouts : sequence of tuple, optional
        For each parameter its strides in elements, which may be symbols; None: C-contiguous.
    prefix : str
        Begins the names of kernels, so that several plans can share a module.
    """
    forced: set[Node] = set()
    while True:
        try:
            return Scheduler(graph, destinations, layouts, prefix, forced).plan()
        except StoreInstead as found:
            if found.nodes <= forced:
                raise GraphError("scheduling makes no progress") from found
            forced = forced | found.nodes


@dataclass(eq=False)
class Scheduler:
    """One attempt at a plan."""

    graph: Graph
    destinations: Sequence[Destination]
    layouts: Sequence[tuple[Dim, ...] | None] | None
    prefix: str
    forced: set[Node]
    storages: dict[Node, Storage] = field(default_factory=dict)
    targets: dict[Root, Storage] = field(default_factory=dict)
    buffers: Buffers = field(default_factory=Buffers)
    outputs: list[str] = field(default_factory=list)
    tuples: dict[Node, tuple[str, ...]] = field(default_factory=dict)
    sources: list[tuple[Node, ...]] = field(default_factory=list)
    bases: dict[Node, Node] = field(default_factory=dict)

    def plan(self) -> Plan:
        self.buffers.counted = counters(self.graph).keys()
        params = [self._param(k, node) for k, node in enumerate(self.graph.params)]
        steps = self._all_steps(self._place_outputs())
        self._check_overwrites(steps)
        named = tuple(self.buffers.named.values())
        slots = arena(named, steps)
        return Plan(
            named, tuple(steps), tuple(params), tuple(self.outputs), slots, tuple(self.sources)
        )

    def branch(self, params: Sequence[Storage], results: Sequence[Storage]) -> tuple[Step, ...]:
        """Return the steps of a graph inside a node, between buffers of the graph around it."""
        if counters(self.graph):
            raise GraphError("a size is counted inside a branch, where what follows cannot see it")
        self.storages.update(zip(self.graph.params, params, strict=True))
        late = [
            root
            for node, target in zip(self.graph.outputs, results, strict=True)
            if (root := self._place_output(node, target, owned=True)) is not None
        ]
        return tuple(self._all_steps(late))

    def _all_steps(self, late: Sequence[Root]) -> list[Step]:
        demands = Demands(
            self.graph, set(self.forced) | self.storages.keys() - set(self.graph.params)
        )
        demands.walk(late)
        groups = grouped(demands.roots, [r for r in late if self._overwrites(r)])
        self._check_repeats(demands, groups)
        readers = readers_of(groups)
        placed = {*self.storages, *self.forced}
        self.bases = overwritten(self.graph, groups, readers, placed)
        for group in groups:
            self._place(group, readers)
        steps = [self._steps(group) for group in groups]
        conflicting = conflicts(self.bases, groups, steps, demands.forced)
        if conflicting:
            raise StoreInstead(conflicting)
        pairs = [(s, nodes_of(g)) for g, made in zip(groups, steps, strict=True) for s in made]
        self.sources = [nodes for _, nodes in pairs]
        return [step for step, _ in pairs]

    # ---- memory

    def _param(self, number: int, node: Node) -> str:
        type = node.array_type
        name = self.buffers.add(f"in{number}", type.dtype, type.size, "input")
        layout = self.layouts[number] if self.layouts is not None else None
        self.storages[node] = Storage(name, strides_of(type.shape) if layout is None else layout)
        return name

    def _place_outputs(self) -> list[Root]:
        """Give each output its memory; return the roots that fill it from elsewhere."""
        late = []
        for number, (node, where) in enumerate(
            zip(self.graph.outputs, self.destinations, strict=True)
        ):
            if isinstance(where, Into):
                target = self.storages[self.graph.params[where.param]]
            else:
                type = node.array_type
                name = self.buffers.add(f"out{number}", type.dtype, type.size, "output")
                target = Storage(name, strides_of(type.shape, where.order))
            self.outputs.append(target.buffer)
            if isinstance(where, Into) and self._updates(node, self.graph.params[where.param]):
                late.append(update_of(node))
                self.targets[late[-1]] = target
                continue
            owned = isinstance(where, Fresh) and self._may_own(node, where)
            root = self._place_output(node, target, owned)
            if root is not None:
                late.append(root)
        # What overwrites comes after all that reads, and first among it what only moves.
        params = set(self.graph.params)
        return sorted(late, key=lambda r: (self._overwrites(r), r.node not in params))

    def _updates(self, node: Node, param: Node) -> bool:
        """Return whether an output is a parameter with boxes written into it, and used nowhere."""
        used = any(node in n.operands for n in self.graph) or self.graph.outputs.count(node) > 1
        native = root_of(node).kind == "boxes"
        return native and not used and node not in self.forced and is_update(node, param)

    def _place_output(self, node: Node, target: Storage, owned: bool) -> Root | None:
        """Compute an output right into its memory, or else return the root that copies it there."""
        if owned and node not in self.storages and root_of(node).kind != STEP:
            self.storages[node] = target
            return None
        root = copy_of(node)
        self.targets[root] = target
        return root

    def _may_own(self, node: Node, where: Fresh) -> bool:
        """Return whether a node can be computed right into an output's memory."""
        plain = where.order == tuple(range(node.array_type.ndim))
        return plain or root_of(node).kind != GEMM

    def _place(self, group: Group, readers: Mapping[Node, set[int]]) -> None:
        """Give the results of a group memory where they are used outside it, or in a later pass."""
        for member in group.members:
            root = member.root
            if root.kind in (STEP, "copy", "update"):
                continue
            node = root.node
            if node in self.storages:
                self.targets[root] = self.storages[node]
            elif node in self.bases:
                root.kind = "update"
                self._keep(root, self.storages[self.bases[node]])
            elif not readers.get(node, set()) <= {group.number} or not group.fusible:
                self._keep(root, self.buffers.new(node.array_type))
            elif not member.row and root.kind == "map":
                self._keep(root, self.buffers.scratch(group, node.array_type.dtype))

    def _keep(self, root: Root, storage: Storage) -> None:
        self.storages[root.node] = self.targets[root] = storage

    # ---- steps

    def _steps(self, group: Group) -> list[Step]:
        root = group.members[0].root
        if root.kind == STEP:
            return self._own_step(root)
        name = f"{self.prefix}k{group.number}"
        if root.kind == GEMM:
            return self._gemm(root, name)
        assembler = Assembler(self.storages, self.targets)
        body = assembler.group(group) if group.fusible else alone(assembler, root)
        return [self._kernel(assembler, name, body)]

    def _kernel(self, assembler: Assembler, name: str, body: tuple[Statement, ...]) -> Step:
        return Kernel(assembler.program(name, body, self.buffers.named))

    def _gemm(self, root: Root, name: str) -> list[Step]:
        """Return a matrix product, after copies of parameters whose layout BLAS cannot read."""
        target = self.targets[root]
        found = matrix_product(root, self.storages, target)
        if not isinstance(found, set):
            return [found]
        if not found <= set(self.graph.params):
            raise StoreInstead(found - set(self.graph.params))
        steps, copies = [], {}
        for number, node in enumerate(dict.fromkeys(o for o in root.node.operands if o in found)):
            copies[node] = self.buffers.new(node.array_type)
            assembler = Assembler(self.storages, {})
            body = assembler.copied(node, copies[node])
            steps.append(self._kernel(assembler, f"{name}copy{number}", body))
        product = matrix_product(root, self.storages | copies, target)
        assert not isinstance(product, set)
        return [*steps, product]

    def _own_step(self, root: Root) -> list[Step]:
        node = root.node
        if node.op.name == "item":
            name = self.tuples[node.operands[0]][dict(node.attrs)["index"]]
            self.storages[node] = Storage(name, strides_of(node.array_type.shape))
            return []
        if node.op.name == "guard":
            self.storages[node] = self.storages[node.operands[0]]
            attrs = dict(node.attrs)
            buffer = self.storages[node].buffer
            return [GuardStep(buffer, attrs["expect"], attrs["number"])]
        if isinstance(node.op.lower, Places):
            return self._select(node)
        return [self._cond(node) if node.op.name == "cond" else self._callout(node)]

    def _cond(self, node: Node) -> Step:
        """Schedule both graphs of a branch between the same buffers."""
        attrs = dict(node.attrs)
        predicate, *given = (self.storages[o] for o in node.operands)
        results = []
        for type in item_types(node.type):
            results.append(self.buffers.new(type))
        self.tuples[node] = tuple(r.buffer for r in results)
        steps = []
        for word in ("then", "orelse"):
            prefix = f"{self.prefix}c{len(self.tuples)}{word}_"
            inner = Scheduler(attrs[word], (), None, prefix, self.forced, buffers=self.buffers)
            steps.append(inner.branch(given, results))
        return Branch(predicate.buffer, *steps)

    def _select(self, node: Node) -> list[Step]:
        """Find the places of a mask, after a copy of one whose elements lie apart."""
        (mask,) = node.operands
        steps: list[Step] = []
        found = self.storages[mask]
        if found != Storage(found.buffer, strides_of(mask.array_type.shape)):
            found = self.buffers.new(mask.array_type)
            assembler = Assembler(self.storages, {})
            body = assembler.copied(mask, found)
            steps.append(self._kernel(assembler, f"{self.prefix}{found.buffer}copy", body))
        places = self.storages[node] = self.buffers.new(node.array_type)
        (count,) = node.array_type.shape
        return [*steps, SelectStep(found.buffer, mask.array_type.size, places.buffer, count)]

    def _callout(self, node: Node) -> Step:
        operands = tuple(self.storages[o].buffer for o in node.operands)
        for name in operands:
            self.buffers.as_object(name)
        types = item_types(node.type)
        results = tuple(self.buffers.fresh(t.dtype, t.size, "object") for t in types)
        if isinstance(node.type, TupleType):
            self.tuples[node] = results
        else:
            self.storages[node] = Storage(results[0], strides_of(node.type.shape))
        operand_types = tuple(o.array_type for o in node.operands)
        return CalloutStep(node.op, operands, operand_types, node.attrs, results, types)

    def _overwrites(self, root: Root) -> bool:
        """Return whether a root writes into a parameter."""
        return self.buffers.is_input(self.targets[root].buffer)

    # ---- second thoughts

    def _check_repeats(self, demands: Demands, groups: Sequence[Group]) -> None:
        """Store what is dear and would be computed in two kernels or passes."""
        places: dict[Node, set[tuple[int, int, bool]]] = {}
        for group in groups:
            for member in group.members:
                for _, node, _ in member.root.cone:
                    where = group.number, member.turn, member.row
                    places.setdefault(node, set()).add(where)
        repeated = {n for n, found in places.items() if len(found) > 1 and demands.weights[n][1]}
        if repeated:
            raise StoreInstead(self._topmost(repeated, demands))

    def _topmost(self, nodes: set[Node], demands: Demands) -> set[Node]:
        """Leave out nodes that only others of them use: storing those is enough."""
        rooted = {root.node for root in demands.roots if root.kind != "copy"}
        copied = {root.node for root in demands.roots if root.kind == "copy"}
        used: dict[Node, set[Node]] = {}
        for node in self.graph:
            for operand in node.operands:
                used.setdefault(operand, set()).add(node)
        covered: set[Node] = set()
        top: set[Node] = set()
        for node in reversed(self.graph.nodes):
            users = {u for u in used.get(node, ()) if u in demands.weights or u in rooted}
            hidden = bool(users) and node not in copied and all(u in covered for u in users)
            if node in nodes and not hidden:
                top.add(node)
            if hidden or node in nodes:
                covered.add(node)
        return top

    def _check_overwrites(self, steps: Sequence[Step]) -> None:
        """Store what reads a parameter's memory where, or after, an output overwrites it."""
        inputs = {s.buffer for n, s in self.storages.items() if n in set(self.graph.params)}
        written: set[str] = set()
        for step in steps:
            if isinstance(step, Kernel):
                _check_kernel(step.program, inputs, written, self)

    def late_nodes(self) -> set[Node]:
        """Return what is written into parameters and could be stored first.

        Of an update that is what it writes; where that is a parameter, which is stored already and
        may itself be overwritten, the whole updated array.
        """
        copied = {root.node for root in self.targets if root.kind == "copy"}
        params, found = set(self.graph.params), set(copied)
        updates = [r for r in self.targets if r.kind == "update" and self._overwrites(r)]
        for node in (root.node for root in updates):
            written = set(node.operands[1:])
            found |= written - params
            if written & params:
                found.add(node)
        return found


def _check_kernel(
    program: Program, inputs: set[str], written: set[str], scheduler: Scheduler
) -> None:
    own = {b: places for b, places in written_places(program).items() if b in inputs}
    if reads_elsewhere(program, own, written):
        raise StoreInstead({n for n in scheduler.late_nodes() if n not in scheduler.forced})
    written.update(own)


def nodes_of(group: Group) -> tuple[Node, ...]:
    """Return what a group computes, in the order of first mention."""
    return tuple(
        dict.fromkeys(
            node
            for member in group.members
            for node in (*(n for _, n, _ in reversed(member.root.cone)), member.root.node)
        )
    )
