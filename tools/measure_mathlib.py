"""Print the worst error of each elementary function, in units in the last place of the truth.

`python -m tools.measure_mathlib [POINTS [FUNCTION...]]`: POINTS (default 2000) in each range of
`CASES`, besides neighbours of every power of two; the true values are mpmath's. The tests use the
same ranges with fewer points.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import mpmath as mp
import numpy as np

from tests.codegen.scalar_harness import Program, build
from tracegraph.ir.types import DTYPES, DType

Array = np.ndarray[Any, Any]
Range = tuple[float, float]
Real = Any  # mpmath's numbers carry no types

mp.mp.prec = 140  # twice float64 and more, so that pow's and tan's own cancellations do not show
INFINITY = float("inf")


@dataclass(frozen=True)
class Case:
    """One function of one argument.

    `ranges` are searched in both dtypes, `double` and `single` in one: thresholds, ends of the
    range of results. `domain` bounds the numbers of any size that are tried too.
    """

    true: Callable[..., Real]
    ranges: tuple[Range, ...]
    double: tuple[Range, ...] = ()
    single: tuple[Range, ...] = ()
    domain: Range = (-INFINITY, INFINITY)
    limit: float = 1.4

    def ranges_of(self, dtype: DType) -> tuple[Range, ...]:
        return self.ranges + (self.double if dtype.itemsize == 8 else self.single)


NEAR_ZERO = (-1e-3, 1e-3)
ANGLES = Case(
    mp.sin,
    ((-1, 1), (-4, 4), (-100, 100), (-1e5, 1e5)),
    ((-(2.0**40), 2.0**40), (2e12, 1e22)),
    ((-(2.0**17), 2.0**17), (2e5, 1e22)),
)
LOGARITHM = Case(mp.log, ((0.5, 2), (0.99, 1.01), (0, 1), (0, 1e6)), domain=(0, INFINITY))
EXPONENTIAL = Case(
    mp.exp,
    ((-1, 1), (-20, 20), NEAR_ZERO, (0.3, 1.1)),
    ((-708, 709.7), (-745.2, -708)),
    ((-87, 88.7), (-104, -87)),
)
EXP2 = Case(
    lambda x: mp.mpf(2) ** x,
    ((-1, 1), (-20, 20), NEAR_ZERO),
    ((-1022, 1024), (-1075, -1022)),
    ((-126, 128), (-150, -126)),
)
SINH = Case(mp.sinh, ((-1, 1), (-4, 4), (-40, 40), NEAR_ZERO), ((-710.5, 710.5),), ((-89.5, 89.5),))
UNIT = ((-1.0, 1.0), (0.45, 0.55), (-0.55, -0.45), (0.99, 1.0), (-1.0, -0.99), NEAR_ZERO)


def with_reference(case: Case, true: Callable[..., Real], limit: float = 1.4) -> Case:
    return Case(true, case.ranges, case.double, case.single, case.domain, limit)


CASES: dict[str, Case] = {
    "exp": EXPONENTIAL,
    "exp2": EXP2,
    "expm1": with_reference(EXPONENTIAL, mp.expm1),
    "log": LOGARITHM,
    "log2": with_reference(LOGARITHM, lambda x: mp.log(x, 2)),
    "log10": with_reference(LOGARITHM, mp.log10),
    "log1p": Case(mp.log1p, ((-0.999, 1), (-0.5, 0.6), (0, 1e6), NEAR_ZERO), domain=(-1, INFINITY)),
    "sin": ANGLES,
    "cos": with_reference(ANGLES, mp.cos),
    "tan": with_reference(ANGLES, mp.tan, 2.0),
    "arcsin": Case(mp.asin, UNIT, domain=(-1, 1)),
    "arccos": Case(mp.acos, UNIT, domain=(-1, 1)),
    "arctan": Case(mp.atan, ((-1, 1), (0.45, 0.55), (1.9, 2.1), (-100, 100), NEAR_ZERO)),
    "sinh": SINH,
    "cosh": with_reference(SINH, mp.cosh),
    "tanh": Case(mp.tanh, ((-1, 1), (-4, 4), NEAR_ZERO), ((17.5, 19.2),), ((7.5, 9.2),)),
    "arcsinh": Case(mp.asinh, ((-1, 1), (-4, 4), (-1e6, 1e6), NEAR_ZERO)),
    "arccosh": Case(mp.acosh, ((1, 1.01), (1, 4), (1, 1e6)), domain=(1, INFINITY)),
    "arctanh": Case(mp.atanh, UNIT, domain=(-1, 1)),
    "erf": Case(mp.erf, ((-1, 1), (0.9, 1.1), (1, 4), NEAR_ZERO), ((4, 6.1),), limit=2.0),
    "cbrt": Case(lambda x: mp.cbrt(abs(x)) * mp.sign(x), ((-10, 10), (0.3, 3), (-1e9, 1e9))),
}

PAIRS: dict[str, tuple[Callable[..., Real], float, tuple[tuple[Range, Range], ...]]] = {
    "power": (
        mp.power,
        2.0,
        (
            ((0, 10), (-10, 10)),
            ((0.5, 2), (-1000, 1000)),
            ((0.9, 1.1), (-7000, 7000)),
            ((0, 1e3), (-40, 40)),
            ((0.5, 2), (-140, 140)),
            ((0, 1e300), (-1, 1)),
        ),
    ),
    "arctan2": (
        mp.atan2,
        1.4,
        (((-1, 1), (-1, 1)), ((-1, 1), (0.9, 1.1)), ((-1e6, 1e6), (-1, 1)), ((0, 1e-3), (-1, 1))),
    ),
}


def near_powers_of_two(dtype: DType, domain: Range) -> Array:
    """Return every power of two inside the domain with its neighbours, of both signs."""
    info = np.finfo(dtype)
    powers = dtype.type(2.0) ** np.arange(info.minexp - info.nmant, info.maxexp).astype(dtype)
    around = [np.nextafter(powers, dtype.type(0)), powers, np.nextafter(powers, powers * 2)]
    all_of_them = np.concatenate([*around, *(-a for a in around)])
    return inside(all_of_them, domain)


def inside(x: Array, domain: Range) -> Array:
    kept: Array = x[(x > domain[0]) & (x < domain[1]) & np.isfinite(x)]
    return kept


def of_any_size(rng: np.random.Generator, count: int, dtype: DType) -> Array:
    """Return floats with random bits."""
    bits = rng.integers(0, 256, count * dtype.itemsize, dtype=np.uint8)
    return bits.view(dtype)


def uniform(rng: np.random.Generator, bounds: Range, count: int, dtype: DType) -> Array:
    largest = float(np.finfo(dtype).max)
    low, high = (float(np.clip(b, -largest, largest)) for b in bounds)
    return rng.uniform(low, high, count).astype(dtype)


def near_quarter_turns(rng: np.random.Generator, count: int, dtype: DType) -> Array:
    """Return the floats nearest to multiples of pi/2, where sin, cos and tan lose most."""
    top = 39 if dtype.itemsize == 8 else 16
    turns = np.floor(2.0 ** rng.uniform(0, top, count))
    return np.array([float(mp.mpf(t) * mp.pi / 2) for t in turns], dtype)


def points_of(op: str, dtype: DType, count: int, seed: int = 0) -> Iterator[tuple[Array, ...]]:
    """Yield the arguments at which a function is measured, range by range."""
    rng = np.random.default_rng(seed)
    with np.errstate(all="ignore"):
        if op in PAIRS:
            for a, b in PAIRS[op][2]:
                yield uniform(rng, a, count, dtype), uniform(rng, b, count, dtype)
            sizes = of_any_size(rng, count, dtype), of_any_size(rng, count, dtype)
            yield sizes if op == "arctan2" else (abs(sizes[0]), sizes[1])
            return
        case = CASES[op]
        for bounds in case.ranges_of(dtype):
            yield (inside(uniform(rng, bounds, count, dtype), case.domain),)
        yield (inside(of_any_size(rng, count, dtype), case.domain),)
        yield (near_powers_of_two(dtype, case.domain),)
        if op in ("sin", "cos", "tan"):
            yield (near_quarter_turns(rng, count, dtype),)


def unit_of(true: Real, dtype: DType) -> Real:
    """Return the distance of neighbouring floats at a number, that of subnormals at least."""
    info = np.finfo(dtype)
    exponent = mp.frexp(true)[1] - 1
    return mp.ldexp(1, max(exponent, int(info.minexp)) - int(info.nmant))


def error(got: float, true: Real, dtype: DType) -> float:
    """Return the error in units in the last place; infinity counts as the next power of two."""
    beyond = mp.ldexp(1, int(np.finfo(dtype).maxexp))
    if np.isnan(got):
        return INFINITY
    value = mp.mpf(float(got)) if np.isfinite(got) else mp.sign(got) * beyond
    true = max(-beyond, min(beyond, true))
    return float(abs(value - true) / unit_of(true, dtype))


@functools.cache
def program(op: str, dtype: DType) -> Program:
    return build(dtype, lambda b, *args: b.apply(op, *args), 2 if op in PAIRS else 1)


def worst(op: str, dtype: DType, arguments: Sequence[Array]) -> tuple[float, tuple[float, ...]]:
    """Return the largest error at some points, and where it is."""
    finite = np.all([np.isfinite(a) for a in arguments], axis=0)
    arguments = [a[finite] for a in arguments]
    results = program(op, dtype)(*arguments)[0]
    true = PAIRS[op][0] if op in PAIRS else CASES[op].true
    found: tuple[float, tuple[float, ...]] = (0.0, ())
    for got, *at in zip(results, *arguments, strict=True):
        point = tuple(map(float, at))
        found = max(found, (error(got, true(*map(mp.mpf, point)), dtype), point))
    return found


def limit_of(op: str) -> float:
    return PAIRS[op][1] if op in PAIRS else CASES[op].limit


def main(count: int, *ops: str) -> None:
    print(f"{'function':10} {'f64':>7} {'f32':>7}  worst at")
    for op in ops or (*CASES, *PAIRS):
        found = [
            max(worst(op, d, a) for a in points_of(op, d, count))
            for d in (DTYPES["f64"], DTYPES["f32"])
        ]
        places = "; ".join(", ".join(map(repr, at)) for _, at in found)
        print(f"{op:10} {found[0][0]:7.3f} {found[1][0]:7.3f}  {places}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 2000, *sys.argv[2:])
