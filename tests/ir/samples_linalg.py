"""Samples of equations, decompositions and transforms."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ir.samples import Sample
from tracegraph.ir.graph import Op, Value
from tracegraph.ir.ops.arithmetic import multiply
from tracegraph.ir.ops.complexes import conjugate, real
from tracegraph.ir.ops.compose_linalg import results_of
from tracegraph.ir.ops.decompose import cholesky, eigh, eigvalsh, qr, svd, svdvals
from tracegraph.ir.ops.fourier import fft, ifft, irfft, rfft
from tracegraph.ir.ops.least_squares import lstsq
from tracegraph.ir.ops.solve import det, inv, pinv, slogdet, solve
from tracegraph.ir.types import DTYPES

NAMES = ("f64", "c128", "f32", "c64")


def matrix(name: str, *shape: int, positive: bool = False, seed: int = 0) -> Any:
    """Return matrices far from singular ones, Hermitian and positive if wanted."""
    rng = np.random.default_rng(seed)
    found = rng.normal(size=shape)
    if name.startswith("c"):
        found = found + 1j * rng.normal(size=shape)
    if shape[-1] == shape[-2]:
        found = found + 3 * np.eye(shape[-1])
    if positive:
        found = found @ found.swapaxes(-1, -2).conj() + np.diag(np.arange(1.0, shape[-1] + 1))
    return found.astype(DTYPES[name])


def several(op: Op, **attrs: Any) -> Any:
    """Return the call of an operation that has several results."""

    def call(*operands: Value) -> list[Value]:
        return results_of(op(*operands, **attrs))

    return call


def up_to_phases(op: Op, **attrs: Any) -> Any:
    """Return the call of an operation whose complex vectors have any phase: what has none."""

    def call(*operands: Value) -> list[Value]:
        found = results_of(op(*operands, **attrs))
        vectors = [x for x in found if x.dtype.kind == "c"]
        sizes = [real(multiply(x, conjugate(x))) for x in vectors]
        return [*(x for x in found if x.dtype.kind != "c"), *sizes]

    return call


ONE = [
    Sample(op=op, arrays=(matrix(name, *shape, positive=positive),), attrs=attrs, tolerance=1e-4)
    for name in NAMES
    for op, shape, positive, attrs in (
        (inv, (3, 3), False, {}),
        (inv, (2, 3, 3), False, {}),
        (det, (2, 3, 3), False, {}),
        (cholesky, (3, 3), True, {"upper": False}),
        (cholesky, (2, 3, 3), True, {"upper": True}),
        (eigvalsh, (3, 3), True, {"lower": True}),
        (svdvals, (4, 3), False, {}),
        (pinv, (4, 3), False, {"rcond": 1e-15}),
        (pinv, (2, 2, 4), False, {"rcond": 1e-15}),
    )
]

SEVERAL = [
    Sample(op=op, arrays=(matrix(name, *shape, positive=positive),), function=call, tolerance=1e-4)
    for name in NAMES
    for op, shape, positive, call in (
        (slogdet, (2, 3, 3), False, several(slogdet)),
        (qr, (4, 3), False, several(qr)),
        (qr, (3, 3), False, several(qr)),
        (qr, (2, 2, 4), False, several(qr)),
    )
]

VECTORS = [
    Sample(
        op=op,
        arrays=(matrix(name, *shape, positive=positive),),
        function=(up_to_phases if name.startswith("c") else several)(op, **attrs),
        tolerance=1e-4,
    )
    for name in NAMES
    for op, shape, positive, attrs in (
        (eigh, (3, 3), True, {"lower": False}),
        (svd, (4, 3), False, {"full": False}),
        (svd, (2, 2, 4), False, {"full": False}),
        (svd, (3, 3), False, {"full": True}),
    )
]

TWO = [
    *(
        Sample(op=solve, arrays=(matrix(name, *batch, 3, 3), matrix(name, *batch, 3, 2, seed=1)))
        for name in NAMES
        for batch in ((), (2,))
    ),
    *(
        Sample(
            op=lstsq,
            arrays=(matrix(name, *shape), matrix(name, shape[0], 2, seed=1)),
            function=several(lstsq, rcond=1e-15, residuals=residuals),
            tolerance=1e-4,
        )
        for name in NAMES
        for shape, residuals in (((5, 3), 2), ((3, 3), 0), ((2, 4), 0))
    ),
]

TRANSFORMS = [
    Sample(op=op, arrays=(matrix(name, *shape),), attrs={"axis": axis, "norm": norm, **attrs})
    for precision in ("64", "32")
    for axis, norm in ((0, "backward"), (1, "ortho"), (1, "forward"))
    for op, name, shape, attrs in (
        (fft, "c128" if precision == "64" else "c64", (4, 5), {}),
        (fft, f"f{precision}", (4, 5), {}),
        (ifft, f"f{precision}", (4, 5), {}),
        (irfft, f"f{precision}", (3, 3), {"length": 5 - axis}),
        (ifft, "c128" if precision == "64" else "c64", (4, 5), {}),
        (rfft, f"f{precision}", (4, 5), {}),
        (irfft, "c128" if precision == "64" else "c64", (3, 3), {"length": 5 - axis}),
    )
]

SAMPLES = (*TRANSFORMS, *ONE, *SEVERAL, *VECTORS, *TWO)
