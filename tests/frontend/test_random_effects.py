"""Random draws among branches, writes, exceptions, transformations and threads."""

import copy
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracegraph as tg
from tests.frontend.random_streams import X, check, state_of
from tests.frontend.support import Counted

# -- effects, branches, exceptions --------------------------------------------------------------

MORE = {
    "a branch by a draw": """
        def f(x):
            if r.random() > 0.5:
                return x * r.normal()
            return x + r.integers(5)
        """,
    "several branches": """
        def f(x):
            total = 0.0
            for k in range(3):
                if r.random() > 0.5: total = total + r.normal()
            return total
        """,
    "a guard after a draw from two": """
        def f(x):
            a = r.normal(size=3); b = R.randn(3)
            return a + b if (a > b).any() else a - b
        """,
    "rejection": """
        def f(x):
            y = r.normal()
            while y < 0.0: y = r.normal()
            return y * x
        """,
    "in place": "def f(x):\n    x += r.normal(size=6)\n    x[:2] = r.random(2)\n    return x.sum()",
    "shuffle": "def f(x):\n    r.shuffle(x)\n    return x * 2, x",
    "shuffle of what is made inside": "def f(x):\n    y = x * 2\n    r.shuffle(y)\n    return y",
    "shuffle of a view": "def f(x):\n    y = x * 2\n    r.shuffle(y[1:4])\n    R.shuffle(y[::2])\n"
    "    return y",
    "shuffle of rows and columns": "def f(x):\n    y = x.reshape(2, 3) * 1\n    r.shuffle(y)\n"
    "    r.shuffle(y, axis=1)\n    return y",
    "np.random.shuffle": "def f(x):\n    np.random.shuffle(x)\n    return x * 1",
    "out": "def f(x):\n    r.random(out=x)\n    y = r.standard_normal(out=x[:3])\n"
    "    return x * 1, y",
    "out by position": "def f(x):\n    r.random(None, np.float64, x)\n    return x * 2",
    "out and parameters": "def f(x):\n    r.standard_gamma(2.0, None, np.float64, x)\n"
    "    r.standard_exponential(6, out=x)\n    r.standard_gamma(np.abs(x), out=x)\n    return x",
    "out of a part": "def f(x):\n    y = np.zeros((2, 3)); r.random(out=y[1]); return y",
    "permuted out": "def f(x):\n    y = np.zeros(6)\n    r.permuted(x, out=y)\n    return y",
    "print in between": "def f(x):\n    print(r.random())\n    return r.random()",
    "a draw that nobody uses": "def f(x):\n    r.normal(size=3)\n    return r.random() * x",
    "an attribute in between": """
        class C: pass
        c = C(); c.n = 0.0
        def f(x):
            c.n = c.n + r.random()
            return c.n * x * r.random()
        """,
    "an index": "def f(x): return x[r.integers(6)], x[r.permutation(6)], x[r.integers(6, size=3)]",
    "sizes of arrays": "def f(x): return r.normal(size=x.shape) + r.random(len(x)) * R.rand(6)",
    "a helper": "def noise(g, n): return g.normal(size=n)\n"
    "def f(x): return x + noise(r, 6) * noise(R, 6)",
}


@pytest.mark.parametrize("what", MORE)
def test_draws_among_other_things(what: str) -> None:
    by_value = what in ("several branches", "rejection", "an index")
    check(MORE[what], calls=40 if by_value else 6, native=0 if by_value else 2)


RAISING = {
    "the draw": "def f(x): return r.random(), r.normal(0.0, x)\nARGS = (-1.0,)",
    "after the draw": "def f(x):\n    y = r.random(6)\n    raise ValueError('no')",
    "caught": """
        def f(x):
            y = r.random(6)
            try:
                return r.normal(0.0, k)
            except ValueError:
                return r.random()
        k = -1.0
        """,
    "by what was drawn": """
        def f(x):
            y = r.normal()
            if y < 0.0: raise ValueError('negative')
            return r.random() * x
        """,
}


@pytest.mark.parametrize("what", RAISING)
def test_exceptions(what: str) -> None:
    check(RAISING[what], calls=12, native=0)


