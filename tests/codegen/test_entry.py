"""Native entries: what they take, what they refuse, how traces are chained."""

import pickle
import sys
from typing import Any

import numpy as np
import pytest

from tests.codegen.native_kit import (
    B1,
    F4,
    F8,
    I8,
    MISSED,
    Counting,
    N,
    affine,
    array,
    elementwise,
    executable,
    n,
    native,
    signature,
    size,
)
from tracegraph.codegen.executable import Executable
from tracegraph.codegen.plan import GuardStep, Slot
from tracegraph.codegen.signature import (
    ArrayOutput,
    Input,
    SameObject,
    ScalarInput,
    ScalarOutput,
    argument,
)
from tracegraph.ir.errors import GraphError


def affine_entry(dtype: Any = F8, shape: Any = (n,)) -> Executable:
    """``2 * x + 1`` of a vector."""
    count = N if shape == (n,) else shape[0]
    return executable(
        signature([array(0, shape, "x", dtype)], [ArrayOutput("y", shape)]),
        {"x": (dtype, shape[0]), "y": (dtype, shape[0])},
        [affine(dtype=dtype, count=count)],
    )


def test_computes_on_arrays_of_any_length() -> None:
    f = native(affine_entry())
    for length in (2, 3, 10, 1000):
        x = np.linspace(0, 1, length)
        y = f(x)
        np.testing.assert_array_equal(y, x * 2 + 1)
        assert type(y) is np.ndarray
        assert y.flags.owndata
        assert y.flags.c_contiguous
        assert y.dtype == F8
    assert f.slow_calls == 0


def test_chained_traces_answer_by_dtype_and_shape() -> None:
    double, single, three = affine_entry(F8), affine_entry(F4), affine_entry(F8, (1,))
    double.link(0, single)
    single.link(0, three)
    f = Counting(lambda x: x * 2 + 1, double)
    for x in (np.ones(5), np.ones(5, F4), np.ones(1)):
        y = f(x)
        np.testing.assert_array_equal(y, x * 2 + 1)
        assert y.dtype == x.dtype
    assert f.slow_calls == 0
    assert double.linked(0) is single
    f(np.ones(0))
    assert f.slow_calls == 1
    double.unlink(0)
    assert double.linked(0) is None
    f(np.ones(5, F4))
    assert f.slow_calls == 2


class Subclass(np.ndarray):
    pass


def _unaligned() -> Any:
    return np.zeros(33, np.uint8)[1:].view(F8)


@pytest.mark.parametrize(
    "value",
    [
        np.ones(3).view(Subclass),
        np.ma.masked_array(np.ones(3)),
        np.ones(6)[::2],
        np.ones(3)[::-1],
        np.ones(3, ">f8"),
        np.ones(3, np.int64),
        np.ones(3, np.float32),
        np.ones(3, np.dtype(F8, metadata={"a": 1})),
        _unaligned(),
        np.ones((3, 1)),
        np.ones(()),
        np.ones(1),
        np.ones(0),
        [1.0, 2.0, 3.0],
        1.0,
        None,
    ],
    ids=repr,
)
def test_anything_else_misses(value: Any) -> None:
    f = native(affine_entry())
    assert f(value) is MISSED


def test_wrong_counts_and_keywords_miss() -> None:
    f = native(affine_entry())
    x = np.ones(3)
    assert f() is MISSED
    assert f(x, x) is MISSED
    assert f(x=x) is MISSED
    assert f(x, key=1) is MISSED


def test_the_slow_path_gets_the_original_call() -> None:
    seen: list[Any] = []
    f = Counting(lambda *args, **kwargs: seen.append((args, kwargs)), affine_entry())
    f(1, 2, c=3)
    f(*range(20), k="v")
    assert seen == [((1, 2), {"c": 3}), (tuple(range(20)), {"k": "v"})]


def test_exceptions_of_the_slow_path_propagate() -> None:
    def fail(x: Any) -> None:
        raise LookupError("from slow")

    f = Counting(fail, affine_entry())
    with pytest.raises(LookupError, match="from slow"):
        f(None)


