"""Random programs of loops: ``python -m tests.random_programs.loops first count``.

Each is written as text, run plainly and compiled, and compared in all it does: results, arguments,
what shares memory, exceptions. Loops are long enough to be drawn, and run another number of times
in later calls.
"""

from __future__ import annotations

import linecache
import math
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from textwrap import indent
from typing import Any

import numpy as np

import tracegraph as tg

OUTER = (
    "range(n)", "range(1, n)", "range(n - 1)", "range(n - 1, 0, -1)", "range(0, n, 2)", "range(9)",
    "range(s)", "range(len(b))",
)  # fmt: skip
INNER = (
    "range(m)", "range(i)", "range(1, m)", "range(2)", "range(m - 1, -1, -1)", "range(3)",
    "range(int(abs(x[0])) % m)", "range(k % m)",
)  # fmt: skip
STATEMENTS = (
    "x = np.tanh(x) + t", "t += 0.25", "y = y * 0.5 + b", "y *= 0.9", "x = x + 0.1 * x.sum()",
    "z = x", "A *= 0.99", "b = b * 0.5", "x = np.sin(x) * 0.9", "y = np.cumsum(b) * 0.1",
    "x, y = y[:m] * 1, b + t", "x, z = z, x", "z = x * 1", "w = x + 1", "w = None", "x[0] = t",
    "k = k + 1", "k = (k * 3 + 1) % m", "x[k] = t", "t = t + float(x[0])",
    "p = (p[0] * 0.9 + x, p[1] + t)", "p = (x * 1, p[1])", "p = (p[0] * 0.5, p[1] + k)",
    "t = p[1] * 0.1", "x = p[0] * 0.5", "q = p", "p = (p[0] + q[0] * 0.1, q[1])",
    "d = {'x': d['x'] * 0.9, 't': t}", "d = {k: v * 0.5 for k, v in d.items()}", "t = d['t'] * 0.5",
    "e = d", "d = {**d, 't': e['t'] + 0.5}", "d['t'] = d['t'] * 0.5 + t", "d['x'] = x * 0.5",
    "r[0] += 0.25", "r[1] = t", "e['t'] += 0.5", "r = [v * 0.5 for v in r]", "r = [r[1], x[0] + t]",
    "t = t + round(float(x[0]), 1)", "k = k + round(x[0])", "k = k + int(t)", "x[k % m] = int(t)",
    "k = max(k, math.floor(x[0]), 1)", "k, t = divmod(t, 0.75)", "k = int(t) // 2 % 7",
    "A[k % n][0] += t", "w = A[k % n]", "A[k % n, 1:] = x[1:]", "x = x + A[k % n]",
    "t = t + x[0].item() * (-1) ** k", "t = math.sqrt(abs(x[0]))",
)  # fmt: skip
OF_OUTER = (
    "A[i][1] = t", "w = A[i]",
    "x = x * 0.5 + A[i]", "t = t * 0.9 + b[i]", "A[i] = x", "A[i] += x", "A[i, 0] = t",
    "b[i] += 0.125", "x[0] = b[i]", "A[i] = A[i - 1] * 0.5", "t = A[i, :i].sum() * 0.1",
    "x = np.where(x > t, x * 0.5, x + i)", "z = A[i]", "w = x * i", "t = t + i", "A[i:] += 0.01",
    "A[1:, 0] = A[:-1, 0] * 0.5 + i", "A[i, min(i, m - 1)] = t", "z = A[i:]", "A[i] = A[0] + b[i]",
    "t = A[:i, 0].sum() * 0.1",
    "k = k + int(b[i] * 3)", "b[i] = int(b[i] * 4) / 4", "A[i, int(abs(b[i])) % m] += 1",
    "x[round(b[i]) % m] = t", "k = k * (-1) ** i",
)  # fmt: skip
OF_INNER = (
    "A[:, j] += t", "A[i, j] *= 0.5", "x[j] += b[i] * 0.1", "A[0, j] += A[1, j - 1]",
    "t = A[0, :j].sum() * 0.1", "t = t * 0.5 + A[i, j]", "x = x * 0.5 + j", "z = A[:, j]",
    "k = k + int(x[j])", "A[i, j] = round(A[i, j], 1)",
)  # fmt: skip
TESTS = (
    "i > 2", "i % 2 == 0", "w is None", "s > 4", "i >= 0", "i < 100", "t > 0", "b[i] > 0",
    "x.sum() < t", "b[i] > 0 and t < 3", "not k % 2", "i > 3 or t < 0.2", "0 < i < 6",
    "(x > 0).all()", "A[i, 0] < A[i, -1]", "k == i", "abs(t) > 1 or x[0] > t",
    "int(t)", "round(x[0]) == k",
)  # fmt: skip
CHOICES = ("t = t if {} else t * 0.5", "x = x * (0.5 if {} else 0.25)", "k = 1 if {} else k")
EXITS = ("break", "continue", "return x, t", "return A", "return k", "return None")
OVER_ARRAYS = (
    ("for i, v in enumerate(b):", "t = t * 0.5 + v"),
    ("for i, (v, r) in enumerate(zip(b, A)):", "x = x * 0.5 + r * v"),
    ("for i, r in enumerate(A):", "r *= 0.5"),
    ("for i in reversed(range(n)):", "b[i] = t"),
    ("for i, (r, q) in enumerate(zip(A, A[::-1])):", "q[0] = r[1]"),
    ("for i, v in enumerate(reversed(b)):", "b[i] = v + 0.5; t = t * 0.5 + v"),
    ("for i, v in enumerate(b):", "b[i] = 0.25; t = t * 0.5 + v"),
)
WHILES = ("t < 4", "abs(b[i]) < 1.5", "x.sum() < 9", "True", "k < 40")
AFTERWARDS = (
    "pass", "x = x + y.sum()", "A[1] += x", "t = t * 2", "y += 1", "z = x", "b[0] = t",
    "z[...] = 0", "x = x + i", "k = k + 1",
)  # fmt: skip
RESULTS = (
    "A, x, t", "x, y, b", "A, z, s", "A, b, x, y, t, w", "A, x, k", "z, w, i", "p, q, t",
    "p, x, A", "d, e, x", "[d, r, p]",
)  # fmt: skip


