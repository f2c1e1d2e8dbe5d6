"""The plan of an executable: buffers and steps, what scheduling makes of a graph.

Steps run in order. A kernel is a loop program; the others are what loops do not say: a matrix
product, a call of an eager kernel, a guard, a branch, a loop of steps. All memory is named; sizes
are symbolic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, TypeAlias

from tracegraph.ir.graph import Node, Op
from tracegraph.ir.loops import For, Program, Statement
from tracegraph.ir.record import record, replace
from tracegraph.ir.size_values import attr_symbols
from tracegraph.ir.sizes import Dim, Symbol
from tracegraph.ir.types import ArrayType, DType


@record(eq=True)
class Fresh:
    """A new buffer with the axes of the output in ``order``, the last of them contiguous."""

    order: tuple[int, ...]


@record(eq=True)
class Into:
    """The memory of a parameter, written after all guards."""

    param: int


Destination: TypeAlias = Fresh | Into


@record(eq=True)
class PlanBuffer:
    """Memory that steps name.

    Parameters
    ----------
    name : str
        Its name in steps and programs.
    dtype : np.dtype
        Of its elements.
    size : int or Size
        Their number; of an input with strides, as if it were contiguous.
    kind : {"input", "output", "temp", "object"}
        An object is an ndarray of its own, because a callout reads or makes it, or because its size
        is counted on the way.
    """

    name: str
    dtype: DType
    size: Dim
    kind: str


@record
class Kernel:
    """A loop program; becomes one native function."""

    program: Program

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def iterations(self) -> int | None:
        """How often its innermost statements run; None where that is not known now."""
        return _iterations(self.program.body)


def _iterations(body: Sequence[Statement]) -> int | None:
    most = 1
    for loop in (s for s in body if isinstance(s, For)):
        inside = _iterations(loop.body)
        if inside is None or not isinstance(loop.extent, int):
            return None
        most = max(most, loop.extent * inside)
    return most


@record(eq=True)
class Matrix:
    """A stack of matrices in a buffer, for BLAS: ``rows`` x ``columns`` as the product needs it.

    Element ``(t, i, j)`` is at ``offset + t * step + i * leading + j``, or with ``transposed`` at
    ``offset + t * step + j * leading + i``.
    """

    buffer: str
    offset: Dim
    leading: Dim
    step: Dim
    transposed: bool


@record(eq=True)
class Gemm:
    """``c[t] = a[t] @ b[t]`` for each ``t`` below ``count``: (m, k) by (k, n), inexact numbers.

    ``c`` is never transposed and does not overlap ``a`` or ``b``. Sizes may be 0; where k is 0 the
    result is zeros. ``zeros`` says of which factors a zero wins over what is not finite in the
    other one; where any does, ``c`` is contiguous.
    """

    dtype: DType
    count: Dim
    m: Dim
    n: Dim
    k: Dim
    a: Matrix
    b: Matrix
    c: Matrix
    zeros: tuple[bool, bool] = (False, False)

    @property
    def numbers(self) -> Dim:
        """How many numbers there are in ``c``; a complex one has two parts."""
        return self.count * self.m * self.n * (2 if self.dtype.kind == "c" else 1)

    @property
    def routine(self) -> str:
        """The function of BLAS that computes it, as ``np.matmul`` chooses."""
        if 1 in (self.m, self.n):
            return "gemv"
        turned = replace(self.b, transposed=not self.b.transposed)
        return "syrk" if self.a == turned and self.m == self.n else "gemm"


@record
class CalloutStep:
    """``op.eager(*operands, **attrs)``; sizes in ``attrs`` become ints.

    Parameters
    ----------
    operands : tuple of str
        Buffers, C-contiguous unless they are inputs.
    operand_types : tuple of ArrayType
        Their types.
    results : tuple of str
        The object buffers that it makes: one, or one for each item of a tuple.
    types : tuple of ArrayType
        Their types.
    """

    op: Op
    operands: tuple[str, ...]
    operand_types: tuple[ArrayType, ...]
    attrs: tuple[tuple[str, Any], ...]
    results: tuple[str, ...]
    types: tuple[ArrayType, ...]

    @property
    def counted(self) -> frozenset[Symbol]:
        """The sizes that are known when it has run."""
        found = [attr_symbols(value) for name, value in self.attrs if name == self.op.counts]
        return frozenset(chain.from_iterable(found))


@record(eq=True)
class SelectStep:
    """``places[k]`` is where ``mask`` holds for the k-th time; ``count`` is how often it does.

    A ``count`` that is a symbol has its value, and ``places`` its memory, once this has counted.
    """

    mask: str
    length: Dim
    places: str
    count: Dim


@record(eq=True)
class GuardStep:
    """Leave by side exit ``number`` unless the bool in ``buffer`` is ``expect``."""

    buffer: str
    expect: bool
    number: int


@record
class Branch:
    """Run one of two sequences of steps, by the bool in ``buffer``."""

    buffer: str
    then: tuple[Step, ...]
    orelse: tuple[Step, ...]


@record
class Loop:
    """Run steps for ``index`` = 0, 1, ... ``trip - 1``, a symbol that they may mention.

    What is carried from one iteration to the next is in buffers that the steps read and write.
    """

    index: Symbol
    trip: Dim
    body: tuple[Step, ...]


@record
class While:
    """Run ``test``, and ``body`` if that leaves a true value in ``buffer``, again and again.

    Parameters
    ----------
    test, body : tuple of Step
        In order.
    buffer : str
        The bool that is looked at.
    count : int or Size, optional
        How often the body has run. A symbol has its value once the loop is done.
    """

    test: tuple[Step, ...]
    buffer: str
    body: tuple[Step, ...]
    count: Dim | None = None


Step: TypeAlias = "Kernel | Gemm | CalloutStep | SelectStep | GuardStep | Branch | Loop | While"


def inner_steps(step: Step) -> tuple[Step, ...]:
    """Return the steps inside a step, in order."""
    if isinstance(step, Branch):
        return (*step.then, *step.orelse)
    if isinstance(step, While):
        return (*step.test, *step.body)
    return step.body if isinstance(step, Loop) else ()


def walk(steps: Sequence[Step]) -> Iterator[Step]:
    """Yield steps and those inside them, in order."""
    for step in steps:
        yield step
        yield from walk(inner_steps(step))


@record(eq=True)
class Slot:
    """A stretch of the arena for temporary buffers: ``size`` bytes, a multiple of 64."""

    offset: Dim
    size: Dim
    buffers: tuple[str, ...]


@record
class Plan:
    """What an executable does.

    Parameters
    ----------
    buffers : tuple of PlanBuffer
        Every buffer that steps name.
    steps : tuple of Step
        In order.
    params, outputs : tuple of str
        The buffer of each parameter and of each output of the graph; an output with the
        destination ``Into`` has its parameter's.
    slots : tuple of Slot
        Where temporary buffers live; the arena is as large as all slots together.
    sources : tuple of tuples of Node
        The graph's nodes that each step computes, for reading.
    """

    buffers: tuple[PlanBuffer, ...]
    steps: tuple[Step, ...]
    params: tuple[str, ...]
    outputs: tuple[str, ...]
    slots: tuple[Slot, ...]
    sources: tuple[tuple[Node, ...], ...] = ()

    def kernels(self) -> Iterator[Kernel]:
        """Yield every kernel, those inside other steps included."""
        return (step for step in walk(self.steps) if isinstance(step, Kernel))
