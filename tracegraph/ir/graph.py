"""The graph: immutable nodes in topological order, and the builder that makes them.

Nothing here knows any operation. Array operands are positional, static attributes keyword-only.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias, TypeVar

import numpy as np

from tracegraph.ir.errors import GraphError
from tracegraph.ir.lowering import Control, Lowering
from tracegraph.ir.record import record
from tracegraph.ir.sizes import Symbol
from tracegraph.ir.types import ArrayType, TupleType, Type

Attrs: TypeAlias = tuple[tuple[str, Any], ...]
Tangent: TypeAlias = "Value | None"
T = TypeVar("T")


class Derivative(enum.Enum):
    """What is said of an operation that has no ``jvp`` rule."""

    ZERO = "zero wherever it is defined"
    NONE = "not defined"


@record(kw_only=True)
class Op:
    """One operation and every rule it has. To add an operation, declare one of these.

    Parameters
    ----------
    name : str
        Its name in the text form.
    type_rule : callable
        ``type_rule(*operand_types, **attrs)`` gives the type of the result or raises TypeError.
    eager : callable
        ``eager(*arrays, **attrs)`` computes with NumPy; sizes in ``attrs`` are plain ints here.
    lower : Lowering
        How native code computes it; ``CALLOUT`` where its eager kernel is called.
    jvp : callable or Derivative
        ``jvp(primals, tangents, out, **attrs)`` gives the tangent of the result ``out``. A tangent
        that is zero is None; at least one is not. ``Derivative.ZERO`` for piecewise constant
        operations, ``Derivative.NONE`` where no derivative is defined.
    transpose : callable or None
        For operations that are linear in some operands:
        ``transpose(cotangent, operands, linear, **attrs)`` gives one cotangent or None for each
        operand; ``linear[i]`` says whether operand i is to receive one. Of a linear operand only
        the type may be used. None: the operation is linear in no operand.
    batch : callable
        ``batch(operands, batched, size, **attrs)`` gives the result with the batch as its first
        axis; ``batched[i]`` says whether operand i has the batch, of ``size``, as its first axis.
    effect : bool
        Whether it must be kept, in order, even when nothing uses its result.
    commutative : bool
        Whether its two operands may change places.
    heavy : bool
        Whether recomputing it costs more than storing it: a division or elementary function.
    elementwise : bool
        Whether each element of the result is computed from the operands' elements at its index.
    counts : str, optional
        The attribute whose symbols this operation gives a value: sizes that depend on data, which
        are known when its result is. All other sizes are known before anything is computed.
    """

    name: str
    type_rule: Callable[..., Type]
    eager: Callable[..., Any]
    lower: Lowering
    jvp: Callable[..., Tangent] | Derivative
    transpose: Callable[..., Sequence[Tangent]] | None
    batch: Callable[..., Value]
    effect: bool = False
    commutative: bool = False
    heavy: bool = False
    elementwise: bool = False
    counts: str | None = None

    def __call__(self, *operands: Any, **attrs: Any) -> Any:
        """Add a node to the graph that an operand belongs to, else compute now."""
        for operand in operands:
            if isinstance(operand, Value):
                return operand.builder.emit(self, operands, attrs)
        return self.eager(*operands, **attrs)

    def __repr__(self) -> str:
        return f"<op {self.name}>"


@record(eq=True)
class Site:
    """A place in a user's source."""

    filename: str
    line: int

    def __str__(self) -> str:
        return f"{self.filename}:{self.line}"


@record(slots=True)
class Node:
    """One application of an operation. It holds no array, and is compared by identity.

    ``symbols`` are the sizes that its type and attributes mention, kept by ``mentioned`` when they
    are asked for: what depends on a size is asked of all nodes, for each loop that is drawn.
    """

    op: Op
    operands: tuple[Node, ...]
    attrs: Attrs
    type: Type
    site: Site | None = None
    symbols: tuple[Symbol, ...] | None = None

    @property
    def array_type(self) -> ArrayType:
        """Its type, where it is known to be an array."""
        if not isinstance(self.type, ArrayType):
            raise GraphError(f"{self.op.name} gives {self.type}; an array is needed here")
        return self.type

    def __repr__(self) -> str:
        return f"<node {self.op.name}: {self.type}>"


@record(slots=True)
class Value:
    """A node together with the builder of the graph it stands in: what rules compute with."""

    builder: Builder
    node: Node

    @property
    def type(self) -> ArrayType:
        return self.node.array_type

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.type.dtype

    @property
    def shape(self) -> tuple[Any, ...]:
        return self.type.shape

    @property
    def ndim(self) -> int:
        return len(self.type.shape)


@record
class Graph:
    """A pure function of arrays: parameters, nodes in topological order, outputs."""

    params: tuple[Node, ...]
    nodes: tuple[Node, ...]
    outputs: tuple[Node, ...]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)


