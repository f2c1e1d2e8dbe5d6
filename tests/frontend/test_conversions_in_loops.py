"""Loops whose bodies make Python numbers of data: ``int``, ``round``, ``math.floor``, ``range``."""
# ruff: noqa: E501  # programs are easier to read on one line

import math
import warnings
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import agrees, program
from tests.frontend.support import agree
from tests.frontend.test_loops import loops_of
from tracegraph.control import worth

pytestmark = pytest.mark.slow  # no interpreter differs in this; tests/twin has what does

X = np.linspace(-4.0, 4.0, 12)
CALLS = [(X,), (X * 1.5 + 0.1,), (X * -0.7,)]
WRONG = (math.nan, math.inf, -math.inf, 1e19, -1e300, 2.0**63, -(2.0**63), 2.0**62)
"""What ``int`` raises for, or makes an int of that is not in int64, or not surely."""

NUMBERS = {
    "int": "k = 0\n    for v in x: k += int(v)\n    return k",
    "int of a Python float": "k = 0\n    for v in x: k += int(float(v) * 3)\n    return k",
    "int of a comparison": "k = 0\n    for v in x: k += int(v > 1) + bool(v)\n    return k",
    "int of an integer": "k = 0\n    for v in x.astype(int): k += int(v) % 3\n    return k",
    "int of what is small": "k = 0\n    for v in x.astype('f4'): k += int(v) + int(np.int8(v)) + int(abs(v).astype('u4'))\n    return k",
    "the last": "for v in x: k = int(v)\n    return k",
    "floor, ceil and trunc": "k = 0\n    for v in x: k += math.floor(v) * 100 + math.ceil(float(v)) * 10 + math.trunc(v)\n    return k",
    "round": "k = 0\n    for v in x: k += round(v) + round(float(v) * 2)\n    return k",
    "round to digits": "t = 0.0\n    for v in x: t += round(float(v), 2) + float(round(v, 1)) + round(int(v), 2)\n    return t",
    "item": "t = 0.0\n    for i in range(12): t += x[i].item() + x.item(i) * 2 + x[i : i + 1].item()\n    return t",
    "index": "k = 0\n    for i in range(12): k += operator.index(x.argmax() + i) + operator.index(int(x[i]))\n    return k",
    "divmod": "k, t = 0, 0.0\n    for v in x:\n        a, b = divmod(float(v), 0.75)\n        c, d = divmod(int(v), 3)\n        t += a + b\n        k += c * d\n    return k, t",
    "a quotient": "k = 0\n    for v in x: k += int(v // 0.5) + int(float(v) // 0.3) + int(v) // 2 + int(v) % 5\n    return k",
    "minimum and maximum": "k = 0\n    for v in x: k = max(k, min(int(v), 2), 1)\n    return k",
    "sum": "k = 0\n    for v in x: k += sum([int(v), round(v), 3])\n    return k",
    "math": "t = 0.0\n    for v in x: t += math.sqrt(abs(v)) + math.exp(v / 3) + math.fabs(v) + math.hypot(v, 1)\n    return t",
    "real": "t = 0.0\n    for v in x: t += complex(v).real + float(v).real + (v > 0).real + complex(v).imag\n    return t",
    "powers": "k = 0\n    for v in x: k += 2 ** abs(int(v)) + abs(int(v)) ** abs(round(v)) + (-1) ** abs(int(v))\n    return k",
    "powers of the number": "t = 0.0\n    for i in range(12): t += (-1) ** i * x[i] / (2 * i + 1) + float(3**i)\n    return t",
    "functions of the number": "t = 0.0\n    for i in range(12): t += math.sqrt(i) * x[i] + round(i) + math.exp(-i) + operator.index(i)\n    return t",
    "powers that are floats": "t = 0.0\n    for i in range(12): t += x[i] * 2**-i + (i + 1) ** -2 + 10 ** (3 - i)\n    return t",
    "shifts": "k = 0\n    for i in range(12): k += (1 << i) + (int(x[i] * 9) << 2) + (-77 >> abs(int(x[i])))\n    return k",
    "a place": "for v in x * 1: x[int(v) + 5] += round(v)\n    return x",
    "a branch": "k = 0\n    for v in x:\n        if int(v) == 2 or not round(v): k += 1\n    return k",
    "a branch for some": "k = 0\n    for v in x:\n        if v > 0: k += int(v)\n        else: k -= round(-v)\n    return k",
    "a function": "def g(v):\n        if v > 0: return int(v)\n        return -int(-v * 2)\n    k = 0\n    for v in x: k += g(v)\n    return k",
    "while": "t = x[0]\n    while int(t) < 20: t = t + 1.5\n    return t",
    "break": "for v in x:\n        k = round(v, 1)\n        if k > 2: break\n    return k",
    "return": "for v in x:\n        k = int(v)\n        if k > 1: return k\n    return None",
    "a list": "r = []\n    for v in x: r.append(int(v))\n    return r",
    "types": "t = 0\n    for v in x:\n        t += type(int(v)) is int and type(round(v)) is int and type(v.item()) is float\n"
    "        t += type(math.floor(v)) is int and type(round(v, 1)) is np.float64 and type(math.sqrt(abs(v))) is float\n    return t",
    "a histogram": "h = np.zeros(10, int)\n    for v in x:\n        k = int((v + 4) / 0.8)\n        if 0 <= k < 10: h[k] += 1\n    return h",
}  # fmt: skip


