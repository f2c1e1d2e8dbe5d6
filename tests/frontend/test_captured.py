"""Each way to a value outside, with each kind of value: a change is seen by the next call."""

import numpy as np
import pytest

from tests.frontend.programs import after, agrees
from tests.frontend.support import call

pytestmark = pytest.mark.slow  # no interpreter differs in this; tests/twin has what does

X = np.linspace(-1, 1, 6)

BEFORE = """
import collections, dataclasses, functools, types
W = np.ones(6)
def one(a): return a + 1
def two(a): return a * 2
class A: k = 2.0
class B: k = 3.0
"""

KINDS: dict[str, tuple[str, str, str]] = {  # first value, next value, how it is used
    "an array changed in place": ("W", "", "a * {v}"),
    "an array": ("np.ones(6)", "np.arange(6.0)", "a * {v}"),
    "an array of another dtype": ("np.ones(6)", "np.ones(6, np.float32)", "a * {v}"),
    "an array of another shape": ("np.ones(6)", "np.ones((2, 6))", "a * {v}"),
    "a float": ("2.0", "3.0", "a * {v}, {v}"),
    "a float of another sign": ("0.0", "-0.0", "np.copysign(a, {v})"),
    "an int": ("2", "3", "a * {v}, a[{v}]"),
    "an int that becomes a float": ("2", "2.0", "a * 2 if isinstance({v}, int) else a"),
    "a str": ("'x'", "'y'", "a * 2 if {v} == 'x' else a"),
    "a bool": ("True", "False", "a * 2 if {v} else a"),
    "a bool that becomes an int": ("True", "1", "a * 2 if {v} is True else a"),
    "None": ("None", "1.5", "a if {v} is None else a * {v}"),
    "a function": ("one", "two", "{v}(a)"),
    "a function of NumPy": ("np.sin", "np.cos", "{v}(a)"),
    "a class": ("A", "B", "a * {v}.k"),
    "a dtype": ("np.dtype('f8')", "np.dtype('f4')", "a.astype({v})"),
    "a type": ("np.float64", "np.float32", "a.astype({v}), np.zeros(2, {v})"),
    "a NumPy scalar": ("np.float32(2)", "np.float32(3)", "a * {v}, {v} + 1"),
    "a NumPy scalar of another type": ("np.float64(2)", "np.float32(2)", "{v} + 1, a * {v}"),
    "a tuple": ("(2.0, 'x')", "(3.0, 'x')", "a * {v}[0], {v}"),
    "a slice": ("slice(0, 3)", "slice(1, 4)", "a[{v}]"),
}

