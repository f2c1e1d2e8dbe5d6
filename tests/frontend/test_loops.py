"""Loops of the source: one operation where a body is a function of what it is given."""
# ruff: noqa: E501  # programs are easier to read on one line

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import agrees, program
from tracegraph.control import worth
from tracegraph.ir.graph import Graph, Node

X = np.linspace(-1.0, 1.0, 12)
M = np.linspace(0.5, 2.0, 60).reshape(12, 5)


def ops(graph: Graph) -> list[Node]:
    """Return the nodes of a graph and of those inside."""
    found = []
    for node in graph:
        found.append(node)
        for _, value in node.attrs:
            if isinstance(value, Graph):
                found += ops(value)
    return found


def loops_of(source: str, *args: Any) -> int:
    """Return how many loops the graph of a program has."""
    function, _ = program(source)()
    graph = tg.compile(function).graph(*args).graph
    return sum(node.op.name in ("loop", "while_loop") for node in ops(graph))


DRAWN = {
    "a number that is read, then written": "t = 0.5 * x[0]\n    for i in range(12):\n        v = x[i]\n        x[i] = 3.0\n"
    "        t = t * 0.5 + v\n    return t, v, x",
    "an exchange of numbers": "for i in range(6): x[i], x[11 - i] = x[11 - i], x[i]\n    for i in range(1, 12):\n"
    "        x[i], x[i - 1] = x[i - 1], x[i]\n    return x",
    "numbers of an array": "t = 0.5 * x[0]\n    for v in x: t = t * 0.9 + v\n    return t, v",
    "rows": "m = np.concatenate([x.reshape(3, 4)] * 4)\n    for r in m: r += 1\n    return m",
    "enumerate": "t = 0.5 * x[0]\n    for i, v in enumerate(x, 2): t = t * 0.9 + v * i\n    return t, i, v",
    "zip": "t = 0.5 * x[0]\n    for a, b in zip(x, x[::-1]): t = t * 0.9 + a * b\n    return t, a, b",
    "zip of two lengths": "t = 0.5 * x[0]\n    for a, b in zip(x[1:], x): t = t * 0.9 + a * b\n    return t, a, b",
    "reversed": "for i in reversed(range(11)): x[i] += x[i + 1] * 0.5\n    for v in reversed(x): x += v\n    return x, v",
    "enumerate of zip": "for i, (a, b) in enumerate(zip(x, x * 2), 1): x[i - 1] = a * b * i\n    return x",
    "what is written while it is run over": "for i, v in enumerate(x):\n        x[11 - i] = v * 0.5 + i\n    return x",
    "a carried array": "y = x * 0\n    for i in range(12): y = y * 0.5 + x[i]\n    return y",
    "a carried number": "t = 0.0\n    for i in range(12): t += x[i] * 0.5\n    return t",
    "a Python number": "t = 1.0\n    for i in range(12): t = t * 0.5 + 0.25\n    return x * t, t",
    "what it starts as None": "w = None\n    for i in range(12):\n        w = x * i\n    return w",
    "written in place": "for i in range(1, 12): x[i] += x[i - 1] * 0.5\n    return x",
    "a slice that grows": "for i in range(12): x[i] -= x[:i].sum() * 0.1\n    return x",
    "backwards": "for i in range(11, 0, -1): x[i - 1] += x[i] * 0.5\n    return x",
    "by steps": "x = np.concatenate([x, x, x])\n    for i in range(0, 36, 3): x[i] *= 2.0\n    return x",
    "names that change places": "u, v = x * 1, x * 2\n    for i in range(12): u, v = v, u + v\n"
    "    return u, v",
    "the number afterwards": "for i in range(12): x[i] += i\n    return x, i, i + 0.5",
    "a value afterwards": "for i in range(12): z = np.sin(x) * i\n    return z",
    "two names of one array": "y = x * 1\n    for i in range(12):\n        w = y + 1\n        y = w\n"
    "    return y, w, y is w",
    "numbers of iterations": "y = x * 1\n    for i in range(12): y = y + i * 0.5\n    return y",
    "nested": "y = x * 0\n    for i in range(12):\n        for j in range(i):\n"
    "            y[j] += x[i] * 0.1\n    return y",
    "nested and carried": "t = 0.0\n    for i in range(12):\n        for j in range(i, 12):\n"
    "            t = t + x[i] * x[j]\n    return t",
    "a function inside": "def g(v, w=2.0): return v * w + x[0]\n    y = x * 1\n"
    "    for i in range(12): y = g(y) * 0.25\n    return y",
    "a conversion": "t = 0.0\n    for i in range(12): t = t + float(x[i])\n    return t",
    "continue": "y = x * 1\n    for i in range(12):\n        y = y * 0.5\n        continue\n    return y",
    "else": "y = x * 1\n    for i in range(12): y = y * 0.5\n    else: y = y + 1\n    return y",
    "reductions": "y = x * 1\n    for i in range(12): y = y / (4 + abs(y).max()) + y[0]\n    return y",
    "a choice": "y = x * 1\n    for i in range(12): y = np.where(y > 0, y * 0.5, y + i)\n    return y",
    "try and with": "y = x * 1\n    for i in range(12):\n        try:\n            y = y * 0.5\n"
    "        finally:\n            y = y + 1\n    return y",
    "a place that is carried": "k = 0\n    y = x * 0\n    for i in range(12):\n        y[k] = x[i]\n"
    "        k = (k + 5) % 12\n    return y, k",
}