RANGES = {
    "rows of a sparse matrix": "p = np.minimum(np.arange(0, 26, 2), 20).astype('i4')\n    q = (np.arange(20) * 7 % 12).astype('i4')\n"
    "    y = np.zeros(12)\n    for i in range(12):\n        s = 0.0\n        for k in range(p[i], p[i + 1]): s += x[q[k]] * k\n"
    "        y[i] = s\n    return y",
    "bubble sort": "n = len(x)\n    for i in range(n):\n        swapped = False\n        for j in range(n - i - 1):\n"
    "            if x[j] > x[j + 1]:\n                x[j], x[j + 1] = x[j + 1], x[j]\n                swapped = True\n"
    "        if not swapped: break\n    return x",
    "a number": "k = 0\n    for v in x:\n        for j in range(int(v) % 5): k += j\n    return k",
    "bounds and a step": "k = 0\n    for v in x:\n        for j in range(int(v) % 5, -3, -2): k += j\n        else: k += 100\n    return k",
    "both bounds": "k = 0\n    j = -1\n    for v in x:\n        for j in range(int(v), int(2 * v) + 4, 2):\n            if j % 3 == 2: break\n"
    "            k += j\n    return k, j",
    "reversed": "y = x * 0\n    for v in x:\n        for j in reversed(range(int(v) % 7)): y[j] += v\n    return y",
    "enumerate and zip": "k = 0\n    for v in x:\n        for m, j in enumerate(range(1, int(v) % 7), 5): k += j * m\n"
    "        for j, w in zip(range(int(v)), x): k += int(w) * j\n    return k",
    "return from inside": "def g(v):\n        for j in range(int(v)):\n            if x[j] > -3: return j\n        return 9\n    k = 0\n"
    "    for v in x: k += g(v)\n    return k",
    "within each other": "k = 0\n    for v in x:\n        for j in range(int(v)):\n            for m in range(j): k += m\n    return k",
}  # fmt: skip


@pytest.mark.parametrize("what", [*NUMBERS, *RANGES])
def test_loops_that_make_python_numbers(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worth, "WRITTEN_OUT", 0)
    source = f"import math, operator\n\n\ndef f(x):\n    {(NUMBERS | RANGES)[what]}\n"
    made = agrees(source, *CALLS, native=len(CALLS) - 1)
    assert not made.compiled.fallbacks
    assert "unrolled" not in str(made.compiled.explain())
    assert loops_of(source, X.copy()) >= 1


TO_INTS = {
    "int": "int(v)",
    "int of a Python float": "int(float(v))",
    "floor": "math.floor(v)",
    "ceil of a Python float": "math.ceil(float(v))",
    "round": "round(v)",
    "round of a Python float": "round(float(v))",
    "a function": "g(v)",
    "a branch": "int(v) if v != 1e19 else 7",
    "a float again": "float(int(v))",
    "a float of what is rounded": "round(v) / 2",
    "a place": "x[int(v) % 12]",
    "a range": "len([None for _ in range(int(v) % 5)])",
    "a power": "3 ** (int(v) % 50)",
}


@pytest.mark.parametrize("begin", [X, np.where(X[5] == X, WRONG[0], X), np.where(X > 0, 1e19, X)])
@pytest.mark.parametrize("what", TO_INTS)
def test_what_is_no_int64_raises_or_is_a_big_int(what: str, begin: Any) -> None:
    source = (
        "import math\n\n\ndef f(x):\n    def g(v): return int(v) - 1\n    k = 0\n"
        f"    for v in x: k = k + {TO_INTS[what]}\n    return k\n"
    )
    wrong = [(np.where(X[5] == X, one, X),) for one in WRONG]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tg.FallbackWarning)  # of a sum that is outside of int64
        agrees(source, (begin,), *CALLS, *wrong, *CALLS)


