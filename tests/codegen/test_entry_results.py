"""What native entries return: arrays in NumPy's orders, views, constants, containers."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from typing import Any

import numpy as np
import pytest

from tests.codegen.native_kit import (
    F4,
    F8,
    MISSED,
    affine,
    array,
    elementwise,
    executable,
    m,
    n,
    native,
    signature,
    size,
)
from tracegraph.codegen.signature import (
    ArrayOutput,
    ConstantOutput,
    InputOutput,
    ScalarOutput,
    ViewOutput,
)

BUFFERS = {name: (F8, n) for name in "xyz"}
X = np.arange(6.0)


def run(outputs: list[Any], *, steps: Any = None, layout: Any = None, **options: Any) -> Any:
    """Build ``y = 2 * x + 1`` with the given results."""
    inputs = [array(0, (n,), "x", layout=layout)]
    return native(
        executable(
            signature(inputs, outputs, **options), BUFFERS, [affine()] if steps is None else steps
        )
    )


def test_containers() -> None:
    y = ArrayOutput("y", (n,))
    assert type(run([y])(X)) is np.ndarray
    for container in (tuple, list):
        result = run([y, InputOutput(0), ConstantOutput(None)], container=container)(X)
        assert type(result) is container
        np.testing.assert_array_equal(result[0], X * 2 + 1)
        assert result[1] is X
        assert result[2] is None
        assert run([], container=container, steps=[])(X) == container()
        assert len(run([y], container=container)(X)) == 1


def test_nothing_and_constants() -> None:
    assert run([ConstantOutput(None)], steps=[])(X) is None
    marker = object()
    assert run([ConstantOutput(marker)], steps=[])(X) is marker
    assert run([InputOutput(0)], steps=[])(X) is X


def test_finish_makes_nested_results() -> None:
    f = run(
        [ArrayOutput("y", (n,)), ConstantOutput(1)],
        container=tuple,
        finish=lambda made: {"y": made[0], "rest": [made[1]]},
    )
    made = f(X)
    np.testing.assert_array_equal(made["y"], X * 2 + 1)
    assert made["rest"] == [1]
    alone = run([ArrayOutput("y", (n,))], finish=lambda made: [made])
    assert len(alone(X)) == 1


def test_errors_in_finish_propagate() -> None:
    def fail(made: Any) -> None:
        raise LookupError("finish")

    f = run([ArrayOutput("y", (n,))], finish=fail)
    with pytest.raises(LookupError, match="finish"):
        f(X)


def test_one_buffer_is_one_object() -> None:
    a, b = run([ArrayOutput("y", (n,)), ArrayOutput("y", (n,))], container=tuple)(X)
    assert a is b


@pytest.mark.parametrize("order", [None, (0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)])
@pytest.mark.parametrize("shape", [(2, 3, 4), (5, 2, 2)])
def test_orders_of_fresh_arrays(order: Any, shape: tuple[int, ...]) -> None:
    (_, a), (_, b), (_, c) = (size(name, 0) for name in "abc")
    f = native(
        executable(
            signature([array(0, (a, b, c), "x")], [ArrayOutput("y", (a, b, c), order)]),
            {"y": (F8, a * b * c)},
            [],
        )
    )
    made = f(np.zeros(shape))
    axes = order or (0, 1, 2)
    x = np.zeros([shape[i] for i in axes]).transpose(np.argsort(axes))
    expected = np.add(x, x)
    assert made.shape == expected.shape
    assert made.strides == expected.strides
    assert str(made.flags) == str(expected.flags)


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
@pytest.mark.parametrize("order", [None, (1, 0)])
def test_empty_arrays_have_numpys_strides(shape: tuple[int, int], order: Any) -> None:
    f = native(
        executable(
            signature([array(0, shape, "x")], [ArrayOutput("y", shape, order)]), {"y": (F8, 0)}, []
        )
    )
    expected = np.empty(shape, order="C" if order is None else "F")
    made = f(np.zeros(shape))
    assert (made.shape, made.strides) == (expected.shape, expected.strides)


def _same_view(made: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> None:
    np.testing.assert_array_equal(made, expected)
    assert made.strides == expected.strides
    assert made.dtype is expected.dtype
    assert str(made.flags) == str(expected.flags)
    assert made.base is expected.base


def test_views_of_inputs() -> None:
    f = run([ViewOutput(InputOutput(0), 1, ((n - 1) // 2,), (2,))], steps=[])
    x = np.arange(9.0)
    _same_view(f(x), x[1::2])
    owner = np.arange(20.0)
    part = owner[2:10]
    _same_view(f(part), part[1:7:2])
    f(x)[0] = 50
    assert x[1] == 50
    x.flags.writeable = False
    _same_view(f(x), x[1::2])


def test_views_backwards_broadcast_and_rearranged() -> None:
    x = np.arange(6.0)
    backwards = run([ViewOutput(InputOutput(0), n - 1, (n,), (-1,))], steps=[])
    _same_view(backwards(x), x[::-1])
    frozen = run([ViewOutput(InputOutput(0), 0, (3, n), (0, 1), writeable=False)], steps=[])
    made = frozen(x)
    expected = np.broadcast_to(x, (3, 6))
    np.testing.assert_array_equal(made, expected)
    assert made.strides == expected.strides
    assert not made.flags.writeable
    f = native(
        executable(
            signature([array(0, (n, m), "x")], [ViewOutput(InputOutput(0), 0, (m, n), (1, m))]),
            BUFFERS,
            [],
        )
    )
    matrix = np.ones((2, 3))
    _same_view(f(matrix), matrix.T)


def test_views_in_another_dtype() -> None:
    imaginary = ViewOutput(InputOutput(0), 1, (n,), (2,), dtype=F8)
    f = native(
        executable(signature([array(0, (n,), "x", "c16")], [imaginary]), {"x": ("c16", n)}, [])
    )
    z = np.arange(3) + 2j
    _same_view(f(z), z.imag)


def test_views_of_fresh_arrays() -> None:
    y = ArrayOutput("y", (n,))
    made, view, again = run([y, one := ViewOutput(y, 1, (n - 1,), (1,)), one], container=tuple)(X)
    np.testing.assert_array_equal(made, X * 2 + 1)
    assert view.base is made
    assert view is again
    _same_view(view, made[1:])
    hidden = run([ViewOutput(ArrayOutput("y", (n,)), 0, (n,), (1,))])(X)
    assert hidden.base is not None
    assert hidden.base.flags.owndata
    np.testing.assert_array_equal(hidden, X * 2 + 1)


def test_scalars_that_were_computed() -> None:
    last = elementwise("first", ["x"], "s", "  %out = fadd double %v0, 10.0", count=1)
    f = native(
        executable(
            signature(
                [array(0, (n,), "x")],
                [ScalarOutput("s", float), ScalarOutput("s", F8)],
                container=tuple,
            ),
            {"x": (F8, n), "s": (F8, 1)},
            [last],
        )
    )
    plain, boxed = f(X)
    assert (plain, type(plain)) == (10.0, float)
    assert (boxed, type(boxed)) == (10.0, np.float64)


def test_results_do_not_leak() -> None:
    y = ArrayOutput("y", (n,))
    f = run(
        [y, ViewOutput(y, 0, (n,), (1,)), InputOutput(0), ConstantOutput(X), ScalarOutput("y", F8)],
        container=list,
    )
    f(X)
    dtypes = [F8, F4]
    gc.collect()
    before = [sys.getrefcount(o) for o in (X, f, *dtypes, MISSED)]
    tracemalloc.start()
    try:
        base = tracemalloc.get_traced_memory()[0]
        for _ in range(20_000):
            f(X)
            f(None)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - base
    finally:
        tracemalloc.stop()
    assert grown < 20_000
    after = [sys.getrefcount(o) for o in (X, f, *dtypes, MISSED)]
    assert max(abs(a - b) for a, b in zip(before, after, strict=True)) < 10
