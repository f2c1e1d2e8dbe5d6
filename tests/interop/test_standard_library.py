"""The standard library: wrappers, methods, dataclasses, mocks, doctest, signatures."""

import contextlib
import dataclasses
import doctest
import functools
import inspect
import itertools
import types
import typing
import unittest
import unittest.mock
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.support import Counted

X = np.linspace(0.1, 1, 5)


@tg.compile
def documented(x: Any, *, scale: float = 2.0) -> Any:
    """Scale an array.

    >>> documented(np.ones(2), scale=3.0)
    array([3., 3.])
    """
    return x * scale


# -- what it looks like ---------------------------------------------------------------------------


def test_it_looks_like_the_function() -> None:
    assert documented.__name__ == documented.__qualname__ == "documented"
    assert documented.__module__ == __name__
    assert (documented.__doc__ or "").startswith("Scale an array.")
    assert documented.__wrapped__ is documented.eager
    assert inspect.unwrap(documented) is documented.eager
    assert str(inspect.signature(documented)) == "(x: Any, *, scale: float = 2.0) -> Any"
    assert inspect.getdoc(documented) == inspect.getdoc(documented.eager)
    assert inspect.getsource(inspect.unwrap(documented)).startswith("@tg.compile\ndef documented")
    assert callable(documented)
    assert isinstance(documented, Callable)  # type: ignore[arg-type]


def test_type_hints() -> None:
    assert typing.get_type_hints(documented) == {"x": Any, "scale": float, "return": Any}
    assert inspect.get_annotations(documented.eager) == documented.__annotations__


def test_attributes_of_functions() -> None:
    def function(x: Any) -> Any:
        return x

    function.tag = "before"  # type: ignore[attr-defined]
    compiled = tg.compile(function)
    compiled.other = "after"
    assert (compiled.tag, compiled.other) == ("before", "after")
    assert tg.grad(compiled).tag == "before"  # type: ignore[attr-defined]
    assert tg.grad(compiled).other == "after"  # type: ignore[attr-defined]
    assert not hasattr(tg.grad(compiled), "eager")
    made: Any = tg.compile(tg.grad(compiled)).eager
    assert made.function is compiled


def test_doctest_finds_and_runs_the_examples() -> None:
    module = types.ModuleType("documented")
    module.__dict__.update(documented=documented, np=np)
    finder = doctest.DocTestFinder(exclude_empty=True)
    (found,) = finder.find(documented, "documented", globs={"documented": documented, "np": np})
    assert doctest.DocTestRunner(verbose=False).run(found) == doctest.TestResults(0, 1)


def test_hashing_equality_weak_references() -> None:
    one, other = tg.compile(np.sin), tg.compile(np.sin)
    assert one == one
    assert one != other
    assert len({one, other, one}) == 2
    assert weakref.ref(one)() is one


# -- functools ------------------------------------------------------------------------------------


def test_partial() -> None:
    function = Counted(lambda x, power, *, scale: x**power * scale, strict=True)
    made = functools.partial(function, scale=2.0)
    for _ in range(2):
        np.testing.assert_allclose(made(X, 3), X**3 * 2)
    inner = tg.compile(functools.partial(lambda a, x, b: a * x + b, 2.0, b=1.0))
    for _ in range(2):
        np.testing.assert_allclose(inner(X), 2 * X + 1)
    assert inner.fallbacks == []


def test_wraps_around_and_inside() -> None:
    def logged(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            calls.append(args)
            return function(*args, **kwargs)

        return wrapper

    calls: list[Any] = []
    around = logged(tg.compile(lambda x: x + 1))
    for _ in range(3):
        np.testing.assert_array_equal(around(X), X + 1)
    assert len(calls) == 3

    def plus(function: Any) -> Any:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs) + 1

        return wrapper

    inside = Counted(plus(plus(lambda x: x * 2)), strict=True)
    for _ in range(3):
        np.testing.assert_array_equal(inside(X), X * 2 + 2)
    assert inside.slow == 1


