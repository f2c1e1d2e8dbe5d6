"""Random draws: a compiled function draws what the plain one draws, call after call, natively."""

import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import program
from tests.frontend.random_streams import X, check, same, state_of
from tests.frontend.support import Counted
from tracegraph.ir.streams import STREAMS, stream

pytestmark = pytest.mark.slow

# -- every method -------------------------------------------------------------------------------

BOTH = """
    beta(2.0, 3.0, 4) | binomial(10, 0.3, 4) | chisquare(3.0, 4) | choice(5) | choice(5, 3)
    choice(X, 4, replace=False) | choice(X, (2, 2), p=np.abs(X) / np.abs(X).sum())
    dirichlet([1.0, 2.0, 3.0], 2) | exponential() | exponential(2.0, 4) | f(3.0, 4.0, 4)
    gamma(2.0, 3.0, 4) | geometric(0.3, 4) | gumbel(1.0, 2.0, 4) | hypergeometric(5, 6, 7, 4)
    laplace(1.0, 2.0, 4) | logistic(1.0, 2.0, 4) | lognormal(0.0, 1.0, 4) | logseries(0.5, 4)
    multinomial(10, [0.2, 0.3, 0.5], 2) | multivariate_normal(np.zeros(2), np.eye(2), 3)
    negative_binomial(5, 0.4, 4) | noncentral_chisquare(2.0, 3.0, 4)
    noncentral_f(2.0, 3.0, 1.0, 4) | normal() | normal(1.0, 2.0) | normal(X, 2.0)
    normal(0.0, 1.0, (2, 3)) | normal(X[:2, None], np.abs(X)) | pareto(3.0, 4) | permutation(6)
    permutation(X) | permutation(X.reshape(3, 2)) | poisson(3.0) | poisson(np.abs(X))
    power(3.0, 4) | random() | random(4) | rayleigh(2.0, 4) | standard_cauchy(4)
    standard_exponential(4) | standard_gamma(2.0, 4) | standard_gamma(np.abs(X)) | standard_normal()
    standard_normal(3) | standard_normal((2, 3)) | standard_t(3.0, 4)
    triangular(0.0, 1.0, 2.0, 4) | uniform() | uniform(1.0, 2.0, 4) | uniform(X, 2.0)
    vonmises(0.0, 1.0, 4) | wald(1.0, 2.0, 4) | weibull(2.0, 4) | zipf(2.0, 4)
    normal(size=0) | normal(loc=X, scale=1.0, size=(2, 6)) | choice([1, 2, 3]) | normal([1.0, 2.0])
"""
NEW = """
    integers(10) | integers(0, 10, 4) | integers(5, size=3, dtype=np.uint8, endpoint=True)
    integers(0, [3, 5, 7]) | integers(0, 2, dtype=bool, size=5) | random(4, dtype=np.float32)
    standard_normal(4, np.float32) | standard_exponential(4, method="inv") | permuted(X)
    permuted(X.reshape(2, 3), axis=1) | multivariate_hypergeometric([3, 4, 5], 6, 2)
    choice(X.reshape(2, 3), 2, axis=1, shuffle=False) | permutation(X.reshape(2, 3), axis=1)
    multivariate_normal(np.zeros(2), np.eye(2), 3, method="cholesky") | integers(3, size=(2, 2))
"""
OLD = """
    rand() | rand(3) | rand(2, 3) | randn() | randn(3) | randn(2, 3) | randint(10)
    randint(0, 10, 4) | randint(0, 255, 4, dtype=np.uint8) | random_sample() | random_sample(4)
    tomaxint(3) | random_integers(5) | randn(5), r.randn(), r.normal(0, 1, 2)
"""


def calls_of(text: str) -> list[str]:
    return [one.strip() for line in text.splitlines() for one in line.split("|") if one.strip()]


@pytest.mark.parametrize("draw", calls_of(BOTH) + calls_of(NEW))
def test_methods_of_a_generator(draw: str) -> None:
    check(f"def f(x): return r.{draw}, x * r.random(), r.{draw}")


@pytest.mark.parametrize("draw", calls_of(BOTH) + calls_of(OLD))
def test_methods_of_a_random_state(draw: str) -> None:
    check(f"r = R\ndef f(x): return r.{draw}, x * r.rand(), r.{draw}")


@pytest.mark.parametrize("draw", calls_of(BOTH) + calls_of(OLD))
def test_functions_of_the_global_state(draw: str) -> None:
    if "tomaxint" in draw:
        draw = "sample(3)"
    draw = draw.replace("r.", "np.random.")
    check(f"def f(x): return np.random.{draw}, x * np.random.rand(), np.random.ranf()")  # fmt: skip


