"""Loop program of a plan -> LLVM text: the transformations, in order."""

from __future__ import annotations

from collections.abc import Callable

from tracegraph.codegen.llvm import NativeKernel, native
from tracegraph.codegen.loops.block import block
from tracegraph.codegen.loops.collapse import collapse
from tracegraph.codegen.loops.expand import expand
from tracegraph.codegen.loops.vectorise import vectorise
from tracegraph.ir.loops import Program

PIPELINE: tuple[Callable[[Program], Program], ...] = (collapse, vectorise, block, expand)


def compile_kernel(program: Program, fp: str = "strict") -> NativeKernel:
    """Return the native text of a loop program.

    Parameters
    ----------
    program : Program
        As scheduling made it.
    fp : {"strict", "contract"}
        Whether a multiplication that feeds an addition becomes one fused operation.
    """
    for transformation in PIPELINE:
        program = transformation(program)
    return native(program)
