"""Rules of products, elementwise functions, methods, Python's functions and writers."""

import builtins
import inspect
import math
import operator
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from tests.numpy.rule_checks import Length, Noted, Number, check, may_refuse, refuses, run_graph
from tracegraph.ir.types import DTYPES
from tracegraph.numpy import public, special
from tracegraph.numpy.callouts import NumpyCall
from tracegraph.numpy.table import METHODS, RULES, VIEW_ATTRIBUTES

RNG = np.random.default_rng(3)
X = RNG.normal(size=(4, 3, 2))
M = RNG.normal(size=(3, 4))
V = RNG.normal(size=4)
ODD = np.array([0.0, -0.0, 1.5, -2.5, 2.5, 1e300, np.inf, -np.inf, np.nan])
C = ODD[:6] * (1 + 2j)
ATTRIBUTES: dict[str, Any] = {
    "T": np.transpose,
    "mT": np.matrix_transpose,
    "real": np.real,
    "imag": np.imag,
}

PRODUCTS: list[tuple[Any, ...]] = [
    (np.matmul, M, V),
    (np.matmul, V, M.T),
    (np.matmul, V, V),
    (np.matmul, M, M.T),
    (np.matmul, X, M[:2]),
    (np.matmul, X[None], X.transpose(0, 2, 1)),
    (np.matmul, V[:3], X),
    (np.dot, M, V),
    (np.dot, M, M.T),
    (np.dot, X, M[:2]),
    (np.dot, X, X.transpose(0, 2, 1)),
    (np.dot, V, V),
    (np.dot, V, 2.0),
    (np.dot, M, Number(2.0)),
    (np.inner, M, M),
    (np.inner, V, V),
    (np.inner, X, X),
    (np.outer, V, M),
    (np.vdot, M, M),
    (np.vdot, M * 1j, M),
    (np.vecdot, M, V),
    (np.vecdot, M * 1j, M),
    (np.tensordot, X, X, 3),
    (np.tensordot, X, M, ([1], [0])),
    (np.tensordot, X, M, (1, 0)),
    (np.tensordot, X, X, ((0, 2), (0, 2))),
    (np.tensordot, V, V, 0),
    (np.einsum, "ij,j->i", M, V),
    (np.einsum, "ij,kj", M, M),
    (np.einsum, "ijk->kji", X),
    (np.einsum, "ii", M[:, :3]),
    (np.einsum, "...i,...i->...", M, V),
    (np.kron, M, V),
    (np.kron, V, M[:2]),
    (np.kron, M[:2], M[1:, :2]),
    (np.cross, M[:, :3], M[:, 1:]),
    (np.cross, M[:, 0], M[:, :3]),
    (np.linalg.norm, V),
    (np.linalg.norm, M),
    (np.linalg.norm, X),
    (np.linalg.norm, M * 1j, None, 1),
    (np.linalg.norm, M, None, 0, True),
    (np.linalg.norm, M, "fro"),
    (np.linalg.norm, X, "fro", (0, 2)),
    (np.linalg.norm, V, 1),
    (np.linalg.norm, M, np.inf, 1),
    (np.linalg.norm, M, -np.inf, 1),
    (np.linalg.norm, V, 3),
    (np.linalg.norm, V, 2.5),
    (np.linalg.norm, np.arange(4)),
    *((np.linalg.norm, M, order) for order in (2, -2, "nuc", 1, -1, np.inf, -np.inf)),
    (np.linalg.norm, X, 1, (2, 0)),
    (np.linalg.norm, X, np.inf, (2, 0), True),
    (np.linalg.norm, X, 2, (0, 1)),
    (np.matvec, X, V[:2]),
    (np.vecmat, M[:, 0] * 1j, M),
    (np.vecmat, X[:, :, 0], X),
]


@pytest.mark.parametrize("case", PRODUCTS, ids=lambda case: case[0].__name__)
@pytest.mark.parametrize("symbolic", [False, True])
def test_products(case: Any, symbolic: bool) -> None:
    function, *args = case
    with may_refuse(symbolic):
        check(function, *args, symbolic=symbolic, close=True)
    if not symbolic and function is not np.linalg.norm:
        whole = [(x * 3).astype(int) if isinstance(x, np.ndarray) else x for x in args]
        if not any(isinstance(x, np.ndarray) and x.dtype.kind == "c" for x in args):
            check(function, *whole)


