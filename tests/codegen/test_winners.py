"""argmax and argmin of small integers go by blocks: the first winner of the first block."""

from __future__ import annotations

import numpy as np
import pytest

from tests.codegen.harness import compiled
from tracegraph.codegen.loops.winners import BLOCK, winners
from tracegraph.codegen.plan import Kernel
from tracegraph.ir.graph import Op
from tracegraph.ir.loop_interpret import interpret_loops
from tracegraph.ir.loop_verify import verify_loops
from tracegraph.ir.ops.reduce import argmax, argmin
from tracegraph.ir.sizes import symbol
from tracegraph.ir.types import DTYPES, ArrayType

LENGTHS = (1, 5, BLOCK, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 77)


def samples(name: str, length: int) -> np.ndarray:
    """Return values of which many are equal."""
    rng = np.random.default_rng(length)
    return rng.integers(0, 2 if name == "bool" else 100, length).astype(DTYPES[name])


@pytest.mark.parametrize("name", ["bool", "u8", "i8", "i16", "u32", "i64"])
@pytest.mark.parametrize("op", [argmax, argmin], ids=lambda op: op.name)
def test_finds_the_first_winner(op: Op, name: str) -> None:
    for length in LENGTHS:
        x = samples(name, length)
        fixed = compiled(lambda x: op(x, axes=(0,)), ArrayType(x.dtype, x.shape))
        assert fixed(x)[0] == op.eager(x, axes=(0,))


@pytest.mark.parametrize("op", [argmax, argmin], ids=lambda op: op.name)
def test_finds_the_first_winner_of_any_length(op: Op) -> None:
    free = compiled(lambda x: op(x, axes=(0,)), ArrayType(DTYPES["u8"], (symbol("n", lower=1),)))
    for length in LENGTHS:
        x = samples("u8", length)
        assert free(x)[0] == op.eager(x, axes=(0,))
        x[:] = 7
        assert free(x)[0] == 0
        x[-1] = 8 if op is argmax else 6
        assert free(x)[0] == length - 1


def test_the_rewritten_program_is_right() -> None:
    x = samples("u8", 2 * BLOCK + 3)
    (kernel,) = compiled(lambda x: argmax(x, axes=(0,)), ArrayType(x.dtype, x.shape)).plan.steps
    assert isinstance(kernel, Kernel)
    program = winners(kernel.program)
    assert len(program.body) == len(kernel.program.body) + 1
    verify_loops(program)
    memory = {"in0": x, "out0": np.zeros(1, np.int64)}
    interpret_loops(program, memory, {})
    assert memory["out0"][0] == np.argmax(x)
