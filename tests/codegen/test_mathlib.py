"""mathlib: errors against mpmath, special cases against NumPy, what the programs are made of."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

from tests.codegen.scalar_harness import build
from tools import make_coefficients
from tools.measure_mathlib import CASES, PAIRS, limit_of, points_of, program, worst
from tracegraph.codegen.mathlib import PROGRAMS, coefficients, expand, expand_program
from tracegraph.ir.scalar import ARITY, ELEMENTARY, Scalar, ScalarBuilder, check, walk
from tracegraph.ir.types import BOOL, DTYPES, DType

Array = np.ndarray[Any, Any]
FLOATS = [DTYPES["f64"], DTYPES["f32"]]
UNARY, BINARY = sorted(CASES), sorted(PAIRS)
both_floats = pytest.mark.parametrize("dtype", FLOATS, ids=str)
every_function = pytest.mark.parametrize("op", [*UNARY, *BINARY])


def run(op: str, *arrays: Array) -> Array:
    return program(op, arrays[0].dtype)(*arrays)[0]


def numpy_of(op: str) -> Any:
    return np.vectorize(math.erf, otypes="d") if op == "erf" else getattr(np, op)


def program_of(op: str, dtype: DType, b: ScalarBuilder) -> Scalar:
    return expand(b, op, *(b.load(f"in{i}", 0, dtype) for i in range(ARITY[op])))


# --- errors -------------------------------------------------------------------------------------


@both_floats
@every_function
def test_error(op: str, dtype: DType) -> None:
    for arguments in points_of(op, dtype, count=40):
        found, at = worst(op, dtype, [a[:: max(1, a.size // 200)] for a in arguments])
        assert found <= limit_of(op), f"{op} is wrong by {found} ulp at {at}"


@pytest.mark.slow
@both_floats
@every_function
def test_error_at_many_points(op: str, dtype: DType) -> None:
    for arguments in points_of(op, dtype, count=4000, seed=1):
        found, at = worst(op, dtype, arguments)
        assert found <= limit_of(op), f"{op} is wrong by {found} ulp at {at}"


@both_floats
def test_whole_powers_of_two_are_exact(dtype: DType) -> None:
    info = np.finfo(dtype)
    n = np.arange(info.minexp - info.nmant, info.maxexp).astype(dtype)
    two_to_n = np.ldexp(dtype.type(1), n.astype(int))
    np.testing.assert_array_equal(run("exp2", n), two_to_n)
    np.testing.assert_array_equal(run("log2", two_to_n), n)
    np.testing.assert_array_equal(run("power", np.full_like(n, 2), n), two_to_n)


@both_floats
def test_powers_of_ten_and_cubes_are_exact(dtype: DType) -> None:
    n = np.arange(23 if dtype.itemsize == 8 else 11).astype(dtype)
    tens = np.array([10.0**k for k in range(n.size)], dtype)
    np.testing.assert_array_equal(run("log10", tens), n)
    np.testing.assert_array_equal(run("power", np.full_like(n, 10), n), tens)
    whole = np.arange(-100, 101).astype(dtype)
    np.testing.assert_array_equal(run("cbrt", whole**3), whole)


@both_floats
def test_power_with_exponent_one_and_two(dtype: DType) -> None:
    x = np.random.default_rng(0).uniform(0, 100, 1000).astype(dtype)
    whole = np.arange(-1000, 1000).astype(dtype)
    np.testing.assert_array_equal(run("power", x, np.ones_like(x)), x)
    np.testing.assert_array_equal(run("power", whole, np.full_like(whole, 2)), whole * whole)


THRESHOLDS = [
    ("tanh", 0.5, 1), ("tanh", 18.54, 1), ("tanh", 19.062, 1), ("tanh", 8.485, 1),
    ("tanh", 9.011, 1), ("erf", 1.0, 1), ("erf", 3.95, 1), ("erf", 5.95, 1), ("arctan", 0.5, 1),
    ("arctan", 2.0, 1), ("arctan", 2.0**30, 1), ("arctan", 2.0**60, 1), ("arcsin", 0.5, 1),
    ("arccos", 0.5, -1), ("arccos", -0.5, -1), ("exp", 0.34657359, 1), ("exp", -87.3365, 1),
    ("exp", -708.3964, 1), ("expm1", 0.34657359, 1), ("expm1", 2.0**-55, 1), ("log", 2**0.5, 1),
    ("log", 0.5**0.5, 1), ("log1p", 2**0.5 - 1, 1), ("sinh", 2.0**-13, 1), ("sinh", 2.0**-28, 1),
    ("cosh", 0.34657359, 1), ("arcsinh", 2.0**30, 1), ("arcsinh", 2.0**-13, 1),
    ("arccosh", 2.0**60, 1), ("arctanh", 2.0**-28, 1), ("cbrt", 8**0.5, 1), ("sin", 0.78539816, 1),
    ("cos", 0.78539816, -1), ("tan", 0.78539816, 1),
]  # fmt: skip


@both_floats
@pytest.mark.parametrize(("op", "at", "direction"), THRESHOLDS)
def test_no_jump_where_the_method_changes(op: str, at: float, direction: int, dtype: DType) -> None:
    """Monotonic functions never step back by more than the errors of two results."""
    step = np.arange(-500, 500) * np.spacing(dtype.type(abs(at)))
    results = run(op, (dtype.type(at) + step).astype(dtype)).astype(np.float64)
    back = -direction * np.diff(results) / np.spacing(abs(results[1:]).astype(dtype))
    assert back.max() <= 2


# --- special cases ------------------------------------------------------------------------------


def special_values(dtype: DType) -> Array:
    info = np.finfo(dtype)
    positive = [
        0.0, np.inf, np.nan, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, info.smallest_subnormal,
        info.smallest_subnormal * 5, info.smallest_normal, info.max, info.max / 2,
        np.nextafter(dtype.type(1), dtype.type(0)), 2.0**info.nmant, 2.0 ** (info.nmant + 1),
        2.0**info.nmant + 1, 2.0**info.nmant - 0.5, 2.0 ** (info.nmant + 30), 10.0, 100.0, 1000.0,
    ]  # fmt: skip
    values = np.array(positive, dtype)
    return np.concatenate([values, -values])


def assert_alike(got: Array, expected: Array, arguments: tuple[Array, ...]) -> None:
    """NaNs, infinities, zeros and signs are the same; NumPy's own error is up to 4 ulp."""
    with np.errstate(all="ignore"):
        close = abs(got - expected) <= 5 * np.spacing(abs(expected))
    same = (np.signbit(got) == np.signbit(expected)) & ((got == expected) | close)
    wrong = ~(same | (np.isnan(got) & np.isnan(expected)))
    listed = [tuple(a[i] for a in (*arguments, got, expected)) for i in np.flatnonzero(wrong)]
    assert not listed, f"arguments, result, NumPy's: {listed[:5]}"