def test_products_of_booleans() -> None:
    check(np.matmul, M > 0, V > 0)
    check(np.dot, M > 0, V > 0)
    check(np.matmul, M, V.astype(np.float32), close=True)
    check(np.matmul, M.astype(np.int8), V.astype(np.int32))


ELEMENTS: list[tuple[Any, ...]] = [
    (np.where, M > 0, M, 0.0),
    (np.where, M > 0, 1, 2),
    (np.where, M[:1], V, M[:, :1]),
    (np.where, M.astype("f4") > 0, M.astype("f4"), Number(0.5)),
    (np.where, V > 0, [1, 2, 3, 4], np.float32(3)),
    (np.clip, ODD, -2, 2),
    (np.clip, ODD, 0.0, -0.0),
    (np.clip, ODD, -0.0, 0.0),
    (np.clip, ODD, None, 1.0),
    (np.clip, ODD, 0.5, None),
    (np.clip, ODD, np.full(9, 0.0), np.full(9, -0.0)),
    (np.clip, ODD, Number(-1.0), Number(1.0)),
    (np.clip, ODD, np.nan, 1.0),
    (np.clip, ODD, np.full(9, np.nan), 1.0),
    (np.clip, np.arange(5, dtype=np.uint8), 0, 255),
    (np.clip, np.arange(5, dtype=np.uint8), -3, 2),
    (np.clip, np.arange(5, dtype=np.int8), 1, 300),
    (np.clip, np.arange(5), 1.5, 3),
    (np.clip, M, M[:1] - 1, 1),
    (np.round, ODD),
    (np.round, ODD, 1),
    (np.round, ODD / 7, 3),
    (np.around, np.array([1234.5, 15.0]), -1),
    (np.round, C / 7, 2),
    (np.round, np.arange(3), 2),
    (np.fix, ODD),
    (np.isclose, ODD, ODD + 1e-9),
    (np.isclose, ODD, 1.5),
    (np.isclose, 1, ODD),
    (np.isclose, np.arange(4), np.arange(4)[::-1]),
    (np.isclose, ODD, ODD, 1e-3, 1e-3, True),
    (np.isclose, M.astype("f4"), Number(0.5), 1e-1),
    (np.allclose, M, M + 1e-12),
    (np.allclose, M, 3),
    (np.array_equal, M, M),
    (np.array_equal, M, V),
    (np.array_equal, [1, 2], np.array([1, 2])),
    (np.nan_to_num, ODD),
    (np.nan_to_num, ODD.astype("f4"), True, 3, 5.0, -5.0),
    (np.nan_to_num, C),
    (np.nan_to_num, np.arange(3)),
    (np.sinc, ODD[:5]),
    (np.sinc, np.arange(3)),
    (np.real, M),
    (np.imag, M),
    (np.real, C),
    (np.imag, C),
    (np.angle, C),
    (np.angle, M, True),
    (np.isposinf, ODD),
    (np.isneginf, ODD),
    (np.isneginf, np.arange(3)),
    (np.float64, np.float32(2.5)),
    (np.float32, Number(2.5)),
    (np.int64, V * 5),
]


@pytest.mark.parametrize("case", ELEMENTS, ids=lambda case: case[0].__name__)
@pytest.mark.parametrize("symbolic", [False, True])
def test_elements(case: Any, symbolic: bool) -> None:
    function, *args = case
    with may_refuse(symbolic, "chance"):
        check(function, *args, symbolic=symbolic)


