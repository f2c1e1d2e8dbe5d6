"""Loops whose state is a container: tuples, named tuples, dicts and lists that are bound anew."""
# ruff: noqa: E501  # programs are easier to read on one line

import warnings
from collections import namedtuple
from typing import Any, NamedTuple

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import agrees, program
from tests.frontend.test_loops import loops_of

pytestmark = pytest.mark.slow  # no interpreter differs in this; tests/twin has what does

X = np.linspace(0.5, 2.0, 12)


class State(NamedTuple):
    """A state with names."""

    y: Any
    t: Any


Point = namedtuple("Point", ["y", "t"])  # the other way to make one

NAMES: dict[str, Any] = {"State": State, "Point": Point, "GLOBAL": (1.5, 2.5)}

DRAWN = {
    "a tuple": "s = (x, 0.0, 0)\n    for i in range(n):\n        y, t, k = s\n        s = (y - 0.1 * y, t + 0.1, k + 1)\n    return s",
    "a helper": "def step(y, t): return y * 0.9, t + 0.5\n    s = (x, 0.0)\n    for i in range(n): s = step(*s)\n    return s",
    "a named tuple": "s = State(x, 0.0)\n    for i in range(n): s = State(s.y * 0.9, s.t + i)\n    return s",
    "replacing a field": "s = Point(x, 0.0)\n    for i in range(n): s = s._replace(t=s.t + s.y[0])\n    return s",
    "a comprehension": "p = (np.zeros(3), 0.0)\n    for i in range(n):\n        g = (p[0] - x[:3], p[1] - x.sum())\n"
    "        p = tuple(a - 0.1 * b for a, b in zip(p, g))\n    return p",
    "a list": "p = [np.zeros(3), 0.0]\n    for i in range(n):\n        g = [p[0] - x[:3], p[1] - x[0]]\n"
    "        p = [a - 0.1 * b for a, b in zip(p, g)]\n    p.append(1)\n    return p",
    "a dict": "p = {'w': np.zeros(3), 'b': 0.0}\n    for i in range(n):\n        g = {'w': p['w'] - x[:3], 'b': p['b'] - x[0]}\n"
    "        p = {k: v - 0.1 * g[k] for k, v in p.items()}\n    p['n'] = n\n    return p",
    "keys that are numbers": "s = {0: x, 1.0: 0.0, (2, 'a'): 1}\n    for i in range(n): s = {k: v * 0.9 for k, v in s.items()}\n    return s",
    "nested": "s = ((x, 0.0), {'k': [x * 2, 1.0]})\n    for i in range(n):\n"
    "        s = ((s[0][0] * 0.9, s[0][1] + 1.0), {'k': [s[1]['k'][0] * 0.5, s[1]['k'][1] + x[0]]})\n    return s",
    "None and text": "s = ('a', x, None)\n    for i in range(n): s = ('a', s[1] * 0.9, None)\n    return s",
    "a size": "s = (x, 0, 0)\n    for i in range(n): s = (s[0] * 0.9, i, s[2] + i)\n    return s",
    "a bool": "s = (x, False)\n    for i in range(n): s = (s[0] * 0.9, not s[1])\n    return s",
    "a part that stays": "w = {'a': x}; s = (w, 0.0)\n    for i in range(n): s = (s[0], s[1] + 1.0)\n    w['b'] = 1\n    return s, w",
    "two branches": "s = (x, 0.0)\n    for i in range(n):\n        if s[0][0] > 0.1: s = (s[0] * 0.9, s[1] + 1.0)\n"
    "        else: s = (s[0] * 1.5, s[1] - 1.0)\n    return s",
    "branches with dicts": "s = {'x': x, 't': 0.0}\n    for i in range(n):\n        if s['x'][0] > 0.1: s = {'x': s['x'] * 0.9, 't': s['t'] + 1.0}\n"
    "        else: s = {'x': s['x'] * 1.5, 't': s['t'] - 1.0}\n    return s",
    "a number of either kind": "s = (x, 0.0)\n    for i in range(n):\n        if x[0] * i > 3: s = (s[0] * 0.9, s[1] + x[0])\n    return s",
    "a test": "s = (x, 0.0)\n    while s[1] < n: s = (s[0] * 0.9, s[1] + 1.5)\n    return s",
    "break and else": "s = (x, 0.0)\n    for i in range(n):\n        s = (s[0] * 0.9, s[1] + 1.0)\n        if s[0][0] < 0.3: break\n"
    "    else: s = (s[0], -1.0)\n    return s",
    "an early return": "s = (x, 0.0)\n    for i in range(n):\n        s = (s[0] * 0.9, s[1] + 1.0)\n        if s[0][0] < 0.3: return s, i\n    return s, -1",
    "short loops inside": "s = (x, 0.0)\n    for i in range(n):\n        for j in range(3):\n            if s[0][0] > 0.1: s = (s[0] * 0.9, s[1] + 1.0)\n"
    "            else: s = (s[0] * 1.5, s[1])\n    return s",
    "a helper with branches": "def g(s):\n        if s[0][0] > 0.5: return (s[0] * 0.9, s[1] + 1.0)\n        return (s[0] * 1.1, s[1])\n"
    "    s = (x, 0.0)\n    for i in range(n): s = g(s)\n    return s",
    "two names of one dict": "a = b = {'x': x}\n    for i in range(n): a = b = {'x': a['x'] * 0.9 + b['x'] * 0.01}\n    b['y'] = 1\n    return a, b, a is b",
    "one dict in two places": "s = ({'a': x}, 0.0)\n    for i in range(n):\n        p = {'a': s[0]['a'] * 0.9}\n        s = (p, s[1] + 1.0)\n"
    "    p['b'] = 1\n    return s, p, p is s[0]",
    "the state before": "p = s = (x, 0.0)\n    for i in range(n):\n        q = (s[0] * 0.9 + p[0] * 0.01, s[1] + 1.0)\n        p = s\n        s = q\n    return p, s",
    "what each iteration makes": "for i in range(n): g = {'a': x * i, 'b': (i, x[0])}\n    return g",
    "a list of results besides": "p = [x, x * 2]; ys = []\n    for i in range(n):\n        p = [v * 0.9 for v in p]\n        ys.append(p[0])\n    return p, np.stack(ys)",
    "by names that nobody reads": "s = [x, 0.0]; d = {'a': x}\n    for i in range(n):\n        new = [s[0] * 0.9, s[1] + 1.0]\n"
    "        e = {'a': d['a'] * 0.5}\n        s = new\n        if s[1] < 9: d = e\n    return s, d",
    "swapped parts": "s = {'a': x, 'b': x * 2}\n    for i in range(n): s = {'a': s['b'], 'b': s['a'] * 0.5}\n    return s",
    "writing into a part": "y = x * 1; s = (y, 0.0)\n    for i in range(n):\n        s[0][0] += 1.0\n        s = (s[0], s[1] + 1.0)\n    return s, y, s[0] is y",
    "only reading": "p = (x, 2.0); t = 0.0\n    for i in range(n): t = t + p[1] * p[0][0]\n    return t, p",
}  # fmt: skip


