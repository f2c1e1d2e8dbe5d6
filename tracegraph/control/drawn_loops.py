"""Loops in a recording: their bodies are drawn once, and what they carry becomes operands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tracegraph.control.chunks import chunk_length
from tracegraph.control.drawing import (
    Body,
    Drawn,
    forget,
    part_between,
    results,
    shared,
    source,
    stand_in,
    value_of_leaf,
    values_as,
    values_of,
)
from tracegraph.control.given import draw_given, following
from tracegraph.control.leaves import Form
from tracegraph.control.plain import row_of, stack_of
from tracegraph.ir.bodies import fresh_name
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.graph import Value
from tracegraph.ir.ops.boxes import slice_, slice_update
from tracegraph.ir.ops.compose_loop import checkpointed_loop
from tracegraph.ir.ops.control import items
from tracegraph.ir.ops.loop import loop as loop_op
from tracegraph.ir.ops.structural import reshape
from tracegraph.ir.record import record
from tracegraph.ir.size_values import hint
from tracegraph.ir.sizes import Dim, Size, Symbol, nonnegative, symbol
from tracegraph.ir.types import BOOL, type_symbols
from tracegraph.recording import Recording
from tracegraph.standin import Traced

Function = Callable[..., Any]


@record
class Carried:
    """What a loop carries: its form, the values at the start, the parameters of the body."""

    form: Form
    init: list[Value]
    sources: list[Value]

    @staticmethod
    def of(recording: Recording, what: str, whole: Any) -> Carried:
        """Return what is carried, from the tree at the start."""
        form, leaves = Form.of(what, whole)
        init = values_as(recording, form, leaves)
        return Carried(form, init, [source(recording, value.type) for value in init])

    def stand_ins(self, recording: Recording) -> list[Traced]:
        """Return what stands for the leaves when a function is drawn."""
        pairs = zip(self.sources, self.form.leaves, strict=True)
        return [stand_in(recording, value, leaf) for value, leaf in pairs]

    def handed_over(self, recording: Recording) -> Any:
        """Return the tree that a function gets when it is drawn."""
        return self.form.tree(self.stand_ins(recording))


# -- a known number of iterations -----------------------------------------------------------------


def fori_loop(
    recording: Recording,
    lower: Dim,
    upper: Dim,
    body: Function,
    init: Any,
    checkpoint: bool | int,
) -> Any:
    """``tg.fori_loop`` between sizes."""
    carried = Carried.of(recording, "the carry of tg.fori_loop", init)
    trip = upper - lower
    if _is_empty(recording, trip):
        return carried.form.tree(results(recording, carried.form, carried.init, None))
    chunk = chunk_length(recording, trip, checkpoint)
    index = new_index(recording, trip)
    follow, number = following(recording, body), recording.size(lower + index)

    def once() -> Any:
        return carried.form.check(follow(number, carried.handed_over(recording)))

    drawn = draw_given(recording, "tg.fori_loop", [body], once)
    targets = values_as(recording, carried.form, drawn.result)
    found, holds = looped(recording, carried.init, carried.sources, targets, drawn, index, chunk)
    return carried.form.tree(results(recording, carried.form, found, holds))


def _is_empty(recording: Recording, trip: Dim) -> bool:
    """Return whether a loop does not run at all; one that never counts down may be empty too."""
    if recording.emitter.varies(trip):
        if not (nonnegative(trip) or recording.ask_size(0, "<=", trip)):
            raise AbstractValueError(f"a loop within a loop runs {trip} times, which is negative")
        return False
    return recording.ask_size(trip, "<=", 0)


def new_index(recording: Recording, trip: Dim) -> Size:
    """Return the symbol that counts the iterations of a loop that is drawn next.

    What is asked of it is asked of all iterations. Examples are made for one in the middle: at the
    ends of a triangle other loops may have no iteration.
    """
    name = fresh_name("k") if recording.paths is None else recording.paths.next_index()
    recording.indices[Symbol(name)] = trip
    return symbol(name, bound=trip, hint=max(0, hint(trip) or 0) // 2)


def looped(
    recording: Recording,
    init: Sequence[Value],
    sources: Sequence[Value],
    targets: Sequence[Value],
    drawn: Drawn,
    index: Size,
    chunk: int | None = None,
) -> tuple[list[Value], Value | None]:
    """Add a loop, and return what it carries out; last, whether what was assumed holds.

    With a length of chunks reverse mode keeps what is carried from one to the next.
    """
    count = len(targets)
    ((counter,), _) = index.terms[0]
    assert isinstance(counter, Symbol)
    part = part_between(recording, sources, [*targets, *drawn.predicates], counter)
    forget(recording, sources, counter)
    is_checked = bool(drawn.assumed)
    body = Body(sources, part.frontier, is_checked=is_checked, flags=is_checked)
    found = body.add(part)
    flags = [body.holds(flag, drawn.expected, found[count:]) for flag in body.flags]
    graph = shared(recording, body.build([*found[:count], *flags]))
    operands = [*init, *true_flags(recording, flags), *values_of(recording, part.frontier)]
    name, trip = counter.name, recording.indices[counter]
    if chunk is None:
        attrs = {"body": graph, "index": name, "trip": trip}
        whole = items(recording.builder.emit(loop_op, operands, attrs))
    else:
        whole = checkpointed_loop(operands, graph, name, trip, chunk)
    return whole[:count], whole[count] if is_checked else None


def true_flags(recording: Recording, flags: Sequence[Value]) -> list[Value]:
    """Return what says at first that all assumed so far holds."""
    return [recording.emitter.literal(True, BOOL) for _ in flags]


def scan(
    recording: Recording,
    what: str,
    f: Function,
    step: Function,
    init: Any,
    xs: Any,
    length: Dim | None,
    reverse: bool,
    checkpoint: bool | int,
) -> Any:
    """``tg.scan``, and ``tg.map``, which carries nothing; ``step`` calls the user's ``f``."""
    carried = Carried.of(recording, f"the carry of {what}", init)
    form, leaves = Form.of(f"the xs of {what}", xs)
    arrays = [value_of_leaf(recording, leaf) for leaf in leaves]
    trip = _common_length(recording, what, arrays, length)
    chunk = chunk_length(recording, trip, checkpoint)
    index = new_index(recording, trip)
    at: Dim = trip - 1 - index if reverse else index

    def once() -> Any:
        rows = [
            stand_in(recording, row(array, at), row_of(leaf))
            for array, leaf in zip(arrays, form.leaves, strict=True)
        ]
        carry, y = step(carried.handed_over(recording), form.tree(rows))
        return carried.form.check(carry), *Form.of(f"the y of {what}", y)

    drawn = draw_given(recording, what, [f], once)
    carry, ys, rows = drawn.result
    updates = [value_of_leaf(recording, leaf) for leaf in rows]
    for leaf in ys.leaves:
        if any(s in recording.indices for s in type_symbols([leaf.type])):
            raise TypeError(f"{ys.what} is {leaf}, whose shape differs between iterations")
    stacks = Form(ys.what, ys.treedef, tuple(stack_of(leaf, trip) for leaf in ys.leaves))
    with_stacks, targets = _with_stacks(recording, carried, stacks, updates, at)
    targets = [*values_as(recording, carried.form, carry), *targets]
    starts = with_stacks.init, with_stacks.sources
    found, holds = looped(recording, *starts, targets, drawn, index, chunk)
    out = results(recording, with_stacks.form, found, holds)
    count = len(carried.init)
    return carried.form.tree(out[:count]), stacks.tree(out[count:])


