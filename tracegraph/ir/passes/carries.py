"""What loops carry: nothing twice, nothing that nobody needs, and nothing that stays the same.

Derivatives leave such loops: the loop of the values beside that of values and tangents, counters
that only one of them needs, tangents that are zero. ``tidy_loops`` looks at each loop alone,
``merge_loops`` makes one of two that carry something alike::

    %3 = loop(%0, %2, body=@0, trip=n)
    %4 = loop(%0, %1, %2, body=@1, trip=n)      ->   %3 = loop(%0, %1, %2, body=@1, trip=n)

where the first value that ``@1`` carries is in every iteration the one that ``@0`` carries.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence

from tracegraph.ir.bodies import carried_for, has_effect, inline, only, read_by, resized
from tracegraph.ir.counted import counters
from tracegraph.ir.graph import Builder, Graph, Node, Value, rebuild
from tracegraph.ir.ops.control import item
from tracegraph.ir.ops.loop import loop
from tracegraph.ir.ops.while_loop import while_loop
from tracegraph.ir.record import record
from tracegraph.ir.sizes import Symbol, symbol

LOOPS = (loop, while_loop)


@record
class Joint:
    """Loops that run side by side as one.

    Parameters
    ----------
    carried, still : tuple of Node
        The operands: what is carried at first, and what stays the same.
    graph : Graph
        Of one iteration. Its parameters are these; its outputs what is carried next, then the
        answer of a test.
    places : tuple of tuple of int
        For each loop the place among ``carried`` of each value that it carries.
    """

    carried: tuple[Node, ...]
    still: tuple[Node, ...]
    graph: Graph
    places: tuple[tuple[int, ...], ...]


def joint(loops: Sequence[Node]) -> Joint:
    """Return loops as one, in which values that are always equal are carried once.

    Those that begin alike are taken for equal until an iteration makes them differ.
    """
    bodies = [_iteration(node, loops[0]) for node in loops]
    begins = [node.operands[: _count(node)] for node in loops]
    still = tuple(dict.fromkeys(o for n in loops for o in n.operands[_count(n) :]))
    groups = _numbered(begins)
    while True:
        graph, after = _side_by_side(bodies, begins, loops, groups, still)
        keys = [list(zip(g, a, strict=True)) for g, a in zip(groups, after, strict=True)]
        finer = _numbered(keys)
        if finer == groups:
            break
        groups = finer
    first = {number: k for k, number in reversed(list(enumerate(n for g in groups for n in g)))}
    flat = [operand for begin in begins for operand in begin]
    carried = tuple(flat[first[number]] for number in range(len(first)))
    return Joint(carried, still, graph, tuple(map(tuple, groups)))


def _numbered(rows: Iterable[Iterable[object]]) -> list[list[int]]:
    """Return the number of each thing, in order of first appearance."""
    numbers: dict[object, int] = {}
    return [[numbers.setdefault(one, len(numbers)) for one in row] for row in rows]


def _count(node: Node) -> int:
    body: Graph = dict(node.attrs)["body"]
    return len(body.outputs)


def _iteration(node: Node, like: Node) -> list[Graph]:
    """Return the body of a loop, by the index of another, and its test if it has one."""
    attrs, index = dict(node.attrs), dict(like.attrs).get("index")
    if index in (None, attrs.get("index")):
        return [attrs[name] for name in ("body", "test") if name in attrs]
    return [resized(attrs["body"], {Symbol(attrs["index"]): symbol(index, bound=attrs["trip"])})]


def _side_by_side(
    bodies: Sequence[Sequence[Graph]],
    begins: Sequence[Sequence[Node]],
    loops: Sequence[Node],
    groups: Sequence[Sequence[int]],
    still: Sequence[Node],
) -> tuple[Graph, list[list[Node]]]:
    """Return the graph of one iteration of all, and what each value is after it."""
    builder = Builder()
    types = {
        number: operand.type
        for group, begin in zip(groups, begins, strict=True)
        for number, operand in zip(group, begin, strict=True)
    }
    carried = [builder.parameter(types[number]) for number in range(len(types))]
    same = {operand: builder.parameter(operand.type) for operand in still}
    after: list[list[Node]] = []
    following: dict[int, Value] = {}
    tests: list[Value] = []
    for graphs, group, node in zip(bodies, groups, loops, strict=True):
        args = [*(carried[n] for n in group), *(same[o] for o in node.operands[len(group) :])]
        results = inline(builder, graphs[0], args)
        after.append([value.node for value in results])
        following |= dict(zip(group, results, strict=True))
        for test in graphs[1:]:
            tests += inline(builder, test, args)
    outputs = [following[number] for number in range(len(types))]
    return builder.build([*outputs, *tests]), after


# -- what is needed -------------------------------------------------------------------------------


def _needed(graph: Graph, count: int, used: set[int]) -> set[int]:
    """Return which of the first ``count`` parameters are carried on for what is used."""
    roots = [*graph.outputs[count:], *(n for n in graph if has_effect(n))]
    return used | carried_for(graph, count, [*(graph.outputs[k] for k in used), *roots])


def _ancestors(graph: Graph, targets: Iterable[Node]) -> set[Node]:
    """Return what computes some nodes, and what counts the sizes that are mentioned there."""
    found = set(targets)
    counter_of = counters(graph)
    for node in reversed(graph.nodes):
        if node in found:
            found.update(read_by(node, counter_of))
    return found


def _emitted(
    builder: Builder, like: Node, found: Joint, used: Iterable[int], env: dict[Node, Value]
) -> list[Value | None]:
    """Add a loop for what is needed of some, and return each value that is used after it."""
    graph, count = found.graph, len(found.carried)
    steady = {k for k in range(count) if graph.outputs[k] is graph.params[k]}
    kept = sorted(_needed(graph, count, set(used) - steady) - steady)
    roots = [*graph.outputs[count:], *(n for n in graph if has_effect(n))]
    read = _ancestors(graph, [*(graph.outputs[k] for k in kept), *roots])
    operands = (*found.carried, *found.still)
    still = [k for k, p in enumerate(graph.params) if p in read and (k in steady or k >= count)]
    order = [*kept, *still]
    params = tuple(graph.params[k] for k in order)
    nodes = tuple(node for node in graph if node in read)
    attrs, outputs = dict(like.attrs), tuple(graph.outputs[k] for k in kept)
    is_merged = len(found.places) > 1
    if is_merged or order != list(range(len(like.operands))) or len(nodes) < len(graph):
        attrs["body"] = only(Graph(params, nodes, outputs), [True] * len(kept))
        if "test" in attrs:
            attrs["test"] = only(Graph(params, nodes, graph.outputs[count : count + 1]), [True])
    builder.site = like.site
    results: list[Value | None] = [env[operands[k]] if k in steady else None for k in range(count)]
    if kept or roots:
        whole = builder.emit(like.op, [env[operands[k]] for k in order], attrs)
        for place, k in enumerate(kept):
            results[k] = item(whole, index=place)
    return results


# -- passes ---------------------------------------------------------------------------------------


def tidy_loops(graph: Graph) -> Graph:
    """Return the graph with loops that carry only what is needed and changes, and once each."""
    if not any(node.op in LOOPS for node in graph):
        return graph
    return _rebuilt(graph, [[node] for node in graph if node.op in LOOPS], graph.nodes)


def merge_loops(graph: Graph) -> Graph:
    """Return the graph with loops made one that carry something alike.

    They run equally often, do not need each other, and leave by no guard.
    """
    while (pair := _pair(graph)) is not None:
        first, second = pair
        after = _dependents(graph, first)
        end = graph.nodes.index(second)
        early = [node for node in graph.nodes[:end] if node not in after]
        late = [node for node in graph.nodes[:end] if node in after and node is not first]
        order = (*early, second, *late, *graph.nodes[end + 1 :])
        graph = _rebuilt(graph, [[second, first]], order)
    return graph


def _pair(graph: Graph) -> tuple[Node, Node] | None:
    loops = [node for node in graph if node.op in LOOPS and not has_effect(node)]
    dependents = functools.cache(functools.partial(_dependents, graph))
    for k, second in enumerate(loops):
        for first in loops[:k]:
            if _fit(graph, first, second, dependents):
                return first, second
    return None


def _fit(graph: Graph, first: Node, second: Node, dependents: Callable[[Node], set[Node]]) -> bool:
    """Return whether two loops can be one, and carry less then."""
    begins = [set(node.operands[: _count(node)]) for node in (first, second)]
    trips = [dict(node.attrs).get("trip") for node in (first, second)]
    if first.op is not second.op or trips[0] != trips[1] or begins[0].isdisjoint(begins[1]):
        return False
    after = dependents(first)
    between = graph.nodes[: graph.nodes.index(second)]
    if second in after or any(node.op.effect for node in between if node in after):
        return False
    found = joint([second, first])
    tests = found.graph.outputs[len(found.carried) :]
    return len(set(tests)) <= 1 and not set(found.places[0]).isdisjoint(found.places[1])


def _dependents(graph: Graph, first: Node) -> set[Node]:
    """Return what comes after a node: what reads it, or has a size that is counted after it."""
    found, counter_of = {first}, counters(graph)
    for node in graph:
        if not found.isdisjoint(read_by(node, counter_of)):
            found.add(node)
    return found


def _rebuilt(graph: Graph, groups: Sequence[Sequence[Node]], order: Sequence[Node]) -> Graph:
    """Copy a graph with each group of loops made one, where the group's first loop stands."""
    builder = Builder()
    env = {param: builder.parameter(param.type) for param in graph.params}
    heads = {group[0]: group for group in groups}
    used = _used_items(graph)
    for node in order:
        if node in heads:
            _replace(builder, heads[node], used, env)
        elif node not in env:  # an item of a loop has its value with the loop
            env[node] = rebuild(builder, node, *(env[operand] for operand in node.operands))
    return builder.build([env[output] for output in graph.outputs])


def _used_items(graph: Graph) -> dict[Node, list[Node]]:
    found: dict[Node, list[Node]] = {}
    for node in graph:
        if node.op is item and node.operands[0].op in LOOPS:
            found.setdefault(node.operands[0], []).append(node)
    return found


def _replace(
    builder: Builder, group: Sequence[Node], used: dict[Node, list[Node]], env: dict[Node, Value]
) -> None:
    """Add one loop for a group, and note the values of their items."""
    found = joint(group)
    places = {
        one: found.places[k][dict(one.attrs)["index"]]
        for k, node in enumerate(group)
        for one in used.get(node, ())
    }
    results = _emitted(builder, group[0], found, places.values(), env)
    for one, place in places.items():
        value = results[place]
        assert value is not None
        env[one] = value
