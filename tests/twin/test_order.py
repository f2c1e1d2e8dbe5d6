"""Evaluation order: function and twin have the same effects in the same order, error or not.

The programs are made of things that note every operation on them, and that raise once a budget of
operations is spent: an exception then strikes at every point of a program in turn.
"""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.twin.support import define, plain_twin

pytestmark = pytest.mark.filterwarnings("ignore::SyntaxWarning")

ADDRESS = re.compile(" at 0x[0-9a-f]+")


class Spent(Exception):
    """The budget of operations is used up."""


class Log:
    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.events: list[str] = []

    def note(self, event: str) -> "Noisy":
        self.events.append(ADDRESS.sub("", event))
        if len(self.events) >= self.budget:
            self.budget += 7
            raise Spent(event)
        return Noisy(self, f"r{len(self.events)}")


class Noisy:
    """Notes what is done to it, and returns more of its kind."""

    def __init__(self, log: Log, name: str) -> None:
        self.__dict__.update(_log=log, _name=name)

    def __repr__(self) -> str:
        return self._name  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._log.note(f"{self!r}.{name}")

    def __setattr__(self, name: str, value: Any) -> None:
        self._log.note(f"{self!r}.{name} = {show(value)}")

    def __delattr__(self, name: str) -> None:
        self._log.note(f"del {self!r}.{name}")

    def __getitem__(self, index: Any) -> Any:
        return self._log.note(f"{self!r}[{show(index)}]")

    def __setitem__(self, index: Any, value: Any) -> None:
        self._log.note(f"{self!r}[{show(index)}] = {show(value)}")

    def __delitem__(self, index: Any) -> None:
        self._log.note(f"del {self!r}[{show(index)}]")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._log.note(f"{self!r}{show(args)}{show(kwargs)}")

    def keys(self) -> list[str]:
        self._log.note(f"{self!r}.keys()")
        return [f"k_{self!r}"]

    def __iter__(self) -> Iterator[Any]:
        for i in range(2):
            yield self._log.note(f"iter {i} of {self!r}")

    def __contains__(self, item: Any) -> bool:
        return bool(self._log.note(f"{show(item)} in {self!r}"))

    def __bool__(self) -> bool:
        self._log.note(f"bool {self!r}")
        return ord(self._name[-1]) % 3 > 0

    def __format__(self, spec: str) -> str:
        return repr(self._log.note(f"format {self!r} {spec!r}"))

    def __enter__(self) -> Any:
        return self._log.note(f"enter {self!r}")

    def __exit__(self, *exception: Any) -> bool:
        return bool(self._log.note(f"exit {self!r} {exception[0]}"))

    def __add__(self, other: Any) -> Any:
        return self._log.note(f"{self!r} + {show(other)}")

    def __iadd__(self, other: Any) -> Any:
        return self._log.note(f"{self!r} += {show(other)}")

    def __lt__(self, other: Any) -> Any:
        return self._log.note(f"{self!r} < {show(other)}")


def show(value: Any) -> str:
    """A name for a value, the same in both runs."""
    if isinstance(value, tuple | list):
        return f"{type(value).__name__}({', '.join(map(show, value))})"
    if isinstance(value, dict):
        return ", ".join(f"{show(key)}: {show(item)}" for key, item in value.items())
    if isinstance(value, slice):
        return f"{show(value.start)}:{show(value.stop)}:{show(value.step)}"
    shown = value is None or isinstance(value, Noisy | int | str | bool)
    return repr(value) if shown else type(value).__name__


NAMES = st.sampled_from(["a", "b", "G", "C"])

_EXPRESSIONS = [
    "{}.n", "{}[{}]", "{}[{}:{}]", "{}[{}, ::{}]", "{}()", "{}({}, k={})", "{}(*{})",
    "{}({}, *{}, {}, k={}, **{})", "{}(*{}, k={}, **{})", "{}.m({})", "{} + {}", "{} < {}",
    "{} < {} < {}", "{} < {} in {}", "{} in {} is not {} < {}", "{} not in {}", "{} is {}",
    "not {}", "({} and {})", "({} or {})", "({} if {} else {})", "[{}, *{}, {}]",
    "{{'k': {}, **{}}}", "({}, {})", "[{} for x in {} if {}]", "{{x: {} for x in {} for y in {}}}",
    "list({} for x in {} if {})", "(lambda x, y={}: {})({})", "f'{{{}!r}}{{{}:{{{}}}}}'",
    "(a := {})", "(G := {})", "[*(x for x in {})]",
]  # fmt: skip

_TARGETS = ["{}.t", "{}[{}]", "{}[{}:]"]

