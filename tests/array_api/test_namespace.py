"""The namespace of the Array API standard: names, signatures, results, and what compiles."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, assert_type

import numpy as np
import pytest

import tracegraph as tg
from tracegraph import Tensor
from tracegraph import array_api as xp

NAMES = {
    xp: """
    arange asarray empty empty_like eye from_dlpack full full_like linspace meshgrid ones ones_like
    tril triu zeros zeros_like
    astype can_cast finfo iinfo isdtype result_type
    abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_invert bitwise_left_shift
    bitwise_or bitwise_right_shift bitwise_xor ceil clip conj copysign cos cosh divide equal exp
    expm1 floor floor_divide greater greater_equal hypot imag isfinite isinf isnan less less_equal
    log log10 log1p log2 logaddexp logical_and logical_not logical_or logical_xor maximum minimum
    multiply negative nextafter not_equal positive pow real reciprocal remainder round sign signbit
    sin sinh sqrt square subtract tan tanh trunc
    take take_along_axis
    matmul matrix_transpose tensordot vecdot
    broadcast_arrays broadcast_shapes broadcast_to concat expand_dims flip moveaxis permute_dims
    repeat reshape roll squeeze stack tile unstack
    argmax argmin count_nonzero nonzero searchsorted where
    isin unique_all unique_counts unique_inverse unique_values
    argsort sort
    cumulative_prod cumulative_sum max mean min prod std sum var
    all any diff
    bool complex128 complex64 float32 float64 int16 int32 int64 int8 uint16 uint32 uint64 uint8
    e inf nan newaxis pi
    fft linalg
    __array_api_version__ __array_namespace_info__
    """,
    xp.linalg: """
    cholesky cross det diagonal eig eigh eigvals eigvalsh inv matmul matrix_norm matrix_power
    matrix_rank matrix_transpose outer pinv qr slogdet solve svd svdvals tensordot trace vecdot
    vector_norm
    """,
    xp.fft: """
    fft fftfreq fftn fftshift hfft ifft ifftn ifftshift ihfft irfft irfftn rfft rfftfreq rfftn
    """,
}


@pytest.mark.parametrize("module", NAMES, ids=lambda module: module.__name__)
def test_all_names_of_the_standard_are_exported_and_no_others(module: Any) -> None:
    assert sorted(module.__all__) == sorted(NAMES[module].split())
    assert all(hasattr(module, name) for name in module.__all__)


METHODS = """
    abs add and array_namespace bool complex dlpack dlpack_device eq float floordiv ge getitem gt
    index int invert le lshift lt matmul mod mul ne neg or pos pow rshift setitem sub truediv xor
    iadd iand ifloordiv ilshift imatmul imod imul ior ipow irshift isub itruediv ixor
    radd rand rfloordiv rlshift rmatmul rmod rmul ror rpow rrshift rsub rtruediv rxor