@pytest.mark.parametrize("what", DRAWN)
def test_loops_that_are_drawn(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worth, "WRITTEN_OUT", 0)
    source = f"def f(x):\n    {DRAWN[what]}\n"
    made = agrees(source, *[(X * k,) for k in (1.0, 2.0, 0.5)])
    assert not made.compiled.fallbacks
    assert loops_of(source, X.copy()) >= 1


SEEN = {
    "an iterator that has begun": "t = 0\n    z = zip(x, x[1:])\n    next(z)\n    for v, w in z: t = t + v * w\n"
    "    return t, list(z)",
    "iterators elsewhere": "return [a * b for a, b in zip(x, x)], dict(enumerate(x)), list(reversed(x)), max(zip(x, x))",
    "an iterator that is used up": "z = enumerate(x)\n    t = 0\n    for i, v in z: t = t + v * i\n    for i, v in z: t = 99\n"
    "    return t, next(z, None)",
    "zip of a list": "t = 0\n    for v, k in zip(x, [1, 2, 3] * 4): t = t + v * k\n    return t",
    "strict zip": "t = 0\n    for v, k in zip(x, x[1:], strict=True): t = t + v * k\n    return t",
    "an array without axes": "for v in x[0]: pass",
    "three names": "a, b, c = x * 1, x * 2, x * 3\n    for i in range(10): a, b, c = b, c, a\n"
    "    return a, b, c",
    "a branch on data": "y = x * 1\n    for i in range(12):\n        if y[0] > 0.5: y = y * 0.5\n"
    "        else: y = y + 1\n    return y",
    "a branch on the number": "y = x * 1\n    for i in range(12):\n        if i % 3 == 0: y = y * 0.5\n"
    "    return y",
    "a list that grows": "found = []\n    for i in range(12): found.append(x[i] * 2)\n"
    "    return np.stack(found), len(found)",
    "a list before it": "found = [x[0]]\n    for i in range(12): found += [x[i]]\n    return sum(found)",
    "an item of a list": "p = [x * 1, x * 2]\n    for i in range(12): p[0] = p[0] + p[1]\n    return p",
    "a dict": "d = {}\n    for i in range(12): d[i] = x[i]\n    return sum(d.values())",
    "a counter": "n = 0\n    for i in range(12): n += 1\n    return x * n, n",
    "an iterator": "it = iter([x[0], *x])\n    y = x * 0\n    for i in range(12): y = y + next(it)\n"
    "    return y",
    "a generator": "g = (v * 2 for v in x)\n    y = x * 0\n    for i in range(12): y = y + next(g)\n"
    "    return y",
    "a variable of a function": "n = 0\n    def g():\n        nonlocal n\n        n += 1\n        return n\n"
    "    y = x * 0\n    for i in range(12): y = y + g()\n    return y, n",
    "an object": "class P: pass\n    p = P()\n    p.v = x * 1\n    for i in range(12): p.v = p.v * 0.5\n"
    "    return p.v",
    "an exception that is caught": "y = x * 1\n    for i in range(12):\n        try:\n"
    "            if y[0] > 10: y = y - 1\n        except TypeError:\n            y = y * 100\n    return y",
    "break": "y = x * 1\n    for i in range(12):\n        y = y * 0.5\n        if i == 4: break\n    return y, i",
    "return": "y = x * 1\n    for i in range(12):\n        y = y * 0.5\n        if i == 4: return y\n"
    "    return x",
    "another name of an array": "u = x\n    y = x * 1\n    for i in range(12):\n        u = y\n        u[0] += 1\n"
    "    return u, y",
    "an array under two names": "a = x * 1\n    b = a\n    for i in range(12): a, b = b, a + 1\n    b += 1\n"
    "    return a, b",
    "a view afterwards": "m = x.reshape(3, 4)\n    for i in range(3):\n        for j in range(4): r = m[i]\n"
    "    r += 1\n    return r, x",
    "a row afterwards": "for i in range(12): r = x[i:]\n    r *= 2\n    return r, x",
    "lengths that differ": "for i in range(1, 12): y = x[:i] * 2\n    return y",
    "text": "s = ''\n    for i in range(12): s = s + str(i)\n    return x * len(s)",
    "a tuple": "p = (x * 1, 0)\n    for i in range(12): p = (p[0] * 0.5, p[1] + 1)\n    return p",
    "dtypes that change": "y = np.arange(12)\n    for i in range(12): y = y * 0.5\n    return y + x",
    "shapes that change": "y = x[:1]\n    for i in range(10): y = np.concatenate([y, x[:1]])\n    return y",
    "masks": "y = x * 1\n    for i in range(12): y[y > 0.1] *= 0.5\n    return y",
    "lists of arrays inside": "for i in range(12):\n        p = [x * i, x + i]\n        y = p[0] + p[1]\n"
    "    return y",
    "print": "for i in range(12): print(i)\n    return x * 2",
    "a partial function": "import functools\n    g = functools.partial(np.add, x)\n    y = x * 0\n"
    "    for i in range(12): y = g(y) * 0.5\n    return y",
    "a default": "def g(v, w=x * 2): return v + w\n    y = x * 0\n    for i in range(12): y = g(y) * 0.5\n"
    "    return y",
    "wrong places": "for i in range(20): x[i] += 1\n    return x",
    "division by zero": "t = 1.0\n    for i in range(12): t = t / (i - 5)\n    return x * t",
    "sorting in place": "y = x * 1\n    for i in range(12):\n        y.sort()\n        y[0] = i\n    return y",
    "a set": "s = set()\n    for i in range(12): s.add(i)\n    return x * len(s)",
    "delete": "for i in range(12):\n        y = x * i\n        z = y\n        del z\n    return y",
}  # fmt: skip


