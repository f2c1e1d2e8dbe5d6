"""`tg.compile`: the same values, types and layouts for every signature; sizes are symbols."""

import collections
import copy
import dataclasses
import functools
import inspect
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import agrees
from tests.frontend.support import Counted, agree, call, made

X = np.linspace(-1, 1, 6)
Function = Callable[..., Any]
Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Pair:
    u: Any
    v: Any = 2.0

    def total(self) -> Any:
        return self.u + self.v


# -- the object -----------------------------------------------------------------------------------


def test_it_looks_like_the_function() -> None:
    def scale(a: Any, k: float = 2.0, *, shift: float = 0.0) -> Any:
        """Scale."""
        return a * k + shift

    scale.extra = 5  # type: ignore[attr-defined]
    compiled: Any = tg.compile(scale)
    assert compiled.__name__ == "scale"
    assert compiled.__doc__ == "Scale."
    assert compiled.__module__ == __name__
    assert compiled.__qualname__ == scale.__qualname__
    assert compiled.__wrapped__ is compiled.eager is scale
    assert compiled.extra == 5
    assert inspect.signature(compiled) == inspect.signature(scale)
    assert "scale" in repr(compiled)
    assert callable(compiled)
    assert isinstance(compiled, tg.Compiled)


def test_it_is_a_decorator_with_and_without_options() -> None:
    @tg.compile
    def one(a: Any) -> Any:
        return a * 2

    @tg.compile()
    def two(a: Any) -> Any:
        return a * 2

    @tg.compile(strict=True, fp="contract")
    def three(a: Any) -> Any:
        return a * 2 + 1

    for function in (one, two, three):
        assert isinstance(function, tg.Compiled)
        for _ in range(2):
            np.testing.assert_array_equal(function(X), function.eager(X))


def test_compiling_twice_is_compiling_once() -> None:
    twice = tg.compile(tg.compile(lambda a: a * 2))
    for _ in range(3):
        np.testing.assert_array_equal(twice(X), X * 2)
    assert not twice.fallbacks


def test_methods_bind() -> None:
    class Model:
        def __init__(self, k: float) -> None:
            self.k = k

        @tg.compile
        def scale(self, a: Any) -> Any:
            return a * self.k

        @classmethod
        @tg.compile
        def kind(cls, a: Any) -> Any:
            return a * 2, cls

        @staticmethod
        @tg.compile
        def static(a: Any) -> Any:
            return a * 3

        @property
        @tg.compile
        def double(self) -> Any:
            return self.k * 2

    one, two = Model(2.0), Model(5.0)
    for _ in range(3):
        np.testing.assert_array_equal(one.scale(X), X * 2)
        np.testing.assert_array_equal(two.scale(X), X * 5)
        np.testing.assert_array_equal(Model.scale(two, X), X * 5)
        assert Model.kind(X)[1] is Model
        np.testing.assert_array_equal(one.static(X), X * 3)
        assert one.double == 4.0
        one.k = 2.0
    one.k = 7.0
    np.testing.assert_array_equal(one.scale(X), X * 7)
    bound: Any = Model.scale
    assert not bound.fallbacks


def test_traces_and_clear() -> None:
    compiled = Counted(lambda a: a * 2)
    compiled(X)
    compiled(X.astype(np.float32))
    assert len(compiled.compiled.traces) == 2
    assert compiled.is_native(X)
    compiled.compiled.clear()
    assert compiled.compiled.traces == []
    assert not compiled.is_native(X)
    assert compiled.is_native(X)


def test_graph_runs_the_function_on_copies_only() -> None:
    log: list[int] = []

    def write(a: Any, d: Any) -> Any:
        log.append(1)
        a[0] = 9
        d["w"][0] = 9
        return a * d["w"]

    compiled = tg.compile(write)
    a, d = X.copy(), {"w": X.copy()}
    text = str(compiled.graph(a, d))
    assert "mul" in text
    assert a[0] == d["w"][0] == -1
    assert len(log) <= 1


def test_graph_of_what_cannot_be_recorded() -> None:
    compiled = tg.compile(lambda a: np.frompyfunc(math.exp, 1, 1)(a))
    with pytest.raises(tg.RecordingError, match="frompyfunc"):
        compiled.graph(X)


def test_eager_is_the_plain_function() -> None:
    compiled = tg.compile(lambda a: type(a).__name__)
    assert compiled.eager(X) == "ndarray"


