"""Write tracegraph/codegen/mathlib/coefficients.py: polynomials and split constants, from mpmath.

`python tools/make_coefficients.py` prints the file, with --write it replaces it. The result is the
same on every machine: everything is computed to 100 digits and rounded to nearest at the end.

Polynomials are weighted least-squares fits on Chebyshev points, which come within a small factor
of minimax. Coefficients are rounded one by one from the lowest, each time fitting the rest again,
so that later ones make up for what rounding lost (Brisebarre and Chevillard, "Efficient polynomial
L-infinity approximations", ARITH 2007, do this exactly).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mpmath as mp

mp.mp.dps = 100
TARGET = Path(__file__).parents[1] / "tracegraph" / "codegen" / "mathlib" / "coefficients.py"
PRECISION = {"FLOAT64": 53, "FLOAT32": 24}
Real = Any  # mpmath's numbers carry no types
Function = Callable[[Real], Real]


def rounded(value: Real, bits: int) -> Real:
    with mp.workprec(bits):
        return +value


def fit(f: Function, low: Real, high: Real, bits: int, count: int, weight: Function) -> list[Real]:
    """Return `count` coefficients, lowest first, rounded to `bits`."""
    low, high = mp.mpf(low), mp.mpf(high)
    n = 2 * count + 4
    middle, radius = (low + high) / 2, (high - low) / 2
    points = [middle + radius * mp.cos(mp.pi * (2 * k + 1) / (2 * n)) for k in range(n)]
    weights = [weight(x) for x in points]
    rest = [f(x) for x in points]
    done: list[Real] = []
    for i in range(count):
        rows = [[w * x**j for j in range(i, count)] for x, w in zip(points, weights, strict=True)]
        right = mp.matrix([w * r for w, r in zip(weights, rest, strict=True)])
        done.append(rounded(mp.lu_solve(mp.matrix(rows), right)[0], bits))
        rest = [r - done[-1] * x**i for r, x in zip(rest, points, strict=True)]
    return done


def split(value: Real, *bits: int) -> list[Real]:
    """Return parts of that many bits that add up to the value, largest first."""
    parts = []
    for b in bits:
        parts.append(rounded(value, b))
        value -= parts[-1]
    return parts


def even(f: Function, limit: Real) -> Function:
    """Return `f(sqrt(z))` as a function of z; near 0, where f would be 0/0, its limit."""
    return lambda z: f(mp.sqrt(z)) if abs(z) > mp.mpf(10) ** -30 else mp.mpf(limit)


def whole(f: Function, limit: Real) -> Function:
    return lambda x: f(x) if abs(x) > mp.mpf(10) ** -30 else mp.mpf(limit)


def identity(z: Real) -> Real:
    return z


def square(z: Real) -> Real:
    return z * z


def log_series(s: Real) -> Real:
    return mp.log((1 + s) / (1 - s)) / s


@dataclass(frozen=True)
class Polynomial:
    """One approximation; `counts` are its lengths for float64 and float32, 0 for none.

    `weight` is what the polynomial is multiplied by where it is used, relative to the result.
    """

    name: str
    says: str
    f: Function
    low: Real
    high: Real
    counts: tuple[int, int]
    weight: Function = lambda x: mp.mpf(1)


@dataclass(frozen=True)
class Constant:
    """A number in parts; `bits` are their widths for float64 and float32."""

    name: str
    says: str
    value: Real
    bits: tuple[tuple[int, ...], tuple[int, ...]]


LN2 = mp.log(2)
HALF_STEP = LN2 / 2 * mp.mpf("1.002")
QUARTER_TURN = (mp.pi / 4 * mp.mpf("1.002")) ** 2
LOG_Z = ((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2 * mp.mpf("1.002")
TWO = ((53, 53), (24, 24))
SHORT = ((41, 53), (15, 24))

ENTRIES: tuple[Polynomial | Constant, ...] = (
    Polynomial(
        "exp", "(exp(r) - 1 - r) / r**2, |r| <= ln(2)/2",
        whole(lambda r: (mp.expm1(r) - r) / r**2, 0.5), -HALF_STEP, HALF_STEP, (10, 5),
        abs,
    ),
    Polynomial(
        "exp2", "(2**r - 1 - r ln(2)) / r**2, |r| <= 1/2",
        whole(lambda r: (mp.expm1(r * LN2) - r * LN2) / r**2, LN2**2 / 2), -0.501, 0.501, (10, 5),
        abs,
    ),
    Polynomial(
        "sinh", "(sinh(r)/r - 1) / z, z = r**2, |r| <= ln(2)/2",
        even(lambda r: (mp.sinh(r) / r - 1) / r**2, mp.mpf(1) / 6), 0, HALF_STEP**2, (5, 3),
        identity,
    ),
    Polynomial(
        "cosh", "(cosh(r) - 1) / z, z = r**2, |r| <= ln(2)/2",
        even(lambda r: (mp.cosh(r) - 1) / r**2, 0.5), 0, HALF_STEP**2, (6, 3),
        identity,
    ),
    Polynomial(
        "log", "(log((1+s)/(1-s))/s - 2) / z, z = s**2, |s| <= (sqrt(2)-1)/(sqrt(2)+1)",
        even(lambda s: (log_series(s) - 2) / s**2, mp.mpf(2) / 3), 0, LOG_Z, (7, 4),
        identity,
    ),
    Polynomial(
        "log_tail", "(log((1+s)/(1-s))/s - 2 - 2z/3) / z**2, the same z: for power",
        even(lambda s: (log_series(s) - 2 - s**2 * 2 / 3) / s**4, mp.mpf(2) / 5), 0, LOG_Z, (8, 0),
        square,
    ),
    Polynomial(
        "sin", "(sin(r)/r - 1) / z, z = r**2, |r| <= pi/4",
        even(lambda r: (mp.sin(r) / r - 1) / r**2, -mp.mpf(1) / 6), 0, QUARTER_TURN, (6, 3),
        identity,
    ),
    Polynomial(
        "cos", "(cos(r) - 1 + z/2) / z**2, z = r**2, |r| <= pi/4",
        even(lambda r: (mp.cos(r) - 1 + r**2 / 2) / r**4, mp.mpf(1) / 24), 0, QUARTER_TURN, (6, 3),
        square,
    ),
    Polynomial(
        "arctan", "(arctan(t)/t - 1) / z, z = t**2, |t| <= 1/2",
        even(lambda t: (mp.atan(t) / t - 1) / t**2, -mp.mpf(1) / 3), 0, mp.mpf("0.2505"), (12, 6),
        identity,
    ),
    Polynomial(
        "arcsin", "(arcsin(t)/t - 1) / z, z = t**2, |t| <= 1/2",
        even(lambda t: (mp.asin(t) / t - 1) / t**2, mp.mpf(1) / 6), 0, mp.mpf("0.2505"), (13, 6),
        identity,
    ),
    Polynomial(
        "erf", "erf(x)/x - 1, a polynomial in x**2, |x| <= 1",
        even(lambda x: mp.erf(x) / x - 1, 2 / mp.sqrt(mp.pi) - 1), 0, mp.mpf("1.001"), (12, 7),
    ),
    Polynomial(
        "log_erfc", "log(8 erfc(1 + t)) up to where erf rounds to 1, weighted with erfc(1 + t)",
        lambda t: mp.log(8 * mp.erfc(1 + t)), 0, mp.mpf("4.95"), (18, 0), lambda t: mp.erfc(1 + t),
    ),
    Polynomial(
        "log_erfc", "log(8 erfc(1 + t)) up to where erf rounds to 1, weighted with erfc(1 + t)",
        lambda t: mp.log(8 * mp.erfc(1 + t)), 0, mp.mpf("2.95"), (0, 7), lambda t: mp.erfc(1 + t),
    ),
    Polynomial(
        "inverse_cbrt", "m**(-1/3), sqrt(1/8) <= m <= sqrt(8), relative",
        lambda m: mp.cbrt(1 / m), mp.mpf("0.353"), mp.mpf("2.83"), (6, 6), mp.cbrt,
    ),
    Polynomial(
        "power32_log2", "log2((1+s)/(1-s)) / s in z = s**2, 43 bits: for power of float32",
        even(lambda s: log_series(s) / LN2, 2 / LN2), 0, LOG_Z, (6, 0),
    ),
    Polynomial(
        "power32_exp2", "2**r, |r| <= 1/2, 29 bits: for power of float32",
        lambda r: mp.mpf(2) ** r, -0.501, 0.501, (7, 0),
    ),
    Constant("ln2", "log(2)", LN2, TWO),
    Constant("ln2_short", "log(2), a first part that any exponent multiplies exactly", LN2, SHORT),
    Constant("log2_e", "1/log(2)", 1 / LN2, TWO),
    Constant("log10_e", "1/log(10)", 1 / mp.log(10), TWO),
    Constant("log10_2", "log10(2), its first part short as that of ln2_short", mp.log10(2), SHORT),
    Constant("two_over_pi", "2/pi", 2 / mp.pi, ((53,), (24,))),
    Constant("half_pi", "pi/2", mp.pi / 2, ((53, 53, 53), (24, 24, 24))),
    Constant("two_thirds", "2/3", mp.mpf(2) / 3, TWO),
)  # fmt: skip

HEADER = '''\
"""Polynomial coefficients, lowest first, and constants in parts, largest first, by dtype.

