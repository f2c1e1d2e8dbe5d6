"""Loops of the source that look at data: branches, exits and ``while``."""
# ruff: noqa: E501  # programs are easier to read on one line

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import agrees, program
from tests.frontend.support import agree, made
from tests.frontend.test_loops import loops_of
from tracegraph.control import worth

X = np.linspace(-1.0, 1.0, 12)
CALLS = [(X * k,) for k in (1.0, 2.0, 0.5, -1.5)]

BRANCHES = {
    "data": "y = x * 1\n    for i in range(12):\n        if y[0] > 0.5: y = y * 0.5\n        else: y = y + 1\n    return y",
    "the number": "y = x * 1\n    for i in range(12):\n        if i % 3 == 0: y = y * 0.5\n    return y",
    "a place before": "for i in range(12):\n        if i > 0: x[i] += x[i - 1]\n    return x",
    "the largest": "b = x[0] * 0 - 9\n    k = 0\n    for i in range(12):\n        v = x[i] * np.sin(i)\n"
    "        if v > b:\n            b = v\n            k = i\n    return b, k",
    "and, or, not": "t = x[0] * 0\n    for i in range(12):\n        if x[i] > 0 and i % 2: t += x[i]\n"
    "        elif x[i] < -0.5 or not i: t -= 1.0\n    return t",
    "an expression": "t = x[0] * 0\n    for i in range(12):\n        t += x[i] if x[i] > 0 else -1.0\n    return t",
    "assert": "t = x[0] * 0\n    for i in range(12):\n        assert x[i] < 5, 'large'\n        t += x[i]\n    return t",
    "continue": "t = x[0] * 0\n    for i in range(12):\n        if x[i] < 0: continue\n        t += x[i]\n    return t",
    "inside of another": "t = x[0] * 0\n    for i in range(12):\n        for j in range(i, 12):\n"
    "            if x[j] > t: t = t + x[i]\n    return t",
    "around others": "t = x[0] * 0\n    for i in range(12):\n        if x[i] > 0.1:\n"
    "            for j in range(i, 12): t = t + x[j]\n        else:\n"
    "            for j in range(12): t = t - x[j] * i\n        if t > 3: t = t - 1\n    return t",
    "a function": "def m(a, b):\n        if a + b > 0.3: return 1\n        return 0\n    t = x[0] * 0\n"
    "    for i in range(12): t += m(x[i], x[11 - i])\n    return t",
    "max": "t = 0.0\n    for i in range(12): t = max(t, float(x[i]))\n    return t",
    "a counter": "t = 0\n    for i in range(12):\n        if 0 < x[i] < 0.6: t += 1\n    return t",
    "clipping": "for i in range(12):\n        if x[i] > 0.3: x[i] = 0.3\n        if x[i] < -0.3: x[i] = -0.3\n    return x",
    "a name that is set on one side": "t = x[0] * 0\n    for i in range(12):\n        if x[i] > 0.2:\n"
    "            w = x[i] * 2\n            t += w\n    return t",
    "raise": "t = x[0] * 0\n    for i in range(12):\n        if x[i] > 1.2: raise ValueError('large')\n        t += x[i]\n    return t",
    "the truth of numbers": "t = x[0] * 0\n    for i in range(12):\n        if i and x[i] - x[11]: t += 1\n    return t",
    "all and any": "y = x * 1\n    for i in range(12):\n        if (y > 0.1).any() and not (y > 3).all(): y = y + 0.25\n    return y",
}  # fmt: skip