@pytest.mark.parametrize("what", SEEN)
def test_what_a_loop_does_is_done(what: str) -> None:
    source = f"def f(x):\n    {SEEN[what]}\n"
    agrees(source, *[(X * k,) for k in (1.0, 2.0, 30.0, 0.5)])


COUNTS = {
    "an argument": "def f(x, n):\n    y = x * 1\n    for i in range(n): y = y * 0.5 + i\n    return y",
    "afterwards": "def f(x, n):\n    for i in range(n): x = x + 1\n    return x, i, x * i",
    "a length": "def f(x, n):\n    y = x[:n] * 1\n    for i in range(len(y)): y[i] += i\n    return y",
    "less by one": "def f(x, n):\n    for i in range(1, n): x[i] += x[i - 1]\n    return x",
    "backwards": "def f(x, n):\n    t = 0.0\n    for i in range(n - 1, -1, -1): t = t * 0.5 + x[i]\n    return t",
    "by steps": "def f(x, n):\n    for i in range(0, n, 2): x[i] *= 2\n    return x, i",
    "what is left": "def f(x, n):\n    for i in range(n): z = x * i\n    return z",
    "nested": "def f(x, n):\n    for i in range(n):\n        for j in range(i + 1): x[j] += x[i] * 0.1\n"
    "    return x",
}


@pytest.mark.parametrize("what", COUNTS)
def test_another_number_of_iterations(what: str) -> None:
    counts = (9, 9, 10, 11, 12, 10, 3, 2, 1, 0, 12, 13)
    agrees(COUNTS[what], *[(X.copy(), n) for n in counts])