def test_parameters_that_turn_out_wrong_raise_in_the_users_try() -> None:
    def draws(g: Any, scale: Any) -> Any:
        first = g.random()
        try:
            return first, g.normal(0.0, scale)
        except ValueError as error:
            return first, str(error), g.random()

    compiled = tg.compile(draws)
    one, other = (np.random.default_rng(3) for _ in range(2))
    for scale in (1.0, 2.0, -1.0, 3.0, -2.0, 1.0):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert compiled(other, scale) == draws(one, scale)
        assert one.bit_generator.state == other.bit_generator.state


EAGER = {
    "its state is read": "def f(): return r.random(), r.bit_generator.state",
    "bytes": "def f(): return r.random(), r.bytes(4)",
    "spawn": "def f(): return r.random(), r.spawn(1)[0].random()",
    "get_state": "def f(): return R.rand(), R.get_state()[1].sum()",
    "set_state": "def f():\n    s = R.get_state(); a = R.rand()\n    R.set_state(s); return a",
    "a list is shuffled": "def f():\n    l = [1, 2, 3]\n    r.shuffle(l)\n    return l, r.random()",
    "an outside list is shuffled": "L = [1, 2, 3]\ndef f():\n    r.shuffle(L)\n    return list(L)",
    "one is returned twice": "def f():\n    g = np.random.default_rng(3)\n"
    "    return g, g, g.random()",
    "one without a seed is returned": "def f(): return type(np.random.default_rng())",
    "a subclass": "class G(np.random.Generator): pass\ng = G(np.random.PCG64(1))\n"
    "def f(): return g.random()",
    "random_raw": "def f(): return r.bit_generator.random_raw(2)",
    "text": "def f(): return r.choice(['a', 'b']), r.random()",
    "a RandomState and a Generator over one": "b = np.random.PCG64(3)\n"
    "g, h = np.random.Generator(b), np.random.RandomState(b)\n"
    "def f(): return g.random(), h.rand(), g.random()",
}


LEAVING = {
    "an outside one": "def f():\n    r.random()\n    return r, r.random()",
    "one that is made inside": "def f():\n    g = np.random.default_rng(3)\n"
    "    return g, g.random(3)",
    "one with a seed of data": "def f(n):\n    g = np.random.default_rng([n, 3])\n"
    "    return {'g': g, 'x': g.random(3)}\nARGS = (np.int64(4),)",
    "a RandomState": "def f():\n    g = np.random.RandomState(3)\n    return [g, g.randn(3)]",
    "a bit generator": "def f():\n    b = np.random.SFC64(3)\n"
    "    return b.__class__, np.random.Generator(b)",
    "one that is stored": """
        class C: pass
        c = C()
        def f():
            c.g = np.random.default_rng(3)
            return c.g.random()
        """,
}


@pytest.mark.parametrize("what", LEAVING)
def test_generators_among_the_results(what: str) -> None:
    check(LEAVING[what])


def test_a_returned_generator_is_whole() -> None:
    """It has the seed that it was made of, and is another one at each call."""

    def made(seed: Any) -> Any:
        g = np.random.default_rng(seed)
        return g.random(), g

    compiled = Counted(made)
    found = []
    for seed in (3, 4, 5, 6):
        (_, one), (_, other) = made(seed), compiled(seed)
        found.append(other)
        assert state_of(one) == state_of(other)
        assert one.bit_generator.seed_seq.entropy == other.bit_generator.seed_seq.entropy
        assert one.spawn(1)[0].random() == other.spawn(1)[0].random()
        assert one.normal() == other.normal()
    assert len(set(map(id, found))) == 4
    assert compiled.slow == 2


def test_a_stored_generator_goes_on() -> None:
    class Model:
        pass

    def step(model: Any, seed: int) -> Any:
        model.rng = np.random.default_rng(seed)
        return model.rng.random()

    compiled, one, other = Counted(step), Model(), Model()
    for seed in (3, 3, 3):
        assert step(one, seed) == compiled(other, seed)
        assert one.rng.random() == other.rng.random()  # type: ignore[attr-defined]
    assert compiled.slow == 1