"""


def test_an_array_has_all_methods_and_attributes_of_the_standard() -> None:
    methods = [f"__{name}__" for name in METHODS.split()] + ["to_device"]
    assert not [name for name in methods if not callable(getattr(Tensor, name, None))]
    x = Tensor(np.ones((2, 3)))
    assert x.dtype == xp.float64
    assert (x.device, x.ndim, x.shape, x.size) == ("cpu", 2, (2, 3), 6)
    assert (x.T.shape, x.mT.shape) == ((3, 2), (3, 2))


SIGNATURES: list[tuple[Callable[..., Any], str]] = [
    (xp.arange, "start, /, stop, step, *, dtype, device"),
    (xp.asarray, "obj, /, *, dtype, device, copy"),
    (xp.eye, "n_rows, n_cols, /, *, k, dtype, device"),
    (xp.from_dlpack, "x, /, *, device, copy"),
    (xp.full, "shape, fill_value, *, dtype, device"),
    (xp.linspace, "start, stop, /, num, *, dtype, device, endpoint"),
    (xp.clip, "x, /, min, max"),
    (xp.sort, "x, /, *, axis, descending, stable"),
    (xp.diff, "x, /, *, axis, n, prepend, append"),
    (xp.cumulative_sum, "x, /, *, axis, dtype, include_initial"),
    (xp.fft.fftfreq, "n, /, *, d, dtype, device"),
    (Tensor.__array_namespace__, "self, /, *, api_version"),
    (Tensor.__dlpack__, "self, /, *, stream, max_version, dl_device, copy"),
    (Tensor.to_device, "self, device, /, *, stream"),
]


@pytest.mark.parametrize(
    ("function", "expected"), SIGNATURES, ids=lambda x: getattr(x, "__name__", "expected")
)
def test_signatures(function: Callable[..., Any], expected: str) -> None:
    parameters = inspect.signature(function).parameters.values()
    bare = [p.replace(annotation=p.empty, default=p.empty) for p in parameters]
    assert str(inspect.Signature(bare)) == f"({expected})"


X = Tensor(np.array([[3.0, 1.0, 2.0], [1.0, 5.0, 1.0]]))
SQUARE = Tensor(np.array([[2.0, 1.0], [1.0, 3.0]]))
COMPLEX = Tensor(np.array([1 + 2j, complex(np.inf, 0.0), 0j, complex(-0.0, 0.0)]))
INTEGERS = Tensor(np.array([3, 1, 3, 0]))

CALLS: list[tuple[Callable[..., Any], Any]] = [
    (lambda: xp.zeros((2, 3)), np.zeros((2, 3))),
    (lambda: xp.ones(3, dtype=xp.int8), np.ones(3, "i1")),
    (lambda: xp.full((2,), 7), np.full(2, 7)),
    (lambda: xp.eye(2, 3, k=1, dtype=xp.float32), np.eye(2, 3, 1, "f4")),
    (lambda: xp.arange(4), np.arange(4)),
    (lambda: xp.arange(1, 2, 0.25), np.arange(1, 2, 0.25)),
    (lambda: xp.linspace(0, 1, 4, endpoint=False), np.linspace(0, 1, 4, endpoint=False)),
    (lambda: xp.asarray([[1, 2], [3, 4]], dtype=xp.uint8), np.array([[1, 2], [3, 4]], "u1")),
    (lambda x=X: xp.asarray(x, copy=True), X.numpy()),
    (lambda x=X: xp.asarray([x[0, 0], x[1, 1]]), np.array([3.0, 5.0])),
    (lambda x=X: xp.astype(x, xp.float32), X.numpy().astype("f4")),
    (lambda x=X: xp.astype(x, xp.result_type(x, xp.complex64)), X.numpy() + 0j),
    (lambda x=X: x + xp.can_cast(x, xp.float32), X.numpy()),
    (lambda x=X: xp.clip(x, 1.5, 2.5), X.numpy().clip(1.5, 2.5)),
    (lambda x=X: xp.clip(x, max=x[0, 2]), X.numpy().clip(None, 2.0)),
    (lambda x=X: xp.sort(x, descending=True), np.array([[3.0, 2.0, 1.0], [5.0, 1.0, 1.0]])),
    (lambda x=X: xp.sort(x, axis=0), np.sort(X.numpy(), 0)),
    (lambda x=X: xp.argsort(x), np.array([[1, 2, 0], [0, 2, 1]])),
    (lambda x=X: xp.argsort(x, descending=True), np.array([[0, 2, 1], [1, 0, 2]])),
    (lambda x=X: xp.count_nonzero(x), np.array(6)),
    (lambda x=X: xp.count_nonzero(x - 1, axis=1, keepdims=True), np.array([[2], [1]])),
    (lambda x=X: xp.diff(x, n=1, prepend=x[:, :1]), np.diff(X.numpy(), prepend=[[3.0], [1.0]])),
    (lambda x=X: xp.take_along_axis(x, xp.argsort(x)), np.sort(X.numpy())),
    (lambda x=X: xp.unstack(x, axis=1), tuple(X.numpy().T)),
    (lambda x=X: xp.std(x, correction=0.5), X.numpy().std(ddof=0.5)),
    (lambda x=INTEGERS: xp.cumulative_sum(x, include_initial=True), np.array([0, 3, 4, 7, 7])),
    (lambda x=INTEGERS: xp.cumulative_prod(x, include_initial=True), np.array([1, 3, 3, 9, 0])),
    (lambda x=X: xp.cumulative_sum(x, axis=-1, dtype=xp.float32), X.numpy().cumsum(1, "f4")),
    (lambda x=INTEGERS: xp.unique_all(x), np.unique_all(INTEGERS.numpy())),
    (lambda x=INTEGERS: xp.unique_counts(x), np.unique_counts(INTEGERS.numpy())),
    (lambda x=X: xp.meshgrid(x[0], x[1]), np.meshgrid(*X.numpy())),
    (lambda x=X: xp.broadcast_arrays(x, x[0]), np.broadcast_arrays(X.numpy(), X.numpy()[0])),
    (lambda x=X: xp.vecdot(x, x[:, :1], axis=0), np.array([10.0, 8.0, 7.0])),
    (lambda x=X: xp.nonzero(x[0] - 1), (np.array([0, 2]),)),
    (lambda x=X: xp.where(x > 2, x, -1.0), np.where(X.numpy() > 2, X.numpy(), -1.0)),
    (lambda x=X: xp.reshape(x, (3, -1)), X.numpy().reshape(3, 2)),
    (lambda x=X: xp.concat((x, x[:, ::-1]), axis=1), np.hstack((X.numpy(), X.numpy()[:, ::-1]))),
    (
        lambda x=X: xp.permute_dims(xp.expand_dims(x, (0, 3)), (1, 2, 0, 3)),
        X.numpy()[..., None, None],
    ),
    (lambda x=SQUARE: xp.linalg.trace(x, offset=1), np.array(1.0)),
    (lambda x=SQUARE: xp.linalg.diagonal(x), np.array([2.0, 3.0])),
    (lambda x=SQUARE: xp.linalg.slogdet(x), np.linalg.slogdet(SQUARE.numpy())),
    (lambda x=SQUARE: xp.linalg.qr(x), np.linalg.qr(SQUARE.numpy())),
    (lambda x=SQUARE: xp.linalg.eigh(x), np.linalg.eigh(SQUARE.numpy())),
    (lambda x=SQUARE: xp.linalg.eigvals(x), np.linalg.eigvals(SQUARE.numpy()) + 0j),
    (lambda x=SQUARE: xp.linalg.svd(x), np.linalg.svd(SQUARE.numpy())),
    (lambda x=SQUARE: xp.linalg.matrix_norm(x), np.linalg.matrix_norm(SQUARE.numpy())),
    (lambda: xp.fft.fftfreq(5, d=0.5, dtype=xp.float32), np.fft.fftfreq(5, 0.5).astype("f4")),
    (lambda: xp.fft.rfftfreq(4), np.fft.rfftfreq(4)),
    (lambda x=X: xp.fft.rfft(x), np.fft.rfft(X.numpy())),
    (lambda x=X: x.mT @ x + xp.pi, X.numpy().T @ X.numpy() + np.pi),
]
"""Calls with Tensors, and what they give."""


def check(found: Any, expected: Any) -> None:
    """Fail unless a result has Tensors where NumPy's has arrays, of equal dtype and values."""
    if isinstance(expected, tuple):
        assert isinstance(found, tuple)
        for one, other in zip(found, expected, strict=True):
            check(one, other)
    else:
        assert type(found) is Tensor
        np.testing.assert_allclose(found.numpy(), expected, strict=True, rtol=1e-14)


