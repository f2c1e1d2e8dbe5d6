"""Python's operators on arrays and NumPy's scalars: the ufuncs behind them."""

from __future__ import annotations

import builtins
import operator
from typing import Any

import numpy as np

from tracegraph.numpy.linalg import matmul
from tracegraph.numpy.powers import power_operator
from tracegraph.numpy.ufuncs import RULES as UFUNCS

RULES: dict[Any, Any] = {
    operator.add: UFUNCS[np.add],
    operator.sub: UFUNCS[np.subtract],
    operator.mul: UFUNCS[np.multiply],
    operator.truediv: UFUNCS[np.divide],
    operator.floordiv: UFUNCS[np.floor_divide],
    operator.mod: UFUNCS[np.remainder],
    operator.pow: power_operator,
    operator.matmul: matmul,
    operator.and_: UFUNCS[np.bitwise_and],
    operator.or_: UFUNCS[np.bitwise_or],
    operator.xor: UFUNCS[np.bitwise_xor],
    operator.lshift: UFUNCS[np.left_shift],
    operator.rshift: UFUNCS[np.right_shift],
    operator.neg: UFUNCS[np.negative],
    operator.pos: UFUNCS[np.positive],
    operator.abs: UFUNCS[np.absolute],
    operator.invert: UFUNCS[np.invert],
    operator.lt: UFUNCS[np.less],
    operator.le: UFUNCS[np.less_equal],
    operator.gt: UFUNCS[np.greater],
    operator.ge: UFUNCS[np.greater_equal],
    operator.eq: UFUNCS[np.equal],
    operator.ne: UFUNCS[np.not_equal],
    builtins.abs: UFUNCS[np.absolute],
    builtins.divmod: UFUNCS[np.divmod],
    builtins.pow: power_operator,
    operator.iadd: UFUNCS[np.add],
    operator.isub: UFUNCS[np.subtract],
    operator.imul: UFUNCS[np.multiply],
    operator.itruediv: UFUNCS[np.divide],
    operator.ifloordiv: UFUNCS[np.floor_divide],
    operator.imod: UFUNCS[np.remainder],
    operator.ipow: power_operator,
    operator.imatmul: matmul,
    operator.iand: UFUNCS[np.bitwise_and],
    operator.ior: UFUNCS[np.bitwise_or],
    operator.ixor: UFUNCS[np.bitwise_xor],
    operator.ilshift: UFUNCS[np.left_shift],
    operator.irshift: UFUNCS[np.right_shift],
}

WRITERS = frozenset(
    {
        operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ifloordiv,
        operator.imod, operator.ipow, operator.imatmul, operator.iand, operator.ior,
        operator.ixor, operator.ilshift, operator.irshift,
    }
)  # fmt: skip
"""Operators that write into an array on their left."""
