"""Symbolic integers compute as Python's integers do, whatever numbers their symbols stand for."""

from __future__ import annotations

import ast
import itertools
import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegraph.ir import sizes
from tracegraph.ir.size_values import FUNCTIONS, evaluate, hint, is_multiple, largest, substitute
from tracegraph.ir.sizes import (
    Dim,
    Size,
    Symbol,
    coefficient,
    floordiv,
    maximum,
    minimum,
    nonnegative,
    product,
    symbol,
    symbols,
)

LOWER = {"n": 0, "m": 2, "k": 1}
N, M, K = (Symbol(name, lower) for name, lower in LOWER.items())
INDEX = Symbol("i", bound=symbol("n"))  # of a loop: 0 <= i < n
n, m, k, i = (Size((((s,), 1),)) for s in (N, M, K, INDEX))

Numbers = dict[Symbol, int]
Formula = tuple[Dim, Callable[[Numbers], int]]


@st.composite
def formulas(draw: st.DrawFn, depth: int = 3) -> Formula:
    """Draw a size together with the same formula over numbers."""
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        if draw(st.booleans()):
            number = draw(st.integers(-6, 6))
            return number, lambda values: number
        atom = draw(st.sampled_from((N, M, K, INDEX)))
        return Size((((atom,), 1),)), lambda values: values[atom]
    a, of_a = draw(formulas(depth=depth - 1))
    name = draw(st.sampled_from(("add", "sub", "mul", "floordiv", "mod", "max", "min", "neg")))
    if name == "neg":
        return -a, lambda values: -of_a(values)
    if name in ("floordiv", "mod"):
        b, of_b = draw(divisors())
    else:
        b, of_b = draw(formulas(depth=depth - 1))
    ours, theirs = OPERATIONS[name]
    return ours(a, b), lambda values: theirs(of_a(values), of_b(values))


@st.composite
def divisors(draw: st.DrawFn) -> Formula:
    """Draw what is positive whatever its symbols are."""
    number = draw(st.integers(1, 5))
    found: tuple[Formula, ...] = (
        (number, lambda values: number),
        (m, lambda values: values[M]),
        (k * number, lambda values: values[K] * number),
        (n + number, lambda values: values[N] + number),
        (m * k, lambda values: values[M] * values[K]),
    )
    return draw(st.sampled_from(found))


OPERATIONS: dict[str, tuple[Callable[[Dim, Dim], Dim], Callable[[int, int], int]]] = {
    "add": (operator.add, operator.add),
    "sub": (operator.sub, operator.sub),
    "mul": (operator.mul, operator.mul),
    "floordiv": (operator.floordiv, operator.floordiv),
    "mod": (operator.mod, operator.mod),
    "max": (maximum, max),
    "min": (minimum, min),
}


@st.composite
def values(draw: st.DrawFn) -> Numbers:
    """Draw numbers that the symbols can stand for."""
    found = {N: draw(st.integers(1, 9)), M: draw(st.integers(2, 9)), K: draw(st.integers(1, 9))}
    return {**found, INDEX: draw(st.integers(0, found[N] - 1))}


def everywhere() -> list[Numbers]:
    """Return small numbers that the symbols can stand for."""
    return [
        {N: a, M: b, K: c, INDEX: d}
        for a, b, c in itertools.product((1, 2, 3, 7), (2, 3, 5), (1, 2, 4))
        for d in {0, 1, a - 1} if d < a
    ]  # fmt: skip


@given(formulas(), values())
def test_arithmetic(formula: Formula, numbers: Numbers) -> None:
    size, expected = formula
    assert evaluate(size, numbers) == expected(numbers)


@given(formulas())
def test_normal_form(formula: Formula) -> None:
    size, _ = formula
    assert isinstance(size, (int, Size))
    assert size - size == 0
    assert size + 0 == size * 1 == size
    if isinstance(size, Size):
        assert set(symbols(size))
        assert all(factor for _, factor in size.terms)
        assert size.terms == tuple(sorted(size.terms, key=sizes._term_order))


@given(formulas(), formulas(), formulas())
def test_laws_hold_by_structure(a: Formula, b: Formula, c: Formula) -> None:
    x, y, z = a[0], b[0], c[0]
    assert x + y == y + x
    assert x * y == y * x
    assert (x + y) + z == x + (y + z)
    assert x * (y + z) == x * y + x * z
    assert hash(x + y) == hash(y + x)


@given(formulas())
def test_nonnegative_is_never_wrong(formula: Formula) -> None:
    size, expected = formula
    if nonnegative(size):
        for numbers in everywhere():
            assert expected(numbers) >= 0, (size, numbers)


def test_nonnegative_sees_bounds_by_other_indices() -> None:
    inner = symbol("j", bound=n - i - 1)
    assert nonnegative(n - 2 - i - inner)
    assert nonnegative(n - 2 - inner)
    assert not nonnegative(n - 3 - i - inner)
    assert nonnegative(n - 3 - i - inner - symbol("k", bound=n - i - inner - 2))