@pytest.mark.parametrize(("call", "expected"), CALLS)
def test_calls_give_tensors(call: Callable[..., Any], expected: Any) -> None:
    expected = np.asarray(expected) if np.isscalar(expected) else expected
    check(call(), expected)


@pytest.mark.parametrize(("call", "expected"), CALLS)
def test_calls_compile(call: Callable[..., Any], expected: Any) -> None:
    expected = np.asarray(expected) if np.isscalar(expected) else expected
    compiled = tg.compile(call, strict=True)
    check(compiled(), expected)
    check(compiled(), expected)
    assert len(compiled.traces) == 1
    assert compiled.fallbacks == []


def test_functions_have_the_types_of_the_standard() -> None:
    """What mypy reads here is what there is."""
    assert type(assert_type(xp.sin(X), Tensor)) is Tensor
    assert type(assert_type(xp.add(X, 1), Tensor)) is Tensor
    assert type(assert_type(xp.sum(X, axis=(0, 1), dtype=xp.float32), Tensor)) is Tensor
    assert type(assert_type(xp.linalg.svd(SQUARE).S, Tensor)) is Tensor
    assert type(assert_type(xp.fft.fftn(X, axes=(0,)), Tensor)) is Tensor
    assert type(assert_type(xp.broadcast_shapes((1, 3), (2, 1)), tuple[int, ...])) is tuple


def test_a_function_finds_its_namespace_while_it_is_compiled() -> None:
    @tg.compile(strict=True)
    def normalised(x: Any) -> Any:
        found = x.__array_namespace__()
        return (x - found.mean(x)) / (found.std(x, correction=1) + found.finfo(x).eps)

    x = Tensor(np.array([1.0, 2.0, 4.0]))
    first = normalised(x)
    np.testing.assert_allclose(normalised(x).numpy(), first.numpy())
    assert len(normalised.traces) == 1


