"""Loops mean what they mean in Python, whoever runs their iterations: the twin, or its hooks."""

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import indent
from types import CodeType, FunctionType
from typing import Any

import pytest

from tests.twin.corpus_parts import Box, labelled
from tests.twin.loop_hooks import HOOKS, told, twin_by
from tests.twin.support import define, outcome, plain_twin, watched
from tracegraph.twin import PlainHooks, is_twin_code, make_twin

pytestmark = pytest.mark.filterwarnings("ignore::SyntaxWarning")

TABLE = (Path(__file__).parent / "corpus_loops.txt").read_text(encoding="utf-8")
ROWS: dict[str, str] = dict(re.findall(r"^## (.+)\n((?:(?!##).*\n?)+)", TABLE, re.MULTILINE))
GLOBALS: dict[str, Any] = {"Box": Box, "labelled": labelled, "GLOBAL": 5}


def function_of(name: str) -> FunctionType:
    return define(f"def f(log, n):\n{indent(ROWS[name], '    ')}", **GLOBALS)


def test_every_row_is_read() -> None:
    assert len(ROWS) == TABLE.count("\n## ") > 50


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("n", [0, 1, 4])
def test_run_by_the_twin(name: str, n: int) -> None:
    function = function_of(name)
    assert told(plain_twin(function), n) == told(function, n)


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize("how", HOOKS)
def test_run_by_hooks(name: str, how: str) -> None:
    function = function_of(name)
    for n in (0, 1, 4):
        assert told(twin_by(how, function), n, forgiving=True) == told(function, n, forgiving=True)


def codes(code: CodeType) -> Iterator[CodeType]:
    """A code object and all in it."""
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from codes(each)


@pytest.mark.parametrize("name", ROWS)
def test_every_loop_of_the_table_has_its_functions(name: str) -> None:
    function = function_of(name)
    seen: list[str] = []

    class Noting(PlainHooks):
        def iter(self, iterable: Any, /) -> Any:
            return iterable

        def loop(self, iterable: Any, *_: Any) -> Any:
            seen.append("loop")
            return iterable

        def while_(self, *_: Any) -> Any:
            seen.append("while")
            return lambda: True

    told(make_twin(function, lambda _: Noting()), 4)
    assert seen


# ---- loops that stay as they are ----

ALONE = {
    "yield": "for i in range(3):\n  for j in range(2): log((yield i))",
    "yield in the target": "for log.x[(yield)] in (): pass",
    "yield in a test": "while (yield): break",
    "yield from": "for i in range(3): yield from (i,)",
    "yield in a decorator": "for i in range(3):\n  @(yield)\n  def g(): pass",
    "locals": "for i in range(3): log(i)\nreturn list(locals())",
    "locals in the loop": "for i in range(3): a = locals()\nreturn list(a)",
    "locals in a comprehension": "for i in range(3): pass\nreturn [list(locals()) for a in 'a']",
    "alias of locals": "for i in range(3): pass\npeek = locals\nreturn [*peek()][:2]",
    "dir": "b = 1\nfor a in range(3): log(dir())",
    "vars": "b = 1\nfor a in range(3): log(list(vars()))",
    "eval": "for i in range(3): log(eval('i + 1'))",
    "exec": "for i in range(3): exec('log(i)')",
    "global": "global G\nfor G in range(3): log(G)\nreturn G",
    "global in the body": "for i in range(3):\n  global G\n  G = i",
    "import of a global": "global G\nfor i in range(3):\n  import math as G",
    "walrus of a global": "global G\nwhile (G := 0): pass",
    "variable around": "def g():\n  nonlocal n\n  for n in range(3): log(n)\ng()\nreturn n",
    "class body": "class K:\n  for i in range(3): log(i)\n  while i: i -= 1\nreturn K.i",
    "coroutine": "async def g():\n  for i in range(3): log(i)\ng().close()",
}


@pytest.mark.parametrize("name", ALONE)
def test_left_alone(name: str) -> None:
    function = define(f"def f(log, n):\n{indent(ALONE[name], '    ')}", G=0)
    twin = plain_twin(function)

    def listed(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any) -> Any:
            result = function(*args)
            return list(result) if hasattr(result, "send") else result

        run.__code__ = run.__code__.replace(co_filename=function.__code__.co_filename)
        return run

    assert told(listed(twin), 4) == told(listed(function), 4)
    assert not [each for each in codes(twin.__code__) if each.co_name.startswith("$")]
    names = {name for each in codes(twin.__code__) for name in each.co_freevars}
    assert not names & {"$loop", "$while_"}


def test_super_without_arguments() -> None:
    source = """
        class Base:
            def f(self, n): return n
        class Derived(Base):
            def f(self, n):
                total = 0
                for i in range(n): total += super().f(i)
                while total < 30: total += __class__.__name__ == "Derived"
                return total
        f = Derived.f
    """
    function = define(source)
    twin, watcher = watched(function)
    derived = function.__globals__["Derived"]()
    assert twin(derived, 4) == function(derived, 4) == 30
    assert [event[0] for event in watcher.of("loop", "while_", "iter")] == ["iter", "while_"]