def test_lru_cache() -> None:
    cached: Any = functools.lru_cache(tg.compile(lambda n: np.arange(n) * 2))
    assert cached(3) is cached(3)
    assert cached.cache_info().hits == 1


def test_singledispatch() -> None:
    @functools.singledispatch
    def size(x: Any) -> Any:
        raise TypeError(type(x))

    @size.register
    @tg.compile
    def _(x: np.ndarray) -> Any:
        return x.sum()

    register: Any = size.register
    register(list, tg.compile(lambda x: x[0] + 1))

    for _again in range(2):
        assert size(X) == X.sum()
        assert size([1.0]) == 2
    with pytest.raises(TypeError):
        size("text")


def test_reduce_and_accumulate() -> None:
    add = tg.compile(lambda a, b: a + b)
    np.testing.assert_array_equal(functools.reduce(add, [X, X, X]), X + X + X)
    np.testing.assert_array_equal(list(itertools.accumulate([1.0, 2.0, 3.0], add)), [1, 3, 6])


def test_cached_property_total_ordering_and_partialmethod() -> None:
    @functools.total_ordering
    class Vector:
        def __init__(self, x: Any) -> None:
            self.x = x

        @functools.cached_property
        @tg.compile
        def norm(self) -> Any:
            return np.sqrt((self.x**2).sum())

        @tg.compile
        def __eq__(self, other: Any) -> Any:
            return bool(self.norm == other.norm)

        @tg.compile
        def __lt__(self, other: Any) -> Any:
            return bool(self.norm < other.norm)

        @tg.compile
        def scaled(self, factor: Any) -> Any:
            return self.x * factor

        doubled = functools.partialmethod(scaled, 2.0)

    short: Any = Vector(X)
    long: Any = Vector(X * 2)
    assert short.norm is short.norm
    np.testing.assert_allclose(long.norm, 2 * short.norm)
    for _ in range(2):
        assert short < long
        assert short == Vector(X)
        assert long >= short
        np.testing.assert_array_equal(short.doubled(), X * 2)


# -- classes --------------------------------------------------------------------------------------


class Layer:
    bias = 1.0

    def __init__(self, weight: Any) -> None:
        self.weight = weight

    @tg.compile
    def bound(self, x: Any) -> Any:
        return x @ self.weight + self.bias

    @staticmethod
    @tg.compile
    def static(x: Any) -> Any:
        return x * 2

    @classmethod
    @tg.compile
    def of_class(cls, x: Any) -> Any:
        return x + cls.bias

    @property
    @tg.compile
    def total(self) -> Any:
        return self.weight.sum()

    @tg.compile
    def __call__(self, x: Any) -> Any:
        return self.bound(x) * 2


class Deep(Layer):
    bias = 3.0

    @tg.compile
    def bound(self, x: Any) -> Any:
        return super().bound(x) - 1


def test_methods_of_every_kind() -> None:
    for layer in (Layer(X), Deep(X), Layer(X * 2)):
        kind: Any = type(layer)
        expected = X @ layer.weight + layer.bias - (kind is Deep)
        for _ in range(2):
            np.testing.assert_allclose(layer.bound(X), expected)
            np.testing.assert_allclose(kind.bound(layer, X), expected)
            np.testing.assert_allclose(layer(X), expected * 2)
            np.testing.assert_allclose(layer.static(X), X * 2)
            np.testing.assert_allclose(layer.of_class(X), X + layer.bias)
            np.testing.assert_allclose(layer.total, layer.weight.sum())
        layer.weight = np.ones(5)
        np.testing.assert_allclose(layer.total, 5)
    for method in (Layer.bound, Layer.static, Deep.bound, vars(Layer)["__call__"]):
        assert method.fallbacks == [], method