@both_floats
@pytest.mark.parametrize("op", UNARY)
def test_special_cases(op: str, dtype: DType) -> None:
    x = special_values(dtype)
    with np.errstate(all="ignore"):
        expected = numpy_of(op)(x)
    assert_alike(run(op, x), expected.astype(dtype), (x,))


@both_floats
@pytest.mark.parametrize("op", BINARY)
def test_special_cases_of_two_arguments(op: str, dtype: DType) -> None:
    pairs = np.array(list(itertools.product(special_values(dtype), repeat=2)), dtype)
    x, y = pairs[:, 0].copy(), pairs[:, 1].copy()
    with np.errstate(all="ignore"):
        expected = numpy_of(op)(x, y)
    assert_alike(run(op, x, y), expected, (x, y))


POWER_TABLE = [
    (1.0, np.nan, 1.0), (np.nan, 0.0, 1.0), (np.nan, -0.0, 1.0), (-1.0, np.inf, 1.0),
    (-1.0, -np.inf, 1.0), (-0.0, -3.0, -np.inf), (-0.0, -2.0, np.inf), (-0.0, 3.0, -0.0),
    (-0.0, 0.5, 0.0), (-8.0, 1 / 3, np.nan), (-2.0, 3.0, -8.0), (-2.0, 2.0, 4.0),
    (-np.inf, 3.0, -np.inf), (-np.inf, -3.0, -0.0), (-np.inf, 0.5, np.inf), (0.5, np.inf, 0.0),
    (0.5, -np.inf, np.inf), (np.inf, -1.0, 0.0), (0.0, -np.inf, np.inf), (np.nan, 1.0, np.nan),
]  # fmt: skip