def _no_rule(*_: Any, **__: Any) -> NoReturn:
    raise GraphError("a parameter of a graph is given, never computed")


PARAMETER = Op(
    name="parameter",
    type_rule=_no_rule,
    eager=_no_rule,
    lower=Control(),
    jvp=Derivative.NONE,
    transpose=None,
    batch=_no_rule,
)


@dataclass(eq=False)
class Builder:
    """The only mutable thing: grows one graph, sharing equal nodes as it goes.

    Parameters
    ----------
    site : Site, optional
        The user's line that the next nodes come from; set it as recording goes on.
    """

    site: Site | None = None
    params: list[Node] = field(default_factory=list)
    nodes: list[Node] = field(default_factory=list)
    _shared: dict[Any, Node] = field(default_factory=dict)

    def parameter(self, type: Type) -> Value:
        node = Node(PARAMETER, (), (), type, self.site)
        self.params.append(node)
        return Value(self, node)

    def emit(self, op: Op, operands: Sequence[Any], attrs: dict[str, Any]) -> Value:
        """Return the value of an operation, new or shared with an equal node."""
        nodes = tuple([self._node_of(op, operand) for operand in operands])
        return self._add(op, nodes, tuple(sorted(attrs.items())), None)

    def copy(self, node: Node, operands: Sequence[Value]) -> Value:
        """Return the value of a node's operation on other operands, on the node's line."""
        self.site = node.site
        nodes = tuple([self._node_of(node.op, operand) for operand in operands])
        # Operands of the very same types give the same type: most copies need no type rule.
        pairs = zip(nodes, node.operands, strict=True)
        changed = any([new.type is not old.type for new, old in pairs])
        return self._add(node.op, nodes, node.attrs, None if changed else node.type)

    def _add(self, op: Op, nodes: tuple[Node, ...], attrs: Attrs, type: Type | None) -> Value:
        key = op.name, nodes, attrs_key(attrs)
        found = None if op.effect else self._shared.get(key)
        if found is None:
            if type is None:
                type = op.type_rule(*[node.type for node in nodes], **dict(attrs))
            found = self._shared[key] = Node(op, nodes, attrs, type, self.site)
            self.nodes.append(found)
        return Value(self, found)

    def forget(self, nodes: Container[Node]) -> None:
        """Take nodes out again, which nothing that stays depends on."""
        self.nodes[:] = [node for node in self.nodes if node not in nodes]
        self._shared = {key: node for key, node in self._shared.items() if node not in nodes}

    def _node_of(self, op: Op, operand: Any) -> Node:
        if not isinstance(operand, Value):
            raise GraphError(
                f"{op.name} needs values of a graph as operands, got {type(operand).__name__}; "
                "make a constant with `literal`"
            )
        if operand.builder is not self:
            raise GraphError(f"{op.name} mixes values of two graphs")
        return operand.node

    def value(self, node: Node) -> Value:
        return Value(self, node)

    def build(self, outputs: Iterable[Value]) -> Graph:
        return Graph(tuple(self.params), tuple(self.nodes), tuple(v.node for v in outputs))


_EQUAL_IF_SAME = frozenset((int, str, bool, type(None)))
"""Types whose equal values are the same, bit by bit."""


def attrs_key(value: Any) -> Any:
    """Return a key of an attribute by type and bits: 0.0 is not -0.0, 1 not True."""
    kind = type(value)
    if kind in _EQUAL_IF_SAME:
        return kind, value
    if isinstance(value, tuple):
        return tuple(map(attrs_key, value))
    if isinstance(value, np.generic):  # before the others: a float64 is a float as well
        return kind, value.tobytes()
    if isinstance(value, float):
        return float, struct.pack("<d", value)
    if isinstance(value, complex):
        return complex, struct.pack("<dd", value.real, value.imag)
    if isinstance(value, Graph) or callable(value):
        return Graph, id(value)
    return kind, value


def replay(graph: Graph, args: Sequence[T], rule: Callable[..., T]) -> list[T]:
    """Walk a graph once, calling ``rule(node, *operands)``: the loop under every transformation."""
    env: dict[Node, T] = dict(zip(graph.params, args, strict=True))
    for node in graph:
        env[node] = rule(node, *(env[operand] for operand in node.operands))
    return [env[output] for output in graph.outputs]


def rebuild(builder: Builder, node: Node, *operands: Value) -> Value:
    """The rule that copies a node into another graph, keeping its line."""
    return builder.copy(node, operands)


def trace(function: Callable[..., Any], *types: Type) -> Graph:
    """Return the graph of a function of values, called once with parameters of ``types``."""
    builder = Builder()
    outputs = function(*(builder.parameter(t) for t in types))
    return builder.build(outputs if isinstance(outputs, (tuple, list)) else (outputs,))


def item_types(type: Type) -> tuple[ArrayType, ...]:
    """Return the types of the arrays that a node yields."""
    return type.items if isinstance(type, TupleType) else (type,)
