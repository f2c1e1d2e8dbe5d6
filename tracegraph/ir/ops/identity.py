"""Operations that hand on their operand and mean something to a transformation."""

from __future__ import annotations

from tracegraph.ir.graph import Derivative, Op
from tracegraph.ir.ops.family import ANY, elementwise

stop_gradient: Op = elementwise(
    "stop_gradient", lambda x: x, ANY, scalar=lambda b, x: x, jvp=Derivative.ZERO
)
"""``stop_gradient(x)``: x, which derivatives take for a constant."""

OPS = (stop_gradient,)
