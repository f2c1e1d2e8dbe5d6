"""Temporary memory of native entries, and memory that is refused."""

from __future__ import annotations

import ctypes
import gc
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.codegen.native_kit import (
    F8,
    MISSED,
    affine,
    array,
    executable,
    n,
    native,
    signature,
    size,
)
from tests.frontend.support import agree, made
from tracegraph.codegen import cpython
from tracegraph.codegen.executable import Executable
from tracegraph.codegen.plan import Slot
from tracegraph.codegen.signature import (
    ArrayOutput,
    Input,
    SizeInput,
    argument,
)

X = np.arange(5.0)


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


def test_refused_temporaries_are_left_to_an_eager_call() -> None:
    K, k = size("k")
    inputs: list[Input] = [array(0, (n,), "x"), SizeInput(source=argument(1), symbol=K)]
    f = native(
        executable(
            signature(inputs, [ArrayOutput("y", (n,))], 2),
            {"x": (F8, n), "t": (F8, n), "y": (F8, n)},
            [affine("first", "x", "t"), affine("second", "t", "y")],
            [Slot(0, k * 64, ("t",))],
        )
    )
    for number in (2**38, 2**45, 2**60, 2**63 - 1):
        assert f(X, number) is MISSED
    np.testing.assert_array_equal(f(X, 1000), X * 4 + 3)


def test_refused_outputs_are_left_to_an_eager_call() -> None:
    K, k = size("k")
    inputs: list[Input] = [array(0, (n,), "x"), SizeInput(source=argument(1), symbol=K)]
    f = native(executable(signature(inputs, [ArrayOutput("y", (n, k))], 2), {"y": (F8, n * k)}, []))
    assert f(X, 2**45) is MISSED
    assert f(X, 2**62) is MISSED
    assert f(X, 3).shape == (5, 3)


def test_a_failing_allocator_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, traced: Callable[[], int]
) -> None:
    refuse = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_size_t)(lambda size: None)
    real = cpython.function_address
    fake = {"PyMem_RawMalloc": cpython.pointer_of(refuse)}
    monkeypatch.setattr(cpython, "function_address", lambda name: fake.get(name) or real(name))
    f = native(with_temporary(n, n * 64))
    assert f(X) is MISSED
    before, count = traced(), sys.getrefcount(X)
    for _ in range(1000):
        f(X)
    assert traced() - before < 20_000
    assert sys.getrefcount(X) == count


def ones_behind_a_write(x: Any, n: int) -> Any:
    for i in range(len(x)):
        x[i] += 1
    y = np.ones(n)
    z = y * 2
    for i in range(n):
        z[i] = y[i - 1] + z[i]
    return z[:3].sum()


def a_result_behind_a_write(x: Any, n: int) -> Any:
    for i in range(len(x)):
        x[i] += 1
    y = np.ones((n, 2))
    for i in range(n):
        y[i] = y[i - 1] + y[i, 0]
    return y


def caught(x: Any, n: int) -> Any:
    x += 1
    try:
        return np.ones(n) * x[0]
    except MemoryError:
        return "too large", x


@pytest.mark.parametrize("function", [ones_behind_a_write, a_result_behind_a_write, caught])
def test_refused_memory_is_numpys_error_after_the_writes_before_it(function: Any) -> None:
    sizes = (5, 20, 21, 2**45, 22, 2**61, 23)
    compiled = agree(made(function), *((np.zeros(12), n) for n in sizes))
    assert compiled.is_native(np.zeros(12), 24)


def chosen(x: Any) -> Any:
    """Select again and again; what is selected first is also returned."""
    first = x = x[x > 0]
    for k in range(1, 13):
        x = np.sort(x)[::-1][x > k / 1000]
    return x, first


def test_memory_of_counted_sizes_is_used_again(traced: Callable[[], int]) -> None:
    """Each step needs the array before it; twelve at once would be what is not released."""
    f = tg.compile(chosen, strict=True)
    x = np.random.default_rng(0).random(50_000) + 1.0
    f(x)
    before = traced()
    tracemalloc.reset_peak()
    base = tracemalloc.get_traced_memory()[0]
    found = f(x)
    assert tracemalloc.get_traced_memory()[1] - base < 9 * x.nbytes
    np.testing.assert_array_equal(found, chosen(x))
    del found
    for _ in range(50):
        f(x)
    assert traced() - before < x.nbytes
