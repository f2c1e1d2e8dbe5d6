"""Standard distributions made of words, by operations that round alike everywhere."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracegraph.random.words import LOW

ATANH = tuple(2.0 / (2 * n + 1) for n in range(11, 0, -1))
"""The series of ``log((1 + s) / (1 - s)) / s - 2`` in powers of ``s * s``, the highest first."""

LN2 = 0.6931471805599453

CENTRE = (
    (2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
     13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608),
    (5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
     5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0),
)  # fmt: skip
MIDDLE = (
    (7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177,
     1.27045825245236838258, 3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959,
     1.42343711074968357734),
    (1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966,
     0.14810397642748007459, 0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187,
     1.0),
)  # fmt: skip
TAIL = (
    (2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386,
     0.026532189526576123093, 0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699,
     6.6579046435011037772),
    (2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5,
     7.868691311456132591e-4, 0.0148753612908506148525, 0.13692988092273580531,
     0.59983220655588793769, 1.0),
)  # fmt: skip
"""Numerators and denominators of AS 241, PPND16: by the square of the distance from one half, and
by the root of minus the logarithm of the probability."""


def odd_below(words: Any) -> Any:
    """Return odd numbers below 2**53 made of the first 52 bits."""
    return ((words >> np.uint64(12)) << np.uint64(1)) | np.uint64(1)


def signed(words: Any, x: Any) -> Any:
    """Return x with the sign that the last bit says."""
    return np.where((words & np.uint64(1)) == 0, x, -x)


def minus_log(odd: Any) -> Any:
    """Return ``-log(odd / 2**53)``: a power of two is split off, the rest is a series.

    No call of ``log``, whose last bits depend on the library.
    """
    exponent = np.zeros(np.shape(odd))
    for shift in (32, 16, 8, 4, 2, 1):
        is_small = odd < np.uint64(2 ** (53 - shift))
        odd = np.where(is_small, odd << np.uint64(shift), odd)
        exponent = np.where(is_small, exponent + shift, exponent)
    rest = odd.astype(np.float64) * 2.0**-53
    is_small = rest < 0.7071067811865476
    rest = np.where(is_small, rest * 2.0, rest)
    exponent = np.where(is_small, exponent + 1.0, exponent)
    part = (rest - 1.0) / (rest + 1.0)
    square = part * part
    return exponent * LN2 - part * (_polynomial(ATANH, square) * square + 2.0)


def _polynomial(coefficients: Any, x: Any) -> Any:
    """Return the value of a polynomial, whose highest coefficient comes first."""
    total = coefficients[0]
    for coefficient in coefficients[1:]:
        total = total * x + coefficient
    return total


def percentage_point(odd: Any) -> Any:
    """Return above which number lies ``odd / 2**54`` of the normal distribution."""
    away = 0.5 - odd.astype(np.float64) * 2.0**-54
    near = 0.180625 - away * away
    root = np.sqrt(minus_log(odd) + LN2)
    middle, far = root - 1.6, root - 5.0
    outside = np.where(root <= 5.0, _ratio(MIDDLE, middle), _ratio(TAIL, far))
    return np.where(away <= 0.425, away * _ratio(CENTRE, near), outside)


def _ratio(polynomials: Any, x: Any) -> Any:
    return _polynomial(polynomials[0], x) / _polynomial(polynomials[1], x)


def high_product(a: Any, b: Any) -> Any:
    """Return the upper half of a product of 64 bits by 64 bits."""
    half = np.uint64(32)
    a_high, a_low, b_high, b_low = a >> half, a & LOW, b >> half, b & LOW
    cross, other = a_high * b_low, a_low * b_high
    carry = ((a_low * b_low) >> half) + (cross & LOW) + (other & LOW)
    return a_high * b_high + (cross >> half) + (other >> half) + (carry >> half)