def test_the_dtype_of_a_result_does_not_depend_on_numbers() -> None:
    @tg.compile(strict=True)
    def scaled(x: Any, factor: float) -> Any:
        return xp.astype(x, xp.result_type(x, factor, xp.int8)) * factor

    x = xp.ones(2, dtype=xp.float32)
    for factor in (2.0, 3.0, 1e300):
        assert scaled(x, factor).dtype == xp.float32
    assert len(scaled.traces) == 1
    assert xp.result_type(xp.int8, np.float64(1.0)) == xp.result_type(xp.float64) == xp.float64
    assert xp.result_type(xp.uint8, 300) == xp.uint8


def test_versions_of_the_standard() -> None:
    x = Tensor([1.0])
    assert x.__array_namespace__() is x.__array_namespace__(api_version="2024.12") is xp
    with pytest.raises(ValueError, match=r"2025\.12.*got '2020\.01'"):
        x.__array_namespace__(api_version="2020.01")


def test_asarray_copies_where_it_is_told_to_and_where_it_must() -> None:
    array = np.arange(3.0)
    shared = xp.asarray(array)
    assert np.shares_memory(shared.numpy(), array)
    assert xp.asarray(shared) is shared
    assert not np.shares_memory(xp.asarray(shared, copy=True).numpy(), array)
    with pytest.raises(ValueError, match="copy"):
        xp.asarray([1, 2], copy=False)
    assert xp.asarray(shared, dtype=xp.float32).dtype == xp.float32


def test_equal_elements_keep_their_order_in_both_directions() -> None:
    x = xp.asarray([1, 0, 1, 0, 1])
    assert xp.argsort(x).numpy().tolist() == [1, 3, 0, 2, 4]
    assert xp.argsort(x, descending=True).numpy().tolist() == [0, 2, 4, 1, 3]


def test_running_sums_need_to_know_their_axis() -> None:
    with pytest.raises(ValueError, match="axis"):
        xp.cumulative_sum(X)
    with pytest.raises(ValueError, match="axis"):
        xp.cumulative_prod(xp.asarray(3.0), axis=0)


def test_limits_of_the_dtype_of_an_array() -> None:
    assert xp.finfo(COMPLEX) == xp.finfo(xp.float64)
    assert xp.finfo(xp.float32).eps == 2.0**-23
    assert type(xp.finfo(X.numpy()).max) is float
    assert xp.iinfo(xp.ones(2, dtype=xp.uint8)).max == 255
    assert xp.iinfo("int16").min == -(2**15)


def test_eigenvalues_are_complex_also_where_all_are_real() -> None:
    values, vectors = xp.linalg.eig(xp.astype(SQUARE, xp.float32))
    assert values.dtype == vectors.dtype == xp.complex64
    product = np.asarray(SQUARE) @ np.asarray(vectors)
    np.testing.assert_allclose(product, np.asarray(vectors * values), rtol=1e-5)


@pytest.mark.filterwarnings("ignore:invalid value")  # NumPy warns of its own NaN
def test_expm1_of_complex_numbers_at_special_values() -> None:
    found = xp.expm1(COMPLEX).numpy()
    np.testing.assert_allclose(found[0], np.exp(1 + 2j) - 1, rtol=1e-14)
    np.testing.assert_array_equal(found[1:], [np.inf, 0, 0])
    assert not np.signbit(found[1:].view(float)).any()


def test_there_is_one_device() -> None:
    info = xp.__array_namespace_info__()
    assert info.devices() == (info.default_device(),) == ("cpu",)
    assert info.default_dtypes()["real floating"] == xp.float64
    assert list(info.dtypes(kind=("bool", "real floating"))) == ["bool", "float32", "float64"]
    assert len(info.dtypes()) == 13
    assert info.dtypes(kind="integral") == info.dtypes(kind=("unsigned integer", "signed integer"))
    with pytest.raises(ValueError, match=r"out of bool, .* got 'text'"):
        info.dtypes(kind=("bool", "text"))
    assert info.capabilities()["boolean indexing"] is True
    assert X.to_device("cpu") is X
    for ask in (
        lambda: xp.zeros(2, device="gpu"),
        lambda: X.to_device("gpu"),
        lambda: info.dtypes(device="gpu"),
    ):
        with pytest.raises(ValueError, match="'gpu'"):
            ask()
    with pytest.raises(ValueError, match="stream"):
        X.to_device("cpu", stream=1)


def test_a_view_of_real_numbers_alone_is_a_result() -> None:
    compiled = tg.compile(lambda x: xp.real(x), strict=True)
    for _ in range(2):
        np.testing.assert_array_equal(compiled(COMPLEX).numpy(), COMPLEX.numpy().real)
