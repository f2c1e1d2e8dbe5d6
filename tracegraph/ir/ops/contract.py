"""Contractions by NumPy's rules, composed of the matrix product, or of multiply and sum.

Where nothing is summed, or nothing is left beside the batch, ``multiply`` and ``sum`` fuse better
than a matrix product; every other contraction is brought into the form of ``matmul``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.arithmetic import multiply
from tracegraph.ir.ops.broadcast import broadcast_to, sum_
from tracegraph.ir.ops.compare import logical_and
from tracegraph.ir.ops.complexes import conjugate
from tracegraph.ir.ops.linalg import matmul
from tracegraph.ir.ops.reduce import any_
from tracegraph.ir.ops.structural import reshape, transpose
from tracegraph.ir.sizes import product
from tracegraph.ir.types import Shape

Axes: TypeAlias = "tuple[int, ...]"
Pairs: TypeAlias = "tuple[Sequence[int], Sequence[int]]"
NO_PAIRS: Pairs = ((), ())


def product_of(x: Value, y: Value) -> Value:
    """Return the product of elements; of booleans, whether both hold."""
    out: Value = logical_and(x, y) if x.dtype.kind == "b" else multiply(x, y)
    return out


def permuted(x: Value, axes: Axes) -> Value:
    """Return ``x`` with its axes in another order, which may be the same."""
    out: Value = x if axes == tuple(range(x.ndim)) else transpose(x, axes=axes)
    return out


def reshaped(x: Value, shape: Shape) -> Value:
    """Return ``x`` in another shape, which may be the same."""
    out: Value = x if x.shape == shape else reshape(x, shape=shape)
    return out


def broadcast_shape(a: Shape, b: Shape) -> Shape:
    """Return the shape that two shapes broadcast to.

    Raises
    ------
    ValueError
        Lengths differ and neither is the number 1. Symbols are equal by structure only.
    """
    long, short = (a, b) if len(a) >= len(b) else (b, a)
    extra = len(long) - len(short)
    out = list(long[:extra])
    for m, n in zip(long[extra:], short, strict=True):
        if m != n and 1 not in (m, n):
            raise ValueError(f"the shapes {a} and {b} do not broadcast together: {m} against {n}")
        out.append(n if m == 1 else m)
    return tuple(out)


def stretched(x: Value, shape: Shape) -> Value:
    """Return ``x`` broadcast to a shape by NumPy's rules."""
    if x.shape == shape:
        return x
    extra = len(shape) - x.ndim
    kept = [axis for axis in range(x.ndim) if x.shape[axis] == shape[extra + axis]]
    thin = reshaped(x, tuple(x.shape[axis] for axis in kept))
    out: Value = broadcast_to(thin, shape=shape, axes=tuple(extra + axis for axis in kept))
    return out


def _lengths(x: Value, axes: Sequence[int]) -> Shape:
    return tuple(x.shape[axis] for axis in axes)


def _free(x: Value, contract: Sequence[int], batch: Sequence[int]) -> Axes:
    return tuple(axis for axis in range(x.ndim) if axis not in contract and axis not in batch)


def dot_general(x: Value, y: Value, contract: Pairs, batch: Pairs = NO_PAIRS) -> Value:
    """Return the sum of products over pairs of axes, along further pairs of axes.

    Parameters
    ----------
    x, y : Value
        The factors, of one dtype.
    contract : pair of sequences of int
        Axes of ``x`` and the axes of ``y`` that they are summed with.
    batch : pair of sequences of int
        Axes of ``x`` and the axes of ``y`` that they run along with.

    Returns
    -------
    Value
        Its axes: the batch, the remaining axes of ``x``, the remaining axes of ``y``.
    """
    (x_sum, y_sum), (x_batch, y_batch) = contract, batch
    _check_pairs(x, y, (*x_sum, *x_batch), (*y_sum, *y_batch))
    x_free, y_free = _free(x, x_sum, x_batch), _free(y, y_sum, y_batch)
    batch_shape, free = _lengths(x, x_batch), (_lengths(x, x_free), _lengths(y, y_free))
    x = permuted(x, (*x_batch, *x_free, *x_sum))
    if not x_sum or not (x_free or y_free):
        y = permuted(y, (*y_batch, *y_free, *y_sum))
        return _sum_of_products(x, y, batch_shape, free)
    y = permuted(y, (*y_batch, *y_sum, *y_free))
    return _as_matmul(x, y, batch_shape, free)


def _check_pairs(x: Value, y: Value, x_axes: Axes, y_axes: Axes) -> None:
    if len(x_axes) != len(y_axes) or _lengths(x, x_axes) != _lengths(y, y_axes):
        raise ValueError(
            f"axes {x_axes} of {x.type} and {y_axes} of {y.type} must agree in number and lengths"
        )