_STATEMENTS = [
    "{e}", "{t} = {e}", "{t} = {t} = {e}", "{t}, ({t}, *{t}) = {e}, {e}", "[{t}, {t}] = {e}",
    "{t} += {e}", "{t}: {e} = {e}", "del {d}, {d}", "assert {e}, {e}", "return {e}", "return",
    "raise Spent({e})", "from math import pi as G", "{t} = yield {e}",
    "if {e}:\n  {s}\nelse:\n  {s}", "for {t} in {e}:\n  {s}", "while {e}:\n  {s}\n  break",
    "with {e} as {t}, {e}:\n  {s}", "try:\n  {s}\nexcept Spent as {n}:\n  {s}\nfinally:\n  {s}",
    "@{e}\n@{e}\ndef {n}(x={e}, *, k={e}):\n  {s}", "def a(x={e}): return {e}\na({e})",
    "class K:\n  a = {e}\n  {t} = {e}", "match {e}:\n  case x if {e}:\n    {s}",
    "for x in {e}:\n  if {e}: continue\n  {s}\nelse:\n  {s}",
]  # fmt: skip


def _filled(template: str, draw: Any, depth: int) -> str:
    return template.format(*(draw(expressions(depth - 1)) for _ in range(template.count("{}"))))


@st.composite
def expressions(draw: Any, depth: int = 2) -> str:
    """An expression over the names of the program; the innermost are names."""
    if depth <= 0 or draw(st.integers(0, 4)) == 0:
        return str(draw(NAMES))
    return _filled(draw(st.sampled_from(_EXPRESSIONS)), draw, depth)


@st.composite
def targets(draw: Any, only_stored: bool = True) -> str:
    if only_stored and draw(st.booleans()):
        return str(draw(NAMES))
    return _filled(draw(st.sampled_from(_TARGETS)), draw, 1)


@st.composite
def statements(draw: Any, depth: int = 2) -> str:
    """A statement, indented by nothing."""
    simple = [each for each in _STATEMENTS if "{s}" not in each]
    text = str(draw(st.sampled_from(_STATEMENTS if depth > 0 else simple)))
    parts = {
        "{e}": expressions(),
        "{t}": targets(),
        "{d}": targets(only_stored=False),
        "{n}": NAMES,
        "{s}": statements(depth - 1) if depth > 0 else st.just("pass"),
    }
    for mark, strategy in parts.items():
        while mark in text:
            before, _, after = text.partition(mark)
            column = before[before.rfind("\n") + 1 :]
            indent = len(column) - len(column.lstrip())
            filled = str(draw(strategy)).replace("\n", "\n" + " " * indent)
            text = before + filled + after
    return text


def program(lines: list[str]) -> str:
    """A file: `make(C)` gives the function, and a look at its variable outside."""
    body = "\n".join(lines).replace("\n", "\n        ")
    return (
        f"def make(C):\n    def f(a, b):\n        global G\n        nonlocal C\n        {body}\n"
        + ("    return f, lambda: C\n")
    )


def run(function: Any, look: Any, log: Log) -> tuple[Any, ...]:
    function.__globals__.update(G=Noisy(log, "G"), Spent=Spent)
    try:
        result = function(Noisy(log, "a"), Noisy(log, "b"))
        if hasattr(result, "send"):
            result = [*result]
        ended = f"returned {show(result)}"
    except Exception as error:
        ended = ADDRESS.sub("", f"{type(error).__name__}: {error}")
    try:
        cell = show(look())
    except NameError as error:
        cell = str(error)
    return log.events, ended, show(function.__globals__.get("G")), cell


@given(st.lists(statements(), min_size=1, max_size=4), st.integers(1, 60))
def test_same_effects_in_the_same_order(lines: list[str], budget: int) -> None:
    try:
        make = define(program(lines), "make")
    except SyntaxError:  # such as a walrus in what a comprehension runs over
        assume(False)
    first, second = Log(budget), Log(budget)
    function, look = make(Noisy(first, "C"))
    expected = run(function, look, first)
    function, look = make(Noisy(second, "C"))
    assert run(plain_twin(function), look, second) == expected


@pytest.mark.parametrize("budget", range(1, 30))
def test_every_point_of_one_program(budget: int) -> None:
    lines = [
        "try:",
        "  a.t, b[C.n] = a[b:C] = a(b.m, *C, k=G[0], **b)",
        "  for a[b], G in ((1, 2), (3, 4)): C.t += a < b in C",
        "except Spent as C:",
        "  del a.t, b[a.n]",
        "return [a.x + y for y in b if y]",
    ]
    results = []
    for change in (lambda function: function, plain_twin):
        log = Log(budget)
        function, look = define(program(lines), "make")(Noisy(log, "C"))
        results.append(run(change(function), look, log))
    assert results[0] == results[1]
    assert len(results[0][0]) >= min(budget, 10)
