"""Loops in a recording that run as long as a condition holds: it and the body are drawn once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tracegraph.control.drawing import (
    Body,
    Drawn,
    forget,
    joint,
    part_between,
    results,
    shared,
    value_of_leaf,
    values_as,
    values_of,
)
from tracegraph.control.drawn_loops import Carried, new_index, true_flags, with_row
from tracegraph.control.given import draw_given, following
from tracegraph.control.outcome import symbol_of
from tracegraph.control.plain import check_truth
from tracegraph.evaluate import add_graph
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.graph import Value
from tracegraph.ir.ops.compare import logical_and
from tracegraph.ir.ops.control import items
from tracegraph.ir.ops.loop import loop as loop_op
from tracegraph.ir.ops.while_loop import trips
from tracegraph.ir.ops.while_loop import while_loop as while_op
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import INT64
from tracegraph.recording import Recording
from tracegraph.standin import ABSENT, Traced

Function = Callable[..., Any]


def while_loop(recording: Recording, test: Function, body: Function, init: Any) -> Any:
    """``tg.while_loop``."""
    follow = partial(following, recording)
    return _repeated(recording, "tg.while_loop", [test, body], follow(test), follow(body), init)


def counting_loop(recording: Recording, lower: Any, upper: Any, body: Function, init: Any) -> Any:
    """``tg.fori_loop`` between numbers that are computed from data."""
    first, end = (_whole_number(recording, bound) for bound in (lower, upper))
    follow = following(recording, body)

    def step(state: Any) -> Any:
        index, carry = state
        return index + 1, follow(index, carry)

    def goes_on(state: Any) -> Any:
        return state[0] < end

    return _repeated(recording, "tg.fori_loop", [body], goes_on, step, (first, init))[1]


def _whole_number(recording: Recording, bound: Any) -> Any:
    """Return a bound as a Python int that is recorded."""
    if type(bound) is not Traced:
        return bound
    value = recording.emitter.cast(recording.value_of(bound), INT64)
    real = bound.actual if bound.actual is ABSENT else int(bound.actual)
    return recording.fresh(real, value, int)


def _repeated(
    recording: Recording,
    what: str,
    functions: Sequence[Function],
    test: Function,
    body: Function,
    init: Any,
) -> Any:
    """Draw the condition and the body of a loop, which call some functions of the user's."""
    carried = Carried.of(recording, f"the carry of {what}", init)
    asked = draw_given(recording, what, functions, lambda: _condition(recording, carried, test))

    def once() -> Any:
        return carried.form.check(body(carried.handed_over(recording)))

    drawn = draw_given(recording, what, functions, once)
    condition = value_of_leaf(recording, asked.result)
    targets = values_as(recording, carried.form, drawn.result)
    whole = RepeatedLoop(recording, carried.init, carried.sources, asked, condition, drawn, targets)
    found, holds = whole.looped()
    return carried.form.tree(results(recording, carried.form, found, holds))


def _condition(recording: Recording, carried: Carried, test: Function) -> Any:
    """Return the answer of a condition, which may only look at what is carried."""
    given = carried.stand_ins(recording)
    answer = test(carried.form.tree(given))
    if any(leaf.storage.written for leaf in given):
        raise AbstractValueError("the condition writes into an array that it is given")
    check_truth("the condition of tg.while_loop", answer)
    return answer


