"""Sizes are symbols end to end: 10, 20, then 30 rows compile nothing for the third."""

import warnings
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import after, agrees
from tests.frontend.support import Call, Counted, agree, made

X = np.linspace(-1, 1, 6)


def writes(a: Any) -> Any:
    a[0] = 9
    a += 1
    return a.sum()


SIZED: dict[str, Any] = {
    "elementwise": lambda a: a * 2 + 1,
    "a reduction": lambda a: (a.sum(), a.mean(0), a.max(1)),
    "a mean by hand": lambda a: a.sum(0) / len(a),
    "a normalisation": lambda a: (a - a.mean(0)) / (a.std(0) + 1),
    "a softmax": lambda a: (
        np.exp(a - a.max(1, keepdims=True))
        / np.exp(a - a.max(1, keepdims=True)).sum(1, keepdims=True)
    ),
    "a product": lambda a: a @ np.ones((3, 2)),
    "a gram matrix": lambda a: a.T @ a,
    "a slice": lambda a: a[1:] - a[:-1],
    "the last row": lambda a: a[-1],
    "halves": lambda a: a[: len(a) // 2],
    "a reshape": lambda a: a.reshape(-1),
    "a reshape by sizes": lambda a: a.reshape(a.shape[1], a.shape[0]),
    "zeros": lambda a: np.zeros(a.shape) + np.ones_like(a),
    "an arange": lambda a: np.arange(len(a))[:, None] * a,
    "concatenation": lambda a: np.concatenate([a, a]),
    "stacking": lambda a: np.stack([a, a * 2], 1),
    "the size": lambda a: (len(a), a.shape, a.size, a.shape[0] * 2 + 1),
    "writes": writes,
    "tanh loss": tg.grad(lambda a: np.mean(np.tanh(a @ np.full(3, 0.1)) ** 2)),
    "a gradient": tg.grad(lambda a: (a**2).sum()),
    "a gradient of a mean": tg.grad(lambda a: (a**2).sum() / len(a)),
    "value and gradient": tg.value_and_grad(lambda a: np.mean(a**3)),
    "vmap": tg.vmap(lambda r: (r**2).sum()),
    "vmap of a gradient": tg.vmap(tg.grad(lambda r: (r**2).sum())),
    "gradient of a vmap": tg.grad(lambda a: tg.vmap(lambda r: r @ r)(a).sum()),
    "a branch by size": lambda a: a * 2 if len(a) > 5 else a * 3,
}


@pytest.mark.parametrize("what", [what for what in SIZED if what != "halves"])
def test_ten_twenty_thirty_rows_compile_nothing_for_the_third(what: str) -> None:
    function = SIZED[what]
    rows = {n: np.linspace(-1, 1, 3 * n).reshape(n, 3) for n in (10, 20, 30, 7, 100)}
    compiled = Counted(function)
    compiled(rows[10].copy())
    compiled(rows[20].copy())
    for n in (30, 7, 100, 10, 20):
        before = compiled.slow
        expected, got = function(rows[n].copy()), compiled(rows[n].copy())
        assert compiled.slow == before, f"{n} rows: {compiled.compiled.fallbacks}"
        for one, other in zip(leaves(expected), leaves(got), strict=True):
            assert type(one) is type(other)
            np.testing.assert_allclose(other, one, rtol=1e-12, atol=1e-14)


def leaves(value: Any) -> list[Any]:
    if isinstance(value, tuple):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


@pytest.mark.parametrize("what", SIZED)
def test_sizes_zero_and_one_and_other_layouts(what: str) -> None:
    function = SIZED[what]
    calls: list[Call | tuple[Any, ...]] = [
        (np.linspace(0.5, 2, 3 * n).reshape(n, 3),) for n in (4, 6, 1, 2, 5, 1, 8)
    ]
    calls += [(np.asfortranarray(np.ones((n, 3))),) for n in (4, 5, 6)]
    with np.errstate(all="ignore"):
        agree(made(function), *calls)


def test_two_sizes_that_are_equal_by_chance() -> None:
    def add(a: Any, b: Any) -> Any:
        return a[: len(b)] + b[: len(a)], a.shape == b.shape

    shapes = [(3, 3), (4, 4), (5, 5), (3, 5), (5, 3), (6, 6), (1, 4), (4, 1), (7, 2)]
    agree(made(add), *[(np.ones(n), np.ones(m)) for n, m in shapes * 2])


def test_broadcasting_that_depends_on_sizes() -> None:
    shapes = [(3, 3), (4, 4), (5, 1), (1, 5), (3, 1), (6, 6), (6, 1), (1, 1), (7, 7), (2, 3)]
    agree(made(lambda a, b: a + b), *[(np.ones(n), np.ones(m)) for n, m in shapes * 2])


def test_sizes_of_containers() -> None:
    agree(made(lambda items: [v * 2 for v in items]), *[([X] * n,) for n in (1, 2, 3, 0, 2, 5)])
    agree(
        made(lambda d: {k: v * 2 for k, v in d.items()}),
        *[({c: X for c in s},) for s in ("ab", "a", "abc", "ba", "ab")],
    )


def test_captured_sizes() -> None:
    source = "W = np.ones((3, 2))\ndef f(a): return a @ W, W.shape[1] * len(a)"
    agrees(
        source, (np.ones((4, 3)),), (np.ones((5, 3)),), (np.ones((6, 3)),),
        after("W = np.ones((3, 4))", np.ones((7, 3))),
        (np.ones((8, 3)),), after("W = np.ones((3, 5))", np.ones((2, 3))), (np.ones((9, 3)),),
    )  # fmt: skip


def test_python_ints_become_symbols() -> None:
    compiled = Counted(lambda a, n: a * n + n)
    for n in (2, 3):
        compiled(X, n)
    for n in (4, 5, 100, 2):
        assert compiled.is_native(X, n)
        np.testing.assert_array_equal(compiled(X, n), X * n + n)


def test_nested_compiled_functions() -> None:
    inner = tg.compile(lambda a, k=2.0: a * k if a.sum() > 0 else a - k)
    outer = Counted(lambda a: inner(inner(a), k=a[0]) + inner(a))
    for value in (X + 1, X - 1, X + 1, X - 1):
        np.testing.assert_allclose(outer(value), outer.compiled.eager(value), rtol=1e-13)
    assert outer.is_native(X + 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(inner(X + 1), (X + 1) * 2)


def test_an_axis_of_length_one_may_have_any_stride() -> None:
    """In an array in Fortran's order, whose strides follow from its shape otherwise."""
    first = np.ones((2, 2, 1)).transpose(2, 0, 1)
    second = np.arange(12.0).reshape(3, 1, 4).transpose(2, 0, 1)
    assert second.flags.f_contiguous
    assert second.strides[2] != second.nbytes
    double = Counted(lambda x: x * 2)
    for x in (first, second, second[:2].copy("F"), second):
        double(x)
        np.testing.assert_array_equal(double(x), x * 2)
        assert double(x).strides == (x * 2).strides
        assert double.is_native(x)