@both_floats
@pytest.mark.parametrize(("x", "y", "expected"), POWER_TABLE)
def test_power_as_in_c99(x: float, y: float, expected: float, dtype: DType) -> None:
    got = run("power", np.array([x], dtype), np.array([y], dtype))
    np.testing.assert_array_equal(got, np.array([expected], dtype))
    assert np.isnan(expected) or np.signbit(got[0]) == np.signbit(expected)


@both_floats
@pytest.mark.parametrize("op", ["sin", "cos", "tan"])
def test_shortcuts_are_what_they_stand_for(op: str, dtype: DType) -> None:
    """So lone scalars round as vectors do, also at the ends of where a shortcut is taken."""

    def shortcuts(b: ScalarBuilder, x: Scalar) -> list[Scalar]:
        found = [s for s in walk(expand(b, op, x)) if s.op == "shortcut"]
        one, zero = b.const(1, x.dtype), b.const(0, x.dtype)
        flags = [b.select(s.args[0], one, zero) for s in found]
        return [*flags, *(b.select(*s.args) for s in found), *(s.args[2] for s in found)]

    bound = dtype.type(0.78)
    near = bound + np.arange(-400, 400).astype(dtype) * np.spacing(bound)
    small = np.logspace(-320 if dtype.itemsize == 8 else -45, 1, 4000).astype(dtype)
    x = np.concatenate([near, small, np.zeros(1, dtype)])
    x = np.concatenate([x, -x])
    found = build(dtype, shortcuts, 1)(x)
    count = len(found) // 3
    assert count == 2
    for k in range(count):
        flags, chosen, full = found[k::count]
        assert np.count_nonzero(flags) > x.size // 2
        np.testing.assert_array_equal(chosen, full)
        # The sign of a zero may differ: what is 0 has a sine and a tangent of its own.
        signs = (np.signbit(v)[full != 0] for v in (chosen, full))
        np.testing.assert_array_equal(*signs)


# --- the programs -------------------------------------------------------------------------------


VECTOR_OPS = {
    "add", "subtract", "multiply", "divide", "fma", "sqrt", "rint", "negative", "absolute",
    "copysign", "select", "bitcast", "cast", "shl", "lshr", "bitwise_and", "bitwise_or",
    "bitwise_xor", "invert", "equal", "not_equal", "less", "less_equal", "greater",
    "greater_equal", "const", "load", "slow_path", "shortcut",
}  # fmt: skip


def test_every_elementary_function_has_a_program() -> None:
    assert set(PROGRAMS) == ELEMENTARY


@both_floats
@every_function
def test_programs_are_arithmetic(op: str, dtype: DType) -> None:
    """Well typed, of operations that have vector instructions, and without the C library."""
    nodes = walk(program_of(op, dtype, ScalarBuilder()))
    assert {s.op for s in nodes} <= VECTOR_OPS
    assert any(s.op == "slow_path" for s in nodes) == (op in ("sin", "cos", "tan"))
    for s in nodes:
        if s.op in ARITY:
            assert s.dtype == check(s.op, s.args)


