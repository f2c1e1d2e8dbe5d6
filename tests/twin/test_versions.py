"""What the grammar of later Pythons adds."""

import sys
from typing import Any

import pytest

from tests.twin.loop_hooks import HOOKS, twin_by
from tests.twin.support import define, outcome, plain_twin, watched

since_312 = pytest.mark.skipif(sys.version_info < (3, 12), reason="needs Python 3.12")

GENERIC = """
    class Box[T, *Ts, **P]:
        def first(self, x: T, *xs: *Ts) -> T:
            return T, Ts, x, LIMIT

        def second[U: (int, T)](self, x: U) -> U:
            def inner[V](v: V = x, w=LIMIT): return v, w, U, V, T.__name__
            return inner()[:3], inner.__type_params__, [u for u in range(LIMIT)]

        @staticmethod
        def third():
            class Inner[W](list[W]):
                kind = W
                def own(self): return W, T, __class__
            type Pair[A] = tuple[A, T]
            return Inner.kind, Inner.__type_params__, Inner().own()[:2], Pair.__name__

    def around[T](T2):
        return lambda: (T, T2)

    def f[T: missing, S = int](x: T) -> T:
        return x, T.__name__
    LIMIT = 2
"""


@since_312
def test_type_parameters() -> None:
    source = GENERIC if sys.version_info >= (3, 13) else GENERIC.replace("S = int", "S")
    f = define(source)
    Box: Any = f.__globals__["Box"]
    box = Box()
    twin = plain_twin(f)
    assert (twin(1), twin.__type_params__) == (f(1), f.__type_params__)  # type: ignore[attr-defined]
    assert twin.__code__.co_qualname == "f"
    assert plain_twin(Box.first)(box, 1) == Box.first(box, 1)
    assert plain_twin(Box.first).__code__.co_qualname == "Box.first"
    for name, arguments in (("second", (box, 1)), ("third", ())):
        method = getattr(Box, name)
        assert str(outcome(plain_twin(method), *arguments)) == str(outcome(method, *arguments))
        assert outcome(method, *arguments)[0] == "returned"
    function = f.__globals__["around"](3)
    assert plain_twin(function)() == function()


@since_312
def test_f_strings_with_their_own_quotes_inside() -> None:
    source = """
        def f(x={"a": [1, 2]}):
            return f'{x['a'][f'{0}':] if x is None else x['a']!r:>{len('1234567890')}}' f'''{
                x["a"]  # a comment
                [1]
            }'''
    """
    function = define(source)
    assert plain_twin(function)() == function() == "    [1, 2]2"


@since_312
@pytest.mark.parametrize("how", HOOKS)
def test_loops_that_define_generic_things(how: str) -> None:
    source = """
        def f(n):
            for i in range(n):
                type Pair[A] = tuple[A, i]
                def g[T](x: T, k=i) -> T: return T.__name__, k, i, Pair.__name__
                class K[U]:
                    kind = U.__name__, i
                    def m[V](self): return V.__name__, U.__name__, i
            return g(1), K.kind, K().m(), g.__qualname__, K.__qualname__, K.m.__qualname__
    """
    function = define(source)
    assert twin_by(how, function)(3) == plain_twin(function)(3) == function(3)


@since_312
def test_global_type_alias_is_announced() -> None:
    twin, watcher = watched(define("def f():\n    global G\n    type G = int"))
    twin()
    assert watcher.seen == [("frame_access", "type G")]
    assert twin.__globals__["G"].__value__ is int


def test_comprehension_variables_do_not_become_locals_of_the_function() -> None:
    source = """
        x = "global"
        def f():
            got = [x for x in (1, 2) if x in (1, 2)], x
            class K:
                y = "class"
                inner = [x for x in (y,)], y, [x for _ in (1,)]
            return got, K.inner, [lambda: x for x in range(2)][0](), x
    """
    function = define(source)
    assert plain_twin(function)() == function()