def test_compiled_functions_are_kept_by_copies_and_collections() -> None:
    compiled = tg.compile(lambda a: a * 2)
    assert copy.copy([compiled])[0] is compiled
    assert {compiled: 1}[compiled] == 1
    assert compiled == compiled
    assert functools.partial(compiled, X)() is not None


# -- arguments ------------------------------------------------------------------------------------


def test_positions_keywords_and_defaults() -> None:
    source = "def f(a, b=2.0, *more, c=3.0, **rest): return a * b + c, more, rest"
    calls = [
        call(X), call(X, 4.0), call(X, b=4.0), call(b=4.0, a=X), call(X, c=5.0),
        call(X, 1.0, 2.0, X),
        call(X, d=1.0), call(X, e=X, d=1.0), call(X, d=1.0, e=X), call(a=X), call(X, 4.0),
        call(X, b=5),
    ]  # fmt: skip
    agrees(source, *calls, *calls, native=len(calls))


def test_wrong_calls() -> None:
    source = "def f(a, /, b, *, c=1.0): return a * b * c"
    calls = [
        call(X, 2.0),
        call(X),
        call(),
        call(X, 2.0, 3.0),
        call(a=X, b=2.0),
        call(X, 2.0, d=1),
        call(X, b=2.0),
    ]
    agrees(source, *calls, *calls)
    calls = [call(X, 2.0), call(X, 2.0, c=3.0)]
    agrees(source, *calls, *calls, native=2)


