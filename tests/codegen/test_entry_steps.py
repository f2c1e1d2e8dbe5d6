"""Steps of native entries: branches and calls of eager kernels."""

from __future__ import annotations

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
    affine,
    array,
    elementwise,
    executable,
    n,
    native,
    signature,
    step,
)
from tracegraph.codegen.plan import Branch, CalloutStep, GuardStep, Slot
from tracegraph.codegen.signature import (
    ArrayOutput,
    ScalarInput,
    ScalarOutput,
    argument,
)
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


@pytest.fixture
def traced() -> Iterator[Callable[[], int]]:
    """Memory that Python's allocators have handed out since the test began."""
    gc.collect()
    tracemalloc.start()
    base = tracemalloc.get_traced_memory()[0]
    yield lambda: tracemalloc.get_traced_memory()[0] - base
    tracemalloc.stop()


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
        operation(lambda x, s: x * s), ("t", "s"), (VECTOR, ArrayType(F8)), (), ("u",), (VECTOR,)
    )
    factor = ScalarInput(source=argument(1), kind=float, buffer="s")
    f = native(
        executable(
            signature([array(0, (n,), "x"), factor], [ArrayOutput("u", (n,))], 2),
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
                [array(0, (n,), "x")],
                [ArrayOutput("t", (n,)), ArrayOutput("t", (n,))],
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


KEPT: Any = np.arange(5.0)


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
    "eager",
    [lambda x: x.astype(F4), lambda x: x[:, None], lambda x: (x, x)],
    ids=["dtype", "rank", "tuple"],
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
