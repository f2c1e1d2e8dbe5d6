"""Elementwise operations on every dtype and every special value: lowering = eager = NumPy."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ir.samples_elementwise import SAMPLES
from tests.ir.scalar_evaluator import lowered
from tracegraph.ir.graph import Op, trace
from tracegraph.ir.interpret import interpret
from tracegraph.ir.ops import arithmetic as ar
from tracegraph.ir.ops import choice, compare, rounding
from tracegraph.ir.ops import complexes as cx
from tracegraph.ir.ops import exponential as ex
from tracegraph.ir.ops import power as po
from tracegraph.ir.ops import special as sp
from tracegraph.ir.ops.broadcast import broadcast_to, literal
from tracegraph.ir.ops.cast import cast
from tracegraph.ir.sizes import symbol
from tracegraph.ir.types import BOOL, DTYPES, FLOAT64, ArrayType, DType, array_type

Array = np.ndarray[Any, Any]
F64 = FLOAT64
n = symbol("n")

OPS_HERE = {s.op.name: s.op for s in SAMPLES if s.op not in (literal, broadcast_to)}
ARITY = {sample.op.name: len(sample.arrays) for sample in SAMPLES}
REAL_DTYPES = [dtype for dtype in DTYPES.values() if dtype.kind != "c"]


@pytest.fixture(autouse=True)
def _numpy_may_warn() -> Iterator[None]:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def specials(dtype: DType) -> Array:
    """Return the values of a dtype at which rules go wrong."""
    if dtype == BOOL:
        return np.array([False, True])
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        small = [0, 1, 2, 3, 7, 8, 31, 33, 63, 65, 100]
        values = {*small, *(-v for v in small), info.max, info.max - 1, info.min, info.min + 1}
        return np.array(sorted(v for v in values if info.min <= v <= info.max), dtype)
    finfo = np.finfo(dtype)
    sizes = [
        0.0, finfo.smallest_subnormal, finfo.smallest_normal, finfo.eps, 0.3, 0.5, 1.0, 1.5, 2.0,
        2.5, 3.0, 7.0, 1e10, finfo.max, math.inf,
    ]  # fmt: skip
    return np.array([*sizes, *(-v for v in sizes), math.nan], dtype)


def operand_types(op: Op, dtype: DType) -> list[DType] | None:
    """Return the dtypes of the operands where the main one is ``dtype``, None if not accepted."""
    dtypes = [BOOL, dtype, dtype] if op is choice.select else [dtype] * ARITY[op.name]
    try:
        op.type_rule(*(ArrayType(d, (n, 4)) for d in dtypes), **attrs_of(op))
    except TypeError:
        return None
    return dtypes


def attrs_of(op: Op) -> dict[str, Any]:
    attrs: dict[str, dict[str, Any]] = {
        "integer_power": {"exponent": 5},
        "cast": {"dtype": F64},
    }
    return attrs.get(op.name, {})


def type_of(op: Op, *types: ArrayType, **attrs: Any) -> ArrayType:
    out = op.type_rule(*types, **attrs)
    assert isinstance(out, ArrayType)
    return out


CASES = [
    pytest.param(op, dtype, id=f"{op.name}-{dtype}")
    for op in OPS_HERE.values()
    for dtype in REAL_DTYPES
    if op is not cx.complex_ and operand_types(op, dtype)
]
every_case = pytest.mark.parametrize(("op", "dtype"), CASES)

ROUNDED: dict[str, float] = {"hypot": 1, "integer_power": 1, "reciprocal": 0}
"""Units in the last place by which a lowering may differ from NumPy; else none."""
IN_RANGE_ONLY = {"logaddexp": ex.logaddexp, "logaddexp2": ex.logaddexp2}


def permitted(op: Op, arrays: list[Array]) -> list[Array]:
    """Leave out what NumPy has no one answer for.

    Integers to negative powers raise. Of signaling NaNs, fmax and fmin give the other operand in
    vectors, and NaN in the elements that no vector holds.
    """
    if op is po.power and arrays[1].dtype.kind == "i":
        arrays[1] = np.maximum(arrays[1], 0)
    if op in (choice.fmax, choice.fmin) and arrays[0].dtype.kind == "f":
        arrays = [np.where(np.isnan(a), a.dtype.type(np.nan), a) for a in arrays]
    return arrays


def check_lowering(op: Op, *arrays: Array, **attrs: Any) -> None:
    result = lowered(op, *arrays, **attrs)
    expected = np.asarray(op.eager(*arrays, **attrs))
    assert result.dtype == expected.dtype == type_of(op, *map(array_type, arrays), **attrs).dtype
    assert_same(op, result, expected, arrays)


def assert_same(op: Op, result: Array, expected: Array, arrays: tuple[Array, ...]) -> None:
    """Same bits, any NaN being equal to any other; or near, for what is rounded differently."""
    if expected.dtype.kind != "f":
        np.testing.assert_array_equal(result, expected)
        return
    same = (result == expected) | (np.isnan(result) & np.isnan(expected))
    if op in (choice.fmax, choice.fmin):
        pass  # NumPy's own vectors and remainders give different zeros
    else:
        same &= (np.signbit(result) == np.signbit(expected)) | np.isnan(expected)
    if op.name in ROUNDED:
        same |= np.abs(result - expected) <= ROUNDED[op.name] * np.spacing(np.abs(expected))
    if op.name in IN_RANGE_ONLY:
        size = np.maximum(np.max(np.abs(arrays), axis=0), 1)
        same |= np.abs(result - expected) <= 4 * np.finfo(expected.dtype).eps * size
    wrong = np.argwhere(~same)
    shown = [
        ([a[tuple(i)] for a in arrays], result[tuple(i)], expected[tuple(i)]) for i in wrong[:5]
    ]
    assert not len(wrong), shown


@every_case
def test_lowering_is_eager_on_special_values(op: Op, dtype: DType) -> None:
    dtypes = operand_types(op, dtype)
    assert dtypes is not None
    grid = itertools.product(*(specials(d) for d in dtypes))
    columns = [np.array(c, d) for c, d in zip(zip(*grid, strict=True), dtypes, strict=True)]
    if op is choice.clip:
        columns = [column[::7] for column in columns]
    check_lowering(op, *permitted(op, columns), **attrs_of(op))


@given(data=st.data())
@every_case
def test_lowering_is_eager_on_random_bits(op: Op, dtype: DType, data: st.DataObject) -> None:
    dtypes = operand_types(op, dtype)
    assert dtypes is not None
    count = data.draw(st.integers(1, 9))
    arrays = []
    for d in dtypes:
        bits = data.draw(st.binary(min_size=count * d.itemsize, max_size=count * d.itemsize))
        bits_of_bool = bytes(byte & 1 for byte in bits) if d == BOOL else bits
        arrays.append(np.frombuffer(bits_of_bool, d).copy())
    check_lowering(op, *permitted(op, arrays), **attrs_of(op))


@pytest.mark.parametrize("op", OPS_HERE.values(), ids=lambda op: op.name)
def test_type_rule_agrees_with_eager_for_every_dtype(op: Op) -> None:
    """And over symbolic dimensions; what it refuses, it refuses with a TypeError."""
    accepted = 0
    for dtype in DTYPES.values():
        dtypes = operand_types(op, dtype)
        if dtypes is None:
            continue
        accepted += 1
        symbolic = type_of(op, *(ArrayType(d, (n, 4)) for d in dtypes), **attrs_of(op))
        assert symbolic.shape == (n, 4)
        for shape in ((), (0,), (2, 3)):
            arrays = [np.ones(shape, d) for d in dtypes]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                result = np.asarray(op.eager(*arrays, **attrs_of(op)))
            assert (result.dtype, result.shape) == (symbolic.dtype, shape)
    assert accepted


def test_exact_products_of_cast_pairs() -> None:
    for source, target in itertools.product(REAL_DTYPES, repeat=2):
        check_lowering(cast, specials(source), dtype=target)


# ---- what type rules refuse -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: ar.add.type_rule(ArrayType(F64, (3,)), ArrayType(F64, (2,))),
            "add needs operands of one type, got f64[3] and f64[2]",
        ),
        (
            lambda: ar.add.type_rule(ArrayType(F64, (n,)), ArrayType(DTYPES["f32"], (n,))),
            "add needs operands of one type, got f64[n] and f32[n]",
        ),
        (
            lambda: ar.negative.type_rule(ArrayType(BOOL, (3,))),
            "negative needs a dtype of the kinds 'iufc', got bool[3]",
        ),
        (
            lambda: choice.select.type_rule(
                ArrayType(DTYPES["i64"], (3,)), ArrayType(F64, (3,)), ArrayType(F64, (3,))
            ),
            "select needs a bool and two of one type, of one shape, "
            "got i64[3] and f64[3] and f64[3]",
        ),
        (
            lambda: cx.real.type_rule(ArrayType(F64, (3,))),
            "real needs a dtype of the kinds 'c', got f64[3]",
        ),
        (
            lambda: po.integer_power.type_rule(ArrayType(F64, (3,)), exponent=-2),
            "integer_power needs an exponent that is not negative, got -2",
        ),
        (
            lambda: cast.type_rule(ArrayType(F64, (3,)), dtype=np.dtype(">f8")),
            "cast needs one of the dtypes that graphs hold, got >f8",
        ),
    ],
)
def test_messages_of_type_rules(call: Any, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        call()
    assert str(caught.value) == message


# ---- accuracy, against mpmath -----------------------------------------------------------------


def worst_error(result: Array, exact: list[Any]) -> float:
    """Return the largest distance from the true values, in units of the last place."""
    worst = 0.0
    for got, true in zip(result, exact, strict=True):
        unit = float(np.spacing(np.abs(got.dtype.type(float(true)))))
        worst = max(worst, float(abs(mpmath.mpf(float(got)) - true) / unit))
    return worst


def spread_over(dtype: str, count: int, exponents: tuple[int, int]) -> Array:
    rng = np.random.default_rng(5)
    powers = rng.uniform(*exponents, count)
    numbers: Array = np.exp2(powers) * rng.choice([-1, 1], count)
    return numbers.astype(dtype)


@pytest.mark.parametrize(
    ("dtype", "exponents"), [("float64", (-1060, 1022)), ("float32", (-140, 126))]
)
def test_hypot_neither_overflows_nor_loses_accuracy(dtype: str, exponents: tuple[int, int]) -> None:
    rng = np.random.default_rng(6)
    x = spread_over(dtype, 1500, exponents)
    y = (x * np.exp2(rng.uniform(-30, 0, 1500))).astype(dtype)
    with mpmath.workprec(200):
        exact = [mpmath.hypot(float(a), float(b)) for a, b in zip(x, y, strict=True)]
    assert worst_error(lowered(po.hypot, x, y), exact) <= 1.0


@pytest.mark.parametrize("exponent", [2, 3, 4, 5, 7, 10, 17, 32])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_integer_powers_are_rounded_once(dtype: str, exponent: int) -> None:
    top = 1000 / exponent if dtype == "float64" else 120 / exponent
    x = spread_over(dtype, 300, (-int(top), int(top)))
    with mpmath.workprec(2000):
        exact = [mpmath.mpf(float(a)) ** exponent for a in x]
    assert worst_error(lowered(po.integer_power, x, exponent=exponent), exact) <= 0.51


def test_integer_powers_of_specials() -> None:
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e200, -1e200, 1e-200, -1e-200])
    for exponent in range(7):
        np.testing.assert_array_equal(
            lowered(po.integer_power, x, exponent=exponent), np.power(x, float(exponent))
        )
        np.testing.assert_array_equal(
            np.signbit(lowered(po.integer_power, x[:4], exponent=exponent)),
            np.signbit(np.power(x[:4], float(exponent))),
        )


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_erf_is_accurate(dtype: str) -> None:
    x = np.concatenate([spread_over(dtype, 400, (-40, 3)), np.linspace(-6, 6, 301).astype(dtype)])
    with mpmath.workprec(100):
        exact = [mpmath.erf(float(a)) for a in x if a]
    assert worst_error(sp.erf.eager(x[x != 0]), exact) <= 1.0
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan], dtype)
    np.testing.assert_array_equal(sp.erf.eager(special), np.array([0, -0.0, 1, -1, np.nan], dtype))


# ---- constant exponents -----------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", "int64", "uint8"])
@pytest.mark.parametrize("exponent", [-1, 0, 0.5, 1, 2, 3, 7, 2.5])
def test_constant_power_is_numpys(dtype: str, exponent: float) -> None:
    x = np.array([0.0, -0.0, 1.0, 1.7, -3.3, 300.1, np.inf, -np.inf, np.nan] * 3)
    if dtype in ("int64", "uint8"):
        if exponent not in (0, 1, 2, 3, 7):
            return
        x = np.array([0, 1, 3, 100, 255])
    x = x.astype(dtype)
    graph = trace(lambda v: po.constant_power(v, exponent), array_type(x))
    (result,) = interpret(graph, x)
    expected = x**exponent
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result, expected)
    if dtype.startswith("float"):
        np.testing.assert_array_equal(np.signbit(result[:8]), np.signbit(expected[:8]))


# ---- clipping and signed zeros ----------------------------------------------------------------


def test_clip_is_numpys_with_one_number_for_each_bound() -> None:
    x = specials(F64)
    for low, high in itertools.product(x, repeat=2):
        result = choice.clip.eager(x, np.full_like(x, low), np.full_like(x, high))
        expected = np.clip(x, low, high)
        np.testing.assert_array_equal(result, expected)
        known = ~np.isnan(expected)
        np.testing.assert_array_equal(np.signbit(result[known]), np.signbit(expected[known]))


def test_commutative_operations_commute() -> None:
    for op in OPS_HERE.values():
        if not op.commutative:
            continue
        for dtype in REAL_DTYPES:
            if operand_types(op, dtype):
                grid = list(itertools.product(specials(dtype), repeat=2))
                x, y = (np.array(column, dtype) for column in zip(*grid, strict=True))
                assert_same(op, lowered(op, x, y), lowered(op, y, x), (x, y))


def test_eager_calls_and_predicates() -> None:
    assert compare.isnan(np.float64(np.nan))
    assert rounding.rint(np.float64(2.5)) == 2
    np.testing.assert_array_equal(ar.add(np.ones(2), np.ones(2)), 2)
