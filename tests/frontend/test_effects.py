"""Effects happen exactly once per call and in order: first call, native call, guard that fails,
exception, recording that gives up midway."""

import contextlib
import io
import logging
import random
import time
import warnings
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import agrees, program, sees
from tests.frontend.support import call

X = np.linspace(-1, 1, 6)
FOUR = [(X,), (X + 1,), (X * 2,), (X,)]
LOG = "L, D = [], {}\nclass C: pass\nc = C(); c.k = 1.0; c.n = 0; c.w = np.ones(6); c.l = []\n"

ONCE = {
    "append": "L.append(1); return a * 2",
    "append data": "L.append(a.sum()); return a * 2",
    "append and read": "L.append(a.sum()); return a * len(L), L[-1]",
    "append twice around a branch": """
        L.append(a.sum())
        if a[0] > 0: L.append(5)
        L.append(a[1]); return a * 1
        """,
    "append, then give up": """
        import time
        L.append(1); time.time(); L.append(a.sum()); L.append(len(L)); return a * len(L)
        """,
    "append arrays and views": "b = a * 2; L.append(a); L.append(a[1:]); L.append(b); "
    "L.append(b[1:]); return b",
    "append containers": "L.append([a, a * 2, (a[0], None)]); L.append({'k': a.sum()}); "
    "return a * 2",
    "append a list that grows": "l = [a * 2]; L.append(l); l.append(a.sum()); return l",
    "append text": "L.append(f'{a[0]:.2f} {a.sum()}'); return a * 2",
    "list methods": """
        L.insert(0, a[0]); L.extend([3.0, 4.0]); L.reverse(); L.pop(); L.sort(); L.remove(3.0)
        return a * L[0], list(L)
        """,
    "list items": "L.append(0); L[0] = a[0]; L[-1] += 1; return L[0] * a, len(L)",
    "list +=": "global L\n        L += [a[0]]; return len(L)",
    "del an item": "L.append(1); L.append(2); del L[0]; return a * len(L)",
    "dict store": "D['k'] = a.sum(); D['j'] = D['k'] + 1; return a * D['j'], len(D), sorted(D)",
    "dict methods": "D.update(k=a[0]); D.setdefault('n', []).append(1); D.pop('k'); "
    "return len(D['n']) * a",
    "dict counter": "D['n'] = D.get('n', 0) + 1; return a * D['n']",
    "keep the argument": "D['a'] = a; return a * 2",
    "set an attribute": "c.k = a.sum(); c.w = a * 2; c.n = 3; return c.k * c.w + c.n",
    "set an argument": "c.a = a; c.b = a[1:]; c.c = c.a.T; return a * 2",
    "set the result": "b = a * 2; c.b = b; c.v = b[1:]; return b",
    "set a new attribute": "c.new = a * 2; return c.new + 1, c.new",
    "set twice": "c.k = a.sum(); c.k = c.k * 2; return c.k",
    "set around a branch": """
        c.k = a.sum()
        if a[0] > 0: c.k = c.k + 100
        return a * 1
        """,
    "set a container": "c.l = [a * 2, {'k': a[0]}]; c.l.append(1); return c.l[0] + 1",
    "count": "c.n += 1; return a * c.n",
    "count floats": "c.k += a.sum(); return a * c.k",
    "count by setattr": "setattr(c, 'n', c.n + 1); return a * getattr(c, 'n')",
    "an attribute's list": "c.l.append(a.sum()); return len(c.l) * a",
    "an attribute's array": "c.w = c.w * 0.5 + a; return c.w.sum()",
    "an attribute's array in place": "c.w += a; c.w[0] = 9; c.w *= 2; return c.w.sum(), c.w",
    "swap attributes": "c.w, c.k = c.k, c.w; return a * 1",
    "delete an attribute": "c.z = 1; del c.z; return a * 1",
    "a class's attribute": "C.total = a.sum(); return a * C.total",
    "a class's counter": "C.n = getattr(C, 'n', 0) + 1; return a * C.n",
    "print": "print('hi', a.sum(), a[0], a.shape, f'{a[1]:.2f}'); return a",
    "print nothing of data": "print('hi'); return a",
    "print with options": "print(a.sum(), a[0], sep='|', end='\\n--'); print(); print(*a); "
    "return a * 1",
    "print containers": "print([a, a[0]], {'k': a}, (float(a[0]),)); return a * 1",
    "print dtypes and sizes": "print(a.dtype, a.shape, len(a), a.size * 2, type(a)); return a * 1",
    "print formatted": "print('%s %d' % (a[0], int(a[1])), '{:.2f}'.format(a[0]), f'{a[0]=}'); "
    "return a * 1",
    "print in a loop": "for v in a: print(v)\n        return a * 2",
    "print in a helper": "def h(v): print('h', v)\n        h(a[0]); h(a[1]); return a * 2",
    "print by map": "return list(map(print, [1, 2])), a * 2",
    "print to stderr and files": """
        import io
        b = io.StringIO(); print(a.sum(), file=b); b.write(f"{a[0]}"); return b.getvalue()
        """,
    "write to stdout": "import sys; sys.stdout.write(f'{a[0]}\\n'); print('q', file=sys.stdout); "
    "return a * 1",
    "text": """
        s = f"{a[0]:.2f}"; t = s + "x"; u = s.upper() + str(a[1]); print(s, t, u, len(s))
        return s, t, u, len(s), s * 2, s[0], s == "0.00", "1" in s, s.startswith("-"), [s], {s: 1}
        """,
    "text joined": "return ','.join([str(v) for v in a]), ','.join(map(str, a)), str([a[0]]), "
    "repr((a, 1))",
    "text formatted": "return '{} {k}'.format(a[0], k=a[1]), format(a[0], '.1f'), "
    "f'{float(a[0]):>{8}.{2}f}', '%.2f' % a[0]",
    "text to numbers": "return float(str(float(a[0]))) * 2, int(f'{int(a[1] * 3)}'), "
    "float(f'{a[0]:.1f}')",
    "text of arrays": "return np.array2string(a), np.array_str(a), np.array_repr(a), str(a), "
    "repr(a), f'{a}'",
    "a callback": "def h(v): L.append(v); return -v\n"
    "        return sorted([1, 3, 2], key=h), max([1, 2], key=h), a * 2",
    "a callback by map": "def h(v): L.append(v); return v * 2\n"
    "        return list(map(h, a)), list(filter(h, [0, 1]))",
    "a callback by reduce": "import functools\n        return functools.reduce(lambda p, "
    "q: (L.append(1), p + q)[1], [1, 2, 3]), a * 2",
    "a generator": "return any(L.append(i) or a[i] > 0 for i in range(6)), a * 2",
    "a list comprehension": "return [L.append(v) for v in a[:2]], a * 2",
    "nonlocal": "n = 0\n        def g():\n            nonlocal n\n            n += 1; "
    "return a * n\n        return g() + g(), n",
    "global": "global N\n        N = globals().get('N', 0) + 1; return a * N",
    "try and finally": "try: L.append(1); return a * 2\n        finally: L.append(2)",
    "an exception inside": "try: L.append(1); raise KeyError(L[-1])\n"
    "        except KeyError: L.append(2)\n        return a * 2",
    "an exception leaves": "L.append(a.sum()); print('x'); a[0] = 5; "
    "raise ValueError('q', a.sum(), a)",
    "an exception of NumPy leaves": "L.append(1); print('x'); a[0] = 5; c.k = 7.0; "
    "return a.reshape(7)",
    "warnings": "import warnings; warnings.warn('uh'); return a * 2",
    "a default that grows": "return g(a)\n\ndef g(a, acc=[]): acc.append(a.sum()); "
    "return a * len(acc), acc[-1]",
    "a default dict that grows": "return g(a)\n\ndef g(a, acc={}): acc[len(acc)] = 1; "
    "return a * len(acc)",
    "an array written": "W[:] = W + a; W[0] += 1; return W.sum(), W\n\nW = np.zeros(6)",
    "an array's view written": "v = V[0]; v += a; V.T[1] = 3; return v, V[1]\n\n"
    "V = np.zeros((2, 6))",
    "print between writes": "a[0] = 5; print(a); a[1] = 6; print(a); return a * 1",
    "append between writes": "L.append(a.copy()); a[0] = 5; L.append(a * 1); a *= 2; "
    "return a.sum()",
    "append then write": "b = a * 2; L.append(b); b[0] = 77; return b.sum()",
    "id and hash of objects": "L.append(id(c) == id(c)); return a * 1",
}  # fmt: skip