MIXED = {
    "a sum from 0.0": "t = 0.0\n    for i in range(12):\n        if x[i] > 0.1: t += x[i]\n    return t",
    "a sum that is halved": "t = 0.0\n    for i in range(12):\n        if x[i] > 0.1: t += x[i] * 2\n"
    "        else: t = t * 0.5\n    return t, x * t",
    "a divisor": "t = 1.0\n    for i in range(12):\n        if x[i] > 0.1: t = x[i] + 3\n        y = x / t\n    return t, y",
    "a mean": "t = 0.0\n    n = 0\n    for v in x:\n        if v > 0.1:\n            t += v\n            n += 1\n"
    "    return t / n if n else t",
    "the largest from -inf": "b = -np.inf\n    k = -1\n    for i in range(12):\n        if x[i] > b: b, k = x[i], i\n"
    "    return b, k",
    "a sum that starts again": "t = 0.0\n    for i in range(12):\n        if x[i] > 0.1: t += x[i]\n        else: t = 0.0\n"
    "    return t",
    "a sum inside": "t = 0.0\n    for i in range(12):\n        s = 0.0\n        for j in range(12):\n"
    "            if x[j] > x[i]: s += x[j]\n        t = t + s\n    return t",
}  # fmt: skip
"""Python's float first, then NumPy's if data says so."""

EXITS = {
    "while": "y = x[11] * 1\n    while abs(y * y - 2) > 1e-9: y = y - (y * y - 2) / (2 * y)\n    return y",
    "while with places": "t = 0\n    s = x[0] * 0\n    while s < 3:\n        s = s + abs(x[t % 12]) + 0.1\n"
    "        t += 1\n    return s, t",
    "while True": "t = 0\n    while True:\n        x = x * 0.5\n        t += 1\n"
    "        if abs(x).max() < 1e-3: break\n    return x, t",
    "while of a Python number": "t = 0.0\n    while t < 1.0:\n        x = x * 0.9\n        t += 0.01\n    return x, t",
    "while and": "n = 0\n    z = x[3]\n    while n < 100 and z * z < 4:\n        z = z * z + 0.3\n        n += 1\n    return n, z",
    "while that ends at once": "y = x * 1\n    while y.sum() > 100: y = y * 0.5\n    return y",
    "while with else": "y = x * 1\n    while y.sum() < 100: y = y * y + 0.5\n    else: y = y - 1\n    return y",
    "while and a value afterwards": "y = x * 1\n    while abs(y).sum() > 1:\n        z = y + 1\n        y = y * 0.5\n    return y, z",
    "break": "t = x[0] * 0\n    for i in range(12):\n        t = t + x[i]\n        if t < -1.5: break\n    return t, i",
    "break and else": "t = x[0] * 0\n    for i in range(12):\n        t = t + x[i]\n        if t < -1.5: break\n"
    "    else: t = t * 100\n    return t, i",
    "return": "t = x[0] * 0\n    for i in range(12):\n        if t < -1.5: return i, t\n        t = t + x[i]\n    return t",
    "return or None": "for i in range(12):\n        x[i] = 2.0\n        if x.sum() > 4.001: return x\n    return None",
    "return of a carried array": "y = x * 1\n    for i in range(12):\n        if y.sum() > 3: return y\n        y = y * 0.5 + 1\n    return None",
    "return of several": "y = x * 1\n    for i in range(12):\n        z = y + 1\n        if y.sum() > 3: return y, z, x\n"
    "        y = y * 0.5 + 1\n    return None",
    "return from several places": "t = x[0] * 0\n    for i in range(12):\n        if x[i] > 0.9: return 1, t\n"
    "        t += x[i]\n        if t < -2: return 2, t\n    return 3, t",
    "a break inside": "for i in range(12):\n        for j in range(12):\n            if x[j] > x[i]: break\n"
    "            x[j] = x[j] + 0.1\n    return x",
    "a search": "def g(v):\n        for j in range(12):\n            if x[j] > v: return j\n        return -1\n    t = 0\n"
    "    for i in range(12): t += g(x[i] + 0.1)\n    return t",
    "a search for an array": "def g(v):\n        y = v * 1\n        for j in range(12):\n            if y.sum() > 3: return y\n"
    "            y = y * 0.5 + 1\n        return v\n    for i in range(12): x = g(x) - x * 0.5\n    return x",
    "insertion": "for i in range(1, 12):\n        j = i\n        while j > 0 and x[j - 1] > x[j] * -1:\n"
    "            x[j], x[j - 1] = x[j - 1] * 1, x[j] * 1\n            j -= 1\n    return x",
    "finally": "t = 0\n    for i in range(12):\n        try:\n            if x[i] > 0.2: break\n"
    "        finally:\n            t += 1\n    return t",
    "with": "t = x[0] * 0\n    for i in range(12):\n        with np.errstate(all='ignore'):\n"
    "            if x[i] > 0.2: break\n            t = t + x[i]\n    return t",
    "bisection": "lo, hi = x[0] * 0 - 4, x[0] * 0 + 4\n    while hi - lo > 1e-10:\n        mid = 0.5 * (lo + hi)\n"
    "        if mid ** 3 + mid > x[11]: hi = mid\n        else: lo = mid\n    return lo, hi, mid",
}  # fmt: skip