UNSEEN = {
    "methodcaller": "from operator import methodcaller\ndef f(): return methodcaller('random')(r)",
    "attrgetter": "from operator import attrgetter\n"
    "def f(): return attrgetter('bit_generator')(r).state['state']['state']",
    "starmap": "from itertools import starmap\n"
    "def f(): return list(starmap(r.normal, [(0.0, 1.0), (2.0, 3.0)]))",
    "starmap of a partial": "from itertools import starmap\nfrom functools import partial\n"
    "def f(): return list(starmap(partial(r.normal, 1.0), [(1.0,), (2.0,)]))",
    "iter": "def f():\n    it = iter(r.random, 2.0)\n    return next(it), next(it)",
    "reduce": "from functools import reduce\n"
    "def f(): return reduce(lambda x, _: x + r.random(), range(3), 0.0)",
    "vectorize": "def f(): return np.vectorize(lambda v: v + r.random())(np.arange(3.0))",
}
"""Calls that Python's or NumPy's own code makes."""
FOLLOWED = {
    "map": "def f(): return list(map(r.normal, [1.0, 2.0])), sum(map(R.normal, [1.0, 2.0]))",
    "max": "def f(): return max([1.0, 2.0], key=lambda v: R.rand() * 0.0 + v)",
    "accumulate": "from itertools import accumulate\n"
    "def f(): return list(accumulate([1.0, 2.0], lambda p, q: p + q * r.random()))",
    "comprehensions": "def f():\n    return [r.random() for _ in range(2)], "
    "{q: r.random() for q in 'ab'}, sum(r.random() for _ in range(3))",
}


@pytest.mark.parametrize("what", UNSEEN)
def test_draws_that_nobody_sees_are_not_frozen(what: str) -> None:
    check(UNSEEN[what], native=0)


@pytest.mark.parametrize("what", FOLLOWED)
def test_draws_in_callbacks(what: str) -> None:
    check(FOLLOWED[what])


@pytest.mark.parametrize("what", EAGER)
def test_what_runs_eagerly_is_right_too(what: str) -> None:
    check(EAGER[what], native=0)


# -- whole programs -----------------------------------------------------------------------------

STATEMENTS = """
    x = x + {g}.normal(size=6) | x = x * {g}.standard_normal() | x[1:4] = {g}.uniform(size=3)
    {g}.shuffle(x) | x = {g}.permutation(x) | x = x[{g}.permutation(6)] | {g}.normal(size=2)
    if {g}.random_sample() > 0.5: x = x - 1.0 | if x.sum() > 0.0: x = x * {g}.exponential()
    if x[0] > x[1]: return x, {g}.normal() | y = {g}.normal(x, 2.0); x = np.where(y > 0, x, y)
    x += {g}.poisson(2.0, 6) | x = x + np.random.rand(6) | np.random.seed({k}); x = x * {g}.normal()
    x = x + np.random.default_rng({k}).normal(size=6) | c.n = c.n + {g}.normal(); x = x * c.n
""".replace("\n", "|")


STEPS = st.tuples(st.integers(0, 14), st.sampled_from("rsR"), st.integers(0, 3))


@given(st.lists(STEPS, max_size=6))
def test_programs_of_draws(steps: list[tuple[int, str, int]]) -> None:
    statements = [one.strip() for one in STATEMENTS.split("|") if one.strip()]
    lines = ["class C: pass", "c = C(); c.n = 1.0", "def f(x):", "    x = x * 1.0"]
    for number, g, k in steps:
        line = statements[number].format(g=g, k=k)
        if g != "R":
            line = line.replace("random_sample", "random")
        lines.append(f"    {line}")
    compiled = check("\n".join([*lines, "    return x, r.random(), R.rand()"]), calls=8, native=0)
    assert not compiled.compiled.fallbacks


# -- sizes, transformations, introspection ------------------------------------------------------


