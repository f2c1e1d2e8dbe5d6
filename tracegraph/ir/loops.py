"""The loop language: loops over stores of scalars, what a kernel is before it becomes machine code.

A program is buffers and statements. Places are sizes in *elements* of a buffer: polynomials in the
indices of the loops around, in integer parameters and in the symbols that ``indices`` computes from
data. How fast a place moves along a loop is its ``sizes.coefficient``.

=============  =====================================================================================
``Store``      ``buffer[offset] = value``
``For``        run the body for ``index`` = 0, 1, ... ``extent - 1``, which may be no time at all
``Fold``       of a loop: ``result`` combines ``value`` of every iteration; its scalar is a leaf
               that may be used after the loop. argmax and argmin give the ``place`` of the winner
``Carry``      of a loop: ``state`` is ``start`` at first and then each iteration's ``next``;
               ``result`` is what it is after the last
=============  =====================================================================================

A run of stores without a loop between them is one parallel assignment: every scalar of the run, and
the folds and carries if the run ends a body, are computed before the first store.

``lanes`` of a loop says how many iterations run at once, as vectors. It changes no result but how
a float fold is rounded: iteration ``i`` belongs to lane ``i % lanes``, the lanes are combined by
halves, and the iterations left over follow in order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from tracegraph.ir.record import record, replace
from tracegraph.ir.scalar import Scalar, ScalarBuilder, walk
from tracegraph.ir.sizes import Dim, Symbol, symbols
from tracegraph.ir.types import BOOL, INT64, DType

Statement: TypeAlias = "For | Store"
PLACES = ("argmax", "argmin")


@record(eq=True)
class Buffer:
    """Memory that a program reads or writes; ``local`` elements of its own, or none of its own.

    Of a ``paired`` buffer elements ``2 * i`` and ``2 * i + 1`` may be read where one of them may.
    """

    name: str
    dtype: DType
    local: int = 0
    paired: bool = False


@record
class Store:
    """``buffer[offset] = value``."""

    buffer: str
    offset: Dim
    value: Scalar


@record
class Fold:
    """``result`` combines ``value`` over the iterations of its loop, one of ``scalar.FOLDS``.

    A ``careful`` sum also sums what each addition loses, and adds that at the end.
    """

    combine: str
    value: Scalar
    result: Scalar
    place: Scalar | None = None
    careful: bool = False


@record
class Carry:
    """``state`` is handed from each iteration to the next; ``result`` is its last value."""

    state: Scalar
    start: Scalar
    next: Scalar
    result: Scalar


@record
class For:
    """Run ``body`` for each ``index`` below ``extent``, ``lanes`` iterations at a time."""

    index: Symbol
    extent: Dim
    body: tuple[Statement, ...] = ()
    folds: tuple[Fold, ...] = ()
    carries: tuple[Carry, ...] = ()
    lanes: int = 1


@record
class Program:
    """A kernel: buffers, statements, and the scalars that computed indices stand for.

    Parameters
    ----------
    name : str
        Its name in texts and profiles.
    buffers : tuple of Buffer
        In the order of the native function's pointers.
    body : tuple of Statement
        What it does.
    indices : mapping of Symbol to Scalar
        Symbols of places that are computed from data: i64 scalars, known to be inside their axis.
    """

    name: str
    buffers: tuple[Buffer, ...]
    body: tuple[Statement, ...]
    indices: Mapping[Symbol, Scalar] = MappingProxyType({})

    def with_body(self, *body: Statement) -> Program:
        """Return the program with another body, and without the indices that it does not use."""
        whole = replace(self, body=body)
        return replace(whole, indices=used_indices(whole)) if self.indices else whole


def identity(combine: str, dtype: DType) -> Any:
    """Return the value that a fold starts from."""
    if combine == "add":
        return 0
    if combine == "multiply":
        return 1
    if combine.startswith("logical"):
        return combine == "logical_and"
    low = combine in ("maximum", "argmax")
    bound = -np.inf if low else np.inf
    if dtype.kind in "fc":
        return bound if dtype.kind == "f" else complex(bound, bound)
    if dtype == BOOL:
        return not low
    limits = np.iinfo(dtype)
    return limits.min if low else limits.max


def fold_leaf(b: ScalarBuilder, name: str, combine: str, dtype: DType) -> Scalar:
    """Return a new leaf for the result of a fold of values of ``dtype``."""
    if combine in PLACES:
        dtype = INT64
    elif combine.startswith("logical"):
        dtype = BOOL
    return b.make("result", (), dtype, name=name)


def carry_leaves(b: ScalarBuilder, name: str, dtype: DType) -> tuple[Scalar, Scalar]:
    """Return new leaves for the state and the result of a carry."""
    return b.make("state", (), dtype, name=name), b.make("result", (), dtype, name=name)


def statements(body: tuple[Statement, ...]) -> Iterator[Statement]:
    """Yield every statement, a loop before what is inside it."""
    stack = list(reversed(body))
    while stack:
        statement = stack.pop()
        yield statement
        if isinstance(statement, For):
            stack.extend(reversed(statement.body))


def roots(statement: Statement) -> Iterator[Scalar]:
    """Yield the scalars that a statement computes itself, those of inner statements left out."""
    if isinstance(statement, Store):
        yield statement.value
        return
    for fold in statement.folds:
        yield fold.value
        if fold.place is not None:
            yield fold.place
    for carry in statement.carries:
        yield from (carry.start, carry.next)


def scalars(program: Program) -> list[Scalar]:
    """Return every scalar of a program, operands first, those of computed indices included."""
    tops = [r for s in statements(program.body) for r in roots(s)]
    return walk(*program.indices.values(), *tops)


def used_indices(program: Program) -> dict[Symbol, Scalar]:
    """Return the computed indices that a body mentions, and those that they depend on, in order."""
    found: set[Symbol] = set()
    offsets = [s.offset for s in statements(program.body) if isinstance(s, Store)]
    pending = [s for offset in offsets for s in symbols(offset)]
    reached = walk(*[r for s in statements(program.body) for r in roots(s)])
    while pending or reached:
        pending += [s for scalar in reached for s in symbols(place_of(scalar))]
        new = {s for s in pending if s in program.indices} - found
        found |= new
        pending, reached = [], walk(*[program.indices[s] for s in new])
    return {s: scalar for s, scalar in program.indices.items() if s in found}


def written(body: tuple[Statement, ...]) -> set[str]:
    """Return the names of the buffers that some statements write."""
    return {s.buffer for s in statements(body) if isinstance(s, Store)}


def place_of(scalar: Scalar) -> Dim:
    """Return the size inside a leaf: a load's offset or a size's value; 0 for other scalars."""
    if scalar.op == "load":
        offset: Dim = scalar.attr("offset")
        return offset
    if scalar.op == "size":
        value: Dim = scalar.attr("value")
        return value
    return 0


def sizes_in(program: Program) -> Iterator[Dim]:
    """Yield every size that a program's native function has to compute."""
    for statement in statements(program.body):
        yield statement.extent if isinstance(statement, For) else statement.offset
    for scalar in scalars(program):
        yield place_of(scalar)


def parameters(program: Program) -> tuple[Symbol, ...]:
    """Return the integer parameters: symbols that no loop and no computed index defines."""
    inner = {s.index for s in statements(program.body) if isinstance(s, For)}
    found = {s: None for size in sizes_in(program) for s in symbols(size)}
    return tuple(sorted((s for s in found if s not in inner and s not in program.indices),
                        key=lambda s: s.name))  # fmt: skip


def map_loops(
    body: tuple[Statement, ...], rule: Callable[[For], Statement]
) -> tuple[Statement, ...]:
    """Rebuild statements with ``rule`` applied to every loop, inner loops first."""
    return tuple(
        rule(replace(s, body=map_loops(s.body, rule))) if isinstance(s, For) else s for s in body
    )
