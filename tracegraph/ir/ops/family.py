"""What whole families of operations have in common, so that one operation is a few lines.

A family fills the fields of ``Op`` that its members share: type rule, batching, lowering and the
shape of the derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tracegraph.ir.graph import Derivative, Op, Tangent, Value
from tracegraph.ir.lowering import Index, Operand, Pull
from tracegraph.ir.ops.broadcast import batched_alike
from tracegraph.ir.scalar import KINDS, Scalar, ScalarBuilder
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import ArrayType, DType

NUMERIC, REAL, INEXACT, FLOAT, INTEGER, BITS, ORDERED, ANY = (
    "iufc", "iuf", "fc", "f", "iu", "biu", "biuf", "biufc",
)  # fmt: skip
"""Kinds of dtypes that operations accept."""


def type_error(name: str, expected: str, *types: ArrayType) -> TypeError:
    """Return the error of a type rule: what was expected and what was got."""
    return TypeError(f"{name} needs {expected}, got {' and '.join(map(str, types))}")


def same_types(name: str, kinds: str, result: DType | None = None) -> Callable[..., ArrayType]:
    """Return the type rule of an elementwise operation: operands of one type."""

    def rule(*types: ArrayType) -> ArrayType:
        first = types[0]
        if any(t != first for t in types):
            raise type_error(name, "operands of one type", *types)
        if first.dtype.kind not in kinds:
            raise type_error(name, f"a dtype of the kinds {kinds!r}", *types)
        return first if result is None else first.with_dtype(result)

    return rule


def scalar_op(name: str) -> Callable[..., Scalar]:
    """Return the scalar rule that is one operation of the scalar language."""

    def rule(b: ScalarBuilder, *xs: Scalar) -> Scalar:
        return b.apply(name, *xs)

    return rule


def pull_elements(rule: Callable[..., Scalar], kinds: str = ANY) -> Pull:
    """Return the lowering that applies a scalar rule to the elements at one index."""

    def element(
        b: ScalarBuilder, index: Index, *operands: Operand, type: ArrayType, **attrs: Any
    ) -> Scalar:
        del type
        return rule(b, *(operand(index) for operand in operands), **attrs)

    return Pull(element, kinds)


def elementwise(
    name: str,
    eager: Callable[..., Any],
    kinds: str,
    *,
    scalar: Callable[..., Scalar] | None = None,
    lower: Pull | None = None,
    jvp: Callable[..., Tangent] | Derivative,
    transpose: Callable[..., Sequence[Tangent]] | None = None,
    type_rule: Callable[..., ArrayType] | None = None,
    commutative: bool = False,
    heavy: bool = False,
) -> Op:
    """Return an operation that acts on the elements at each index alone.

    Parameters
    ----------
    name : str
        Its name, and that of its scalar operation unless ``scalar`` is given.
    eager : callable
        The NumPy function.
    kinds : str
        The kinds of dtype it accepts.
    scalar : callable, optional
        ``scalar(b, *elements, **attrs)``, the lowering for one element.
    lower : Pull, optional
        The lowering, where the element depends on more than those of the operands.
    """

    def batch(operands: Sequence[Value], batched: Sequence[bool], size: Dim, **attrs: Any) -> Value:
        out: Value = op(*batched_alike(operands, batched, size), **attrs)
        return out

    op = Op(
        name=name,
        type_rule=type_rule or same_types(name, kinds),
        eager=eager,
        lower=lower or pull_elements(scalar or scalar_op(name), ANY if scalar else KINDS[name]),
        jvp=jvp,
        transpose=transpose,
        batch=batch,
        commutative=commutative,
        heavy=heavy,
        elementwise=True,
    )
    return op
