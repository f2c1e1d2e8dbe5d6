"""compile(verify=): what is compared, when, and that a fault is found and named."""

import importlib
import random
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.support import Counted, agree, call, made
from tracegraph.codegen import entry_arrays, entry_results, native
from tracegraph.codegen.mathlib import PROGRAMS
from tracegraph.ir import passes
from tracegraph.ir.graph import Graph
from tracegraph.numpy.table import RULES
from tracegraph.verify import Verifier

verify_module = importlib.import_module("tracegraph.verify")
X = np.linspace(0.1, 2, 9)


def line_of(function: Any, text: str) -> int:
    """The number of the line of this file, below a function's first one, that has a text."""
    with open(__file__, encoding="utf-8") as file:
        lines = file.read().splitlines()
    first = function.__code__.co_firstlineno - 1
    return next(i for i, line in enumerate(lines[first:], first + 1) if text in line)


def fault_of(function: Any, *args: Any, **options: Any) -> tg.VerificationError:
    """The error of the second call of a function, whose first one is right."""
    compiled = tg.compile(function, verify="first", **options)
    compiled(*args)
    with pytest.raises(tg.VerificationError) as caught:
        compiled(*args)
    return caught.value


# -- when -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("verify", ["never", 0, 0.0, -0.1, 1.5, True, np.nan, "1", [1]])
def test_values_that_the_option_does_not_take(verify: Any) -> None:
    with pytest.raises(tg.OptionError, match="verify must be"):
        tg.compile(np.sin, verify=verify)


