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
from tracegraph.codegen.groups import Group, grouped, moving, nodes_of, readers_of
from tracegraph.codegen.matrices import matrix_product
from tracegraph.codegen.nested import Nest, true_everywhere
from tracegraph.codegen.overwrites import (
    UPDATES,
    conflicts,
    in_order,
    is_carried,
    overwritten,
    reads_overwritten,
    stored_first,
)
from tracegraph.codegen.plan import (
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
from tracegraph.codegen.repeats import repeats
from tracegraph.codegen.roots import GEMM, STEP, Root, copy_of, is_update, root_of, update_of
from tracegraph.codegen.storage import Storage, strides_of
from tracegraph.ir.bodies import holds_graphs, results_of
from tracegraph.ir.counted import counted_inside, counters
from tracegraph.ir.errors import GraphError
from tracegraph.ir.graph import Graph, Node, item_types
from tracegraph.ir.loops import Statement
from tracegraph.ir.lowering import Callout, Places
from tracegraph.ir.ops.while_loop import trips
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import ArrayType, TupleType


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
    tuples: dict[Node, tuple[Storage, ...]] = field(default_factory=dict)
    made: dict[tuple[Node, int], Storage] = field(default_factory=dict)
    sources: list[tuple[Node, ...]] = field(default_factory=list)
    bases: dict[tuple[Node, int], Node] = field(default_factory=dict)
    memory: dict[str, Node] = field(default_factory=dict)
    free: set[Node] = field(default_factory=set)

    def plan(self) -> Plan:
        self.buffers.counted = {*counters(self.graph), *counted_inside(self.graph)}
        params = [self._param(k, node) for k, node in enumerate(self.graph.params)]
        steps = self._all_steps(self._place_outputs())
        named = tuple(self.buffers.named.values())
        slots = arena(named, steps)
        return Plan(
            named, tuple(steps), tuple(params), tuple(self.outputs), slots, tuple(self.sources)
        )

    def within(self, params: Sequence[Storage], results: Sequence[Storage]) -> tuple[Step, ...]:
        """Return the steps of a graph inside a node, between buffers of the graph around it.

        A result may be where a parameter is, which may then be written at any time.
        """
        if any(node.op is not trips for node in counters(self.graph).values()):
            raise GraphError(
                "a size is counted inside a branch or a loop, where what follows cannot see it"
            )
        self.storages.update(zip(self.graph.params, params, strict=True))
        self.free = {p for p, s in zip(self.graph.params, params, strict=True) if s in results}
        self.memory = {self.storages[param].buffer: param for param in self.free}
        places = zip(self.graph.outputs, results, strict=True)
        late = [self._place_output(node, target, True) for node, target in places]
        return tuple(self._all_steps([root for root in late if root is not None]))

    def _inner(
        self, graph: Graph, params: Sequence[Storage], results: Sequence[Storage], prefix: str
    ) -> tuple[Step, ...]:
        inner = Scheduler(graph, (), None, prefix, self.forced, buffers=self.buffers)
        return inner.within(params, results)

    def _all_steps(self, late: Sequence[Root]) -> list[Step]:
        first = self._move_params(late)
        stored = self.storages.keys() - set(self.graph.params)
        demands = Demands(self.graph, set(self.forced) | stored, self.storages)
        demands.walk(late)
        writes = {r: self.memory[self.targets[r].buffer] for r in late if self._overwrites(r)}
        groups = self._grouped(demands, late, writes)
        readers = readers_of(groups)
        fixed = {*self.storages, *self.forced} - self.free
        self.bases = overwritten(groups, readers, fixed, self.free - self.forced)
        for group in groups:
            self._place(group, readers)
        groups = moving(groups, self.storages, self.targets)
        steps = [self._steps(group) for group in groups]
        made = list(zip(groups, steps, strict=True))
        conflicting = conflicts({node for node, _ in self.bases}, groups, steps, demands.forced)
        if reads_overwritten(made, writes, self.memory):
            conflicting |= stored_first(writes, set(self.graph.params), self.forced)
        if conflicting:
            raise StoreInstead(conflicting)
        pairs = [(s, nodes_of(g)) for g, some in made for s in some]
        self.sources = [*(() for _ in first), *(nodes for _, nodes in pairs)]
        return [*first, *(step for step, _ in pairs)]

    def _grouped(
        self, demands: Demands, late: Sequence[Root], writes: Mapping[Root, Node]
    ) -> list[Group]:
        """Put roots into groups: what overwrites parameters comes after all that reads."""
        roots = demands.roots[: len(demands.roots) - len(late)]
        plain = [root for root in late if root not in writes]
        # First among what overwrites comes what only moves.
        last = sorted(writes, key=lambda r: r.node not in self.graph.params)
        groups = grouped([*roots, *plain, *in_order(last, writes)], writes)
        repeated = repeats(self.graph, demands, groups)
        if repeated:
            raise StoreInstead(repeated)
        return groups

    def _move_params(self, late: Sequence[Root]) -> list[Step]:
        """Copy parameters that would be read after an output has overwritten them."""
        written = {self.memory[self.targets[r].buffer] for r in late if self._overwrites(r)}
        steps = []
        for param in [p for p in self.graph.params if p in written & self.forced]:
            target = self.buffers.new(param.array_type)
            steps.append(self._copies(f"{self.prefix}{target.buffer}copy", {param: target}))
            self.storages[param] = target
        return steps

    # ---- memory

    def _param(self, number: int, node: Node) -> str:
        type = node.array_type
        name = self.buffers.add(f"in{number}", type.dtype, type.size, "input")
        layout = self.layouts[number] if self.layouts is not None else None
        self.storages[node] = Storage(name, strides_of(type.shape) if layout is None else layout)
        self.memory[name] = node
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
            owned = isinstance(where, Fresh) and self._may_own(node, where)
            root = self._place_output(node, target, owned)
            if root is not None:
                late.append(root)
        return late

    def _updates(self, node: Node, param: Node) -> bool:
        """Return whether an output is a parameter with parts written, and used nowhere."""
        used = any(node in n.operands for n in self.graph) or self.graph.outputs.count(node) > 1
        native = root_of(node).kind in UPDATES
        return native and not used and node not in self.forced and is_update(node, param)

    def _place_output(self, node: Node, target: Storage, owned: bool) -> Root | None:
        """Compute an output right into its memory, or else return the root that puts it there."""
        param = self.memory.get(target.buffer)
        if param is not None:
            root = update_of(node) if self._updates(node, param) else copy_of(node)
        elif self._is_made(node, target):
            return None
        elif owned and node not in self.storages and root_of(node).kind != STEP:
            self.storages[node] = target
            return None
        else:
            root = copy_of(node)
        self.targets[root] = target
        return root

    def _may_own(self, node: Node, where: Fresh) -> bool:
        """Return whether a node can be computed right into an output's memory."""
        plain = where.order == tuple(range(node.array_type.ndim))
        return plain or root_of(node).kind != GEMM

    def _is_made(self, node: Node, target: Storage) -> bool:
        """Let what a callout makes or a loop carries be an output, where it lies as that does."""
        is_item = node.op.name == "item"
        call, index = (node.operands[0], dict(node.attrs)["index"]) if is_item else (node, 0)
        is_array = self.buffers.named[target.buffer].kind == "output"
        native = is_item and holds_graphs(call)
        plain = target == Storage(target.buffer, strides_of(node.array_type.shape))
        known = native or (is_array and type(call.op.lower) is Callout)
        if not known or not plain or node in self.storages:
            return False
        self.made[call, index] = self.storages[node] = target
        return True

    def _place(self, group: Group, readers: Mapping[Node, set[int]]) -> None:
        """Give the results of a group memory where they are used outside it, or in a later pass."""
        for member in group.members:
            root = member.root
            if root.kind == STEP:
                self._place_step(root.node, readers)
            if root.kind in (STEP, "copy", "update"):
                continue
            node = root.node
            if node in self.storages:
                self.targets[root] = self.storages[node]
            elif (node, 0) in self.bases:
                root.kind = "update"
                self._keep(root, self.storages[self.bases[node, 0]])
            elif not readers.get(node, set()) <= {group.number} or not group.fusible:
                self._keep(root, self.buffers.new(node.array_type))
            elif not member.row and root.kind == "map":
                self._keep(root, self.buffers.scratch(group, node.array_type.dtype))

    def _place_step(self, node: Node, readers: Mapping[Node, set[int]]) -> None:
        """Give what branches and loops hand on its memory, also where it writes over operands."""
        if node.op.name == "item" and holds_graphs(node.operands[0]):
            self.storages[node] = self.tuples[node.operands[0]][dict(node.attrs)["index"]]
        if not holds_graphs(node):
            return
        self.tuples[node] = tuple(
            [self._result(node, number, type) for number, type in enumerate(results_of(node))]
        )
        if isinstance(node.type, ArrayType) and readers.get(node):
            self.storages[node] = self.buffers.new(node.array_type)

    def _result(self, node: Node, number: int, type: ArrayType) -> Storage:
        """Return where a result of a node that holds graphs goes."""
        made, base = self.made.get((node, number)), self.bases.get((node, number))
        if made is None:
            return self.buffers.new(type) if base is None else self.storages[base]
        return made

    def _keep(self, root: Root, storage: Storage) -> None:
        self.storages[root.node] = self.targets[root] = storage

    # ---- steps

    def _steps(self, group: Group) -> list[Step]:
        root, name = group.members[0].root, f"{self.prefix}k{group.number}"
        if root.kind == STEP:
            return self._own_step(root, name)
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
            steps.append(self._copies(f"{name}copy{number}", {node: copies[node]}))
        product = matrix_product(root, self.storages | copies, target)
        assert not isinstance(product, set)
        return [*steps, product]

    def _copies(self, name: str, targets: Mapping[Node, Storage]) -> Step:
        """Return the kernel that copies stored nodes elsewhere."""
        assembler = Assembler(self.storages, {})
        body = [s for node, target in targets.items() for s in assembler.copied(node, target)]
        return self._kernel(assembler, name, tuple(body))

    def _own_step(self, root: Root, name: str) -> list[Step]:
        node = root.node
        if node.op.name == "item":
            self.storages[node] = self.tuples[node.operands[0]][dict(node.attrs)["index"]]
            return []
        if node.op.name == "guard":
            self.storages[node] = self.storages[node.operands[0]]
            attrs = dict(node.attrs)
            buffer = self.storages[node].buffer
            return [GuardStep(buffer, attrs["expect"], attrs["number"])]
        if isinstance(node.op.lower, Places):
            return self._select(node)
        return self._nested(node, name) if holds_graphs(node) else [self._callout(node)]

    def _nested(self, node: Node, name: str) -> list[Step]:
        """Return a branch or a loop, after copies of what a loop starts from."""
        given, results = [self.storages[o] for o in node.operands], self.tuples[node]
        assembler = Assembler(self.storages, {})
        body: list[Statement] = []
        for number, (operand, target) in enumerate(zip(node.operands, results, strict=False)):
            if is_carried(node, number) and self.storages[operand] != target:
                body += assembler.copied(operand, target)
        made = Nest(node, given, results, self.buffers, self._inner, f"{name}_").steps()
        steps = [self._kernel(assembler, f"{name}start", tuple(body))] if body else []
        if node not in self.storages:
            return [*steps, *made]
        filled = true_everywhere(node.array_type, self.storages[node])
        return [*steps, *made, self._kernel(assembler, f"{name}true", filled)]

    def _select(self, node: Node) -> list[Step]:
        """Find the places of a mask, after a copy of one whose elements lie apart."""
        (mask,) = node.operands
        steps: list[Step] = []
        found = self.storages[mask]
        if found != Storage(found.buffer, strides_of(mask.array_type.shape)):
            found = self.buffers.new(mask.array_type)
            steps.append(self._copies(f"{self.prefix}{found.buffer}copy", {mask: found}))
        places = self.storages[node] = self.buffers.new(node.array_type)
        (count,) = node.array_type.shape
        return [*steps, SelectStep(found.buffer, mask.array_type.size, places.buffer, count)]

    def _callout(self, node: Node) -> Step:
        operands = tuple(self.storages[o].buffer for o in node.operands)
        for name in operands:
            self.buffers.as_object(name)
        types = item_types(node.type)
        places = [self.made.get((node, k)) or self.buffers.new(t, "object")
                  for k, t in enumerate(types)]  # fmt: skip
        self.tuples[node] = tuple(places)
        if not isinstance(node.type, TupleType):
            self.storages[node] = places[0]
        operand_types = tuple(o.array_type for o in node.operands)
        results = tuple([place.buffer for place in places])
        return CalloutStep(node.op, operands, operand_types, node.attrs, results, types)

    def _overwrites(self, root: Root) -> bool:
        """Return whether a root writes into a parameter."""
        return self.targets[root].buffer in self.memory