def test_a_changed_number_compiles_nothing() -> None:
    function, _ = program(COUNTS["an argument"])()
    compiled = tg.compile(function)
    for n in (9, 10, 11, 500, 30):
        compiled(X, n)
    assert len(compiled.traces) == 2


def test_arguments_that_share_memory() -> None:
    source = "def f(a, b):\n    for i in range(10): a[i] += b[i + 1]\n    return a, b"
    x = np.arange(14.0)
    agrees(source, (X, X[::-1]), (x[:12], x[2:]), (x[2:], x[:12]), (X, X))


GRADIENTS = {
    "a recurrence": "def f(x):\n    y = x[0]\n    for i in range(12): y = np.sin(y) + x[i] * 0.5\n    return y",
    "in place": "def f(x):\n    y = x * 1\n    for i in range(1, 12): y[i] += y[i - 1] * x[i]\n"
    "    return np.sum(y)",
    "nested": "def f(x):\n    t = x[0]\n    for i in range(12):\n        for j in range(i):\n"
    "            t = t * 0.9 + x[i] * x[j]\n    return t",
}


@pytest.mark.parametrize("what", GRADIENTS)
def test_derivatives(what: str) -> None:
    function, _ = program(GRADIENTS[what])()
    step = 1e-6
    wanted = [
        (function(X + step * e) - function(X - step * e)) / (2 * step) for e in np.eye(len(X))
    ]
    for gradient in (tg.grad(function), tg.compile(tg.grad(function))):
        for _ in range(2):
            np.testing.assert_allclose(gradient(X), wanted, atol=1e-8)
    compiled = tg.compile(tg.hessian(function))
    np.testing.assert_allclose(compiled(X), tg.jacobian(tg.grad(function))(X), atol=1e-12)


def test_batches() -> None:
    function, _ = program(GRADIENTS["a recurrence"])()
    rows = np.stack([X, X * 2, X - 1])
    wanted = [function(row) for row in rows]
    np.testing.assert_allclose(tg.compile(tg.vmap(function))(rows), wanted)
    np.testing.assert_allclose(
        tg.compile(tg.vmap(tg.grad(function)))(rows), [tg.grad(function)(row) for row in rows]
    )


def test_short_loops_of_whole_arrays_are_one_kernel() -> None:
    source = (
        "def f(x):\n    y = x * 0\n    for k in range(100): y = y * x + 1 / (k + 1)\n    return y"
    )
    assert loops_of(source, X.copy()) == 0
    assert loops_of(source.replace("100", "1000"), X.copy()) == 1
    assert loops_of(source.replace("1 / (k + 1)", "y.sum()"), X.copy()) == 1


def _steps(x: Any, dt: float) -> Any:
    for _ in range(700):
        x = x + dt / 2 * np.stack([x[1], -x[0] * x[2], x[0] * x[1] / 8.0])
    return np.sum(x * x)


def test_a_division_by_a_number_of_the_source_asks_nothing() -> None:
    graph = tg.compile(_steps).graph(X[:3], 0.01).graph
    assert not any(node.op.name in ("guard", "logical_and") for node in ops(graph))


def test_a_gradient_runs_forward_and_back_once_each() -> None:
    compiled = tg.compile(tg.grad(_steps))
    compiled(X[:3], 0.01)
    (trace,) = compiled.traces
    assert [node.op.name for node in ops(trace.graph)].count("loop") == 2


def test_two_loops_of_one_variable() -> None:
    """What the first has left in it is a size, which the second one binds anew."""

    def program(x: Any, n: int) -> Any:
        for i in range(n):
            x = np.sin(x) * 0.5 + i
        for i in range(n):
            x = np.cos(x) * 0.5 - i
        return x, i

    function = tg.compile(program)
    for n in (200, 300, 400):
        np.testing.assert_allclose(function(X, n)[0], program(X, n)[0])
        assert function(X, n)[1] == n - 1
    assert len(function.traces) == 2
    assert str(function.graph(X, 400)).count(" loop(") == 2


def test_an_array_that_is_handed_on_may_be_the_first_one() -> None:
    source = "def f(x, n):\n    p = y = x\n    for i in range(n):\n        p, y = y, y * 0.9 + p * 0.01\n    return p, y\n"
    agrees(source, *((np.linspace(0.5, 1.0, 12), n) for n in (600, 610, 620, 1, 2, 0)))
