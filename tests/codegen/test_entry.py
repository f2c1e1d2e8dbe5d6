"""Native entries: what they take, what they refuse, how traces are chained."""

import copyreg
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
    M,
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
)
from tracegraph.codegen.executable import Executable
from tracegraph.codegen.plan import GuardStep, Slot
from tracegraph.codegen.signature import (
    ArrayOutput,
    SameObject,
    ScalarInput,
    ScalarOutput,
    SizeCheck,
    SizeInput,
    argument,
)
from tracegraph.ir.errors import GraphError
from tracegraph.ir.sizes import floordiv, maximum, minimum


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
    f(*range(20), **{"k": "v"})
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
    rebuilt = np.empty(3, copyreg.__newobj__(np.dtype, "f8").newbyteorder("<"))
    rebuilt[:] = x
    np.testing.assert_array_equal(f(rebuilt), x * 2 + 1)


def test_readonly_is_fine_unless_written() -> None:
    x = np.ones(3)
    x.flags.writeable = False
    assert native(affine_entry())(x) is not MISSED


def test_dimensions_bind_once_and_are_compared_afterwards() -> None:
    inputs = [array(0, (n, m), "x"), array(1, (m, n), "z"), array(2, (n + m,), "w")]
    f = native(executable(signature(inputs, [ArrayOutput("y", (n * m, 2))], 3), _ANY, []))
    assert f(np.ones((2, 3)), np.ones((3, 2)), np.ones(5)).shape == (6, 2)
    assert f(np.ones((2, 3)), np.ones((2, 3)), np.ones(5)) is MISSED
    assert f(np.ones((2, 3)), np.ones((3, 2)), np.ones(6)) is MISSED
    assert f(np.ones((1, 3)), np.ones((3, 1)), np.ones(4)) is MISSED


_ANY = {name: (F8, n) for name in "xywz"}


