"""Small programs that store, share and change what is outside, as people write them."""

import warnings
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import agrees

X = np.linspace(-1, 1, 6)

STATE = """
import collections, dataclasses, types, functools
L, D = [1.0, 2.0], {'k': 2.0, 'w': np.ones(6)}
M = types.ModuleType('M')
class C:
    n = 0
    def __init__(self): self.x = 1.0; self.l = []
c = C(); d = C()
@dataclasses.dataclass
class P:
    a: object
    b: object = None
p = P(np.ones(6), [1])
"""

PROGRAMS = {
    "return method": "return a.sum",
    "return L.append": "return L.append",
    "store method": "c.cb = L.append; c.cb(a[0]); return c.cb is not None",
    "store array method": "c.cb = a.sum; return a*1",
    "module missing": "return a * getattr(M, 'x', 2.0), hasattr(M, 'y')",
    "float index": "\n    try: return L[a[0]]\n    except TypeError as e: return str(e)",
    "map append": "list(map(L.append, a)); return len(L)",
    "dataclass store": "p.b = a.sum(); p.a = p.a + a; return p.a, p.b, p",
    "dataclass in list": "L.append(P(a * 2)); q = L[-1]; q.b = 5; return q.a, q",
    "swap": "c.l, d.l = d.l, c.l; c.l.append(1); return len(d.l)",
    "nested defs": "def g(x): L.append(x); return x\n    return [g(v) for v in a[:2]], L[-1]",
    "closure made": "k = []\n    def g(x): k.append(x); return len(k)\n    g(a); g(a[0]); "
    "L.append(k); return k",
    "lambda stored": "c.g = lambda v: v * 2; return c.g(a)",
    "inner func stored": "k = a * 2\n    def g(v): return v + k\n    c.g = g; return c.g(a)",
    "set stored": "s = {1, 2}; c.s = s; s.add(3); return len(s)",
    "set of scalars": "s = {float(a[0])}; L.append(s); return len(s)",
    "tuple of list": "l = [a]; t = (l, l); L.append(t); l.append(2); return t, l",
    "exception stored": "\n    try: raise ValueError(1)\n    except ValueError as e: "
    "L.append(e)\n    return a*1",
    "default factory": "x = collections.defaultdict(list); x['a'].append(a[0]); D['x'] = x; "
    "return x",
    "ordered": "x = collections.OrderedDict(a=a); D['x'] = x; return x",
    "del key then read": "D['z'] = 1; del D['z']\n    try: D['z']\n    except KeyError as e: "
    "return str(e)",
    "clear and len": "D.clear(); return len(D), list(D)",
    "in after write": "D['q'] = 1; return 'q' in D, 'r' in D, D.get('q')",
    "int and bool keys": "D[1] = a[0]; D[True] = a[1]; D[1.0] = a[2]; return D[1]",
    "keys of arrays": "D[float(a[0])] = 1; return len(D)",
    "slice assign": "L[:] = [a[0], 3]; return L[0], L",
    "slice del": "L.append(1); del L[1:]; return len(L)",
    "list as global rebind": "global L\n    L = L + [a[0]]; return len(L)",
    "global list then append": "global L\n    L = [a[0]]; L.append(2); g(); return L\n\ndef g(): "
    "L.append(3)",
    "global dict chain": "global D\n    D = {'k': a.sum(), **D}; return D['k']",
    "class method counter": "C.n += 1; c.n += 10; return C.n, c.n, d.n",
    "inst then class": "c.x = a[0]; C.x = 5; return c.x, C.x",
    "delete inst, class": "c.n = 7; del c.n; return c.n",
    "property shadow": "D['w'] += a; D['w'][0] = 5; return D['w']",
    "aug item arr": "D['w'] *= 2; L[0] += a[1]; return D['w'].sum() + L[0]",
    "store view": "b = a * 2; D['v'] = b[::2]; b[0] = 9; return D['v']",
    "store arg view": "D['v'] = a[1:]; a[1] = 50; return D['v'].sum()",
    "store same twice": "D['x'] = D['y'] = a * 2; D['x'][0] = 1; return D['y']",
    "pop and use": "D['w2'] = a; x = D.pop('w2'); return x * D.pop('k', 1.0)",
    "while pop": "L.extend([1, 2])\n    while L: a = a + L.pop()\n    L.append(1.0); return a",
    "enumerate store": "for i, v in enumerate(L): L[i] = v * a[0]\n    return L",
    "dict iter store": "for k in list(D): D[k] = D[k] * 2\n    return D['k']",
    "dict comp": "D.update({k: v * 2 for k, v in D.items()}); return D['k']",
    "sort outside": "L.sort(); L.reverse(); return L[0]",
    "string build": "c.text = f'{a[0]:.2f}'; D['t'] = 'x' + str(L[0]); return c.text, D['t']",
    "print container": "print(L, D['k'], c.l); L.append(2); print(L)",
    "finally effects": "\n    try:\n        L.append(1)\n        return a * L[-1]\n    finally:\n "
    "       L.append(2); c.x = 3",
    "with suppress": "import contextlib\n    with contextlib.suppress(KeyError): D['nope']; "
    "L.append(5)\n    return len(L)",
    "nullcontext": "import contextlib\n    with contextlib.nullcontext(a) as b: L.append(b[0])\n  "
    "  return L[-1]",
    "errstate": "with np.errstate(all='ignore'): D['q'] = a / 0\n    return D['q']",
    "recursion": "return g(a, 3)\n\ndef g(a, n):\n    L.append(n)\n    return a if n == 0 else "
    "g(a * 2, n - 1)",
    "memo decorator": "return h(3) * a\n\ndef memo(fn):\n    cache = {}\n    def w(k):\n        "
    "if k not in cache: cache[k] = fn(k)\n        return cache[k]\n    return w\n@memo\ndef "
    "h(k): return k * 2.0",
    "lru": "return h(3) * a\n\n@functools.lru_cache\ndef h(k): return k * 2.0",
    "state machine": "c.state = {0: 1, 1: 2, 2: 0}[getattr(c, 'state', 0)]; return a * c.state",
    "tuple key cache": "k = (a.shape, a.dtype, 'x')\n    if k not in D: D[k] = a.sum()\n    "
    "return D[k] * a",
    "dict get default list": "x = D.get('new', []); x.append(a[0]); D['new'] = x; return len(x)",
    "return stored": "c.res = [a * 2, {'k': a}]; return c.res",
    "return stored nested": "r = [a * 2]; c.res = {'r': r}; return r, c.res",
    "vars": "return vars(c)['x'] * a",
    "dict setattr": "c.__dict__['x'] = a[0]; return c.x",
    "M dict": "M.__dict__['x'] = 3; return M.x",
    "copy of outside": "l = list(L); l.append(a[0]); return l, len(L)",
    "unpack swap": "L[0], L[-1], c.x = L[-1], L[0], L[1]; return c.x",
    "array as bool in list": "return [x for x in L if x > 1], any(x > 1 for x in L)",
    "key error in middle": "L.append(1)\n    try: D['nope']\n    except KeyError: L.append(2)\n   "
    " return L[-1]",
    "flat iterate write": "for i, v in enumerate(a.flat): D[i] = v\n    return D[2]",
}  # fmt: skip

