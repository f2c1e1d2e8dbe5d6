"""Scalars with Python's operators, so that the programs of this package read as formulas.

A number beside a ``Value`` is a constant of that value's dtype. On bit patterns (``x.bits``) ``<<``
and ``>>`` are shifts by less than the width, ``>>`` fills with zeros. Comparisons are false on NaN.

Programs are for AVX2 as well as for wider machines, so they do without what AVX2 lacks for 64 bits:
arithmetic shifts to the right and conversions between integers and floats. Adding
``Format.magic`` rounds a float to an integer and leaves that integer in the low bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import TypeAlias

from tracegraph.codegen.mathlib.coefficients import FLOAT32_TABLE, FLOAT64_TABLE
from tracegraph.ir.record import record
from tracegraph.ir.scalar import Scalar, ScalarBuilder
from tracegraph.ir.types import DTYPES, DType

ESTRIN_FROM = 6
"""Polynomials with this many coefficients or more are evaluated in pairs (Estrin): they would be
chains of dependent operations longer than the machine can hide by overlapping iterations."""


@record(eq=True)
class Format:
    """What a program must know of a float dtype.

    ``mantissa`` counts the explicit bits. ``magic``: floats between ``-2**(mantissa-2)`` and
    ``2**(mantissa-2)`` plus ``magic`` have no fraction and their low bits count in ones.
    """

    dtype: DType
    pattern: DType
    mantissa: int
    bias: int
    table: dict[str, tuple[float, ...]] = field(repr=False)

    @property
    def magic(self) -> float:
        return float(3 << (self.mantissa - 1))

    @property
    def sign_shift(self) -> int:
        return self.pattern.itemsize * 8 - 1

    @property
    def smallest_normal(self) -> float:
        return float(2.0 ** (1 - self.bias))

    def choose(self, double: float, single: float) -> float:
        """Return the bound that fits: the first for float64, the second for float32."""
        return double if self.mantissa == 52 else single


FORMATS = {
    DTYPES["f64"]: Format(DTYPES["f64"], DTYPES["i64"], 52, 1023, FLOAT64_TABLE),
    DTYPES["f32"]: Format(DTYPES["f32"], DTYPES["i32"], 23, 127, FLOAT32_TABLE),
}
_BY_PATTERN = {f.pattern: f for f in FORMATS.values()}


@record(slots=True)
class Value:
    """A scalar and the builder it belongs to."""

    b: ScalarBuilder
    scalar: Scalar

    @property
    def format(self) -> Format:
        """The format of a float, or of the float whose bit pattern an integer is."""
        dtype = self.scalar.dtype
        return FORMATS[dtype] if dtype in FORMATS else _BY_PATTERN[dtype]

    @property
    def bits(self) -> Value:
        """The bit pattern of a float, as an integer of its width."""
        return Value(self.b, self.b.bitcast(self.scalar, self.format.pattern))

    @property
    def as_float(self) -> Value:
        """The float with this bit pattern."""
        return Value(self.b, self.b.bitcast(self.scalar, self.format.dtype))

    def lift(self, other: Number) -> Value:
        """Return ``other``, a number as a constant of this value's dtype."""
        if isinstance(other, Value):
            return other
        return Value(self.b, self.b.const(other, self.scalar.dtype))

    def apply(self, op: str, *others: Number) -> Value:
        args = (self.lift(o).scalar for o in others)
        return Value(self.b, self.b.apply(op, self.scalar, *args))

    def cast(self, dtype: DType) -> Value:
        return Value(self.b, self.b.cast(self.scalar, dtype))

    def __add__(self, other: Number) -> Value:
        return self.apply("add", other)

    def __sub__(self, other: Number) -> Value:
        return self.apply("subtract", other)

    def __mul__(self, other: Number) -> Value:
        return self.apply("multiply", other)

    def __truediv__(self, other: Number) -> Value:
        return self.apply("divide", other)

    def __radd__(self, other: Number) -> Value:
        return self.lift(other) + self

    def __rsub__(self, other: Number) -> Value:
        return self.lift(other) - self

    def __rmul__(self, other: Number) -> Value:
        return self.lift(other) * self

    def __rtruediv__(self, other: Number) -> Value:
        return self.lift(other) / self

    def __neg__(self) -> Value:
        return self.apply("negative")

    def __abs__(self) -> Value:
        return self.apply("absolute")

    def __and__(self, other: Number) -> Value:
        return self.apply("bitwise_and", other)

    def __or__(self, other: Number) -> Value:
        return self.apply("bitwise_or", other)

    def __xor__(self, other: Number) -> Value:
        return self.apply("bitwise_xor", other)

    def __invert__(self) -> Value:
        return self.apply("invert")

    def __lshift__(self, other: Number) -> Value:
        return self.apply("shl", other)

    def __rshift__(self, other: Number) -> Value:
        return self.apply("lshr", other)

    def __lt__(self, other: Number) -> Value:
        return self.apply("less", other)

    def __le__(self, other: Number) -> Value:
        return self.apply("less_equal", other)

    def __gt__(self, other: Number) -> Value:
        return self.apply("greater", other)

    def __ge__(self, other: Number) -> Value:
        return self.apply("greater_equal", other)

    def equals(self, other: Number) -> Value:
        return self.apply("equal", other)

    def differs(self, other: Number) -> Value:
        return self.apply("not_equal", other)

    def sqrt(self) -> Value:
        return self.apply("sqrt")

    def rint(self) -> Value:
        return self.apply("rint")

    def with_sign_of(self, other: Value) -> Value:
        return self.apply("copysign", other)

    def at_most(self, bound: float) -> Value:
        """Return the smaller of this and a constant; NaN stays."""
        return where(self > bound, self.lift(bound), self)

    def at_least(self, bound: float) -> Value:
        """Return the larger of this and a constant; NaN stays."""
        return where(self < bound, self.lift(bound), self)


