"""Samples of reductions, scans, the matrix product and operations that hand on their operand."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ir.samples import Sample
from tracegraph.ir.ops.broadcast import sum_
from tracegraph.ir.ops.convolve import convolve
from tracegraph.ir.ops.identity import mark, stop_gradient
from tracegraph.ir.ops.linalg import matmul
from tracegraph.ir.ops.reduce import all_, any_, argmax, argmin, max_, min_, prod
from tracegraph.ir.ops.scan import cummax, cummin, cumprod, cumsum, linear_recurrence
from tracegraph.ir.types import DTYPES

SHAPE = (3, 2, 4)
NUMBERS = ("f64", "c128", "f32", "c64", "i8", "u64")
EVERYTHING = (*NUMBERS, "bool")
AXES = ((), (1,), (0, 2), (0, 1, 2))


def numbers(name: str, shape: tuple[int, ...], seed: int = 0) -> Any:
    """Return numbers no two of which are close, in no order."""
    dtype = DTYPES[name]
    rng = np.random.default_rng(seed)
    found = rng.permutation(np.prod(shape, dtype=int)).reshape(shape) % 100
    if dtype.kind == "c":
        return (found / 5 - 1 + 1j * rng.uniform(-1, 1, shape)).astype(dtype)
    if dtype.kind == "f":
        return (found / 10 - 1).astype(dtype)
    return np.asarray(found % 3 == 0 if name == "bool" else found).astype(dtype)


def whole(name: str, shape: tuple[int, ...], seed: int = 0) -> Any:
    """Return whole numbers, whose products and sums are exact."""
    dtype = DTYPES[name]
    rng = np.random.default_rng(seed)
    found = rng.integers(0, 7, shape)
    return (found + 1j * rng.integers(0, 7, shape) if dtype.kind == "c" else found).astype(dtype)


def _listed(x: Any, axes: tuple[int, ...]) -> Any:
    """Return ``x`` with the elements that are combined along its last axis."""
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    shape = [x.shape[axis] for axis in kept]
    length = int(np.prod([x.shape[axis] for axis in axes], dtype=int))
    return np.transpose(x, (*kept, *axes)).reshape(*shape, length)


def _one_by_one(combine: Any) -> Any:
    """Return a reference that combines element after element."""

    def reference(x: Any, axes: tuple[int, ...]) -> Any:
        rows = np.moveaxis(_listed(x, axes), -1, 0)
        total = rows[0]
        for row in rows[1:]:
            total = combine(total, row)
        return total

    return reference


def _first_place(x: Any, axis: int) -> Any:
    return np.argsort(x, axis, kind="stable").take(0, axis)


def _running(combine: Any) -> Any:
    def reference(x: Any, axis: int) -> Any:
        rows = [np.moveaxis(x, axis, 0)[0]]
        for row in np.moveaxis(x, axis, 0)[1:]:
            rows.append(combine(rows[-1], row))
        return np.stack(rows, axis)

    return reference


def _recurrence(a: Any, b: Any, axis: int) -> Any:
    rows = [np.moveaxis(b, axis, 0)[0]]
    for scale, term in zip(np.moveaxis(a, axis, 0)[1:], np.moveaxis(b, axis, 0)[1:], strict=True):
        rows.append(scale * rows[-1] + term)
    return np.stack(rows, axis)


REDUCTIONS = [
    Sample(
        op=op,
        arrays=(numbers(name, SHAPE),),
        attrs={"axes": axes},
        reference=_one_by_one(combine),
        tolerance=1e-5,
    )
    for op, combine, names in (
        (sum_, np.add, NUMBERS),
        (prod, np.multiply, NUMBERS),
        (max_, np.maximum, EVERYTHING),
        (min_, np.minimum, EVERYTHING),
        (any_, np.logical_or, ("bool",)),
        (all_, np.logical_and, ("bool",)),
    )
    for name in names
    for axes in AXES
]
PLACES = [
    Sample(op=op, arrays=(numbers(name, SHAPE),), attrs={"axes": (axis,)}, reference=reference)
    for op, reference in (
        (
            argmax,
            lambda x, axes: np.argsort(-x.astype(float), axes[0], kind="stable").take(0, axes[0]),
        ),
        (
            argmin,
            lambda x, axes: np.argsort(x.astype(float), axes[0], kind="stable").take(0, axes[0]),
        ),
    )
    for name in ("f64", "f32", "i8", "u64", "bool")
    for axis in range(3)
]
SCANS = [
    Sample(
        op=op,
        arrays=(numbers(name, SHAPE),),
        attrs={"axis": axis},
        reference=_running(combine),
        tolerance=1e-5,
    )
    for op, combine, names in (
        (cumsum, np.add, NUMBERS),
        (cumprod, np.multiply, NUMBERS),
        (cummax, np.maximum, EVERYTHING),
        (cummin, np.minimum, EVERYTHING),
    )
    for name in names
    for axis in range(3)
]
RECURRENCES = [
    Sample(
        op=linear_recurrence,
        arrays=(numbers(name, SHAPE), numbers(name, SHAPE, 1)),
        attrs={"axis": axis},
        reference=_recurrence,
        tolerance=1e-5,
    )
    for name in ("f64", "c128", "f32", "c64")
    for axis in range(3)
]
PRODUCTS = [
    Sample(
        op=matmul,
        arrays=(whole(name, (*batch, 2, 3)), whole(name, (*batch, 3, 4), 1)),
        reference=lambda x, y: np.einsum("...ij,...jk", x, y),
        tolerance=1e-5,
    )
    for name in EVERYTHING
    for batch in ((), (2,), (2, 1))
] + [
    Sample(
        op=matmul,
        arrays=(numbers(name, (2, 3)), numbers(name, (3, 4), 1)),
        attrs={"zeros": zeros},
        reference=lambda x, y, zeros: x @ y,
        tolerance=1e-5,
    )
    for name in ("f64", "c128")
    for zeros in ((True, False), (False, True), (True, True))
]
EMPTY = [
    Sample(op=op, arrays=(np.zeros(shape),), attrs=attrs)
    for op, shape, attrs in (
        (prod, (0, 2), {"axes": (0,)}),
        (prod, (), {"axes": ()}),
        (max_, (2, 0), {"axes": (0,)}),
        (argmin, (2, 0), {"axes": (0,)}),
        (cumsum, (0, 2), {"axis": 0}),
        (cumprod, (2, 0), {"axis": 1}),
    )
]
CONSTANTS = [
    Sample(op=stop_gradient, arrays=(numbers(name, SHAPE),), differentiable=False)
    for name in EVERYTHING
]
MARKS = [Sample(op=mark, arrays=(numbers(name, SHAPE),), attrs={"token": 3}) for name in NUMBERS]

CONVOLUTIONS = [
    Sample(
        op=convolve,
        arrays=(numbers(name, (5,)), numbers(name, (3,), 1)),
        attrs={"full": full},
        reference=lambda x, y, full: np.convolve(x, y, "full" if full else "valid"),
    )
    for name in EVERYTHING
    for full in (True, False)
]

SAMPLES = (
    *CONVOLUTIONS,
    *REDUCTIONS,
    *PLACES,
    *SCANS,
    *RECURRENCES,
    *PRODUCTS,
    *EMPTY,
    *CONSTANTS,
    *MARKS,
)