def calls(*sizes: int) -> list[tuple[Any, int]]:
    """Arguments of several calls; later ones have other values and numbers of iterations."""
    return [(X * (1 + k / 4), n) for k, n in enumerate(sizes)]


@pytest.mark.parametrize("what", DRAWN)
def test_a_loop_carries_containers(what: str) -> None:
    source = f"def f(x, n):\n    {DRAWN[what]}\n"
    counted = agrees(source, *calls(600, 600, 610, 620, 600, 1, 2, 0), **NAMES)
    assert not counted.compiled.fallbacks
    function, _ = program(source, **NAMES)()
    graph = tg.compile(function).graph(X, 600).graph
    assert len(graph.nodes) < 150, "not unrolled"


NESTED = {
    "loops in each other": "s = (x, 0.0)\n    for i in range(12):\n        for j in range(i): s = (s[0] * 0.99, s[1] + 1.0)\n        s = (s[0] + 0.01, s[1])\n    return s",
    "dicts": "s = {'x': x, 't': 0.0}\n    for i in range(20):\n        for j in range(12): s = {'x': s['x'] * 0.99, 't': s['t'] + x[0]}\n"
    "        s = {'x': s['x'] + 0.01, 't': s['t']}\n    return s",
    "a while inside": "s = (x, 0.0)\n    for i in range(20):\n        while s[1] < i * 3.0: s = (s[0] * 0.99, s[1] + 1.0)\n    return s",
}  # fmt: skip


