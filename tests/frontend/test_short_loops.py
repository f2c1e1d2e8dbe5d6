"""Short loops: straight code, unless they look at data; and how often a body is drawn."""
# ruff: noqa: E501  # programs are easier to read on one line

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import agrees, program
from tests.frontend.test_loops import loops_of
from tracegraph.control.iterations import Iteration

pytestmark = pytest.mark.slow  # no interpreter differs in this; tests/twin has what does

X = np.array([0.3, -1.0, 2.0, 0.7, -0.2])
CALLS = [(X * k,) for k in (1.0, -1.0, 0.5, 3.0)]

ONE_OPERATION = {
    "a branch on data": "t = x[0] * 0\n    for i in range(5):\n        if x[i] > 0.2: t += x[i]\n    return t, i",
    "a choice": "t = x[0] * 0\n    for v in x: t += v if v > 0.2 else 0.5\n    return t",
    "an exit": "t = x[0] * 0\n    for i in range(5):\n        if x[i] < -0.5: break\n        t += x[i]\n    return t, i",
    "a return": "for i in range(5):\n        if x[i] > 0.6: return i, x * i\n    return None",
    "nested": "d = np.zeros((5, 5))\n    for i in range(1, 5):\n        for j in range(1, 5):\n"
    "            d[i, j] = min(d[i - 1, j] + 1, d[i, j - 1] + 1, d[i - 1, j - 1] + (x[i] > x[j]))\n    return d",
    "around a long one": "t = x[0] * 0\n    for i in range(3):\n        for j in range(20): t = t * 0.9 + x[i]\n    return t",
    "in a long one": "t = x[0] * 0\n    for i in range(20):\n        for j in range(3):\n"
    "            if x[j] + t < i: t = t + x[j] + 1\n    return t",
    "after one that is straight code": "for i in range(3): x = x * 2\n    t = x[0] * 0\n    for i in range(3):\n"
    "        if x[i] > t: t = t + 1\n    return t, x",
    "a swap": "for i in range(4):\n        if x[i] > x[i + 1]: x[i], x[i + 1] = x[i + 1], x[i]\n    return x",
}  # fmt: skip

STRAIGHT = {
    "arithmetic": "for i in range(5): x = x * 0.5 + i\n    return x",
    "sums": "for i in range(5): x = x * 0.5 + x.sum()\n    return x",
    "questions about its number": "for i in range(5):\n        if i > 2: x[i] = x[i - 1]\n    return x",
    "a choice by np.where": "for i in range(5): x = np.where(x > i, x - 1, x)\n    return x",
    "a row that is found": "for r in np.outer(x, x):\n        if r.sum() > 1: break\n    return r",
    "what is appended": "y = []\n    for i in range(3):\n        t = x[i] if x[i] > 0 else x[i] * 2\n        y.append(t)\n    return y",
    "an exception": "try:\n        for i in range(3):\n            if x[i] > 1.5: raise ValueError(i)\n"
    "    except ValueError as error: return error.args\n    return x",
    "one iteration": "for i in range(1):\n        if x[i] > 0: x = x * 2\n    return x",
    "a container": "d = {}\n    for i in range(3):\n        if x[i] > 0: d[i] = x[i]\n    return d",
    "a name that becomes an array": "w = None\n    for i in range(3):\n        if w is None: w = x[i]\n        if x[i] > w: w = x[i]\n    return w",
    "other types": "t = 0\n    for i in range(3):\n        if x[i] > 0: t = x[i] if i else 'text'\n    return t",
}  # fmt: skip


@pytest.mark.parametrize("what", [*ONE_OPERATION, *STRAIGHT])
def test_short_loops_mean_the_same(what: str) -> None:
    source = f"def f(x):\n    {(ONE_OPERATION | STRAIGHT)[what]}\n"
    made = agrees(source, *CALLS)
    assert not made.compiled.fallbacks
    assert (loops_of(source, X.copy()) > 0) == (what in ONE_OPERATION)


@pytest.mark.parametrize("what", ["a branch on data", "nested", "in a long one"])
def test_a_short_loop_that_looks_at_data_is_one_trace(what: str) -> None:
    function, _ = program(f"def f(x):\n    {ONE_OPERATION[what]}\n")()
    compiled = tg.compile(function)
    for (x,) in CALLS:
        compiled(x.copy())
    assert len(compiled.traces) == 1


def test_straight_code_is_not_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that is better as straight code, or cannot be drawn, is tried once in a recording."""
    drawn: list[int] = []
    draw = Iteration.draw

    def counted(self: Iteration, *args: Any) -> Any:
        drawn.append(self.code.body.__code__.co_firstlineno)
        return draw(self, *args)

    monkeypatch.setattr(Iteration, "draw", counted)

    def halved(x: Any) -> Any:
        for i in range(3):
            x = x * 0.5 + i
        return x

    tg.compile(halved)(X)
    rounds = len(drawn)

    def repeated(x: Any) -> Any:
        for text in ("a", "b", "c", "d"):
            x = halved(x) + len(text)
        return x

    drawn.clear()
    tg.compile(repeated)(X)
    assert 0 < len(drawn) == rounds
