"""Objects that a function makes: what their classes say is no constant, and nothing leaks."""

import warnings
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import after, agrees, program, sees
from tests.frontend.support import call

X = np.linspace(-1, 1, 6)

PLAIN = """
import dataclasses, typing
@dataclasses.dataclass
class P:
    a: object
    b: float = 1.0
    K: typing.ClassVar = 2.0
    def m(self): return self.a * self.K
"""
WRITTEN = """
class P:
    K = 2.0
    def __init__(self, a, b=1.0): self.a, self.b = a, b
    def m(self): return self.a * self.K
    @staticmethod
    def st(v): return v + 1
    @classmethod
    def cl(cls, v): return v * cls.K
    @property
    def p(self): return self.a + self.K
"""
NAMED = """
import typing
class P(typing.NamedTuple):
    a: object
    b: float = 1.0
    def m(self): return self.a * K
K = 2.0
"""


@pytest.mark.parametrize(
    ("source", "read", "change"),
    [
        (PLAIN, "P(a).K", "P.K = 5.0"),
        (PLAIN, "P(a).m()", "P.K = 5.0"),
        (PLAIN, "P(a).m()", "P.m = lambda self: 7.0"),
        (PLAIN, "P(a).a", "P.__init__ = lambda self, a: setattr(self, 'a', a * 3)"),
        (PLAIN, "P(a).m()", "class Q(P):\n  def m(self): return 3.0\nP = Q"),
        (WRITTEN, "P(a).K", "P.K = 5.0"),
        (WRITTEN, "P(a).m()", "P.m = lambda self: 7.0"),
        (WRITTEN, "P(a).m()", "P.__init__ = lambda self, a: setattr(self, 'a', a * 3)"),
        (WRITTEN, "P(a).st(a)", "P.st = staticmethod(lambda v: v - 1)"),
        (WRITTEN, "P(a).cl(a)", "P.K = 5.0"),
        (WRITTEN, "P(a).cl(a)", "P.cl = classmethod(lambda cls, v: v)"),
        (WRITTEN, "P(a).p", "P.K = 5.0"),
        (WRITTEN, "P(a).p", "P.p = property(lambda self: self.a)"),
        (NAMED, "P(a).m()", "K = 5.0"),
        (NAMED, "P(a).m()", "P.m = lambda self: 7.0"),
    ],
)  # fmt: skip
def test_a_change_of_the_class_is_seen(source: str, read: str, change: str) -> None:
    compiled = sees(f"{source}\ndef f(a): return {read}", change, X, native=1)
    assert compiled.compiled.fallbacks == []


def test_a_manager_whose_methods_change() -> None:
    source = """
K = 2.0
class C:
    def __enter__(self): return K
    def __exit__(self, *error): return False
def f(a):
    with C() as k:
        return a * k
"""
    for change in ("K = 5.0", "C.__enter__ = lambda self: 3.0"):
        assert sees(source, change, X, native=1).compiled.fallbacks == []


@pytest.mark.parametrize(
    "store",
    ["L.append(p)", "L[0] = p", "D['p'] = p", "H.p = p", "L.append([p])", "D.update(p=p)",
     "S.append((lambda: p).__closure__)", "global G; G = p", "L.append(P(p))"],
)  # fmt: skip
@pytest.mark.parametrize("source", [PLAIN, WRITTEN, "import types\nP = types.SimpleNamespace"])
def test_no_stand_in_stays_in_an_object_that_is_kept(source: str, store: str) -> None:
    text = f"""{source}
class Holder: pass
L, D, H, S = [0], {{}}, Holder(), []
def f(a):
    p = P(a=a * 2)
    p.c = [a.sum(), {{'k': a + 1}}]
    {store}
    return a * 3
"""
    if "P(p)" in store and "types" in source:
        pytest.skip("a namespace takes no positional argument")

    def kept(compiled: bool) -> set[str]:
        f, module = program(text)()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", tg.FallbackWarning)
            (tg.compile(f) if compiled else f)(X)
        return set(_kinds(module.names, set()))

    assert kept(True) == kept(False)


def _kinds(value: Any, seen: set[int]) -> Any:
    """The types of everything that is reachable."""
    if id(value) in seen or isinstance(value, (type, type(np), str)):
        return
    seen.add(id(value))
    yield type(value).__name__
    inner = list(value.values()) if isinstance(value, dict) else []
    inner += list(value) if isinstance(value, (list, tuple)) else []
    cell = getattr(value, "cell_contents", None)
    for one in (*inner, cell, getattr(value, "__dict__", None)):
        if one is not None and not callable(one):
            yield from _kinds(one, seen)


