"""Containers, attributes and names outside of a function are changed by its compiled calls too."""

import re
import warnings
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import after, agrees
from tests.frontend.support import call

X = np.linspace(-1, 1, 6)
SEVEN = [(X * k + 1,) for k in (1, 2, -1, 0, 3, 1, 5)]

STATE = """
import collections, dataclasses, types
L, D = [np.ones(6), 2.0, 3], {"w": np.ones(6), "k": 2.0, "n": 0}
S, Q = {1}, collections.deque(maxlen=3)
CD, CC = collections.defaultdict(list), collections.Counter("aab")
N, total = 0, 0.0
class C:
    count, table = 0, {}
    def __init__(self): self.n, self.w, self.history, self.cache = 0, np.ones(6), [], {}
    def step(self, a): self.n += 1; self.history.append(a.sum()); return self.w * self.n
    @property
    def p(self): return self.n
    @p.setter
    def p(self, value): self.n = value * 2
class Slots:
    __slots__ = ("v",)
    def __init__(self): self.v = 1.0
@dataclasses.dataclass
class Pair:
    a: object
    b: object
c, slots, space, M = C(), Slots(), types.SimpleNamespace(n=0), types.ModuleType("M")
M.n = 0
"""

NATIVE = {
    "append": "L.append(a.sum())",
    "append and read the last": "L.append(a.sum()); return L[-1] * a",
    "append arrays": "b = a * 2; L.append(b); L.append(b[1:]); L.append(a); return b",
    "append and length": "L.append(1); return a * len(L)",
    "append if": "if a[0] > 0: L.append(a[0])",
    "extend": "L.extend([a[0], a * 2]); L.extend(v for v in (1, a[1])); L.extend(())",
    "+=": "global L\n    L += [a[0]]; return L is L",
    "insert": "L.insert(0, a[0]); L.insert(-1, a)",
    "pop what was there": "L.append(L.pop(0))",
    "set items": "L[0] = a * 2; L[1] = a[0]; L[-1] = 5",
    "read, then set": "L[1] = L[1] + a[0]; return L[1]",
    "swap items": "L[0], L[1] = L[1], L[0]\n    if a[0] > 9: return L[0]",
    "reverse and clear": "L.reverse(); L.clear(); L.append(a[0])",
    "iterate": "return [v * a for v in L]",
    "append to an argument's list": "return g([a], a)\n\ndef g(l, a): l.append(a); return l",
    "dict store": "D['k'] = a.sum(); D['j'] = D['k'] + 1; return D['j']",
    "dict counter": "D['n'] = D.get('n', 0) + 1; D['n'] += 1; return a * D['n']",
    "dict of tuples": "D[(1, 'a')] = a; D[a.shape] = a[0]; D[None] = 1; D[np.float64] = 2",
    "dict of enums": "D[K.safe] = a[0]; return D[K.safe], K.unsafe in D\n\n"
    "from uuid import SafeUUID as K",
    "dict delete": "D['t'] = a; del D['t']; D['k'] = D.pop('k') * 2; D.pop('z', None)",
    "dict update": "D.update(k=a[0], j=2); D.update({'m': a * 3}); D.__ior__({'o': 1})",
    "dict setdefault": "D.setdefault('k', 0); return D.setdefault('fresh', a[0]) * 1",
    "dict in": "return 'k' in D, 'zz' in D, D.get('zz'), D.get('w')",
    "dict clear": "D.clear(); D['n'] = a[0]; return 'k' in D, D['n']",
    "dict keys": "return list(D), [v for v in D.values() if v is not None]",
    "a cache": "if 'c' not in D: D['c'] = np.arange(6.0)\n    return a * D['c']",
    "a cache by shape": "return memo(a.shape) * a\n\ndef memo(key):\n"
    "    if key not in D: D[key] = np.zeros(key)\n    return D[key]",
    "a nested container": "D.setdefault('l', []).append(a[0])",
    "a defaultdict": "CD['x'].append(a[0]); CD[3].append(1)",
    "a Counter": "CC['a'] += 1; CC['new'] += 2; return CC['none']",
    "a set": "S.add(3); S.add(a[0] if a[0] > 9 else 4); S.discard(1); S.update((7, 8))",
    "a deque": "Q.append(a.sum()); Q.appendleft(a[0]); Q.extend((1, 2)); Q.rotate(1)",
    "an attribute": "c.n += 1; c.w = c.w + a; c.k = a[0]; return c.w * c.n",
    "a method": "return c.step(a)",
    "a property's setter": "c.p = c.p + 1; return c.p",
    "a slot": "slots.v = slots.v + a[0]; return slots.v",
    "a namespace": "space.n += 1; space.w = a * 2; return space.w",
    "a module": "M.n += 1; M.w = a; return M.n",
    "a class": "C.count += 1; c.__class__.table['k'] = a; return c.count, C.count",
    "an attribute deleted": "c.t = a; del c.t; setattr(c, 'u', 1); delattr(c, 'u')",
    "an attribute asked": "return a * getattr(c, 'nothing', 2.0), hasattr(c, 'no')",
    "a global": "global N, total\n    N += 1; total = total + a.sum(); return a * N + total",
    "a global array": "global total\n    total = a * 2; total[0] = 5; return total.sum()",
    "a global through a helper": "g(); return N * a\n\ndef g():\n    global N\n    N += 1",
    "a made list stored and returned": "l = [a * 2, [a[0]]]; L.append(l); c.l = l; l.append(1)\n"
    "    return l, l[1]",
    "a made dict stored twice": "d = {'k': a * 2}; D['x'] = d; c.d = (d, d); d['j'] = a[0]\n"
    "    return d",
    "a made object stored": "p = Pair(a * 2, [a]); p.b = a[0]; L.append(p); return p, p.a",
    "stored in what was made": "l = []; D['l'] = l; l.append(l2 := [a]); l2.append(L); return l2",
    "an outside list in a made one": "return [L, {'d': D}, (L,)]",
    "an outside list kept elsewhere": "c.l = L; c.l.append(a[0]); D['l'] = L; return D['l'][-1]",
    "the object itself": "D['me'] = c; L.append(c); return L[-1].n, c",
    "print after a store": "D['k'] = a.sum(); print(D['k'], L[1]); D['k'] = 7; print(D['k'])",
    "try and finally": "try:\n        D['n'] += 1; return a * D['n']\n    finally: D['k'] = a[0]",
    "a context manager": "with managed() as k: D['k'] = a[0] * k\n    return D['k']\n\n"
    "import contextlib\n@contextlib.contextmanager\ndef managed():\n"
    "    D['in'] = D.get('in', 0) + 1\n    yield 2.0\n    D['out'] = D['in']",
}  # fmt: skip


