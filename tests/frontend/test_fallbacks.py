"""What is not compiled runs eagerly: one warning a reason, at the user's line, the same results."""

import asyncio
import dataclasses
import linecache
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import agrees, program, warned
from tests.frontend.support import Counted, agree, call, made

X = np.arange(1.0, 7)
Function = Callable[..., Any]


def opaque(a: Any) -> Any:
    b = a * 2
    return b + 0 * len(np.array2string(b))  # the line of the warning


def line_of(function: Any, text: str) -> int:
    code = function.__code__
    for line in range(code.co_firstlineno, code.co_firstlineno + 30):
        if text in linecache.getline(code.co_filename, line):
            return line
    raise AssertionError(text)


# -- the warning ----------------------------------------------------------------------------------


def test_one_warning_with_file_and_line_and_advice() -> None:
    function = tg.compile(opaque)
    (warning,) = warned(function, X)
    line = line_of(opaque, "array2string")
    assert (warning.filename, warning.lineno) == (__file__, line)
    assert "opaque" in str(warning.message)
    assert "array2string" in str(warning.message)
    (entry,) = function.fallbacks
    assert (entry.file, entry.line) == (__file__, line)
    assert "array2string" in entry.reason
    assert entry.reason in str(warning.message)
    assert str(line) in str(entry)
    for value in (X, X + 1, X.astype(np.float32), X[:3]):
        assert not warned(function, value)
    assert len(function.fallbacks) == 1


def test_a_warning_for_each_reason() -> None:
    def two(a: Any, k: Any) -> Any:
        if k:
            return opaque(a)
        return 0 * len(np.array2string(a)) + a

    function = tg.compile(two)
    assert len(warned(function, X, 1)) == 1
    assert len(warned(function, X, 0.0)) == 1
    assert not warned(function, X, 1)
    assert len(function.fallbacks) == 2
    assert len({entry.line for entry in function.fallbacks}) == 2


def test_no_fallback_where_everything_is_native() -> None:
    function = tg.compile(lambda a: a * 2)
    assert not warned(function, X)
    assert function.fallbacks == []


def test_clear_forgets_fallbacks() -> None:
    function = tg.compile(opaque)
    warned(function, X)
    function.clear()
    assert function.fallbacks == []
    assert len(warned(function, X)) == 1


def test_the_line_of_a_helper_is_named() -> None:
    function = tg.compile(lambda a: opaque(a) + 1)
    (warning,) = warned(function, X)
    assert (warning.filename, warning.lineno) == (__file__, line_of(opaque, "array2string"))


def test_some_kinds_of_calls_fall_back_and_others_do_not() -> None:
    def mixed(a: Any) -> Any:
        return 0 * len(np.array2string(a)) + a if a.ndim == 2 else a * 2

    function = Counted(mixed)
    assert len(warned(function, X.reshape(2, 3))) == 1
    function(X)
    assert function.is_native(X + 1)
    assert not warned(function, X.reshape(2, 3))
    assert function.is_native(X + 2)


# -- strict ---------------------------------------------------------------------------------------


def test_strict_raises_with_file_and_line() -> None:
    function = tg.compile(opaque, strict=True)
    with pytest.raises(tg.RecordingError, match="array2string") as caught:
        function(X)
    assert f"{__file__}:{line_of(opaque, 'array2string')}" in str(caught.value)
    for _ in range(2):
        with pytest.raises(tg.RecordingError):
            function(X)


def test_strict_accepts_what_is_native() -> None:
    function = tg.compile(strict=True)(lambda a: a * 2)
    for _ in range(3):
        np.testing.assert_array_equal(function(X), X * 2)


def test_strict_and_errors_of_the_function() -> None:
    function = tg.compile(lambda a: a.reshape(7), strict=True)
    for _ in range(2):
        with pytest.raises(ValueError, match="cannot reshape"):
            function(X)


@pytest.mark.parametrize(
    "value",
    [
        X.astype(np.float16),
        X.astype(object),
        X.astype(np.longdouble),
        X.astype(">f8"),
        np.ma.array(X),
    ],
)
def test_strict_refuses_other_arrays(value: Any) -> None:
    with pytest.raises(tg.RecordingError):
        tg.compile(lambda a: a * 2, strict=True)(value)


# -- what runs eagerly by rule --------------------------------------------------------------------


