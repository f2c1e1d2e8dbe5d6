"""Small functions, each around one construct. A twin must do what the function does.

Functions without parameters are called as they are; `ARGUMENTS` has the calls of the others.
"""

import contextlib
import functools
import math as mathematics
import operator
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

LIMIT = 10
TABLE = {"a": 1, "b": [1, 2, 3]}
COUNTER = 0


def helper(x: Any, *rest: Any, function: Any = None, self: Any = None, **more: Any) -> Any:
    return x, rest, function, self, more


def doubled(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs) * 2

    return inner


def labelled(label: str) -> Callable[[Any], Any]:
    def attach(thing: Any) -> Any:
        thing.labels = [*getattr(thing, "labels", []), label]
        return thing

    return attach


@dataclass
class Box:
    value: Any = 0
    items: dict[Any, Any] = field(default_factory=dict)

    def __getitem__(self, index: Any) -> Any:
        return self.items.get(repr(index), 0)

    def __setitem__(self, index: Any, value: Any) -> None:
        self.items[repr(index)] = value

    def __delitem__(self, index: Any) -> None:
        del self.items[repr(index)]

    def __enter__(self) -> "Box":
        return self

    def __exit__(self, *exception: Any) -> bool:
        self.value = exception[0]
        return exception[0] is KeyError


# ---- names ----


def reads_globals_and_builtins():
    return LIMIT, len(TABLE), mathematics.pi, __name__


def reads_a_missing_name():
    return missing  # noqa: F821


def reads_a_local_too_early():
    early = late  # noqa: F821
    late = early
    return late


def shadows_builtins(slice=3, len=4):
    return slice, len, [1, 2, 3, 4][1:3]


def writes_a_global():
    global COUNTER
    COUNTER = 1
    COUNTER += 4
    (COUNTER, *rest), last = "ab", COUNTER
    for COUNTER in range(3):
        pass
    return COUNTER, rest, last


def binds_a_global_in_other_ways():
    global COUNTER, Made, sys
    import sys

    with Box(3) as COUNTER:
        pass
    seen = [COUNTER.value]

    @labelled("x")
    def COUNTER():
        return 1

    class Made:
        pass

    seen += [COUNTER(), COUNTER.labels, Made.__qualname__, COUNTER.__qualname__]
    if (COUNTER := 5) > 4:
        del COUNTER
    try:
        return seen, COUNTER
    except NameError as error:
        seen.append(str(error))
    COUNTER = 0
    return seen


def captures_a_global():
    global COUNTER
    match [1, 2]:
        case [_, COUNTER]:
            pass
    try:
        raise ValueError
    except ValueError as COUNTER:
        pass
    COUNTER = 0
    return COUNTER


def nested_nonlocal():
    total = 0

    def add(n):
        nonlocal total
        total += n
        return total

    return [add(1), add(2), total]


def names_in_a_class_body():
    LIMIT = 3

    class Body:
        own = LIMIT
        LIMIT = own + 1
        after = LIMIT
        length = len("abc")
        squares = [n * n for n in range(own)]
        where = __qualname__, __module__

        def method(self):
            return LIMIT, __class__.__name__

    return Body.own, Body.after, Body.length, Body.squares, Body.where, Body().method()


def class_local_or_global():
    class Body:
        if COUNTER:
            LIMIT = 1
        got = LIMIT

    return Body.got


class Private:
    __hidden = "class"

    def __init__(self):
        self.__own = 1
        self.__items = {}

    def mangled(self):
        __local = self.__own
        self.__own += 1
        self.__items["k"], self.__other = __local, 2
        del self.__other
        return self.__own, Private.__hidden, vars(self), __local

    def mangled_keyword(self):
        def inner(__x=0):
            return __x

        return inner(_Private__x=3)

    def mangled_nested(self):
        class Inner:
            __hidden = "inner"

            def get(self):
                return self.__hidden, [self.__hidden for _ in "ab"]

        return Inner().get(), sorted(n for n in vars(Inner) if "hidden" in n)


def private_names():
    subject = Private()
    return subject.mangled(), subject.mangled_keyword(), subject.mangled_nested()


def frame_names(a, b=2):
    c = [n for n in range(3)]
    return sorted(locals()), sorted(vars()), dir(), eval("a + b"), len(c)


