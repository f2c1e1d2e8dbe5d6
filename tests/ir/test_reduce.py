"""Reductions and scans: NumPy's answers, and derivatives that stay right at zeros, ties and NaN."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.ir.graph_checks import check_batches, check_derivatives
from tracegraph.ir.autodiff import jvp, vjp
from tracegraph.ir.graph import Derivative, Graph, Op, Value, trace
from tracegraph.ir.interpret import interpret
from tracegraph.ir.lowering import Fold, Scan
from tracegraph.ir.ops import reduce, scan
from tracegraph.ir.ops.arithmetic import multiply
from tracegraph.ir.ops.compose_reduce import logsumexp, mean, std, var
from tracegraph.ir.ops.identity import stop_gradient
from tracegraph.ir.ops.reduce import all_, any_, argmax, argmin, max_, min_, prod
from tracegraph.ir.ops.scan import FEW_LANES, cummax, cummin, cumprod, cumsum, linear_recurrence
from tracegraph.ir.scalar import FOLDS
from tracegraph.ir.sizes import symbol
from tracegraph.ir.types import BOOL, DTYPES, FLOAT64, INT64, ArrayType, array_type
from tracegraph.ir.verify import verify

n, m = symbol("n"), symbol("m")
AXES = [(), (0,), (1,), (2,), (0, 2), (0, 1, 2)]
STATISTICS: dict[str, Callable[..., Value]] = {"mean": mean, "var": var, "std": std}
COMPOSED = {**STATISTICS, "logsumexp": logsumexp}
by_name = pytest.mark.parametrize


def graph_of(function: Callable[..., Any], *arrays: Any) -> Graph:
    return trace(function, *(array_type(np.asarray(a)) for a in arrays))


def run(function: Callable[..., Any], *arrays: Any) -> Any:
    graph = graph_of(function, *arrays)
    verify(graph)
    with np.errstate(all="ignore"):
        (out,) = interpret(graph, *arrays)
    assert array_type(np.asarray(out)) == graph.outputs[0].type
    return np.asarray(out)


def numpys(name: str, x: Any, **options: Any) -> Any:
    """Return NumPy's answer, or the ValueError that it raises."""
    with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore"):
        try:
            return np.asarray(getattr(np, name)(x, **options))
        except ValueError as error:
            return error


def check_answer(expected: Any, function: Callable[..., Any], x: Any) -> None:
    """The graph of ``function`` gives the same array, or raises the same error when it is run."""
    if isinstance(expected, ValueError):
        graph = graph_of(function, x)
        with pytest.raises(ValueError) as raised:  # noqa: PT011  # the message is compared below
            interpret(graph, x)
        assert str(raised.value) == str(expected)
    else:
        np.testing.assert_array_equal(run(function, x), expected, strict=True)


def gradient(function: Callable[..., Any], x: Any) -> Any:
    """Return the cotangent of ``x`` for a cotangent of ones."""
    graph = graph_of(function, x)
    with np.errstate(all="ignore"):
        ones = np.ones_like(interpret(graph, x)[0])
        return interpret(vjp(graph), x, ones)[1]


def tangent(function: Callable[..., Any], x: Any, v: Any) -> Any:
    with np.errstate(all="ignore"):
        return interpret(jvp(graph_of(function, x)), x, np.asarray(v))[1]


def elements(dtype: Any) -> st.SearchStrategy[Any]:
    if dtype.kind == "f":
        return st.sampled_from([0.0, -0.0, 1.0, 1.5, -2.0, np.inf, -np.inf, np.nan])
    if dtype.kind == "c":
        return st.sampled_from([0j, 1 - 2j, -1j, 2 + 2j, complex(np.nan, 1)])
    return hnp.from_dtype(dtype)


@st.composite
def arrays_and_axes(draw: st.DrawFn, kinds: str = "biufc", least: int = 0) -> tuple[Any, Any]:
    dtype = draw(st.sampled_from([d for d in DTYPES.values() if d.kind in kinds]))
    shape = draw(hnp.array_shapes(min_dims=least, max_dims=3, min_side=0, max_side=4))
    array = draw(hnp.arrays(dtype, shape, elements=elements(dtype)))
    axes = draw(st.sets(st.sampled_from(range(len(shape))))) if shape else set()
    return array, tuple(sorted(axes))