WRITES: list[tuple[Any, ...]] = [
    (operator.iadd, M, V),
    (operator.iadd, M, 1),
    (operator.imul, M.astype("f4"), Number(2.0)),
    (operator.itruediv, M, M[:, :1]),
    (operator.ipow, M, 2),
    (operator.iadd, np.arange(4), np.arange(4, dtype=np.int8)),
    (operator.imatmul, M[:, :3], M[:, 1:]),
    (operator.setitem, M, M > 0, 0.0),
    (operator.setitem, M, M > 0, np.array([2.0])),
    (operator.setitem, M, M[:, 0] > 0, V),
    (operator.setitem, M, M[:, 0] > 0, [V.tolist()]),
    (operator.setitem, M, (slice(None), V > 0), 5),
    (operator.setitem, X, (slice(None, None, -1), X[0, :, 0] > 0), V[:2]),
    (operator.setitem, X, (1, X[0] > 0), 7),
    (operator.setitem, X, (..., X[0, 0] > 0), np.array(7)),
    (operator.setitem, X, (None, X > 0), 7),
    (operator.setitem, M.astype(int), M > 0, 2.9),
    (operator.setitem, M, ([0, 0, 2], [1, 1, -1]), np.array([1.0, 2.0, 3.0])),
    (operator.setitem, M, slice(None), [[1.0, 2.0, 3.0, 4.0]]),
    (operator.setitem, M, 0, V[None]),
    (operator.setitem, np.arange(4.0), 2, Number(3)),
    (operator.setitem, np.arange(4, dtype=np.int8), 2, Number(3)),
    (np.add.at, M, ([0, 0, 2], [1, 1, -1]), 1.0),
    (np.add.at, V, np.array([0, 0, 0, 3]), V),
    (np.add.at, M, np.array([[0, 1], [0, 0]]), V),
    (np.copyto, M, V),
    (np.copyto, M, 3),
]


@pytest.mark.parametrize("case", WRITES, ids=lambda case: case[0].__name__)
@pytest.mark.parametrize("symbolic", [False, True])
def test_writes(case: Any, symbolic: bool) -> None:
    function, *args = case
    with may_refuse(symbolic, "chance"):
        check(function, *args, symbolic=symbolic)


def test_copyto_where() -> None:
    check(np.copyto, M, 0.0, where=M > 0, symbolic=True)
    check(np.copyto, M, V, where=M[:1] > 0, symbolic=True)
    check("fill", M, 2.5, symbolic=True)
    check("fill", np.arange(3), 2)


CALLS: list[tuple[Any, ...]] = [
    ("reshape", X, 6, 4),
    ("reshape", X, (6, -1)),
    ("reshape", X, -1),
    ("transpose", X),
    ("transpose", X, 1, 0, 2),
    ("transpose", X, (2, 0, 1)),
    ("transpose", X, None),
    ("astype", M, np.float32),
    ("astype", M * 10, int),
    ("astype", M, bool),
    ("copy", M),
    ("flatten", M),
    ("ravel", M),
    ("squeeze", M[:1]),
    ("swapaxes", X, 0, 1),
    ("take", V, [1, 2]),
    ("repeat", V, 2),
    ("clip", V, -0.5, 0.5),
    ("round", V, 2),
    ("dot", M, V),
    ("diagonal", M),
    ("trace", M),
    ("conj", C),
    ("conjugate", M),
    ("item", V[:1]),
    ("item", V, 2),
    ("item", M, 1, 2),
    ("item", M, (1, 2)),
    ("item", np.arange(3), -1),
]


@pytest.mark.parametrize("case", CALLS, ids=lambda case: str(case[0]))
def test_methods(case: Any) -> None:
    name, *args = case
    check(name, *args, close=name in ("dot", "trace"))


def test_every_method_is_one_of_arrays() -> None:
    assert all(callable(getattr(M, name)) for name in METHODS)
    assert set(ATTRIBUTES) == set(VIEW_ATTRIBUTES)


@pytest.mark.parametrize("name", VIEW_ATTRIBUTES)
def test_attributes(name: str) -> None:
    for x in (M, X, C.reshape(2, 3)):
        noted = Noted(symbolic=True)
        sym = VIEW_ATTRIBUTES[name](noted.emitter, noted.operand(x))
        results = run_graph(noted, [sym.value], [x])
        assert results is not None
        got = results[0]
        np.testing.assert_array_equal(got, ATTRIBUTES[name](x) if name != "T" else x.T, strict=True)


MATH = [f for f in RULES if getattr(f, "__module__", "") == "math"]


@pytest.mark.parametrize("function", MATH, ids=lambda f: f.__name__)
@given(x=st.floats(-20, 20), y=st.floats(-5, 5))
def test_math(function: Any, x: float, y: float) -> None:
    """Where Python raises, the guards fail; where they hold, the results agree."""
    two = function in (math.pow, math.hypot, math.atan2, math.fmod, math.copysign)
    args = (x, y) if two else (x,)
    noted = Noted(symbolic=False)
    sym = RULES[function](noted.emitter, *(noted.operand(Number(a)) for a in args))
    results = run_graph(noted, [sym.value], noted.arrays)
    try:
        expected = function(*args)
    except (ValueError, OverflowError, ZeroDivisionError):
        assert results is None
        return
    if results is not None:
        assert sym.weak is type(expected)
        assert math.isclose(results[0], expected, rel_tol=1e-13, abs_tol=1e-15)
    else:
        assert not math.isfinite(expected)


