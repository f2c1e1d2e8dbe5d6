"""Tensors mean what arrays mean: eagerly, mixed with arrays, and inside compiled functions."""

import copy
import operator
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.support import Counted, same

X = np.array([1.0, 2.0, 3.0])
M = np.arange(6.0).reshape(2, 3)
Function = Callable[..., Any]
pytestmark = [pytest.mark.filterwarnings("ignore::tracegraph.FallbackWarning"), pytest.mark.slow]


def array_of(value: Any) -> Any:
    """A result with Tensors as arrays."""
    if isinstance(value, tg.Tensor):
        return value.numpy()
    if type(value) in (tuple, list):
        return type(value)(map(array_of, value))
    return value


BINARY = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
    operator.pow,
    operator.matmul, operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne,
    divmod,
]  # fmt: skip
INTEGER = [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift]


@pytest.mark.parametrize("function", BINARY, ids=lambda f: f.__name__)
@pytest.mark.parametrize("other", [2.0, 3, True, np.float32(2), X * 2, np.array(2.0)], ids=repr)
def test_operators_with_arrays_and_numbers_on_either_side(function: Function, other: Any) -> None:
    if function is operator.matmul and np.ndim(other) == 0:
        with pytest.raises(ValueError, match="matmul"):
            function(tg.Tensor(X), other)
        return
    for left, right in [
        (tg.Tensor(X), other),
        (other, tg.Tensor(X)),
        (tg.Tensor(X), tg.Tensor(other)),
    ]:
        found = function(left, right)
        expected = function(array_of(left), array_of(right))
        for one, two in zip(
            *(v if isinstance(v, tuple) else (v,) for v in (found, expected)), strict=True
        ):
            assert type(one) is tg.Tensor
            np.testing.assert_array_equal(one.numpy(), two)
            assert one.dtype == np.asarray(two).dtype


@pytest.mark.parametrize("function", INTEGER, ids=lambda f: f.__name__)
def test_integer_operators(function: Function) -> None:
    a, b = np.array([5, 6, 7]), np.array([1, 2, 3])
    for left, right in [(tg.Tensor(a), b), (a, tg.Tensor(b)), (tg.Tensor(a), 2), (9, tg.Tensor(b))]:
        np.testing.assert_array_equal(
            function(left, right).numpy(), function(array_of(left), array_of(right))
        )


@pytest.mark.parametrize(
    "function", [operator.neg, operator.pos, operator.abs, abs], ids=lambda f: f.__name__
)
def test_unary_operators(function: Function) -> None:
    found = function(tg.Tensor(-X))
    assert type(found) is tg.Tensor
    np.testing.assert_array_equal(found.numpy(), function(-X))
    np.testing.assert_array_equal((~tg.Tensor(X > 1)).numpy(), ~(X > 1))


IN_PLACE = ["iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow"]


@pytest.mark.parametrize("name", IN_PLACE)
def test_in_place_operators_keep_object_and_memory(name: str) -> None:
    memory = X.copy()
    tensor = before = tg.Tensor(memory)
    tensor = getattr(operator, name)(tensor, 2.0)
    assert tensor is before
    np.testing.assert_array_equal(memory, getattr(operator, name)(X.copy(), 2.0))
    assert tensor.numpy() is memory


def test_a_tensor_shares_memory_with_its_array() -> None:
    memory = X.copy()
    tensor = tg.Tensor(memory)
    memory[0] = 9
    assert float(tensor[0]) == 9.0
    tensor[1] = 8
    assert memory[1] == 8
    view = tensor[1:]
    view[0] = 7
    assert memory[1] == 7
    assert tensor.numpy() is memory
    assert np.asarray(tensor) is memory or np.shares_memory(np.asarray(tensor), memory)
    assert not np.shares_memory(tg.constant(memory).numpy(), memory)
    memory += tensor
    np.testing.assert_array_equal(memory, [18, 14, 6])