def frame_names_through_an_alias(a):
    look, run = locals, eval
    return "a" in look(), run("a + 1"), globals() is sys.modules[__name__].__dict__


def locals_in_a_class_body():
    class Body:
        locals()["made"] = 4

    return Body.made


# ---- calls ----


def calls_with_everything(xs, more):
    return helper(1, *xs, 2, *xs, function=3, self=4, **more, z=5, **{"q": 6})


def calls_a_number():
    return LIMIT(1)


def calls_with_a_bad_star():
    return helper(1, *5)


def calls_with_bad_double_star():
    return mathematics.floor(1, **5)


def calls_with_a_doubled_keyword():
    return helper(1, function=2, **{"function": 3})


def calls_with_non_string_keyword():
    return helper(1, **{3: 4})


def star_read_after_keyword(log):
    def numbers():
        log.append("star")
        yield 1

    return helper(*numbers(), function=log.append("keyword")), log


def methods_and_chains():
    return (
        "a,b;c"
        .split(";")[0]
        .split(",")
        .index("b")
    )  # fmt: skip


def stack_level():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.warn("here", stacklevel=1)
    return [(w.filename, w.lineno) for w in caught]


def frames():
    return sys._getframe().f_code.co_name, sys._getframe(0).f_lineno


# ---- attributes, subscripts, targets ----


def stores_everywhere():
    box = Box()
    box.value, (box[1], *box[2:3]) = 1, (2, 3, 4)
    [box["x"], other] = box["y"] = 5, 6
    box.extra = box.again = box[...] = 7
    for box[0], box.last in [(1, 2), (3, 4)]:
        pass
    for box.item in "ab":
        box[box.item] = ord(box.item)
    with Box(1) as box["b"], Box(2) as (box.inner):
        box.note = "in"
    box.typed: int = 3
    box["typed"]: int = 4
    del box[0], box.last, (box["x"], box.note)
    return sorted(vars(box).items(), key=repr), other


def unpacks_badly():
    box = Box()
    box.value, box[1] = 1, 2, 3


def annotated_without_value():
    box = Box()
    box.value: int
    name: int
    return name


def augments():
    box, n, xs = Box(2), 2, [1]
    alias = xs
    xs += (2, 3)
    n **= 3
    n //= 3
    n %= 5
    n <<= 4
    n |= 1
    n ^= 3
    n &= 254
    n >>= 1
    n /= 4
    box.value += 5
    box.value -= 1
    box[1:2] += 7
    box[1:2] *= n
    return xs is alias, n, box


def augments_badly():
    n = "a"
    n -= 1


def augments_a_matrix():
    class Matrix:
        def __matmul__(self, other):
            return "product"

    m = Matrix()
    m @= m
    return m


def slices():
    xs = [*range(9)]
    xs[7:] = [1]
    del xs[:2]
    star = (slice(1, 2),)
    return xs[1:], xs[:-1], xs[::2], xs[-1], Box()[1:2, ..., None, *star]


def missing_attributes():
    return Box().nothing


def missing_items():
    return TABLE["missing"]


# ---- operators ----


def comparisons(a=1, b=2, c=(1, 2)):
    return [
        a is b, a is not b, a in c, b not in c, not a in c,
        a < b in c, a in c is c, a is a is not b < 3, a < b < 3, b < a in missing,
        a == 1 in c not in [], 0 < a in c != 5,
    ]  # fmt: skip # noqa: E713, F821


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
        f"{x:{width}.{3}f}" + f"plain" + f"{(lambda y: y)(1)}"  # noqa: F541
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
        error  # noqa: B018
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
    from math import floor as down, pi  # noqa: I001

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


def generates(n=3) -> Iterator[int]:
    for i in range(n):
        yield i * LIMIT


def docstring_only():
    """Nothing else."""


ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "calls_with_everything": ([7, 8], {"w": 9}),
    "frame_names": (1,),
    "frame_names_through_an_alias": (1,),
    "star_read_after_keyword": ([],),
}
NOT_CASES = {"helper", "doubled", "labelled", "generates", "dataclass", "field"}
CASES = [
    thing
    for name, thing in list(globals().items())
    if isinstance(thing, types.FunctionType) and name not in NOT_CASES
]