Made by tools/make_coefficients.py with mpmath (weighted least squares on Chebyshev points, rounding
the coefficients one after another); change it there, not here.
"""

from __future__ import annotations
'''


def values(entry: Polynomial | Constant, which: int) -> list[Real]:
    """Return the numbers of one entry for float64 (0) or float32 (1)."""
    if isinstance(entry, Constant):
        return split(entry.value, *entry.bits[which])
    bits, count = list(PRECISION.values())[which], entry.counts[which]
    return fit(entry.f, entry.low, entry.high, bits, count, entry.weight) if count else []


def entry_lines(entry: Polynomial | Constant, which: int) -> list[str]:
    numbers = values(entry, which)
    if not numbers:
        return []
    lines = [f"    # {entry.says}", f'    "{entry.name}": (']
    if len(numbers) == 1:
        return [lines[0], f"{lines[1]}{float(numbers[0])!r},),"]
    return lines + [f"        {float(v)!r}," for v in numbers] + ["    ),"]


def table(which: int) -> str:
    lines = [f"{list(PRECISION)[which]}_TABLE: dict[str, tuple[float, ...]] = {{"]
    for entry in ENTRIES:
        lines += entry_lines(entry, which)
    return "\n".join([*lines, "}", ""])


def text() -> str:
    return "\n".join([HEADER, table(0), table(1)])


if __name__ == "__main__":
    if "--write" in sys.argv:
        TARGET.write_text(text(), encoding="utf-8")
    else:
        print(text(), end="")