def _with_stacks(
    recording: Recording, carried: Carried, stacks: Form, updates: Sequence[Value], at: Dim
) -> tuple[Carried, list[Value]]:
    """Carry a stack for each result, and return the stacks after an iteration."""
    types = [leaf.type for leaf in stacks.leaves]
    start = [recording.emitter.full(type.shape, 0, type.dtype) for type in types]
    sources = [source(recording, type) for type in types]
    targets = [with_row(stack, update, at) for stack, update in zip(sources, updates, strict=True)]
    leaves = (*carried.form.leaves, *stacks.leaves)
    form = Form(carried.form.what, carried.form.treedef, leaves)
    return Carried(form, [*carried.init, *start], [*carried.sources, *sources]), targets


def row(array: Value, at: Dim) -> Value:
    """Return ``array[at]``."""
    rest = array.shape[1:]
    box = slice_(array, start=_start(rest, at), shape=(1, *rest), step=(1,) * array.ndim)
    out: Value = reshape(box, shape=rest)
    return out


def with_row(stack: Value, update: Value, at: Dim) -> Value:
    """Return a stack with ``stack[at]`` replaced."""
    line = reshape(update, shape=(1, *update.shape))
    out: Value = slice_update(stack, line, start=_start(update.shape, at), step=(1,) * stack.ndim)
    return out


def _start(rest: Sequence[Dim], at: Dim) -> tuple[Dim, ...]:
    return at, *(0 for _ in rest)


def _common_length(
    recording: Recording, what: str, arrays: Sequence[Value], length: Dim | None
) -> Dim:
    """Return how many rows arrays have."""
    lengths = [] if length is None else [length]
    for array in arrays:
        if not array.ndim:
            raise ValueError(f"{what} goes along the first axis of xs, but a number has none")
        lengths.append(array.shape[0])
    if not lengths:
        raise ValueError(f"{what} needs arrays in xs, or a length")
    if not all(recording.emitter.same_dim(lengths[0], other) for other in lengths[1:]):
        raise ValueError(f"{what} needs xs of one length, got {', '.join(map(str, lengths))}")
    if not (nonnegative(lengths[0]) or recording.ask_size(0, "<=", lengths[0])):
        raise ValueError(f"{what} needs a length that is not negative, got {lengths[0]}")
    return lengths[0]
