"""Each construct reaches its hook, with the right arguments, in the right order."""

import math
import sys
from types import ModuleType
from typing import Any
from unittest.mock import ANY

import pytest

from tests.twin.support import Watcher, define, watched
from tracegraph.twin import Hooks, PlainHooks, is_twin_code, make_twin


class Thing:
    """Something with attributes and items, that is also a context."""

    def __init__(self) -> None:
        self.kind = "thing"

    def __getitem__(self, index: Any) -> Any:
        return index

    def __setitem__(self, index: Any, value: Any) -> None:
        pass

    def __delitem__(self, index: Any) -> None:
        pass

    def __enter__(self) -> "Thing":
        return self

    def __exit__(self, *exception: object) -> None:
        pass


O = Thing()  # noqa: E741  # short, as it stands in every line of the table

# The body of `def f(o, x)`, called with O and 3 -> the calls of hooks.
EVENTS: dict[str, list[tuple[Any, ...]]] = {
    "return x": [],
    "return x + 1 if x < 2 else (-x, not x)": [],
    "return len": [("load_global", "len", len)],
    "return x.real": [("getattr", 3, "real")],
    "return o[x]": [("getitem", O, 3)],
    "return o[1:x]": [("getitem", O, slice(1, 3))],
    "return o[::x, ..., 2]": [("getitem", O, (slice(None, None, 3), ..., 2))],
    "return len('ab')": [("load_global", "len", len), ("call", len, "ab")],
    "return abs(*[x], **{})": [
        ("load_global", "abs", abs),
        ("new", [3]),
        ("new", {}),
        ("call", abs, 3),
    ],
    "return dict(function=x, self=1)": [
        ("load_global", "dict", dict),
        ("call", dict, {"function": 3, "self": 1}),
    ],
    "o.n = x": [("setattr", O, "n", 3)],
    "o[x] = x": [("setitem", O, 3, 3)],
    "o.n = o[1] = x": [("setattr", O, "n", 3), ("setitem", O, 1, 3)],
    "o.n, (o[1], *o.m) = 1, (2, x)": [
        ("setattr", O, "n", 1),
        ("setitem", O, 1, 2),
        ("setattr", O, "m", [3]),
    ],
    "o.n: int = x": [("setattr", O, "n", 3)],
    "for o.n in (x,): pass": [("loop", (3,), ANY, ANY, ((), (), ()), None), ("setattr", O, "n", 3)],
    "for [y, o[0]] in ((1, x),): pass": [
        ("loop", ((1, 3),), ANY, ANY, ((), (), ("y",)), None),
        ("setitem", O, 0, 3),
    ],
    "locals()\nfor y in (): pass": [("frame_access", "locals"), ("iter", ())],
    "while x: x -= 3": [
        ("while_", ANY, ANY, ANY, ANY, ((), ("x",), ()), None),
        ("inplace", "-=", 3, 3),
    ],
    "def g():\n  nonlocal x\n  x = 4\ng()": [("call", ANY), ("rebinds", ("x",))],
    "class K:\n  'text'\n  nonlocal x\n  x = 4": [("rebinds", ("x",))],
    "o.n = x; del o.n, o[1]": [("setattr", O, "n", 3), ("delattr", O, "n"), ("delitem", O, 1)],
    "with o as o.n, o as o[0]: pass": [
        ("manager", O),
        ("setattr", O, "n", O),
        ("manager", O),
        ("setitem", O, 0, O),
    ],
    "x += 1": [("inplace", "+=", 3, 1)],
    "o.kind *= 2": [
        ("getattr", O, "kind"),
        ("inplace", "*=", "thing", 2),
        ("setattr", O, "kind", "thingthing"),
    ],
    "o[x] **= 2": [("getitem", O, 3), ("inplace", "**=", 3, 2), ("setitem", O, 3, 9)],
    "return [1, x]": [("new", [1, 3])],
    "return {1: x}, {x}, (x,)": [("new", {1: 3}), ("new", {3})],
    "return [y for y in (x,)]": [("iter", (3,)), ("new", [3])],
    "return {y: z for y in (1,) for z in (2,)}": [("iter", (1,)), ("iter", (2,)), ("new", {1: 2})],
    "y = [x]\nreturn y[0], y.sort(), y": [
        ("held", [3]),
        ("getitem", [3], 0),
        ("getattr", [3], "sort"),
        ("call", ANY),
        ("used", [3]),
    ],
    "y = z = [x for _ in ()]\ny += z": [
        ("iter", ()),
        ("held", []),
        ("used", []),
        ("inplace", "+=", [], []),
    ],
    "(y, z), k = ([x], x), 5\nreturn lambda: y": [("held", [3])],
    "y: list = [x]\nz = {1: [x], 2: y}": [
        ("held", [3]),
        ("new", [3]),
        ("used", [3]),
        ("new", {1: [3], 2: [3]}),
    ],
    "y, *z = [x], []\nz[0] = o.y = [x]": [
        ("new", [3]),
        ("new", []),
        ("new", [3]),
        ("setitem", [[3]], 0, [3]),
        ("setattr", O, "y", [3]),
    ],
    "return {y for y in ()}": [("iter", ()), ("new", set())],
    "return x is o, x is not None": [("is_", 3, O), ("is_", 3, None)],
    "return x in (1,), x not in (2,)": [("contains", (1,), 3), ("contains", (2,), 3)],
    "return 0 < x in (3,) is o": [("contains", (3,), 3), ("is_", (3,), O)],
    "return 9 < x in (3,)": [],
    "return f'{x}{x!r:>{x}}'": [
        ("format", 3, "", ""),
        ("format", 3, "", ""),
        ("joined", ">", "3"),
        ("format", 3, "r", ">3"),
        ("joined", "3", "  3"),
    ],
    "return f'{x!s}-' '{' f'{x:02}', f'only {{words}}'": [
        ("format", 3, "s", ""),
        ("format", 3, "", "02"),
        ("joined", "3", "-{", "03"),
    ],
    "return lambda: len": [],
    "class K:\n  y = x is o\n  z = [y]": [("is_", 3, O), ("new", [False])],
    "match o.kind:\n  case 'thing' if x is o: pass": [("getattr", O, "kind"), ("is_", 3, O)],
    "try: raise KeyError\nexcept LookupError: pass": [
        ("load_global", "KeyError", KeyError),
        ("caught",),
        ("load_global", "LookupError", LookupError),
    ],
    "try: o.n\nfinally: pass": [("getattr", O, "n")],
    "match x:\n  case int() | o.kind: pass": [("frame_access", "case of int")],
    "import math, os.path as p": [],
    "from math import pi as p, e": [("getattr", math, "pi"), ("getattr", math, "e")],
    "return locals(), vars()": [("frame_access", "locals"), ("frame_access", "vars")],
    "return eval('x')": [("frame_access", "eval")],
    "return vars(o)": [("load_global", "vars", vars), ("call", vars, O)],
    "class K:\n  y = 0 < x in (3,)": [("frame_access", "chained comparison")],
}


