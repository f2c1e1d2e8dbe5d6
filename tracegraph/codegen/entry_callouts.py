"""Calling Python from an entry: eager kernels, and ``np.matmul`` where there is no BLAS."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tracegraph.codegen.plan import CalloutStep
from tracegraph.ir.errors import GraphError
from tracegraph.ir.graph import Op
from tracegraph.ir.ops.linalg import Zeros, matmul
from tracegraph.ir.record import record
from tracegraph.ir.size_values import attr_symbols, concrete
from tracegraph.ir.sizes import Symbol
from tracegraph.ir.types import ArrayType


@record
class EagerKernel:
    """Calls the eager kernel of an operation; the arrays that it returns are as promised.

    It is called with the operands, then with the values of ``symbols`` as ints. The result is
    always a tuple of exact, C-contiguous ndarrays whose dtype and rank are right; shapes are
    checked natively.
    """

    op: Op
    attrs: tuple[tuple[str, Any], ...]
    symbols: tuple[Symbol, ...]
    types: tuple[ArrayType, ...]

    def __call__(self, *given: Any) -> tuple[np.ndarray[Any, Any], ...]:
        operands, attrs = given, dict(self.attrs)
        if self.symbols:
            count = len(given) - len(self.symbols)
            values = dict(zip(self.symbols, given[count:], strict=True))
            operands = given[:count]
            attrs = {
                name: value if name == self.op.counts else concrete(value, values)
                for name, value in self.attrs
            }
        made = self.op.eager(*operands, **attrs)
        results = made if isinstance(made, (tuple, list)) else (made,)
        if len(results) != len(self.types):
            raise GraphError(f"the eager kernel of {self.op.name} gave {len(results)} results")
        arrays = map(self._conforming, results, self.types)
        return tuple([_apart(array, operands) for array in arrays])

    def _conforming(self, result: Any, type: ArrayType) -> np.ndarray[Any, Any]:
        array = np.asarray(result)
        if array.dtype != type.dtype or array.ndim != type.ndim:
            raise GraphError(
                f"the eager kernel of {self.op.name} was to give {type}, "
                f"got {array.dtype} of shape {array.shape}"
            )
        flags = array.flags
        if flags.c_contiguous and flags.aligned and array.__class__ is np.ndarray:
            return array
        return np.require(array, type.dtype, ["C_CONTIGUOUS", "ALIGNED"])

    def complain(self, array: np.ndarray[Any, Any]) -> None:
        """Raise the error for a result of the wrong shape."""
        promised = ", ".join(map(str, self.types))
        raise GraphError(
            f"the eager kernel of {self.op.name} was to give {promised}, got shape {array.shape}"
        )


def _apart(
    array: np.ndarray[Any, Any], operands: Iterable[np.ndarray[Any, Any]]
) -> np.ndarray[Any, Any]:
    """Return an array that stays what it is when the memory of operands is used again."""
    shared = any([np.may_share_memory(array, operand) for operand in operands])
    return array.copy() if shared else array


def eager_kernel(step: CalloutStep) -> EagerKernel:
    """Return the function that a callout calls."""
    known = [value for name, value in step.attrs if name != step.op.counts]
    needed = dict.fromkeys(s for value in known for s in attr_symbols(value))
    return EagerKernel(step.op, step.attrs, tuple(needed), step.types)


@record
class MatmulInto:
    """Computes ``c[:] = a @ b``, with the zeros that win."""

    zeros: Zeros

    def __call__(
        self, a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], c: np.ndarray[Any, Any]
    ) -> None:
        c[...] = matmul.eager(a, b, zeros=self.zeros)
