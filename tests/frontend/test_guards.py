"""The trace tree: what a function decides by values holds for those values only, and both sides of
a decision run natively once each was seen."""

import operator
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import agrees
from tests.frontend.support import Counted, agree, made

X = np.linspace(-1, 1, 6)
Function = Callable[..., Any]


def one_branch(a: Any) -> Any:
    return a * 2 if a.sum() > 0 else a - 1


def nested_branches(a: Any) -> Any:
    if a.sum() > 0:
        if a.max() > 3:
            return a - 10
        return a * 2 if a[0] > 0.5 else a * 3
    if a.min() < -3:
        return a + 10
    return -a


def early_returns(a: Any) -> Any:
    for i in range(3):
        if a[i] < 0:
            return a * i, i
    return a, 3


def boolean_operators(a: Any) -> Any:
    return (a[0] > 0 and a[1] > 0) or a[2] < 0, not a[3] > 0, 0 < a[0] < 2, a[4] > 0 or a[5]


def conditional_expressions(a: Any) -> Any:
    return (1 if a[0] > 0 else 2) + (10 if a[1] > 0 else 20) + (a[2] if a[2] > 0 else -a[2])


def any_all(a: Any) -> Any:
    if (a > 0).all():
        return a * 2
    if np.any(a > 0.5):
        return a * 3
    return a


def comparison_of_floats(a: Any) -> Any:
    x, y = float(a[0]), float(a[1])
    return x if x > y else y


def elif_chain(a: Any) -> Any:
    s = a.sum()
    if s < -1:
        r = "low"
    elif s < 1:
        r = "middle"
    elif s < 3:
        r = "high"
    else:
        r = "huge"
    return r, s


def after_a_write(a: Any) -> Any:
    b = a.copy()
    b[0] = 5
    if b.sum() > 5:
        b[1] = 7
    if b[1] > 6:
        b += 1
    return b


BRANCHES = [
    one_branch, nested_branches, early_returns, boolean_operators, conditional_expressions, any_all,
    comparison_of_floats, elif_chain, after_a_write,
]  # fmt: skip
VARIED = [X, X + 1, X - 1, X * 5, X * 5 + 1, X * 5 - 1, X + 0.3, X[::-1].copy(), X * 0, -X]


@pytest.mark.parametrize("function", BRANCHES, ids=lambda f: f.__name__)
def test_every_path_is_native_after_it_was_seen(function: Function) -> None:
    calls = [(v,) for v in VARIED]
    agree(made(function), *calls, *calls, *reversed(calls), native=2 * len(calls))


@pytest.mark.parametrize("function", BRANCHES, ids=lambda f: f.__name__)
def test_no_more_traces_than_paths(function: Function) -> None:
    compiled = Counted(function)
    for value in VARIED * 3:
        compiled(value.copy())
    assert len(compiled.compiled.traces) == compiled.slow
    assert not compiled.compiled.fallbacks


def test_while_on_data_has_a_path_for_each_number_of_turns() -> None:
    def halve(a: Any) -> Any:
        turns = 0
        while a.max() > 0.1:
            a = a * 0.5
            turns += 1
        return a, turns

    calls = [(X * k,) for k in (1, 2, 4, 1, 2, 4, 0, 3)]
    agree(made(halve), *calls, *calls, native=len(calls))


def test_a_path_beyond_the_cap_runs_eagerly_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    limit = 6
    monkeypatch.setattr(sys.modules["tracegraph.compile"], "TRACE_LIMIT", limit)

    def turns(a: Any) -> Any:
        kept: list[Any] = []  # so that the loop is no single operation
        while a[0] > 0:
            a = a - 1
            kept.insert(0, a)
        return len(kept)

    compiled = tg.compile(turns)
    for n in range(limit):
        assert compiled(np.array([float(n)])) == n
    with pytest.warns(tg.FallbackWarning, match="different"):
        assert compiled(np.array([float(limit)])) == limit
    assert len(compiled.traces) == limit
    assert [n for n in range(limit + 6) if compiled(np.array([float(n)])) != n] == []


# -- what guards compare --------------------------------------------------------------------------