def test_an_exception_leaves_no_stand_in() -> None:
    source = f"""{WRITTEN}
L = []
def f(a):
    p = P(a * 2)
    L.append(p)
    raise ValueError(p)
"""
    f, module = program(source)()
    with pytest.raises(ValueError, match="P object"):
        tg.compile(f)(X)
    assert type(module.names["L"][0].a) is np.ndarray


def test_gradients_through_objects() -> None:
    class Pair:
        def __init__(self, a: Any, b: Any) -> None:
            self.a, self.b = a, b

        def product(self) -> Any:
            return (self.a * self.b).sum()

    def loss(x: Any) -> Any:
        pair = Pair(np.sin(x), x)
        pair.b = pair.b * 2
        return pair.product()

    expected = 2 * (np.cos(X) * X + np.sin(X))
    for function in (tg.grad(loss), tg.compile(tg.grad(loss)), tg.grad(tg.compile(loss))):
        for _ in range(2):
            np.testing.assert_allclose(function(X), expected)


@pytest.mark.parametrize(
    "method", ["__add__", "__repr__", "__str__", "__getattr__", "__len__", "__getitem__"]
)
def test_special_methods_that_no_hook_sees_end_the_recording(method: str) -> None:
    uses = {
        "__add__": "p + 1", "__repr__": "repr(p)", "__str__": "f'{p}'", "__len__": "len(p)",
        "__getattr__": "p.nothing", "__getitem__": "next(iter(p))",
    }  # fmt: skip
    result = {"__repr__": "str(K)", "__str__": "str(K)"}.get(method, "K")
    source = f"""
K = 2
class P:
    def __init__(self, a): self.a = a
    def {method}(self, *args): return {result}
def f(a):
    p = P(a)
    return {uses[method]}, a * 2
"""
    assert sees(source, "K = 5", X).compiled.fallbacks != []


@pytest.mark.parametrize(
    "operation", ["S**2", "S%3", "S//1", "S&6", "+S", "2**S", "2%S", "S^1", "S|8", "S<<1", "~S"]
)
def test_operators_of_outside_objects(operation: str) -> None:
    names = "pow mod floordiv and rpow rmod xor or lshift".split()
    methods = "\n".join(f"    def __{n}__(self, o): return self.n + o" for n in names)
    source = f"""
class C:
    n = 2
{methods}
    def __pos__(self): return self.n
    def __invert__(self): return -self.n
S = C()
def f(a): return a * ({operation})
"""
    sees(source, "C.n = 5", X)


def test_sets_in_results() -> None:
    source = """
def f(a, s): return {s, 1.0}, frozenset({s}), {1, 2}, [set()], {'k': {len(a)}}
"""
    calls = [call(X, v) for v in (2.0, 2.0, 3.0, 2.0, 1.0)]
    assert agrees(source, *calls, native=0).compiled.fallbacks == []


def test_class_methods_of_outside_objects_run_natively() -> None:
    source = f"{WRITTEN}\np = P(2.0)\ndef f(a): return p.cl(a)"
    compiled = agrees(source, call(X), call(X), after("P.K = 5.0", X), call(X), native=1)
    assert compiled.compiled.fallbacks == []


CLASS = """
class C:
    K = 2.0
    @staticmethod
    def st(v): return v * 2
    def m(self, x): return x * type(self).K
    def n(self, x): return x * self.__class__.K
    def o(self, x): return type(self).st(x)
c = C()
def g(x, kind=C): return x * kind.K
"""


@pytest.mark.parametrize("change", ["C.K = 5.0", "C.st = staticmethod(lambda v: v * 7)"])
@pytest.mark.parametrize(
    "read",
    ["c.m(a)", "c.n(a)", "c.o(a)", "C().m(a)", "C().n(a)", "C().o(a)", "type(c).K * a", "g(a)"],
)
def test_classes_reached_by_the_type_of_an_object(read: str, change: str) -> None:
    assert sees(f"{CLASS}\ndef f(a): return {read}", change, X).compiled.fallbacks == []


def test_items_of_outside_objects_that_python_asks_for() -> None:
    source = """
class C:
    n = 2
    def __getitem__(self, k):
        if k > 3: raise IndexError
        return self.n * k
S = C()
def f(a): return a * sum([v for v in S]), 2 in S
"""
    sees(source, "C.n = 5", X)


def test_factories_of_fields_are_followed_or_end_the_recording() -> None:
    source = """
import dataclasses
K = 2.0
@dataclasses.dataclass
class P:
    a: object
    b: float = dataclasses.field(default_factory=lambda: K)
    c: list = dataclasses.field(default_factory=list)
def f(a): return P(a).b * a
"""
    sees(source, "K = 5.0", X)