class Checks:
    """Counts comparisons."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        check = Verifier.check

        def counting(verifier: Any, *args: Any) -> None:
            self.count += 1
            check(verifier, *args)

        monkeypatch.setattr(Verifier, "check", counting)


def wave(x: Any) -> Any:
    return np.sin(x) if x.sum() > 0 else np.cos(x)


def test_first_is_one_call_of_each_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    checks, function = Checks(monkeypatch), Counted(wave, verify="first")
    counts = []
    for x in (X, X, X, -X, X, -X, -X, X):
        function(x)
        counts.append(checks.count)
    assert counts == [0, 1, 1, 1, 1, 2, 2, 2]
    assert function.is_native(X)
    assert function.is_native(-X)


def test_always_is_every_call(monkeypatch: pytest.MonkeyPatch) -> None:
    checks, function = Checks(monkeypatch), tg.compile(wave, verify="always")
    for _ in range(5):
        function(X)
    assert checks.count == 4


def test_a_probability_is_a_part_of_the_calls_and_leaves_random_streams_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checks, function = Checks(monkeypatch), tg.compile(wave, verify=0.25)
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002  # the stream that users share
    states = random.getstate(), np.random.get_state()[1].tolist()  # type: ignore[index]  # noqa: NPY002
    for _ in range(400):
        function(X)
    assert 60 < checks.count < 140
    assert states == (random.getstate(), np.random.get_state()[1].tolist())  # type: ignore[index]  # noqa: NPY002


def test_clear_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    checks, function = Checks(monkeypatch), tg.compile(wave, verify="first")
    for _ in range(2):
        function(X)
        function(X)
        function.clear()
    assert checks.count == 2


# -- no false alarms ------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
LONG = RNG.standard_normal(20_000)
CORRECT: dict[str, Any] = {
    "terms that cancel": (lambda x: np.exp(x) - np.exp(x + 1e-12), LONG),
    "cancelled to zero": (lambda x: np.sin(x) ** 2 + np.cos(x) ** 2 - 1, LONG),
    "a long float32 sum": (lambda x: x.sum(), LONG.astype("f4")),
    "a sum that cancels": (lambda x: (x - x.mean()).sum(), LONG),
    "sums down columns": (lambda x: np.sqrt(x * x).sum(0), LONG.astype("f4").reshape(-1, 4)),
    "many equal terms": (lambda x: x.sum(0), np.full((20_000, 3), np.float32(0.1))),
    "products": (lambda x: np.tanh(x @ x.T).sum(1), LONG[:4000].reshape(50, 80)),
    "running sums": (lambda x: np.cumsum(x)[::7], LONG),
    "a product": (lambda x: np.prod(1 + x / 100), LONG),
    "a comparison on the edge": (lambda x: np.exp(np.log(x)) >= x, np.arange(1.0, 500)),
    "whole numbers on the edge": (lambda x: np.floor(np.log10(10.0**x)), np.arange(1.0, 200)),
    "the largest of nearly equal ones": (lambda x: np.argmax(np.exp(np.log(x))), np.full(99, 3.3)),
    "overflow": (lambda x: np.exp(x * 709.78 / x), LONG),
    "NaNs, infinities, zeros": (
        lambda x: np.arctan2(x, -x) * np.sqrt(x), np.array([np.nan, np.inf, -np.inf, 0.0, -0.0])),
    "an iteration that diverges": (
        lambda x: [x := 4 * np.sin(x) * (1 - x) for _ in range(60)][-1], np.array([0.3, 0.4])),
    "a solved system": (
        lambda x: np.linalg.solve(np.exp(x) + np.eye(9), x[0]), LONG[:81].reshape(9, 9)),
    "complex numbers": (lambda x: np.exp(1j * x) * (2 - 1j), LONG),
    "integers": (lambda x: (x // 7) % 5 - x**2, np.arange(-50, 50)),
    "what a mask selects": (lambda x: (x[x > 0], np.exp(x[x > 1]).sum()), LONG),
    "variance": (lambda x: x.std(axis=0) / x.var(), LONG.reshape(100, 200)),
}  # fmt: skip


@pytest.mark.parametrize("what", CORRECT)
def test_correct_code_raises_no_alarm(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    checks = Checks(monkeypatch)
    function, x = CORRECT[what]
    compiled = tg.compile(function, verify="always")
    with np.errstate(all="ignore"):
        for scale in (1, 1, 3):
            compiled((x * scale).astype(x.dtype))
    assert checks.count >= 1, compiled.fallbacks


def test_gradients_raise_no_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    checks = Checks(monkeypatch)
    loss = tg.grad(lambda w, x: np.log1p(np.exp(-np.tanh(x @ w))).mean())
    compiled = tg.compile(loss, verify="always", strict=True)
    for k in range(3):
        compiled(RNG.standard_normal(5), RNG.standard_normal((40, 5)) * k)
    assert checks.count == 2


# -- effects --------------------------------------------------------------------------------------


def test_effects_happen_once(capsys: pytest.CaptureFixture[str]) -> None:
    class State:
        total = 0.0
        calls = 0

    state = State()

    def step(x: Any, out: Any) -> Any:
        out[1:] += np.exp(x[1:])
        print(f"{out.sum():.3f}")
        state.total = state.total + out[1]
        return out, x[::2], x.T, out[:1], 5, x.sum()

    compiled = Counted(step, verify="always")
    a, b = X * 0, X * 0
    for k in range(4):
        state.total = 0.5
        expected, plain_total, printed = step(X + k, a), state.total, capsys.readouterr().out
        state.total = 0.5
        got = compiled(X + k, b)
        np.testing.assert_allclose(got[0], expected[0], rtol=1e-14)
        np.testing.assert_allclose(state.total, plain_total, rtol=1e-14)
        assert capsys.readouterr().out == printed
        assert got[0] is b
        assert got[3].base is b
    assert compiled.compiled.fallbacks == []
    np.testing.assert_allclose(a, b, rtol=1e-14)


@pytest.mark.parametrize("verify", ["first", "always", 0.5])
def test_a_verified_function_is_the_function(verify: Any) -> None:
    def function(x: Any, k: Any = 2) -> Any:
        x[0] = k
        print(f"{x[1]:.3f}", k)
        view = x[1:]
        return {"a": view * k, "b": [view, x, np.float32(x.sum()), len(x)]}

    calls = [call(X[: 4 + n].copy(), k=k) for n in range(3) for k in (2, 2, 3.5)]
    compiled = tg.compile(function, verify=verify)
    agree(made(function), *calls)
    for one in calls:
        expected = function(*one.args, **one.kwargs)
        got = compiled(*one.args, **one.kwargs)
        np.testing.assert_allclose(got["a"], expected["a"])
    assert compiled.fallbacks == []


# -- that it can fail -----------------------------------------------------------------------------


def logistic(x: Any) -> Any:
    scaled = 2 * x
    e = np.exp(-scaled)
    return (1 / (1 + e)).sum()


def test_a_wrong_elementary_function(monkeypatch: pytest.MonkeyPatch) -> None:
    right = PROGRAMS["exp"]
    monkeypatch.setitem(PROGRAMS, "exp", lambda x: right(x) * 1.0000001)
    error = fault_of(logistic, X)
    assert (error.op, error.line) == ("exp", line_of(logistic, "np.exp"))
    assert error.filename == __file__
    assert error.stage == "native code"
    assert f"{__file__}:{error.line}" in str(error)


def test_a_fault_of_one_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    right = PROGRAMS["tanh"]

    def wrong(x: Any) -> Any:
        found = right(x)
        return found + found * 1e-9

    monkeypatch.setitem(PROGRAMS, "tanh", wrong)

    def function(x: Any) -> Any:
        a = np.sin(x)
        b = np.cos(a)
        return np.where(x > 1.9, np.tanh(b), b)

    error = fault_of(function, X)
    assert (error.op, error.line) == ("tanh", line_of(function, "np.tanh"))


def axpy(x: Any) -> Any:
    y = x * 1.1
    return y + 0.3


def test_a_fault_that_only_fusion_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(native.PIPELINES, "strict", native.PIPELINES["contract"])
    error = fault_of(axpy, np.linspace(0, 1, 1000))
    assert (error.op, error.line) == ("add", line_of(axpy, "y + 0.3"))


def test_contracted_code_raises_no_alarm() -> None:
    compiled = tg.compile(axpy, verify="always", fp="contract")
    for _ in range(2):
        compiled(np.linspace(0, 1, 1000))


def test_a_wrong_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    def function(x: Any) -> Any:
        a = x + 1
        return np.cosh(a) * 2

    monkeypatch.setitem(RULES, np.cosh, RULES[np.sinh])
    with pytest.raises(tg.VerificationError) as caught:
        tg.compile(function, verify="first")(X)
    assert (caught.value.op, caught.value.line) == ("sinh", line_of(function, "np.cosh"))
    assert caught.value.stage == "the notes of the recording"


def test_a_wrong_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def turn_around(graph: Graph) -> Graph:
        return Graph(graph.params, graph.nodes, tuple(reversed(graph.outputs)))

    wrong = (*passes.PIPELINE, turn_around)
    monkeypatch.setattr(passes, "PIPELINE", wrong)
    monkeypatch.setattr(verify_module, "PIPELINE", wrong)
    error = fault_of(lambda x: (np.sin(x), np.cos(x)), X)
    assert error.stage == "the pass turn_around"


def test_a_wrong_array_written_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    right = PROGRAMS["exp"]
    monkeypatch.setitem(PROGRAMS, "exp", lambda x: right(x) * 1.0000001)

    def function(x: Any, out: Any) -> None:
        out[2:] = np.exp(x[2:])

    assert fault_of(function, X, X.copy()).op == "exp"


@pytest.mark.parametrize(
    ("position", "change", "text"),
    [
        (3, lambda offset: offset + 1, "does not show the memory"),
        (5, lambda strides: (strides[0] * 2,), "strides"),
        (6, lambda writeable: not writeable, "writeable"),
    ],
)
def test_a_wrong_view(
    position: int, change: Any, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_view = entry_arrays.new_view

    def wrong(*args: Any) -> str:
        changed = list(args)
        changed[position] = change(changed[position])
        return new_view(*changed)

    monkeypatch.setattr(entry_results, "new_view", wrong)
    assert text in str(fault_of(lambda x: x[:3], X))


def test_a_fault_is_found_before_effects_happen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def function(x: Any) -> Any:
        print("once")
        return np.exp(x)

    right = PROGRAMS["exp"]
    monkeypatch.setitem(PROGRAMS, "exp", lambda x: right(x) + 1)
    fault_of(function, X)
    assert capsys.readouterr().out == "once\n"
