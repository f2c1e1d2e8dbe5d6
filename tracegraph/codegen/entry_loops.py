"""The blocks of branches and loops in an entry: what is run in them is added by who calls this.

Every few iterations a loop asks whether a signal has come, such as Ctrl-C, and leaves if its
handler raises.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from tracegraph.codegen.entry_text import Text
from tracegraph.ir.record import record


def branch(text: Text, chosen: str, then: Callable[[], None], orelse: Callable[[], None]) -> None:
    """Add one of two pieces of code, by an i1."""
    labels = [text.fresh(name) for name in ("then", "else")]
    join = text.fresh("join")
    text.do(f"br i1 {chosen}, label %{labels[0]}, label %{labels[1]}")
    for label, add in zip(labels, (then, orelse), strict=True):
        text.label(label)
        add()
        text.jump(join)
    text.label(join)


@record
class Asking:
    """How often a loop asks for signals: after ``every`` iterations, a power of two.

    ``stop`` is where it goes with the exception that a handler has raised.
    """

    every: int
    stop: str


@contextlib.contextmanager
def counting(text: Text, trip: str, asking: Asking) -> Iterator[str]:
    """Run what is added inside ``trip`` times; give the number of the iteration, from 0 on."""
    at = text.slot("i64")
    text.do(f"store i64 0, ptr {at}")
    again, body, done = (text.fresh(name) for name in ("again", "iteration", "done"))
    text.jump(again)
    text.label(again)
    number = text.load("i64", at)
    more = text.let(f"icmp slt i64 {number}, {trip}")
    text.do(f"br i1 {more}, label %{body}, label %{done}")
    text.label(body)
    yield number
    _next(text, at, asking)
    text.jump(again)
    text.label(done)


@contextlib.contextmanager
def repeating(text: Text, test: Callable[[], str], asking: Asking) -> Iterator[str]:
    """Run what is added inside for as long as ``test`` gives a true i1.

    Gives the slot of the number of iterations.
    """
    at = text.slot("i64")
    text.do(f"store i64 0, ptr {at}")
    again, body, done = (text.fresh(name) for name in ("again", "iteration", "done"))
    text.jump(again)
    text.label(again)
    more = test()
    text.do(f"br i1 {more}, label %{body}, label %{done}")
    text.label(body)
    yield at
    _next(text, at, asking)
    text.jump(again)
    text.label(done)


def _next(text: Text, at: str, asking: Asking) -> None:
    number = text.let(f"add i64 {text.load('i64', at)}, 1")
    text.do(f"store i64 {number}, ptr {at}")
    asks, on = text.fresh("asks"), text.fresh("on")
    due = text.let(f"icmp eq i64 {text.let(f'and i64 {number}, {asking.every - 1}')}, 0")
    text.do(f"br i1 {due}, label %{asks}, label %{on}")
    text.label(asks)
    text.require_equal("i32", text.call("PyErr_CheckSignals"), "0", asking.stop)
    text.jump(on)
    text.label(on)