@pytest.mark.parametrize("what", ONCE)
def test_once_per_call(what: str) -> None:
    body = ONCE[what]
    agrees(f"{LOG}def f(a):\n        {body.strip()}\n", *FOUR)


PROTOCOL_EFFECTS = {
    "a method": ("def m(self): self.n += 1; return self.n", "c.m()"),
    "a class's counter": ("def m(self): E.n += 1; return E.n", "c.m()"),
    "a property": ("@property\n    def m(self): self.n += 1; return self.n", "c.m"),
    "__getitem__": ("def __getitem__(self, k): self.n += 1; return self.n", "c[0]"),
    "__len__": ("def __len__(self): self.n += 1; return self.n", "len(c)"),
    "__bool__": ("def __bool__(self): self.n += 1; return self.n > 2", "(1 if c else 2)"),
    "__contains__": ("def __contains__(self, k): self.n += 1; return self.n > 2", "(5 in c)"),
    "__iter__": ("def __iter__(self): self.n += 1; return iter([self.n])", "[v for v in c][0]"),
    "__eq__": ("def __eq__(self, o): self.n += 1; return self.n > 2", "(1 if c == 1 else 2)"),
    "__getattr__": ("def __getattr__(self, k): E.n += 1; return E.n * 1.0", "c.z"),
    "__call__": ("def __call__(self): self.n += 1; return self.n", "c()"),
    "__float__": ("def __float__(self): self.n += 1; return self.n * 1.0", "float(c)"),
    "__index__": ("def __index__(self): self.n += 1; return self.n", "a[c]"),
    "__str__": ("def __str__(self): self.n += 1; return str(self.n)", "len(f'{c}') * len(str(c))"),
    "__hash__": ("def __hash__(self): self.n += 1; return 1", "hash(c)"),
    "__mul__": ("__array_ufunc__ = None\n    def __rmul__(self, o): self.n += 1; return self.n",
    "(2.0 * c)"),
    "__enter__": ("def __enter__(self): self.n += 1; return self.n\n"
    "    def __exit__(self, *e): self.n += 10",
        "with_(c)"),
    "__next__": ("def __next__(self): self.n += 1; return self.n\n"
    "    def __iter__(self): return self", "next(c)"),
    "__array__": ("def __array__(self, dtype=None, copy=None): self.n += 1; "
    "return np.ones(6) * self.n",
        "np.asarray(c)"),
    "__setattr__": ("def __setattr__(self, k, v): print(k); object.__setattr__(self, k, v)",
        "setattr(c, 'q', a.sum()) or 1"),
    "__setitem__": ("def __setitem__(self, k, v): print(k)", "c.__setitem__(1, 2) or 1"),
    "__del__ of nothing": ("def m(self): self.n += 1; return [self.n]", "c.m()[0]"),
}  # fmt: skip