# ---- values ------------------------------------------------------------------------------------


@by_name("op", [max_, min_], ids=lambda op: op.name)
@given(case=arrays_and_axes())
def test_extremum_is_numpys_on_every_dtype(op: Op, case: Any) -> None:
    x, axes = case
    check_answer(numpys(op.name, x, axis=axes), lambda a: op(a, axes=axes), x)


@by_name("op", [any_, all_], ids=lambda op: op.name)
@given(case=arrays_and_axes("b"))
def test_truth_is_numpys(op: Op, case: Any) -> None:
    x, axes = case
    check_answer(numpys(op.name, x, axis=axes), lambda a: op(a, axes=axes), x)


@given(case=arrays_and_axes("iufc"))
def test_prod_is_numpys_in_the_dtype_of_its_operand(case: Any) -> None:
    x, axes = case
    check_answer(numpys("prod", x, axis=axes, dtype=x.dtype), lambda a: prod(a, axes=axes), x)


@by_name("op", [argmax, argmin], ids=lambda op: op.name)
@given(case=arrays_and_axes(least=1), axis=st.integers(0, 2))
def test_places_are_numpys_on_every_dtype(op: Op, case: Any, axis: int) -> None:
    x, at = case[0], axis % case[0].ndim
    check_answer(numpys(op.name, x, axis=at), lambda a: op(a, axes=(at,)), x)


@by_name("op", [cumsum, cumprod], ids=lambda op: op.name)
@given(case=arrays_and_axes("iufc", least=1), axis=st.integers(0, 2))
def test_scans_are_numpys_in_the_dtype_of_their_operand(op: Op, case: Any, axis: int) -> None:
    x, at = case[0], axis % case[0].ndim
    check_answer(numpys(op.name, x, axis=at, dtype=x.dtype), lambda a: op(a, axis=at), x)


@by_name("name", STATISTICS)
@by_name("dtype", [d for d in DTYPES.values() if d.kind in "fc"], ids=str)
@given(shape=hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=30), data=st.data())
def test_statistics_are_numpys(name: str, dtype: Any, shape: Any, data: st.DataObject) -> None:
    """Real ones bit for bit: the same sums, means and divisors."""
    axes = tuple(axis for axis in range(len(shape)) if data.draw(st.booleans()))
    rng = np.random.default_rng(sum(shape))
    x = rng.normal(3, 1, shape) + (1j * rng.normal(1, 1, shape) if dtype.kind == "c" else 0)
    x = np.asarray(x.astype(dtype))
    expected = numpys(name, x, axis=axes)
    got = run(lambda a: STATISTICS[name](a, axes), x)
    rtol = 0 if dtype.kind == "f" else 16 * np.finfo(dtype).eps
    np.testing.assert_allclose(got, expected, rtol=rtol, strict=True)


@by_name("ddof", [0, 1, 5, 9])
def test_var_takes_ddof_and_a_known_mean(ddof: int) -> None:
    x = np.arange(10.0).reshape(5, 2) ** 2
    center = x.mean(axis=0)
    expected = numpys("var", x, axis=0, ddof=ddof)
    np.testing.assert_array_equal(run(lambda a: var(a, (0,), ddof), x), expected)
    np.testing.assert_array_equal(run(lambda a, c: var(a, (0,), ddof, c), x, center), expected)


@by_name("name", COMPOSED)
def test_compositions_take_symbolic_lengths(name: str) -> None:
    """Also where the number of elements is known to the native code alone."""
    graph = trace(lambda a: COMPOSED[name](a, (0, 2)), ArrayType(FLOAT64, (n, 2, m)))
    verify(graph)
    assert graph.outputs[0].type == ArrayType(FLOAT64, (2,))
    for shape in ((3, 2, 4), (1, 2, 1), (5, 2, 2)):
        x = np.random.default_rng(1).standard_normal(shape)
        (expected,) = interpret(graph_of(lambda a: COMPOSED[name](a, (0, 2)), x), x)
        np.testing.assert_array_equal(interpret(graph, x)[0], expected)