@pytest.mark.parametrize("bits", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
@pytest.mark.parametrize("kind", ["Generator", "RandomState"])
def test_every_bit_generator(bits: str, kind: str) -> None:
    draw = "integers(9, size=3, dtype=np.uint32)" if kind == "Generator" else "randint(9, size=3)"
    source = f"""
        r = np.random.{kind}(np.random.{bits}(7))
        def f(x):
            return r.normal(), x + r.standard_normal(5).sum(), r.{draw}, r.random()
        """
    check(source, calls=8)


def test_one_draw_after_the_other_in_one_call() -> None:
    check("""
        r = np.random.default_rng(3)
        def f(x):
            y = x
            for k in range(10):
                y = y + r.normal(size=6) * r.random()
            return y
        """)


# -- where generators come from -----------------------------------------------------------------

FROM = {
    "an argument": "def f(g): return g.normal(size=3), g.random()\nARGS = (r,)",
    "two arguments": "def f(g, h): return g.normal(size=3), h.random(), g.random()\nARGS = (r, s)",
    "one generator twice": "def f(g, h): return g.random(), h.random(), g.random()\nARGS = (r, r)",
    "an argument and a global": "def f(g): return g.random(), r.random(), g.random()\nARGS = (r,)",
    "of both kinds": "def f(g, h): return g.random(), h.rand(), g.random(), h.randn()\n"
    "ARGS = (r, R)",
    "a closure": "def made(g):\n    def f(): return g.normal(size=3)\n    return f\nf = made(r)",
    "an attribute": "class C: pass\nc = C(); c.g = r\ndef f(): return c.g.normal(size=3)",
    "a method's object": """
        class C:
            def __init__(self, g): self.g = g
            def draw(self, n): return self.g.normal(size=n)
        def f(c): return c.draw(3) + c.draw(3)
        ARGS = (C(r),)
        """,
    "a list": "L = [r, s]\ndef f(): return L[0].random(), L[1].random()",
    "a dict": "def f(d): return d['g'].random(3)\nARGS = ({'g': r},)",
    "a default": "def f(x, g=r): return x * g.random(6)\nARGS = (X,)",
    "a bound method": "draw = r.normal\ndef f(): return draw(size=3) + draw(0.0, 2.0, 3)",
    "a bound method as an argument": "def f(draw): return draw(size=3)\nARGS = (r.normal,)",
    "functools.partial": "from functools import partial\nd = partial(r.normal, 1.0, 2.0)\n"
    "def f(): return d(size=2)",
    "getattr": "def f(): return getattr(r, 'normal')(size=2)",
    "a local name": "def f():\n    draw = r.normal\n    return draw(), draw(size=2)",
    "map": "def f(): return [r.random() for _ in range(3)], list(map(r.normal, [1.0, 2.0]))",
    "a bit generator": "b = np.random.PCG64(3)\ndef f(): return np.random.Generator(b).random(3)",
    "two over one bit generator": "b = np.random.PCG64(3)\n"
    "g, h = np.random.Generator(b), np.random.Generator(b)\n"
    "def f(): return g.random(), h.random(), g.random()",
    "default_rng of a generator": "def f(g): return np.random.default_rng(g).random()\nARGS = (r,)",
    "made inside": "def f(x): return np.random.default_rng(3).random(6) * x",
    "made inside, several draws": "def f():\n    g = np.random.default_rng([3, 4])\n"
    "    return g.random(2), g.normal(), g.integers(9)",
    "made inside by a number": "def f(n): return np.random.default_rng(n).random(3)\nARGS = (4,)",
    "made inside by data": "def f(n): return np.random.default_rng(n).random(3)\n"
    "ARGS = (np.int64(7),)",
    "made inside by an array": "def f(n): return np.random.default_rng(n).random(3)\n"
    "ARGS = (np.arange(3),)",
    "made of a bit generator": "def f():\n    g = np.random.Generator(np.random.Philox(3))\n"
    "    return g.random(3), g.random()",
    "a RandomState made inside": "def f():\n    g = np.random.RandomState(3)\n"
    "    return g.randn(3), g.rand()",
    "seeded again": "def f():\n    R.seed(7)\n    a = R.randn(3)\n    R.seed(a.size)\n"
    "    return a, R.rand()",
    "np.random.seed": "def f(n):\n    np.random.seed(n)\n    return np.random.randn()\nARGS = (3,)",
    "the global one and its functions": "L = np.random.mtrand._rand\n"
    "def f(): return L.rand(), np.random.rand(), L.randn(3)",
}


@pytest.mark.parametrize("way", FROM)
def test_where_a_generator_comes_from(way: str) -> None:
    check(FROM[way])


IMPORTED = "from numpy.random import default_rng, normal, randn, seed as draw\n"


def test_functions_that_are_imported_by_name() -> None:
    check(IMPORTED + "def f(x): return normal(x), randn(3), default_rng(4).random()")
    function, module = program(IMPORTED + "def f(): return draw(3)")()
    compiled = tg.compile(function)
    assert compiled() is compiled() is None
    module.run("from numpy.random import ranf as draw")
    assert compiled().shape == compiled().shape == (3,)


def test_sizes_that_are_data() -> None:
    check("def f(x):\n    n = int(x.size + x[5])\n    return r.normal(size=n), r.random((n, 2))")
    compiled = tg.compile(lambda g, n: g.random(n))
    one, other = (np.random.default_rng(3) for _ in range(2))
    for n in (np.int64(3), np.int64(3), np.int64(4), np.int64(5), np.int64(4)):
        np.testing.assert_array_equal(compiled(other, n), one.random(n))
    assert not compiled.fallbacks


def test_tensors_as_parameters() -> None:
    compiled = Counted(lambda g, t: g.normal(t, 2.0))
    one, other = (np.random.default_rng(3) for _ in range(2))
    for _ in range(3):
        same(compiled(other, tg.Tensor(X)), one.normal(X, 2.0), "a Tensor")
    assert compiled.slow == 1


def test_another_generator_at_each_call() -> None:
    compiled = Counted(lambda g, x: g.normal(size=3) + x)
    for k in range(5):
        one, other = (np.random.default_rng(k) for _ in range(2))
        np.testing.assert_array_equal(compiled(other, X[:3]), one.normal(size=3) + X[:3])
        assert one.bit_generator.state == other.bit_generator.state
    assert compiled.slow == 1


def test_another_bit_generator_is_another_trace() -> None:
    compiled = Counted(lambda g: g.normal(size=3))
    for _ in range(2):
        for name in STREAMS:
            one, other = stream(name).new(3), stream(name).new(3)
            np.testing.assert_array_equal(compiled(other), one.normal(size=3))
            np.testing.assert_equal(state_of(other), state_of(one))
    assert compiled.slow == len(STREAMS)
    assert not compiled.compiled.fallbacks


def test_two_generators_that_become_one_and_back() -> None:
    def draws(g: Any, h: Any) -> Any:
        return g.random(), h.random(), g.random()

    compiled = Counted(draws)
    for pattern in ("ab", "aa", "ab", "aa", "bb"):
        pair = {name: np.random.default_rng(ord(name)) for name in "ab"}
        twin = {name: np.random.default_rng(ord(name)) for name in "ab"}
        assert compiled(*(twin[n] for n in pattern)) == draws(*(pair[n] for n in pattern))
        for name in "ab":
            assert pair[name].bit_generator.state == twin[name].bit_generator.state
    assert compiled.slow == 2


def test_generators_that_come_to_share_their_bits() -> None:
    def draws(g: Any, h: Any) -> Any:
        return g.random(), h.standard_normal(), g.random()

    compiled = tg.compile(draws)
    for shared in (False, True, False, True):
        found = []
        for function in (draws, compiled):
            bits = np.random.PCG64(1)
            other = bits if shared else np.random.PCG64(2)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found.append(function(np.random.Generator(bits), np.random.RandomState(other)))
        assert found[0] == found[1]


def test_a_pickled_generator_goes_on_alike() -> None:
    g = np.random.default_rng(3)
    compiled = tg.compile(lambda r: r.normal(size=3))
    for _ in range(3):
        compiled(g)
    h = pickle.loads(pickle.dumps(g))
    np.testing.assert_array_equal(compiled(g), h.normal(size=3))


def test_a_generator_without_a_seed_is_another_one_at_each_call() -> None:
    compiled = Counted(lambda: np.random.default_rng().random(2))
    found = [tuple(compiled()) for _ in range(5)]
    assert len(set(found)) == 5
    assert compiled.slow == 1
    twice = tg.compile(lambda: (np.random.default_rng().random(), np.random.default_rng().random()))
    pairs = [twice() for _ in range(4)]
    assert len({x for pair in pairs for x in pair}) == 8
