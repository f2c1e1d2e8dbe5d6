"""Long chains of dependent operations: constants from a table, wide vectors, the same bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.codegen.harness import Runner, compiled
from tracegraph.ir.graph import Value
from tracegraph.ir.ops.arithmetic import add, multiply
from tracegraph.ir.ops.broadcast import scalar_like, spread, sum_
from tracegraph.ir.ops.exponential import exp
from tracegraph.ir.sizes import symbol
from tracegraph.ir.types import DTYPES, ArrayType

TERMS = 40
TABLE = "@k0.table"


def horner(x: Any, terms: int = TERMS) -> Any:
    """Return a polynomial of ``x``, a value of a graph or an array."""
    total = x
    for k in range(terms):
        if isinstance(x, np.ndarray):
            total = total * x + x.dtype.type(k + 2)
        else:
            total = add(multiply(total, x), constant(x, k + 2))
    return total


def constant(x: Value, number: int) -> Value:
    return spread(scalar_like(x, number), x.shape)


def samples(name: str, length: int) -> Any:
    return np.random.default_rng(0).uniform(-2, 2, length).astype(DTYPES[name])


@pytest.mark.parametrize("name", ["f64", "f32", "i64", "i32", "u8"])
@pytest.mark.parametrize("length", [1, 3, 31, 32, 100, 257])
def test_a_chain_has_the_bits_of_numpy(name: str, length: int) -> None:
    x = samples(name, length)
    runner = compiled(horner, ArrayType(DTYPES[name], (length,)))
    np.testing.assert_array_equal(runner(x)[0], horner(x))
    assert (TABLE in runner.text) == (length > 3)


@pytest.mark.parametrize("length", [0, 1, 5, 32, 33, 300])
def test_a_chain_of_any_length(length: int) -> None:
    runner = compiled(horner, ArrayType(DTYPES["f64"], (symbol("n"),)))
    x = samples("f64", length)
    np.testing.assert_array_equal(runner(x)[0], horner(x))


def uses_table(function: Any) -> bool:
    runner: Runner = compiled(function, ArrayType(DTYPES["f64"], (256,)))
    return TABLE in runner.text


def test_only_long_chains_use_a_table() -> None:
    assert not uses_table(lambda x: horner(x, 5))
    assert not uses_table(lambda x: exp(x))
    assert not uses_table(lambda x: sum_(horner(x), axes=(0,)))