def test_size_functions_and_checks() -> None:
    half = floordiv(n + 5, m)
    shape = (maximum(n - m, 0), minimum(n, m), half)
    checks = (SizeCheck(n, "<", 100), SizeCheck(m, "==", 7, expected=False))
    inputs = [array(0, (n, m), "x")]
    f = native(
        executable(signature(inputs, [ArrayOutput("y", shape)], checks=checks), _ANY, [])
    )
    for a, b in ((9, 4), (4, 9), (2, 2), (50, 3)):
        assert f(np.ones((a, b))).shape == (max(a - b, 0), min(a, b), (a + 5) // b)
    assert f(np.ones((100, 2))) is MISSED
    assert f(np.ones((9, 7))) is MISSED


@pytest.mark.parametrize("relation", ["==", "!=", "<", "<="])
@pytest.mark.parametrize("expected", [True, False])
def test_relations(relation: Any, expected: bool) -> None:
    inputs = [array(0, (n,), "x"), array(1, (m,), "z")]
    checks = (SizeCheck(n, relation, m, expected),)
    f = native(executable(signature(inputs, [ArrayOutput("y", (n,))], 2, checks=checks), _ANY, []))
    answer = {"==": int.__eq__, "!=": int.__ne__, "<": int.__lt__, "<=": int.__le__}[relation]
    for a, b in ((2, 3), (3, 2), (3, 3)):
        hit = f(np.ones(a), np.ones(b)) is not MISSED
        assert hit == (answer(a, b) == expected)


def test_sizes_that_overflow_miss() -> None:
    A, a = size("a", -(2**63))
    B, b = size("b", -(2**63))
    inputs = [SizeInput(source=argument(0), symbol=A), SizeInput(source=argument(1), symbol=B)]
    checks = (SizeCheck(a * b, "<=", a * b), SizeCheck(a + b, "<=", a + b))
    f = native(executable(signature(inputs, [], 2, checks=checks, container=tuple), {}, []))
    assert f(3, 4) == ()
    assert f(-3, 4) == ()
    assert f(2**32, 2**32) is MISSED
    assert f(2**62, 2**62) is MISSED
    assert f(-(2**63), -1) is MISSED


def test_division_by_sizes_below_one_misses() -> None:
    A, a = size("a", -(2**63))
    B, b = size("b", -(2**63))
    inputs = [SizeInput(source=argument(0), symbol=A), SizeInput(source=argument(1), symbol=B)]
    checks = (SizeCheck(floordiv(a, b), "<", 10),)
    f = native(executable(signature(inputs, [], 2, checks=checks, container=tuple), {}, []))
    assert f(-(2**63), 1) == ()
    assert f(-7, 2) == ()
    assert f(-(2**63), -1) is MISSED
    assert f(5, 0) is MISSED
    assert f(20, 2) is MISSED


def test_size_inputs_take_exact_ints() -> None:
    inputs = [SizeInput(source=argument(0), symbol=N)]
    f = native(executable(signature(inputs, [ArrayOutput("y", (n,))]), _ANY, []))
    assert f(3).shape == (3,)
    for value in (1, 0, -5, 2**63, -(2**70), True, 3.0, np.int64(3), None):
        assert f(value) is MISSED


def test_strided_inputs() -> None:
    S, s = size("s", -(2**63))
    kernel = elementwise("copy", ["x"], "y", "  %out = fadd double %v0, 0.0", count=3)
    f = native(
        executable(
            signature([array(0, (n,), "x", layout=(s,))], [ArrayOutput("y", (3,))]), _ANY, [kernel]
        )
    )
    x = np.arange(12.0)
    assert f(x[::2]) is not MISSED
    assert f(x[::-1]) is not MISSED
    records = np.zeros(4, [("a", F4), ("b", F8)])
    odd = np.ndarray(4, F4, records, 0, (12,))
    assert f(odd) is MISSED
    assert f(np.ndarray(2, F8, np.zeros(40, np.uint8), 0, (12,))) is MISSED
    assert S.lower < 0


def test_strides_are_checked_and_bound() -> None:
    S, s = size("s", -(2**63))
    inputs = [array(0, (n, m), "x", layout=(s, 1)), array(1, (n,), "w", layout=(s + 1,))]
    f = native(executable(signature(inputs, [ArrayOutput("y", (n, 2))], 2), _ANY, []))
    x, w = np.ones((4, 6)), np.ones(70)
    assert f(x, w[::7][:4]) is not MISSED
    assert f(x[::-1], w[::-5][:4]) is not MISSED
    assert f(x, w[::6][:4]) is MISSED
    assert f(x.T, w[::7][:6]) is MISSED


def test_fixed_axes_of_length_one_have_any_stride() -> None:
    inputs = [array(0, (1, n), "x", layout=(1, 1))]
    f = native(executable(signature(inputs, [ArrayOutput("y", (n,))]), _ANY, []))
    assert f(np.ones((5, 3))[2:3]) is not MISSED


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
    inputs = [array(0, (n,), "x", written=True)]
    with pytest.raises(GraphError, match="guard"):
        executable(
            signature(inputs, [ArrayOutput("y", (n,))]),
            {"x": (F8, n), "y": (F8, n), "flag": (B1, 1)},
            [affine("k", "x", "x"), GuardStep("flag", True, 0)],
        )


def in_place(same: bool = False) -> Executable:
    """``x[:] = 2 * z + 1``, where z may be x itself."""
    inputs: list[Any] = [array(0, (n,), "x", written=True)]
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
    S, s = size("s", -(2**63))
    T, t = size("t", -(2**63))
    inputs = [array(0, (n,), "x", written=True, layout=(s,)), array(1, (n,), "z", layout=(t,))]
    f = native(executable(signature(inputs, [], 2, container=tuple), _ANY, []))
    x = np.arange(20.0)
    assert f(x[:10:2], x[10::2]) == ()
    assert f(x[9::-2], x[10::2]) == ()
    assert f(x[::4], x[1::4]) is MISSED
    assert f(x[10::-2][:5], x[:5]) is MISSED
    assert S.lower == T.lower


def test_keywords_of_the_signature() -> None:
    inputs = [array(0, (n,), "x"), ScalarInput(source=argument(1), kind=float, buffer="s")]
    body = "  %s = load double, ptr %b1\n  %out = fmul double %v0, %s"
    scale = elementwise("scale", ["x", "s"], "y", body)
    f = native(
        executable(
            signature(inputs, [ArrayOutput("y", (n,))], 2, keywords=("factor",)),
            {"x": (F8, n), "y": (F8, n), "s": (F8, 1)},
            [scale],
        )
    )
    x = np.arange(1.0, 2.0, 0.01)[:1].repeat(3)
    np.testing.assert_array_equal(f(x, factor=3.0), 3 * x)
    assert f(x, 3.0) is MISSED
    assert f(x, other=3.0) is MISSED
    assert f(x, x=x, factor=3.0) is MISSED


def test_an_unbound_size_is_refused() -> None:
    with pytest.raises(GraphError, match="gives the size m"):
        executable(signature([array(0, (n,), "x")], [ArrayOutput("y", (m,))]), _ANY, [])
    assert M.name == "m"


def test_references_are_balanced() -> None:
    f = native(affine_entry())
    x, miss = np.ones(4), np.ones(1)
    counts = [sys.getrefcount(o) for o in (x, miss, f, F8, MISSED)]
    for _ in range(100_000):
        f(x)
        f(miss)
    after = [sys.getrefcount(o) for o in (x, miss, f, F8, MISSED)]
    assert max(abs(a - b) for a, b in zip(counts, after, strict=True)) < 10