class Sub(np.ndarray):
    """A subclass with operators of its own."""

    def __mul__(self, other: Any) -> Any:
        return "mine"


@dataclasses.dataclass
class Holder:
    w: Any


RECORDS = np.array([(1, 2.0), (3, 4.0)], dtype=[("p", int), ("q", float)])
ODD: dict[str, Any] = {
    "a subclass": X.view(Sub),
    "a matrix": np.asmatrix(X),
    "a masked array": np.ma.masked_greater(X, 3),
    "a recarray": np.rec.array(RECORDS),
    "records": RECORDS,
    "objects": np.array([1, "a", None, 2.5], object),
    "text": np.array(["a", "bc"]),
    "bytes": np.array([b"a", b"bc"]),
    "longdouble": X.astype(np.longdouble),
    "float16": X.astype(np.float16),
    "byteswapped": X.astype(">f8"),
    "dates": np.array(["2020-01-01"], "M8[D]"),
    "durations": np.array([3], "m8[s]"),
    "clongdouble": X.astype(np.clongdouble),
    "unaligned": np.frombuffer(b"\0" * 17, np.uint8)[1:].view(np.float64),
    "a memmap": np.zeros(3).view(np.memmap),
    "a longdouble scalar": np.longdouble(3),
    "a float16 scalar": np.float16(3),
    "a date": np.datetime64("2020-01-01"),
    "a text scalar": np.str_("x"),
    "a void": RECORDS[0],
}


@pytest.mark.parametrize("what", ODD)
@pytest.mark.parametrize(
    "body", ["a", "a * 2", "np.sum(a)", "a[0]", "a == a", "np.sort(a)", "(type(a), a.dtype)"]
)
def test_other_arrays_run_eagerly(what: str, body: str) -> None:
    value = ODD[what]
    function = tg.compile(eval(f"lambda a: {body}", {"np": np}))
    plain: Any = function.eager
    for argument in (value, X, value, X, X):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = outcome(plain, argument)
            got = outcome(function, argument)
        assert type(expected) is type(got)
        assert repr(expected) == repr(got)


def outcome(function: Function, *args: Any) -> Any:
    try:
        return function(*args)
    except Exception as error:
        return type(error).__name__, str(error)