def run(function: Any, *arguments: Any) -> Watcher:
    twin, watcher = watched(function)
    twin(*arguments)
    return watcher


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
@pytest.mark.parametrize("body", EVENTS)
def test_hooks_called(body: str) -> None:
    O.kind = "thing"
    source = "def f(o, x):\n    " + body.replace("\n", "\n    ")
    assert run(define(source), O, 3).seen == EVENTS[body]


def test_every_hook_is_in_the_table() -> None:
    hooks = {name for name in vars(Hooks) if not name.startswith("_")}
    named = {event[0] for events in EVENTS.values() for event in events}
    assert hooks - named == {"load_cell", "store_cell", "store_global"}  # tested below
    assert all(hasattr(PlainHooks, name) for name in hooks)


# The body of a function that declares `global G` (then: `nonlocal G`, in a function with G = 1).
STORES: dict[str, list[tuple[Any, ...]]] = {
    "return G": [("load", "G", 1)],
    "G = 2": [("store", "G", 2)],
    "a, (G, *b) = 1, (2, 3)": [("store", "G", 2)],
    "a = G = 2": [("store", "G", 2)],
    "G += 2": [("load", "G", 1), ("store", "G", 3)],
    "for G in (2, 3): pass": [("store", "G", 2), ("store", "G", 3)],
    "return (G := 5), [G := 6 for i in (1,)]": [("store", "G", 5), ("store", "G", 6)],
    "import sys as G": [("store", "G", __import__("sys"))],
    "def inner():\n  G_DECLARED\n  G = 7\n  return G\ninner()": [
        ("store", "G", 7),
        ("load", "G", 7),
    ],
    "class K:\n  G_DECLARED\n  G = 7": [("store", "G", 7)],
    "class K:\n  G = 7\n  H = G": [],
    "try: 1 / 0\nexcept ZeroDivisionError as G: pass": [("frame", "except as G")],
    "match 4:\n  case G: pass": [("frame", "case G")],
    "del G": [("frame", "del G")],
}


@pytest.mark.parametrize("home", ["global", "cell"])
@pytest.mark.parametrize("body", STORES)
def test_names_of_outside(body: str, home: str) -> None:
    declared = "global G" if home == "global" else "nonlocal G"
    lines = [declared, *body.replace("G_DECLARED", declared).split("\n")]
    source = "def make():\n    G = 1\n    def f():\n        " + "\n        ".join(lines)
    source += "\n    return f"
    function = define(source, "make", G=1)()
    seen = run(function).of(f"load_{home}", f"store_{home}", "frame_access")
    wanted = {"load": f"load_{home}", "store": f"store_{home}", "frame": "frame_access"}
    assert [e for e in seen if e[1] != "ZeroDivisionError"] == [
        (wanted[kind], *rest) for kind, *rest in STORES[body]
    ]