WAYS: dict[str, tuple[str, str]] = {  # source, with the value as @ and its use as ?; how it changes
    "a global": ("V = @\ndef f(a): return ?V!", "V = @"),
    "a global of a helper": ("V = @\ndef h(a): return ?V!\ndef f(a): return h(a)", "V = @"),
    "a closure": (
        "def make(v):\n    def f(a): return ?v!\n    def s(x):\n        nonlocal v\n"
        "        v = x\n    return f, s\nf, s = make(@)",
        "s(@)",
    ),
    "a default": ("def f(a, v=@): return ?v!", "f.__defaults__ = (@,)"),
    "a helper's default": ("def h(a, v=@): return ?v!\ndef f(a): return h(a)",
        "h.__defaults__ = (@,)"),
    "a keyword's default": ("def f(a, *, v=@): return ?v!", "f.__kwdefaults__ = {'v': @}"),
    "a keyword's default, changed": ("def f(a, *, v=@): return ?v!", "f.__kwdefaults__['v'] = @"),
    "a class attribute": ("class C: v = @\ndef f(a): return ?C.v!", "C.v = @"),
    "an inherited attribute": ("class P: v = @\nclass C(P): pass\nc = C()\ndef f(a): return ?c.v!",
        "P.v = @"),
    "an attribute": ("class C: pass\nc = C()\nc.v = @\ndef f(a): return ?c.v!", "c.v = @"),
    "an attribute of another object": (
        "class C: pass\nc = C()\nc.v = @\ndef f(a): return ?c.v!", "c = C(); c.v = @"),
    "a slot": ("class C: __slots__ = ('v',)\nc = C()\nc.v = @\ndef f(a): return ?c.v!", "c.v = @"),
    "a property": (
        "class C:\n    @property\n    def v(self): return self.u\n"
        "c = C()\nc.u = @\ndef f(a): return ?c.v!", "c.u = @"),
    "a module's attribute": (
        "M = types.ModuleType('M')\nM.v = @\ndef f(a): return ?M.v!", "M.v = @"),
    "a namespace": ("c = types.SimpleNamespace(v=@)\ndef f(a): return ?c.v!", "c.v = @"),
    "an item of a list": ("L = [1, @]\ndef f(a): return ?L[1]!", "L[1] = @"),
    "the last item": ("L = [@]\ndef f(a): return ?L[-1]!", "L.append(@)"),
    "an item of a dict": ("D = {'k': @}\ndef f(a): return ?D['k']!", "D['k'] = @"),
    "a dict's get": ("D = {'k': @}\ndef f(a): return ?D.get('k')!", "D = {'k': @}"),
    "an item of a tuple": ("T = (@, 1)\ndef f(a): return ?T[0]!", "T = (@, 1)"),
    "a named tuple": (
        "N = collections.namedtuple('N', 'v')\nn = N(@)\ndef f(a): return ?n.v!", "n = N(@)"),
    "a dataclass": (
        "@dataclasses.dataclass\nclass D:\n    v: object\nd = D(@)\ndef f(a): return ?d.v!",
        "d.v = @"),
    "a partial": (
        "def h(v, a): return ?v!\nP = functools.partial(h, @)\ndef f(a): return P(a)",
        "P = functools.partial(h, @)"),
    "a partial's keyword": (
        "def h(a, v): return ?v!\nP = functools.partial(h, v=@)\ndef f(a): return P(a)",
        "P.keywords['v'] = @"),
    "self": (
        "class C:\n    def __init__(self, v): self.v = v\n    def m(self, a): return ?self.v!\n"
        "c = C(@)\ndef f(a): return c.m(a)", "c.v = @"),
    "self of a bound method": (
        "class C:\n    def __init__(self, v): self.v = v\n    def m(self, a): return ?self.v!\n"
        "m = C(@).m\ndef f(a): return m(a)", "m.__self__.v = @"),
    "deep inside": (
        "class C: pass\nc = C()\nc.d = {'k': [C(), (@,)]}\n"
        "c.d['k'][0].v = @\ndef f(a): return ?c.d['k'][0].v!", "c.d['k'][0].v = @"),
    "a list that is iterated": ("L = [@]\ndef f(a): return [(?v!) for v in L]", "L[0] = @"),
    "a lambda": ("V = @\nh = lambda a: (?V!)\ndef f(a): return h(a)", "V = @"),
}  # fmt: skip


def filled(source: str, value: str, use: str) -> str:
    """The source of a way, with a value and its use in place."""
    text = source.replace("@dataclasses", "\0").replace("@property", "\1").replace("@", value)
    text = text.replace("\0", "@dataclasses").replace("\1", "@property")
    while "?" in text:
        before, _, rest = text.partition("?")
        name, _, rest = rest.partition("!")
        text = before + use.format(v=name) + rest
    return text


@pytest.mark.parametrize("way", WAYS)
def test_a_change_is_seen_by_the_next_call(way: str) -> None:
    source, change = WAYS[way]
    for kind, (first, second, use) in KINDS.items():
        changed = filled(change, second, use) if second else "W[0] = 9"
        back = filled(change, first, use) if second else "W[0] = 1"
        calls = [call(X), call(X), after(changed, X), call(X), after(back, X), call(X)]
        try:
            compiled = agrees(BEFORE + filled(source, first, use), *calls)
        except AssertionError as error:
            raise AssertionError(f"{kind}: {error}") from error
        assert not compiled.compiled.fallbacks, (kind, compiled.compiled.fallbacks)


@pytest.mark.parametrize("way", [way for way in WAYS if way != "a partial"])  # another object
@pytest.mark.parametrize("kind", ["an array changed in place", "an array", "a float"])
def test_new_numbers_need_no_new_trace(way: str, kind: str) -> None:
    source, change = WAYS[way]
    first, second, use = KINDS[kind]
    changed = filled(change, second, use) if second else "W[0] = 9"
    calls = [call(X), call(X), after(changed, X), call(X)]
    agrees(BEFORE + filled(source, first, use), *calls, native=3)
