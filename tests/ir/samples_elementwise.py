"""Samples of the elementwise operations, and of what spreads numbers and arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tests.ir.samples import Sample, inside
from tracegraph.ir.graph import Op
from tracegraph.ir.ops import arithmetic as ar
from tracegraph.ir.ops import bitwise as bw
from tracegraph.ir.ops import choice, compare, division, rounding, signs
from tracegraph.ir.ops import complexes as cx
from tracegraph.ir.ops import exponential as ex
from tracegraph.ir.ops import power as po
from tracegraph.ir.ops import special as sp
from tracegraph.ir.ops import trigonometric as tr
from tracegraph.ir.ops.broadcast import broadcast_to, literal
from tracegraph.ir.ops.cast import cast
from tracegraph.ir.types import DTYPES, DType

NUMBER = (-2.0, 2.0)
POSITIVE = (0.3, 2.5)
UNIT = (-0.8, 0.8)
ABOVE_ONE = (1.2, 3.0)
INTEGER = (-50.0, 50.0)

FLOATS = ("float32", "float64")
INEXACT = (*FLOATS, "complex64", "complex128")

COMPLEX_TOO: dict[Op, tuple[tuple[float, float], ...]] = {
    ar.negative: (NUMBER,),
    ar.add: (NUMBER, NUMBER),
    ar.subtract: (NUMBER, NUMBER),
    ar.multiply: (NUMBER, NUMBER),
    ar.chain: (NUMBER, NUMBER),
    ar.chain_both: (NUMBER, NUMBER),
    ar.square: (NUMBER,),
    ar.reciprocal: (POSITIVE,),
    ar.divide: (NUMBER, POSITIVE),
    signs.absolute: (POSITIVE,),
    signs.sign: (POSITIVE,),
    cx.conjugate: (NUMBER,),
    rounding.rint: (NUMBER,),
    ex.exp: (NUMBER,),
    ex.exp2: (NUMBER,),
    ex.expm1: (NUMBER,),
    ex.log: (POSITIVE,),
    ex.log2: (POSITIVE,),
    ex.log10: (POSITIVE,),
    ex.log1p: (POSITIVE,),
    po.sqrt: (POSITIVE,),
    po.power: (POSITIVE, NUMBER),
    tr.sin: (NUMBER,),
    tr.cos: (NUMBER,),
    tr.tan: (UNIT,),
    tr.arcsin: (UNIT,),
    tr.arccos: (UNIT,),
    tr.arctan: (UNIT,),
    tr.sinh: (NUMBER,),
    tr.cosh: (NUMBER,),
    tr.tanh: (UNIT,),
    tr.arcsinh: (UNIT,),
    tr.arccosh: (ABOVE_ONE,),
    tr.arctanh: (UNIT,),
    choice.maximum: (NUMBER, NUMBER),
    choice.minimum: (NUMBER, NUMBER),
    choice.fmax: (NUMBER, NUMBER),
    choice.fmin: (NUMBER, NUMBER),
    choice.clip: (NUMBER, (-1.0, -0.5), (0.5, 1.0)),
    compare.isnan: (NUMBER,),
    compare.isinf: (NUMBER,),
    compare.isfinite: (NUMBER,),
    **dict.fromkeys(
        (compare.equal, compare.not_equal, compare.less, compare.less_equal, compare.greater,
         compare.greater_equal, compare.logical_and, compare.logical_or, compare.logical_xor),
        (NUMBER, NUMBER),
    ),
    compare.logical_not: (NUMBER,),
}  # fmt: skip
"""Where each operation of floats and complex numbers is smooth."""

FLOATS_ONLY: dict[Op, tuple[tuple[float, float], ...]] = {
    signs.copysign: (NUMBER, NUMBER),
    compare.signbit: (NUMBER,),
    rounding.floor: (NUMBER,),
    rounding.ceil: (NUMBER,),
    rounding.trunc: (NUMBER,),
    rounding.nextafter: (NUMBER, (3.0, 4.0)),
    division.floor_divide: (NUMBER, (0.31, 0.33)),
    division.remainder: ((-0.15, -0.02), POSITIVE),
    division.fmod: ((-0.15, -0.02), POSITIVE),
    ex.logaddexp: (NUMBER, NUMBER),
    ex.logaddexp2: (NUMBER, NUMBER),
    sp.erf: (NUMBER,),
    po.cbrt: (POSITIVE,),
    po.hypot: (NUMBER, POSITIVE),
    tr.arctan2: (NUMBER, POSITIVE),
}

INTEGERS_TOO = (
    ar.negative, ar.add, ar.subtract, ar.multiply, ar.square, ar.reciprocal,
    signs.absolute, signs.sign, cx.conjugate,
    division.floor_divide, division.remainder, division.fmod,
    choice.maximum, choice.minimum, choice.fmax, choice.fmin,
    compare.equal, compare.less, compare.logical_and, compare.isnan,
)  # fmt: skip
BITS = (bw.bitwise_and, bw.bitwise_or, bw.bitwise_xor, bw.left_shift, bw.right_shift)

REFERENCES: dict[Op, Callable[..., Any]] = {
    ar.chain: np.multiply,
    ar.chain_both: np.multiply,
    choice.clip: lambda x, low, high: np.minimum(np.maximum(x, low), high),
    sp.erf: np.vectorize(math.erf),
}


def _arity(op: Op) -> int:
    return len(COMPLEX_TOO.get(op) or FLOATS_ONLY.get(op) or (NUMBER, NUMBER))


def _numbers() -> Iterator[Sample]:
    for table, dtypes in ((COMPLEX_TOO, INEXACT), (FLOATS_ONLY, FLOATS)):
        for op, domains in table.items():
            for dtype in dtypes:
                yield Sample(op=op, arrays=inside(dtype, *domains), reference=REFERENCES.get(op))


def _integers() -> Iterator[Sample]:
    for op in INTEGERS_TOO:
        yield Sample(op=op, arrays=inside("int64", *(_arity(op) * [INTEGER])))
        yield Sample(op=op, arrays=inside("uint8", *(_arity(op) * [(1.0, 250.0)])))
    for op in BITS:
        yield Sample(op=op, arrays=inside("int32", (0.0, 9.0), (0.0, 9.0)))
    yield Sample(op=bw.invert, arrays=inside("int16", INTEGER))
    yield Sample(op=po.power, arrays=inside("int64", INTEGER, (0.0, 5.0)))


def _integer_powers() -> Iterator[Sample]:
    for exponent in range(6):
        for dtype in (*FLOATS, "int64"):
            domain = NUMBER if dtype in FLOATS else INTEGER
            yield Sample(
                op=po.integer_power,
                arrays=inside(dtype, domain),
                attrs={"exponent": exponent},
                reference=lambda x, exponent: (
                    np.prod([x] * exponent, axis=0) if exponent else np.ones_like(x)
                ),
            )


def _complex_parts() -> Iterator[Sample]:
    for dtype in ("complex64", "complex128"):
        yield Sample(op=cx.real, arrays=inside(dtype, NUMBER))
        yield Sample(op=cx.imag, arrays=inside(dtype, NUMBER))
    for dtype in FLOATS:
        yield Sample(
            op=cx.complex_, arrays=inside(dtype, NUMBER, NUMBER), reference=lambda x, y: x + 1j * y
        )


def _selects() -> Iterator[Sample]:
    condition = np.array([[True, False, True], [False, False, True]])
    for dtype in (*INEXACT, "int64"):
        yield Sample(op=choice.select, arrays=(condition, *inside(dtype, NUMBER, NUMBER)))


def _cast(source: str, target: DType) -> Sample:
    def reference(x: Any, dtype: DType) -> Any:
        return np.real(x).astype(dtype) if dtype.kind != "c" else np.asarray(x, dtype)

    return Sample(
        op=cast,
        arrays=inside(source, POSITIVE),
        attrs={"dtype": target},
        reference=reference,
        # A finite difference of rounded numbers is rough.
        tolerance=0.05 if target in (DTYPES["f32"], DTYPES["c64"]) else 1e-6,
    )


def _spread() -> Iterator[Sample]:
    for name in ("bool", "int64", "float64", "complex128"):
        yield Sample(op=literal, arrays=(), attrs={"value": np.dtype(name).type(3)})
        for shape, axes in (((2, 3), (0, 1)), ((4, 2, 3), (1, 2)), ((2, 4, 3, 5), (0, 2))):
            yield Sample(
                op=broadcast_to,
                arrays=inside(name, NUMBER),
                attrs={"shape": shape, "axes": axes},
                reference=lambda x, shape, axes: np.broadcast_to(
                    x.reshape(tuple(n if i in axes else 1 for i, n in enumerate(shape))), shape
                ),
            )


SAMPLES: tuple[Sample, ...] = (
    *_spread(),
    *_numbers(),
    *_integers(),
    *_integer_powers(),
    *_complex_parts(),
    *_selects(),
    *(_cast(source, DTYPES["f64"]) for source in ("bool", "int64", "float32", "float64")),
    *(_cast("float64", DTYPES[name]) for name in ("bool", "u8", "i32", "f32", "c64", "c128")),
    _cast("complex128", DTYPES["c64"]),
    _cast("complex128", DTYPES["f32"]),
)