FUNCTIONS: dict[str, Function] = {
    "np.sin": np.sin,
    "np.sum": np.sum,
    "np.sum axis": lambda a: np.sum(a, axis=0, keepdims=True),
    "np.add.reduce": np.add.reduce,
    "np.add.accumulate": np.add.accumulate,
    "np.multiply.outer": lambda a: np.multiply.outer(a, a),
    "np.concatenate": lambda a: np.concatenate([a, M[0], a]),
    "np.stack": lambda a: np.stack([a, a * 2]),
    "np.where": lambda a: np.where(a > 1, a, 0),
    "np.split": lambda a: np.split(a, 3),
    "np.dot": lambda a: np.dot(M, a),
    "np.einsum": lambda a: np.einsum("i,j->ij", a, a),
    "np.reshape": lambda a: np.reshape(a, (3, 1)),
    "np.clip": lambda a: np.clip(a, 1.5, 2.5),
    "np.linalg.norm": np.linalg.norm,
    "np.argmax": np.argmax,
    "np.allclose": lambda a: np.allclose(a, X),
    "np.array_equal": lambda a: np.array_equal(a, X),
    "np.shape": np.shape,
    "np.ndim": np.ndim,
    "np.size": np.size,
    "np.zeros_like": np.zeros_like,
    "np.broadcast_to": lambda a: np.broadcast_to(a, (2, 3)),
    "np.broadcast_arrays": lambda a: np.broadcast_arrays(a, M),
    "np.modf": np.modf,
    "np.sort": np.sort,
    "np.fft.fft": np.fft.fft,
    "np.median": np.median,
    "np.linalg.eigh": lambda a: np.linalg.eigh(np.outer(a, a)),
    "np.unique_counts": np.unique_counts,
    "np.astype": lambda a: np.astype(a, np.float32),
    "np.trapezoid": np.trapezoid,
    "np.gradient": np.gradient,
    "np.result_type": lambda a: np.result_type(a, np.complex64),
    "np.asarray": np.asarray,
    "np.array": np.array,
    "methods": lambda a: (
        a.sum(),
        a.mean(axis=0),
        a.reshape(3, 1),
        a.astype(np.float32),
        a.copy(),
        a.max(),
    ),
    "attributes": lambda a: (a.shape, a.dtype, a.ndim, a.size, a.T, a.real, a.itemsize, a.nbytes),
    "items": lambda a: (a[0], a[-1], a[1:], a[::-1], a[None], a[[0, 2]], a[a > 1], a[...]),
    "iteration": lambda a: [v * 2 for v in a],
    "unpacking": lambda a: (lambda x, y, z: (z, x))(*a),
    "tolist": lambda a: a.tolist(),
    "item": lambda a: a.sum().item(),
    "numbers": lambda a: (float(a[0]), int(a[1]), bool(a[2]), complex(a[0]), len(a)),
    "index": lambda a: [10, 20, 30, 40][a.astype(int)[1]],
    "contains": lambda a: (2.0 in a, 9.0 in a),
    "truth": lambda a: 1 if a[0] > 0 else 2,
    "sorted": lambda a: sorted(a, reverse=True),
    "max": lambda a: max(a),
    "sum": lambda a: sum(a),
    "round": lambda a: np.round(a / 3, 1),
    "out": lambda a: np.add(a, 1, out=np.zeros(3)),
    "isinstance": lambda a: isinstance(a, np.ndarray),
    "hash": lambda a: isinstance(hash(a), int),
    "is": lambda a: (a is a, a is not None),
    "text": lambda a: (str(a), f"{a[0]:.2f}", f"{a}"),
    "compared with None": lambda a: (a is None, a.size == 3),
}


FOLLOWED: dict[str, Function] = {
    "np.astype": lambda a: np.astype(a, np.float32),
    "np.trapezoid": np.trapezoid,
    "np.gradient": np.gradient,
    "np.result_type": lambda a: a.astype(np.result_type(a, np.complex64)),
    "np.can_cast": lambda a: a + np.can_cast(a, np.float32),
    "np.linalg.diagonal": lambda a: np.linalg.diagonal(a * a[:, None]),
}
"""Functions that are recorded without a rule, and are so for Tensors too."""