@pytest.mark.parametrize("what", NATIVE)
def test_changes_outside_are_made_natively(what: str) -> None:
    source = f"{STATE}\ndef f(a):\n    {NATIVE[what]}\n"
    compiled = agrees(source, *SEVEN, native=3)
    assert not compiled.compiled.fallbacks


def test_an_outer_variable() -> None:
    source = """
        def make():
            n, l = 0, []
            def f(a):
                nonlocal n, l
                n += 1
                l = [*l[-1:], a[0]]
                return a * n, l
            return f
        f = make()
        """
    agrees(source, *SEVEN, native=3)


LOOKS = {
    "list": "L.append(1); L.pop(); L[0] = 'x'; L.sort(key=str); return len(L)",
    "index": "return L[1:], L[::-1], L.index(2.0), L.count(3), L * 2, [0] + L, L + [1], L == [1]",
    "star": "return [*L], {**D}, max(*L[1:]), dict(D), list(L), tuple(L), sorted(D), len(D)",
    "unpacking": "x, *rest = L; (y, z) = L[1:]; return x * y, rest, z",
    "equality": "return L == L, D == dict(D), L != [1], not L, bool(D), L is not D, L is L",
    "types": "return type(L), isinstance(D, dict), isinstance(L, (list, tuple)), type(L) is list",
    "match": "\n    match L:\n        case [x, y, z]: return x * y\n    match D:\n"
    "        case {'k': k, **rest}: return k, rest",
    "numpy": "return np.stack([L[0], D['w']]), np.array([L[1], L[2]]), np.sum(L[1:]), "
    "np.shape(L[1:])",
    "text": "return f'{L[1]} {D[chr(107)]}', str(L[1:]), repr(D['n']), "
    "'-'.join([str(v) for v in L[1:]])",
    "errors": "\n    for g in (lambda: L[99], lambda: D['none'], lambda: L.remove(77)):\n"
    "        try: g()\n        except (IndexError, KeyError, ValueError) as e: L.append(str(e))",
    "pop from empty": "\n    try: Q.pop()\n    except IndexError as e: return str(e), len(Q)",
    "delete items": "L.append(1); del L[0], L[-1]; L[:1] = [5, 6]; L[5:] = (a,); del L[1:2]",
    "operators": "global S, CC\n    S |= {5}; S -= {1}; CC += CC; CC |= {'b': 9}; L.__iadd__([1])",
    "imul": "global L\n    L *= 2",
    "views": "k = D.keys(); D['new'] = 1; return list(k), len(k), [*D.items()]",
    "mutation in a loop": "\n    for v in L:\n        if len(L) < 6: L.append(v)",
    "copies": "import copy; return L.copy(), D.copy(), copy.copy(L), L[:], list(Q)",
    "a set is read": "return 1 in S, len(S), sorted(S)",
    "a deque is read": "Q.append(1); return Q[0], len(Q), [*Q], Q.maxlen, Q.popleft()",
    "a user's hash": "D[Key()] = 1; return D[Key()]\n\nclass Key:\n"
    "    def __hash__(self): return 1\n    def __eq__(self, o): return True",
    "a user's text": "D[T('k')] = a[0]; return D['k'], len(D)\n\nclass T(str):\n"
    "    def __hash__(self): return hash('k')",
    "unhashable": "\n    try: D[[1]] = 2\n    except TypeError as e: return str(e)",
    "unknown code": "import json; return json.dumps(L[1:]), json.dumps([D['k']]), L.append(2)",
    "unknown code changes": "import heapq; heapq.heappush(L, 9.0) if False else L.append(9); "
    "heapq.heapify(l := [3, 1]); L.append(l); heapq.heappush(l, 0); return L[-1]",
    "popitem": "D['z'] = a; return D.popitem(), D.popitem()",
    "class attributes hide": "c.count = 5; C.count = 7; return c.count, C.count, C().count",
}  # fmt: skip


