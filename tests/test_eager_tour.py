"""The seed's programs: what they print and return, and that compiled they do the same, natively."""

import contextlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from examples import eager_tour
from tracegraph.compile import Compiled

Program = Callable[[eager_tour.Decorate], Any]


class CompileOnce:
    """``tg.compile`` that gives the same object for the same function, so that runs can follow."""

    def __init__(self) -> None:
        self.made: dict[Any, Compiled] = {}

    def __call__(self, function: Any) -> Compiled:
        if function not in self.made:
            self.made[function] = tg.compile(function)
        return self.made[function]

    @property
    def fallbacks(self) -> list[str]:
        return [str(why) for compiled in self.made.values() for why in compiled.fallbacks]


def run(program: Program, decorate: eager_tour.Decorate) -> tuple[Any, str]:
    with contextlib.redirect_stdout(io.StringIO()) as output:
        result = program(decorate)
    return result, output.getvalue()


def assert_same(found: Any, expected: Any) -> None:
    assert type(found) is type(expected)
    if isinstance(expected, (list, tuple)):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, (tg.Tensor, np.ndarray)):
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-12)
    else:
        assert found == expected


@pytest.mark.parametrize("program", eager_tour.PROGRAMS, ids=lambda program: program.__name__)
def test_compiled_programs_do_what_plain_ones_do(program: Program) -> None:
    expected, text = run(program, eager_tour.plain)
    compiled = CompileOnce()
    for _ in range(3):
        result, printed = run(program, compiled)
        assert printed == text
        assert_same(result, expected)
    assert compiled.fallbacks == []


# Each run makes Variables of its own, and a trace belongs to the Variables that it changes.
RECORDED_IN_EACH_RUN: dict[Program, int] = {
    eager_tour.line_by_tape: 1,
    eager_tour.line_by_module: 1,
}


@pytest.mark.parametrize(
    "program",
    [p for p in eager_tour.PROGRAMS if p is not eager_tour.one_gradient_per_tape],
    ids=lambda program: program.__name__,
)
def test_later_runs_are_native(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = CompileOnce()
    run(program, compiled)
    run(program, compiled)
    slow = Compiled._slow
    left: list[str] = []

    def noted(self: Compiled, *args: Any, **kwargs: Any) -> Any:
        left.append(self.__name__)
        return slow(self, *args, **kwargs)

    monkeypatch.setattr(Compiled, "_slow", noted)
    run(program, compiled)
    assert len(left) <= RECORDED_IN_EACH_RUN.get(program, 0)


def test_constants_print_as_arrays() -> None:
    assert run(eager_tour.constants, eager_tour.plain)[1] == "7.5\n[[1 2]\n [3 4]]\n"


def test_add_broadcasts() -> None:
    result, _ = run(eager_tour.broadcasting_add, eager_tour.plain)
    assert isinstance(result, tg.Tensor)
    assert result.numpy().tolist() == [[2, 3], [4, 5]]


def test_operators_are_those_of_numpy() -> None:
    a = np.array([[1.0, 2.0], [3.0, 4.0]])
    b = a.T - 0.5
    results, _ = run(eager_tour.operators, eager_tour.plain)
    for found, expected in zip(results, (a * b, a - b, a @ b, a > b), strict=True):
        assert isinstance(found, tg.Tensor)
        np.testing.assert_array_equal(found.numpy(), expected)


def test_numpy_takes_tensors_and_gets_arrays_back() -> None:
    result, printed = run(eager_tour.numpy_both_ways, eager_tour.plain)
    assert type(result) is np.ndarray
    assert result.tolist() == [10.0, 200.0]
    assert printed.startswith("ndarray")


def expected_calls(limit: int) -> str:
    words = ("Fizz" * (n % 3 == 0) + "Buzz" * (n % 5 == 0) or str(n) for n in range(1, limit + 1))
    return "".join(f"{word}\n" for word in words)


def test_fizzbuzz_calls_out() -> None:
    result, printed = run(eager_tour.count_and_call_out, eager_tour.plain)
    assert int(result) == 15
    assert printed == expected_calls(15)


def test_compiled_fizzbuzz_takes_any_limit() -> None:
    fizzbuzz = tg.compile(eager_tour.fizzbuzz)
    for limit in (15, 15, 7, 15, 20, 7, 0, 15):
        with contextlib.redirect_stdout(io.StringIO()) as output:
            result = fizzbuzz(limit)
        assert output.getvalue() == expected_calls(limit)
        assert int(result) == limit
    assert fizzbuzz.fallbacks == []


def test_loop_length_depends_on_data() -> None:
    assert run(eager_tour.count_steps, eager_tour.plain)[0] == [8, 16, 8, 0]


def test_tape_gives_one_gradient() -> None:
    gradients, printed = run(eager_tour.one_gradient_per_tape, eager_tour.plain)
    assert [g.numpy().tolist() for g in gradients] == [[[6.0]]]
    assert "RuntimeError: " in printed


@pytest.mark.parametrize("decorate", [eager_tour.plain, tg.compile], ids=["plain", "compiled"])
def test_line_by_tape_is_found(decorate: eager_tour.Decorate) -> None:
    slope, offset = run(eager_tour.line_by_tape, decorate)[0]
    assert abs(slope - 3) < 0.3
    assert abs(offset - 2) < 0.3


@pytest.mark.parametrize("decorate", [eager_tour.plain, tg.compile], ids=["plain", "compiled"])
def test_line_by_module_is_found_and_counted(decorate: eager_tour.Decorate) -> None:
    slope, offset, steps = run(eager_tour.line_by_module, decorate)[0]
    assert abs(slope - 3) < 0.15
    assert abs(offset - 2) < 0.15
    assert steps == 300


def test_tour_says_that_all_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    eager_tour.main()
    printed = capsys.readouterr().out
    assert printed.count("   compiled: the same\n") == len(eager_tour.PROGRAMS)
