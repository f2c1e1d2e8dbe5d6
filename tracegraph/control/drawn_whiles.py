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
from tracegraph.control.drawn_loops import Carried, true_flags
from tracegraph.control.given import draw_given, following
from tracegraph.control.plain import check_truth
from tracegraph.evaluate import add_graph
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.graph import Value
from tracegraph.ir.ops.compare import logical_and
from tracegraph.ir.ops.control import items
from tracegraph.ir.ops.while_loop import while_loop as while_op
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
    found, holds = repeated(
        recording, carried.init, carried.sources, asked, condition, drawn, targets
    )
    return carried.form.tree(results(recording, carried.form, found, holds))


def _condition(recording: Recording, carried: Carried, test: Function) -> Any:
    """Return the answer of a condition, which may only look at what is carried."""
    given = carried.stand_ins(recording)
    answer = test(carried.form.tree(given))
    if any(leaf.storage.written for leaf in given):
        raise AbstractValueError("the condition writes into an array that it is given")
    check_truth("the condition of tg.while_loop", answer)
    return answer


def repeated(
    recording: Recording,
    init: Sequence[Value],
    sources: Sequence[Value],
    asked: Drawn,
    condition: Value,
    drawn: Drawn,
    targets: Sequence[Value],
) -> tuple[list[Value], Value | None]:
    """Add a while loop, and return what it carries out; last, whether what was assumed held.

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
    """
    return _While(recording, init, sources, asked, condition, drawn, targets).looped()


class _While:
    """Puts a while loop together; what is assumed may be so of the condition and of the body.

    The loop ends where an assumption fails. The condition is asked once more than the body runs, so
    what it assumes is looked at behind the loop too.
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
    ) -> None:
        self.recording, self.asked, self.drawn = recording, asked, drawn
        self.init, self.sources, self.count = init, sources, len(targets)
        self.test = part_between(recording, sources, [condition, *asked.predicates], None)
        self.body = part_between(recording, sources, [*targets, *drawn.predicates], None)
        forget(recording, sources)
        self.frontier = joint([self.test, self.body])
        self.is_checked = bool(asked.assumed or drawn.assumed)

    def looped(self) -> tuple[list[Value], Value | None]:
        """Add the loop, and return what it carries out; last, whether what was assumed holds."""
        recording, count = self.recording, self.count
        start = true_flags(recording, [*self._new().flags])
        still = values_of(recording, self.frontier)
        whole = items(
            recording.builder.emit(
                while_op,
                [*self.init, *start, *still],
                {
                    "test": shared(recording, self._test_graph()),
                    "body": shared(recording, self._body_graph()),
                },
            )
        )
        if not self.is_checked:
            return whole, None
        (last,) = add_graph(recording, self._last_graph(), [*whole, *still])
        return whole[:count], last

    def _new(self) -> Body:
        flags = int(self.is_checked)
        return Body(self.sources, self.frontier, is_checked=self.is_checked, flags=flags)

    def _test_graph(self) -> Any:
        graph = self._new()
        condition = graph.add(self.test)[0]
        for flag in graph.flags:
            condition = logical_and(flag, condition)
        return graph.build([condition])

    def _body_graph(self) -> Any:
        graph = self._new()
        found = graph.add(self.body)
        flags = []
        for flag in graph.flags:
            before = graph.holds(flag, self.asked.expected, graph.add(self.test)[1:])
            flags.append(graph.holds(before, self.drawn.expected, found[self.count :]))
        return graph.build([*found[: self.count], *flags])

    def _last_graph(self) -> Any:
        graph = self._new()
        (flag,) = graph.flags
        return graph.build([graph.holds(flag, self.asked.expected, graph.add(self.test)[1:])])
