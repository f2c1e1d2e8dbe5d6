"""Rules of ufuncs and operators against NumPy: every dtype, weak Python numbers, special values."""

import operator
from typing import Any

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from tests.numpy.rule_checks import (
    Length,
    Noted,
    Number,
    check,
    may_refuse,
    refuses,
    run_graph,
    run_numpy,
)
from tracegraph.ir.types import DTYPES
from tracegraph.numpy.operators import RULES as OPERATORS
from tracegraph.numpy.operators import WRITERS
from tracegraph.numpy.powers import RULES as POWERS
from tracegraph.numpy.ufuncs import RULES

UFUNCS = [*RULES, *POWERS]
SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -3.7, 1e10, np.inf, -np.inf, np.nan, 7.0]
PYTHON = [True, 0, 1, 2, -1, 3, 300, 0.5, -2.0, 1e300, 2j]


def sample(dtype: Any) -> Any:
    """Return twelve numbers of a dtype, the difficult ones among them."""
    if dtype.kind == "c":
        return (np.array([*SPECIAL[:8], 2.0, 3.0, -1.0, 0.1]) * (1 - 0.5j)).astype(dtype)
    if dtype.kind == "f":
        return np.array(SPECIAL, dtype)
    if dtype.kind == "b":
        return np.arange(12) % 3 == 0
    info = np.iinfo(dtype)
    return np.array([info.min, info.max, 0, 1, 2, 3, info.max // 2, 5, 7, 11, 100, 1], dtype)


def attempt(function: Any, *args: Any, **options: Any) -> None:
    """Check a rule wherever NumPy has an answer; give-ups are counted by the tests of coverage."""
    try:
        run_numpy(function, args, {k: v for k, v in options.items() if k == "dtype"})
    except (TypeError, ValueError, OverflowError):
        return
    with may_refuse(True, "float16|booleans"):
        check(function, *args, close=function is np.float_power, **options)


@pytest.mark.parametrize("ufunc", [u for u in UFUNCS if u.nin == 1], ids=lambda u: u.__name__)
def test_unary(ufunc: Any) -> None:
    for dtype in DTYPES.values():
        attempt(ufunc, sample(dtype), symbolic=True)
        attempt(ufunc, sample(dtype)[3])
    for number in PYTHON:
        attempt(ufunc, Number(number))


@pytest.mark.parametrize("ufunc", [u for u in UFUNCS if u.nin == 2], ids=lambda u: u.__name__)
class TestBinary:
    def test_every_pair_of_dtypes(self, ufunc: Any) -> None:
        for first in DTYPES.values():
            for second in DTYPES.values():
                x, y = np.repeat(sample(first), 12), np.tile(sample(second), 12)
                if ufunc is np.power and first.kind in "iu":
                    y = np.abs(y) if second.kind in "i" else y
                attempt(ufunc, x, y)

    def test_python_numbers(self, ufunc: Any) -> None:
        for dtype in DTYPES.values():
            for number in PYTHON:
                attempt(ufunc, sample(dtype), number)
                attempt(ufunc, number, sample(dtype))
                attempt(ufunc, sample(dtype), Number(number))
                attempt(ufunc, Number(number), sample(dtype))

    def test_sizes(self, ufunc: Any) -> None:
        attempt(ufunc, np.arange(1.0, 6.0), Length(5), symbolic=True)
        attempt(ufunc, np.arange(1, 6, dtype=np.int8), Length(5), symbolic=True)

    def test_broadcasting(self, ufunc: Any) -> None:
        x = np.arange(1.0, 13.0).reshape(3, 4)
        for y in (x[0], x[:, :1], x[:1, :1], np.array(2.0), x[None]):
            attempt(ufunc, x, np.ascontiguousarray(y), symbolic=True)
        attempt(ufunc, x, [1.0, 2.0, 3.0, 4.0])


@pytest.mark.parametrize("function", OPERATORS, ids=lambda f: f.__name__)
def test_operators(function: Any) -> None:
    if function in (operator.matmul, operator.imatmul):
        check(function, np.eye(3) * 2, np.arange(9.0).reshape(3, 3))
        return
    unary = function in (operator.neg, operator.pos, operator.abs, operator.invert, abs)
    for dtype in DTYPES.values():
        if unary:
            attempt(function, sample(dtype))
            continue
        for number in (*PYTHON, 0.0, 1.0, -1.0, sample(dtype), sample(dtype)[4]):
            if not (function in WRITERS and dtype.kind == "b"):
                attempt(function, sample(dtype), number)


def test_powers_of_numpy_scalars_are_not_those_of_arrays() -> None:
    base = np.array([-np.inf, -0.0, 4.0])
    exponent: Any
    for exponent in (0.5, np.float64(0.5), 2, -1, 0, 1, 3, 2.0):
        check(operator.pow, base, exponent)
        check(np.power, base, exponent)
        check(operator.pow, base, np.array(exponent, float))
        check(operator.pow, base, np.array([exponent], float))
        check(operator.pow, base, np.full(3, exponent, float))
    for number in base:
        for exponent in (0.5, 2, -1, 0, 1, 3, 2.0, np.float64(0.5), np.array(0.5)):
            check(operator.pow, Number(number), exponent)
            check(np.power, Number(number), exponent)
        for exponent in (np.float64(0.5), np.float64(1.5)):
            check(operator.pow, Number(number), Number(exponent))
    check(operator.pow, np.array(-np.inf), 0.5)


@given(
    hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=4),
    st.sampled_from([np.add, np.multiply, np.less, np.maximum]),
    st.booleans(),
)
def test_shapes(shapes: Any, ufunc: Any, symbolic: bool) -> None:
    x, y = (np.arange(np.prod(s, dtype=int)).reshape(s) for s in shapes.input_shapes)
    with may_refuse(symbolic):
        check(ufunc, x, y, symbolic=symbolic)


def test_dtype_is_honoured() -> None:
    check(np.add, np.arange(3), np.arange(3), dtype=np.float32)
    check(np.sin, np.arange(3), dtype=np.float64)
    check(np.divide, np.arange(3), 2, dtype="f4")


def test_a_python_int_that_does_not_fit_is_guarded() -> None:
    x = np.arange(3, dtype=np.int8)
    for dtype, fits, too_big in ((np.int8, 27, 128), (np.uint8, 200, -1)):
        noted = Noted(symbolic=False)
        operands = noted.operand((x.astype(dtype), Number(1)))
        value = RULES[np.add](noted.emitter, *operands).value
        for number in (fits, too_big):
            results = run_graph(noted, [value], [x.astype(dtype), np.array(number)])
            assert (results is None) == (number == too_big)


def test_refusals() -> None:
    x = np.arange(3.0)
    refuses(np.add, x, x, where=np.array([True, False, True]), out=np.zeros(3), match="where")
    refuses(np.sin, x.astype("f4"), casting="unsafe", match="casting")
    refuses(np.sin, x.astype(np.int8), match="float16")