ARGUMENTS: dict[str, list[Any]] = {
    "floats": [1.5, -2.0, 1e300],
    "ints": [3, 3, 3],
    "complex": [1 + 2j, 2j, 3 + 0j],
    "scalars": [
        np.float64(2),
        np.float32(2),
        np.int8(2),
        np.uint8(250),
        np.bool_(True),
        np.complex64(1j),
    ],
    "0-d": [np.array(2.0), np.array(3), np.array(True)],
    "vectors": [X, X + 1, X[::2], X[::-1], X[:0], X[:1]],
    "matrices": [
        np.ones((2, 3)),
        np.asfortranarray(np.ones((2, 3))),
        np.ones((2, 6))[:, ::2],
        np.ones((0, 3)),
    ],
    "ranks": [np.ones((1,) * n) for n in range(6)],
    "dtypes": [np.arange(3).astype(d) for d in "?bhilBHILfdFD"],
    "tuples": [(X, 2.0), (X + 1, 3.0), (2.0, X)],
    "lists": [[X, 2.0], [X + 1, 3.0], [X, 2.0]],
    "big": [np.ones(100_000), np.ones(100_001)],
}
BODIES: dict[str, Function] = {
    "itself": lambda a: a,
    "arithmetic": lambda a: (a * 2, a + 1.5, 1 - a, a * a),
    "comparison": lambda a: (a > 1, a == a) if not isinstance(a, complex) else (a == 1),
    "sine": lambda a: np.sin(a),
    "sum": lambda a: np.sum(a),
    "asarray": lambda a: np.asarray(a) * 1,
    "shape": lambda a: (np.shape(a), np.ndim(a), np.size(a)),
    "type": lambda a: (type(a), getattr(a, "dtype", None)),
    "containers": lambda a: {"a": a, "l": [a, (a, None)], "p": Point(a, 1)},
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("kind", ARGUMENTS)
def test_arguments_of_every_kind(kind: str, body: str) -> None:
    if kind in ("tuples", "lists") and body in (
        "comparison",
        "arithmetic",
        "sine",
        "sum",
        "asarray",
        "shape",
    ):
        function: Function = lambda a: BODIES[body](a[0])  # noqa: E731
    else:
        function = BODIES[body]
    calls = [(v,) for v in ARGUMENTS[kind]]
    agree(made(function), *calls, *calls)


def test_signatures_mixed_in_one_function() -> None:
    calls = [
        (v,)
        for kind in ("floats", "scalars", "0-d", "vectors", "matrices", "dtypes")
        for v in ARGUMENTS[kind]
    ]
    agree(made(lambda a: a * 2), *calls, *calls, native=len(calls))


CONTAINERS: dict[str, Any] = {
    "a list": [X, 2.0], "a tuple": (X, 2.0), "a dict": {"u": X, "v": 2.0}, "nothing": None,
    "a named tuple": Point(X, 2.0), "a dataclass": Pair(X),
    "an OrderedDict": collections.OrderedDict(u=X, v=2.0),
    "a defaultdict": collections.defaultdict(int, u=X),
    "nested": {"u": [X, (2.0, {"w": X})], "v": None},
    "an empty list": [], "an empty dict": {}, "an empty tuple": (), "a list of one list": [[[]]],
    "a set": {1, 2},
}  # fmt: skip


@pytest.mark.parametrize("kind", CONTAINERS)
def test_containers_as_arguments(kind: str) -> None:
    value = CONTAINERS[kind]
    agree(made(lambda c: c), (value,), (value,), (value,))
    agree(
        made(lambda c: (c, [c], len(c) if c is not None and hasattr(c, "__len__") else 0)),
        (value,),
        (value,),
    )
    agree(made(lambda c: type(c)), (value,), (value,), (value,))


RESULTS: dict[str, Function] = {
    "a dict": lambda a: {
        "s": float(a.sum()),
        "n": len(a),
        "k": int(a.argmax()),
        "b": bool(a[0] > 0),
    },
    "a tuple": lambda a: (a, None, "z", a * 2, 1, 2.5, True, a.shape, a.dtype, ...),
    "a named tuple": lambda a: Point(a * 2, Point(a[0], [a])),
    "a dataclass": lambda a: Pair(a * 2, Pair(a[0], [a])),
    "an OrderedDict": lambda a: collections.OrderedDict(b=a * 2, a=a[0]),
    "one twice": lambda a: (lambda b: (b, [b, b]))(a * 2),
    "a list twice": lambda a: (lambda b: (b, b))([a * 2]),
    "an empty list": lambda a: [[], {}, (), [[]]],
    "a slice": lambda a: (slice(1, len(a)), range(len(a))),
    "a type": lambda a: (type(a), np.float32, len, np.sin),
    "nothing": lambda a: None,
    "a set": lambda a: {1, 2},
    "a frozen set": lambda a: frozenset({float(a[0])}),
    "text": lambda a: f"{a[0]:.2f}",
    "bytes": lambda a: b"x" + bytes(len(a)),
    "a bool of data": lambda a: (a[0] > 0, bool(a[0] > 0), a[0] > 0 and a[1] > 0),
    "ints of data": lambda a: (
        int(a[0] * 3),
        a.argmax(),
        len(a),
        a.size,
        a.ndim,
        int(a.argmax()) + 1,
    ),
    "complex": lambda a: (complex(a[0], a[1]), a[0] * 1j, (a * 1j)[0]),
    "an object of its own": lambda a: object() is not None,
    "an instance": lambda a: Pair(a[0]).total(),
    "numpy scalars": lambda a: (
        np.float32(a[0]),
        np.int8(3),
        a[0].astype(np.float32),
        a.sum().item(),
    ),
    "dict keys of data": lambda a: {float(a[0]): a * 2, int(a[1] * 3): 1},
    "an exception": lambda a: ValueError(a[0]),
    "an array of arrays": lambda a: [np.array([a[0], a[1]]), np.array([a, a])],
    "scalars of arrays": lambda a: (a.max(), a.mean(), a.std(), a.prod(), np.linalg.norm(a)),
}


@pytest.mark.parametrize("kind", RESULTS)
def test_results_of_every_kind(kind: str) -> None:
    values = [(X,), (X + 1,), (X * 2,), (X[:4],), (X[:5],), (X[:3],), (X,)]
    agree(made(RESULTS[kind]), *values, *values)


def test_a_fresh_container_is_made_at_each_call() -> None:
    compiled = tg.compile(lambda a: ([a * 2], {"k": [1]}, a * 3))
    results = [compiled(X) for _ in range(4)]
    for i, one in enumerate(results):
        for other in results[:i]:
            assert one[0] is not other[0]
            assert one[1] is not other[1]
            assert one[1]["k"] is not other[1]["k"]
            assert not np.shares_memory(one[2], other[2])
    results[0][1]["k"].append(2)
    assert compiled(X)[1] == {"k": [1]}


def test_results_survive_the_next_call() -> None:
    compiled = tg.compile(lambda a: (a * 2, a.sum(), np.exp(a)))
    kept = [compiled(X + k) for k in range(5)]
    for k, (double, total, exponential) in enumerate(kept):
        np.testing.assert_array_equal(double, (X + k) * 2)
        assert np.isclose(total, (X + k).sum())
        np.testing.assert_allclose(exponential, np.exp(X + k), rtol=1e-13)


def test_results_can_be_pickled_and_resized() -> None:
    compiled = tg.compile(lambda a: a * 2)
    for _ in range(3):
        result = compiled(X)
        assert result.flags.owndata
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(result)), X * 2)
        result.resize(3, refcheck=False)
        assert result.shape == (3,)