@pytest.mark.parametrize("what", [*BRANCHES, *EXITS, *MIXED])
def test_loops_that_look_at_data(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worth, "WRITTEN_OUT", 0)
    source = f"def f(x):\n    {(BRANCHES | EXITS | MIXED)[what]}\n"
    made = agrees(source, *CALLS, (X * 0,))
    assert not made.compiled.fallbacks
    assert loops_of(source, X.copy()) >= 1


SEEN = {
    "Python's float or NumPy's in two loops": "t = 0.0\n    for i in range(12):\n        for j in range(i):\n"
    "            if x[j] > 0.1: t += x[i]\n    return t",
    "what differs between Python's float and NumPy's": "t = 0.0\n    for i in range(12):\n        if x[i] > 0.1: t = x[i]\n"
    "        y = np.float32(2) * t\n    return t, y.dtype",
    "division by Python's zero": "t = 0.0\n    for i in range(12):\n        if x[i] > 0.8: t = x[i]\n        y = 1.0 / t\n"
    "    return t, y",
    "a constant that is how a loop is left": "for i in range(12):\n        for j in range(3): x[j] += 1\n"
    "        if x[0] > -9: return None\n    return j",
    "the length of what is selected": "for i in range(12):\n        if not len(x): break\n        m = abs(x) > 0.2\n"
    "        np.logical_not(m, m)\n        x = x[m] * 2\n    return x, i",
    "names that change places": "y = x * 1\n    z = x * 2\n    for i in range(12):\n        if x[i] > 0: y = z\n"
    "        else: z = y + 1\n    return y, z, y is z",
    "a number that becomes NumPy's": "b = -9.0\n    for i in range(12):\n        if x[i] > b: b = x[i]\n    return b",
    "a float that may become NumPy's": "t = 0.0\n    for i in range(12):\n        if x[i] > 0: t += x[i]\n    return t",
    "None first": "b = None\n    for i in range(12):\n        if b is None or x[i] > b: b = x[i]\n    return b",
    "an array that may be kept": "y = x * 1\n    z = y\n    for i in range(12):\n        for j in range(i):\n"
    "            if y[j] > 0.2: y = y * 0.5\n        y[0] = i\n    return y, z",
    "a name that may be empty": "for i in range(12):\n        if x[i] > 0.7: w = x[i]\n    return w",
    "lengths that differ": "y = x\n    for i in range(12):\n        if x[i] > 0.5: y = y[:-1]\n    return y",
    "dtypes that differ": "y = x * 1\n    for i in range(12):\n        if x[i] > 0.5: y = y > 0\n        else: y = y * 1.0\n    return y",
    "a list": "found = []\n    for i in range(12):\n        if x[i] > 0.2: found.append(x[i])\n    return found",
    "the condition binds": "k = 0\n    while (k := k + 1) < 20 and x[0] * k > -9: x = x * 0.9\n    return x, k",
    "an endless loop that raises": "k = 0\n    while True:\n        k += 1\n        if k > 15: raise KeyError(k)",
    "an exception that is caught": "t = 0\n    for i in range(12):\n        try:\n            if x[i] > 0.5: raise ValueError\n"
    "            t += 1\n        except ValueError:\n            t += 100\n    return t",
    "text": "s = ''\n    for i in range(12):\n        if x[i] > 0: s += 'a'\n    return s",
    "print": "for i in range(12):\n        if i > 9: print(i)\n    return x",
    "halves": "h = 6\n    while h >= 1:\n        x[:h] += x[h : 2 * h]\n        h //= 2\n    return x",
    "pop": "stack = [0, 3, 5]\n    while stack: x[stack.pop()] += 1\n    return x",
}  # fmt: skip