BEFORE = {
    "nothing": "",
    "a branch": "1 if a[0] > 0 else 2\n    ",
    "the end of the recording": "import time; time.time()\n    ",
    "a look, then the end": "(len(L), list(D), c.x); import time; time.time()\n    ",
}


@pytest.mark.parametrize("what", PROGRAMS)
def test_programs(what: str) -> None:
    body = PROGRAMS[what]
    declared, _, rest = body.partition("\n    ") if body.startswith("global") else ("", "", body)
    for name, before in BEFORE.items():
        source = f"{STATE}\ndef f(a):\n    {declared}\n    {before}{rest}\n"
        try:
            agrees(source, (X,), (X + 2,), (X * 3,), (X - 1,), (X,))
        except AssertionError as error:
            raise AssertionError(f"after {name}: {error}") from error


def test_containers_that_hold_themselves() -> None:
    kept: list[Any] = [1]

    def f(a: Any) -> Any:
        kept.append(kept)
        made: list[Any] = [a * 2]
        made.append(made)
        return len(kept), made

    compiled = tg.compile(f)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in range(4):
            length, made = compiled(X)
            assert length == len(kept) == k + 2
            assert kept[-1] is kept
            assert made[1] is made
            np.testing.assert_array_equal(made[0], X * 2)


def test_an_argument_of_a_derivative_is_changed() -> None:
    def loss(w: Any, log: Any = None) -> Any:
        log.append(w.sum())
        return (w * w).sum()

    log: list[Any] = []
    for gradient in (tg.grad(loss), tg.compile(tg.grad(loss))):
        for _ in range(3):
            np.testing.assert_array_equal(gradient(X, log=log), 2 * X)
    assert [type(one) for one in log] == [np.float64] * 6
