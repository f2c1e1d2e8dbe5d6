"""How an operation is computed natively: the bridge from array operations to the scalar language.

Code generation knows these few forms and no operation. A form names what is computed; which loops,
vectors and buffers compute it is decided in ``tracegraph.codegen``.

==============  ====================================================================================
``Pull``        each element of the result is an expression of elements of the operands
``Fold``        the elements along some axes are combined into one
``Scan``        running combinations along one axis
``Recurrence``  values along one axis, each computed from the one before
``Boxes``       the result is filled region by region, each from one operand
``Scatter``     a copy of the first operand, into which elements are combined at computed places
``Contract``    a batched matrix product
``Places``      the places where a mask holds, and how many there are
``Control``     graphs inside a node, or a guard: code generation has a statement for it
``Callout``     no native form: the eager kernel is called
==============  ====================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

from tracegraph.ir.record import record
from tracegraph.ir.scalar import Scalar
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import ArrayType

Index: TypeAlias = tuple[Dim, ...]


class Operand(Protocol):
    """An operand as a rule sees it: its type, and its element at an index."""

    @property
    def type(self) -> ArrayType: ...

    def __call__(self, index: Index, /) -> Scalar: ...


@record(eq=True)
class Pull:
    """``element(b, index, *operands, type, **attrs)`` is the result's element at ``index``.

    ``b`` is the ``ScalarBuilder`` and ``type`` the result's type. An operand may be read at any
    index inside its shape; a place computed from data becomes an index by ``b.index(scalar)``.
    ``kinds`` are those of the dtypes that it has programs for; of others the eager kernel is
    called.
    """

    element: Callable[..., Scalar]
    kinds: str = "biufc"


@record(eq=True)
class Fold:
    """Combine along ``attrs["axes"]``, which leave the shape.

    ``combine`` is one of ``scalar.FOLDS``: add, multiply, maximum, minimum, logical_or,
    logical_and, argmax, argmin. Elements have the operand's dtype; the result's dtype is
    accumulated in.
    """

    combine: str


@record(eq=True)
class Scan:
    """Running combinations (inclusive) along ``attrs["axis"]``."""

    combine: str


@record(eq=True)
class Recurrence:
    """Along ``attrs["axis"]`` each value is ``step(b, before, *elements)``, computed in float64.

    ``b`` is the ``ScalarBuilder``, ``before`` the value of the place before, ``start`` at first,
    and ``elements`` those of the operands, whose shapes are the result's.
    """

    step: Callable[..., Scalar]
    start: float


@record(eq=True)
class Piece:
    """Operand number ``operand``, written at ``start + step * i`` for each of its indices ``i``."""

    operand: int
    start: tuple[Dim, ...]
    step: tuple[int, ...]


@record(eq=True)
class Boxes:
    """``pieces(types, **attrs)``: what fills the result, later pieces over earlier ones.

    The pieces together cover the whole result. An operand of rank 0 fills the whole box ``shape``
    of the result.
    """

    pieces: Callable[..., Sequence[Piece]]


@record(eq=True)
class Scatter:
    """``base``, with ``base[p] = combine(base[p], updates[i])`` at ``p = place(i)``, in order.

    The operands are base, updates, then index arrays. ``place(b, index, *index_operands, type,
    **attrs)`` gives the index into base for the updates' index. ``combine`` is ``add`` or
    ``assign``.
    """

    combine: str
    place: Callable[..., Index]


@record(eq=True)
class Contract:
    """``[*batch, m, k] x [*batch, k, n] -> [*batch, m, n]``.

    ``attrs["zeros"]``, if it is there, says of which factors a zero wins over what is not finite in
    the other one: the product of both is that zero.
    """


@record(eq=True)
class Places:
    """Where a mask of one axis holds, in order; ``attrs["count"]`` is how many times."""


@record(eq=True)
class Control:
    """A node with a statement of its own in the program: ``cond``, ``item`` or ``guard``."""


@record(eq=True)
class Callout:
    """No native form: the eager kernel is called between native segments, with the GIL."""


CALLOUT = Callout()
Lowering: TypeAlias = (
    Pull | Fold | Scan | Recurrence | Boxes | Scatter | Contract | Places | Control | Callout
)
ElementRule: TypeAlias = Callable[..., Any]