def test_after_what_is_no_int64_native_code_goes_on() -> None:
    source = "def f(x):\n    k = 0\n    for v in x: k = k + int(v) % 9\n    return k\n"
    made = agrees(source, *CALLS, (np.where(X > 3, math.nan, X),), (X * 1e18,))
    assert made.is_native(X)
    assert not made.is_native(X * 1e19)
    assert not made.compiled.fallbacks


def test_an_assumption_counts_only_on_its_way() -> None:
    source = "def f(x):\n    k = 0\n    for v in x:\n        if abs(v) < 100: k = k + int(v)\n    return k\n"
    made = agrees(source, *CALLS)
    for one in WRONG:
        assert made.is_native(np.where(X > 3, one, X))


@pytest.mark.parametrize("digits", [0, 1, 2, 3, 7, 22])
def test_round_to_digits_is_exact(digits: int) -> None:
    source = (
        f"def f(x):\n    y = x * 0\n    for i in range(len(x)):\n        y[i] = round(float(x[i]), {digits})\n"
        "    return y\n"
    )
    rng, small = np.random.default_rng(digits), 10.0**-digits
    halves = (rng.integers(-9999, 9999, 400) + 0.5) * small
    special = [0.0, -0.0, -0.4 * small, math.inf, -math.inf, 1e300, 2.0**53 + 2]
    parts = (halves, np.nextafter(halves, 9), rng.integers(-999, 999, 400) / 64, special)
    x = np.concatenate([part for part in parts if digits < 22 or part is not parts[2]])
    made = agrees(source, (x[:20],), (x[20:40],), (x,), (x * 1,))
    assert made.is_native(x)
    agrees(source, (x[:20],), (np.full(20, 2.0**51 + 0.5),), (np.full(20, math.nan),))


EDGES: dict[str, tuple[str, list[list[float]]]] = {
    "a power": ("3 ** int(v)", [[0, 39], [0, 40], [41, 1], [-1, 2], [100, 2]]),
    "a power of a computed number": (
        "int(v) ** int(w)", [[2, 61], [2, 62], [-2, 63], [0, 0], [-1, 999], [1, 999], [7, -1], [0, -1]],
    ),
    "a power of -1": ("(-1) ** int(v)", [[0, 0], [999, 0], [998, 0], [-1, 0]]),
    "a shift": ("int(v) << int(w)", [[1, 60], [1, 62], [1, 64], [-3, 60], [0, 99], [1, -1]]),
    "a shift to the right": ("int(v) >> int(w)", [[9, 2], [-9, 61], [-9, 64], [9, -1]]),
    "divmod": ("divmod(int(v), int(w))[0]", [[9, 2], [-9, 2], [9, 0]]),
    "divmod of floats": ("divmod(float(v), float(w))[1]", [[9, 2], [-9, 0.3], [9, 0]]),
}  # fmt: skip


@pytest.mark.parametrize("what", EDGES)
def test_what_leaves_int64_or_raises_is_python_s(what: str) -> None:
    text, pairs = EDGES[what]
    source = (
        "def f(x, y):\n    r = 0\n    for i in range(len(x)):\n        v, w = x[i], y[i]\n"
        f"        r = {text}\n    return r\n"
    )
    calls = [tuple(np.full(20, float(one)) for one in pair) for pair in pairs]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tg.FallbackWarning)  # of a result of another type
        agrees(source, *[call for call in calls for _ in range(2)], *calls)


DIFFERENTIABLE = {
    "int": "t = x[0] * 0\n    for v in x: t = t + v * v * int(v + 9.3)\n    return t",
    "float": "t = 0.0\n    for v in x: t = t + float(v) ** 2 * round(float(v) + 0.11)\n    return t",
    "digits": "t = x[0] * 0\n    for v in x: t = t + v * round(float(v), 1)\n    return t",
    "item": "t = 0.0\n    for v in x: t = t + v.item() * v.item()\n    return t",
    "a range of places": "p, q = np.array([0, 2, 2, 5, 9]), np.arange(9) % 5\n    t = 0.0\n    for i in range(4):\n        s = 0.0\n"
    "        for k in range(p[i], p[i + 1]): s += x[k] * x[q[k]]\n        t = t + s * s\n    return t",
    "a range": "t = x[0] * 0\n    for v in x:\n        for j in range(int(v + 9) % 4): t = t + v * x[j]\n    return t",
}  # fmt: skip


