"""Samples of arrangement, boxes, gather and scatter, creation and branches."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ir.samples import Sample
from tracegraph.ir.graph import Value, trace
from tracegraph.ir.ops.arithmetic import multiply
from tracegraph.ir.ops.boxes import concatenate, slice_, slice_update
from tracegraph.ir.ops.broadcast import full_like, literal
from tracegraph.ir.ops.compare import equal
from tracegraph.ir.ops.control import cond, guard, item
from tracegraph.ir.ops.creation import iota, size_value
from tracegraph.ir.ops.division import remainder
from tracegraph.ir.ops.index import gather, scatter, scatter_add
from tracegraph.ir.ops.numpy_call import numpy_call
from tracegraph.ir.ops.selection import flatnonzero
from tracegraph.ir.ops.structural import reshape, transpose
from tracegraph.ir.types import DTYPES, FLOAT64, INT64, ArrayType

DTYPE_NAMES = ("float64", "complex128", "float32", "int64", "bool")


def numbers(dtype: str, *shape: int) -> Any:
    """Return different numbers, where the dtype has enough."""
    return (np.arange(1, 1 + np.prod(shape, dtype=int)) % 251).reshape(shape).astype(dtype)


ARRANGEMENTS = [
    Sample(op=op, arrays=(numbers(dtype, *shape),), attrs=attrs, reference=reference)
    for dtype in DTYPE_NAMES
    for op, shape, attrs, reference in (
        (reshape, (4, 3), {"shape": (2, 1, 6)}, lambda x, shape: x.reshape(shape)),
        (reshape, (3, 0), {"shape": (0, 5)}, lambda x, shape: x.reshape(shape)),
        (reshape, (), {"shape": (1, 1)}, lambda x, shape: x.reshape(shape)),
        (transpose, (2, 3, 4), {"axes": (2, 0, 1)}, lambda x, axes: np.moveaxis(x, 2, 0)),
        (transpose, (), {"axes": ()}, lambda x, axes: x),
        (
            slice_,
            (5, 6),
            {"start": (4, 1), "shape": (3, 3), "step": (-2, 2)},
            lambda x, start, shape, step: x[::-2, 1::2],
        ),
        (
            slice_,
            (3, 4),
            {"start": (1, 0), "shape": (0, 4), "step": (1, 1)},
            lambda x, start, shape, step: x[1:1],
        ),
    )
]


def _updated(base: Any, update: Any, start: Any, step: Any) -> Any:
    out = base.copy()
    out[2::-1, 1:4:2] = update
    return out


BOXES = [
    sample
    for dtype in DTYPE_NAMES
    for sample in (
        Sample(
            op=slice_update,
            arrays=(numbers(dtype, 4, 5), numbers(dtype, 3, 2)),
            attrs={"start": (2, 1), "step": (-1, 2)},
            reference=_updated,
        ),
        Sample(
            op=concatenate,
            arrays=(numbers(dtype, 2, 3), numbers(dtype, 2, 0), numbers(dtype, 2, 1)),
            attrs={"axis": 1},
            reference=lambda *xs, axis: np.hstack(xs),
        ),
    )
]


def _added(base: Any, updates: Any, *indices: Any, axes: Any) -> Any:
    out = base.copy()
    for at in np.ndindex(*indices[0].shape):
        out[tuple(index[at] for index in indices)] += updates[at]
    return out


def _assigned(base: Any, updates: Any, *indices: Any, axes: Any) -> Any:
    out = base.copy()
    for at in np.ndindex(*indices[0].shape):
        out[tuple(index[at] for index in indices)] = updates[at]
    return out


FIRST, SECOND = np.array([[2, 0, 2], [1, 2, 0]]), np.array([[1, 0, 1], [1, 0, 1]])
"""Indices into two axes, with repetitions."""

PLACES = [
    sample
    for dtype in DTYPE_NAMES
    for sample in (
        Sample(
            op=gather,
            arrays=(numbers(dtype, 3, 2, 4), FIRST, SECOND),
            attrs={"axes": (0, 1)},
            reference=lambda x, i, j, axes: x[i, j],
        ),
        Sample(
            op=gather,
            arrays=(numbers(dtype, 2, 3), FIRST[0]),
            attrs={"axes": (1,)},
            reference=lambda x, i, axes: np.take(x, i, axis=1).T,
        ),
        Sample(
            op=gather,
            arrays=(numbers(dtype, 3), np.array(2)),
            attrs={"axes": (0,)},
            reference=lambda x, i, axes: x[2],
        ),
        *(
            Sample(
                op=op,
                arrays=(numbers(dtype, *base), numbers(dtype, *updates), *indices),
                attrs={"axes": tuple(range(len(indices)))},
                reference=_added if op is scatter_add else _assigned,
            )
            for op in ((scatter,) if dtype == "bool" else (scatter, scatter_add))
            for base, updates, indices in (
                ((3, 2, 2), (2, 3, 2), (FIRST, SECOND)),
                ((3,), (2, 3), (FIRST,)),
                ((3, 2), (2,), (np.array(1),)),
            )
        ),
    )
]

CREATION = [
    *(
        Sample(
            op=iota,
            arrays=(),
            attrs={"shape": (2, 3), "axis": axis, "dtype": DTYPES[name]},
            reference=lambda shape, axis, dtype: np.indices(shape)[axis].astype(dtype),
        )
        for axis in (0, 1)
        for name in ("i64", "u8", "f32", "f64", "c128")
    ),
    Sample(op=size_value, arrays=(), attrs={"value": 7}, reference=lambda value: np.int64(7)),
]

VECTOR = ArrayType(FLOAT64, (3,))
BRANCHES = {
    "then": trace(lambda x, y: (multiply(x, y), multiply(x, x)), VECTOR, VECTOR),
    "orelse": trace(lambda x, y: (multiply(y, multiply(y, x)), full_like(x, 3)), VECTOR, VECTOR),
}


def _choose(predicate: Value, x: Value, y: Value) -> list[Value]:
    both = cond(predicate, x, y, **BRANCHES)
    return [item(both, index=1), item(both, index=0)]


def _guarded(x: Value) -> list[Value]:
    holds = x.builder.emit(literal, (), {"value": np.True_})
    return [guard(holds, expect=True, number=0), multiply(x, x)]


def _selected(x: Value) -> Value:
    """The elements of x that stand at odd places, which no batch changes."""
    at = x.builder.emit(iota, (), {"shape": x.shape, "axis": 0, "dtype": INT64})
    mask = equal(remainder(at, full_like(at, 2)), full_like(at, 1))
    selected: Value = gather(x, flatnonzero(mask, count=2), axes=(0,))
    return selected


def _called(x: Value) -> list[Value]:
    attrs = {
        "function": "sort",
        "arguments": (("array", 0),),
        "options": (("axis", ("value", 0)), ("kind", ("value", None))),
        "dtypes": (x.dtype,),
        "shapes": (x.shape,),
    }
    whole = numpy_call(x, **attrs)
    return [item(whole, index=0), item(whole, index=1)]


CONTROL = [
    *(
        Sample(
            op=op,
            arrays=(np.array(predicate), numbers("float64", 3), numbers("float64", 3) / 3),
            function=_choose,
        )
        for op in (cond, item)
        for predicate in (True, False)
    ),
    Sample(op=flatnonzero, arrays=(numbers("float64", 5),), function=_selected),
    Sample(op=guard, arrays=(numbers("float64", 3),), function=_guarded),
    *(
        Sample(
            op=numpy_call, arrays=(numbers(dtype, 2, 3),), function=_called, differentiable=False
        )
        for dtype in ("float32", "int64", "complex128")
    ),
]

SAMPLES = (*ARRANGEMENTS, *BOXES, *PLACES, *CREATION, *CONTROL)
