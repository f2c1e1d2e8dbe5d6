"""Loops that append to lists: derivatives, vmap, outside lists, and why a loop is not captured."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import warned
from tests.frontend.support import Counted, agree, made
from tests.frontend.test_lists_in_loops import ONE_LOOP
from tracegraph.ir.errors import AbstractValueError

pytestmark = pytest.mark.slow  # no interpreter differs in this; tests/twin has what does

X = np.array([0.5, 1.5, 0.7, -1.0])

DIFFERENTIABLE = [
    program
    for program in ONE_LOOP
    if program.__name__ not in ("bools", "numbers", "typed", "complexes", "tables")
]


def total(result: Any) -> Any:
    """Return a number that depends on all that a program gives."""
    if isinstance(result, tuple):
        return sum(total(part) for part in result)
    return np.sum(result * result * 0.5) if isinstance(result, np.ndarray) else 0.0


@pytest.mark.parametrize("program", DIFFERENTIABLE)
def test_gradients(program: Any) -> None:
    def loss(x: Any) -> Any:
        return total(program(x, 20))

    h = 1e-6
    expected = [(loss(X + h * d) - loss(X - h * d)) / (2 * h) for d in np.eye(4)]
    scale = 1e-8 * abs(loss(X)) + 1e-7
    np.testing.assert_allclose(tg.grad(loss)(X), expected, rtol=1e-5, atol=scale)
    np.testing.assert_allclose(tg.compile(tg.grad(loss))(X), expected, rtol=1e-5, atol=scale)
    tangent = tg.jvp(loss, (X,), (np.ones(4),))[1]
    np.testing.assert_allclose(tangent, np.sum(expected), rtol=1e-5, atol=4 * scale)


def pair(x: Any) -> Any:
    ys, ts = [], []
    for i in range(20):
        x = np.sin(x) + 0.1 * i
        ys.append(x)
        ts.append(x.sum())
    return np.stack(ys), np.array(ts), len(ys), ys[3]


@pytest.mark.parametrize("compiled", [False, True])
def test_vmap(compiled: bool) -> None:
    rows = np.arange(12.0).reshape(3, 4)
    mapped: Any = tg.vmap(pair)
    found = (tg.compile(mapped) if compiled else mapped)(rows)
    expected = [pair(row) for row in rows]
    for k in range(4):
        np.testing.assert_allclose(found[k], [one[k] for one in expected])


def test_a_list_in_the_body_of_a_scan() -> None:
    def smoothed(x: Any) -> Any:
        def step(carry: Any, row: Any) -> Any:
            ys = []
            for _ in range(15):
                carry = np.sin(carry) + row
                ys.append(carry)
            return carry, np.mean(ys, axis=0)

        return tg.scan(step, x, np.arange(5.0))

    for part, expected in zip(tg.compile(smoothed)(X), smoothed(X), strict=True):
        np.testing.assert_allclose(part, expected)


def test_a_list_that_a_scan_appends_to_by_its_method_is_an_effect() -> None:
    def noisy(x: Any) -> Any:
        seen: list[Any] = []
        append = seen.append

        def step(carry: Any, row: Any) -> Any:
            append(1.0)
            return carry + row, carry

        carry, _ = tg.scan(step, x, np.arange(5.0))
        return carry, len(seen)

    agree(made(noisy), (X,), (X,))


def test_verified_calls() -> None:
    compiled = tg.compile(pair, verify="always")
    for _ in range(3):
        for part, expected in zip(compiled(X), pair(X), strict=True):
            np.testing.assert_allclose(part, expected)


def test_tensors_are_appended_as_tensors() -> None:
    def program(x: Any) -> Any:
        ys = []
        for _ in range(20):
            x = np.sin(x) + 0.1
            ys.append(x)
        return ys

    found, expected = tg.compile(program)(tg.Tensor(X)), program(tg.Tensor(X))
    assert all(type(one) is tg.Tensor for one in found)
    np.testing.assert_allclose([one.numpy() for one in found], [one.numpy() for one in expected])


def test_a_list_from_outside_grows_in_every_call() -> None:
    def make() -> Any:
        seen: list[Any] = []

        def program(x: Any, n: int) -> Any:
            for i in range(n):
                x = x * 0.5
                seen.append(x[0] + i)
            return x

        return program, seen

    agree(make, *((X, n) for n in (12, 12, 13, 12)))


def test_a_list_that_was_appended_to_outside() -> None:
    """The list is stored outside behind the loop."""

    def make() -> Any:
        kept: dict[str, Any] = {}

        def program(x: Any, n: int) -> Any:
            ys = []
            for _ in range(n):
                x = np.sin(x)
                ys.append(x)
            kept["ys"] = ys
            return ys, np.array(ys)

        return program, kept

    agree(make, *((X, n) for n in (12, 12, 13, 14, 12)))


REASONS = {
    "if x[0] > 0.5: ys.append(x)": "or whose name others bind to another one",
    "ys.append(x if x[0] > 0.5 else x * 2)": "what is appended to a list becomes another",
    "if x[0] > 0.5: ys.append(x[1])\n        else: ys += [x[2], x[3]]": "something else to a list",
    "ys.append(x * sum(y[0] for y in ys))": "a loop does more with a list than to append",
    "ys.append(y)": "an array that was there before",
    "ys.append(x[1:])": "a view",
    "ys.append('text')": "a str",
    "ys.append(x); ys.append(i)": "different types",
    "ys.append(np.zeros(i))": "different sizes",
}


@pytest.mark.parametrize("body", REASONS)
def test_why_a_loop_is_not_captured(body: str, tmp_path: Any) -> None:
    source = (
        "import numpy as np\ndef f(x, y, n):\n    ys = []\n    for i in range(n):\n"
        f"        x = np.cos(x)\n        {body}\n    return x\n"
    )
    path = tmp_path / "program.py"
    path.write_text(source)
    names: dict[str, Any] = {"__name__": "program"}
    exec(compile(source, str(path), "exec"), names)
    compiled: Any = tg.compile(names["f"])
    (warning,) = warned(compiled, X, X * 2, 150)
    assert "a loop of more than 100 iterations cannot be captured" in str(warning.message)
    assert REASONS[body] in str(warning.message)
    np.testing.assert_allclose(compiled(X, X * 2, 150), names["f"](X, X * 2, 150))


def test_without_values_a_list_that_has_no_length_is_an_error() -> None:
    def program(x: Any) -> Any:
        def row(i: Any, carry: Any) -> Any:
            ys = []
            for _ in range(i + 1):
                ys.append(carry * 2)
            return carry + ys[0]

        return tg.fori_loop(0, 5, row, x)

    with pytest.raises(AbstractValueError):
        tg.vmap(program)(np.ones((2, 3)))


def test_a_thousand_iterations_take_no_longer_to_compile() -> None:
    def program(x: Any, n: int) -> Any:
        ys = []
        for _ in range(n):
            x = np.sin(x) + 0.1
            ys.append(x)
        return ys

    compiled = Counted(program)
    for n in (1000, 1001, 1000, 1001):
        found, expected = compiled(X, n), program(X, n)
        np.testing.assert_allclose(found, expected)
        assert type(found) is list
        assert not any(np.shares_memory(found[0], one) for one in found[1:])
        assert all(one.base is None and one.flags.writeable for one in found)
    assert compiled.slow == 2
    assert str(compiled.compiled.graph(X, 1000)).count("\n") < 40


def test_numbers_of_python_beside_the_number_of_the_iteration() -> None:
    def program(x: Any, n: int) -> Any:
        t, u = 0.0, 1.0
        for i in range(n):
            t = t + float(x[i % 4]) * i - i / 2.0 + abs(float(x[0])) ** i
            u = float(x[0]) * (i + 1)
        return t, u

    agree(made(program), *((X, n) for n in (9, 20, 21, 30)), native=1)
    assert " loop(" in str(tg.compile(program).graph(X, 20))
