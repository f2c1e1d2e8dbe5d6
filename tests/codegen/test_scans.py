"""Running values, native: the same bits as NumPy's, signs of zeros included."""

from __future__ import annotations

import numpy as np
import pytest

from tests.codegen.harness import compiled
from tracegraph.codegen.plan import Kernel
from tracegraph.ir.graph import Op
from tracegraph.ir.ops.scan import OPS
from tracegraph.ir.types import ArrayType

SHAPES = ((7,), (40, 5), (5, 40), (1, 3), (3, 1), (0, 4), (3, 4, 5))


@pytest.mark.parametrize("name", ["f4", "f8"])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_scans_are_kernels_with_the_bits_of_the_eager_kernel(
    op: Op, shape: tuple[int, ...], name: str
) -> None:
    rng = np.random.default_rng(0)
    terms, factors = (rng.normal(size=shape).astype(name) for _ in range(2))
    terms[rng.random(shape) < 0.4] = -0.0
    factors[rng.random(shape) < 0.2] = np.inf
    arrays = [factors, terms] if op.name == "linear_recurrence" else [terms]
    type = ArrayType(np.dtype(name), shape)
    for axis in range(len(shape)):
        runner = compiled(lambda *xs, axis=axis: op(*xs, axis=axis), *[type] * len(arrays))
        (got,), want = runner(*arrays), op.eager(*arrays, axis=axis)
        assert all(isinstance(step, Kernel) for step in runner.plan.steps)
        np.testing.assert_array_equal(got, want)
        if op.name != "linear_recurrence":  # its eager kernel has two ways to round a zero
            np.testing.assert_array_equal(np.signbit(got), np.signbit(want))
