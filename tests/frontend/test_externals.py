"""What a function reaches from outside is read, or checked, at every call: nothing goes stale."""

import re
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import after, agrees, program, sees
from tests.frontend.support import call

X = np.linspace(-1, 1, 6)

OBJECT = """
class Inner:
    def __init__(self, v, q): self.v, self.q = v, q
class Outer:
    def __init__(self):
        self.w = np.ones(6); self.k = 2.0; self.n = 3; self.flag = True; self.name = "x"
        self.d = {"a": 1.0}; self.l = [1.0, 2.0]; self.inner = Inner(np.ones(6), 1.5)
        self.none = None
    @property
    def p(self): return self.k * 2
    def m(self, a): return a * self.w + self.k
o = Outer()
"""

READS = [
    "a * o.w",
    "o.m(a)",
    "a * o.k, o.k",
    "a * o.p",
    "a * o.n, o.n",
    "a * o.d.get('a', 1.0), len(o.d), 'b' in o.d",
    "[k for k in o.d], [v * a for v in o.d.values()], list(o.d.items())",
    "a * o.l[0] if o.l else a",
    "[v * a for v in o.l], len(o.l), o.l[::-1], o.l + [1], list(o.l), tuple(o.l)",
    "a * o.inner.v + o.inner.q",
    "a * 2 if o.flag else a",
    "a * 2 if o.name == 'x' else a",
    "a * 2 if o.none is None else a * o.none",
    "a * 1 if o.n == 3 else a * 2",
    "a * 1 if isinstance(o.k, float) else a * 2",
    "o.k, o.l, o.d, o.w, o.n, o.name",
    "a * o.__dict__['k'], a * vars(o)['k']",
    "np.array(o.l), np.sum(o.l)",
    "a * max(o.l, default=0), sorted(o.l), sum(o.l)",
    "np.zeros(o.n if o.n < 100 else 1)",
    "f'{o.k} {o.n} {o.name}', str(o.l)",
    "a * getattr(o, 'k'), getattr(o, 'zz', None)",
    "dict(o.d), {**o.d}, [*o.l]",
    "o.l == [1.0, 2.0], bool(o.l), not o.d, 1.0 in o.l, o.l.count(1.0)",
    "o is o, o.w is o.w, o.l is o.l, o",
    "(lambda q=o.k: a * q)()",
    "all(o.l), any(o.d.values()), list(zip(o.l, o.l)), list(enumerate(o.l)), list(reversed(o.l))",
    "o.w.shape[0] * a if hasattr(o.w, 'shape') and o.w.ndim == 1 else a * 1",
]
CHANGES = [
    "o.w = o.w * 3", "o.w[1] = 9", "o.w = o.w.astype(np.float32)", "o.w = np.ones((2, 6))",
    "o.k = 7.0", "o.k = 3", "o.k = np.float32(2)", "o.k = np.ones(6)", "o.k = True",
    "o.n = 5", "o.n = True", "o.n = 2**70", "o.n = 3.0",
    "o.d['a'] = 4.0", "o.d['b'] = 4.0", "o.d = {'a': 2.0}", "del o.d['a']",
    "o.l[0] = 9.0", "o.l.append(3.0)", "o.l = (1.0, 2.0)", "o.l.clear()", "o.l.reverse()",
    "o.inner.v[0] = 5", "o.inner.q = 9.0", "o.inner = Inner(np.zeros(6), 0.5)",
    "o.flag = False", "o.name = 'y'", "o.none = 1.0", "o.w = 2.0",
]  # fmt: skip


def concerns(read: str, change: str) -> bool:
    """Whether a change is one of what is read; a read of the whole object is of everything."""
    behind = {"m": {"w", "k"}, "p": {"k"}, "__dict__": {"k"}}
    names = set(re.findall(r"\bo\.(\w+)", read))
    seen = names.union(*(behind.get(name, set()) for name in names))
    return not seen or set(re.findall(r"\bo\.(\w+)", change)) <= seen