def test_unpickled_dtypes_are_the_same() -> None:
    f = native(affine_entry())
    x = np.arange(3.0)
    copy = pickle.loads(pickle.dumps(x))
    np.testing.assert_array_equal(f(copy), x * 2 + 1)
    rebuilt = np.empty(3, np.dtype("f8").newbyteorder("<"))
    rebuilt[:] = x
    np.testing.assert_array_equal(f(rebuilt), x * 2 + 1)


def test_readonly_is_fine_unless_written() -> None:
    x = np.ones(3)
    x.flags.writeable = False
    assert native(affine_entry())(x) is not MISSED


_ANY = {name: (F8, n) for name in "xywz"}


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (float, 1.5, [1, True, np.float64(1.5), "1", None]),
        (int, -7, [1.0, True, np.int64(1), 2**63, -(2**63) - 1]),
        (int, -(2**63), []),
        (bool, True, [1, 0, np.True_, None]),
        (bool, False, []),
        (complex, 1 + 2j, [1.0, np.complex128(1)]),
        (F8, np.float64(2.5), [2.5, np.float32(2.5), np.array(2.5)]),
        (F4, np.float32(2.5), [2.5, np.float64(2.5)]),
        (I8, np.int64(-3), [3, np.int32(3)]),
        (np.dtype("i2"), np.int16(-3), [np.int32(3)]),
        (np.dtype("u1"), np.uint8(200), [np.int8(3)]),
        (B1, np.True_, [True, 1]),
        (np.dtype("c8"), np.complex64(1 + 2j), [1j]),
        (np.dtype("c16"), np.complex128(1 + 2j), [1j]),
    ],
)
def test_scalars_in_and_out(kind: Any, good: Any, bad: list[Any]) -> None:
    dtype = np.dtype(kind)
    f = native(
        executable(
            signature(
                [ScalarInput(source=argument(0), kind=kind, buffer="x")],
                [ScalarOutput("x", kind), ScalarOutput("x", dtype)],
                container=tuple,
            ),
            {"x": (dtype, 1)},
            [],
        )
    )
    same, boxed = f(good)
    assert same == good
    assert type(same) is type(good)
    assert boxed == good
    assert type(boxed) is dtype.type
    for value in bad:
        assert f(value) is MISSED


def test_unsigned_and_small_integers_become_python_ints() -> None:
    for dtype, value in (("u8", 2**64 - 1), ("i2", -3), ("u1", 255), ("i4", -(2**31))):
        f = native(
            executable(
                signature(
                    [ScalarInput(source=argument(0), kind=np.dtype(dtype), buffer="x")],
                    [ScalarOutput("x", int)],
                ),
                {"x": (dtype, 1)},
                [],
            )
        )
        assert f(np.dtype(dtype).type(value)) == value


def test_guards_leave_by_their_cells() -> None:
    def branch(expect: bool) -> Executable:
        body = "  %b = fcmp ogt double %v0, 0.0\n  %out = zext i1 %b to i8"
        test = elementwise("test", ["x"], "flag", body, result_dtype=B1, count=1)
        return executable(
            signature([array(0, (n,), "x")], [ArrayOutput("y", (n,))]),
            {"x": (F8, n), "y": (F8, n), "flag": (B1, 1)},
            [test, GuardStep("flag", expect, 2), affine()],
            [Slot(0, 64, ("flag",))],
        )

    positive, negative = branch(True), branch(False)
    assert positive.cells == 4
    f = native(positive)
    assert f(-np.ones(3)) is MISSED
    positive.link(3, negative)
    np.testing.assert_array_equal(f(-np.ones(3)), -np.ones(3))
    np.testing.assert_array_equal(f(np.ones(3)), 3 * np.ones(3))
    positive.unlink(3)
    assert f(-np.ones(3)) is MISSED
    with pytest.raises(GraphError, match="no miss cell"):
        positive.link(4, negative)


def test_a_guard_after_a_write_is_refused() -> None:
    inputs: list[Input] = [array(0, (n,), "x", written=True)]
    with pytest.raises(GraphError, match="guard"):
        executable(
            signature(inputs, [ArrayOutput("y", (n,))]),
            {"x": (F8, n), "y": (F8, n), "flag": (B1, 1)},
            [affine("k", "x", "x"), GuardStep("flag", True, 0)],
        )


