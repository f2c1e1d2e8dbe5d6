"""Least squares, by the kernel of ``numpy.linalg.lstsq``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracegraph.ir.graph import Op, Tangent, Value
from tracegraph.ir.lowering import CALLOUT
from tracegraph.ir.ops.arithmetic import add_tangents, multiply, negative, subtract, times
from tracegraph.ir.ops.broadcast import batched_alike, sum_
from tracegraph.ir.ops.complexes import conjugate
from tracegraph.ir.ops.compose_linalg import (
    adjoint,
    check_matrices,
    part_of,
    products,
    real_part,
    results_of,
)
from tracegraph.ir.ops.decompose import singular_values_tangent
from tracegraph.ir.ops.family import type_error
from tracegraph.ir.ops.linalg import matmul
from tracegraph.ir.ops.solve import pinv, without
from tracegraph.ir.sizes import Dim, minimum
from tracegraph.ir.types import BOOL, DTYPES, ArrayType, TupleType, array_type

RANK = DTYPES["i32"]


def _lstsq_type(a: ArrayType, b: ArrayType, *, rcond: float, residuals: Dim) -> TupleType:
    del rcond
    check_matrices("lstsq", a)
    if a.ndim != b.ndim or a.dtype != b.dtype or a.shape[:-1] != b.shape[:-1]:
        raise type_error("lstsq", "[*batch, m, n] and [*batch, m, k] of one dtype", a, b)
    *batch, m, n = a.shape
    part = part_of(a.dtype)
    return TupleType(
        (
            ArrayType(BOOL, tuple(batch)),
            a.with_shape((*batch, n, b.shape[-1])),
            ArrayType(part, (*batch, residuals)),
            ArrayType(RANK, tuple(batch)),
            ArrayType(part, (*batch, minimum(m, n))),
        )
    )


def _lstsq_eager(a: Any, b: Any, *, rcond: float, residuals: int) -> tuple[Any, ...]:
    types = _lstsq_type(array_type(a), array_type(b), rcond=rcond, residuals=residuals).items
    results = tuple(np.zeros(tuple(map(int, t.shape)), t.dtype) for t in types)  # type: ignore[arg-type]  # all are ints here
    is_same, x, rest, rank, values = results
    for at in np.ndindex(a.shape[:-2]):
        x[at], found, rank[at], values[at] = np.linalg.lstsq(a[at], b[at], rcond)
        is_same[at] = found.shape == rest.shape[-1:]
        if is_same[at]:
            rest[at] = found
    return results


def _lstsq_jvp(
    primals: Sequence[Value],
    tangents: Sequence[Tangent],
    out: Value,
    *,
    rcond: float,
    residuals: Dim,
) -> Any:
    """The solution is the pseudo-inverse times b; singular values change as those of ``svd``."""
    (a, b), (da, db) = primals, tangents
    x = results_of(out)[1]
    inverse = pinv(a, rcond=rcond)
    rest = subtract(b, matmul(a, x))
    dx = None if db is None else matmul(inverse, db)
    values = None
    if da is not None:
        turned, twice = adjoint(da), matmul(inverse, adjoint(inverse))
        dx = add_tangents(dx, negative(products(inverse, da, x)))
        dx = add_tangents(dx, products(twice, turned, rest))
        beside = matmul(without(matmul(inverse, a)), turned)
        dx = add_tangents(dx, products(beside, adjoint(inverse), x))
        values = singular_values_tangent(a, da)
    squares = None
    if residuals != 0:
        moved = add_tangents(db, None if da is None else negative(matmul(da, x)))
        assert moved is not None
        # The residual is orthogonal to what a change of the solution adds.
        squares = times(sum_(real_part(multiply(conjugate(rest), moved)), axes=(a.ndim - 2,)), 2)
    return [None, dx, squares, None, values]


def _lstsq_batch(
    operands: Sequence[Value], batched: Sequence[bool], size: Dim, **attrs: Any
) -> Any:
    return results_of(lstsq(*batched_alike(operands, batched, size), **attrs))


lstsq: Op = Op(
    name="lstsq",
    type_rule=_lstsq_type,
    eager=_lstsq_eager,
    lower=CALLOUT,
    jvp=_lstsq_jvp,
    transpose=None,
    batch=_lstsq_batch,
)
"""``lstsq(a, b, rcond=, residuals=)``: solution, residuals, rank and singular values.

Before them stands whether there are as many ``residuals`` as was said; NumPy gives none of a
matrix that has not the full rank.
"""

OPS = (lstsq,)
