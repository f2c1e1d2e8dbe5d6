"""A twin is bound to what its function is bound to, cheaply, by any thread, and leaks nothing."""

import gc
import inspect
import sys
import threading
import weakref
from types import FunctionType
from typing import Any

import pytest

from tests.twin.support import define, plain_twin
from tracegraph.twin import Hooks, PlainHooks, is_twin_code, make_twin
from tracegraph.twin.make import _compiled

SOURCE = """
    def make(n):
        def f(a, /, b: "note" = n, *args, k=2, **kwargs) -> "result":
            "doc"
            return a, b, args, k, kwargs, n
        return f
"""


def test_metadata() -> None:
    function = define(SOURCE, "make")(5)
    function.mark = "set"
    function.__name__, function.__qualname__, function.__module__ = "n", "q.n", "m"
    twin = plain_twin(function)
    for name in (
        *("__name__", "__qualname__", "__module__", "__doc__", "__defaults__", "__kwdefaults__"),
        *("__annotations__", "__dict__", "__globals__"),
    ):
        assert getattr(twin, name) is getattr(function, name), name
    for name in (
        *("co_name", "co_qualname", "co_filename", "co_firstlineno", "co_flags", "co_argcount"),
        *("co_posonlyargcount", "co_kwonlyargcount", "co_varnames", "co_consts"),
    ):
        expected = getattr(function.__code__, name)
        found = getattr(twin.__code__, name)
        assert (found[: len(expected)] if name == "co_consts" else found) == expected, name
    assert inspect.signature(twin) == inspect.signature(function)
    assert twin(1, z=3) == function(1, z=3) == (1, 5, (), 2, {"z": 3}, 5)
    function.later = 1
    assert twin.later == 1  # type: ignore[attr-defined]


def test_closure_cells_are_the_same() -> None:
    function = define(SOURCE, "make")(5)
    twin = plain_twin(function)
    cells = dict(zip(twin.__code__.co_freevars, twin.__closure__ or (), strict=True))
    assert cells["n"] is function.__closure__[0]
    assert all(name == "n" or name.startswith("$") for name in cells)


def test_code_is_compiled_once_for_all_closures() -> None:
    make = define(SOURCE, "make")
    one, other = plain_twin(make(1)), plain_twin(make(2))
    assert one.__code__ is other.__code__
    assert (one(0)[5], other(0)[5]) == (1, 2)


def test_hooks_are_asked_for_each_function() -> None:
    asked = []

    def hooks_for(function: FunctionType) -> Hooks:
        asked.append(function)
        return PlainHooks()

    make = define(SOURCE, "make")
    functions = [make(1), make(2)]
    twins = [make_twin(function, hooks_for) for function in functions]
    assert asked == functions
    assert [make_twin(twin, hooks_for) for twin in twins] == twins
    assert len(asked) == 2


def test_equal_code_of_two_files_has_two_twins() -> None:
    source = "def f(): return len"
    one, other = define(source), define(source)
    assert one.__code__ == other.__code__
    for function in (one, other):
        assert plain_twin(function).__code__.co_filename == function.__code__.co_filename


def test_nothing_is_kept_when_the_function_goes() -> None:
    gc.collect()
    before = len(_compiled._entries)
    function = define("def f(x): return [x]")
    twin = plain_twin(function)
    gone: list[weakref.ref[Any]] = [
        weakref.ref(function),
        weakref.ref(twin),
        weakref.ref(function.__code__),
    ]
    assert twin(1) == [1]
    assert len(_compiled._entries) == before + 1
    function.__globals__.clear()
    del function, twin
    gc.collect()
    assert [reference() for reference in gone] == [None, None, None]
    assert len(_compiled._entries) == before


def test_twin_survives_its_original_code() -> None:
    function = define("def f(x): return [x]")
    twin = plain_twin(function)
    del function
    gc.collect()
    assert twin(1) == [1]
    assert is_twin_code(twin.__code__)


def test_functions_that_ran_often_or_under_a_tracer_are_recognised() -> None:
    function = define("def f(x):\n    for i in range(3): x.append(x[0] + i)\n    return len(x)")
    sys.settrace(lambda frame, event, argument: None)
    try:
        for _ in range(2000):
            function([1])
        twin = plain_twin(function)
    finally:
        sys.settrace(None)
    assert twin([1]) == 4


def test_threads_get_one_code() -> None:
    functions = [define(SOURCE, "make")(i) for i in range(8)]
    start = threading.Barrier(8)
    made: list[Any] = []

    def work() -> None:
        start.wait()
        made.append([plain_twin(function) for function in functions])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    for twins in zip(*made, strict=True):
        assert len({id(twin.__code__) for twin in twins}) == 1


@pytest.mark.parametrize("name", ["f", "g"])
def test_globals_that_are_a_subclass_of_dict(name: str) -> None:
    class Namespace(dict[str, Any]):
        def __setitem__(self, key: str, value: Any) -> None:
            raise AssertionError("STORE_GLOBAL does not ask a subclass")

    source = "def f():\n global G\n G = 3\n return G\ndef g():\n global G\n for G in (3,): return G"
    function = define(source, name)
    bound = FunctionType(function.__code__, Namespace(function.__globals__))
    assert plain_twin(bound)() == 3
    assert dict.__getitem__(bound.__globals__, "G") == 3