def test_a_guard_may_follow_a_kernel_that_only_reads_what_is_written_later() -> None:
    body = "  %b = fcmp ogt double %v0, 0.0\n  %out = zext i1 %b to i8"
    test = elementwise("test", ["x"], "flag", body, result_dtype=B1, count=1)
    f = native(
        executable(
            signature([array(0, (n,), "x", written=True)], [], container=tuple),
            {"x": (F8, n), "flag": (B1, 1)},
            [test, GuardStep("flag", True, 0), affine("k", "x", "x")],
        )
    )
    x = np.ones(3)
    assert f(x) == ()
    np.testing.assert_array_equal(x, 3 * np.ones(3))
    x = -x
    assert f(x) is MISSED
    np.testing.assert_array_equal(x, -3 * np.ones(3))


def in_place(same: bool = False) -> Executable:
    """``x[:] = 2 * z + 1``, where z may be x itself."""
    inputs: list[Input] = [array(0, (n,), "x", written=True)]
    inputs.append(SameObject(source=argument(1), other=0) if same else array(1, (n,), "z"))
    source = "x" if same else "z"
    return executable(
        signature(inputs, [], 2, container=tuple),
        {"x": (F8, n), "z": (F8, n)},
        [affine("k", source, "x")],
    )


def test_written_arguments() -> None:
    f = native(in_place())
    x, z = np.zeros(4), np.arange(4.0)
    assert f(x, z) == ()
    np.testing.assert_array_equal(x, z * 2 + 1)
    frozen = np.zeros(4)
    frozen.flags.writeable = False
    assert f(frozen, z) is MISSED


def test_overlap_with_what_is_written_misses() -> None:
    f = native(in_place())
    x = np.arange(10.0)
    assert f(x, x) is MISSED
    assert f(x[:4], x[3:7]) is MISSED
    assert f(x[3:7], x[:4]) is MISSED
    assert f(x[:4], x[4:8]) == ()
    assert f(x[4:8], x[:4]) == ()
    same = native(in_place(same=True))
    before = x.copy()
    assert same(x, x) == ()
    np.testing.assert_array_equal(x, before * 2 + 1)
    assert same(x, x.copy()) is MISSED


def test_overlap_of_strided_arrays() -> None:
    _, s = size("s", -(2**63))
    _, t = size("t", -(2**63))
    written = array(0, (n,), "x", written=True, layout=(s,))
    inputs = [written, array(1, (n,), "z", layout=(t,))]
    f = native(executable(signature(inputs, [], 2, container=tuple), _ANY, []))
    x = np.arange(20.0)
    assert f(x[:10:2], x[10::2]) == ()
    assert f(x[9::-2], x[10::2]) == ()
    assert f(x[::4], x[1::4]) is MISSED
    assert f(x[10::-2][:5], x[:5]) is MISSED


def test_keywords_of_the_signature() -> None:
    factor = ScalarInput(source=argument(1), kind=float, buffer="s")
    inputs: list[Input] = [array(0, (n,), "x"), factor]
    body = "  %s = load double, ptr %b1\n  %out = fmul double %v0, %s"
    scale = elementwise("scale", ["x", "s"], "y", body)
    f = native(
        executable(
            signature(inputs, [ArrayOutput("y", (n,))], 2, keywords=("factor",)),
            {"x": (F8, n), "y": (F8, n), "s": (F8, 1)},
            [scale],
        )
    )
    x = np.ones(3)
    np.testing.assert_array_equal(f(x, factor=3.0), 3 * x)
    assert f(x, 3.0) is MISSED
    assert f(x, other=3.0) is MISSED
    assert f(x, x=x, factor=3.0) is MISSED


def test_references_are_balanced() -> None:
    f = native(affine_entry())
    x, miss = np.ones(4), np.ones(1)
    counts = [sys.getrefcount(o) for o in (x, miss, f, F8, MISSED)]
    for _ in range(100_000):
        f(x)
        f(miss)
    after = [sys.getrefcount(o) for o in (x, miss, f, F8, MISSED)]
    assert max(abs(a - b) for a, b in zip(counts, after, strict=True)) < 10
