"""Covariance and correlation."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.arithmetic import subtract
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import less, less_equal
from tracegraph.ir.ops.complexes import complex_, conjugate, imag, real
from tracegraph.ir.ops.compose import take_axis
from tracegraph.ir.ops.compose_reduce import mean
from tracegraph.ir.ops.contract import matrix_product
from tracegraph.ir.ops.linalg import matrix_transpose
from tracegraph.ir.ops.power import sqrt
from tracegraph.ir.ops.reduce import any_
from tracegraph.ir.sizes import Size
from tracegraph.ir.types import FLOAT64
from tracegraph.numpy.arguments import array, dtype_argument, integer, join, reshaped, same_dtype
from tracegraph.numpy.emit import Emitter, Sym, Unsupported
from tracegraph.numpy.functions import apply_ufunc, clip
from tracegraph.numpy.manipulation import is_one
from tracegraph.numpy.reductions import sum_rule, weighted
from tracegraph.numpy.selecting import diagonal


def _variables(e: Emitter, m: Any, y: Any, rowvar: Any, dtype: Any) -> Value:
    """Return the observations, one variable a row."""
    given = [array(e, each) for each in (m, y) if each is not None]
    common = dtype_argument(dtype) or np.result_type(FLOAT64, *(each.dtype for each in given))
    rows = [
        e.cast(each if each.ndim == 2 else reshaped(each, (1, each.type.size)), common)
        for each in given
    ]
    if not rowvar:
        flat = [given[0].ndim != 2, *(is_one(e, row.shape[0]) for row in rows[1:])]
        rows = [row if f else matrix_transpose(row) for row, f in zip(rows, flat, strict=True)]
    for row in rows[1:]:
        e.must_equal(row.shape[1:], rows[0].shape[1:])
    if not e.holds(1, "<=", rows[0].shape[0]):
        raise Unsupported("no variables")
    return join(rows, 0)


def cov(
    e: Emitter,
    m: Any,
    y: Any = None,
    rowvar: Any = True,
    bias: Any = False,
    ddof: Any = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Sym:
    """The rule of ``np.cov``."""
    if fweights is not None:
        raise Unsupported("weights that are checked to be whole; give aweights")
    x = _variables(e, m, y, rowvar, dtype)
    free = integer(ddof, "ddof") if ddof is not None else 0 if bias else 1
    center, weights, total = _centered(e, x, aweights)
    freedom: Any
    if weights is None:
        freedom = x.shape[1] - free
    elif free == 0:
        freedom = Sym(total)
    else:
        freedom = _freedom(e, Sym(total), Sym(weights), free)
    do = partial(apply_ufunc, e)
    scaled = Sym(center) if weights is None else do(np.multiply, Sym(center), Sym(weights))
    turned = Sym(conjugate(matrix_transpose(scaled.value)))
    products = matrix_product(*same_dtype(e, (Sym(center), turned)))
    with np.errstate(divide="ignore"):
        factor = do(np.true_divide, 1, _nonnegative(e, freedom))
    result = e.cast(do(np.multiply, Sym(products), factor).value, products.dtype)
    return Sym(reshaped(result, tuple(dim for dim in result.shape if not is_one(e, dim))))


def _centered(e: Emitter, x: Value, aweights: Any) -> tuple[Value, Value | None, Any]:
    """Return observations without their means, their weights, and the sum of the weights."""
    if aweights is None:
        return subtract(x, _column(e, mean(x, (1,)), x)), None, None
    weights = array(e, aweights, FLOAT64)
    if x.dtype.kind == "c":
        raise Unsupported("weights of complex numbers")
    negative = less(weights, full_like(weights, 0))
    e.guard(any_(negative, axes=tuple(range(negative.ndim))), False)  # else NumPy raises
    center, totals = weighted(e, x, weights, (1,))
    total = reshaped(take_axis(totals, 0, 0, 1), ())
    distance = apply_ufunc(e, np.subtract, Sym(x), Sym(_column(e, center, x))).value
    return e.cast(distance, x.dtype), weights, total


def _column(e: Emitter, column: Value, x: Value) -> Value:
    return e.broadcast(reshaped(column, (x.shape[0], 1)), x.shape)


def _freedom(e: Emitter, total: Sym, weights: Sym, free: int) -> Sym:
    do = partial(apply_ufunc, e)
    used = sum_rule(e, do(np.multiply, weights, weights))
    lost: Sym = do(np.subtract, total, do(np.divide, do(np.multiply, free, used), total))
    return lost


def _nonnegative(e: Emitter, freedom: Any) -> Any:
    """Return the degrees of freedom, which are at least zero."""
    if isinstance(freedom, Size):
        return freedom if e.holds(1, "<=", freedom) else 0.0
    if isinstance(freedom, int):
        return max(freedom, 0)
    zero = full_like(freedom.value, 0)
    return Sym(select(less_equal(freedom.value, zero), zero, freedom.value))


def corrcoef(
    e: Emitter, x: Any, y: Any = None, rowvar: Any = True, *options: Any, dtype: Any = None
) -> Sym:
    """The rule of ``np.corrcoef``."""
    if options:
        raise Unsupported("options that have no effect")
    do = partial(apply_ufunc, e)
    c = cov(e, x, y, rowvar, dtype=dtype)
    if not c.ndim:
        found: Sym = do(np.divide, c, c)
        return found
    variances = diagonal(e, c).value
    deviations = sqrt(real(variances) if variances.dtype.kind == "c" else variances)
    count = deviations.shape[0]
    c = do(np.divide, c, Sym(reshaped(deviations, (count, 1))))
    c = do(np.divide, c, Sym(reshaped(deviations, (1, count))))
    if c.dtype.kind != "c":
        return clip(e, c, -1, 1)
    parts = [clip(e, Sym(part(c.value)), -1, 1).value for part in (real, imag)]
    return Sym(complex_(*parts))


RULES: dict[Any, Any] = {np.cov: cov, np.corrcoef: corrcoef}
