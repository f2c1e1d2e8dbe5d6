"""Sizes and strides in native entries: binding, checks, overflow."""

from typing import Any

import numpy as np
import pytest

from tests.codegen.native_kit import (
    F4,
    F8,
    MISSED,
    Counting,
    M,
    N,
    array,
    elementwise,
    executable,
    m,
    n,
    native,
    signature,
    size,
)
from tracegraph.codegen.signature import (
    ArrayOutput,
    Input,
    SizeCheck,
    SizeInput,
    argument,
)
from tracegraph.ir.errors import GraphError
from tracegraph.ir.sizes import floordiv, maximum, minimum


def test_dimensions_bind_once_and_are_compared_afterwards() -> None:
    inputs: list[Input] = [array(0, (n, m), "x"), array(1, (m, n), "z"), array(2, (n + m,), "w")]
    f = native(executable(signature(inputs, [ArrayOutput("y", (n * m, 2))], 3), _ANY, []))
    assert f(np.ones((2, 3)), np.ones((3, 2)), np.ones(5)).shape == (6, 2)
    assert f(np.ones((2, 3)), np.ones((2, 3)), np.ones(5)) is MISSED
    assert f(np.ones((2, 3)), np.ones((3, 2)), np.ones(6)) is MISSED
    assert f(np.ones((1, 3)), np.ones((3, 1)), np.ones(4)) is MISSED


_ANY = {name: (F8, n) for name in "xywz"}


def test_size_functions_and_checks() -> None:
    half = floordiv(n + 5, m)
    shape = (maximum(n - m, 0), minimum(n, m), half)
    checks = (SizeCheck(n, "<", 100), SizeCheck(m, "==", 7, expected=False))
    inputs: list[Input] = [array(0, (n, m), "x")]
    f = native(executable(signature(inputs, [ArrayOutput("y", shape)], checks=checks), _ANY, []))
    for a, b in ((9, 4), (4, 9), (2, 2), (50, 3)):
        assert f(np.ones((a, b))).shape == (max(a - b, 0), min(a, b), (a + 5) // b)
    assert f(np.ones((100, 2))) is MISSED
    assert f(np.ones((9, 7))) is MISSED


@pytest.mark.parametrize("relation", ["==", "!=", "<", "<="])
@pytest.mark.parametrize("expected", [True, False])
def test_relations(relation: Any, expected: bool) -> None:
    inputs: list[Input] = [array(0, (n,), "x"), array(1, (m,), "z")]
    checks = (SizeCheck(n, relation, m, expected),)
    f = native(executable(signature(inputs, [ArrayOutput("y", (n,))], 2, checks=checks), _ANY, []))
    answer = {"==": int.__eq__, "!=": int.__ne__, "<": int.__lt__, "<=": int.__le__}[relation]
    for a, b in ((2, 3), (3, 2), (3, 3)):
        hit = f(np.ones(a), np.ones(b)) is not MISSED
        assert hit == (answer(a, b) == expected)


A, a = size("a", -(2**63))
B, b = size("b", -(2**63))
TWO_SIZES = [SizeInput(source=argument(0), symbol=A), SizeInput(source=argument(1), symbol=B)]


def checking(*checks: SizeCheck) -> Counting:
    """Return a function of the ints a and b that gives () where the checks hold."""
    return native(executable(signature(TWO_SIZES, [], 2, checks=checks, container=tuple), {}, []))


def test_sizes_that_overflow_miss() -> None:
    f = checking(SizeCheck(a * b, "<=", a * b), SizeCheck(a + b, "<=", a + b))
    assert f(3, 4) == ()
    assert f(-3, 4) == ()
    assert f(2**32, 2**32) is MISSED
    assert f(2**62, 2**62) is MISSED
    assert f(-(2**63), -1) is MISSED


def test_division_by_sizes_below_one_misses() -> None:
    f = checking(SizeCheck(floordiv(a, b), "<", 10))
    assert f(-(2**63), 1) == ()
    assert f(-7, 2) == ()
    assert f(-(2**63), -1) is MISSED
    assert f(5, 0) is MISSED
    assert f(20, 2) is MISSED


def test_size_inputs_take_exact_ints() -> None:
    inputs: list[Input] = [SizeInput(source=argument(0), symbol=N)]
    f = native(executable(signature(inputs, [ArrayOutput("y", (n,))]), _ANY, []))
    assert f(3).shape == (3,)
    for value in (1, 0, -5, 2**63, -(2**70), True, 3.0, np.int64(3), None):
        assert f(value) is MISSED


def test_strided_inputs() -> None:
    S, s = size("s", -(2**63))
    kernel = elementwise("copy", ["x"], "y", "  %out = fadd double %v0, 0.0", count=3)
    f = native(
        executable(
            signature([array(0, (n,), "x", layout=(s,))], [ArrayOutput("y", (3,))]), _ANY, [kernel]
        )
    )
    x = np.arange(12.0)
    assert f(x[::2]) is not MISSED
    assert f(x[::-1]) is not MISSED
    records = np.zeros(4, [("a", F4), ("b", F8)])
    odd = np.ndarray(4, F4, records, 0, (12,))
    assert f(odd) is MISSED
    assert f(np.ndarray(2, F8, np.zeros(40, np.uint8), 0, (12,))) is MISSED
    assert S.lower < 0


def test_strides_are_checked_and_bound() -> None:
    _, s = size("s", -(2**63))
    inputs = [array(0, (n, m), "x", layout=(s, 1)), array(1, (n,), "w", layout=(s + 1,))]
    f = native(executable(signature(inputs, [ArrayOutput("y", (n, 2))], 2), _ANY, []))
    x, w = np.ones((4, 6)), np.ones(70)
    assert f(x, w[::7][:4]) is not MISSED
    assert f(x[::-1], w[::-5][:4]) is not MISSED
    assert f(x, w[::6][:4]) is MISSED
    assert f(x.T, w[::7][:6]) is MISSED


def test_fixed_axes_of_length_one_have_any_stride() -> None:
    inputs: list[Input] = [array(0, (1, n), "x", layout=(1, 1))]
    f = native(executable(signature(inputs, [ArrayOutput("y", (n,))]), _ANY, []))
    assert f(np.ones((5, 3))[2:3]) is not MISSED


def test_an_unbound_size_is_refused() -> None:
    with pytest.raises(GraphError, match="gives the size m"):
        executable(signature([array(0, (n,), "x")], [ArrayOutput("y", (m,))]), _ANY, [])
    assert M.name == "m"