@by_name("op", [prod, max_, cumprod, cumsum], ids=lambda op: op.name)
def test_derivatives_take_symbolic_lengths(op: Op) -> None:
    attrs = {"axis": 0} if isinstance(op.lower, Scan) else {"axes": (0, 1)}
    for lengths in ((n, m), (n, 2)):
        graph = trace(lambda a: op(a, **attrs), ArrayType(FLOAT64, lengths))
        for shape in ((3, 2), (1, 2)):
            x = np.random.default_rng(2).standard_normal(shape)
            check_derivatives(graph, x)
    if op is not max_:
        u = np.ones(() if "axes" in attrs else (0, 2))
        assert interpret(vjp(graph), np.ones((0, 2)), u)[1].shape == (0, 2)


@by_name("op", [cummax, cummin], ids=lambda op: op.name)
@given(case=arrays_and_axes(least=1), axis=st.integers(0, 2))
def test_records_are_numpys_on_every_dtype(op: Op, case: Any, axis: int) -> None:
    x, at = case[0], axis % case[0].ndim
    ufunc = np.maximum if op is cummax else np.minimum
    with np.errstate(all="ignore"):
        check_answer(ufunc.accumulate(x, axis=at), lambda a: op(a, axis=at), x)


# ---- derivatives -------------------------------------------------------------------------------


@by_name("axes", AXES, ids=str)
@by_name("zeros", [0, 1, 2, 5])
def test_prod_is_differentiable_where_there_are_zeros(axes: Any, zeros: int) -> None:
    x = np.random.default_rng(3).standard_normal((3, 2, 2))
    x.flat[[0, 1, 4, 5, 11][:zeros]] = 0
    check_derivatives(graph_of(lambda a: prod(a, axes=axes), x), x)


def test_prod_gradient_in_closed_form() -> None:
    def of(*x: float) -> list[float]:
        return list(gradient(lambda a: prod(a, axes=(0,)), np.array(x, float)))

    assert of(2, 3, 4) == [12, 8, 6]
    assert of(2, 0, 4) == [0, 8, 0]
    assert of(0, 0, 4) == [0, 0, 0]
    assert of(5) == [1]
    assert of() == []


def test_prod_second_derivative_between_two_zeros() -> None:
    """Where both factors are 0 the mixed derivative is the product of the rest."""
    graph = vjp(graph_of(lambda a: prod(a, axes=(0,)), np.zeros(3)))
    x, v = np.array([0.0, 0.0, 7.0]), np.array([1.0, 0.0, 0.0])
    outs = interpret(jvp(graph), x, np.array(1.0), v, np.array(0.0))
    np.testing.assert_array_equal(outs[3], [0, 7, 0])


@by_name("axis", range(3))
@by_name("zeros", [0, 1, 2, 5])
def test_scans_are_differentiable_where_there_are_zeros(axis: int, zeros: int) -> None:
    x = np.random.default_rng(4).standard_normal((3, 4, 2))
    x.flat[[0, 1, 9, 13, 23][:zeros]] = 0
    for op in (cumsum, cumprod, *((cummax, cummin) if zeros < 2 else ())):
        check_derivatives(graph_of(lambda a, op=op: op(a, axis=axis), x), x)
    check_derivatives(graph_of(lambda a, b: linear_recurrence(a, b, axis=axis), x, x), x, 1 - x)


@by_name("op", [prod, max_, min_], ids=lambda op: op.name)
def test_complex_reductions_are_differentiable(op: Op) -> None:
    rng = np.random.default_rng(5)
    z = rng.standard_normal((3, 2)) + 1j * rng.standard_normal((3, 2))
    check_derivatives(graph_of(lambda a: op(a, axes=(0,)), z), z)


@by_name("axes", AXES, ids=str)
@by_name("name", COMPOSED)
def test_compositions_are_differentiable(name: str, axes: Any) -> None:
    x = np.random.default_rng(6).standard_normal((3, 4, 2))
    if name != "std" or axes:
        check_derivatives(graph_of(lambda a: COMPOSED[name](a, axes), x), x)


