"""The right function is found in its file, its lines stay, and a doubtful source is refused."""

import linecache
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from tests.twin import corpus_code, corpus_names
from tests.twin.corpus_parts import ARGUMENTS, cases
from tests.twin.support import define, outcome, plain_twin
from tracegraph.twin import TwinError


def lines_of(function: Callable[..., Any], *args: Any) -> list[tuple[str, int | None]]:
    """The lines of the function's own file in the traceback of a call that fails."""
    filename = function.__code__.co_filename
    try:
        function(*args)
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        return [(f.name, f.lineno) for f in frames if f.filename == filename]
    raise AssertionError("the function did not fail")


CASES = [*cases(corpus_names), *cases(corpus_code)]
FAILING = [
    case for case in CASES if outcome(case, *ARGUMENTS.get(case.__name__, ()))[0] == "raised"
]


@pytest.mark.parametrize("function", FAILING, ids=lambda function: function.__name__)
def test_tracebacks_show_the_lines_of_the_user(function: Any) -> None:
    arguments = ARGUMENTS.get(function.__name__, ())
    assert lines_of(plain_twin(function), *arguments) == lines_of(function, *arguments)


# In each, the exception must come from the line marked `# here`, or from several in turn.
MULTILINE = [
    """
    def f():
        return (
            len(
                5  # not this one
            )
        )
    """,
    """
    def f():
        return (
            "a"
            .upper()
            .nothing
            .lower()
        )
    """,
    """
    def f():
        return (
            "a"
            .upper(
            )
            .replace(
                1,
                2,
            )
        )
    """,
    """
    def f():
        xs = [1]
        xs[
            0
        ], xs[
            7
        ] = 1, 2
    """,
    """
    def f():
        o = 1
        (o
         .real
         .x) = 3
    """,
    """
    def f():
        return [
            1 / x
            for x in
            (1, 0)
        ]
    """,
    """
    def f():
        x = 1
        x += (
            ""
        )
    """,
    """
    def f():
        def inner(a, b):
            return (a
                    in
                    b)
        @inner
        def g(): pass
    """,
    '''
    def f():
        """doc

        string"""
        return f"""
            {1}
            {missing}
            {2!r:>3}
        """
    ''',
    """
    def f():
        if 0 < 1 in (
            2, 3
        ) or 1 in 2:
            pass
    """,
    """
    def f():
        with open("/no/such/file") as a, \\
             a as b:
            pass
    """,
    """
    def f():
        assert not (
            1
        ), "message"
    """,
    """
    def f():
        for a, b in [
            (1, 2),
            (1,),
        ]: pass
    """,
    """
    def f():
        class K:
            a = 1
            del a.b
    """,
]


@pytest.mark.parametrize("source", MULTILINE)
def test_lines_in_constructs_of_several_lines(source: str) -> None:
    function = define(source)
    twin = plain_twin(function)
    assert lines_of(twin) == lines_of(function)
    assert outcome(twin) == outcome(function)


def decorate(function: Any) -> Any:
    function.decorated = True
    return function


@decorate
@decorate
def decorated(x: int) -> int:
    return x + sys._getframe().f_lineno


def test_decorated_function_keeps_its_first_line() -> None:
    twin = plain_twin(decorated)
    assert twin.__code__.co_firstlineno == decorated.__code__.co_firstlineno
    assert twin(1) == decorated(1)


def test_asserts_rewritten_by_pytest_are_no_hindrance() -> None:
    y = 3

    def check(x: int) -> Any:
        assert x + 1 == y, "not three"

        def inner() -> int:
            assert x
            return x

        return inner

    twin = plain_twin(check)
    assert twin(2)() == 2
    with pytest.raises(AssertionError, match="not three"):
        twin(3)


# fmt: off
PAIR: Any = lambda x: x + 1, lambda x: x + 2
EQUAL: Any = lambda x: x, lambda x: x
NESTED: Any; (NESTED,) = [lambda x: lambda y: (x, y)]  # noqa: E702
SPREAD: Any = [
    lambda: 1, (lambda:
    2), lambda f=lambda: 3: f,
]
LOOPED: Any = [lambda x, i=i: (x, i) for i in range(2)] + [lambda x: (x, i) for i in range(2)]  # noqa: B023
# fmt: on


def test_lambdas_that_share_a_line() -> None:
    assert [plain_twin(f)(1) for f in PAIR] == [2, 3]
    assert [plain_twin(f).__code__.co_positions for f in EQUAL] != []
    first, second = (list(plain_twin(f).__code__.co_positions()) for f in EQUAL)
    assert first != second
    assert plain_twin(plain_twin(NESTED)(1))(2) == plain_twin(NESTED(1))(2) == (1, 2)
    assert [outcome(plain_twin(f))[2] for f in SPREAD[:2]] == [1, 2]
    assert plain_twin(SPREAD[2]()) is not None
    assert plain_twin(SPREAD[2]())() == 3
    assert [plain_twin(f)(0) for f in LOOPED] == [(0, 0), (0, 1), (0, 1), (0, 1)]
    assert plain_twin(LOOPED[3]).__qualname__ == LOOPED[3].__qualname__
    assert plain_twin(LOOPED[3]).__code__.co_qualname == LOOPED[3].__code__.co_qualname


