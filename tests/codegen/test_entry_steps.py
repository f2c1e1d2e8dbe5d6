"""Steps of native entries: temporaries, branches, callouts, matrix products, refused memory."""

from __future__ import annotations

import ctypes
import gc
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tests.codegen.native_kit import (
    B1,
    F4,
    F8,
    MISSED,
    Counting,
    N,
    affine,
    array,
    elementwise,
    executable,
    m,
    n,
    native,
    signature,
    size,
    step,
)
from tracegraph.codegen import blas, cpython
from tracegraph.codegen.executable import Executable
from tracegraph.codegen.plan import Branch, CalloutStep, Gemm, GuardStep, Matrix, Slot
from tracegraph.codegen.signature import ArrayOutput, ScalarInput, ScalarOutput, SizeInput, argument
from tracegraph.ir.errors import GraphError
from tracegraph.ir.graph import Derivative, Op
from tracegraph.ir.lowering import CALLOUT
from tracegraph.ir.types import ArrayType

X = np.arange(5.0)
VECTOR = ArrayType(F8, (n,))


def operation(eager: Callable[..., Any]) -> Op:
    """Return an operation that only has an eager kernel."""

    def none(*_: Any, **__: Any) -> Any:
        raise AssertionError

    return Op(
        name="called",
        type_rule=none,
        eager=eager,
        lower=CALLOUT,
        jvp=Derivative.NONE,
        transpose=None,
        batch=none,
    )


def callout(
    eager: Callable[..., Any],
    operand: str = "x",
    result: str = "t",
    type: ArrayType = VECTOR,
    operand_type: ArrayType = VECTOR,
    **attrs: Any,
) -> CalloutStep:
    return CalloutStep(
        operation(eager), (operand,), (operand_type,), tuple(attrs.items()), (result,), (type,)
    )


# ---- temporaries


def with_temporary(count: Any, slot_size: Any) -> Executable:
    """``y = 2 * (2 * x + 1) + 1`` through a temporary buffer."""
    return executable(
        signature([array(0, (n,), "x")], [ArrayOutput("y", (n,))]),
        {"x": (F8, n), "t": (F8, count), "y": (F8, n)},
        [affine("first", "x", "t"), affine("second", "t", "y")],
        [Slot(0, slot_size, ("t",))],
    )


@pytest.mark.parametrize("slot_size", [1024, 1 << 20, n * 8 + 64])
def test_temporaries(slot_size: Any) -> None:
    entry = with_temporary(n, slot_size)
    f = native(entry)
    for length in (100, 3, 128):
        x = np.arange(float(length))
        np.testing.assert_array_equal(f(x), x * 4 + 3)
    entry.trim()
    entry.trim()
    np.testing.assert_array_equal(f(X), X * 4 + 3)


def test_slots_lie_side_by_side() -> None:
    chain = [affine("a", "x", "t"), affine("b", "t", "u"), affine("c", "u", "v")]
    f = native(
        executable(
            signature([array(0, (n,), "x")], [ArrayOutput("y", (n,))]),
            {name: (F8, n) for name in "xtuvy"},
            [*chain, affine("d", "v", "y")],
            [Slot(0, n * 64, ("t", "v")), Slot(n * 64, n * 64, ("u",))],
        )
    )
    x = np.arange(3000.0)
    np.testing.assert_array_equal(f(x), x * 16 + 15)


@pytest.fixture
def traced() -> Iterator[Callable[[], int]]:
    """Memory that Python's allocators have handed out since the test began."""
    gc.collect()
    tracemalloc.start()
    base = tracemalloc.get_traced_memory()[0]
    yield lambda: tracemalloc.get_traced_memory()[0] - base
    tracemalloc.stop()


def test_the_arena_is_kept_trimmed_and_freed(traced: Callable[[], int]) -> None:
    entry = with_temporary(n, n * 8)
    f = native(entry)
    f(np.zeros(100_000))
    assert traced() > 700_000
    entry.trim()
    assert traced() < 700_000
    f(np.zeros(100_000))
    assert traced() > 700_000
    del f, entry
    gc.collect()
    assert traced() < 700_000


def test_refused_temporaries_are_a_memory_error() -> None:
    K, k = size("k")
    inputs = [array(0, (n,), "x"), SizeInput(source=argument(1), symbol=K)]
    f = native(
        executable(
            signature(inputs, [ArrayOutput("y", (n,))], 2),
            {"x": (F8, n), "t": (F8, n), "y": (F8, n)},
            [affine("first", "x", "t"), affine("second", "t", "y")],
            [Slot(0, k * 64, ("t",))],
        )
    )
    for number in (2**38, 2**45, 2**60, 2**63 - 1):
        with pytest.raises(MemoryError):
            f(X, number)
    np.testing.assert_array_equal(f(X, 1000), X * 4 + 3)