@pytest.mark.parametrize("what", ["a subclass", "objects", "longdouble", "float16", "byteswapped"])
@pytest.mark.parametrize("place", ["global W", "attribute", "list", "dict"])
def test_other_arrays_in_captures(what: str, place: str) -> None:
    spell = {"global W": "W", "attribute": "h.w", "list": "l[0]", "dict": "d['w']"}[place]
    value = ODD[what]
    names = {"W": value, "h": Holder(value), "l": [value], "d": {"w": value}}
    function, module = program(f"def f(a): return {spell} * 2, a", **names)()
    compiled: Any = tg.compile(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(3):
            expected, got = outcome(function, X), outcome(compiled, X)
            assert repr(expected) == repr(got)
        module.run("W = h.w = l[0] = d['w'] = np.arange(6.0)")
        for _ in range(3):
            np.testing.assert_array_equal(compiled(X)[0], np.arange(6.0) * 2)


def test_half_precision_made_inside() -> None:
    for body in ("a.astype(np.float16) * 2", "np.float16(a[0]) + 1",
        "(a * 1).astype(np.longdouble)",
                 "a.astype(object)", "a.astype(str)", "a.astype('>f8') + 1"):  # fmt: skip
        agrees(f"def f(a): return {body}", (X,), (X + 1,), (X,))


def test_arguments_that_share_a_kind_with_odd_ones() -> None:
    function = Counted(lambda a: a * 2)
    warned(function, X.view(Sub))
    function(X)
    assert function.is_native(X + 1)
    assert function(X.view(Sub)) == "mine"


# -- functions that are never recorded ------------------------------------------------------------


def test_generators_run_eagerly() -> None:
    def numbers(a: Any) -> Any:
        yield a * 2
        yield a * 3

    function = tg.compile(numbers)
    (warning,) = warned(function, X)
    assert "generator" in str(warning.message)
    assert warning.lineno == numbers.__code__.co_firstlineno
    for _ in range(2):
        first, second = function(X)
        np.testing.assert_array_equal(first, X * 2)
        np.testing.assert_array_equal(second, X * 3)
    with pytest.raises(tg.RecordingError):
        tg.compile(numbers, strict=True)(X)


def test_async_functions_run_eagerly() -> None:
    async def double(a: Any) -> Any:
        await asyncio.sleep(0)
        return a * 2

    function: Any = tg.compile(double)

    async def several(a: Any) -> Any:
        return await asyncio.gather(function(a), function(a + 1))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = asyncio.run(several(X))
    np.testing.assert_array_equal(found[1], X * 2 + 2)


def test_generators_made_inside() -> None:
    source = """
        def g(a):
            for v in a: yield v * 2
        def f(a):
            made = g(a)
            return next(made), list(made), sum(g(a)), [v for v in (w + 1 for w in a)], a * 1
        """
    agrees(source, (X,), (X + 1,), (X * 2,))


def test_a_returned_generator_goes_on_after_the_call() -> None:
    source = "def f(a):\n    b = a * 2\n    return (v + b[0] for v in a)"
    for transform in (lambda f: f, tg.compile):
        function: Any = transform(program(source)()[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in range(3):
                values = list(function(X))
                assert values == [v + 2.0 for v in X]
                assert {type(v) for v in values} == {np.float64}


def test_a_returned_function_goes_on_after_the_call() -> None:
    source = """
        def f(a):
            k, l = a * 2, [a[0]]
            def h(v):
                l.append(v)
                return v + k, l
            return h
        """
    for transform in (lambda f: f, tg.compile):
        function: Any = transform(program(source)()[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for shift in range(3):
                h = function(X + shift)
                value, kept = h(1.0)
                np.testing.assert_array_equal(value, (X + shift) * 2 + 1)
                assert kept == [1.0 + shift, 1.0]
                assert [type(v) for v in kept] == [np.float64, float]
                assert type(value) is np.ndarray


def test_functions_without_source() -> None:
    names: dict[str, Any] = {"np": np}
    exec("def f(a): return np.sin(a) * 2", names)
    function = tg.compile(names["f"])
    (warning,) = warned(function, X)
    assert "source" in str(warning.message)
    np.testing.assert_array_equal(function(X), np.sin(X) * 2)


@pytest.mark.parametrize(
    "function", [np.sin, np.linalg.norm, len, sum, abs, sorted, list, np.add.reduce]
)
def test_functions_that_are_not_python(function: Function) -> None:
    agree(made(function), (X,), (X + 1,), (X,))


def test_other_callables() -> None:
    class Callable_:
        k = 2.0

        def __call__(self, a: Any) -> Any:
            return a * self.k

        def method(self, a: Any) -> Any:
            return a * self.k

        @classmethod
        def kind(cls, a: Any) -> Any:
            return a * cls.k

        @staticmethod
        def static(a: Any) -> Any:
            return a * 2

    import functools

    one = Callable_()
    functions: list[Function] = [
        one, one.method, Callable_.kind, Callable_.static, functools.partial(np.multiply, 2.0),
        functools.partial(one.method), functools.lru_cache(lambda k: k), Callable_, dict,
        np.float64,
        tg.compile(lambda a: a * 2), tg.grad(lambda a: a * 2.0),
    ]  # fmt: skip
    for function in functions:
        argument = 3.0
        agree(made(function), (argument,), (argument,), (4.0,))


def test_too_many_operations_run_eagerly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["tracegraph.recording"], "NODE_LIMIT", 100)

    def long(a: Any, parts: Any) -> Any:
        for part in parts:
            a = a * 1.0 + part
        return a

    function, parts = tg.compile(long), [0.5] * 100
    (warning,) = warned(function, np.ones(1), parts)
    assert "a Python loop was unrolled" in str(warning.message)
    np.testing.assert_array_equal(function(np.ones(1), parts), np.full(1, 51.0))


def test_keywords_that_cannot_be_told_from_positions() -> None:
    source = "def f(a, /, b=1.0, *args, c=2.0, **rest): return a * b + c, args, rest"
    calls = [
        call(X), call(X, 2.0), call(X, b=2.0), call(X, c=3.0), call(X, 2.0, 3.0, c=4.0, d=X, a=5.0),
        call(X, b=2.0, c=3.0), call(X, c=3.0, b=2.0), call(X, 2.0, X, X), call(), call(a=X),
        call(X, z={"q": X}),
    ]  # fmt: skip
    agrees(source, *calls, *calls)