def test_equal_lambdas_without_columns_are_refused() -> None:
    both = define("f = lambda x: x, lambda x: x; g = f[0]", "g")
    without_columns = both.__code__.replace(co_linetable=b"\xf8\x00" * 8)
    with pytest.raises(TwinError, match="several functions equal to <lambda>"):
        plain_twin(FunctionType(without_columns, {}))


def test_lambdas_in_classes_and_defaults() -> None:
    source = """
        class K:
            __n = 4
            get = lambda self: self.__n
            def method(self, key=lambda self: (self.__n, __class__)): return key
        def around(n):
            return lambda m, *, k=(lambda: n): (lambda: (n, m, k()))
        pick = K
    """
    K: Any = define(source, "pick")
    assert plain_twin(K.get)(K()) == 4
    assert plain_twin(K().method())(K()) == (4, K)
    around = define(source, "around")
    assert plain_twin(around(1))(2)() == plain_twin(around(1)(2))() == (1, 2, 1)
    assert plain_twin(plain_twin(around)(1))(2)() == (1, 2, 1)


def test_function_without_source() -> None:
    namespace: dict[str, Any] = {}
    exec(compile("\n\ndef f(): pass", "<nowhere>", "exec"), namespace)  # 3.13 knows <string>
    with pytest.raises(TwinError, match=r"^<nowhere>:3: the source of f is not available$") as info:
        plain_twin(namespace["f"])
    error = info.value
    assert (error.filename, error.line) == ("<nowhere>", 3)
    assert error.reason == "the source of f is not available"


CHANGES = {
    "another constant": "def f(x):\n    return x + 2.0\n",
    "another sign of zero": "def f(x):\n    return x + -0.0\n",
    "another type": "def f(x):\n    return x + 1\n",
    "another name": "def f(y):\n    return y + 1.0\n",
    "another operator": "def f(x):\n    return x - 1.0\n",
    "another nested constant": "def f(x):\n    return (lambda: x)() + 1.0\n",
    "moved": "\ndef f(x):\n    return x + 1.0\n",
    "gone": "def g(x):\n    return x + 1.0\n",
    "in a class": "class K:\n  def f(x):\n    return x + 1.0 + __class__\n",
    "broken": "def f(x:\n",
    "empty": "",
    "a generator": "def f(x):\n    yield x + 1.0\n",
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_source_is_refused(change: str, tmp_path: Path) -> None:
    path = tmp_path / "changing.py"
    text = "def f(x):\n    return x + 1.0\n"
    path.write_text(text)
    namespace: dict[str, Any] = {}
    exec(compile(text, str(path), "exec"), namespace)
    linecache.getlines(str(path))
    path.write_text(CHANGES[change] + "# so that the size differs\n" * bool(CHANGES[change]))
    with pytest.raises(TwinError) as info:
        plain_twin(namespace["f"])
    assert (info.value.filename, info.value.line) == (str(path), 1)


def test_change_elsewhere_in_the_file_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "growing.py"
    text = "def f(x):\n    return x + 1.0\n"
    path.write_text(text)
    namespace: dict[str, Any] = {}
    exec(compile(text, str(path), "exec"), namespace)
    path.write_text(text + "\ndef g(): pass\n")
    assert plain_twin(namespace["f"])(1) == 2.0


def test_what_the_module_imports_or_redefines_changes_the_code_of_calls() -> None:
    source = """
        import math, os.path
        from json import dumps as dump
        try:
            import sys
        except ImportError:
            sys = None
        keep = super
        class Base:
            def f(self): return math.floor(1.5), os.getcwd, dump.__name__, sys.intern("a")
        class K(Base):
            def f(self): return super().f()
        f = K.f
    """
    K_f = define(source)
    instance = K_f.__globals__["K"]()
    assert plain_twin(K_f)(instance) == K_f(instance)
    Base_f = K_f.__globals__["Base"].f
    assert plain_twin(Base_f)(instance) == Base_f(instance)


def test_encoding_and_unusual_characters(tmp_path: Path) -> None:
    path = tmp_path / "latin.py"
    text = '# coding: latin-1\ndef f(): return "é", "\x0c", (lambda: "ü", lambda: 2)\n'
    path.write_bytes(text.encode("latin-1"))
    namespace: dict[str, Any] = {}
    exec(compile(path.read_bytes(), str(path), "exec"), namespace)
    assert plain_twin(namespace["f"])()[:2] == ("é", "\x0c")
    assert [plain_twin(f)() for f in namespace["f"]()[2]] == ["ü", 2]


def test_future_import_is_kept() -> None:
    source = "from __future__ import annotations\ndef f():\n    x: missing = 1\n    return x"
    function = define(source)
    assert plain_twin(function)() == 1
    assert plain_twin(function).__code__.co_flags == function.__code__.co_flags


def test_types_coroutine_keeps_its_flag() -> None:
    source = """
        import types
        @types.coroutine
        def f(): yield 1
    """
    function = define(source)
    assert plain_twin(function).__code__.co_flags == function.__code__.co_flags


def test_expression_too_deep_to_rewrite_is_refused() -> None:
    function = define("def f(x): return " + "+".join(["x"] * 700))
    assert function(2) == 1400
    with pytest.raises(TwinError, match="cannot be rewritten: maximum recursion depth"):
        plain_twin(function)
