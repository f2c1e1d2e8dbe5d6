"""Operations that hand on their operand and mean something to a transformation."""

from __future__ import annotations

from tracegraph.ir.graph import Derivative, Op
from tracegraph.ir.ops.family import ANY, elementwise, same_types
from tracegraph.ir.types import ArrayType

stop_gradient: Op = elementwise(
    "stop_gradient", lambda x: x, ANY, scalar=lambda b, x: x, jvp=Derivative.ZERO
)
"""``stop_gradient(x)``: x, which derivatives take for a constant."""


def _mark_type(x: ArrayType, *, token: int) -> ArrayType:
    del token
    return same_types("mark", ANY)(x)


mark: Op = elementwise(
    "mark",
    lambda x, *, token: x,
    ANY,
    scalar=lambda b, x, *, token: x,
    type_rule=_mark_type,
    jvp=lambda primals, tangents, out, *, token: tangents[0],
    transpose=lambda ct, operands, linear, *, token: [ct],
)
"""``mark(x, token=)``: x, as a node of its own: what a derivative is taken with respect to."""

OPS = (stop_gradient, mark)