@pytest.mark.parametrize("what", DIFFERENTIABLE)
def test_derivatives_of_conversions(what: str) -> None:
    """What is made whole has no derivative, what is made a Python float has its own."""
    function, _ = program(f"def f(x):\n    {DIFFERENTIABLE[what]}\n")()
    gradient = tg.compile(tg.grad(function))
    direction = np.random.default_rng(1).normal(size=12)
    for scale in (1.0, 1.3):
        x = X * scale + 0.017
        numeric = (function(x + 1e-7 * direction) - function(x - 1e-7 * direction)) / 2e-7
        for _ in range(2):
            assert gradient(x) @ direction == pytest.approx(numeric, rel=1e-5)
    assert not gradient.fallbacks
    assert "unrolled" not in str(gradient.explain())


def test_a_derivative_of_what_is_no_int64_is_refused() -> None:
    """The graph has computed something else than Python."""

    def f(x: Any) -> Any:
        t = x[0] * 0
        for v in x:
            t = t + v * float(int(v * 1e19))
        return t

    for gradient in (tg.grad(f), tg.compile(tg.grad(f))):
        with pytest.raises(tg.DifferentiationError, match="in the range of int64"):
            gradient(np.linspace(1.0, 2.0, 12))
        np.testing.assert_allclose(gradient(np.linspace(0.01, 0.1, 12))[0], 1e17)


REFUSED = {
    "a place in a list": ("for v in x: k += [3, 4, 5][int(v) % 3]", "a place in a list"),
    "a length": ("for v in x: k += len(range(int(v)))", "no `for` runs over it"),
    "an attribute": ("for v in x: k += int(v).bit_length()", "'bit_length'"),
    "a key": ("for v in x: k += {0: 1, 1: 2}[int(v) % 2]", "a key in a dict"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_needs_a_value_is_named(what: str) -> None:
    text, reason = REFUSED[what]
    made = agrees(f"def f(x):\n    k = 0\n    {text}\n    return k\n", *CALLS)
    assert [
        line
        for line in str(made.compiled.explain()).splitlines()
        if reason in line and ":3:" in line
    ]


def adds(x: Any) -> Any:
    def body(i: Any, k: Any) -> Any:
        for j in range(k % 5):
            k = k + j
        return max(k + int(x[i]) * 2, round(x[i]), -3)

    return tg.fori_loop(0, 12, body, 0)


def goes_on(x: Any) -> Any:
    return tg.while_loop(
        lambda s: int(s[0]) < 20, lambda s: (s[0] + 1.5, s[1] + round(s[0])), (x[0], 0)
    )


def chooses(x: Any) -> Any:
    return tg.cond(x[0] < 0, lambda v: int(v.sum() * 3), lambda v: math.floor(v[0]), x)


@pytest.mark.parametrize("function", [adds, goes_on, chooses])
def test_given_functions_may_make_ints(function: Any) -> None:
    made = agree(lambda: function, *CALLS, native=len(CALLS) - 1)
    assert not made.compiled.fallbacks


MAPPED = {
    "int": "return int(x[0]) * x",
    "a result": "return int(x[0] * 9)",
    "a place": "return x[int(abs(x[0])) % 12] + x[x.argmax().item()]",
    "a branch": "return x * 2 if int(x[0]) > 1 else x",
    "floats": "return math.sqrt(abs(float(x[0]))) * round(float(x[1]), 1) + round(x[2])",
    "a range": "t = x[0] * 0\n    for j in range(int(abs(x[0]))): t = t + x[j]\n    return t",
}


@pytest.mark.parametrize("what", MAPPED)
def test_mapped_functions_may_make_numbers(what: str) -> None:
    function, _ = program(f"import math\n\n\ndef f(x):\n    {MAPPED[what]}\n")()
    mapped = tg.compile(tg.vmap(function))
    for seed in range(3):
        rows = np.random.default_rng(seed).normal(size=(5, 12)) * 3
        expected = np.stack([np.asarray(function(row)) for row in rows])
        for found in (tg.vmap(function)(rows), mapped(rows)):
            np.testing.assert_allclose(found, expected, rtol=1e-14)
            assert found.dtype == expected.dtype
    assert not mapped.fallbacks


def test_what_is_no_int64_for_one_example_is_refused() -> None:
    rows = np.array([[1.0, 2.0], [math.nan, 1.0]])
    with pytest.raises(tg.AbstractValueError, match="breaks an assumption"):
        tg.vmap(lambda x: int(x[0]) * x)(rows)