@pytest.mark.parametrize("what", LOOKS)
def test_what_is_looked_at_is_what_is_there(what: str) -> None:
    agrees(f"{STATE}\ndef f(a):\n    {LOOKS[what]}\n", *SEVEN)


CHANGES = [
    "L.append(7)", "L.clear(); L += [np.zeros(6), 1.0, 4]", "L[0] = 5", "L = [1.0, 2.0, 3.0]",
    "D['k'] = 3", "D['k'] = np.ones(6)", "D.clear()", "D['c'] = np.ones(6)", "D['zz'] = 1",
    "c.n = 10", "c.w = np.zeros(6)", "c = C()", "C.count = 100", "N = 5.5", "total = 1",
    "c.nothing = 1",
    "C.p = 3", "c.history = c.history * 2", "space = c", "M.n = 3.0", "CD.clear()", "CC.clear()",
    "D = CD", "L = D['l'] = [1.0, 2.0, 3.0]", "D['l'] = L", "S = {9}",
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_changes_from_elsewhere_are_seen(change: str) -> None:
    changed = set(re.findall(r"\b(?:[A-Z]+|[a-z]{1}|space|total)\b", change))
    for what, body in NATIVE.items():
        if not changed & set(re.findall(r"\b\w+\b", body)):
            continue
        source = f"{STATE}\ndef f(a):\n    {body}\n"
        try:
            agrees(source, call(X), call(X), call(X), after(change, X), call(X), call(X))
        except AssertionError as error:
            raise AssertionError(f"{what} after {change}: {error}") from error


def test_two_containers_that_become_one() -> None:
    source = """
        A, B = [1.0], [2.0]
        def f(a):
            A.append(5.0)
            return a * B[-1], len(B)
        """
    agrees(source, call(X), call(X), after("B = A", X), call(X), after("B = [4.0]", X), call(X))


def test_two_objects_that_become_one() -> None:
    source = """
        class C: pass
        c, d = C(), C()
        c.n, d.n = 1, 2
        def f(a):
            c.n += 10
            return a * d.n
        """
    agrees(source, call(X), call(X), after("d = c", X), call(X), after("d = C(); d.n = 3", X))


def test_keys_that_are_members_of_enums() -> None:
    source = """
        import enum
        class K(enum.Enum): X, Y = 1, 2
        __d, k = {K.X: 1.0, K.Y: 20.0}, K.X
        def f(a):
            __d[k] += 1
            return a * __d[k], k in __d
        """
    calls = [call(X), call(X), after("k = K.Y", X), call(X), after("k = K.X", X), call(X)]
    assert not agrees(source, *calls, native=1).compiled.fallbacks


def test_keys_that_are_objects() -> None:
    source = """
        class Key: pass
        one, two = Key(), Key()
        __d, k = {one: 3.0, two: 40.0}, one
        def f(a): return a * __d[k]
        """
    agrees(source, call(X), call(X), after("k = two", X), call(X))


def test_arguments_that_are_one_list() -> None:
    source = "def f(a, l, m): l.append(a[0]); m[0] = 3; return len(m), l[0]"
    one = [1.0, 2.0]
    agrees(source, (X, [1.0], [2.0]), (X, one, one), (X, [1.0, 2.0, 3.0], [2.0]), (X, one, one))


def test_a_list_that_grows_needs_no_new_trace() -> None:
    history: list[Any] = []

    @tg.compile(strict=True)
    def step(w: Any) -> Any:
        history.append(w.sum())
        return w * 0.5

    w = np.ones(3)
    for _ in range(100):
        w = step(w)
    assert len(step.traces) == 1
    np.testing.assert_array_equal(history, 3 * 0.5 ** np.arange(100))


def test_a_list_that_grows_and_is_looked_at_gets_few_traces() -> None:
    history: list[Any] = []

    def step(w: Any) -> Any:
        history.append(w.sum())
        return sum(history) * w

    compiled = tg.compile(step)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(20):
            compiled(X)
    assert len(history) == 20
    assert len(compiled.traces) <= 10
    assert "grows from call to call" in compiled.fallbacks[0].reason


def test_a_cache_of_one_key_is_not_concerned_by_others() -> None:
    cache: dict[Any, Any] = {}

    @tg.compile(strict=True)
    def scaled(a: Any) -> Any:
        if a.shape not in cache:
            cache[a.shape] = np.arange(a.size) * 2.0
        return a * cache[a.shape]

    for n in (2, 3, 2, 3, 4, 2, 3):
        np.testing.assert_array_equal(scaled(np.ones(n)), np.arange(n) * 2.0)
        cache[f"other {n}"] = 1
    assert len(scaled.traces) <= 8


def test_a_derivative_goes_through_what_was_stored() -> None:
    kept: list[Any] = []
    table: dict[str, Any] = {}

    def loss(w: Any) -> Any:
        kept.append(w * 2)
        table["k"] = kept[-1] * w
        return table["k"].sum()

    for gradient in (tg.grad(loss), tg.compile(tg.grad(loss))):
        for k in (1.0, 2.0, 3.0):
            np.testing.assert_allclose(gradient(np.full(3, k)), 4 * np.full(3, k))
    assert len(kept) == 6
    assert all(type(one) is np.ndarray for one in kept)
    assert type(table["k"]) is np.ndarray
