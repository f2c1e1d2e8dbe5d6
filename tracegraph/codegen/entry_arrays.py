"""Making ndarrays through NumPy's C API."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tracegraph.codegen import cpython
from tracegraph.codegen.entry_sizes import Sizes
from tracegraph.codegen.entry_text import ERROR, Text
from tracegraph.codegen.plan import Gemm
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import DType, Shape


def store_words(text: Text, values: Sequence[str]) -> str:
    """Return a pointer to i64 values in the frame, null for none."""
    if not values:
        return "null"
    slot = text.slot(f"[{len(values)} x i64]")
    for number, value in enumerate(values):
        text.do(f"store i64 {value}, ptr {text.at(slot, 8 * number)}")
    return slot


def _new(
    text: Text,
    descr: str,
    shape: Sequence[str],
    strides: str,
    data: str,
    flags: str,
    refused: str | None = None,
) -> str:
    array = text.call(
        "PyArray_NewFromDescr",
        text.object(np.ndarray),
        descr,
        str(len(shape)),
        store_words(text, shape),
        strides,
        data,
        flags,
        "null",
    )
    return text.require_object(array, refused or text.exit(ERROR))


def new_array(
    text: Text,
    sizes: Sizes,
    dtype: DType,
    shape: Shape,
    refused: str,
    order: tuple[int, ...] | None = None,
) -> str:
    """Return a new ndarray that owns its memory; where NumPy raises, jump to a label."""
    dims = [sizes.value(dim) for dim in shape]
    descr = text.call("PyArray_DescrFromType", str(dtype.num))
    rank = tuple(range(len(shape)))
    if order is None or order == rank:
        return _new(text, descr, dims, "null", "null", "0", refused)
    if order == rank[::-1]:
        return _new(text, descr, dims, "null", "null", str(cpython.F_CONTIGUOUS), refused)
    strides = _permuted_strides(text, dtype, dims, order)
    return _new(text, descr, dims, strides, "null", "0", refused)


def _permuted_strides(text: Text, dtype: DType, dims: list[str], order: tuple[int, ...]) -> str:
    """Products of dimensions may wrap here: NumPy refuses the shape before it looks at strides."""
    strides = [""] * len(dims)
    step = str(dtype.itemsize)
    for axis in reversed(order):
        strides[axis] = step
        step = text.let(f"mul i64 {step}, {dims[axis]}")
    return store_words(text, strides)


def new_view(
    text: Text,
    sizes: Sizes,
    viewed: str,
    offset: Dim,
    shape: Shape,
    strides: tuple[Dim, ...],
    writeable: bool,
    dtype: DType | None,
    itemsize: int,
) -> str:
    """Return a view of an ndarray; its base is found as NumPy finds it."""
    if dtype is None:
        descr = text.load("ptr", viewed, cpython.ARRAY_DESCR)
        text.call("Py_IncRef", descr)
    else:
        descr = text.call("PyArray_DescrFromType", str(dtype.num))
    data = text.load("ptr", viewed, cpython.ARRAY_DATA)
    start = text.at(data, sizes.value(offset * itemsize))
    steps = store_words(text, [sizes.value(stride * itemsize) for stride in strides])
    flags = "0"
    if writeable:
        flags = text.let(
            f"and i32 {text.load('i32', viewed, cpython.ARRAY_FLAGS)}, {cpython.WRITEABLE}"
        )
    view = _new(text, descr, [sizes.value(dim) for dim in shape], steps, start, flags)
    text.owning(view)
    text.call("Py_IncRef", viewed)  # taken over by the view, also where it fails
    status = text.call("PyArray_SetBaseObject", view, viewed)
    text.require_equal("i32", status, "0", text.exit(ERROR))
    return view


def wrapped_matrices(
    text: Text, sizes: Sizes, gemm: Gemm, pointers: Sequence[str]
) -> tuple[str, ...]:
    """Return ndarrays over the memory of a product, to be used for one call and dropped."""
    shapes = ((gemm.m, gemm.k), (gemm.k, gemm.n), (gemm.m, gemm.n))
    made = []
    for matrix, shape, data in zip((gemm.a, gemm.b, gemm.c), shapes, pointers, strict=True):
        item = gemm.dtype.itemsize
        strides = [matrix.step * item, matrix.leading * item, item]
        if matrix.transposed:
            strides[1:] = item, matrix.leading * item
        dims = [sizes.value(dim) for dim in (gemm.count, *shape)]
        steps = store_words(text, [sizes.value(stride) for stride in strides])
        descr = text.call("PyArray_DescrFromType", str(gemm.dtype.num))
        array = _new(text, descr, dims, steps, data, str(cpython.WRITEABLE))
        text.keep(text.own(), array)
        made.append(array)
    return tuple(made)
