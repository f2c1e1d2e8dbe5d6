"""NumPy functions without native form compile all the same, and give what they give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tracegraph.numpy.callouts import FUNCTIONS, RULES

Case = tuple[tuple[Any, ...], dict[str, Any]]

RNG = np.random.default_rng(3)
X = RNG.normal(size=12)
Y = RNG.normal(size=12)
M = RNG.normal(size=(4, 4))
TALL = RNG.normal(size=(6, 3))
POSITIVE = M @ M.T + 4 * np.eye(4)
CUBE = RNG.normal(size=(2, 4, 4))
WHOLE = RNG.integers(0, 9, 12)
OTHER = RNG.integers(1, 9, 12)
HOLES = np.where(TALL > 1, np.nan, TALL)
BYTES = RNG.integers(0, 255, 8).astype(np.uint8)
GRID = np.linspace(0.0, 1.0, 5)


def call(*args: Any, **kwargs: Any) -> Case:
    return args, kwargs


CASES: dict[str, list[Case]] = {
    "argpartition": [call(X, 3)],
    "argsort": [call(X), call(TALL, axis=0, kind="stable")],
    "array_equiv": [call(X, X), call(M, M[0])],
    "bartlett": [call(5)],
    "bincount": [call(WHOLE), call(WHOLE, X, minlength=20)],
    "bitwise_count": [call(WHOLE)],
    "blackman": [call(5)],
    "block": [call([[M, M], [M, M]])],
    "choose": [call(WHOLE % 2, [X, Y])],
    "convolve": [call(X, Y[:3], "same")],
    "corrcoef": [call(TALL)],
    "correlate": [call(X, Y[:3])],
    "cov": [call(TALL), call(X, Y, ddof=0)],
    "cumulative_prod": [call(TALL, axis=1)],
    "cumulative_sum": [call(X, include_initial=True)],
    "delete": [call(X, 3), call(TALL, [0, 2], axis=0)],
    "diagflat": [call(X[:3])],
    "digitize": [call(X, GRID)],
    "ediff1d": [call(X)],
    "frexp": [call(X)],
    "gcd": [call(WHOLE, OTHER)],
    "hamming": [call(5)],
    "hanning": [call(5)],
    "histogram": [call(X, 5), call(X, GRID), call(X, 5, range=(-1.0, 1.0), density=True)],
    "histogram2d": [call(X, Y, 3)],
    "histogram_bin_edges": [call(X, 5)],
    "i0": [call(X)],
    "insert": [call(X, 2, 7.0)],
    "interp": [call(X, GRID, Y[:5])],
    "intersect1d": [call(WHOLE, OTHER)],
    "iscomplex": [call(X)],
    "isin": [call(WHOLE, OTHER[:3])],
    "isreal": [call(X)],
    "kaiser": [call(5, 2.0)],
    "lcm": [call(WHOLE, OTHER)],
    "ldexp": [call(X, WHOLE)],
    "lexsort": [call((WHOLE, OTHER))],
    "logspace": [call(0.0, 2.0, 4)],
    "matvec": [call(M, X[:4])],
    "median": [call(X), call(TALL, axis=0, keepdims=True)],
    "nanargmax": [call(HOLES, axis=0)],
    "nanargmin": [call(HOLES)],
    "nancumprod": [call(HOLES, axis=0)],
    "nancumsum": [call(HOLES)],
    "nanmax": [call(HOLES)],
    "nanmean": [call(HOLES, axis=0)],
    "nanmedian": [call(HOLES)],
    "nanmin": [call(HOLES, axis=0)],
    "nanpercentile": [call(HOLES, 30)],
    "nanprod": [call(HOLES)],
    "nanquantile": [call(HOLES, [0.1, 0.9])],
    "nanstd": [call(HOLES)],
    "nansum": [call(HOLES, axis=1)],
    "nanvar": [call(HOLES, ddof=1)],
    "packbits": [call(BYTES > 100)],
    "partition": [call(X, 3)],
    "percentile": [call(X, 30), call(TALL, [10, 60], axis=1)],
    "poly": [call(X[:3])],
    "polyadd": [call(X[:3], Y[:4])],
    "polyint": [call(X[:4])],
    "polymul": [call(X[:3], Y[:4])],
    "polysub": [call(X[:3], Y[:4])],
    "quantile": [call(X, 0.3), call(X, 0.3, method="lower")],
    "ravel_multi_index": [call((WHOLE[:3], OTHER[:3]), (9, 9))],
    "roots": [call(X[:4])],
    "searchsorted": [call(GRID, X), call(GRID, 0.3, side="right")],
    "select": [call([X > 1, X < 0], [X, Y], 7.0)],
    "setdiff1d": [call(WHOLE, OTHER)],
    "setxor1d": [call(WHOLE, OTHER)],
    "sort": [call(X), call(TALL, axis=0), call(TALL, axis=None)],
    "spacing": [call(X)],
    "tril_indices": [call(4, -1)],
    "tril_indices_from": [call(M)],
    "triu_indices": [call(4)],
    "triu_indices_from": [call(M, 1)],
    "union1d": [call(WHOLE, OTHER)],
    "unique": [call(WHOLE), call(WHOLE, return_counts=True, return_inverse=True)],
    "unique_all": [call(WHOLE)],
    "unique_counts": [call(WHOLE)],
    "unique_inverse": [call(WHOLE)],
    "unique_values": [call(WHOLE)],
    "unpackbits": [call(BYTES)],
    "unravel_index": [call(WHOLE, (3, 4))],
    "unwrap": [call(3 * X)],
    "vander": [call(X[:3], 4)],
    "vecmat": [call(X[:4], M)],
    "mgrid.__getitem__": [call((slice(0, 3), slice(0, 1, 4j)))],
    "ogrid.__getitem__": [call((slice(0, 3), slice(1, 9, 2)))],
    "linalg.cholesky": [call(POSITIVE)],
    "linalg.cond": [call(M)],
    "linalg.cross": [call(X[:3], Y[:3])],
    "linalg.det": [call(M), call(CUBE)],
    "linalg.eig": [call(POSITIVE)],
    "linalg.eigh": [call(POSITIVE)],
    "linalg.eigvals": [call(POSITIVE)],
    "linalg.eigvalsh": [call(POSITIVE)],
    "linalg.inv": [call(M), call(CUBE)],
    "linalg.lstsq": [call(TALL, X[:6], rcond=None)],
    "linalg.matrix_power": [call(M, 3)],
    "linalg.multi_dot": [call([TALL, TALL.T, TALL])],
    "linalg.pinv": [call(TALL)],
    "linalg.qr": [call(TALL), call(TALL, mode="r")],
    "linalg.slogdet": [call(M)],
    "linalg.solve": [call(M, X[:4]), call(CUBE, CUBE)],
    "linalg.svd": [call(TALL), call(TALL, full_matrices=False)],
    "linalg.svdvals": [call(TALL)],
    "linalg.tensorinv": [call(M.reshape(2, 2, 4), ind=2)],
    "linalg.tensorsolve": [call(M.reshape(2, 2, 4), X[:4].reshape(2, 2))],
    "linalg.trace": [call(M)],
    "fft.fft": [call(X), call(TALL, 4, axis=0, norm="ortho")],
    "fft.fft2": [call(M)],
    "fft.fftfreq": [call(8, 0.1)],
    "fft.fftn": [call(CUBE, axes=(0, 1))],
    "fft.fftshift": [call(X)],
    "fft.hfft": [call(X)],
    "fft.ifft": [call(X)],
    "fft.ifft2": [call(M)],
    "fft.ifftn": [call(CUBE)],
    "fft.ifftshift": [call(TALL, axes=0)],
    "fft.ihfft": [call(X)],
    "fft.irfft": [call(X, 7)],
    "fft.irfft2": [call(M)],
    "fft.irfftn": [call(CUBE)],
    "fft.rfft": [call(X)],
    "fft.rfft2": [call(M)],
    "fft.rfftfreq": [call(8)],
    "fft.rfftn": [call(CUBE)],
}
"""Calls of each function."""

APART = {"histogram2d", "linalg.eig", "linalg.eigvals", "unravel_index"}
"""Functions that give parts of a larger array, of which copies are returned here."""


ULP = {
    "corrcoef", "cov", "i0", "kaiser", "matrix_power", "multi_dot", "nanprod", "vecdot", "vecmat",
}  # fmt: skip
"""Functions whose sums and products native code takes in another order than NumPy."""


def installed(name: str) -> Any:
    return next((function for function, rule in RULES.items() if rule.function == name), None)


def every_call() -> Iterator[Any]:
    for name, cases in CASES.items():
        for number, (args, kwargs) in enumerate(cases):
            if installed(name) is not None:
                function = copying(installed(name)) if name in APART else installed(name)
                yield pytest.param(function, args, kwargs, id=f"{name}-{number}")


def copying(function: Callable[..., Any]) -> Callable[..., Any]:
    def copied(*args: Any, **kwargs: Any) -> Any:
        found = function(*args, **kwargs)
        return [np.array(x) for x in found] if isinstance(found, tuple) else np.array(found)

    return copied


def test_every_function_has_a_case() -> None:
    assert set(CASES) == set(FUNCTIONS) - {"c_.__getitem__", "r_.__getitem__"}  # no functions
    assert all(CASES.values())


def same(one: Any, other: Any, ulp: int = 0) -> None:
    """Compare values, types, shapes and strides."""
    assert type(one) is type(other)
    if isinstance(one, (tuple, list)):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            same(a, b, ulp)
        return
    if ulp:
        np.testing.assert_array_max_ulp(one, other, ulp)
    else:
        np.testing.assert_array_equal(one, other)
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        long = [axis for axis in range(one.ndim) if one.shape[axis] > 1]
        assert [one.strides[k] for k in long] == [other.strides[k] for k in long]


@pytest.mark.parametrize(("function", "args", "kwargs"), list(every_call()))
def test_it_compiles_and_gives_what_numpy_gives(
    function: Callable[..., Any], args: Any, kwargs: Any
) -> None:
    compiled = tg.compile(lambda *given: function(*given, **kwargs))
    arrays = [
        [np.array(a) if isinstance(a, np.ndarray) else a for a in given]
        for given in (args, tuple(map(reversed_array, args)))
    ]
    ulp = 64 if getattr(function, "__name__", "") in ULP else 0
    for given in (arrays[0], arrays[0], arrays[1], arrays[1]):
        same(compiled(*given), function(*given, **kwargs), ulp)
    assert compiled.fallbacks == []


def reversed_array(x: Any) -> Any:
    """Return other data of the same kind: most functions see another order."""
    square = isinstance(x, np.ndarray) and x.ndim == 2 and x.shape[0] == x.shape[1]
    if not isinstance(x, np.ndarray) or square:
        return x * 2 if square else x
    return x if np.array_equal(x, np.sort(x)) else np.flip(x).copy()


def test_another_number_of_results_is_recorded_again() -> None:
    compiled = tg.compile(lambda x: np.unique(x, axis=0) * 2)
    for values, count in (([1, 2, 2], 1), ([3, 3, 3], 2), ([5, 4, 5], 2), ([7, 7, 7], 2)):
        np.testing.assert_array_equal(compiled(np.array(values)), np.unique(values) * 2)
        assert len(compiled.traces) == count


def test_the_exception_is_numpys() -> None:
    compiled = tg.compile(lambda a: np.linalg.inv(a).sum())
    assert compiled(M) == compiled(M)
    for _ in range(2):
        with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
            compiled(np.ones((4, 4)))
    assert compiled(M) == np.linalg.inv(M).sum()
    assert compiled.fallbacks == []
    assert len(compiled.traces) == 1


def test_an_exception_that_is_caught_makes_one_call_eager() -> None:
    def safe(a: Any) -> Any:
        try:
            return np.linalg.inv(a).sum()
        except np.linalg.LinAlgError as error:
            return str(error)

    compiled = tg.compile(safe)
    for matrix in (M, np.ones((4, 4)), M, np.ones((4, 4)), 2 * M):
        assert compiled(matrix) == safe(matrix)
    assert compiled.fallbacks == []
    assert len(compiled.traces) == 1


def test_what_was_written_before_an_exception_is_written_once() -> None:
    def step(a: Any, out: Any) -> None:
        out += 1
        out[0] = np.linalg.det(np.linalg.inv(a))

    compiled = tg.compile(step)
    ours, theirs = np.zeros(3), np.zeros(3)
    for matrix in (M, 2 * M, np.ones((4, 4)), M):
        for function, out in ((compiled, ours), (step, theirs)):
            try:
                function(matrix, out)
            except np.linalg.LinAlgError:
                out[1] += 100
        np.testing.assert_array_equal(ours, theirs)


def test_methods() -> None:
    def method(x: Any) -> Any:
        x.sort()
        return x.argsort()[::-1], x.searchsorted(0.0), (x > 0).nonzero()[0], x[0]

    compiled = tg.compile(method)
    for values in (X, Y, -X, -X):
        ours, theirs = values.copy(), values.copy()
        same(compiled(ours), method(theirs))
        np.testing.assert_array_equal(ours, theirs)
    assert compiled.fallbacks == []


def test_sorting_a_view_in_place() -> None:
    def columns(x: Any) -> Any:
        view = x.T
        view.sort(axis=1)
        return x.sum(axis=1)

    compiled = tg.compile(columns)
    for _ in range(2):
        ours, theirs = TALL.copy(), TALL.copy()
        np.testing.assert_allclose(compiled(ours), columns(theirs), rtol=1e-14)
        np.testing.assert_array_equal(ours, theirs)
    assert compiled.fallbacks == []


def test_places_have_no_derivative_and_hinder_none() -> None:
    gradient = tg.grad(lambda x: x[np.argsort(x)][0] ** 2)
    expected = np.where(np.arange(12) == np.argmin(X), 2 * np.min(X), 0.0)
    np.testing.assert_array_equal(gradient(X), expected)
    np.testing.assert_array_equal(tg.compile(gradient)(X), expected)


def test_a_result_that_lies_apart_in_memory_lies_as_numpy_has_it() -> None:
    compiled = tg.compile(lambda x: np.nonzero(x > 0), strict=True)
    expected = np.nonzero(TALL > 0)
    for _ in range(3):
        got = compiled(TALL)
        same(got, expected)
        assert [one.strides for one in got] == [one.strides for one in expected]


def test_a_result_that_is_the_argument() -> None:
    compiled = tg.compile(lambda x, bins: np.histogram(x, bins))
    for _ in range(3):
        assert compiled(X, GRID)[1] is GRID
    assert compiled.fallbacks == []


def test_a_missing_derivative_is_said_with_its_line() -> None:
    with pytest.raises(tg.DifferentiationError, match=r"numpy\.union1d .*test_callouts\.py:\d+"):
        tg.grad(lambda x: np.union1d(x, x).sum())(X)


def test_inside_vmap_a_result_of_unknown_shape_is_refused() -> None:
    with pytest.raises(tg.AbstractValueError, match="on the whole batch"):
        tg.vmap(lambda a: np.unique(a))(CUBE)
    outside = tg.vmap(lambda x: x * np.median(Y))
    np.testing.assert_array_equal(outside(X), X * np.median(Y))


def test_an_option_that_changes_an_argument_is_refused() -> None:
    compiled = tg.compile(lambda x: np.median(x, overwrite_input=True))
    with pytest.warns(tg.FallbackWarning, match="told to change an argument"):
        assert compiled(X.copy()) == np.median(X)