@pytest.mark.parametrize("what", PROTOCOL_EFFECTS)
def test_methods_that_python_calls_are_called_once(what: str) -> None:
    method, read = PROTOCOL_EFFECTS[what]
    source = f"class E:\n    n = 0\n    {method}\nc = E()\n"
    source += "def with_(c):\n    with c as k: return k\n"
    agrees(f"{source}def f(a): return a * {read}", *FOUR)


BRANCHING = """
def f(a, k):
    L.append(k); print("before", k); c.n += 1
    a[0] += 1
    if k > 0: print("pos"); a[1] += 10; c.k = k
    else: print("neg"); a[2] += 10; c.k += 1
    if a.sum() > 40: raise ValueError("large", k, a.sum())
    W[0] += a[0]
    b = a[i]
    L.append(2); c.n += 1
    return a * 1, b
W, i = np.zeros(6), np.array([1])
"""
ALTERNATING = [(X, 1.0), (X, -1.0), (X, 1.0), (X * 0 + 9, 1.0), (X, -1.0), (X + 20, -3.0), (X, 2.0)]


def test_effects_before_a_guard_that_fails_are_not_repeated() -> None:
    agrees(LOG + BRANCHING, *ALTERNATING, *ALTERNATING)


@pytest.mark.parametrize("change", ["i = np.array([9])", "c.n = 2.5", "L = [0]", "W = np.zeros(3)"])
def test_effects_before_an_error_are_not_repeated(change: str) -> None:
    sees(LOG + BRANCHING, change, X, 1.0)


def test_effects_of_a_call_that_gives_up_midway() -> None:
    source = """
        import time
        def f(a, d, l):
            d["n"] = 1; l.append(a); a[0] = 3
            print(len(l), sorted(d)); L.append(len(l))
            if flag[0]: time.sleep(0)
            d["m"] = a.sum(); l.append(2); a[1] = 4
            return d, l, len(L)
        flag, L = [False], []
        """
    agrees(source, (X, {}, []), (X, {}, []))
    agrees("flag = [True]\n" + "import textwrap\n" + program_text(source), (X, {}, []), (X, {}, []))


def program_text(source: str) -> str:
    lines = [line.removeprefix("        ") for line in source.splitlines()]
    return "\n".join(lines).replace("[False]", "[True]")


# -- the world outside ----------------------------------------------------------------------------


def draws(make: Any) -> tuple[list[Any], list[Any]]:
    """Four results of the plain and of the compiled function, each from a fresh start."""
    found = []
    for transform in (lambda f: f, tg.compile):
        random.seed(5)
        np.random.seed(5)  # noqa: NPY002  # the global state is what is tested
        function = transform(make())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append([function(X.copy()) for _ in range(4)])
    return found[0], found[1]


