"""Outside objects that Python asks through their own methods: what they answer is no constant."""

import numpy as np
import pytest

from tests.frontend.programs import sees

X = np.linspace(-1, 1, 6)

PROTOCOLS = {
    "a set": ("S = {1.0, 2.0}\n", ["S.add(5.0)", "S.discard(1.0)", "S = {3.0}"],
        ["len(S)", "1.0 in S", "bool(S)", "sum(S)", "sorted(S)", "S == {1.0, 2.0}", "S | {7.0}"]),
    "a frozenset": ("S = frozenset({1.0, 2.0})\n", ["S = frozenset({3.0})", "S = frozenset()"],
        ["len(S)", "1.0 in S", "bool(S)", "sorted(S)"]),
    "a deque": ("import collections\nS = collections.deque([1.0, 2.0])\n",
        ["S.append(5.0)", "S.rotate(1)", "S[0] = 9.0", "S.clear(); S.append(1.0)"],
        ["len(S)", "S[0]", "[v * 2 for v in S]", "2.0 in S", "list(S)", "max(S)"]),
    "a defaultdict": ("import collections\nS = collections.defaultdict(lambda: 2.0, j=1.0)\n",
        ["S['k'] = 5.0", "S.clear()"], ["S['k']", "len(S)", "'j' in S", "list(S)", "S.get('j')"]),
    "an OrderedDict": ("import collections\nS = collections.OrderedDict(k=2.0, j=3.0)\n",
        ["S['k'] = 5.0", "S.move_to_end('k')", "S['z'] = 1.0"],
        ["S['k']", "list(S)", "[v * 2 for v in S.values()]"]),
    "a list's subclass": ("class L(list): pass\nS = L([2.0, 3.0])\n", ["S[0] = 5.0",
    "S.append(1.)"],
        ["S[0]", "len(S)", "sum(S)", "[v for v in S]"]),
    "a dict's order": ("S = dict(k=2.0, j=3.0)\n",
        ["S['k'] = 5.0", "S['k'] = S.pop('k')", "S['z'] = 1.0"],
        ["[(k, v) for k, v in S.items()]", "list(S)", "max(S.values())"]),
    "a dict's odd keys": ("S = {0: 2.0, True: 3.0, (1, 2): 4.0, None: 5.0, 1.5: 6.0}\n",
        ["S[0] = 9.0", "S[1] = 8.0", "S[1, 2] = 7.0", "S[None] = 1.0"],
        ["S[0]", "S[True]", "S[1, 2]", "S[None]"]),
    "nested containers": ("S = {'p': [(1.0, np.ones(6)), {'q': 2.0}]}\n",
        ["S['p'][1]['q'] = 5.0", "S['p'][0] = (2.0, np.zeros(6))", "S['p'][0][1][0] = 7",
         "S['p'].insert(0, (9.0, np.ones(6)))"],
        ["S['p'][0][0]", "S['p'][0][1]", "S['p'][-1]['q']", "len(S['p'])"]),
    "an object with methods of its own": ("""
class C:
    n = 2
    def __len__(self): return self.n
    def __bool__(self): return self.n > 2
    def __contains__(self, k): return k < self.n
    def __iter__(self): return iter(range(self.n))
    def __eq__(self, other): return self.n == other
    def __lt__(self, other): return self.n < other
    def __float__(self): return float(self.n)
    def __index__(self): return self.n
    def __getitem__(self, k): return self.n * k
    def __add__(self, other): return self.n + other
    def __neg__(self): return -self.n
    def __str__(self): return f"<{self.n}>"
    def __hash__(self): return self.n
    def __call__(self): return self.n
S = C()
""", ["C.n = 4", "S.n = 0", "S = C(); S.n = 5", "C.__len__ = lambda self: 3"],
        ["len(S)", "bool(S)", "1 if S else 2", "3 in S", "list(S)", "[v for v in S]", "S == 2",
         "S < 3", "float(S)", "int(S)", "a[S]", "S[3]", "S + 1", "-S", "str(S)", "f'{S}'",
         "hash(S)", "S()", "[1, 2, 3, 4, 5, 6][S]", "range(S)", "not S", "sum(S)",
         "max(S, default=0)",
         "{S: 1}[S]", "S in [2, 5]", "np.zeros(S)"]),
    "an object that NumPy asks": ("""
class C:
    n = np.ones(6)
    def __array__(self, dtype=None, copy=None): return self.n
S = C()
""", ["C.n = np.zeros(6)", "S.n = np.zeros(6)", "C.n[0] = 5"],
        ["np.asarray(S)", "np.multiply(a, S)", "np.array([S.n, a])", "a + S"]),
    "an object that answers operators": ("""
class C:
    n = 2.0
    __array_ufunc__ = None
    def __radd__(self, other): return other + self.n
S = C()
""", ["C.n = 0", "S.n = 5.0"], ["a + S", "2.0 + S", "a.sum() + S"]),
    "an iterator": ("S = iter([float(i) for i in range(40)])\n", ["next(S)"],
        ["next(S)", "[next(S), next(S)]", "[x * y for x, y in zip(a[:2], S)]"]),
    "a counter": ("import itertools\nS = itertools.count()\n", ["next(S)"], ["next(S)"]),
    "a generator": ("""
def g():
    n = 0
    while True:
        n += 1
        yield n
S = g()
""", ["next(S)"], ["next(S)", "[next(S), next(S)]"]),
    "a range": ("S = range(3)\n", ["S = range(4)"], ["[v for v in S]", "len(S)", "2 in S"]),
    "bytes": ("S = b'abc'\n", ["S = b'xyz!'"], ["S[0]", "len(S)", "b'a' in S"]),
    "a bytearray": ("S = bytearray(b'abc')\n", ["S[0] = 1", "S.append(3)"], ["S[0]", "len(S)",
    "sum(S)"]),
    "a fraction": ("from fractions import Fraction\nS = Fraction(1, 2)\n", ["S = Fraction(3, 4)"],
        ["float(S)", "S * 2", "S.numerator"]),
    "a decimal": ("from decimal import Decimal\nS = Decimal('0.5')\n", ["S = Decimal('2')"],
        ["float(S)", "S * 2"]),
    "a date": ("import datetime as dt\nS = dt.date(2020, 1, 1)\n", ["S = dt.date(2021, 2, 3)"],
        ["S.year", "S == dt.date(2020, 1, 1)", "S.isoformat()"]),
    "a mapping view": ("D = {'k': 1.0}\nS = D.values()\n", ["D['k'] = 2.0", "D['j'] = 3.0"],
        ["list(S)", "len(S)", "sum(S)"]),
    "a memoryview": ("B = np.ones(3)\nS = memoryview(B)\n", ["B[0] = 5"], ["S[0]", "len(S)",
    "list(S)"]),
    "array.array": ("import array\nS = array.array('d', [1.0, 2.0])\n", ["S[0] = 5.0"],
        ["S[0]", "sum(S)", "np.asarray(S)"]),
    "a weak reference": ("import weakref\nclass C: k = 1.0\nc = C(); d = C(); d.k = 3.0\n"
    "S = weakref.ref(c)\n",
        ["c.k = 2.0", "S = weakref.ref(d)"], ["S().k"]),
    "a context variable": ("import contextvars\nS = contextvars.ContextVar('s', default=2.0)\n",
        ["S.set(5.0)"], ["S.get()"]),
}  # fmt: skip
PROTOCOL_CASES = [(n, s, c, r) for n, (s, cs, rs) in PROTOCOLS.items() for r in rs for c in cs]


@pytest.mark.parametrize(
    ("source", "read"),
    dict.fromkeys((s, r) for _, s, _, r in PROTOCOL_CASES),
    ids=dict.fromkeys(f"{n}: {r}" for n, _, _, r in PROTOCOL_CASES),
)
def test_what_an_object_answers_is_asked_at_every_call(source: str, read: str) -> None:
    whole = f"{source}\ndef f(a): return a * 2, {read}"
    for change in [c for _, s, c, r in PROTOCOL_CASES if (s, r) == (source, read)]:
        try:
            sees(whole, change, X)
        except AssertionError as error:
            raise AssertionError(f"after {change}: {error}") from error