def test_operators_of_classes() -> None:
    """Objects that answer operators themselves are not looked into: their methods run eagerly."""

    class Matrix:
        def __init__(self, weight: Any) -> None:
            self.weight = weight

        @tg.compile
        def __matmul__(self, x: Any) -> Any:
            return self.weight @ x

    for weight in (X, X * 2):
        matrix = Matrix(weight)
        for _ in range(2):
            np.testing.assert_allclose(matrix @ X, weight @ X)
    (why,) = Matrix.__dict__["__matmul__"].fallbacks
    assert "__matmul__" in why.reason


def test_dataclasses_named_tuples_and_slots() -> None:
    @dataclasses.dataclass(frozen=True)
    class Point:
        x: Any
        y: Any = 2.0

        @tg.compile
        def length(self) -> Any:
            return np.hypot(self.x, self.y)

    class Pair(typing.NamedTuple):
        a: Any
        b: Any

    class Slotted:
        __slots__ = ("w",)

        def __init__(self, w: Any) -> None:
            self.w = w

        @tg.compile
        def twice(self) -> Any:
            return self.w * 2

    mirrored = tg.compile(lambda p: Pair(p.b, p.a * 2))
    for k in (1.0, 2.0, 3.0):
        np.testing.assert_allclose(Point(X * k).length(), np.hypot(X * k, 2))
        np.testing.assert_allclose(Slotted(X * k).twice(), X * k * 2)
        found = mirrored(Pair(X, X * k))
        assert type(found) is Pair
        np.testing.assert_array_equal(found.b, X * 2)
    assert Point.__dict__["length"].fallbacks == []
    assert mirrored.fallbacks == []


# -- tests of users -------------------------------------------------------------------------------


def test_mocks() -> None:
    mocked = unittest.mock.create_autospec(documented, return_value=3)
    assert mocked(X, scale=1.0) == 3
    mocked.assert_called_once_with(X, scale=1.0)
    with unittest.mock.patch(f"{__name__}.documented", return_value=4):
        assert documented(X) == 4
    np.testing.assert_array_equal(documented(X), X * 2)
    callback = unittest.mock.Mock(side_effect=lambda x: x + 1)
    calling = tg.compile(lambda x: callback(x) * 2)
    with pytest.warns(tg.FallbackWarning):
        np.testing.assert_array_equal(calling(X), (X + 1) * 2)
    calling(X)
    assert callback.call_count == 2


def test_a_helper_that_is_patched_is_seen_by_the_next_call() -> None:
    function = Counted(lambda x: helper(x) + 1, strict=True)
    for _ in range(2):
        np.testing.assert_array_equal(function(X), X * 2 + 1)
    with unittest.mock.patch(f"{__name__}.helper", lambda x: x * 5):
        for _ in range(2):
            np.testing.assert_array_equal(function(X), X * 5 + 1)
    np.testing.assert_array_equal(function(X), X * 2 + 1)


def helper(x: Any) -> Any:
    return x * 2


def test_unittest_cases() -> None:
    class Case(unittest.TestCase):
        @tg.compile
        def test_compiled(self) -> None:
            total = np.arange(3.0).sum()
            assert total == 3

        def test_calls(self) -> None:
            np.testing.assert_array_equal(documented(X), X * 2)

    suite = unittest.TestSuite([Case("test_compiled"), Case("test_calls"), Case("test_compiled")])
    result = unittest.TestResult()
    suite.run(result)
    assert (result.testsRun, result.failures, result.errors) == (3, [], [])


def test_context_managers_around_calls() -> None:
    @contextlib.contextmanager
    def doubled() -> Any:
        yield 2.0

    with doubled() as scale, np.printoptions(precision=2), contextlib.suppress(ZeroDivisionError):
        np.testing.assert_array_equal(documented(X, scale=scale), X * 2)
    stack = contextlib.ExitStack()
    called = []
    stack.callback(tg.compile(lambda x: called.append(1)), X)
    stack.close()
    assert called == [1]