@by_name("op", [max_, min_], ids=lambda op: op.name)
def test_extremum_shares_its_cotangent_among_ties(op: Op) -> None:
    x = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]]) * (1 if op is max_ else -1)
    rows = gradient(lambda a: op(a, axes=(1,)), x)
    np.testing.assert_allclose(rows, [[0, 0.5, 0.5], [1 / 3, 1 / 3, 1 / 3]])
    whole = gradient(lambda a: op(a, axes=(0, 1)), x)
    np.testing.assert_array_equal(whole, [[0, 0.5, 0.5], [0, 0, 0]])
    v = np.array([[5.0, 1.0, 2.0], [3.0, 6.0, 0.0]])
    np.testing.assert_allclose(tangent(lambda a: op(a, axes=(1,)), x, v), [1.5, 3])


def test_extremum_takes_zeros_of_either_sign_for_equal() -> None:
    np.testing.assert_array_equal(
        gradient(lambda a: max_(a, axes=(0,)), np.array([0.0, -0.0, -1.0])), [0.5, 0.5, 0]
    )


def test_extremum_of_nan_has_the_derivative_of_the_nan() -> None:
    x = np.array([[1.0, np.nan, 3.0], [1.0, 2.0, 3.0]])
    rows = gradient(lambda a: max_(a, axes=(1,)), x)
    np.testing.assert_array_equal(rows, [[0, 1, 0], [0, 0, 1]])


def test_the_last_of_equal_records_gets_the_cotangent() -> None:
    x = np.array([1.0, 3.0, 2.0, 3.0, 0.0, np.nan, 9.0])
    np.testing.assert_array_equal(gradient(lambda a: cummax(a, axis=0), x), [1, 2, 0, 2, 0, 2, 0])
    np.testing.assert_array_equal(gradient(lambda a: cummin(a, axis=0), x[:5]), [4, 0, 0, 0, 1])


def test_infinite_elements_leak_no_nan_into_the_others() -> None:
    x = np.array([1.0, np.inf, -np.inf])
    np.testing.assert_array_equal(gradient(lambda a: max_(a, axes=(0,)), x), [0, 1, 0])
    np.testing.assert_array_equal(gradient(lambda a: cumsum(a, axis=0), x), [3, 2, 1])


def test_a_zero_tangent_wins_over_an_infinite_factor() -> None:
    x = np.array([2.0, np.inf, 3.0])
    np.testing.assert_array_equal(tangent(lambda a: prod(a, axes=(0,)), x, [0.0, 1, 0]), 6)
    np.testing.assert_array_equal(tangent(lambda a: cumprod(a, axis=0), x, [0.0, 1, 0]), [0, 2, 6])


def test_std_at_variance_zero_is_nan_as_in_jax_and_var_is_zero() -> None:
    x = np.full(4, 2.5)
    assert np.isnan(gradient(lambda a: std(a, (0,)), x)).all()
    np.testing.assert_array_equal(gradient(lambda a: var(a, (0,)), x), np.zeros(4))


def test_logsumexp_of_extreme_elements() -> None:
    def of(*x: float) -> float:
        return float(run(lambda a: logsumexp(a, (0,)), np.array(x)))

    assert of(1e308, 1e308) == 1e308
    assert of(-np.inf, 3.0) == 3.0
    assert of(-np.inf, -np.inf) == -np.inf
    assert of(np.inf, 1.0) == np.inf
    assert np.isnan(of(np.nan, 1.0))
    x = np.array([-np.inf, 0.0, 1000.0])
    np.testing.assert_array_equal(gradient(lambda a: logsumexp(a, (0,)), x), [0, 0, 1])


def test_stop_gradient_is_a_constant_for_derivatives() -> None:
    x = np.array([3.0])
    np.testing.assert_array_equal(gradient(lambda a: multiply(stop_gradient(a), a), x), [3])
    np.testing.assert_array_equal(gradient(stop_gradient, x), [0])


@by_name("op", [argmax, argmin], ids=lambda op: op.name)
def test_places_have_no_derivative(op: Op) -> None:
    graph = jvp(graph_of(lambda a: op(a, axes=(0,)), np.zeros(3)), [True])
    assert op.jvp is Derivative.ZERO
    assert interpret(graph, np.array([1.0, 3, 2]), np.ones(3))[1] == 0


