"""Functions of single elements."""

from __future__ import annotations

import numpy as np

from tracegraph.array_api.signatures import Binary, Operand, Unary, of_tensors
from tracegraph.dispatch import apply
from tracegraph.tensor import Tensor, wrap

abs: Unary = of_tensors(np.abs)
acos: Unary = of_tensors(np.acos)
acosh: Unary = of_tensors(np.acosh)
add: Binary = of_tensors(np.add)
asin: Unary = of_tensors(np.asin)
asinh: Unary = of_tensors(np.asinh)
atan: Unary = of_tensors(np.atan)
atan2: Binary = of_tensors(np.atan2)
atanh: Unary = of_tensors(np.atanh)
bitwise_and: Binary = of_tensors(np.bitwise_and)
bitwise_left_shift: Binary = of_tensors(np.bitwise_left_shift)
bitwise_invert: Unary = of_tensors(np.bitwise_invert)
bitwise_or: Binary = of_tensors(np.bitwise_or)
bitwise_right_shift: Binary = of_tensors(np.bitwise_right_shift)
bitwise_xor: Binary = of_tensors(np.bitwise_xor)
ceil: Unary = of_tensors(np.ceil)
conj: Unary = of_tensors(np.conj)
copysign: Binary = of_tensors(np.copysign)
cos: Unary = of_tensors(np.cos)
cosh: Unary = of_tensors(np.cosh)
divide: Binary = of_tensors(np.divide)
equal: Binary = of_tensors(np.equal)
exp: Unary = of_tensors(np.exp)
floor: Unary = of_tensors(np.floor)
floor_divide: Binary = of_tensors(np.floor_divide)
greater: Binary = of_tensors(np.greater)
greater_equal: Binary = of_tensors(np.greater_equal)
hypot: Binary = of_tensors(np.hypot)
imag: Unary = of_tensors(np.imag)
isfinite: Unary = of_tensors(np.isfinite)
isinf: Unary = of_tensors(np.isinf)
isnan: Unary = of_tensors(np.isnan)
less: Binary = of_tensors(np.less)
less_equal: Binary = of_tensors(np.less_equal)
log: Unary = of_tensors(np.log)
log1p: Unary = of_tensors(np.log1p)
log2: Unary = of_tensors(np.log2)
log10: Unary = of_tensors(np.log10)
logaddexp: Binary = of_tensors(np.logaddexp)
logical_and: Binary = of_tensors(np.logical_and)
logical_not: Unary = of_tensors(np.logical_not)
logical_or: Binary = of_tensors(np.logical_or)
logical_xor: Binary = of_tensors(np.logical_xor)
maximum: Binary = of_tensors(np.maximum)
minimum: Binary = of_tensors(np.minimum)
multiply: Binary = of_tensors(np.multiply)
negative: Unary = of_tensors(np.negative)
nextafter: Binary = of_tensors(np.nextafter)
not_equal: Binary = of_tensors(np.not_equal)
positive: Unary = of_tensors(np.positive)
pow: Binary = of_tensors(np.pow)
real: Unary = of_tensors(np.real)
reciprocal: Unary = of_tensors(np.reciprocal)
remainder: Binary = of_tensors(np.remainder)
round: Unary = of_tensors(np.round)
sign: Unary = of_tensors(np.sign)
signbit: Unary = of_tensors(np.signbit)
sin: Unary = of_tensors(np.sin)
sinh: Unary = of_tensors(np.sinh)
square: Unary = of_tensors(np.square)
sqrt: Unary = of_tensors(np.sqrt)
subtract: Binary = of_tensors(np.subtract)
tan: Unary = of_tensors(np.tan)
tanh: Unary = of_tensors(np.tanh)
trunc: Unary = of_tensors(np.trunc)


def clip(x: Tensor, /, min: Operand | None = None, max: Operand | None = None) -> Tensor:
    """Return ``x`` with what is below ``min`` or above ``max`` replaced by these.

    Examples
    --------
    >>> from tracegraph import array_api as xp
    >>> xp.clip(xp.arange(5), 1, 3)
    Tensor([1, 1, 2, 3, 3])
    """
    clipped: Tensor = wrap(apply(np.clip, x, min, max))
    return clipped


def expm1(x: Tensor, /) -> Tensor:
    """Return ``exp(x) - 1``, exact also near zero.

    NumPy composes the complex function of real ones, which give NaN where a factor is infinite;
    there, and at zero, whose sign it keeps, the standard asks for other values.

    Examples
    --------
    >>> from tracegraph import array_api as xp
    >>> xp.expm1(xp.asarray([0.0, xp.inf]))
    Tensor([ 0., inf])
    """
    near: Tensor = wrap(apply(np.expm1, x))
    if x.dtype.kind != "c":
        return near
    regular = apply(np.logical_and, apply(np.isfinite, x), apply(np.not_equal, x, 0))
    chosen: Tensor = wrap(apply(np.where, regular, near, apply(np.exp, x) - 1))
    return chosen