@pytest.mark.parametrize("home", ["global", "cell"])
@pytest.mark.parametrize("statement", ["G = 2", "[G] = [2]", "(G := 2)", "def G(): pass"])
def test_what_the_hook_returns_is_stored_and_loaded(statement: str, home: str) -> None:
    class Changing(PlainHooks):
        def store_global(self, name: str, value: Any, /) -> Any:
            return "stored"

        def load_global(self, name: str, value: Any, /) -> Any:
            return ("loaded", value)

        store_cell, load_cell = store_global, load_global

    declared = "global G" if home == "global" else "nonlocal G"
    source = f"""
        def make():
            G = 1
            def f():
                {declared}
                {statement}
                return G
            return f
    """
    function = define(source, "make", G=1)()
    assert make_twin(function, lambda _: Changing())() == ("loaded", "stored")


def test_store_of_a_definition_is_the_last_of_its_decorators() -> None:
    def note(thing: Any) -> str:
        return f"noted {thing.__name__}"

    source = """
        def f():
            global G
            @note
            class G: pass
    """
    watcher = run(define(source, note=note, G=1))
    assert watcher.of("store_global") == [("store_global", "G", "noted G")]
    ((_, called, decorated),) = watcher.of("call")
    assert (called, decorated.__name__) == (note, "G")


def test_private_names_arrive_mangled() -> None:
    source = """
        class _Owner:
            def f(self, __x):
                self.__n = __x
                self.__n += __global
                del self.__n
                return __x
        f = _Owner.f
    """
    watcher = run(define(source, _Owner__global=1), O, 2)
    assert watcher.of("setattr") == [
        ("setattr", O, "_Owner__n", 2),
        ("setattr", O, "_Owner__n", 3),
    ]
    assert watcher.of("delattr") == [("delattr", O, "_Owner__n")]
    assert watcher.of("load_global") == [("load_global", "_Owner__global", 1)]


def test_zero_argument_super_is_left_alone() -> None:
    class Base:
        def f(self) -> str:
            return "base"

    class Derived(Base):
        def f(self) -> str:
            return super().f() + super(Derived, self).f()  # noqa: UP008

    watcher = run(Derived.f, Derived())
    assert watcher.of("call")[1][1:] == (super, Derived, *watcher.of("call")[1][3:])
    assert [event[2] for event in watcher.of("getattr")] == ["f", "f"]


def test_async_loops_are_left_alone() -> None:
    source = """
        async def f(xs):
            async for x in xs: pass
            return [x async for x in xs], f"{await xs}"
    """
    twin, watcher = watched(define(source))
    running = twin(Awaitable())
    with pytest.raises(StopIteration) as stop:
        running.send(None)
    assert stop.value.value == ([], "done")
    assert watcher.seen == [("new", []), ("format", "done", "", ""), ("joined", "done")]


class Awaitable:
    def __aiter__(self) -> "Awaitable":
        return self

    async def __anext__(self) -> None:
        raise StopAsyncIteration

    def __await__(self) -> Any:
        return "done"
        yield


def test_nested_functions_share_the_hooks_and_are_twins() -> None:
    source = """
        def f(x):
            def g(y): return y is x
            return g, lambda: len, (z for z in (x,)), lambda: 1
    """
    twin, watcher = watched(define(source))
    g, h, generator, constant = twin(2)
    assert g(3) is False
    assert h() is len
    assert watcher.of("is_", "load_global") == [("is_", 3, 2), ("load_global", "len", len)]
    for function in (g, h, constant):
        assert is_twin_code(function.__code__)
        assert make_twin(function, lambda _: PlainHooks()) is function
    assert is_twin_code(generator.gi_code)
    assert not is_twin_code(define(source).__code__)


def test_what_a_module_makes_up_when_asked_is_announced(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lazy(ModuleType):
        def __getattr__(self, name: str) -> Any:
            return 4

    monkeypatch.setitem(sys.modules, "twin_lazy", Lazy("twin_lazy"))
    watcher = run(define("def f():\n    from twin_lazy import n\n    return n"))
    assert watcher.seen == [("frame_access", "from twin_lazy import n")]


def test_relative_import() -> None:
    source = "def f():\n    from . import twin as t\n    from .twin import TwinError\n    return t"
    function = define(source, __package__="tracegraph")
    module = sys.modules["tracegraph.twin"]
    assert run(function).seen == [
        ("getattr", sys.modules["tracegraph"], "twin"),
        ("getattr", module, "TwinError"),
    ]