# ---- batching, accuracy, errors ----------------------------------------------------------------


@by_name("op", [*reduce.OPS, *scan.OPS], ids=lambda op: op.name)
def test_a_batch_is_one_example_after_the_other(op: Op) -> None:
    x: Any = np.random.default_rng(8).standard_normal((3, 4))
    if op in (any_, all_):
        x = x > 0
    for axis in range(2):
        key = {"axes": (axis,)} if isinstance(op.lower, Fold) else {"axis": axis}
        arrays = (x, x[::-1]) if op is linear_recurrence else (x,)
        check_batches(graph_of(lambda *xs, key=key: op(*xs, **key), *arrays), *arrays)


@by_name("dtype", [DTYPES["f32"], FLOAT64, DTYPES["c128"]], ids=str)
def test_recurrence_by_rows_and_by_lanes_agree(dtype: Any) -> None:
    rng = np.random.default_rng(9)
    a, b = rng.uniform(-1, 1, (2, 50, 2 * FEW_LANES)).astype(dtype)
    together = run(lambda p, q: linear_recurrence(p, q, axis=0), a, b)
    for lane in (0, 5):
        alone = run(lambda p, q: linear_recurrence(p, q, axis=0), a[:, lane], b[:, lane])
        np.testing.assert_allclose(alone, together[:, lane], rtol=64 * np.finfo(dtype).eps)
    expected = [b[0].astype(np.result_type(dtype, np.float64))]
    for scale, term in zip(a[1:], b[1:], strict=True):
        expected.append(scale * expected[-1] + term)
    np.testing.assert_array_equal(together, np.array(expected).astype(dtype))


def test_var_of_numbers_far_from_zero_keeps_its_digits() -> None:
    """Two passes: x**2 - mean**2 would have no digit left at an offset of 1e8."""
    x = 1e8 + np.random.default_rng(10).standard_normal(10_000)
    with mpmath.workdps(50):
        exact = [mpmath.mpf(float(v)) for v in x]
        center = mpmath.fsum(exact) / len(exact)
        true = float(mpmath.fsum((v - center) ** 2 for v in exact) / len(exact))
    assert abs(run(lambda a: var(a, (0,)), x) / true - 1) < 1e-13


@by_name("scale", [1e-3, 1.0, 30.0, 700.0])
def test_logsumexp_is_accurate(scale: float) -> None:
    x = scale * np.random.default_rng(11).standard_normal(200)
    with mpmath.workdps(50):
        true = float(mpmath.log(mpmath.fsum(mpmath.exp(mpmath.mpf(float(v))) for v in x)))
    assert abs(run(lambda a: logsumexp(a, (0,)), x) - true) <= 4 * np.spacing(abs(true))


@by_name(
    ("function", "type", "message"),
    [
        (lambda x: max_(x, axes=(1, 0)), ArrayType(FLOAT64, (2, 3)), "sorted axes inside"),
        (lambda x: prod(x, axes=(2,)), ArrayType(FLOAT64, (2, 3)), "sorted axes inside"),
        (lambda x: prod(x, axes=(0,)), ArrayType(BOOL, (2,)), r"prod needs .* kinds 'iufc', got"),
        (lambda x: any_(x, axes=(0,)), ArrayType(INT64, (2,)), r"any needs .* kinds 'b', got i64"),
        (lambda x: argmax(x, axes=(0, 1)), ArrayType(FLOAT64, (2, 3)), "argmax needs one axis"),
        (lambda x: cumsum(x, axis=1), ArrayType(FLOAT64, (n,)), "an axis inside its operand"),
        (lambda x: cumprod(x, axis=0), ArrayType(BOOL, (n,)), "cumprod needs .* kinds"),
        (lambda x: linear_recurrence(x, max_(x, axes=()), axis=0), ArrayType(INT64, (n,)), "'fc'"),
    ],
)
def test_type_rules_say_what_they_need(function: Any, type: ArrayType, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        trace(function, type)


def test_every_fold_and_scan_is_one_that_code_generation_knows() -> None:
    for op in (*reduce.OPS, *scan.OPS):
        assert not isinstance(op.lower, (Fold, Scan)) or op.lower.combine in FOLDS