@both_floats
@pytest.mark.parametrize("op", [*UNARY, "arctan2"])
def test_programs_keep_to_one_width(op: str, dtype: DType) -> None:
    kinds = {s.dtype for s in walk(program_of(op, dtype, ScalarBuilder()))}
    assert all(k == BOOL or k.itemsize == dtype.itemsize for k in kinds)


@both_floats
def test_functions_of_one_argument_share_their_reduction(dtype: DType) -> None:
    b = ScalarBuilder()
    x = b.load("x", 0, dtype)
    alone, pair, three = (
        len(walk(*expand_program([b.apply(op, x) for op in ops], b)))
        for ops in (["sin"], ["sin", "cos"], ["sin", "cos", "tan"])
    )
    assert pair < 1.2 * alone
    assert three < 1.7 * alone


def test_expand_program_keeps_everything_else() -> None:
    b, f64 = ScalarBuilder(), DTYPES["f64"]
    x, y = b.load("x", 3, f64), b.load("y", 0, f64)
    plain = b.select(b.apply("less", x, y), b.apply("multiply", x, y), b.const(-0.0, f64))
    assert expand_program([plain, x], b) == [plain, x]
    other = expand_program([plain], ScalarBuilder())[0]
    assert other.op == "select"
    assert other.args[1].args[0].attr("offset") == 3


def test_expand_program_shares_and_does_not_recurse() -> None:
    b, f64 = ScalarBuilder(), DTYPES["f64"]
    x = deep = b.load("x", 0, f64)
    for _ in range(300):
        deep = b.apply("negative", b.apply("exp", deep))
    roots = expand_program([deep, deep, b.apply("exp", x)], b)
    assert roots[0] is roots[1]
    assert not {s.op for s in walk(*roots)} & ELEMENTARY
    assert roots[2] in walk(roots[0])


def test_lanes_on_the_slow_path_leave_the_others_alone() -> None:
    x = np.array([1e300, 0.5, -(2.0**41), 3.0, np.inf, -0.0, np.nan, 1e-300])
    for op in ("sin", "cos", "tan"):
        with np.errstate(invalid="ignore"):
            assert_alike(run(op, x), numpy_of(op)(x), (x,))


def test_several_functions_in_one_program() -> None:
    def body(b: ScalarBuilder, x: Scalar) -> Scalar:
        both = b.apply("multiply", b.apply("sin", x), b.apply("exp", x))
        return b.apply("add", both, b.apply("multiply", b.apply("log1p", x), b.apply("tanh", x)))

    x = np.linspace(0.01, 5, 1001)
    got = build(x.dtype, body, 1)(x)[0]
    np.testing.assert_allclose(got, np.sin(x) * np.exp(x) + np.log1p(x) * np.tanh(x), rtol=1e-13)


# --- the coefficients ---------------------------------------------------------------------------

TABLES = [coefficients.FLOAT64_TABLE, coefficients.FLOAT32_TABLE]


@pytest.mark.parametrize("entry", make_coefficients.ENTRIES[::4], ids=lambda e: e.name)
def test_sample_of_coefficients_is_what_the_tool_makes(entry: Any) -> None:
    for which, table in enumerate(TABLES):
        made = tuple(map(float, make_coefficients.values(entry, which)))
        assert not made or made == table[entry.name]


@pytest.mark.slow
def test_coefficients_are_what_the_tool_makes() -> None:
    assert make_coefficients.TARGET.read_text(encoding="utf-8") == make_coefficients.text()


def test_float32_constants_fit_float32() -> None:
    wide = {name for name in coefficients.FLOAT64_TABLE if name not in coefficients.FLOAT32_TABLE}
    assert wide == {"log_tail", "power32_log2", "power32_exp2"}
    for numbers in coefficients.FLOAT32_TABLE.values():
        assert all(float(np.float32(v)) == v for v in numbers)