@pytest.mark.parametrize("read", READS)
def test_every_change_of_an_object_is_seen(read: str) -> None:
    source = f"{OBJECT}\ndef f(a): return {read}"
    for change in filter(lambda change: concerns(read, change), CHANGES):
        try:
            sees(source, change, X)
        except AssertionError as error:
            raise AssertionError(f"after {change}: {error}") from error


PLACES = {
    "a global number": ("K = 2.0\ndef f(a): return a * K",
        ["K = 3.0", "K = np.ones(6)", "K = 4", "K = np.float32(3)", "del K", "K = 's'"]),
    "a helper": ("def h(a): return a + 1\ndef f(a): return h(a) * 2",
        ["def h(a): return a + 2", "h = np.sin", "h = lambda a, k=3: a * k",
         "import functools\nh = functools.partial(np.add, 2)"]),
    "a helper's code": ("def h(a): return a + 1\ndef f(a): return h(a) * 2",
        ["h.__code__ = (lambda a: a + 5).__code__"]),
    "a helper's defaults": ("def h(a, k=2.0, *, j=1.0): return a * k + j\ndef f(a): return h(a)",
        ["h.__defaults__ = (5.0,)", "h.__kwdefaults__['j'] = 9.0", "h.__kwdefaults__ = {'j': 4.}"]),
    "defaults": ("D = np.ones(6)\ndef f(a, k=D, l=[1.0]): return a * k + l[0]",
        ["D[0] = 5", "f.__defaults__ = (3.0, [2.0])", "f.__defaults__[1][0] = 7.0"]),
    "a builtin shadowed": ("def f(a): return abs(a) + len(a)",
        ["def abs(v): return v * 0", "len = lambda v: 100"]),
    "np rebound": ("def f(a): return np.sin(a)",
        ["import types\nnp = types.SimpleNamespace(sin=lambda v: v * 3)"]),
    "a module's attributes": ("""
        import types
        M = types.ModuleType("M"); M.k = 2.0; M.w = np.ones(6)
        def h(v): return v + 1
        M.h = h
        def f(a): return M.h(a) * M.k + M.w
        """, ["M.k = 5.0", "M.w[0] = 9", "M.w = np.zeros(6)", "M.h = lambda v: v - 1"]),
    "class attributes": ("""
        class C:
            k = 2.0
            w = np.ones(6)
            def m(self, a): return a * self.k + self.w
        c = C()
        def f(a): return c.m(a) * C.k
        """, ["C.k = 5.0", "c.k = 9.0", "C.w = np.zeros(6)", "C.w[0] = 4",
              "C.m = lambda self, a: a - 1", "c.m = lambda a: a - 3"]),
    "inherited attributes": ("""
        class B:
            k = 2.0
            def m(self, a): return a * self.k
        class C(B):
            def m(self, a): return super().m(a) + 1
        c = C()
        def f(a): return c.m(a)
        """, ["B.k = 5.0", "C.k = 9.0", "B.m = lambda self, a: a - 1", "c.__class__ = B"]),
    "class and static methods": ("""
        class C:
            k = 2.0
            @classmethod
            def c(cls, a): return a * cls.k
            @staticmethod
            def s(a): return a + 1
        def f(a): return C.c(a) + C.s(a)
        """, ["C.k = 5.0", "C.s = staticmethod(lambda a: a)",
              "C.c = classmethod(lambda cls, a: a * 7)"]),
    "a callable object": ("""
        class C:
            k = 2.0
            def __call__(self, a): return a * self.k
        c = C()
        def f(a): return c(a)
        """, ["C.k = 5.0", "c.k = 9.0", "C.__call__ = lambda self, a: a - 1", "c = np.sin"]),
    "slots": ("class C: __slots__ = ('k',)\nc = C()\nc.k = 2.0\ndef f(a): return a * c.k",
        ["c.k = 5.0", "del c.k", "c.k = np.ones(6)"]),
    "__getattr__": ("""
        class C:
            def __getattr__(self, name): return D[name]
        D = {"k": 2.0}
        c = C()
        def f(a): return a * c.k
        """, ["D['k'] = 5.0", "c.k = 9.0", "D = {'k': 7.0}"]),
    "a property": ("""
        K = [2.0]
        class C:
            @property
            def k(self): return K[0]
        c = C()
        def f(a): return a * c.k
        """, ["K[0] = 5.0", "K = [7.0]", "C.k = 3.0", "C.k = property(lambda self: 9.0)"]),
    "a cached property": ("""
        import functools
        class C:
            q = 2.0
            @functools.cached_property
            def k(self): return self.q
        c = C()
        def f(a): return a * c.k
        """, ["C.q = 5.0", "del c.k", "del c.k; C.q = 6.0"]),
    "a descriptor": ("""
        V = [2.0]
        class D:
            def __get__(self, owner, kind): return V[0]
        class C: k = D()
        c = C()
        def f(a): return a * c.k
        """, ["V[0] = 5.0", "D.__get__ = lambda self, owner, kind: 8.0"]),
    "a metaclass's property": ("""
        V = [2.0]
        class M(type):
            @property
            def k(cls): return V[0]
        class C(metaclass=M): pass
        def f(a): return a * C.k
        """, ["V[0] = 5.0"]),
    "a function's attributes": ("def h(a): return a * h.k\nh.k = 2.0\ndef f(a): return h(a)",
        ["h.k = 5.0", "h.k = np.zeros(6)"]),
    "its own attributes": ("def f(a): return a * f.k, f.__doc__, f.__name__\nf.k = 2.0",
        ["f.k = 5.0", "f.__doc__ = 'x'", "f.__name__ = 'z'"]),
    "a bound method": ("""
        class C:
            k = 2.0
            def m(self, a): return a * self.k
        m = C().m
        def f(a): return m(a)
        """, ["m.__self__.k = 5.0", "m = C().m"]),
    "a bound method of an array": ("W = np.ones(6)\nm = W.sum\ndef f(a): return a * m()",
        ["W[0] = 5"]),
    "a partial": ("import functools as ft\nP = ft.partial(np.multiply, 2.0)\ndef f(a): return P(a)",
        ["P = ft.partial(np.multiply, 3.0)", "P = ft.partial(np.add, 2.0)"]),
    "a partial's arguments": ("""
        import functools
        W, L = np.ones(6), [2.0]
        def h(w, l, a, k=1): return a * w * l[0] * k
        P = functools.partial(h, W, L)
        def f(a): return P(a)
        """, ["W[0] = 7", "L[0] = 7", "P.keywords['k'] = 4.0"]),
    "a closure": ("""
        def make():
            k = 2.0
            def h(a): return a * k
            def s(v):
                nonlocal k
                k = v
            return h, s
        h, s = make()
        def f(a): return h(a)
        """, ["s(5.0)", "s(np.ones(6))", "s(2)"]),
    "an enum": ("""
        import enum
        class E(enum.Enum):
            A = 1
            B = 2
        m = E.A
        def f(a): return a * 2 if m is E.A else a * m.value
        """, ["m = E.B"]),
    "a standard module's attribute": ("import math\nmath.zz = 2.0\ndef f(a): return math.zz * a",
        ["math.zz = 5.0"]),
    "sys.path": ("import sys\nsys.path[99:] = []\ndef f(a): return len(sys.path) * a",
        ["sys.path[99:] = []; sys.path += [''] * (99 - len(sys.path))"]),
    "the environment": ("""
        import os
        os.environ["TG_TEST"] = "2.0"
        def f(a): return float(os.environ["TG_TEST"]) * a, os.environ.get("TG_TEST")
        """, ["os.environ['TG_TEST'] = '5.0'"]),
    "an array under two names": ("W = np.ones(6)\nZ = np.zeros(6)\n"
    "def f(a): return W + Z + a, W is Z",
        ["Z = W", "W = Z", "Z = W[:]"]),
    "arrays in a list": ("W = [np.ones(6), np.zeros(6)]\ndef f(a): return a + W[0] - W[1]",
        ["W[0] = W[1]", "W[1][0] = 4", "W.reverse()"]),
    "an array of another kind": ("W = np.ones(6)\ndef f(a): return a * W",
        ["W = W.astype(np.float32)", "W = np.ones((2, 6))", "W = np.ones(12)[::2]",
         "W = np.ma.masked_array(W)", "W = np.matrix(W)", "W = W.astype(object)"]),
    "an array changed in place": ("W = np.ones((6, 6))\ndef f(a): return a * W, W.shape",
        ["W.flags.writeable = False", "W.shape = (36, 1)", "W.dtype = np.int64",
         "W.resize((5, 6), refcheck=False)"]),
    "a memo": ("""
        CACHE = {}
        def h(k):
            if k not in CACHE: CACHE[k] = k * 2.0
            return CACHE[k]
        def f(a): return a * h(3)
        """, ["CACHE[3] = 9.0", "CACHE.clear()"]),
    "a memo of arrays": ("""
        CACHE = {}
        def f(a):
            key = a.shape
            if key not in CACHE: CACHE[key] = np.arange(len(a)) * 2.0
            return a * CACHE[key]
        """, ["CACHE.clear()", "CACHE[(6,)][0] = 100"]),
    "globals()": ("K = 2.0\ndef f(a): return a * globals()['K']", ["K = 5.0"]),
    "eval": ("K = 2.0\ndef f(a): return a * eval('K')", ["K = 5.0"]),
    "identity of an object": ("D, E = [1], [1]\ndef f(a): return a * 2 if D is E else a * 1",
        ["D = E"]),
    "an attribute that appears": ("""
        class C: pass
        c = C()
        def f(a): return a * getattr(c, "w", 2.0), hasattr(c, "w")
        """, ["c.w = 3.0", "C.w = 3.0"]),
    "an attribute that is tried": ("""
        class C: pass
        c = C()
        def f(a):
            try: return a * c.w
            except AttributeError: return a * 1
        """, ["c.w = 3.0"]),
    "a global that is tried": ("""
        def f(a):
            try: return a * W
            except NameError: return a * 1
        """, ["W = 3.0"]),
}  # fmt: skip
CASES = [(name, source, change) for name, (source, cs) in PLACES.items() for change in cs]


