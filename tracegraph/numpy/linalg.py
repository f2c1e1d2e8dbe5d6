"""Products of vectors, matrices and stacks of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops import contract
from tracegraph.ir.ops.arithmetic import multiply, subtract
from tracegraph.ir.ops.boxes import concatenate
from tracegraph.ir.ops.broadcast import sum_
from tracegraph.ir.ops.complexes import conjugate, real
from tracegraph.ir.ops.compose import move_axis, take_axis
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


matmul = _generalised(np.matmul, contract.matrix_product)
vecdot = _generalised(np.vecdot, contract.vecdot)


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
    """The rule of ``np.linalg.norm``, except for those that need singular values."""
    value = array(e, x)
    value = e.cast(value, FLOAT64) if value.dtype.kind not in "fc" else value
    if axis is None and ord is None:
        ord, axes = "fro", tuple(range(value.ndim))
    else:
        axes = axes_argument(axis, value.ndim)
    if len(axes) == 1:
        ord = 2 if ord in (None, "fro", "f") else ord
        return Sym(kept(_vector_norm(e, value, ord, axes), value, axes, keepdims))
    if ord not in (None, "fro", "f"):
        raise Unsupported(f"the matrix norm {ord!r}; use the Frobenius norm")
    return Sym(kept(_length(value, axes), value, axes, keepdims))


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
    if isinstance(order, Sym) or order == 0:
        raise Unsupported(f"the norm of order {order!r}; use another order")
    total = sum_(constant_power(size, order), axes=axes)
    return constant_power(total, float(np.reciprocal(order, dtype=size.dtype)))


def vector_norm(
    e: Emitter, x: Any, /, *, axis: Any = None, ord: Any = 2, keepdims: Any = False
) -> Sym:
    """The rule of ``np.linalg.vector_norm``: over all elements, or over one axis."""
    value = array(e, x)
    if isinstance(axis, (tuple, list)):
        raise Unsupported("a vector norm over several axes; reshape them into one")
    if axis is not None:
        return norm(e, Sym(value), ord, axis, keepdims)
    flat = norm(e, Sym(reshaped(value, (value.type.size,))), ord, 0).value
    return Sym(kept(flat, value, tuple(range(value.ndim)), keepdims))


def matrix_norm(e: Emitter, x: Any, /, *, keepdims: Any = False, ord: Any = "fro") -> Sym:
    """The rule of ``np.linalg.matrix_norm``."""
    return norm(e, x, ord, (-2, -1), keepdims)


RULES: dict[Any, Any] = {
    np.linalg.vector_norm: vector_norm,
    np.linalg.matrix_norm: matrix_norm,
    np.linalg.matmul: matmul,
    np.linalg.outer: _product(contract.outer),
    np.linalg.tensordot: tensordot,
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
