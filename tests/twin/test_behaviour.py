"""With plain hooks a twin does what the function does, whatever the construct."""

import asyncio
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from tests.twin import corpus_code, corpus_names, corpus_parts
from tests.twin.support import define, outcome, plain_twin
from tracegraph.twin import is_generator_like

CASES = [*corpus_parts.cases(corpus_names), *corpus_parts.cases(corpus_code)]


@pytest.mark.parametrize("function", CASES, ids=lambda function: function.__name__)
def test_twin_does_what_the_function_does(function: Any) -> None:
    arguments = corpus_parts.ARGUMENTS.get(function.__name__, ())
    expected = outcome(function, *deepcopy(arguments))
    assert outcome(plain_twin(function), *deepcopy(arguments)) == expected


def private_super_and_stores() -> list[Any]:
    names: Any = corpus_names
    code: Any = corpus_code
    return [names.private_names(), code.uses_super(), names.stores_everywhere()]


@pytest.mark.parametrize("owner", [corpus_names.Private, corpus_code.Child, corpus_parts.Box])
def test_methods_with_twins_in_their_place(owner: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = private_super_and_stores()
    for name, method in list(vars(owner).items()):
        if name not in {"__eq__", "__repr__", "__init__"} and hasattr(method, "__code__"):
            monkeypatch.setattr(owner, name, plain_twin(method))
    assert private_super_and_stores() == expected


def test_generator_takes_what_is_sent_and_thrown() -> None:
    def echo(log: list[Any]) -> Iterator[Any]:
        while True:
            try:
                log.append((yield len(log)))
            except KeyError as error:
                log.append(error)

    assert is_generator_like(plain_twin(echo))
    for function in (echo, plain_twin(echo)):
        log: list[Any] = []
        running: Any = function(log)
        assert next(running) == 0
        assert running.send("a") == 1
        assert running.throw(KeyError()) == 2
        running.close()
        assert log[0] == "a"


def test_coroutine_functions() -> None:
    async def double(x: int) -> int:
        await asyncio.sleep(0)
        return x * 2

    async def total(n: int) -> int:
        return sum([await double(i) async for i in numbers(n)])

    async def numbers(n: int) -> Any:
        for i in range(n):
            yield await double(i)

    assert is_generator_like(plain_twin(double))
    assert is_generator_like(plain_twin(numbers))
    assert not is_generator_like(plain_twin(recursive_sum))
    assert asyncio.run(plain_twin(total)(4)) == asyncio.run(total(4)) == 24


def recursive_sum(n: int) -> int:
    return n + recursive_sum(n - 1) if n else 0


def test_closures_share_their_variables() -> None:
    def counter() -> Any:
        total = 0

        def add(n: int) -> int:
            nonlocal total
            total += n
            (total, *_), _ = [total + 1], 0
            return total

        return add, lambda: total

    add, read = counter()
    twin = plain_twin(add)
    assert (add(1), read(), twin(2), read(), add(0)) == (2, 2, 5, 5, 6)


def test_empty_cell_raises_as_python_does() -> None:
    def make() -> Any:
        def read() -> Any:
            return later

        if read is None:
            later: int = 1
        return read

    assert outcome(plain_twin(make())) == outcome(make())


@pytest.mark.parametrize("binding", ["def c(): pass", "class c: pass", "import sys as c", "del c"])
def test_nonlocal_bound_by_statements(binding: str) -> None:
    source = """
        def make():
            c = 0
            def f():
                nonlocal c
                BINDING
            return f, lambda: getattr(c, "__name__", c)
    """.replace("BINDING", binding)

    def run(change: Any) -> Any:
        function, read = define(source, "make")()
        change(function)()
        return outcome(read)

    assert run(plain_twin) == run(lambda function: function)


def test_names_of_definitions_around() -> None:
    source = """
        def outer():
            global shown
            def shown():
                class Inner: pass
                return shown, Inner.__qualname__
            def hidden(outer=1):
                def named(): return hidden, outer, hidden2
                return named
            hidden2 = [lambda: (outer, i) for i in range(2)]
            return shown, hidden(), hidden2[1]
        class outermost:
            class inner:
                def inner(self): return inner
            pick = staticmethod(lambda: outermost)
        inner = "global"
    """
    outer = define(source, "outer")
    shown, named, element = outer()
    twin = plain_twin(shown)
    assert twin() == (shown, "shown.<locals>.Inner")
    assert plain_twin(named)()[1:] == named()[1:]
    assert plain_twin(named)()[0] is named()[0]
    assert plain_twin(element)() == element() == (outer, 1)
    outermost: Any = outer.__globals__["outermost"]
    assert plain_twin(outermost.inner.inner)(None) == "global"
    assert plain_twin(outermost.pick)() is outermost


def test_recursion_reaches_the_original_through_its_name() -> None:
    assert plain_twin(recursive_sum)(10) == 55


def test_postponed_annotations_of_nested_functions_keep_their_words() -> None:
    source = """
        from __future__ import annotations
        def f():
            def g(x: a.b[c:d], *y: p in q) -> r(s): pass
            class K:
                z: u.v
            return g.__annotations__, K.__annotations__
    """
    function = define(source)
    assert outcome(plain_twin(function)) == outcome(function)
    assert function()[0]["x"] == "a.b[c:d]"


def test_docstrings_and_constants_stay() -> None:
    function = define('def f():\n    "doc"\n    return f.__doc__')
    assert plain_twin(function)() == "doc"
    assert plain_twin(function).__doc__ == "doc"