@pytest.mark.parametrize("what", NESTED)
def test_loops_in_loops_carry_containers(what: str) -> None:
    source = f"def f(x):\n    {NESTED[what]}\n"
    counted = agrees(source, (X,), (X * 2,), (X,))
    assert not counted.compiled.fallbacks
    assert loops_of(source, X) >= 2


PEELED = {
    "an int, then a float": "s = (x, 0)\n    for i in range(n): s = (s[0] * 0.9, s[1] + 0.5)\n    return s",
    "None, then a number": "s = (x, None)\n    for i in range(n): s = (s[0] * 0.9, s[0].sum())\n    return s",
    "None, then a tuple": "s = None\n    for i in range(n): s = (x, 0.0) if s is None else (s[0] * 0.9, s[1] + 1.0)\n    return s",
    "another structure": "s = (x,)\n    for i in range(n): s = (s[0] * 0.9, 1.0)\n    return s",
    "another order": "s = {'a': x, 'b': 0.0}\n    for i in range(n): s = {'b': s['b'] + 1.0, 'a': s['a'] * 0.9}\n    return s",
    "another text": "s = ('a', x)\n    for i in range(n): s = ('b', s[1] * 0.9)\n    return s",
    "a global one": "s = GLOBAL\n    for i in range(n): s = (s[0] * 0.9, s[1] + x[0])\n    return s",
}  # fmt: skip


@pytest.mark.parametrize("what", PEELED)
def test_structures_of_the_second_iteration(what: str) -> None:
    source = f"def f(x, n):\n    {PEELED[what]}\n"
    counted = agrees(source, *calls(300, 300, 310, 320, 1, 2, 0), **NAMES)
    assert not counted.compiled.fallbacks


@pytest.mark.parametrize("display", ["(x * 0.9, 1.0)", "[x * 0.9, 1.0]", "{'a': x * 0.9}"])
@pytest.mark.parametrize("loop", ["for v in x:\n        if v > 1.9:", "while x[0] < 0.1:\n        if True:"])  # fmt: skip
def test_whether_it_is_still_the_container_from_before(display: str, loop: str) -> None:
    first = display.replace(" * 0.9", "")
    source = f"def f(x):\n    s = old = {first}\n    {loop} s = {display}; x = x + 0.06\n    return s, old, s is old\n"
    counted = agrees(source, *((X * k,) for k in (1.0, 0.1, 1.0, -1.0, 2.0)))
    assert not counted.compiled.fallbacks


@pytest.mark.parametrize("test", ["y[0] is y[0]", "len(y) == 2"])
def test_a_container_from_outside_that_may_stay(test: str) -> None:
    source = f"def f(x, y):\n    for v in x:\n        if v > 1.0 and {test}: y = (y[0] * 0.9, y[1] + v)\n    return y\n"
    function, _ = program(source)()
    made = tg.compile(function)
    for scale in (1.0, 0.1, 1.0, 0.1):
        y = (X * 2, 1.0)
        expected, found = function(X * scale, y), made(X * scale, y)
        assert (found is y) == (expected is y)
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
    assert not made.fallbacks