def test_private_names() -> None:
    source = """
        class _Owner:
            def f(self, __n):
                for __i in range(__n):
                    self.__last = __i
                    import math as __m
                while __n: __n -= 1
                return self.__last, __i, __m.pi, __n
        f = _Owner.f
    """
    function = define(source)
    watcher = watched(function)[1]
    owner = function.__globals__["_Owner"]()
    for how in HOOKS:
        assert twin_by(how, function)(owner, 3) == function(owner, 3)
    twin, watcher = watched(function)
    twin(owner, 3)
    assert watcher.of("loop")[0][4] == (("_Owner__i", "_Owner__m"), (), ())
    assert watcher.of("while_")[0][5] == (("_Owner__n",), (), ())


def test_an_alias_of_a_frame_is_the_users_frame() -> None:
    source = """
        def f():
            seen = []
            for i in range(2):
                seen.append(frame(0).f_lineno)
                seen.append(frame(1).f_code.co_name)
            while len(seen) < 6: seen += [frame(1).f_code.co_name]
            return seen
    """
    function = define(source, frame=sys._getframe)
    assert plain_twin(function)() == function()


# ---- what hooks are given ----


def test_arguments_of_the_hooks() -> None:
    source = """
        def f(a, b):
            for i in range(b):
                c = a + i
                for j in (1, 2):
                    if c: break
                else:
                    return d
            while a < (e := b):
                def g(): pass
                a += 1
    """
    twin, watcher = watched(define(source))
    twin(1, 3)
    loops = watcher.of("loop")
    assert [event[1] for event in loops] == [range(3), (1, 2), (1, 2), (1, 2)]
    assert [event[4] for event in loops[:2]] == [((), (), ("c", "i", "j")), ((), (), ("j",))]
    assert [event[5].kinds for event in loops[:2]] == [("return",), ("break", "else")]
    assert loops[1][2] is loops[2][2]  # the functions of an inner loop are made once
    assert loops[1][5] is not loops[2][5]
    ((*_, names, exit),) = watcher.of("while_")
    assert (names, exit) == (((), ("a",), ("e", "g")), None)


def test_functions_act_on_the_variables_of_the_twin() -> None:
    class Doubling(PlainHooks):
        def loop(self, iterable: Any, body: Any, plain: Any, names: Any, *_: Any) -> Any:
            cells = dict(zip(body.__code__.co_freevars, body.__closure__, strict=True))
            others = dict(zip(plain.__code__.co_freevars, plain.__closure__, strict=True))
            bound = {name for part in names for name in part}
            assert bound <= cells.keys() & others.keys()
            assert all(cells[name] is others[name] for name in bound)
            cells["a"].cell_contents *= 2
            body(7)
            cells["a"].cell_contents += 1
            return iterable

    source = """
        def f(a):
            for i in ():
                b = a + i
            return a, b, i
    """
    assert make_twin(define(source), lambda _: Doubling())(5) == (11, 17, 7)


def test_code_has_the_users_names() -> None:
    source = """
        class Owner:
            def f(self):
                for i in range(2):
                    def g(): pass
                    class K:
                        def m(self): return [x for x in ()]
                while i:
                    i -= 1
                    f = lambda: i
        f = Owner.f
    """
    twin = plain_twin(define(source))
    names = {each.co_qualname for each in codes(twin.__code__)}
    before = "Owner.f.<locals>"
    wanted = {"Owner.f", *(f"{before}.{x}" for x in ("g", "K", "K.m", "<lambda>"))}
    assert {each for each in names if "comp" not in each} == wanted
    inner = [each for each in twin.__code__.co_consts if isinstance(each, CodeType)]
    assert {each.co_name for each in inner} == {"f", "g", "K", "<lambda>"}
    assert all(each.co_filename == twin.__code__.co_filename for each in codes(twin.__code__))


def test_what_plain_functions_define_are_no_twins() -> None:
    source = """
        def f(n):
            made = []
            for i in range(n): made.append(lambda x: [x, i])
            return made
    """
    function = define(source)
    for how, is_twin in {"body": True, "plain": False}.items():
        (made,) = twin_by(how, function)(1)
        assert is_twin_code(made.__code__) is is_twin
        assert plain_twin(made)(3) == [3, 0]


def test_code_grows_with_the_square_of_the_depth_at_most() -> None:
    def size(depth: int) -> int:
        lines = [f"{'  ' * i}for v{i} in range(2):" for i in range(depth)]
        source = "def f():\n" + indent("\n".join([*lines, "  " * depth + "g(1)"]), "  ")
        return sum(len(each.co_code) for each in codes(plain_twin(define(source)).__code__))

    assert size(12) < 4 * size(6) < 16 * size(3)


def test_line_events_of_an_undisturbed_loop() -> None:
    source = """
        def f(n):
            for i in range(n):
                for j in range(2):
                    n += j
                else:
                    n -= 1
            while n > 1:
                n -= 2
            return n
    """
    function = define(source)

    def lines(function: FunctionType) -> list[int]:
        seen: list[int] = []

        def trace(frame: Any, event: str, _: Any) -> Any:
            if frame.f_code is not function.__code__:
                return None
            if event == "line" and seen[-1:] != [frame.f_lineno]:
                seen.append(frame.f_lineno)
            return trace

        sys.settrace(trace)
        try:
            function(3)
        finally:
            sys.settrace(None)
        return seen

    assert lines(plain_twin(function)) == lines(function)


def test_outcome_of_an_asserting_test_module() -> None:
    assert outcome(plain_twin(asserting), 3) == outcome(asserting, 3)


def asserting(n: int) -> int:
    for i in range(n):
        assert i < 5
        while i:
            i -= 1
            assert i >= 0
    return n
