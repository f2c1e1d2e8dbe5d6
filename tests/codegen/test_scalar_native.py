"""Every scalar operation as machine code gives NumPy's answers, special values included."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.codegen.harness import load_kernel
from tracegraph.codegen.llvm import native
from tracegraph.codegen.mathlib import expand
from tracegraph.ir.loops import Buffer, For, Program, Store
from tracegraph.ir.scalar import COMPARE, Scalar, ScalarBuilder
from tracegraph.ir.scalar_interpret import fma
from tracegraph.ir.sizes import Symbol, symbol
from tracegraph.ir.types import BOOL, DTYPES, DType

INTEGERS = [DTYPES[n] for n in ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64")]
FLOATS = [DTYPES["f32"], DTYPES["f64"]]
REAL = [*INTEGERS, *FLOATS]
INTEGER_OPS = ("floor_divide", "remainder", "left_shift", "right_shift")
COUNT = 19  # whole vectors and a remainder, at every width


def special(dtype: DType) -> np.ndarray[Any, Any]:
    """Return values at the edges of a dtype."""
    if dtype == BOOL:
        return np.array([False, True])
    if dtype.kind == "f":
        info = np.finfo(dtype)
        edges = [0.0, -0.0, 1, -1, 0.5, -1.5, 2.5, np.inf, -np.inf, np.nan, info.max, info.tiny,
                 info.smallest_subnormal, 2.0**31, -(2.0**31) - 1, 2.0**63, 300.7]  # fmt: skip
        with np.errstate(all="ignore"):
            return np.array(edges).astype(dtype)
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    whole = [0, 1, 2, 3, 7, 8, 31, 32, 63, 64, high, high - 1, low, -1, -2, -7]
    return np.array([max(low, min(high, v)) for v in whole], dtype)


def run(rule: Any, *arrays: Any, lanes: int) -> Any:
    """Return a scalar rule applied to arrays by a native loop of so many lanes."""
    b, i = ScalarBuilder(), symbol("i")
    names = [f"x{k}" for k in range(len(arrays))]
    value: Scalar = rule(b, *(b.load(n, i, a.dtype) for n, a in zip(names, arrays, strict=True)))
    out = np.zeros(len(arrays[0]), value.dtype)
    buffers = [Buffer(n, a.dtype) for n, a in zip(names, arrays, strict=True)]
    body = For(Symbol("i"), symbol("n"), (Store("out", i, value),), lanes=lanes)
    program = Program("k", (*buffers, Buffer("out", value.dtype)), (body,))
    memory = {**dict(zip(names, arrays, strict=True)), "out": out}
    load_kernel(native(program))(memory, n=len(out))
    return out


def pairs(dtype: DType) -> tuple[Any, Any]:
    """Return every pair of special values."""
    x = special(dtype)
    return np.repeat(x, len(x)), np.tile(x, len(x))


def same(got: Any, expected: Any) -> None:
    """Compare by bits, except that all NaNs are one."""
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)
    if got.dtype.kind == "f":
        numbers = ~np.isnan(got)
        np.testing.assert_array_equal(np.signbit(got[numbers]), np.signbit(expected[numbers]))


BINARY = [
    *((op, d) for op in ("add", "subtract", "multiply") for d in REAL),
    *((op, d) for op in ("maximum", "minimum", *sorted(COMPARE)) for d in [BOOL, *REAL]),
    *((op, d) for op in INTEGER_OPS for d in INTEGERS),
    *((f"bitwise_{op}", d) for op in ("and", "or", "xor") for d in [BOOL, *INTEGERS]),
    *((op, d) for op in ("divide", "fmod", "copysign") for d in FLOATS),
]  # fmt: skip
UNARY = [
    *((op, d) for op in ("negative", "absolute") for d in REAL),
    *((op, d) for op in ("sqrt", "floor", "ceil", "trunc", "rint") for d in FLOATS),
    *(("invert", d) for d in [BOOL, *INTEGERS]),
]


@pytest.mark.parametrize("lanes", [1, 8])
@pytest.mark.parametrize(("op", "dtype"), BINARY, ids=str)
def test_binary(op: str, dtype: DType, lanes: int) -> None:
    x, y = pairs(dtype)
    with np.errstate(all="ignore"):
        expected = getattr(np, op)(x, y)
    same(run(lambda b, x, y: b.apply(op, x, y), x, y, lanes=lanes), expected)


@pytest.mark.parametrize("lanes", [1, 8])
@pytest.mark.parametrize(("op", "dtype"), UNARY, ids=str)
def test_unary(op: str, dtype: DType, lanes: int) -> None:
    x = np.resize(special(dtype), COUNT)
    with np.errstate(all="ignore"):
        expected = getattr(np, op)(x)
    same(run(lambda b, x: b.apply(op, x), x, lanes=lanes), expected)


def fits(x: Any, dtype: DType) -> Any:
    """Return where NumPy's cast to u32 and u64 is the same however it is computed."""
    if x.dtype.kind != "f" or dtype not in (DTYPES["u32"], DTYPES["u64"]):
        return np.ones(len(x), bool)
    return np.isfinite(x) & (np.abs(x) < 2.0 ** (8 * dtype.itemsize))