def test_python_functions() -> None:
    one, two = Number(np.float64(1.5)), Number(np.float64(-2.5))
    check(builtins.min, one, two)
    check(builtins.max, one, two, one)
    check(builtins.max, Number(0.0), Number(-0.0))
    check(builtins.min, [one, two])
    check(builtins.sum, [one, two, 3])
    check(builtins.sum, [one, two], 0.5)
    check(builtins.round, Number(np.float64(1.2345)), 2)
    check(builtins.divmod, M, 0.5)
    check(builtins.pow, M, 2)
    check(float, Number(np.float32(2.5)))
    check(complex, Number(2.5))
    check(complex, Number(2.5), -1)
    check(int, Number(-2.5))
    check(bool, Number(0.0))
    check(math.log, Number(8.0), 2, close=True)
    check(math.floor, Number(np.float64(-2.5)))
    refuses(builtins.min, Number(1), Number(1.0), match="different types")
    check(builtins.round, Number(np.float64(2.5)))
    check(builtins.round, Number(2.675), 2)
    refuses(builtins.round, Number(1234.5), -2, match=r"np\.round")


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=str)
def test_casts(dtype: Any) -> None:
    for source in DTYPES.values():
        x = np.array([0, 1, 3]).astype(source)
        check("astype", x, dtype)
        check(operator.setitem, np.zeros(3, dtype), slice(None), x)


def test_a_size_is_a_number() -> None:
    check(operator.mul, V, Length(4), symbolic=True)
    check(operator.truediv, M, Length(3), symbolic=True)
    check(operator.getitem, V, slice(None, Length(4)), symbolic=True)
    check(operator.getitem, M, (slice(1, Length(3)), -1), symbolic=True)


def test_refusals() -> None:
    refuses(operator.getitem, V, slice(Number(1), None), match="slice")
    refuses(np.einsum, M, [0, 1], match="string")
    refuses(operator.pow, V > 0, 2, match="booleans")


def test_functions_that_numpy_lacks() -> None:
    x = np.array([[-1e3, 1e3, 0.5], [-np.inf, 2.0, np.nan]])
    for dtype in (np.float64, np.float32):
        check(special.erf, x.astype(dtype), symbolic=True)
        check(special.logsumexp, x.astype(dtype), axis=1, symbolic=True, close=True)
        check(special.logsumexp, x.astype(dtype), keepdims=True, symbolic=True, close=True)
    check(special.erf, np.arange(3))
    check(special.erf, Number(0.5))
    check(special.logsumexp, np.arange(3), close=True)
    check(special.logsumexp, np.array([-np.inf, -np.inf]))


def test_outer_of_ufuncs() -> None:
    for ufunc in (np.add, np.subtract, np.multiply, np.maximum, np.less, np.divide):
        check(ufunc.outer, V, M, symbolic=True)
    check(np.subtract.outer, V, [1.0, 2.0])
    check(np.linalg.vector_norm, M, close=True)
    check(np.linalg.vector_norm, M, axis=1, ord=1, keepdims=True, close=True)
    check(np.linalg.matrix_norm, X, close=True)


def test_every_option_of_numpy_is_taken_or_refused() -> None:
    """An option that a rule does not know must be a reason to give up, never a TypeError."""
    for function, rule in RULES.items():
        if isinstance(rule, NumpyCall):  # it hands all options on
            continue
        known = inspect.signature(rule).parameters.values()
        if function is builtins.pow or any(p.kind == p.VAR_KEYWORD for p in known):
            continue
        try:
            named = [
                p.name
                for p in inspect.signature(function).parameters.values()
                if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
            ]
        except (TypeError, ValueError):
            continue
        names = [p.name for p in known if p.kind != p.POSITIONAL_ONLY]
        assert set(named) <= set(names), function


def test_public_functions_are_recorded() -> None:
    for name in public.__all__:
        assert getattr(public, name) in RULES, name