def _sum_of_products(x: Value, y: Value, batch: Shape, free: tuple[Shape, Shape]) -> Value:
    """Contract ``[*batch, *free[0], *sum]`` with ``[*batch, *free[1], *sum]``."""
    first, ndim = len(batch), len(batch) + len(free[0]) + len(free[1])
    middle = first + len(free[0])
    shape = (*batch, *free[0], *free[1], *x.shape[middle:])
    x_axes = (*range(middle), *range(ndim, len(shape)))
    y_axes = (*range(first), *range(middle, len(shape)))
    products = product_of(_spread_over(x, shape, x_axes), _spread_over(y, shape, y_axes))
    return summed(products, tuple(range(ndim, len(shape))))


def _spread_over(x: Value, shape: Shape, axes: Axes) -> Value:
    out: Value = x if x.shape == shape else broadcast_to(x, shape=shape, axes=axes)
    return out


def summed(x: Value, axes: Axes) -> Value:
    """Return the sum over some axes, which may be none; of booleans, whether any holds."""
    if not axes:
        return x
    out: Value = any_(x, axes=axes) if x.dtype.kind == "b" else sum_(x, axes=axes)
    return out


def _as_matmul(x: Value, y: Value, batch: Shape, free: tuple[Shape, Shape]) -> Value:
    """Contract ``[*batch, *free[0], *sum]`` with ``[*batch, *sum, *free[1]]``."""
    m, n = (product(part) for part in free)
    k = product(x.shape[len(batch) + len(free[0]) :])
    out = matmul(reshaped(x, (*batch, m, k)), reshaped(y, (*batch, k, n)))
    return reshaped(out, (*batch, *free[0], *free[1]))


def matrix_product(x: Value, y: Value) -> Value:
    """Return ``np.matmul(x, y)`` for every rank: vectors, matrices, stacks that broadcast."""
    if x.ndim == 0 or y.ndim == 0:
        raise ValueError(f"matmul needs operands of at least one axis, got {x.type} and {y.type}")
    if y.ndim <= 2:
        # One matrix or vector for the whole stack: one tall product.
        return dot(x, y)
    if x.ndim == 1:
        rows = matrix_product(reshaped(x, (1, *x.shape)), y)
        return reshaped(rows, (*y.shape[:-2], y.shape[-1]))
    batch = broadcast_shape(x.shape[:-2], y.shape[:-2])
    _check_pairs(x, y, (x.ndim - 1,), (y.ndim - 2,))
    out: Value = matmul(
        stretched(x, (*batch, *x.shape[-2:])), stretched(y, (*batch, *y.shape[-2:]))
    )
    return out


def dot(x: Value, y: Value) -> Value:
    """Return ``np.dot(x, y)``: over the last axis of x and the last but one, or only, axis of y."""
    if x.ndim == 0 or y.ndim == 0:
        return _scaled(x, y)
    return dot_general(x, y, ((x.ndim - 1,), (max(y.ndim - 2, 0),)))


def inner(x: Value, y: Value) -> Value:
    """Return ``np.inner(x, y)``: over the last axes of both."""
    if x.ndim == 0 or y.ndim == 0:
        return _scaled(x, y)
    return dot_general(x, y, ((x.ndim - 1,), (y.ndim - 1,)))


def _scaled(x: Value, y: Value) -> Value:
    shape = broadcast_shape(x.shape, y.shape)
    return product_of(stretched(x, shape), stretched(y, shape))


def outer(x: Value, y: Value) -> Value:
    """Return ``np.outer(x, y)``: all products of elements of the flattened operands."""
    return dot_general(reshaped(x, (x.type.size,)), reshaped(y, (y.type.size,)), NO_PAIRS)


def vecdot(x: Value, y: Value) -> Value:
    """Return ``np.vecdot(x, y)``: x conjugated, over the last axis, the others broadcast."""
    _check_pairs(x, y, (x.ndim - 1,), (y.ndim - 1,))
    if x.dtype.kind == "c":
        x = conjugate(x)
    products = _scaled(x, y)
    return summed(products, (products.ndim - 1,))


def tensordot(x: Value, y: Value, axes: int | Pairs = 2) -> Value:
    """Return ``np.tensordot(x, y, axes)``: over last axes of x and first of y, or over pairs."""
    if isinstance(axes, int):
        return dot_general(x, y, (range(x.ndim - axes, x.ndim), range(axes)))
    x_axes, y_axes = axes
    return dot_general(x, y, (_inside(x, x_axes), _inside(y, y_axes)))


def _inside(x: Value, axes: Sequence[int]) -> Axes:
    """Return axes with those counted from the end counted from the start."""
    return tuple(axis + x.ndim if axis < 0 else axis for axis in axes)
