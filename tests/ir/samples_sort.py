"""Samples of sorting, searching, exponents and updates at places: NumPy's kernels."""

from __future__ import annotations

import numpy as np

from tests.ir.samples import Sample
from tests.ir.samples_reduce import EVERYTHING, NUMBERS, SHAPE, numbers
from tracegraph.ir.ops.compose_linalg import results_of
from tracegraph.ir.ops.exponents import frexp, gcd, lcm, ldexp
from tracegraph.ir.ops.indexed_update import update_at
from tracegraph.ir.ops.sort import argpartition, argsort, partition, searchsorted, sort

ORDERS = [
    Sample(op=op, arrays=(numbers(name, SHAPE),), attrs=attrs, reference=reference)
    for name in EVERYTHING
    for op, attrs, reference in (
        (sort, {"axis": 0, "kind": "quicksort"}, lambda x, axis, kind: np.sort(x, 0)),
        (sort, {"axis": 2, "kind": "stable"}, lambda x, axis, kind: np.sort(x, 2)),
        (argsort, {"axis": 2, "kind": "stable"}, lambda x, **_: np.argsort(x, 2, "stable")),
        (partition, {"axis": 2, "kth": (1, -1)}, lambda x, **_: np.partition(x, (1, -1), 2)),
        (argpartition, {"axis": 0, "kth": (1,)}, lambda x, **_: np.argpartition(x, 1, 0)),
    )
]

SEARCHES = [
    Sample(
        op=searchsorted,
        arrays=(np.sort(numbers(name, (5,))), numbers(name, (2, 3), 1)),
        attrs={"side": side, "batch": 0},
        reference=lambda a, v, side, batch: np.searchsorted(a, v, side),
    )
    for name in NUMBERS
    for side in ("left", "right")
]

BATCHES = [
    Sample(
        op=searchsorted,
        arrays=(np.sort(numbers("f64", (2, 5)), axis=1), numbers("f64", (2, 3), 1)),
        attrs={"side": "right", "batch": 1},
        reference=lambda a, v, side, batch: np.stack(
            [np.searchsorted(row, x, side) for row, x in zip(a, v, strict=True)]
        ),
    )
]

EXPONENTS = [
    *(
        Sample(
            op=ldexp,
            arrays=(numbers(name, SHAPE), numbers("i8", SHAPE, 1).astype(np.int32) % 5 - 2),
            reference=np.ldexp,
        )
        for name in ("f64", "f32")
    ),
    *(
        Sample(
            op=frexp,
            arrays=(numbers(name, SHAPE) + 0.33,),
            function=lambda x: results_of(frexp(x)),
        )
        for name in ("f64", "f32")
    ),
    *(
        Sample(op=op, arrays=(numbers(name, SHAPE), numbers(name, SHAPE, 1)), reference=reference)
        for op, reference in ((gcd, np.gcd), (lcm, np.lcm))
        for name in ("i8", "u64", "i32")
    ),
]

UPDATES = [
    Sample(
        op=update_at,
        arrays=(numbers(name, (5, 3)), numbers(name, (4, 3), 1), np.array([0, 2, 2, 4])),
        attrs={"ufunc": ufunc, "axes": (0,)},
        differentiable=False,
    )
    for name in ("f64", "i64")
    for ufunc in ("multiply", "maximum")
]

SAMPLES = (*EXPONENTS, *UPDATES, *ORDERS, *SEARCHES, *BATCHES)
