"""Loops that change lists and dicts in place, which the function has made."""
# ruff: noqa: E501  # programs are easier to read on one line

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import agrees, program
from tests.frontend.test_containers_in_loops import X, calls

DRAWN = {
    "a dict": "s = {'a': x[0], 'n': 0}; q = s\n    for v in x:\n        s['a'] = 0.9 * s['a'] + 0.1 * v\n        s['n'] += 1\n    return s, q",
    "a list": "s = [x * 1, 0]; q = (s, 1)\n    for i in range(n):\n        s[0] = s[0] * 0.9\n        s[1] += 1\n    return s, q",
    "under another name": "s = [x * 1, 0.0]; q = s; z = 0.0\n    for i in range(n):\n        s[1] += 1.0\n        q[0] = q[0] * 0.9\n        z = z + q[1]\n    return s, q, z",
    "under a condition": "s = [x * 1, 0.0]; q = s\n    for v in x:\n        if v > 1: s[1] += v\n    return s, q",
    "in a helper": "def add(s, v): s['t'] += v\n    s = {'t': 0.0}\n    for v in x: add(s, v)\n    return s",
    "in a while": "s = {'t': 0.0, 'k': 0}\n    while s['t'] < n:\n        s['t'] += 1.5\n        s['k'] += 1\n    return s",
    "all keys": "s = {'t': 1.0, 'x': x}\n    for i in range(n):\n        for k in s: s[k] = s[k] * 0.9\n    return s",
    "all at once": "s = [1.0, x]\n    for i in range(n): s[:] = [s[0] + 1, s[1] * 0.9]\n    return s",
    "update": "s = {'t': 1.0, 'x': x}\n    for i in range(n): s.update(t=s['t'] + 1, x=s['x'] * 0.9)\n    return s",
    "two dicts": "m = {'w': x * 0, 'b': 0.0}; p = {'w': x * 1, 'b': 0.0}; t = 0\n    for i in range(n):\n        t += 1\n"
    "        g = {'w': p['w'] - 1.0, 'b': p['b'] - x[0]}\n        for k in p:\n            m[k] = 0.9 * m[k] + 0.1 * g[k]\n            p[k] = p[k] - 0.1 * m[k] / (1 - 0.9 ** t)\n    return p, m",
    "an item that is a tuple": "s = {'p': (x, 0.0), 'n': 0}\n    for i in range(n):\n        s['p'] = (s['p'][0] * 0.9, s['p'][1] + 1.0)\n        s['n'] += 1\n    return s",
    "an item that is a dict": "d = {'a': 0.0}; s = {'p': d, 'n': 0}\n    for v in x:\n        if v > 1: s['p'] = {'a': s['p']['a'] + 1.0}\n        s['n'] += 1\n    d['b'] = 5\n    return s, d, s['p'] is d",
    "a dict inside": "d = {'a': x[0], 'b': 1.0}; s = {'p': d, 'n': 0}\n    for v in x:\n        for k in s['p']: s['p'][k] = s['p'][k] * 0.9\n    return s, d, s['p'] is d",
    "an array in it": "y = x * 1; s = {'x': y, 'k': 0}\n    for i in range(n):\n        s['x'][0] += 1.0\n        s['k'] += 1\n    return s, y, s['x'] is y",
    "a size": "s = {'t': 0, 'm': 0}\n    for i in range(n):\n        s['t'] += i\n        s['m'] = i\n    return s",
    "None at first": "s = {'t': None}\n    for v in x: s['t'] = v if s['t'] is None else s['t'] * 0.5 + v\n    return s",
    "break": "s = {'t': 0.0, 'x': x}\n    for i in range(n):\n        s['t'] += 1.0\n        s['x'] = s['x'] * 0.9\n        if s['x'][0] < 0.1: break\n    else: s['t'] = -1.0\n    return s",
    "loops inside": "s = {'t': 0.0, 'x': x}\n    for i in range(n):\n        for j in range(12): s['t'] += 1.0\n        s['x'] = s['x'] * 0.9\n    return s",
    "several loops": "s = {'t': 0.0, 'x': x}\n    for i in range(n): s['t'] += 1.0\n    for i in range(n): s['x'] = s['x'] * 0.9\n    while s['t'] > 3: s['t'] *= 0.5\n    return s",
    "a closure": "s = {'t': 0.0}\n    look = lambda: s['t']\n    for i in range(n): s['t'] = look() + 1.0\n    return s, look()",
    "a list of results besides": "s = {'t': 0.0}; ys = []\n    for i in range(n):\n        s['t'] += x[0]\n        ys.append(s['t'])\n    return s, np.stack(ys)",
}  # fmt: skip