@pytest.mark.parametrize("name", FOLLOWED)
def test_what_is_recorded_of_arrays_is_recorded_of_tensors(name: str) -> None:
    compiled = tg.compile(FOLLOWED[name], strict=True)
    for shift in (0.0, 1.0):
        found, expected = compiled(tg.Tensor(X + shift)), FOLLOWED[name](X + shift)
        check(array_of(found), expected)
    assert len(compiled.traces) == 1


def test_results_of_broadcast_arrays_are_returned_without_numpys_warning() -> None:
    compiled = tg.compile(lambda a: np.broadcast_arrays(a, M))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for _ in range(2):
            compiled(X)
    assert not caught


OF_TENSORS_ONLY = ["isinstance", "hash", "is"]


@pytest.mark.parametrize("name", [n for n in FUNCTIONS if n not in OF_TENSORS_ONLY])
def test_functions_of_tensors_are_those_of_arrays(name: str) -> None:
    function = FUNCTIONS[name]
    check(array_of(function(tg.Tensor(X.copy()))), function(X.copy()))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_tensors_compiled(name: str) -> None:
    function = FUNCTIONS[name]
    compiled = tg.compile(function)
    for shift in (0.0, 1.0, -5.0, 0.0):
        expected = function(tg.Tensor(X + shift))
        found = compiled(tg.Tensor(X + shift))
        check_kinds(found, expected)
        check(array_of(found), array_of(expected))


def check(found: Any, expected: Any) -> None:
    if isinstance(expected, (tuple, list)) and isinstance(found, (tuple, list)):
        assert len(found) == len(expected)
        for one, two in zip(found, expected, strict=True):
            check(one, two)
    elif isinstance(expected, (str, np.dtype, type(None))):
        assert found == expected
    else:
        assert np.asarray(found).dtype == np.asarray(expected).dtype
        np.testing.assert_allclose(found, expected, rtol=1e-13)


def check_kinds(found: Any, expected: Any) -> None:
    assert type(found) is type(expected)
    if isinstance(expected, (tuple, list)):
        for one, two in zip(found, expected, strict=True):
            check_kinds(one, two)


def test_tensor_in_tensor_out_array_in_array_out() -> None:
    compiled = Counted(lambda a: (a * 2, a.sum(), a[0]))
    for kind in (tg.Tensor, np.asarray, tg.Tensor, np.asarray):
        for _ in range(2):
            same(compiled.compiled.eager(kind(X)), compiled(kind(X)), "result")
    assert compiled.is_native(tg.Tensor(X + 1))
    assert compiled.is_native(X + 1)


def test_tensors_in_containers_captures_and_results() -> None:
    captured = tg.Tensor(X.copy())
    box = {"t": tg.Tensor(X.copy())}
    compiled = tg.compile(lambda d, m: (d["w"] * captured + box["t"], m[0], d, [captured]))
    for n in range(4):
        d, m = {"w": tg.Tensor(X + n)}, [tg.Tensor(M)]
        product, first, same_dict, kept = compiled(d, m)
        np.testing.assert_array_equal(
            product.numpy(), (X + n) * captured.numpy() + box["t"].numpy()
        )
        assert same_dict is d
        assert first is m[0]
        assert kept[0] is captured
        captured[0] = float(n)
        box["t"] = tg.Tensor(X * n)


def test_writes_into_tensors_in_compiled_functions() -> None:
    def write(t: Any, a: Any) -> Any:
        t[0] = 9.0
        t += a
        v = t[1:]
        v *= 2.0
        return t, v, t.sum()

    for function in (write, tg.compile(write)):
        for n in range(3):
            memory = X + n
            tensor = tg.Tensor(memory)
            result, view, total = function(tensor, X)
            expected = (X + n) * [0, 1, 1] + [9, 0, 0] + X
            expected[1:] *= 2
            assert result is tensor
            np.testing.assert_array_equal(memory, expected)
            assert np.shares_memory(view.numpy(), memory)
            assert float(total) == expected.sum()