Number: TypeAlias = Value | float


def where(condition: Value, a: Number, b: Number) -> Value:
    """Return ``a`` where the condition holds, else ``b``; one of them is a ``Value``."""
    model = a if isinstance(a, Value) else b
    assert isinstance(model, Value)
    builder = condition.b
    picked = builder.select(condition.scalar, model.lift(a).scalar, model.lift(b).scalar)
    return Value(builder, picked)


def shortcut(condition: Value, short: Number, full: Value) -> Value:
    """Return ``full``, which is ``short`` where the condition holds: known sooner."""
    b = full.b
    return Value(b, b.shortcut(condition.scalar, full.lift(short).scalar, full.scalar))


def fma(x: Value, y: Number, z: Number) -> Value:
    """Return ``x * y + z``, rounded once."""
    return x.apply("fma", y, z)


def polynomial(x: Value, coefficients: Sequence[float]) -> Value:
    """Return ``c[0] + c[1] * x + c[2] * x**2 + ...``."""
    if len(coefficients) < ESTRIN_FROM:
        return _horner(x, coefficients)
    terms: list[Value] = [x.lift(c) for c in coefficients]
    while len(terms) > 1:
        pairs = [fma(terms[i + 1], x, terms[i]) for i in range(0, len(terms) - 1, 2)]
        terms = pairs + terms[2 * len(pairs) :]
        x = x * x
    return terms[0]


def _horner(x: Value, coefficients: Sequence[float]) -> Value:
    result = x.lift(coefficients[-1])
    for c in coefficients[-2::-1]:
        result = fma(result, x, c)
    return result


def power_of_two(k: Value) -> Value:
    """Return ``2**k`` for a float ``k`` without fraction, ``-bias <= k <= bias``.

    ``-bias`` itself gives 0, not the subnormal: no caller needs it.
    """
    form = k.format
    return ((k + (form.magic + form.bias)).bits << form.mantissa).as_float


@record(slots=True)
class Pair:
    """An unevaluated sum of two values, the smaller one second."""

    high: Value
    low: Value

    def total(self) -> Value:
        return self.high + self.low

    def tight(self) -> Pair:
        """Return the same sum with ``low`` at most half a last bit of ``high``."""
        return fast_two_sum(self.high, self.low)


def fast_two_sum(larger: Number, smaller: Value) -> Pair:
    """Return a sum and its exact error; ``abs(larger) >= abs(smaller)`` or ``larger`` is 0."""
    larger = smaller.lift(larger)
    high = larger + smaller
    return Pair(high, smaller - (high - larger))


def two_sum(a: Number, b: Value) -> Pair:
    """Return a sum and its exact error for terms of any size."""
    a = b.lift(a)
    high = a + b
    part = high - a
    return Pair(high, (a - (high - part)) + (b - part))


def ratio(numerator: Pair, denominator: Pair) -> Pair:
    """Return a quotient to nearly twice the working precision with a single division.

    The division makes a reciprocal; the remainder of the first quotient, exact through fma, is
    multiplied by it again (Markstein's way; Muller and others, Handbook of Floating-Point
    Arithmetic). Low parts must be rounding errors of high ones: their products are left out.
    """
    reciprocal = 1.0 / denominator.high
    high = numerator.high * reciprocal
    rest = fma(-high, denominator.high, numerator.high)
    rest = rest + fma(-high, denominator.low, numerator.low)
    return Pair(high, rest * reciprocal)
