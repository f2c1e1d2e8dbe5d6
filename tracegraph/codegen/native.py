"""Loop program of a plan -> LLVM text: the transformations, in order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from tracegraph.codegen.alike import compile_alike
from tracegraph.codegen.contract import contract
from tracegraph.codegen.llvm import NativeKernel, native
from tracegraph.codegen.loops.block import block
from tracegraph.codegen.loops.collapse import collapse
from tracegraph.codegen.loops.columns import columns
from tracegraph.codegen.loops.expand import expand
from tracegraph.codegen.loops.parts import parts
from tracegraph.codegen.loops.strips import strips
from tracegraph.codegen.loops.vectorise import vectorise
from tracegraph.codegen.loops.winners import winners
from tracegraph.codegen.plan import Plan
from tracegraph.ir.loops import Program

PIPELINES: Mapping[str, tuple[Callable[[Program], Program], ...]] = {
    "strict": (parts, collapse, winners, vectorise, strips, columns, block, expand),
    "contract": (parts, collapse, winners, contract, vectorise, strips, columns, block, expand),
}
"""What is done to a program, by the option ``fp``.

``parts`` is first: what comes behind it sees no complex numbers. ``contract`` stands before what
adds arithmetic of its own, which has to round as it is written.
"""


def compile_kernel(program: Program, fp: str = "strict") -> NativeKernel:
    """Return the native text of a loop program.

    Parameters
    ----------
    program : Program
        As scheduling made it.
    fp : {"strict", "contract"}
        Whether a multiplication that feeds an addition becomes one fused operation.
    """
    for transformation in PIPELINES[fp]:
        program = transformation(program)
    return native(program)


def compile_kernels(plan: Plan, fp: str = "strict") -> dict[str, NativeKernel]:
    """Return the native text of the kernels of a plan, by name; those alike share one function."""
    return compile_alike(plan.kernels(), partial(compile_kernel, fp=fp))