class RepeatedLoop:
    """Puts a while loop together; what is assumed may be so of the condition and of the body.

    The loop ends where an assumption fails. The condition is asked once more than the body runs, so
    what it assumes is looked at behind the loop too.

    Parameters
    ----------
    recording : Recording
        Where it is drawn.
    init, sources, targets : sequence of Value
        What is carried: at first, in an iteration, after that.
    asked, drawn : Drawn
        The condition and the iteration.
    condition : Value
        A bool of the sources.
    rows : sequence of Value
        What an iteration computes of which those of all iterations are wanted.
    """

    def __init__(
        self,
        recording: Recording,
        init: Sequence[Value],
        sources: Sequence[Value],
        asked: Drawn,
        condition: Value,
        drawn: Drawn,
        targets: Sequence[Value],
        rows: Sequence[Value] = (),
    ) -> None:
        self.recording, self.asked, self.drawn = recording, asked, drawn
        self.init, self.sources, self.count = init, sources, len(targets)
        self.rows = [row.type for row in rows]
        self.test = part_between(recording, sources, [condition, *asked.predicates], None)
        found = [*targets, *rows, *drawn.predicates]
        self.body = part_between(recording, sources, found, None)
        forget(recording, sources)
        self.frontier = joint([self.test, self.body])
        self.is_checked = bool(asked.assumed or drawn.assumed)

    def looped(self) -> tuple[list[Value], Value | None]:
        """Add the loop, and return what it carries out; last, whether what was assumed holds."""
        return self._carried_out(self.recording.builder.emit(while_op, *self._while()))

    def counted(self, seen: int) -> tuple[list[Value], Value | None]:
        """Add a loop of as many iterations as are counted, of which ``seen`` were in this call.

        What it carries out is followed by stacks of the rows of all iterations.
        """
        recording = self.recording
        operands, attrs = self._while()
        count = recording.emitter.counted(object(), seen)
        recording.builder.emit(trips, operands, {**attrs, "count": count})
        stacks = [recording.emitter.full((count, *row.shape), 0, row.dtype) for row in self.rows]
        index = new_index(recording, count)
        body = self._body_graph(stacks, index)
        operands[self.count : self.count] = stacks
        attrs = {"body": body, "index": symbol_of(index).name, "trip": count}
        return self._carried_out(recording.builder.emit(loop_op, operands, attrs))

    def _while(self) -> tuple[list[Value], dict[str, Any]]:
        """Return the operands and the attributes of the loop."""
        recording = self.recording
        start = true_flags(recording, [*self._new().flags])
        operands = [*self.init, *start, *values_of(recording, self.frontier)]
        return operands, {
            "test": shared(recording, self._test_graph()),
            "body": shared(recording, self._body_graph()),
        }

    def _carried_out(self, whole: Value) -> tuple[list[Value], Value | None]:
        """Return what a loop carries out; last, whether what was assumed holds."""
        found = items(whole)
        if not self.is_checked:
            return found, None
        still = values_of(self.recording, self.frontier)
        ends = [*found[: self.count], found[-1]]
        (last,) = add_graph(self.recording, self._last_graph(), [*ends, *still])
        return found[:-1], last

    def _new(self, stacks: Sequence[Value] = ()) -> Body:
        flags, sources = int(self.is_checked), [*self.sources, *stacks]
        return Body(sources, self.frontier, is_checked=self.is_checked, flags=flags)

    def _test_graph(self) -> Any:
        graph = self._new()
        condition = graph.add(self.test)[0]
        for flag in graph.flags:
            condition = logical_and(flag, condition)
        return graph.build([condition])

    def _body_graph(self, stacks: Sequence[Value] = (), index: Dim = 0) -> Any:
        """Return the graph of an iteration, which puts its rows into stacks."""
        graph = self._new(stacks)
        sources = graph.sources[: self.count]
        found = graph.add(self.body, at=sources)
        rows = found[self.count : self.count + len(stacks)]
        kept = [
            with_row(*pair, index) for pair in zip(graph.sources[self.count :], rows, strict=True)
        ]
        flags = []
        for flag in graph.flags:
            asked = graph.add(self.test, at=sources)[1:]
            before = graph.holds(flag, self.asked.expected, asked)
            predicates = found[self.count + len(self.rows) :]
            flags.append(graph.holds(before, self.drawn.expected, predicates))
        return graph.build([*found[: self.count], *kept, *flags])

    def _last_graph(self) -> Any:
        graph = self._new()
        (flag,) = graph.flags
        return graph.build([graph.holds(flag, self.asked.expected, graph.add(self.test)[1:])])