def test_refused_outputs_raise_what_numpy_raises() -> None:
    K, k = size("k")
    inputs = [array(0, (n,), "x"), SizeInput(source=argument(1), symbol=K)]
    f = native(
        executable(signature(inputs, [ArrayOutput("y", (n, k))], 2), {"y": (F8, n * k)}, [])
    )
    with pytest.raises(MemoryError):
        f(X, 2**45)
    with pytest.raises(ValueError, match="too big"):
        f(X, 2**62)
    assert f(X, 3).shape == (5, 3)


def test_a_failing_allocator_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, traced: Callable[[], int]
) -> None:
    refuse = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_size_t)(lambda size: None)
    real = cpython.function_address
    fake = {"PyMem_RawMalloc": cpython.pointer_of(refuse)}
    monkeypatch.setattr(cpython, "function_address", lambda name: fake.get(name) or real(name))
    f = native(with_temporary(n, n * 64))
    with pytest.raises(MemoryError):
        f(X)
    before, count = traced(), sys.getrefcount(X)
    for _ in range(1000):
        with pytest.raises(MemoryError):
            f(X)
    assert traced() - before < 20_000
    assert sys.getrefcount(X) == count


# ---- branches


def test_branches() -> None:
    body = "  %b = fcmp ogt double %v0, 0.0\n  %out = zext i1 %b to i8"
    test = elementwise("test", ["x"], "flag", body, result_dtype=B1, count=1)
    negate = elementwise("negate", ["x"], "y", "  %out = fneg double %v0")
    twice = affine()
    f = native(
        executable(
            signature([array(0, (n,), "x")], [ArrayOutput("y", (n,))]),
            {"x": (F8, n), "y": (F8, n), "flag": (B1, 1)},
            [test, Branch("flag", (step(twice),), (step(negate),))],
            kernels=[twice, negate],
        )
    )
    np.testing.assert_array_equal(f(np.ones(3)), [3, 3, 3])
    np.testing.assert_array_equal(f(-np.ones(3)), [1, 1, 1])


def test_callouts_and_guards_inside_branches() -> None:
    body = "  %b = fcmp ogt double %v0, 0.0\n  %out = zext i1 %b to i8"
    test = elementwise("test", ["x"], "flag", body, result_dtype=B1, count=1)
    arms = (callout(np.sort, result="t"),), (GuardStep("flag", True, 0),)
    f = native(
        executable(
            signature([array(0, (n,), "x")], [ScalarOutput("flag", bool)]),
            {"x": (F8, n), "flag": (B1, 1), "t": (F8, n)},
            [test, Branch("flag", *arms)],
        )
    )
    assert f(np.ones(3)) is True
    assert f(-np.ones(3)) is MISSED


# ---- callouts


def called(step: CalloutStep, **buffers: Any) -> Any:
    """``2 * step(x) + 1``."""
    return executable(
        signature([array(0, (n,), "x")], [ArrayOutput("y", (n,))]),
        {"x": (F8, n), "t": (F8, n), "y": (F8, n), **buffers},
        [step, affine("after", "t", "y")],
    )


def test_callouts_compute_between_kernels() -> None:
    f = native(called(callout(np.sort)))
    np.testing.assert_array_equal(f(X[::-1].copy()), X * 2 + 1)


def test_callouts_get_their_attributes_with_sizes_as_ints() -> None:
    def check(x: Any, *, count: Any, nested: Any, dtype: Any) -> Any:
        assert type(count) is int
        assert nested == (count + 1, "a", (2 * count,))
        return x.astype(dtype) + count

    f = native(called(callout(check, count=n, nested=(n + 1, "a", (n * 2,)), dtype=F8)))
    np.testing.assert_array_equal(f(X), (X + 5) * 2 + 1)


def test_results_of_callouts_are_made_contiguous() -> None:
    f = native(called(callout(lambda x: x[::-1])))
    np.testing.assert_array_equal(f(X), X[::-1] * 2 + 1)


def test_callouts_may_give_numpy_scalars() -> None:
    total = callout(np.sum, result="s", type=ArrayType(F8))
    f = native(
        executable(
            signature([array(0, (n,), "x")], [ScalarOutput("s", F8)]),
            {"x": (F8, n), "s": (F8, 1)},
            [total],
        )
    )
    assert f(X) == 10
    assert type(f(X)) is np.float64