RANDOM = {
    "np.random.rand": "np.random.rand(6) + a",
    "np.random.normal": "np.random.normal(size=a.shape) * a",
    "np.random.seed inside": "(np.random.seed(int(a[5])), np.random.rand())[1] * a",
    "np.random.shuffle": "(np.random.shuffle(a), a * 1)[1]",
    "np.random.permutation": "a[np.random.permutation(6)]",
    "np.random.choice": "np.random.choice(a)",
    "random.random": "random.random() * a",
    "random.choice": "random.choice([1.0, 2.0, 3.0]) * a",
    "random.shuffle": "(lambda l: (random.shuffle(l), l)[1])([1, 2, 3, 4])",
    "a Generator": "G.normal(size=6) + a",
    "a Generator in place": "(G.shuffle(a), a * 1)[1]",
    "a RandomState": "R.rand(6) + a, R.permutation(3)",
    "a random.Random": "P.random() * a, P.randrange(6)",
    "a Generator made inside": "np.random.default_rng(3).random(6) + a",
    "a branch by a draw": "a * 2 if np.random.rand() > 0.5 else a",
    "uuid": "len(__import__('uuid').uuid4().hex) * a",
}


@pytest.mark.parametrize("what", RANDOM)
def test_random_draws_are_those_of_the_plain_function(what: str) -> None:
    source = "import random\nG, R, P = np.random.default_rng(3), np.random.RandomState(3), "
    source += "random.Random(3)\n"
    make = program(f"{source}def f(a): return {RANDOM[what]}")
    plain, compiled = draws(lambda: make()[0])
    for expected, got in zip(plain, compiled, strict=True):
        np.testing.assert_equal(got, expected)


def test_clocks_are_read_at_every_call() -> None:
    for read in ("time.perf_counter_ns()", "time.monotonic_ns()", "time.time_ns()"):
        clock = tg.compile(program(f"import time\ndef f(a): return {read}, a * 2")()[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seen = []
            for _ in range(4):
                seen.append(clock(X)[0])
                time.sleep(0.001)
        assert seen == sorted(set(seen))


def test_logging_at_every_call(caplog: pytest.LogCaptureFixture) -> None:
    source = "import logging\nlogger = logging.getLogger('tg-test')\n"
    source += "def f(a): logger.info('sum %s', a.sum()); return a * 2"
    function = tg.compile(program(source)()[0])
    with caplog.at_level(logging.INFO), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in range(4):
            function(np.ones(2) * k)
    assert [r.getMessage() for r in caplog.records] == [f"sum {2.0 * k}" for k in range(4)]


def test_files_are_written_at_every_call(tmp_path: Any) -> None:
    source = f"P = {str(tmp_path / 'out')!r}\n"
    source += "def f(a):\n    with open(P, 'a') as file: file.write(f'{a[0]}|')\n    return a * 2"
    function = tg.compile(program(source)()[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in range(4):
            function(np.ones(2) * k)
    assert (tmp_path / "out").read_text() == "0.0|1.0|2.0|3.0|"


def test_user_warnings_at_every_call() -> None:
    function = tg.compile(
        program("import warnings\ndef f(a): warnings.warn('uh'); return a * 2")()[0]
    )
    for _ in range(3):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            function(X)
        assert [str(w.message) for w in caught if w.category is UserWarning] == ["uh"]


def test_context_managers_are_entered_at_every_call() -> None:
    source = """
        import contextlib, threading
        lock, L = threading.Lock(), []
        @contextlib.contextmanager
        def managed():
            L.append("in")
            try: yield 2.0
            finally: L.append("out")
        class Watch:
            def __enter__(self): L.append(lock.locked()); return self
            def __exit__(self, *error): L.append(error[0] is not None); return True
        def f(a):
            with managed() as k, lock: b = a * k; L.append(lock.locked())
            with Watch(): raise ValueError(a.sum())
            return b, lock.locked()
        """
    agrees(source, *FOUR)


def test_print_goes_where_stdout_is_at_the_call() -> None:
    function = tg.compile(program("def f(a): print(a.sum()); return a * 2")()[0])
    function(X)
    for k in range(3):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            function(np.ones(2) * k)
        assert out.getvalue() == f"{2.0 * k}\n"


def test_arguments_that_are_containers_are_changed_in_place() -> None:
    source = """
        def f(a, l, d, n):
            l.append(a * 2); l[0] = a[0]; d["k"] = a; d["n"] = d.get("n", 0) + 1
            n[0].append(1); n[1]["z"] = l; n += [3]; l += [4]
            return l, d, n, len(l), d["n"]
        """
    calls = [call(X + k, [1.0, 2.0], {"n": 3}, [[], {}]) for k in range(3)]
    agrees(source, *calls)