class Writer:
    """Writes the text of one function ``f(A, b, s)``: a matrix, a vector and a number."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def choose_pair(self, things: tuple[tuple[str, str], ...]) -> tuple[str, str]:
        return things[int(self.rng.integers(len(things)))]

    def choose(self, things: tuple[str, ...]) -> str:
        return things[int(self.rng.integers(len(things)))]

    def text(self) -> str:
        lines = ["n, m = A.shape", "x = A[0] * 1", "t = 0.5", "y = b * 2", "z = x", "w = None"]
        lines += ["k = 0", "p = q = (x * 2, t)", "d = e = {'x': x, 't': t}", "r = [t, 1.0]"]
        for _ in range(int(self.rng.integers(1, 3))):
            lines += [self.loop("i", OUTER), self.choose(AFTERWARDS)]
        lines.append(f"return {self.choose(RESULTS)}")
        return "def f(A, b, s):\n" + indent("\n".join(lines), "    ")

    def loop(self, name: str, headers: tuple[str, ...]) -> str:
        body = [self.statement(name) for _ in range(int(self.rng.integers(1, 4)))]
        header, before, after = f"for {name} in {self.choose(headers)}:", "", ""
        if self.rng.random() < 0.2 and name == "i":
            header, row = self.choose_pair(OVER_ARRAYS)
            body.append(row)
        if self.rng.random() < 0.2 and name == "i":  # of which the test looks at data
            header, before = f"while {self.choose(WHILES)} and i < n - 1:", "i = 0\n"
            is_late = self.rng.random() < 0.7 and not any("continue" in line for line in body)
            body = [*body, "i += 1"] if is_late else ["i += 1", *body]
        if self.rng.random() < 0.15:
            after = f"\nelse:\n    {self.choose(STATEMENTS)}"
        return before + header + "\n" + indent("\n".join(body), "    ") + after

    def statement(self, name: str) -> str:
        kind = self.rng.random()
        if kind < 0.15 and name == "i":
            return self.loop("j", INNER)
        simple = self.choose((*STATEMENTS, *(OF_OUTER * 2 if name == "i" else OF_INNER * 4)))
        return self.branch(simple, name) if kind > 0.8 else simple

    def branch(self, simple: str, name: str) -> str:
        """Return a statement that is run under a condition, or one that holds a condition."""
        test, kind = self.choose(TESTS), self.rng.random()
        if kind < 0.2:
            return self.choose(CHOICES).format(test)
        if kind < 0.35:
            return f"if {test}: {self.choose(EXITS)}"
        if kind < 0.4:
            return f"assert not ({test}) or t < 5, 'too large'"
        lines = [f"if {test}:", indent(simple, "    ")]
        if kind > 0.6:
            lines += [f"elif {self.choose(TESTS)}:", f"    {self.choose(STATEMENTS)}"]
        if kind > 0.75:
            lines += ["else:", indent(self.statement(name), "    ")]
        return "\n".join(lines)


CALLS = ((9, 4, 9), (9, 4, 9), (12, 5, 10), (14, 6, 11), (10, 4, 2), (1, 1, 0))


def arguments(call: int) -> tuple[Any, ...]:
    """Return the arguments of a call: a matrix, a vector and a number."""
    rng = np.random.default_rng(call)
    n, m, s = CALLS[call]
    return rng.normal(size=(n, m)), rng.normal(size=n), s


def outcome(function: Any, args: tuple[Any, ...]) -> tuple[Any, Any]:
    """Return what a function gives or raises, and what became of its arguments."""
    given = tuple(a.copy() if isinstance(a, np.ndarray) else a for a in args)
    try:
        result: Any = function(*given)
    except Exception as error:
        result = type(error), str(error)
    return result, given


def differs(a: Any, b: Any) -> str | None:
    """Return in what two outcomes differ."""
    if type(a) is not type(b) or (isinstance(a, tuple | list) and len(a) != len(b)):
        return f"{a!r}, expected {b!r}"
    if isinstance(a, dict):
        return differs([*a.items()], [*b.items()])
    if isinstance(a, tuple | list):
        return next(filter(None, map(differs, a, b)), None)
    if isinstance(a, np.ndarray) and (a.dtype, a.shape) != (b.dtype, b.shape):
        return f"{a.dtype}{a.shape}, expected {b.dtype}{b.shape}"
    if isinstance(a, np.ndarray | float):
        near = np.allclose(a, b, rtol=1e-8, atol=1e-8, equal_nan=True)
    else:
        near = a is b or a == b
    return None if near else f"{a!r}, expected {b!r}"


def shared(outcome: tuple[Any, Any]) -> list[tuple[int, int]]:
    """Return which arrays and dicts of an outcome share memory."""
    arrays = [one for one in parts(outcome) if isinstance(one, np.ndarray | dict)]
    pairs = [(i, j) for i in range(len(arrays)) for j in range(i)]
    return [(i, j) for i, j in pairs if is_one(arrays[i], arrays[j])]


def parts(one: Any) -> list[Any]:
    """Return all that is in containers, and these."""
    items = one.values() if isinstance(one, dict) else one if isinstance(one, tuple | list) else ()
    return [one, *(part for item in items for part in parts(item))]


def is_one(one: Any, other: Any) -> bool:
    """Return whether two arrays share memory, or two containers are one."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return np.shares_memory(one, other)
    return one is other


