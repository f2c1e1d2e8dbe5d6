"""The blocks of branches and loops in an entry: what is run in them is added by who calls this."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from tracegraph.codegen.entry_text import Text


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


@contextlib.contextmanager
def counting(text: Text, trip: str) -> Iterator[str]:
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
    _next(text, at)
    text.jump(again)
    text.label(done)


@contextlib.contextmanager
def repeating(text: Text, test: Callable[[], str]) -> Iterator[str]:
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
    _next(text, at)
    text.jump(again)
    text.label(done)


def _next(text: Text, at: str) -> None:
    number = text.load("i64", at)
    text.do(f"store i64 {text.let(f'add i64 {number}, 1')}, ptr {at}")
