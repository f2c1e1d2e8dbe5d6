"""Kernels that compute the same of other buffers: one function, compiled once.

Code that a loop or the layers of a network have written out is full of them::

    kernel k3(tmp2, tmp5): tmp5[i0] = sin(load tmp2[i0])
    kernel k7(tmp5, tmp9): tmp9[i0] = sin(load tmp5[i0])        -> k3(tmp5, tmp9)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tracegraph.codegen.llvm import NativeKernel
from tracegraph.codegen.plan import Kernel
from tracegraph.ir.graph import attrs_key
from tracegraph.ir.loops import For, Program, Statement, scalars
from tracegraph.ir.record import replace
from tracegraph.ir.scalar import Scalar


def compile_alike(
    kernels: Iterable[Kernel], compiled: Callable[[Program], NativeKernel]
) -> dict[str, NativeKernel]:
    """Return the native text of kernels by their names; those alike share one function.

    Parameters
    ----------
    kernels : iterable of Kernel
        Whatever their order is.
    compiled : callable
        Gives the native text of a program.
    """
    first: dict[Any, tuple[Program, NativeKernel]] = {}
    found: dict[str, NativeKernel] = {}
    for program in (kernel.program for kernel in kernels):
        key = program_key(program)
        if key not in first:
            first[key] = program, compiled(program)
        like, native = first[key]
        names = zip(like.buffers, program.buffers, strict=True)
        own = {theirs.name: ours.name for theirs, ours in names}
        found[program.name] = replace(native, buffers=tuple(own[name] for name in native.buffers))
    return found


def program_key(program: Program) -> Any:
    """Return what two programs have in common that differ in the names of their buffers alone."""
    places = {buffer.name: k for k, buffer in enumerate(program.buffers)}
    numbers: dict[Scalar, int] = {}
    parts = []
    for scalar in scalars(program):
        numbers[scalar] = len(numbers)
        operands = tuple([numbers[operand] for operand in scalar.args])
        attrs = tuple([_attr(name, value, places) for name, value in scalar.attrs])
        parts.append((scalar.op, scalar.dtype, operands, attrs))
    buffers = tuple([(b.dtype, b.local, b.paired) for b in program.buffers])
    indices = tuple([(symbol, numbers[scalar]) for symbol, scalar in program.indices.items()])
    body = tuple([_statement_key(one, places, numbers) for one in program.body])
    return buffers, tuple(parts), indices, body


def _attr(name: str, value: Any, places: Mapping[str, int]) -> Any:
    return name, places[value] if name == "buffer" else attrs_key(value)


def _statement_key(
    statement: Statement, places: Mapping[str, int], numbers: Mapping[Scalar, int]
) -> Any:
    if not isinstance(statement, For):
        return places[statement.buffer], statement.offset, numbers[statement.value]
    folds = [
        (
            (one.combine, numbers[one.value], one.result.attrs, one.careful),
            None if one.place is None else numbers[one.place],
        )
        for one in statement.folds
    ]
    carries = [
        (one.state.attrs, numbers[one.start], numbers[one.next], one.result.attrs)
        for one in statement.carries
    ]
    body = [_statement_key(one, places, numbers) for one in statement.body]
    loop = statement.index, statement.extent, statement.lanes
    return (*loop, tuple(folds), tuple(carries), tuple(body))