SPECIAL = [0.0, -0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 5e-324, 2.0**60, 0.5]
LOOKS = {
    "the truth of a number": lambda a: 1 if a[0] else 2,
    "the truth of a float": lambda a: 1 if float(a[0]) else 2,
    "a number as text": lambda a: str(float(a[0])) + "!",
    "a number as a key": lambda a: {0.0: "zero", 1.0: "one"}.get(float(a[0])),
    "a scalar as a key": lambda a: {0.0: "zero", 1.0: "one"}.get(a[0]),
    "a number in a tuple": lambda a: a[0] in (0.0, 1.0),
    "a number rounded": lambda a: round(float(a[0])) if abs(a[0]) < 10 else None,
    "the sign of zero": lambda a: np.copysign(1.0, a[0]) > 0 and "+",
    "equal to itself": lambda a: "nan" if a[0] != a[0] else "number",
    "is finite": lambda a: "finite" if np.isfinite(a[0]) else "not",
    "the hash": lambda a: hash(float(a[0])) if a[0] == a[0] else None,
    "a number in text that decides": lambda a: 1 if f"{a[0]}" == "1.0" else 2,
    "sorted": lambda a: sorted([1.0, float(a[0]), 0.0])[1],
    "max": lambda a: max(0.5, a[0]),
    "min with a key": lambda a: min([1.0, a[0]], key=lambda v: -v),
    "any": lambda a: any(v > 0.7 for v in a),
    "all": lambda a: all(a == a),
    "integer part": lambda a: int(a[0]) if abs(a[0]) < 1e30 else None,
    "an index": lambda a: [10, 20, 30][int(a[0])] if abs(a[0]) <= 1 else None,
    "a range": lambda a: list(range(int(a[0]))) if abs(a[0]) < 9 else None,
    "divided by": lambda a: 1.0 / float(a[0]) if a[0] else "zero",
    "a power": lambda a: float(abs(a[0])) ** 0.5,
    "floor division": lambda a: (7.0 // float(a[0]), 7.0 % float(a[0])) if a[0] else "zero",
    "divmod": lambda a: divmod(7.0, float(a[0])) if a[0] else "zero",
    "is": lambda a: (a[0] is True, a[0] is None, (a[0] > 0) is True),
    "a set": lambda a: len({float(a[0]), 1.0}),
    "hex": lambda a: float(a[0]).hex(),
    "is_integer": lambda a: float(a[0]).is_integer(),
    "parts": lambda a: (float(a[0]).real, float(a[0]).imag),
    "as_integer_ratio": lambda a: float(a[0]).as_integer_ratio() if np.isfinite(a[0]) else None,
    "a match statement's value": lambda a: {True: "a", False: "b"}[bool(a[0] > 0)],
}


@pytest.mark.parametrize("look", LOOKS)
def test_special_numbers_are_told_apart(look: str) -> None:
    calls = [(np.array([v]),) for v in SPECIAL]
    agree(made(LOOKS[look]), *calls, *calls)
    agree(made(LOOKS[look]), *reversed(calls))


@pytest.mark.parametrize("look", LOOKS)
def test_special_numbers_of_float32_are_told_apart(look: str) -> None:
    calls = [(np.array([v], np.float32),) for v in SPECIAL if v != 2.0**60]
    agree(made(LOOKS[look]), *calls, *calls)


ARITHMETIC = {
    "numbers": lambda n: (n * 2, n + 1, n - 1, -n, n * 1.0, n / 3, n // 2, n % 7),
    "with an array": lambda n: np.arange(3.0) * n,
    "comparison": lambda n: (n > 2, n == 3, n != 3, n <= 4, 1 < n < 5),
    "as a size": lambda n: np.zeros(n if 0 <= n < 9 else 1),
    "as an index": lambda n: np.arange(9.0)[n % 9],
    "as a slice": lambda n: np.arange(9.0)[: n % 9],
    "as an exponent": lambda n: np.arange(3.0) ** (n % 5),
    "as a repetition": lambda n: [0] * (n % 5),
    "bits": lambda n: (n & 3, n | 8, n ^ 5, ~n, n << 2, n >> 1),
    "truth": lambda n: (not n, n and 5, n or 6, bool(n), 1 if n else 2),
    "text": lambda n: (str(n), f"{n:5d}" if isinstance(n, int) else "", repr(n)),
    "types": lambda n: (type(n), isinstance(n, int), isinstance(n, bool), n is True),
    "itself": lambda n: n,
    "in a container": lambda n: {"n": n, "l": [n, (n,)]},
    "builtins": lambda n: (abs(n), divmod(n, 3), round(n), pow(n, 2), max(n, 3), min(n, 3), int(n)),
    "float": lambda n: float(n) if abs(n) < 2**900 else None,
    "methods": lambda n: (n.bit_length(), n.real, n.imag, n.numerator, n.conjugate()),
    "a key": lambda n: {3: "three", 4: "four"}.get(n),
    "a loop": lambda n: [i * i for i in range(n % 5)],
    "a product over the edge": lambda n: n * n * n,
}
INTS = [3, 4, 5, 6, 0, 1, -1, -2, 2**31, 2**53 + 1, 2**62, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1]
INTS += [2**64, 2**100, 7, True, False]


@pytest.mark.parametrize("what", ARITHMETIC)
def test_python_ints_of_every_size(what: str) -> None:
    calls = [(n,) for n in INTS]
    agree(made(ARITHMETIC[what]), *calls, (8,), (9,))
    agree(made(ARITHMETIC[what]), *calls[::-1])


@pytest.mark.parametrize(
    "what", ["numbers", "comparison", "truth", "types", "itself", "in a container", "builtins"]
)
def test_python_floats(what: str) -> None:
    if what == "builtins":
        calls = [(v,) for v in (1.5, -2.5, 0.0, 1e300)]
    else:
        calls = [(v,) for v in SPECIAL]
    agree(made(ARITHMETIC[what]), *calls, *calls)


MIXED: list[Any] = [
    1.0, 2, True, None, "s", 1.0 + 2j, np.float64(1), np.float32(1), np.int8(1), np.bool_(True),
    X, X.astype(np.float32), X.reshape(2, 3), [1.0, 2.0], (1.0, 2.0), (), [], {}, {"a": 1.0},
    ((1.0, X), {"k": [None]}), b"x", ..., slice(1, 2), np.dtype("f4"), float, 1.0, None, X,
]  # fmt: skip


def test_arguments_of_every_kind_in_one_function() -> None:
    def what(v: Any) -> Any:
        if v is None:
            return "none"
        if isinstance(v, bool):
            return not v
        if isinstance(v, (int, float, complex)) and not isinstance(v, np.generic):
            return v * 2, type(v)
        if isinstance(v, np.ndarray):
            return v * 2
        if isinstance(v, np.number):
            return v * 2, type(v)
        if isinstance(v, str):
            return v + "!"
        if isinstance(v, (tuple, list, dict)):
            return len(v), v
        return v

    calls = [(v,) for v in MIXED]
    agree(made(what), *calls, *calls, native=len(calls) - 1)


@pytest.mark.parametrize(
    "values", [(None, 1.0), ("a", "b"), (True, False), (1, True, 1.0), ((), (1,))]
)
def test_constants_as_arguments(values: tuple[Any, ...]) -> None:
    calls = [(X, v) for v in values] * 3
    agree(
        made(lambda a, v: (a * 2 if v else a * 3, v, type(v))),
        *calls,
        native=len(calls) - len(values),
    )


# -- exceptions decide too ------------------------------------------------------------------------

CAUGHT: dict[str, tuple[Function, list[Any]]] = {
    "an index": (lambda a, i: a[i], [9, 1, -9, 2, -1]),
    "an array of indices": (lambda a, i: a[np.array([i])], [9, 1, -9, 2, -1]),
    "a NumPy index": (lambda a, i: a[np.int64(i)], [9, 1, -9, 2, -1]),
    "a 0-d index": (lambda a, i: a[np.array(i)], [9, 1, -9, 2, -1]),
    "take": (lambda a, i: np.take(a, [i]), [9, 1, -9, 2]),
    "division": (lambda a, v: 1.0 / float(a[0] * v), [0, 1, 0, 2]),
    "integer division": (lambda a, v: 7 // int(a[0] * v), [0, 1, 0, 2]),
    "remainder": (lambda a, v: 7.5 % float(a[0] * v), [0, 1, 0, 2]),
    "an integer of a float": (lambda a, v: int(a[0] * v), [np.nan, 2.5, np.inf, 3.5]),
    "a negative integer power": (lambda a, v: np.array([2, 3]) ** np.array([v]), [-1, 2, -2, 3]),
    "a complex power": (lambda a, v: float(a[0] * v) ** -0.5, [1, 0, 2]),
    "a big power": (lambda a, v: float(v) ** 400.0, [10, 1, 20]),
    "shapes": (lambda a, v: a + np.ones(v), [5, 6, 4, 1, 6]),
    "reshape": (lambda a, v: a.reshape(v, -1), [4, 2, 5, 3]),
    "truth of an array": (lambda a, v: bool(a[:v]), [2, 1, 3, 1]),
    "item": (lambda a, v: a[:v].item(), [2, 1, 3, 1]),
    "unpacking": (lambda a, v: [p * q for p, q in [a[:v]]], [3, 2, 1, 2]),
    "sqrt's domain": (lambda a, v: float(np.emath.sqrt(v)) if v > 0 else [][1], [-1, 4, -2, 9]),
    "math's domain": (lambda a, v: __import__("math").sqrt(a[-1] * v), [-1, 4, -2, 9]),
    "a cast": (lambda a, v: operator.add(np.arange(3), 1 if v > 0 else "s"), [1, -1, 2]),
    "an in-place cast": (
        lambda a, v: np.arange(3).__iadd__(np.array(0.5 if v > 0 else 1)),
        [1, -1, 2],
    ),
    "assert": (lambda a, v: a / (v if a[5] * v > 0 else [][0]), [-1, 4, -2, 9]),
    "an exception with a value": (lambda a, v: dict[float, Any]()[float(a[5] * v)], [1, 2, 1]),
}


@pytest.mark.parametrize("what", CAUGHT)
@pytest.mark.parametrize("form", ["a list", "an array"])
def test_an_exception_that_is_caught_is_a_decision(what: str, form: str) -> None:
    compute, values = CAUGHT[what]
    if form == "an array":  # the value is data, not an argument that is compared
        source = "def f(a, v):\n    v = v[0].item()\n    try: return compute(a, v)\n"
        calls: list[Any] = [(X, np.array([v])) for v in values]
    else:
        source = "def f(a, v):\n    try: return compute(a, v)\n"
        calls = [(X, v) for v in values]
    source += "    except Exception as error: return type(error).__name__, str(error), error.args\n"
    agrees(source, *calls, *calls, compute=compute)
    agrees(source, *calls[::-1], *calls, compute=compute)


def test_an_exception_in_place_leaves_what_was_written() -> None:
    source = """
        def f(a, i):
            a[0] = 50
            try: a[i] = 7
            except IndexError: a[1] = 100
            return a * 1
        """
    calls = [(X, np.array([i])) for i in (9, 1, 2, -9, 3)]
    agrees(source, *calls, *calls)


def test_a_question_that_inputs_answer_is_no_guard() -> None:
    """Here ``t`` is known where ``n`` is: traces of other numbers differ by ``n`` alone."""
    source = """
        seen = []
        def f(x, n):
            t = 0.5
            for i in range(n):
                x[0] = t
                t = t + float(x[0])
                seen.append(i)
            return x + 1 if t > 4.5 else x
        """
    calls = [(np.zeros(2), n) for n in (2, 3, 5, 4, 9)]
    agrees(source, *calls, *calls, native=5)


# -- disagreement ---------------------------------------------------------------------------------


def test_a_guard_that_eager_and_native_answer_differently_takes_the_eager_path() -> None:
    """Whatever a sum is rounded to, the decision and the value belong to one run."""
    rng = np.random.default_rng(0)

    def decide(a: Any) -> Any:
        s = a.sum()
        return (s, "above") if s > 0.1 else (s, "not above")

    compiled = Counted(decide)
    for _ in range(40):
        a = rng.normal(size=1001)
        a[0] += 0.1 - a.sum()
        value, side = compiled(a)
        assert (value > 0.1) == (side == "above")
        np.testing.assert_allclose(value, a.sum(), rtol=1e-12, atol=1e-15)
    assert not compiled.compiled.fallbacks or compiled.compiled.fallbacks[0].reason