@pytest.mark.parametrize("lanes", [1, 8])
@pytest.mark.parametrize("source", [BOOL, *REAL], ids=str)
@pytest.mark.parametrize("target", [BOOL, *REAL], ids=str)
def test_cast(source: DType, target: DType, lanes: int) -> None:
    x = np.resize(special(source), COUNT)
    x = x[fits(x, target)]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = x.astype(target)
    same(run(lambda b, x: b.cast(x, target), x, lanes=lanes), expected)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_fma_rounds_once(dtype: DType, data: st.DataObject) -> None:
    arrays = [data.draw(hnp.arrays(dtype, 5)) for _ in range(3)]
    got = run(lambda b, x, y, z: b.apply("fma", x, y, z), *arrays, lanes=4)
    with np.errstate(all="ignore"):
        expected = np.array([fma(*row) for row in zip(*arrays, strict=True)], dtype)
    np.testing.assert_array_equal(got, expected)


def test_bools_of_any_byte_are_true() -> None:
    x = np.array([0, 1, 2, 255, 0, 128, 7, 1, 0], np.uint8).view(bool)
    got = run(lambda b, x: b.apply("invert", x), x, lanes=4)
    np.testing.assert_array_equal(got.view(np.uint8), (x.view(np.uint8) == 0).astype(np.uint8))


@pytest.mark.parametrize("lanes", [1, 8])
def test_slow_path_replaces_rare_lanes(lanes: int) -> None:
    x = np.linspace(-9, 9, COUNT)

    def rule(b: ScalarBuilder, x: Scalar) -> Scalar:
        rare = b.apply("greater", x, b.const(5.0, x.dtype))
        return b.slow_path("sin", rare, x, x)

    np.testing.assert_allclose(run(rule, x, lanes=lanes), np.where(x > 5, np.sin(x), x))


def test_a_shortcut_is_a_branch_of_a_lone_scalar() -> None:
    """What it chooses from is the same; where it is not, the choice shows."""

    def rule(b: ScalarBuilder, x: Scalar) -> Scalar:
        small = b.apply("less", x, b.const(5.0, x.dtype))
        return b.shortcut(small, b.const(1.0, x.dtype), x)

    x = np.linspace(-9, 9, COUNT)
    same(run(rule, x, lanes=1), np.where(x < 5, 1.0, x))
    same(run(rule, x, lanes=8), x)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("op", ["sin", "cos", "tan"])
def test_lone_scalars_round_as_vectors_do(op: str, dtype: DType) -> None:
    x = np.concatenate([special(dtype), np.linspace(-3, 3, 4001).astype(dtype)])

    def rule(b: ScalarBuilder, x: Scalar) -> Scalar:
        return expand(b, op, x)

    same(run(rule, x, lanes=1), run(rule, x, lanes=8))
