"""Every operation, one declaration each, in a file of its family.

Import an operation from its file; ``OPS`` is the table of all by the name that the text form uses.
"""

from __future__ import annotations

from itertools import chain

from tracegraph.ir.graph import Op
from tracegraph.ir.ops import (
    arithmetic,
    bitwise,
    boxes,
    broadcast,
    cast,
    choice,
    compare,
    complexes,
    control,
    convolve,
    creation,
    decompose,
    division,
    exponential,
    exponents,
    fourier,
    identity,
    index,
    indexed_update,
    least_squares,
    linalg,
    loop,
    numpy_call,
    power,
    random,
    reduce,
    remat,
    rounding,
    scan,
    selection,
    signs,
    solve,
    sort,
    special,
    structural,
    trigonometric,
)

FAMILIES = (
    broadcast.OPS,
    arithmetic.OPS,
    compare.OPS,
    bitwise.OPS,
    choice.OPS,
    complexes.OPS,
    cast.OPS,
    signs.OPS,
    rounding.OPS,
    division.OPS,
    exponential.OPS,
    special.OPS,
    identity.OPS,
    power.OPS,
    trigonometric.OPS,
    structural.OPS,
    boxes.OPS,
    creation.OPS,
    index.OPS,
    selection.OPS,
    reduce.OPS,
    scan.OPS,
    sort.OPS,
    linalg.OPS,
    solve.OPS,
    decompose.OPS,
    least_squares.OPS,
    fourier.OPS,
    exponents.OPS,
    indexed_update.OPS,
    convolve.OPS,
    control.OPS,
    loop.OPS,
    remat.OPS,
    numpy_call.OPS,
    random.OPS,
)

OPS: dict[str, Op] = {op.name: op for op in chain.from_iterable(FAMILIES)}