@pytest.mark.parametrize("what", DRAWN)
def test_a_loop_changes_containers_in_place(what: str) -> None:
    source = f"def f(x, n):\n    {DRAWN[what]}\n"
    counted = agrees(source, *calls(600, 600, 610, 620, 600, 1, 2, 0))
    assert not counted.compiled.fallbacks
    function, _ = program(source)()
    graph = tg.compile(function).graph(X, 600).graph
    assert len(graph.nodes) < 150, "not unrolled"


UNROLLED = {
    "an exception": "s = {'t': 0.0, 'x': x}; q = s\n    try:\n        for i in range(n):\n            s['t'] += 1.0\n            s['x'] = s['x'] * 0.9\n"
    "            assert s['t'] < 50\n    except AssertionError: s['e'] = 1\n    return s, q",
    "a place outside": "s = {'t': 0.0, 'd': {}}; q = (s, s['d'])\n    try:\n        for i in range(n):\n            s['t'] += x[i]\n    except IndexError: s['e'] = 1\n    return s, q",
    "a bound method": "s = {'t': 0.0}; get = s.get; z = 0.0\n    for i in range(n):\n        s['t'] = s['t'] + 1.0\n        z = z + get('t')\n    return s, z",
    "a function in a list": "s = {'t': 0.0}\n    fs = [lambda: s['t']]\n    for i in range(n): s['t'] = fs[0]() + 1.0\n    return s",
    "a list of dicts": "s = {'t': 0.0}; ys = [s]; z = 0.0\n    for i in range(n):\n        s['t'] += 1.0\n        z = z + ys[-1]['t']\n    return s, ys, z",
    "dicts in each other": "b = {'t': 0.0}; a = {'b': b, 'k': 0.0}; c = a\n    for i in range(n):\n        c['b']['t'] += 1.0\n        a['k'] += a['b']['t']\n    return a, b",
    "held by a tuple that is bound anew": "s = {'t': 0.0}; t = (s, 0.0)\n    for i in range(n):\n        s['t'] += 1.0\n        t = (t[0], t[1] + 1)\n    return s, t",
    "new items": "s = {}\n    for i in range(n): s['t'] = s.get('t', 0.0) + x[0]\n    return s",
    "another order": "s = {'t': 1.0, 'x': x}\n    for i in range(n):\n        t = s.pop('t')\n        s['t'] = t + 1\n    return s",
    "growing": "s = {'t': 0.0, 'ys': []}\n    for i in range(n):\n        s['t'] += x[0]\n        s['ys'].append(s['t'])\n    return s",
    "exchanged arrays": "s = [x * 1, x * 2]\n    for i in range(n): s[0], s[1] = s[1], s[0]\n    return s",
    "bound anew too": "p = [x * 1, 0.0]\n    for i in range(n):\n        p[1] += 1.0\n        p = [p[0], p[1]]\n    return p",
    "returned from a loop": "s = {'t': 0.0, 'x': x}; q = s\n    try:\n        for i in range(n):\n            s['t'] += 1.0\n            s['x'] = s['x'] * 0.9\n"
    "            if s['x'][0] < 0.1: return s, q\n    finally: s['z'] = 5\n    return q, s, 1",
    "known outside": "out.append(s := {'t': 0.0})\n    for i in range(n): s['t'] += 1.0\n    return s",
    "from outside": "for i in range(n): out[0] += 1.0\n    return out",
}  # fmt: skip


@pytest.mark.parametrize("what", UNROLLED)
def test_what_others_may_see_is_as_in_python(what: str) -> None:
    source = f"def f(x, n, out):\n    {UNROLLED[what]}\n"
    agrees(source, *((*args, [1.0]) for args in calls(30, 30, 40, 45, 200, 1, 0)))


def test_the_derivative_of_a_moving_average() -> None:
    def average(x: Any) -> Any:
        state = {"mean": x[0], "seen": 0}
        for v in x:
            state["mean"] = 0.9 * state["mean"] + 0.1 * np.sin(v)
            state["seen"] += 1
        return state["mean"] * state["seen"]

    x = np.linspace(-1.0, 2.0, 40)
    found = tg.compile(tg.grad(average))(x)
    for k in (0, 7, 39):
        h = np.zeros_like(x)
        h[k] = 1e-6
        expected = (average(x + h) - average(x - h)) / 2e-6
        assert found[k] == pytest.approx(expected, rel=1e-6, abs=1e-9)