@pytest.mark.parametrize(
    ("source", "change"), [c[1:] for c in CASES], ids=[f"{c[0]}: {c[2]}" for c in CASES]
)
def test_a_change_is_seen(source: str, change: str) -> None:
    sees(source, change, X)
    agrees(source, call(X), after(change, X), call(X), call(X))


def test_a_new_value_of_a_float_or_array_needs_no_new_trace() -> None:
    for source, change in [
        ("K = 2.0\ndef f(a): return a * K", "K = 3.0"),
        ("K = np.ones(6)\ndef f(a): return a * K", "K = np.zeros(6)"),
        ("K = [np.ones(6), 2.0]\ndef f(a): return a * K[0] + K[1]", "K[1] = 7.0"),
        ("class C: pass\nc = C()\nc.k = 1.0\ndef f(a): return a * c.k", "c.k = 3.0"),
        (f"{OBJECT}\ndef f(a): return o.m(a) * o.p", "o.k = 7.0; o.w[0] = 3"),
        ("def h(a, k=2.0): return a * k\ndef f(a): return h(a)", "h.__defaults__ = (3.0,)"),
    ]:
        sees(source, change, X, native=3)


def test_arguments_may_be_objects_too() -> None:
    source = """
        class C:
            def __init__(self, w, k): self.w, self.k, self.l = w, k, [k, k]
        def f(c, a): return a * c.w + c.k + c.l[1]
        c = C(np.ones(6), 2.0)
        """
    make = program(source)
    for compiled in (False, True):
        function, module = make()
        used: Any = tg.compile(function) if compiled else function
        made = module.names["C"]
        values: list[Any] = [
            (np.ones(6), 2.0),
            (np.zeros(6), 3.0),
            (2.0, 1),
            (np.ones((2, 6)), 2.0),
        ]
        for w, k in values:
            one = made(w, k)
            np.testing.assert_array_equal(used(one, X), X * w + k + k)
            one.l[1] = 9.0
            np.testing.assert_array_equal(used(one, X), X * w + k + 9)