def test_text_of_tensors() -> None:
    assert repr(tg.Tensor([1.0, 2.0])) == "Tensor([1., 2.])"
    assert repr(tg.Tensor(np.float32(1))) == "Tensor(1., dtype=float32)"
    assert repr(tg.Tensor([1, 2])) == "Tensor([1, 2])"
    assert str(tg.Tensor([1.0, 2.0])) == "[1. 2.]"
    assert f"{tg.Tensor(2.5):.3f}" == "2.500"
    shown = tg.compile(lambda t: (f"{t:.1f}", str(t), repr(t), f"{t!r:>20}", format(t, ".2f")))
    for value in (3.0, 4.0, 5.0):
        assert shown(tg.constant(value)) == shown.eager(tg.constant(value))


def test_values_of_tensors_are_read_at_every_call() -> None:
    """A Tensor's Python number, array or text is data, not a constant of the trace."""
    reads: list[Function] = [
        lambda t: int(t.numpy()) + 1, lambda t: float(t) * 2, lambda t: t.item() + 1,
        lambda t: range(int(t)),
        lambda t: np.asarray(t) + 1, lambda t: bool(t > 3), lambda t: [0] * int(t),
        lambda t: t.numpy().tolist(),
        lambda t: 1 if t > 3 else 2, lambda t: complex(t), lambda t: np.zeros(int(t)),
        lambda t: t.shape,
    ]  # fmt: skip
    for read in reads:
        compiled = tg.compile(read)
        for value in (3.0, 4.0, 3.0, 5.0, 4.0):
            found, expected = compiled(tg.constant(value)), read(tg.constant(value))
            assert type(found) is type(expected)
            np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))


def test_copies_and_pickles() -> None:
    tensor = tg.Tensor(X.copy())
    for twin in (copy.copy(tensor), copy.deepcopy(tensor), pickle.loads(pickle.dumps(tensor))):
        assert type(twin) is tg.Tensor
        assert not np.shares_memory(twin.numpy(), tensor.numpy())
        np.testing.assert_array_equal(twin.numpy(), X)


def test_conversions() -> None:
    tensor = tg.Tensor(X)
    assert tg.convert_to_tensor(tensor) is tensor
    assert tg.convert_to_tensor(tensor, np.float32).dtype == np.float32
    assert tg.constant([1, 2], dtype=np.float64).dtype == np.float64
    assert tg.Tensor(tensor).numpy() is tensor.numpy()
    assert np.array(tensor, dtype=np.float32).dtype == np.float32
    assert np.asarray([tensor, tensor]).shape == (2, 3)
    with pytest.raises((TypeError, ValueError)):
        float(tensor)
    with pytest.raises(ValueError, match="ambiguous"):
        bool(tensor)
    with pytest.raises(AttributeError):
        tensor.zzz  # noqa: B018
    with pytest.raises(IndexError):
        tensor[9]
    assert hash(tensor) == hash(tensor)


def test_errors_are_those_of_numpy() -> None:
    tensor = tg.Tensor(X)
    bad: list[Function] = [
        lambda t: t + np.ones(4), lambda t: t[9], lambda t: t.reshape(2, 2),
        lambda t: t @ np.ones(4),
        lambda t: np.concatenate([t, np.ones((2, 2))]), lambda t: t.sum(axis=3),
        lambda t: 1 if t > 1 else 2,
        lambda t: np.broadcast_to(t, (2, 2)), lambda t: t["k"], lambda t: int(t),
    ]  # fmt: skip
    for function in bad:
        with pytest.raises(Exception) as expected:  # noqa: PT011
            function(X)
        for used in (function, tg.compile(function)):
            for _ in range(2):
                with pytest.raises(expected.type) as found:
                    used(tensor)
                assert str(found.value) == str(expected.value)


def test_graph_runs_a_function_on_copies_of_tensors() -> None:
    def doubled(x: Any) -> Any:
        x += 1
        return x * 2

    tensor = tg.Tensor(X.copy())
    compiled = tg.compile(doubled)
    assert "add" in str(compiled.graph(tensor))
    compiled.explain(tensor)
    np.testing.assert_array_equal(tensor.numpy(), X)


def test_a_tensor_without_axes_cannot_be_iterated() -> None:
    assert not np.iterable(tg.Tensor(1.0))
    assert np.iterable(tg.Tensor([1.0]))
    with pytest.raises(TypeError, match="iteration over a 0-d array"):
        iter(tg.Tensor(1.0))
