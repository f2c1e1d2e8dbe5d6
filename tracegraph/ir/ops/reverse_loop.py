"""Reverse mode through loops: no ops, but the rule that the loops share.

Transposing a loop that carries values and tangents gives two loops. The first computes the values
again and keeps of each iteration what the linear part of the body reads: a *saved* value has a
stack with a place for each iteration. The second goes through the iterations backwards, carries
cotangents, and reads from the stacks. What does not depend on anything carried is not saved but
computed again.

In a batch the examples of a loop that is left by a test run differently often. The loops here then
run as often as the longest, and a mask says which iterations an example takes part in: in the
others what it carries stays as it is, and zeros are saved, which no cotangent makes a NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tracegraph.ir.bodies import carried_for, carried_on, depending, only, resized
from tracegraph.ir.errors import MissingRuleError
from tracegraph.ir.graph import Builder, Graph, Node, Op, Tangent, Value, rebuild
from tracegraph.ir.ops.accumulate import begun, sum_from_zero
from tracegraph.ir.ops.boxes import slice_, slice_update
from tracegraph.ir.ops.broadcast import full_like, literal, spread
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compose_where import inline_where
from tracegraph.ir.ops.control import item
from tracegraph.ir.ops.cotangents import add_cotangents
from tracegraph.ir.ops.structural import reshape
from tracegraph.ir.record import record
from tracegraph.ir.size_values import largest
from tracegraph.ir.sizes import Dim, Symbol, symbol
from tracegraph.ir.types import BOOL, ArrayType, Shape

TransposeGraph = Callable[[Graph, Sequence[bool]], Graph]


def transposed(
    loop: Op,
    ct: Sequence[Tangent],
    operands: Sequence[Value],
    linear: Sequence[bool],
    body: Graph,
    index: str,
    trip: Dim,
    transpose_graph: TransposeGraph,
    active: Value | None = None,
) -> list[Tangent]:
    """Return a cotangent for each linear operand of a loop.

    Parameters
    ----------
    loop : Op
        What runs a body ``trip`` times.
    ct, operands, linear
        As a transposition rule gets them.
    body : Graph
        Of the loop that is transposed.
    index : str
        The name of the symbol that numbers the iterations.
    trip : int or Size
        How many there are.
    transpose_graph : callable
        The transposition of graphs.
    active : Value, optional
        A bool for each iteration: whether it takes place. All do where it is not given.
    """
    if trip == 0:
        return [*ct, *[None] * (len(operands) - len(ct))]
    parts = _split(body, linear)
    builder = next(x.builder for x in ct if x is not None)
    still = [operands[k] for k in parts.still]
    mask = [] if active is None else [active]
    stacks = _saved(loop, parts, operands, body, index, trip, mask) if parts.saved else []
    back = _Backwards(parts, body, index, trip, transpose_graph, mask).body()
    count = len(body.outputs)
    start = [
        _zeros(builder, type) if cotangent is None else cotangent
        for type, cotangent, is_linear in zip(
            [p.array_type for p in body.params], ct, parts.flags, strict=False
        )
        if is_linear
    ]
    sums = [_zeros(builder, body.params[k].array_type) for k in parts.linear if k >= count]
    whole = loop(*start, *sums, *stacks, *still, *mask, body=back, index=index, trip=trip)
    places = {k: place for place, k in enumerate(parts.linear)}
    return [item(whole, index=places[k]) if flag else None for k, flag in enumerate(linear)]


@record
class _Parts:
    """The parameters and nodes of a body, by what they depend on.

    Parameters
    ----------
    flags : list of bool
        Which parameters are linear.
    linear : list of int
        Their numbers: first what is carried, then what stays the same.
    still : list of int
        The parameters that stay the same and are not linear.
    values : list of int
        The parameters that are carried and not linear.
    saved : list of Node
        What the linear nodes read that depends on what is carried.
    again : list of Node
        What they need that does not.
    """

    flags: list[bool]
    linear: list[int]
    still: list[int]
    values: list[int]
    saved: list[Node]
    again: list[Node]


def _split(body: Graph, linear: Sequence[bool]) -> _Parts:
    count, total = len(body.outputs), len(body.params)
    flags = carried_on(body, linear)
    values = [k for k in range(count) if not flags[k]]
    of_linear = depending(body, flags)
    of_values = depending(body, [k in values for k in range(total)])
    read = [
        operand
        for node in body
        if node in of_linear
        for operand in node.operands
        if operand not in of_linear
    ]
    saved = [node for node in dict.fromkeys(read) if node in of_values]
    again = [n for n in body if n not in of_linear and n not in of_values and not n.op.effect]
    still = [k for k in range(count, total) if not flags[k]]
    return _Parts(flags, [k for k in range(total) if flags[k]], still, values, saved, again)


# -- forwards: what is saved ----------------------------------------------------------------------


def _saved(
    loop: Op,
    parts: _Parts,
    operands: Sequence[Value],
    body: Graph,
    index: str,
    trip: Dim,
    mask: Sequence[Value],
) -> list[Value]:
    """Compute the values of all iterations, and return a stack for each that is saved."""
    needed = carried_for(body, len(body.outputs), parts.saved)
    carrying = [k for k in parts.values if k in needed]
    values, still = ([operands[k] for k in part] for part in (carrying, parts.still))
    types = [_stack_type(node.array_type, index, trip) for node in parts.saved]
    builder = Builder()
    carried = [builder.parameter(body.params[k].type) for k in carrying]
    stacks = [builder.parameter(type) for type in types]
    env = dict(zip([body.params[k] for k in carrying], carried, strict=True))
    env |= {body.params[k]: builder.parameter(body.params[k].type) for k in parts.still}
    flag = _flag(builder, mask, symbol(index, bound=trip), trip)
    outputs = (*(body.outputs[k] for k in carrying), *parts.saved)
    read = [k for k, param in enumerate(body.params) if param in env]
    whole = only(
        Graph(tuple(body.params[k] for k in read), body.nodes, outputs), [True] * len(outputs)
    )
    found = inline_where(builder, flag, whole, [env[body.params[k]] for k in read])
    after = [_chosen(flag, *pair) for pair in zip(found, carried, strict=False)]
    pushed = [
        _pushed(stack, _chosen(flag, value, full_like(value, 0)), index)
        for stack, value in zip(stacks, found[len(carried) :], strict=True)
    ]
    forwards = builder.build([*after, *pushed])
    empty = [_zeros(operands[0].builder, type) for type in types]
    result = loop(*values, *empty, *still, *mask, body=forwards, index=index, trip=trip)
    return [item(result, index=len(values) + k) for k in range(len(types))]


def _stack_type(type: ArrayType, index: str, trip: Dim) -> ArrayType:
    return type.with_shape((trip, *(_largest(dim, index, trip) for dim in type.shape)))


def _largest(dim: Dim, index: str, trip: Dim) -> Dim:
    """Return a size that no iteration exceeds."""
    found = largest(dim, Symbol(index), trip)
    if found is None:
        raise MissingRuleError(
            f"the gradient of a loop in which a length is {dim}, {index} being the number of the "
            "iteration: use lengths that grow or shrink evenly, or np.where on the whole"
        )
    return found


def _place(shape: Shape, index: Dim) -> tuple[Dim, ...]:
    return index, *(0 for _ in shape)


def _pushed(stack: Value, value: Value, index: str) -> Value:
    row = reshape(value, shape=(1, *value.shape))
    start = _place(value.shape, symbol(index, bound=stack.shape[0]))
    out: Value = slice_update(stack, row, start=start, step=(1,) * row.ndim)
    return out


def _popped(stack: Value, type: ArrayType, index: Dim) -> Value:
    shape = (1, *type.shape)
    row = slice_(stack, start=_place(type.shape, index), shape=shape, step=(1,) * len(shape))
    out: Value = reshape(row, shape=type.shape)
    return out


def _flag(builder: Builder, mask: Sequence[Value], at: Dim, trip: Dim) -> Value | None:
    """Return whether an iteration takes place, by the next parameter of a body with a mask."""
    if not mask:
        return None
    return _popped(builder.parameter(ArrayType(BOOL, (trip,))), ArrayType(BOOL), at)


def _chosen(flag: Value | None, new: Value, old: Value) -> Value:
    if flag is None:
        return new
    out: Value = select(spread(flag, new.shape), new, old)
    return out


# -- backwards: cotangents ------------------------------------------------------------------------


@record
class _Backwards:
    """Makes the body of the loop that goes back."""

    parts: _Parts
    graph: Graph
    index: str
    trip: Dim
    transpose_graph: TransposeGraph
    mask: Sequence[Value]

    def body(self) -> Graph:
        """Return it: cotangents, sums and stacks, and what stays the same, are its parameters."""
        parts, params, count = self.parts, self.graph.params, len(self.graph.outputs)
        back: Dim = self.trip - 1 - symbol(self.index, bound=self.trip)
        pulled = resized(self._pulled(), {Symbol(self.index): back})
        adding = range(sum(k < count for k in parts.linear), len(parts.linear))
        begins = [k for k in adding if sum_from_zero(pulled, k) is not None]
        pulled = begun(pulled, begins)
        builder = Builder()
        cts = [builder.parameter(params[k].type) for k in parts.linear if k < count]
        sums = [builder.parameter(params[k].type) for k in parts.linear if k >= count]
        stacks = [
            builder.parameter(_stack_type(node.array_type, self.index, self.trip))
            for node in parts.saved
        ]
        still = [builder.parameter(params[k].type) for k in parts.still]
        flag = _flag(builder, self.mask, back, self.trip)
        types = [param.array_type for param in pulled.params]
        saved = [_popped(s, t, back) for s, t in zip(stacks, types, strict=False)]
        totals = dict(zip(adding, sums, strict=True))
        starts = [totals.pop(k) for k in begins]
        given = [_chosen(flag, ct, full_like(ct, 0)) for ct in cts]
        found = inline_where(builder, flag, pulled, [*saved, *still, *given, *starts])
        results: list[Tangent] = [_chosen(flag, *pair) for pair in zip(found, cts, strict=False)]
        results += found[len(cts) :]
        for k, total in totals.items():
            results[k] = add_cotangents(total, results[k])
        return builder.build(result for result in results if result is not None)

    def _pulled(self) -> Graph:
        """Return the transpose of the linear part of an iteration.

        Its parameters are what is saved, what stays the same, and the cotangents.
        """
        parts, params, count = self.parts, self.graph.params, len(self.graph.outputs)
        builder = Builder()
        env = {node: builder.parameter(node.type) for node in parts.saved}
        env |= {params[k]: builder.parameter(params[k].type) for k in parts.still}
        values = len(env)
        env |= {params[k]: builder.parameter(params[k].type) for k in parts.linear}
        for node in (*parts.again, *self._linear_nodes()):
            env[node] = rebuild(builder, node, *(env[operand] for operand in node.operands))
        outputs = [env[self.graph.outputs[k]] for k in parts.linear if k < count]
        whole = builder.build(outputs)
        return self.transpose_graph(whole, [k >= values for k in range(len(whole.params))])

    def _linear_nodes(self) -> list[Node]:
        found = depending(self.graph, self.parts.flags)
        return [node for node in self.graph if node in found]


def _zeros(builder: Builder, type: ArrayType) -> Value:
    number = builder.emit(literal, (), {"value": type.dtype.type(0)})
    return spread(number, type.shape)
