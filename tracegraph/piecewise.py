"""``np.piecewise``: the functions that it is given see the elements that their conditions select.

How many these are depends on data. So a function is called as NumPy calls it, once, with the real
selected elements, and is noted as a function of so many elements; where it has done nothing but
elementwise operations, the same operations on all elements, and a choice, are what it means.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracegraph.effects import Effect
from tracegraph.ir.autodiff import zeros
from tracegraph.ir.graph import Node, Value
from tracegraph.ir.ops import (
    arithmetic,
    bitwise,
    cast,
    choice,
    compare,
    complexes,
    division,
    exponential,
    identity,
    power,
    rounding,
    signs,
    special,
    trigonometric,
)
from tracegraph.ir.ops.broadcast import broadcast_to, spread
from tracegraph.ir.ops.identity import mark
from tracegraph.ir.ops.reduce import any_
from tracegraph.ir.sizes import Size, Symbol, symbol, symbols
from tracegraph.ir.types import ArrayType
from tracegraph.numpy.choosing import chosen, conditions_of
from tracegraph.numpy.emit import Sym, Unsupported
from tracegraph.recording import Recording
from tracegraph.standin import Storage, Traced
from tracegraph.values import is_abstract, operands_of, real_of, stand_ins

ELEMENTWISE = frozenset(
    op
    for family in (
        arithmetic, bitwise, cast, choice, compare, complexes, division, exponential, identity,
        power, rounding, signs, special, trigonometric,
    )
    for op in family.OPS
)  # fmt: skip

_numbers = itertools.count()


def piecewise(
    call: Callable[..., Any],
    recording: Recording,
    x: Any,
    condlist: Any,
    funclist: Sequence[Any],
    *args: Any,
    **kwargs: Any,
) -> Any:
    """Call ``np.piecewise`` on behalf of a recorded function.

    ``call(recording, function, args, kwargs)`` follows a function.
    """
    is_array = type(x) is Traced and x.kind is np.ndarray
    if not is_array or is_abstract(x) or not any(map(callable, funclist)):
        return recording.call(np.piecewise, (x, condlist, funclist, *args), kwargs)
    pieces = [
        _Piece(recording, call, function, args, kwargs) if callable(function) else function
        for function in funclist
    ]
    functions = [piece if isinstance(piece, _Piece) else real_of(piece) for piece in pieces]
    with recording.giving_up_if_raised(np.piecewise):
        real = np.piecewise(real_of(x), real_of(condlist), functions)
    try:
        return recording.fresh(real, _noted(recording, x, condlist, pieces))
    except Unsupported as why:
        recording.give_up(f"numpy.piecewise: {why}")
        return real


class _Piece:
    """A function of the pieces, called by NumPy with the elements that it selects."""

    def __init__(
        self, recording: Recording, call: Any, function: Any, args: Any, kwargs: Any
    ) -> None:
        self.recording, self.call, self.function = recording, call, function
        self.args, self.kwargs = args, kwargs
        self.source: Value | None = None
        self.result: Any = None
        self.length: Any = None
        self.has_effects = self.asks_for_length = False
        self.guards: Sequence[Node] = ()
        self.effects: Sequence[Effect] = ()

    def __call__(self, selected: Any) -> Any:
        recording = self.recording
        if not recording.is_noting:
            return real_of(self.call(recording, self.function, (selected, *self.args), self.kwargs))
        before, effects = recording.side_effects, len(recording.effects)
        checks, guards = len(recording.size_checks), len(recording.guards)
        self.length = symbol(f"piece{next(_numbers)}", lower=1, hint=len(selected))
        type_ = ArrayType(selected.dtype, (self.length,))
        self.source = mark(zeros(recording.builder, type_), token=next(_numbers))
        given = Traced(recording, selected, Storage(self.source, selected, array=selected))
        self.result = self.call(recording, self.function, (given, *self.args), self.kwargs)
        self.effects, self.guards = recording.effects[effects:], recording.guards[guards:]
        self.has_effects = recording.side_effects != before or bool(self.effects)
        asked = recording.size_checks[checks:]
        self.asks_for_length = any(self._is_mine(c.left) or self._is_mine(c.right) for c in asked)
        if given.storage.written:
            recording.give_up(
                "numpy.piecewise: a function writes into its argument; give it a copy"
            )
        return real_of(self.result)

    def _is_mine(self, size: Any) -> bool:
        mine: Symbol = next(symbols(self.length))
        return isinstance(size, Size) and mine in symbols(size)

    def on_all(self, x: Value) -> Any:
        """Return what the function gives for all elements."""
        assert self.source is not None
        nodes = x.builder.nodes[x.builder.nodes.index(self.source.node) :]
        dependent = _dependent(nodes, self.source.node, self.length)
        if self.asks_for_length or not dependent.isdisjoint(self.guards):
            raise Unsupported("a function decides by all the elements that it is given")
        for effect in self.effects:
            if any(given.value.node in dependent for given in stand_ins(effect.args)):
                raise Unsupported("a function hands the elements that it is given to others")
        if type(self.result) is not Traced:
            return self.result
        value = self.recording.value_of(self.result)
        return Sym(_rewritten(nodes, dependent, self.source, value, x))


def _noted(recording: Recording, x: Traced, condlist: Any, pieces: Sequence[Any]) -> Value:
    """Return the value of the result; pieces that were not called must not be called again."""
    e = recording.emitter
    value = recording.value_of(x)
    conditions = conditions_of(e, Sym(value), operands_of(recording, (condlist,))[0], len(pieces))
    results: list[Any] = []
    for condition, piece in zip(conditions, pieces, strict=True):
        if not isinstance(piece, _Piece):
            results.append(operands_of(recording, (piece,))[0])
            continue
        was_called = piece.source is not None
        if not was_called or piece.has_effects:
            axes = tuple(range(condition.ndim))
            e.guard(any_(condition, axes=axes), was_called)
        results.append(piece.on_all(value) if was_called else 0)
    return chosen(e, value, conditions, results)


def _rewritten(
    nodes: Sequence[Node], dependent: set[Node], source: Value, result: Value, x: Value
) -> Value:
    """Return ``result`` with all elements of ``x`` in the place of the selected ones.

    Raises
    ------
    Unsupported
        Something else than elementwise operations leads from ``source`` to ``result``.
    """
    builder = x.builder
    env: dict[Node, Value] = {source.node: x}
    for node in _between(nodes, source.node, result.node):
        if node.op is broadcast_to and not node.operands[0].array_type.shape:
            (number,) = node.operands
            if number not in dependent:
                env[node] = spread(Value(builder, number), x.shape)
                continue
        operands = [env.get(operand) for operand in node.operands]
        if node.op not in ELEMENTWISE or any(operand is None for operand in operands):
            raise Unsupported(f"{node.op.name} looks at more than one of the selected elements")
        env[node] = builder.emit(node.op, operands, dict(node.attrs))
    if result.node in dependent and result.node not in env:
        raise Unsupported("a function gives what depends on all selected elements")
    return env.get(result.node, result)


def _dependent(nodes: Sequence[Node], source: Node, length: Size) -> set[Node]:
    """Return the nodes whose values depend on the selected elements, or on how many they are."""
    mine: Symbol = next(symbols(length))
    found = {source}
    for node in nodes:
        sizes = (value for _, value in node.attrs if isinstance(value, Size))
        if not found.isdisjoint(node.operands) or any(mine in symbols(size) for size in sizes):
            found.add(node)
    return found


def _between(nodes: Sequence[Node], source: Node, result: Node) -> list[Node]:
    """Return the nodes of as many elements as the source that lead to the result, in order."""
    needed, found = {result}, []
    for node in reversed(nodes):
        if node in needed and node is not source and _is_piece(node, source):
            needed.update(node.operands)
            found.append(node)
    return found[::-1]


def _is_piece(node: Node, source: Node) -> bool:
    return isinstance(node.type, ArrayType) and node.type.shape == source.array_type.shape
