"""Operations on the bits of integers and booleans."""

from __future__ import annotations

import numpy as np

from tracegraph.ir.graph import Derivative, Op
from tracegraph.ir.ops.family import BITS, INTEGER, elementwise

bitwise_and: Op = elementwise(
    "bitwise_and", np.bitwise_and, BITS, jvp=Derivative.ZERO, commutative=True
)
bitwise_or: Op = elementwise(
    "bitwise_or", np.bitwise_or, BITS, jvp=Derivative.ZERO, commutative=True
)
bitwise_xor: Op = elementwise(
    "bitwise_xor", np.bitwise_xor, BITS, jvp=Derivative.ZERO, commutative=True
)
invert: Op = elementwise("invert", np.invert, BITS, jvp=Derivative.ZERO)
left_shift: Op = elementwise("left_shift", np.left_shift, INTEGER, jvp=Derivative.ZERO)
right_shift: Op = elementwise("right_shift", np.right_shift, INTEGER, jvp=Derivative.ZERO)

OPS = (bitwise_and, bitwise_or, bitwise_xor, invert, left_shift, right_shift)