@pytest.mark.parametrize("what", SEEN)
def test_what_a_loop_does_with_data_is_done(what: str) -> None:
    agrees(f"def f(x):\n    {SEEN[what]}\n", *CALLS, (X * 3,), (X * 0.25,))


def test_a_name_that_may_be_empty_says_what_to_write() -> None:
    source = (
        "def f(x):\n    for i in range(12):\n        if x[i] > 5: w = x[i]\n"
        "    return w if x[0] > 5 else x * 2\n"
    )
    made = agrees(source, *CALLS)
    assert [str(why) for why in made.compiled.fallbacks if "bind it before the loop" in str(why)]


NOT_READ = {
    "a name for what is carried": "y = x * 1.0\n    for i in range(20):\n        new = y * 0.5 + x\n"
    "        if np.max(np.abs(new - y)) < 1e-3: break\n        y = new\n    return y",
    "a name of a new array on some ways": "y, e = x * 1.0, 1.0\n    for i in range(20):\n"
    "        new = y * 0.5\n        if new[0] < 0.25: y = new\n        else: e = e * 0.5\n    return y, e",
    "a name of both until the condition": "y, e = x * 1.0, 1.0\n    while e > 1e-3:\n        new = y * 0.5\n"
    "        e = np.max(np.abs(new - y))\n        y = new\n    return y",
    "unbound on some ways": "t = 0.0\n    for i in range(12):\n        if x[i] > 0:\n            w = x[i]\n"
    "            t += w\n    return t",
    "of other types on each way": "t = 0.0\n    for i in range(12):\n        if x[i] > 0: w = x\n"
    "        else: w = 1.0\n        t = t + np.sum(w)\n    return t",
    "a text": "t = 0.0\n    for i in range(12):\n        if x[i] > 0: how = 'up'\n        else: how = 'down'\n"
    "        t = t + (1.0 if how == 'up' else x[i])\n    return t",
}  # fmt: skip
"""Loops that bind names which nobody reads when an iteration is over."""


@pytest.mark.parametrize("what", NOT_READ)
def test_names_that_nobody_reads_do_not_hinder(what: str) -> None:
    source = f"def f(x):\n    {NOT_READ[what]}\n"
    made = agrees(source, *CALLS, (X * 0.25,))
    assert not made.compiled.fallbacks
    assert "unrolled" not in str(made.compiled.explain())
    assert loops_of(source, X.copy()) == 1


# -- derivatives ----------------------------------------------------------------------------------


def newton(a: Any) -> Any:
    x = a * 0 + 1.0
    while abs(x * x * x + x - a) > 1e-13:
        x = x - (x * x * x + x - a) / (3 * x * x + 1)
    return x


def test_newton_follows_the_implicit_function() -> None:
    value, slope = tg.compile(tg.value_and_grad(newton)), tg.compile(tg.grad(tg.grad(newton)))
    for a in (3.0, 7.0, 0.5):
        x, first = value(np.float64(a))
        assert abs(x**3 + x - a) < 1e-12
        implicit = 1 / (3 * x**2 + 1)
        numeric = (newton(np.float64(a + 1e-6)) - newton(np.float64(a - 1e-6))) / 2e-6
        assert first == pytest.approx(implicit, rel=1e-10)
        assert first == pytest.approx(numeric, rel=1e-7)
        assert slope(np.float64(a)) == pytest.approx(-6 * x * implicit**3, rel=1e-8)
    assert not value.fallbacks
    assert not slope.fallbacks