REFUSED = {
    "identity": ("first = s = (x, 0.0); k = 0\n    for i in range(n):\n        if s is first: k = k + 1\n        s = (s[0] * 0.9, s[1] + 1.0)\n    return s, k",
                 "whether a container that a loop carries is another one"),
    "structures of branches": ("s = (x, 0.0)\n    for i in range(n):\n        if s[0][0] > 0.1: s = (s[0] * 0.9, s[1] + 1.0)\n        else: s = (s[0],) * 2\n    return s",
                               "let it be one thing from the start"),
    "growing": ("s = (0.0,)\n    for i in range(n): s = s + (x[0],)\n    return s", "a tuple of 3 and then a tuple of 4"),
    "a dict from before": ("d = {'a': x, 'b': 0.0}; s = d\n    for i in range(n):\n        s = {k: v * 0.9 for k, v in s.items()}\n        if s['a'][0] < 0.1: s = d\n    s['c'] = 1\n    return s, d",
                           "becomes another name of a dict"),
    "a global": ("s = (1.0, 2.0)\n    for i in range(n):\n        s = (s[0] * 0.9, s[1] + x[0])\n        if s[1] > 9: s = GLOBAL\n    return s, s is GLOBAL",
                 "becomes another name of a tuple"),
    "in place and anew": ("s = {'x': x, 't': 0.0}\n    for i in range(n):\n        if s['t'] > 2: s = {'x': s['x'] * 0.9, 't': 0.0}\n        s['t'] = s['t'] + 1.0\n    return s",
                          "s is a dict that is changed in place, and"),
    "only exchanges": ("s = (x, x * 2)\n    for i in range(n):\n        s = (s[1], s[0])\n        if s[0][1] > 90: break\n    return s", "only changes places"),
    "one array or another": ("s = (x, 0.0); best = s\n    for i in range(n):\n        s = (s[0] * 0.99, s[1] + 1.0)\n        if s[0][0] > 0.4: best = s\n    return s, best",
                             "becomes another name of an array on some ways"),
    "written and bound anew": ("y = x * 1; s = (y, 0.0)\n    for i in range(n):\n        s[0][0] += 1.0\n        s = (s[0] * 0.9, s[1] + 1.0)\n    return s, y",
                               "s[0] is written in place and bound anew"),
    "a dict of a loop that may be empty": ("s = {'t': 0.0}\n    for i in range(n):\n        for j in range(i): s = {'t': s['t'] + 1.0}\n        s['t'] = s['t'] + 1.0\n    return s",
                                           "is an older dict or a new one"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_is_said(what: str) -> None:
    body, reason = REFUSED[what]
    counted = agrees(f"def f(x, n):\n    {body}\n", (X, 150), (X, 150), (X * 0.5, 3), **NAMES)
    (why,) = counted.compiled.fallbacks
    assert reason in why.reason


def loss(x: Any) -> Any:
    """Return a number by a loop over a nested state."""
    state = {"p": (x, 0.0), "v": x * 0}
    for k in range(200):
        y, total = state["p"]
        v = state["v"] * 0.9 - 0.01 * np.sin(y)
        state = {"p": (y + v, total + float(v[0])), "v": v}
        if state["p"][1] > k:
            state = {"p": (y * 0.5, total), "v": v}
    return np.sum(state["p"][0] ** 2) + state["p"][1]


def test_derivatives_are_as_finite_differences() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = tg.compile(tg.grad(loss))(X)
    for k in range(3):
        h = np.zeros_like(X)
        h[k] = 1e-6
        assert found[k] == pytest.approx((loss(X + h) - loss(X - h)) / 2e-6, rel=1e-5, abs=1e-7)


def test_many_examples_at_once() -> None:
    def run(x: Any) -> Any:
        state = (x, np.float64(0.0))
        for _ in range(100):
            y, t = state
            state = (y * 0.9, t + y.sum())
        return state

    batch = np.stack([X, X * 2, X - 1])
    for found, expected in zip(
        tg.vmap(run)(batch), zip(*map(run, batch), strict=True), strict=True
    ):
        np.testing.assert_allclose(found, np.stack(expected), rtol=1e-12)