def defined(text: str, filename: str) -> Any:
    """Return the function of a text."""
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    names: dict[str, Any] = {"np": np, "math": math, "__name__": "program"}
    exec(compile(text, filename, "exec"), names)
    return names["f"]


def check(seed: int, writer: Callable[[int], Writer] = Writer) -> tuple[str | None, str, list[str]]:
    """Return what is wrong with a program, its text, and why it is not compiled."""
    text = writer(seed).text()
    plain, compiled = (
        defined(text, f"<loops {seed} {number}>") for number in range(2)
    )  # of one text, in two files
    compiled = tg.compile(compiled)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for call in (0, 1, 2, 3, 3, 4, 0, 5, 2):
            expected = outcome(plain, arguments(call))
            got = outcome(compiled, arguments(call))
            fault = differs(got, expected)
            if fault is None and shared(got) != shared(expected):
                fault = "memory is shared otherwise"
            if fault is not None:
                return f"call {call}: {fault}", text, []
    return None, text, [str(why) for why in compiled.fallbacks]


def main(first: int, count: int, writer: Callable[[int], Writer] = Writer) -> None:
    """Try some seeds, and print what is wrong, then why programs are not compiled."""
    reasons: Counter[str] = Counter()
    for seed in range(first, first + count):
        fault, text, why = check(seed, writer)
        reasons.update(one.partition(": ")[2] for one in why)
        if fault or any("fault of tracegraph" in one for one in why):
            print(f"==== seed {seed}: {fault or why}\n{text}\n", flush=True)
    for reason, times in reasons.most_common():
        print(times, reason)
    print(f"{count} programs")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
