"""Operators, displays, control flow and definitions, in small functions.

A twin must do what the function does.
"""

# Such code is what the tests are about.
# ruff: noqa: B008, B018, B023, E713, F541, F722, F821, I001, RUF012, UP008
# mypy: ignore-errors

import contextlib
import operator
import types
from typing import Any

from tests.twin.corpus_parts import Box, doubled, labelled

LIMIT = 10
TABLE = {"a": 1, "b": [1, 2, 3]}


# ---- operators ----


def comparisons(a=1, b=2, c=(1, 2)):
    return [
        a is b, a is not b, a in c, b not in c, not a in c,
        a < b in c, a in c is c, a is a is not b < 3, a < b < 3, b < a in missing,
        a == 1 in c not in [], 0 < a in c != 5,
    ]  # fmt: skip


def chains_in_comprehensions():
    c = (1, 2, 3)
    inside = [n for n in range(5) if 0 < n in c is not None]
    first = [n for n in (c if 0 < 1 in c else ())]
    lazy = list(n for n in c if (lambda m: 1 < m in c)(n))

    class Body:
        chain = 0 < 1 in c
        more = [n for n in range(3) if 0 <= n in [1]]

    return inside, first, lazy, Body.chain, Body.more


def contains_in_a_number():
    return 1 in 2


def short_circuits(a=0):
    return a and a.b, a or "x", 1 if a else 2, not a


def truth_is_asked_once():
    log = []

    class Answer:
        def __lt__(self, other):
            log.append("<")
            return self

        def __bool__(self):
            log.append("bool")
            return True

    a = Answer()
    if a < a in [a]:
        log.append("then")
    return log


# ---- displays, comprehensions, f-strings ----


def displays():
    return [1, *"ab"], {1, 2}, {"k": 1, **TABLE}, (1, *[2]), [], {}, ()


def comprehensions():
    n = "outer"
    xs = [(n, m) for n in range(3) if n for m in range(n) if m % 2 == 0]
    ys = {n: [m for m in range(n)] for n in range(3)}
    zs = {x for x, *_ in ["ab", "cd"]}
    fs = [lambda: n for n in range(3)]
    return xs, ys, sorted(zs), [f() for f in fs], n, sum(x for x in range(4))


