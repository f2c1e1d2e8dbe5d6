"""Random programs of loops: the twin, and hooks that run its iterations, do what the function does.

The programs are small, full of ways out of loops, and read variables that may not be bound.
"""

from textwrap import indent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.twin.corpus_parts import Box
from tests.twin.loop_hooks import HOOKS, told, twin_by
from tests.twin.support import define, plain_twin

pytestmark = pytest.mark.filterwarnings("ignore::SyntaxWarning")


class Spent(Exception):
    """The program has taken enough steps."""


class Steps:
    """Numbers that look random, as many as a program may take; the same for every run."""

    def __init__(self) -> None:
        self.taken = 0

    def __call__(self) -> int:
        self.taken += 1
        if self.taken > 80:
            raise Spent
        return self.taken * 7919 % 13


NAMES = st.sampled_from(["a", "b", "c", "i", "n"])

EXPRESSIONS = st.sampled_from([
    "{n}", "{n}", "{n}", "1", "step()", "{n} + 1", "({n} := step())", "[{n}]", "{n} is {n}",
    "[{n} for {n} in range(2)]", "[{n} + x for x in range(2)]", "sum({n} for x in range(2))",
    "-1 < step() in {n}", "f'{{{n}}}'", "(lambda {n}: {n})({n})", "(lambda: {n})()",
])  # fmt: skip

SIMPLE = [
    "{n} = {e}", "{n} = {e}", "{n} += 1", "log({e})", "log({e})", "{n}, items[0] = {e}, {e}",
    "{n}: int = {e}", "items.append(lambda: {n})", "log([one() for one in items if callable(one)])",
    "del {n}", "import math as {n}", "raise KeyError({e})", "return {e}", "return", "pass",
    "def {n}(x={n}): return x", "assert {n}, {n}",
]  # fmt: skip

COMPOUND = [
    "if step() % 2:\n  {s}\nelse:\n  {s}", "if {e}:\n  {s}",
    "try:\n  {s}\nexcept KeyError as {n}:\n  {s}\nelse:\n  {s}\nfinally:\n  {s}",
    "try:\n  {s}\nexcept (NameError, TypeError):\n  {s}", "try:\n  {s}\nfinally:\n  {s}",
    "with Box() as {n}:\n  {s}", "match {n}:\n  case 1:\n    {s}\n  case {n}:\n    {s}",
    "class {n}:\n  {n} = {e}", "def g():\n  nonlocal {n}\n  {n} = 1\n  return {n}\nlog(g())",
]  # fmt: skip

LOOPS = [
    "for {n} in range(3):\n  {l}\n  {l}", "for {n} in range(4):\n  {l}\n  {l}\nelse:\n  {s}",
    "for {n}, items[0] in ((1, 2), (3, 4)):\n  {l}", "for {n} in [*items, 5]:\n  {l}\n  {l}",
    "while step() % 5:\n  {l}\n  {l}", "while ({n} := step() % 4) and {e}:\n  {l}\nelse:\n  {s}",
    "while step() < 13:\n  {l}\n  {l}\n  if step() % 3: break\nelse:\n  {s}",
    "for {n} in {e}:\n  {l}",
]  # fmt: skip


@st.composite
def statements(draw: Any, depth: int = 4, in_loop: bool = False) -> str:
    """A statement; of its marks {l} is a statement in a loop, {s} one where this stands."""
    templates = [*SIMPLE, *["break", "continue"] * 3 * in_loop]
    if depth > 0 and draw(st.integers(0, 2)):
        templates = [*COMPOUND, *LOOPS, *LOOPS]
    text = str(draw(st.sampled_from(templates)))
    for mark, strategy in (
        ("{s}", statements(depth - 1, in_loop)),
        ("{l}", statements(depth - 1, True)),
        ("{e}", EXPRESSIONS),
        ("{n}", NAMES),
    ):
        while mark in text:
            before, _, after = text.partition(mark)
            column = len(before) - before.rfind("\n") - 1
            filled = str(draw(strategy)).replace("\n", "\n" + " " * column)
            text = before + filled + after
    return text


@given(st.lists(statements(), min_size=1, max_size=4))
def test_programs_of_loops(lines: list[str]) -> None:
    source = "items = [0]\na = i = c = n if n else 0\ndel i\n" + "\n".join(lines)
    source += "\nfor one in range(2):\n  n = one\nreturn [x for x in items if x.__class__ is int]"
    function = define(
        f"def f(log, step, n):\n{indent(source, '    ')}\n    b = 1", Box=Box, Spent=Spent
    )
    assert told(plain_twin(function), Steps(), 3) == told(function, Steps(), 3), source
    expected = told(function, Steps(), 3, forgiving=True)
    for how in HOOKS:
        assert told(twin_by(how, function), Steps(), 3, forgiving=True) == expected, (how, source)