def test_nonnegative_sees_bounds() -> None:
    assert nonnegative(m - 2)
    assert nonnegative(m * k - 2)
    assert nonnegative(n * m + 3)
    assert nonnegative(maximum(n - 5, 0))
    assert nonnegative((n + 1) // 2)
    assert not nonnegative(m - 3)
    assert not nonnegative(n - m)
    assert not nonnegative(minimum(n - 5, 0))
    assert not nonnegative(n - n // m * 3)


@given(formulas(), st.integers(1, 4), st.integers(1, 4))
def test_is_multiple_is_never_wrong(formula: Formula, times: int, divisor: int) -> None:
    size, expected = formula
    if is_multiple(size * times, divisor):
        for numbers in everywhere():
            assert expected(numbers) * times % divisor == 0, (size, numbers)


def test_is_multiple_sees_factors_and_bounds_of_blocks() -> None:
    assert is_multiple(n * 6 - m * 3, 3)
    assert is_multiple(minimum(8, 24 - 8 * n), 4)
    assert is_multiple(0, 7)
    assert not is_multiple(n * 6 - m, 3)
    assert not is_multiple(minimum(8, n), 4)
    assert not is_multiple(n * 4 // 2 + n // 4 * 1, 4)


@given(formulas(), divisors())
def test_division_cancels(formula: Formula, divisor: Formula) -> None:
    size, by = formula[0], divisor[0]
    assert (size * by) // by == size
    assert (size * by) % by == 0
    assert size // by * by + size % by == size


def test_a_quotient_of_many_terms_is_found() -> None:
    quotient = (n + m + k + i) * (n + 2 * m + 3 * k)
    assert isinstance(quotient, Size)
    assert len(quotient.terms) > 8
    assert quotient * (n + 1) // (n + 1) == quotient
    assert str((quotient * (n + 1) + m) // (n + 1)).count("floordiv") == 1


def test_an_index_that_is_split_and_joined() -> None:
    j = symbol("j", bound=m)
    flat = i * m + j
    assert flat // m == i
    assert flat % m == j
    assert (n * 4 + 3) // 4 == n
    assert (n * 4 + 5) % 4 == 1
    assert (n * m * k) // (n * m) == k
    assert str(n // 2) == "floordiv(n, 2)"


@given(formulas(), st.integers(1, 5))
def test_substitute(formula: Formula, number: int) -> None:
    size, expected = formula
    moved = substitute(size, {M: k + number})
    assert M not in set(symbols(moved))
    for numbers in everywhere()[::7]:
        assert evaluate(moved, numbers) == expected({**numbers, M: numbers[K] + number})


@given(formulas())
def test_coefficient(formula: Formula) -> None:
    size, _ = formula
    factor = coefficient(size, K)
    if factor is not None:
        assert K not in set(symbols(factor))
        assert substitute(size, {K: k + 1}) - size == factor


def test_coefficient_of_what_is_not_affine() -> None:
    assert coefficient(k * k + m, K) is None
    assert coefficient(k // 2, K) is None
    assert coefficient(maximum(k, m), K) is None
    assert coefficient(m, K) == 0
    assert coefficient(5, K) == 0


@given(formulas())
def test_text_is_an_expression_of_the_same_size(formula: Formula) -> None:
    names: dict[str, Any] = {"n": n, "m": m, "k": k, "i": i, **FUNCTIONS}
    assert _evaluate(ast.parse(str(formula[0]), mode="eval").body, names) == formula[0]


def _evaluate(tree: ast.expr, names: dict[str, Any]) -> Any:
    code = compile(ast.Expression(tree), "<size>", "eval")
    return eval(code, {"__builtins__": {}}, names)


def test_hints_and_missing_values() -> None:
    seen = symbol("a", hint=6)
    assert hint(seen * 2 + 1) == 13
    assert hint(floordiv(seen, 4)) == 1
    assert hint(seen + n) is None
    assert hint(7) == 7
    with pytest.raises(KeyError, match="needs a value for n"):
        evaluate(n + m, {M: 2})
    with pytest.raises(TypeError, match="truth of the symbolic size n"):
        bool(n)
    with pytest.raises(TypeError):
        n + 1.5  # type: ignore[operator]


def test_product() -> None:
    assert product((2, 3)) == 6
    assert product((2, n, 3)) == n * 6
    assert product(()) == 1
    assert product((n, 0)) == 0


LENGTHS: dict[str, Any] = {
    "n - i": n - i,
    "n - i - 1": n - i - 1,
    "products": i * (n - i) + m * i,
    "quotient": (i + m) // 3,
    "quotient that shrinks": (n - i) // 2 + 1,
    "larger": maximum(n - 2 * i, m) * 2,
    "smaller": minimum(i, m) - 3,
    "without": n * m - 5,
}


@pytest.mark.parametrize("name", LENGTHS)
def test_largest_is_never_exceeded(name: str) -> None:
    found = largest(LENGTHS[name], INDEX, n + 1)
    assert found is not None
    for values in itertools.product(range(6), range(2, 7)):
        sizes = dict(zip((N, M), values, strict=True))
        lengths = [
            evaluate(LENGTHS[name], {**sizes, INDEX: place}) for place in range(values[0] + 1)
        ]
        assert evaluate(found, sizes) >= max(lengths)


def test_largest_may_be_unknown() -> None:
    assert largest(floordiv(n, i + 1), INDEX, n) is None
    assert largest(minimum(i, n - 5) * m, INDEX, n) is None