def test_callouts_of_scalars_and_computed_buffers() -> None:
    scale = CalloutStep(
        operation(lambda x, s: x * s),
        ("t", "s"),
        (VECTOR, ArrayType(F8)),
        (),
        ("u",),
        (VECTOR,),
    )
    inputs = [array(0, (n,), "x"), ScalarInput(source=argument(1), kind=float, buffer="s")]
    f = native(
        executable(
            signature(inputs, [ArrayOutput("u", (n,))], 2),
            {"x": (F8, n), "t": (F8, n), "u": (F8, n), "s": (F8, 1)},
            [affine("before", "x", "t"), scale],
        )
    )
    np.testing.assert_array_equal(f(X, 3.0), (X * 2 + 1) * 3)


def test_callouts_with_several_results() -> None:
    split = CalloutStep(
        operation(lambda x: (x + 1, x.sum())),
        ("x",),
        (VECTOR,),
        (),
        ("t", "s"),
        (VECTOR, ArrayType(F8)),
    )
    f = native(
        executable(
            signature(
                [array(0, (n,), "x")],
                [ArrayOutput("t", (n,)), ScalarOutput("s", float)],
                container=tuple,
            ),
            {"x": (F8, n), "t": (F8, n), "s": (F8, 1)},
            [split],
        )
    )
    t, s = f(X)
    np.testing.assert_array_equal(t, X + 1)
    assert s == 10.0


@pytest.mark.parametrize("eager", [lambda x: x, lambda x: x[:], lambda x: KEPT])
def test_what_a_callout_does_not_own_is_copied(eager: Callable[..., Any]) -> None:
    f = native(
        executable(
            signature(
                [array(0, (n,), "x")], [ArrayOutput("t", (n,)), ArrayOutput("t", (n,))],
                container=tuple,
            ),
            {"x": (F8, n), "t": (F8, n)},
            [callout(eager)],
        )
    )
    made, again = f(X)
    assert made is again
    assert made.flags.owndata
    assert made is not KEPT
    assert not np.shares_memory(made, X)


KEPT = np.arange(5.0)


def test_what_a_callout_made_is_returned_itself() -> None:
    made = []

    def eager(x: Any) -> Any:
        result = x + 1
        made.append(id(result))
        return result

    f = native(
        executable(
            signature([array(0, (n,), "x")], [ArrayOutput("t", (n,))]),
            {"x": (F8, n), "t": (F8, n)},
            [callout(eager)],
        )
    )
    assert id(f(X)) == made[0]


def _fail(x: Any) -> Any:
    raise LookupError("in callout")


def test_a_failing_callout_runs_the_slow_path() -> None:
    f = Counting(lambda x: "eager", called(callout(_fail)))
    assert f(X) == "eager"
    count = sys.getrefcount(X)
    for _ in range(1000):
        f(X)
    assert sys.getrefcount(X) == count


