"""The blocks of branches and loops: what is run in them is added by who calls this.

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
    """Run what is added inside ``trip`` times; give the number of the iteration, from 0 on.

    Iterations run in blocks, and between two blocks the loop asks: in a block nothing is called
    that the loop does not need itself, so that registers keep what they hold.
    """
    at = text.slot("i64")
    text.do(f"store i64 0, ptr {at}")
    block, body, done = (text.fresh(name) for name in ("block", "iteration", "done"))
    some = text.let(f"icmp sgt i64 {trip}, 0")
    text.do(f"br i1 {some}, label %{block}, label %{done}")
    text.label(block)
    left = text.let(f"sub i64 {trip}, {text.load('i64', at)}")
    size = text.let(f"call i64 @llvm.smin.i64(i64 {left}, i64 {asking.every})")
    end = text.let(f"add i64 {text.load('i64', at)}, {size}")
    text.jump(body)
    text.label(body)
    number = text.load("i64", at)
    yield number
    following = text.let(f"add nsw i64 {number}, 1")
    text.do(f"store i64 {following}, ptr {at}")
    again, asks = text.fresh("again"), text.fresh("asks")
    more = text.let(f"icmp slt i64 {following}, {end}")
    text.do(f"br i1 {more}, label %{body}, label %{again}")
    text.label(again)
    more = text.let(f"icmp slt i64 {end}, {trip}")
    text.do(f"br i1 {more}, label %{asks}, label %{done}")
    text.label(asks)
    _ask(text, asking)
    text.jump(block)
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
    number = text.let(f"add i64 {text.load('i64', at)}, 1")
    text.do(f"store i64 {number}, ptr {at}")
    asks = text.fresh("asks")
    due = text.let(f"icmp eq i64 {text.let(f'and i64 {number}, {asking.every - 1}')}, 0")
    text.do(f"br i1 {due}, label %{asks}, label %{again}")
    text.label(asks)
    _ask(text, asking)
    text.jump(again)
    text.label(done)


def _ask(text: Text, asking: Asking) -> None:
    text.require_equal("i32", text.call("PyErr_CheckSignals"), "0", asking.stop)