def test_sizes_that_vary_need_one_trace() -> None:
    compiled = Counted(lambda g, x: x * g.normal(size=x.shape) + g.random(len(x)))
    one, other = (np.random.default_rng(3) for _ in range(2))
    for n in (3, 4, 5, 6, 7, 8):
        x = np.ones(n)
        expected = x * one.normal(size=x.shape) + one.random(n)
        np.testing.assert_array_equal(compiled(other, x), expected)
    assert compiled.slow == 2
    counts = Counted(lambda g, n: g.standard_normal(n) + g.uniform(0.0, 1.0, (n,)))
    for n in (3, 4, 5, 6):
        expected = one.standard_normal(n) + one.uniform(0.0, 1.0, (n,))
        np.testing.assert_array_equal(counts(other, n), expected)
    assert counts.slow == 2


def test_sizes_that_a_mask_counts() -> None:
    def draws(g: Any, x: Any) -> Any:
        y = x[x > 0]
        return g.random(len(y)), y + g.normal(size=y.shape), g.normal(y, 2.0), g.permutation(y)

    compiled = Counted(draws)
    one, other = (np.random.default_rng(3) for _ in range(2))
    for seed in range(8):
        x = np.random.default_rng(seed).normal(size=10)
        for a, b in zip(draws(one, x), compiled(other, x), strict=True):
            np.testing.assert_array_equal(a, b)
        assert one.bit_generator.state == other.bit_generator.state
    assert compiled.slow == 1


def test_derivatives_by_location_and_scale() -> None:
    def loss(p: Any, g: Any) -> Any:
        return np.sum(np.sin(g.normal(p[0], p[1], 4)) * g.uniform(p[0], p[1] + 3.0, 4))

    p = np.array([0.3, 1.2])
    compiled = tg.compile(lambda p, g: tg.grad(loss)(p, g))
    one, two, three = (np.random.default_rng(3) for _ in range(3))
    for _ in range(4):
        start = copy.deepcopy(one)
        eager, native = tg.grad(loss)(p, one), compiled(p, two)
        np.testing.assert_allclose(native, eager, rtol=1e-12)
        step = 1e-6
        for k in range(2):
            up, down = (p + s * np.eye(2)[k] for s in (step, -step))
            difference = loss(up, copy.deepcopy(start)) - loss(down, copy.deepcopy(start))
            np.testing.assert_allclose(eager[k], difference / (2 * step), rtol=1e-5)
        loss(p, three)
        assert one.bit_generator.state == two.bit_generator.state == three.bit_generator.state
    assert not compiled.fallbacks


@pytest.mark.parametrize(
    "transformed",
    [
        lambda f: tg.grad(f)(X),
        lambda f: tg.value_and_grad(f)(X),
        lambda f: tg.jvp(f, (X,), (X,)),
        lambda f: tg.vjp(f, X),
        lambda f: tg.compile(tg.grad(f))(X),
    ],
    ids=["grad", "value_and_grad", "jvp", "vjp", "compiled grad"],
)
def test_a_transformation_draws_once(transformed: Any) -> None:
    one, other = (np.random.default_rng(3) for _ in range(2))
    transformed(lambda x: np.sum(x * one.random(6)) * one.random())
    other.random(7)
    assert one.bit_generator.state == other.bit_generator.state


def test_a_draw_inside_vmap_says_what_to_write() -> None:
    g = np.random.default_rng(3)
    before = g.bit_generator.state
    with pytest.raises(tg.AbstractValueError, match="draw for the whole batch before vmap"):
        tg.vmap(lambda x: x * g.random())(X)
    assert g.bit_generator.state == before


def test_a_draw_without_a_derivative_says_so() -> None:
    with pytest.raises(tg.DifferentiationError, match="standard_normal"):
        tg.grad(lambda x: np.random.default_rng(1).lognormal(x, 1.0))(0.5)
    with pytest.raises(tg.DifferentiationError, match="'gamma'"):
        tg.grad(lambda x: np.random.default_rng(1).gamma(x, 1.0))(0.5)
    with pytest.raises(tg.DifferentiationError, match="draw the indices"):
        tg.grad(lambda x: np.random.default_rng(1).permutation(x)[0])(X)


def test_looking_at_the_graph_draws_nothing() -> None:
    g = np.random.default_rng(3)
    compiled = tg.compile(lambda r: r.random(3))
    compiled(g)
    before = g.bit_generator.state
    assert "draw" in str(compiled.graph(g))
    assert "draw" in str(compiled.explain(g))
    assert g.bit_generator.state == before