def walrus_in_comprehension():
    kept = [last := n for n in range(4) if (half := n // 2)]
    return kept, last, half, (lambda: (own := 3) + own)()


def formats(x=3.14159, width=8):
    name = "it's"
    return (
        f"{x:.2f}|{x!r:>{width}}|{name!s}|{name!a:{'<'}{width}}|{x=}|{{}}|{TABLE['a']}|{'é'!a}"
        f"{x:{width}.{3}f}" + f"plain" + f"{(lambda y: y)(1)}"
    )


def formats_badly():
    return f"{LIMIT:nonsense}"


# ---- control flow ----


def loops():
    seen = []
    for i, c in enumerate("abcd"):
        if i == 1:
            continue
        if i == 3:
            break
        seen.append(c)
    else:
        seen.append("else")
    while seen:
        seen.pop()
    else:
        seen.append("done")
    return seen, i, c


def iterates_a_number():
    for _ in LIMIT:
        pass


def exceptions():
    log = []
    try:
        try:
            raise KeyError("k") from ValueError("v")
        except (KeyError, TypeError) as error:
            log.append((error.args, error.__cause__.args))
            raise
        finally:
            log.append("finally")
    except LookupError:
        log.append("lookup")
    else:
        log.append("else")
    try:
        error
    except NameError as gone:
        log.append(str(gone))
    return log


def exception_groups():
    try:
        raise ExceptionGroup("g", [ValueError(1), KeyError(2)])
    except* ValueError as group:
        kept = group.exceptions[0].args
    except* KeyError:
        pass
    return kept


def raises_from():
    try:
        return 1 / 0
    except ZeroDivisionError as error:
        raise Exception("outer") from error


def asserts(x=0):
    assert x, f"{x} is false"


def with_statement():
    with Box() as box, contextlib.suppress(ValueError):
        raise ValueError
    with box:
        raise KeyError
    return box.value


def matches():
    def kind(thing):
        match thing:
            case operator.add:
                return "add"
            case {"k": [first, *rest], **others} if len(rest) == 1:
                return first, rest, others
            case Box(value=int() as value) | (value, _):
                return "box", value
            case str(text):
                return text
            case _:
                return None

    things = [operator.add, {"k": [1, 2], "z": 3}, Box(4), (5, 6), "s", 1.0]
    return [kind(thing) for thing in things]


def local_imports():
    import os.path
    import os.path as tail
    from math import floor as down, pi

    return os.path is tail, down(pi)


def failing_import():
    from math import nothing_of_the_kind

    return nothing_of_the_kind


def deletes_locals():
    x, y = 1, [2]
    del x, y[0]
    return y, x


# ---- definitions inside ----


def nested_functions(base=1):
    def outer(x, /, y=LIMIT + base, *args: "no such type", k=len("abc"), **kwargs) -> Any:
        """A docstring."""

        def inner():
            return x, y, args, k, kwargs, base

        return inner

    return outer(1)(), outer.__doc__, outer.__annotations__, outer.__defaults__, outer.__qualname__


def nested_decorators():
    @labelled("first")
    @labelled(label="second")
    @doubled
    def three():
        return 3

    @labelled("class")
    class Thing:
        @staticmethod
        def two():
            return 2

        @property
        def one(self):
            return 1

        @doubled
        def four(self):
            return self.one * 4

    return three(), three.labels, Thing.labels, Thing.two(), Thing().four(), three.__qualname__


def bad_decorator():
    @LIMIT
    def never():
        pass


def nested_classes():
    class Meta(type):
        def __new__(meta, name, bases, namespace, **keywords):
            made = super().__new__(meta, name, bases, namespace)
            made.keywords = keywords
            return made

    class Base(metaclass=Meta, flag=1):
        numbers: list[int] = [1, 2]
        twice = [n * 2 for n in numbers]

        def name(self):
            return "base"

    class Derived(*[Base], **{"flag": 2}):
        def name(self):
            return super().name() + "/derived" + super(Derived, self).name()

    return Derived().name(), Base.keywords, Derived.keywords, Base.twice, Base.__annotations__


class Parent:
    def greet(self, *args):
        return ["parent", *args]

    @classmethod
    def make(cls):
        return cls.__name__


class Child(Parent):
    def greet(self, *args):
        return [*super().greet(*args), super(Child, self).greet(), __class__.__name__]

    @classmethod
    def make(cls):
        return super().make() + "!"

    @property
    def shout(self):
        return [word.upper() for word in self.greet("x")[:2]]


def uses_super():
    return Child().greet(1), Child.make(), Child().shout


def recursive(n=5):
    return 1 if n == 0 else n * recursive(n - 1)


def generator_inside():
    def count(n):
        got = yield n
        yield got
        yield from "ab"
        return "end"

    def outer():
        result = yield from count(3)
        yield result

    return list(outer())


def coroutine_inside():
    @types.coroutine
    def pause(x):
        got = yield x
        return got

    class Source:
        def __aiter__(self):
            return self

        async def __anext__(self):
            raise StopAsyncIteration

        async def __aenter__(self):
            return self

        async def __aexit__(self, *exception):
            return None

    async def main(box):
        box.value += await pause("first")
        async for box.item in Source():
            pass
        async with Source() as box["source"]:
            pass
        return [x async for x in Source()], f"{await pause('second')}", box.value

    running, log = main(Box()), []
    try:
        log.append(running.send(None))
        log.append(running.send(4))
        log.append(running.send("text"))
    except StopIteration as stop:
        log.append(stop.value)
    return log


def docstring_only():
    """Nothing else."""
