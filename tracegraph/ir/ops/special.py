"""Special functions, which NumPy does not have."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tracegraph.ir.graph import Op, Value
from tracegraph.ir.ops.arithmetic import negative, partials, square, times
from tracegraph.ir.ops.exponential import exp
from tracegraph.ir.ops.family import FLOAT, elementwise

# Fitted at Chebyshev points with 250 bits. Worst error seen of either range: 0.91 ulp.
SPLIT, ONE_FROM = 0.9375, 6.0
NEAR = (
    0.1283791670955126, -0.37612638903183754, 0.11283791670955062, -0.02686617064511549,
    0.005223977625236705, -0.0008548327007495985, 0.0001205533218574172,
    -1.4925623702919896e-05, 1.6461502003729598e-06, -1.6356148630741254e-07,
    1.47028049209114e-08, -1.1554991804869638e-09, 6.294341254228048e-11,
)  # fmt: skip
"""``erf(x) / x - 1`` by powers of ``x * x``, below ``SPLIT``."""
FAR = (
    0.4452822731368817, -1.0088199858132556, 1.0017362170879576, -0.6152377614032902,
    0.1738911110768527, 0.03473788553059594, -0.03311542371552738, -0.005417200419125382,
    0.006451155779261526, 0.0022213511594275995, -0.0013859212928680408,
    -0.00024097702704211482, -0.0008428176587540373, 0.0010539341447726835,
    -0.00031874778120893633, 4.692768290918396e-06,
)  # fmt: skip
"""``erfc(x) * exp(x * x)`` by powers of ``(x - SPLIT) / (x + 2.5)``, from there on."""


def _polynomial(x: Any, coefficients: tuple[float, ...]) -> Any:
    """Evaluate by Horner's rule, in place: fresh arrays at each step cost more than the sums."""
    total = np.full(np.shape(x), coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total *= x
        total += coefficient
    return total


def _erf_eager(x: Any) -> Any:
    size = np.minimum(np.abs(x, dtype=np.float64), ONE_FROM)
    small, large = np.minimum(size, SPLIT), np.maximum(size, SPLIT)
    near = small + small * _polynomial(small * small, NEAR)
    far = 1 - np.exp(-large * large) * _polynomial((large - SPLIT) / (large + 2.5), FAR)
    return np.copysign(np.where(size < SPLIT, near, far), x).astype(x.dtype)


def _erf_slope(x: Value, out: Value) -> Value:
    return times(exp(negative(square(x))), 2 / math.sqrt(math.pi))


erf: Op = elementwise("erf", _erf_eager, FLOAT, jvp=partials(_erf_slope), heavy=True)

OPS = (erf,)