def test_interrupts_in_callouts_propagate() -> None:
    def interrupt(x: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        native(called(callout(interrupt)))(X)


def test_a_callout_that_fails_after_a_write_raises() -> None:
    write = affine("write", "x", "x")
    f = native(
        executable(
            signature([array(0, (n,), "x", written=True)], [ArrayOutput("t", (n,))]),
            {"x": (F8, n), "t": (F8, n)},
            [write, callout(_fail)],
        )
    )
    x = X.copy()
    with pytest.raises(LookupError, match="in callout"):
        f(x)
    np.testing.assert_array_equal(x, X * 2 + 1)


@pytest.mark.parametrize(
    "eager", [lambda x: x.astype(F4), lambda x: x[:, None], lambda x: (x, x)], ids=str
)
def test_callouts_that_break_their_promise_of_type_run_eagerly(eager: Callable[..., Any]) -> None:
    assert native(called(callout(eager)))(X) is MISSED


def test_callouts_that_break_their_promise_of_shape_raise() -> None:
    f = native(called(callout(lambda x: x[1:])))
    with pytest.raises(GraphError, match=r"got shape \(4,\)"):
        f(X)


def test_calls_inside_calls() -> None:
    entries: list[Any] = []

    def again(x: Any) -> Any:
        return entries[0](x[1:].copy())[0] + x if len(x) > 3 else x

    entry = executable(
        signature([array(0, (n,), "x")], [ArrayOutput("y", (n,))]),
        {"x": (F8, n), "u": (F8, n), "t": (F8, n), "y": (F8, n)},
        [
            affine("first", "x", "u"),
            callout(again),
            elementwise("join", ["u", "t"], "y", "  %out = fadd double %v0, %v1"),
        ],
        [Slot(0, n * 64 + 8192, ("u",))],
    )
    entries.append(native(entry))

    def expected(x: Any) -> Any:
        inner = expected(x[1:])[0] + x if len(x) > 3 else x
        return x * 2 + 1 + inner

    x = np.arange(40.0)
    for _ in range(3):
        np.testing.assert_array_equal(entries[0](x), expected(x))


def test_callouts_do_not_leak(traced: Callable[[], int]) -> None:
    f = native(called(callout(np.sort, axis=-1)))
    broken = native(called(callout(lambda x: x[1:])))
    for round in range(3000):
        f(X)
        with pytest.raises(GraphError):
            broken(X)
        if round == 100:
            base, count = traced(), sys.getrefcount(X)
    gc.collect()
    assert traced() - base < 20_000
    assert abs(sys.getrefcount(X) - count) < 5


# ---- matrix products


def matrix(buffer: str, rows: Any, columns: Any, transposed: bool = False) -> Matrix:
    """A contiguous stack of matrices, possibly stored the other way round."""
    return Matrix(buffer, 0, rows if transposed else columns, rows * columns, transposed)


def product(
    dtype: Any, transposed: tuple[bool, bool], count: Any = 1, shared: bool = False
) -> Executable:
    _, k = size("k", 0)
    _, r = size("r", 0)
    _, c = size("c", 0)
    a = matrix("a", r, k, transposed[0])
    b = matrix("b", k, c, transposed[1])
    if shared:
        b = Matrix("b", 0, b.leading, 0, b.transposed)
    gemm = Gemm(np.dtype(dtype), count, r, c, k, a, b, matrix("c", r, c))
    shapes = [(count, k, r) if transposed[0] else (count, r, k)]
    shapes += [(1 if shared else count, *((c, k) if transposed[1] else (k, c)))]
    inputs = [array(0, shapes[0], "a", dtype), array(1, shapes[1], "b", dtype)]
    return executable(
        signature(inputs, [ArrayOutput("c", (count, r, c))], 2),
        {name: (dtype, r * c) for name in "abc"},
        [gemm],
    )


@pytest.fixture(params=[True, False], ids=["blas", "matmul"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a test with NumPy's BLAS and with ``np.matmul``."""
    if not request.param:
        monkeypatch.setattr(blas, "find", lambda: None)


@pytest.mark.usefixtures("either_way")
@pytest.mark.parametrize("dtype", [F4, F8])
@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("count", [1, m, 3])
def test_products(dtype: Any, left: bool, right: bool, count: Any) -> None:
    f = native(product(dtype, (left, right), count))
    stack = 2 if count is m else count
    rng = np.random.default_rng(1)
    for rows, inner, columns in ((3, 4, 5), (17, 33, 9), (64, 64, 64), (1, 7, 2), (5, 1, 1)):
        a = rng.normal(size=(stack, rows, inner)).astype(dtype)
        b = rng.normal(size=(stack, inner, columns)).astype(dtype)
        given = [np.ascontiguousarray(x.swapaxes(1, 2) if t else x) for x, t in
                 ((a, left), (b, right))]
        np.testing.assert_allclose(f(*given), a @ b, rtol=1e-4 if dtype == F4 else 1e-12)


@pytest.mark.usefixtures("either_way")
def test_empty_products() -> None:
    f = native(product(F8, (False, False)))
    np.testing.assert_array_equal(f(np.ones((1, 3, 0)), np.ones((1, 0, 4))), np.zeros((1, 3, 4)))
    assert f(np.ones((1, 0, 2)), np.ones((1, 2, 4))).shape == (1, 0, 4)
    assert f(np.ones((1, 3, 2)), np.ones((1, 2, 0))).shape == (1, 3, 0)


@pytest.mark.usefixtures("either_way")
def test_a_matrix_shared_by_a_stack() -> None:
    f = native(product(F8, (False, False), 4, shared=True))
    a, b = np.arange(24.0).reshape(4, 2, 3), np.arange(6.0).reshape(1, 3, 2)
    np.testing.assert_array_equal(f(a, b), a @ b)


def test_products_have_numpys_bits() -> None:
    f = native(product(F8, (False, False)))
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(1, 60, 70)), rng.normal(size=(1, 70, 50))
    np.testing.assert_array_equal(f(a, b)[0], a[0] @ b[0])


def test_an_affine_kernel_has_a_symbol() -> None:
    assert affine().symbols == (N,)