DIFFERENTIABLE = {
    "branches": "t = x[0] * 0\n    for i in range(12):\n        if x[i] > 0.1: t = t * 0.5 + np.sin(x[i])\n"
    "        elif i % 2: t = t - x[i] * x[i]\n        else: x[i] = t * 0.1\n    return t + (x * x).sum()",
    "break": "t = x[0] * 0 + 1\n    for i in range(12):\n        t = t * (1.1 + x[i] * 0.1)\n        if t > 1.3: break\n"
    "    return t",
    "while": "y = x * 1\n    while (y * y).sum() > 0.5: y = y * 0.8 + 0.01 * np.cos(x)\n    return (y * x).sum()",
    "return": "t = x[0] * 0\n    for i in range(12):\n        if x[i] > 0.3: return t * x[i]\n        t = t + x[i] ** 2\n"
    "    return t",
    "a while for each element": "y = x * 0\n    for i in range(12):\n        v = x[i]\n"
    "        while abs(v * v * v + v - x[i]) > 1e-13: v = v - (v * v * v + v - x[i]) / (3 * v * v + 1)\n"
    "        y[i] = v\n    return (y * x).sum()",
    "a while for some elements": "y = x * 0\n    for i in range(12):\n        v = x[i] * 1.0\n        if v > 0.1:\n"
    "            while v < 3: v = v * 1.5 + 0.1 * np.sin(v)\n        else: v = v * v\n        y[i] = v\n    return (y * x).sum()",
    "a while in a while": "y = x[10] * 1\n    t = x[0] * 0\n    while y < 9:\n        z = y * 1\n        while z > 0.5: z = z * 0.6\n"
    "        t = t + z * y\n        y = y * 1.3 + z\n    return t + (x * x).sum()",
    "nested": "t = x[0] * 0\n    for i in range(12):\n        for j in range(i):\n            if x[j] < x[i] * 0.5: continue\n"
    "            t = t + x[i] * x[j]\n    return t",
}  # fmt: skip


@pytest.mark.parametrize("what", DIFFERENTIABLE)
def test_derivatives_through_what_looks_at_data(what: str) -> None:
    function, _ = program(f"def f(x):\n    x = x * 1\n    {DIFFERENTIABLE[what]}\n")()
    gradient = tg.compile(tg.grad(function))
    rng = np.random.default_rng(1)
    for scale in (1.0, 1.3):
        x, direction = X * scale + 0.013, rng.normal(size=12)
        numeric = (function(x + 1e-6 * direction) - function(x - 1e-6 * direction)) / 2e-6
        for _ in range(2):
            assert gradient(x) @ direction == pytest.approx(numeric, rel=1e-6, abs=1e-8)
        _, tangent = tg.compile(tg.jvp)(function, (x,), (direction,))
        assert tangent == pytest.approx(numeric, rel=1e-6, abs=1e-8)
    assert not gradient.fallbacks


PRODUCTS = {
    "a product": "s += a[i, k] * b[k, j]",
    "a product of some": "if a[i, k] > 0.2 and b[k, j] != 0: s += a[i, k] * b[k, j]\n"
    "                elif a[i, k] < -0.5: s -= 1.0\n                else: continue",
}


@pytest.mark.parametrize("what", PRODUCTS)
def test_matrix_products_with_a_sum_from_zero(what: str) -> None:
    source = (
        "def f(a, b):\n    n = a.shape[0]\n    c = np.zeros((n, n))\n    for i in range(n):\n"
        "        for j in range(n):\n            s = 0.0\n            for k in range(n):\n"
        f"                {PRODUCTS[what]}\n            c[i, j] = s if s > 1 else -s\n    return c\n"
    )
    pairs = np.random.default_rng(0).normal(size=(3, 2, 12, 12))
    made = agrees(source, *map(tuple, pairs))
    assert not made.compiled.fallbacks
    assert loops_of(source, *pairs[0]) == 3


HUGE = 2**63


@pytest.mark.parametrize(
    "bounds",
    [
        (0, HUGE, 1),
        (0, 2**70, 2**60),
        (HUGE, HUGE + 12, 1),
        (-HUGE, HUGE - 1, 2**62),
        (0, 12, 2**70),
        (12, 0, -(2**70)),
    ],
)
def test_ranges_whose_length_or_numbers_are_no_int64(bounds: tuple[int, int, int]) -> None:
    def f(x: Any, start: int, stop: int, step: int) -> Any:
        n = 0
        for i in range(start, stop, step):
            if n >= 10:
                break
            x[n] += i
            n += 1
        return x, n

    agree(made(f), (X, 0, 12, 1), (X, 0, 20, 1), *[(X, *bounds)] * 3, (X, 0, 12, 1))
    agree(made(f), *[(X, *bounds)] * 3)
