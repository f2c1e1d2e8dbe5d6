"""Samples of sorting, partitioning and searching."""

from __future__ import annotations

import numpy as np

from tests.ir.samples import Sample
from tests.ir.samples_reduce import EVERYTHING, NUMBERS, SHAPE, numbers
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

SAMPLES = (*ORDERS, *SEARCHES, *BATCHES)
