"""Products of vectors, matrices and stacks of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops import contract
from tracegraph.ir.ops.arithmetic import multiply, subtract
from tracegraph.ir.ops.boxes import concatenate
from tracegraph.ir.ops.broadcast import full_like, sum_
from tracegraph.ir.ops.compare import not_equal
from tracegraph.ir.ops.complexes import conjugate, real
from tracegraph.ir.ops.compose import move_axis, take_axis
from tracegraph.ir.ops.decompose import svdvals
from tracegraph.ir.ops.einsum import einsum
from tracegraph.ir.ops.power import constant_power, sqrt
from tracegraph.ir.ops.reduce import max_, min_
from tracegraph.ir.ops.signs import absolute
from tracegraph.ir.types import FLOAT64
from tracegraph.numpy.arguments import (
    any_order,
    array,
    axes_argument,
    axis_argument,
    dtype_argument,
    integer,
    no_options,
    no_out,
    reshaped,
    same_dtype,
)
from tracegraph.numpy.emit import Emitter, Sym, Unsupported
from tracegraph.numpy.reductions import kept, not_empty
from tracegraph.numpy.selecting import trace
from tracegraph.numpy.ufuncs import loop_dtypes

Rule = Callable[..., Sym]


def contracted(compute: Callable[..., Value], *values: Any, **options: Any) -> Sym:
    """Return a product; sizes that agree only by chance are found by the operations."""
    try:
        return Sym(compute(*values, **options))
    except ValueError as why:
        raise Unsupported(str(why)) from None


def _product(compute: Callable[..., Value]) -> Rule:
    """Return the rule of a product of two arrays that takes no options."""

    def rule(e: Emitter, a: Any, b: Any, out: Any = None) -> Sym:
        no_out(out)
        return contracted(compute, *same_dtype(e, (a, b)))

    return rule


def _generalised(ufunc: np.ufunc, compute: Callable[..., Value]) -> Rule:
    """Return the rule of a ufunc over whole axes."""

    def rule(e: Emitter, x: Any, y: Any, /, *, dtype: Any = None, **options: Any) -> Sym:
        no_options(options)
        values = [array(e, x), array(e, y)]
        types = loop_dtypes(ufunc, [Sym(v) for v in values], dtype_argument(dtype))
        return contracted(compute, *map(e.cast, values, types))

    return rule


def _matrix_by_vector(x: Value, y: Value) -> Value:
    columns = contract.matrix_product(x, reshaped(y, (*y.shape, 1)))
    return reshaped(columns, columns.shape[:-1])


def _vector_by_matrix(x: Value, y: Value) -> Value:
    row = reshaped(conjugate(x) if x.dtype.kind == "c" else x, (*x.shape[:-1], 1, x.shape[-1]))
    rows = contract.matrix_product(row, y)
    return reshaped(rows, (*rows.shape[:-2], rows.shape[-1]))


matmul = _generalised(np.matmul, contract.matrix_product)
vecdot_of_last_axes = _generalised(np.vecdot, contract.vecdot)


def vecdot(e: Emitter, x: Any, y: Any, /, *, axis: Any = -1, **options: Any) -> Sym:
    """The rule of ``np.vecdot`` and ``np.linalg.vecdot``."""
    moved = [
        Sym(move_axis(v, axis_argument(axis, v.ndim), v.ndim - 1))
        for v in (array(e, x), array(e, y))
    ]
    return vecdot_of_last_axes(e, *moved, **options)


def vdot(e: Emitter, a: Any, b: Any, /) -> Sym:
    """The rule of ``np.vdot``."""
    x, y = (reshaped(v, (v.type.size,)) for v in same_dtype(e, (a, b)))
    e.must_equal(x.shape, y.shape)
    return Sym(contract.vecdot(x, y))


def tensordot(e: Emitter, a: Any, b: Any, axes: Any = 2) -> Sym:
    """The rule of ``np.tensordot``."""
    x, y = same_dtype(e, (a, b))
    pairs: Any
    if isinstance(axes, (list, tuple)):
        first, second = (side if isinstance(side, (list, tuple)) else (side,) for side in axes)
        pairs = (
            [axis_argument(axis, x.ndim) for axis in first],
            [axis_argument(axis, y.ndim) for axis in second],
        )
    else:
        pairs = integer(axes, "axes")
    return contracted(contract.tensordot, x, y, pairs)


def einsum_rule(
    e: Emitter,
    *operands: Any,
    out: Any = None,
    optimize: Any = False,
    dtype: Any = None,
    order: Any = "K",
    **options: Any,
) -> Sym:
    """The rule of ``np.einsum``."""
    del optimize
    no_out(out)
    any_order(order)
    no_options(options)
    subscripts, *factors = operands
    if not isinstance(subscripts, str):
        raise Unsupported("einsum with lists of axes; write the subscripts as a string")
    values = same_dtype(e, factors, dtype_argument(dtype))
    return contracted(einsum, subscripts, *values)


def kron(e: Emitter, a: Any, b: Any) -> Sym:
    """The rule of ``np.kron``."""
    x, y = same_dtype(e, (a, b))
    ndim = max(x.ndim, y.ndim)
    big, small = ((*(1,) * (ndim - v.ndim), *v.shape) for v in (x, y))
    thin = [dim for pair in zip(big, small, strict=True) for dim in (pair[0], 1)]
    fine = [dim for pair in zip(big, small, strict=True) for dim in (1, pair[1])]
    parts = e.align([reshaped(x, tuple(thin)), reshaped(y, tuple(fine))])
    joined = tuple(m * n for m, n in zip(big, small, strict=True))
    return Sym(reshaped(contract.product_of(*parts), joined))


def cross(
    e: Emitter,
    a: Any,
    b: Any,
    axisa: Any = -1,
    axisb: Any = -1,
    axisc: Any = -1,
    axis: Any = None,
) -> Sym:
    """The rule of ``np.cross``, of vectors with three components."""
    if axis is not None:
        axisa = axisb = axisc = axis
    values = same_dtype(e, (a, b))
    x, y = (
        move_axis(v, axis_argument(at, v.ndim), v.ndim - 1)
        for v, at in zip(values, (axisa, axisb), strict=True)
    )
    if x.shape[-1] != 3 or y.shape[-1] != 3:
        raise Unsupported("a cross product of vectors that have not three components")
    x, y = e.align((x, y))
    last = x.ndim - 1

    def part(v: Value, at: int) -> Value:
        return take_axis(v, last, at, 1)

    parts = [
        subtract(multiply(part(x, i), part(y, j)), multiply(part(x, j), part(y, i)))
        for i, j in ((1, 2), (2, 0), (0, 1))
    ]
    out = concatenate(*parts, axis=last)
    return Sym(move_axis(out, last, axis_argument(axisc, out.ndim)))


# -- norms --------------------------------------------------------------------------------------


def norm(e: Emitter, x: Any, ord: Any = None, axis: Any = None, keepdims: Any = False) -> Sym:
    """The rule of ``np.linalg.norm``."""
    value = _measured(e, x, ord)
    if axis is None and ord is None:
        ord, axes = "fro", tuple(range(value.ndim))
    else:
        axes = axes_argument(axis, value.ndim)
    if len(axes) == 1:
        ord = 2 if ord in (None, "fro", "f") else ord
        return Sym(kept(_vector_norm(e, value, ord, axes), value, axes, keepdims))
    if ord in (None, "fro", "f"):
        return Sym(kept(_length(value, axes), value, axes, keepdims))
    pair = axes if axis is None else [axis_argument(each, value.ndim) for each in axis]
    return Sym(kept(_matrix_norm(e, value, ord, *pair), value, axes, keepdims))


def _matrix_norm(e: Emitter, x: Value, order: Any, row: int, column: int) -> Value:
    """Return a norm of matrices: by singular values, or the largest or smallest sum of a line."""
    not_empty(e, x, (row, column))
    if order in (2, -2, "nuc"):
        others = tuple(axis for axis in range(x.ndim) if axis not in (row, column))
        values = svdvals(contract.permuted(x, (*others, row, column)))
        op = sum_ if order == "nuc" else max_ if order == 2 else min_
        norms: Value = op(values, axes=(values.ndim - 1,))
        return norms
    if isinstance(order, Sym) or order not in (1, -1, np.inf, -np.inf):
        raise Unsupported("a matrix norm whose order depends on data; write the number")
    inner, outer = (row, column) if abs(order) == 1 else (column, row)
    sums = sum_(absolute(x), axes=(inner,))
    found: Value = (max_ if order > 0 else min_)(sums, axes=(outer - (outer > inner),))
    return found


def _measured(e: Emitter, x: Any, order: Any) -> Value:
    """Return the numbers of which a norm is taken."""
    if isinstance(order, Sym):
        raise Unsupported("the order of a norm depends on data; it must be a constant")
    value = array(e, x)
    return e.cast(value, FLOAT64) if value.dtype.kind not in "fc" else value


def _length(x: Value, axes: Sequence[int]) -> Value:
    """Return the square root of the sum of squares."""
    squares = multiply(conjugate(x), x)
    if squares.dtype.kind == "c":
        squares = real(squares)
    out: Value = sqrt(sum_(squares, axes=tuple(axes)))
    return out


def _vector_norm(e: Emitter, x: Value, order: Any, axes: tuple[int, ...]) -> Value:
    if order == 2:
        return _length(x, axes)
    size: Value = absolute(x)
    if order in (np.inf, -np.inf):
        not_empty(e, size, axes)
        extremum: Value = (max_ if order > 0 else min_)(size, axes=axes)
        return extremum
    if order == 1:
        return sum_(size, axes=axes)  # type: ignore[no-any-return]  # ops are untyped calls
    if order == 0:
        is_set = e.cast(not_equal(size, full_like(size, 0)), size.dtype)
        return sum_(is_set, axes=axes)  # type: ignore[no-any-return]  # ops are untyped calls
    total = sum_(constant_power(size, order), axes=axes)
    return constant_power(total, float(np.reciprocal(order, dtype=size.dtype)))


def vector_norm(
    e: Emitter, x: Any, /, *, axis: Any = None, ord: Any = 2, keepdims: Any = False
) -> Sym:
    """The rule of ``np.linalg.vector_norm``: over all elements, or over some axes."""
    value = _measured(e, x, ord)
    axes = axes_argument(axis, value.ndim)
    if axis is None:
        total = _vector_norm(e, reshaped(value, (value.type.size,)), ord, (0,))
    else:
        total = _vector_norm(e, value, ord, axes)
    return Sym(kept(total, value, axes, keepdims))


def matrix_norm(e: Emitter, x: Any, /, *, keepdims: Any = False, ord: Any = "fro") -> Sym:
    """The rule of ``np.linalg.matrix_norm``."""
    return norm(e, x, ord, (-2, -1), keepdims)


def last_axis_vecdot(e: Emitter, x1: Any, x2: Any, /, *, axis: Any = -1) -> Sym:
    """The rule of ``np.linalg.vecdot``."""
    values = same_dtype(e, (x1, x2))
    moved = [move_axis(v, axis_argument(axis, v.ndim), v.ndim - 1) for v in values]
    return contracted(contract.vecdot, *moved)


def last_axes_trace(e: Emitter, x: Any, /, *, offset: Any = 0, dtype: Any = None) -> Sym:
    """The rule of ``np.linalg.trace``."""
    return trace(e, x, offset, -2, -1, dtype)


def last_axis_cross(e: Emitter, x1: Any, x2: Any, /, *, axis: Any = -1) -> Sym:
    """The rule of ``np.linalg.cross``."""
    return cross(e, x1, x2, axis=axis)


NEWER = {
    "matvec": _matrix_by_vector,
    "vecmat": _vector_by_matrix,
}
"""Products that NumPy has since version 2.2."""

RULES: dict[Any, Any] = {
    **{
        getattr(np, name): _generalised(getattr(np, name), compute)
        for name, compute in NEWER.items()
        if hasattr(np, name)
    },
    np.linalg.trace: last_axes_trace,
    np.linalg.cross: last_axis_cross,
    np.linalg.vecdot: last_axis_vecdot,
    np.linalg.vector_norm: vector_norm,
    np.linalg.matrix_norm: matrix_norm,
    np.linalg.matmul: matmul,
    np.linalg.outer: _product(contract.outer),
    np.linalg.tensordot: tensordot,
    np.linalg.vecdot: vecdot,
    np.matmul: matmul,
    np.vecdot: vecdot,
    np.dot: _product(contract.dot),
    np.inner: _product(contract.inner),
    np.outer: _product(contract.outer),
    np.vdot: vdot,
    np.tensordot: tensordot,
    np.einsum: einsum_rule,
    np.kron: kron,
    np.cross: cross,
    np.linalg.norm: norm,
}
