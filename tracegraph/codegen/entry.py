"""Signature and program -> the LLVM text of one native entry.

An entry is a C function with CPython's vectorcall signature. It

1. checks the call against the signature and binds sizes and buffers,
2. makes the output arrays and takes memory for the other buffers,
3. runs the steps, of which a guard may leave by its miss cell,
4. builds the result and releases what it owns.

Nothing of the process is baked into the text: Python objects come from the table ``@tg_objects``,
targets of misses from ``@tg_cells``, functions by name. So the object code can be kept on disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracegraph.codegen import blas
from tracegraph.codegen.cpython import FUNCTIONS
from tracegraph.codegen.entry_inputs import Inputs, check_signature
from tracegraph.codegen.entry_memory import ARENA_FUNCTIONS, ARENA_TEXT, Region, place
from tracegraph.codegen.entry_plan import (
    CalloutStep,
    GemmStep,
    GuardStep,
    KernelStep,
    Program,
    Step,
)
from tracegraph.codegen.entry_results import Results
from tracegraph.codegen.entry_sizes import INTRINSICS, Sizes
from tracegraph.codegen.entry_sources import Sources
from tracegraph.codegen.entry_steps import Steps, walk
from tracegraph.codegen.entry_text import METADATA, Text, slow_path_text
from tracegraph.codegen.signature import ArrayInput, Signature

ENTRY, CELLS, OBJECTS, TRIM = "tg_entry", "tg_cells", "tg_objects", "tg_trim"
_DECLARED_NAME = re.compile(r"@([\w.$]+)\(")


@dataclass(frozen=True)
class EntryText:
    """A module, the objects its table must hold, and how many miss cells it has."""

    text: str
    objects: tuple[Any, ...]
    cells: int
    has_arena: bool


def entry_text(signature: Signature, program: Program) -> EntryText:
    """Write the module of one entry with its kernels."""
    check_signature(signature)
    text = Text()
    uses_arena = _write_body(text, signature, program)
    steps = list(walk(program.steps))
    guards = [step.number for step in steps if isinstance(step, GuardStep)]
    cells = 2 + max(guards, default=-1)
    main = text.finish(ENTRY)
    slow = slow_path_text(text)
    kernels = {s.kernel.name: s.kernel for s in steps if isinstance(s, KernelStep)}
    gemms = {blas.helper_name(s.dtype, s.transposed, s.batched): s for s in _gemms(steps)}
    parts = [
        f"@{OBJECTS} = dso_local global [{len(text.objects)} x ptr] zeroinitializer",
        f"@{CELLS} = dso_local global [{cells} x ptr] [{', '.join(['ptr @tg_slow'] * cells)}]",
        ARENA_TEXT if uses_arena else "",
        *(kernel.text for kernel in kernels.values()),
        *(_gemm_text(step) for step in gemms.values()),
        slow,
        main,
    ]
    functions = text.functions.union(ARENA_FUNCTIONS if uses_arena else ())
    declarations = [_declaration(name) for name in sorted(functions)]
    for kernel in kernels.values():
        declarations += sorted(kernel.declarations)
    declarations += [_gemm_declaration(step) for step in gemms.values()]
    parts += [*_once(declarations + INTRINSICS.splitlines()), METADATA, ""]
    return EntryText("\n".join(parts), tuple(text.objects), cells, uses_arena)


def _write_body(text: Text, signature: Signature, program: Program) -> bool:
    """Write the entry; return whether it uses the arena."""
    sizes = Sizes(text)
    inputs = Inputs(text, sizes, Sources(text), signature)
    inputs.emit()
    dtypes = {buffer.name: buffer.dtype for buffer in program.buffers}
    results = Results(text, sizes, inputs, signature, dtypes)
    results.prepare()
    written = frozenset(
        one.buffer
        for one in signature.inputs
        if isinstance(one, ArrayInput) and one.written and one.buffer is not None
    )
    steps = Steps(text, sizes, results, dict(inputs.pointers), written)
    steps.prepare(program.steps)
    steps.pointers.update(results.allocate(frozenset(steps.data)))
    steps.make_arguments(program.steps)
    regions = [
        Region(buffer.name, buffer.dtype, buffer.size)
        for buffer in program.buffers
        if buffer.name not in steps.pointers and buffer.name not in steps.data
    ]
    steps.pointers.update(place(text, sizes, regions))
    steps.emit(program.steps)
    results.emit(steps)
    return text.uses("tg_put_back")


def _gemms(steps: Iterable[Step]) -> list[GemmStep]:
    return [step for step in steps if isinstance(step, GemmStep)]


def _passed_bits() -> int:
    found = blas.find()
    return found.passed_bits if found is not None else 64


def _gemm_text(step: GemmStep) -> str:
    return blas.emit_gemm(step.dtype, step.transposed, step.batched, _passed_bits())


def _gemm_declaration(step: GemmStep) -> str:
    return blas.gemm_declaration(step.dtype, _passed_bits())


def _declaration(name: str) -> str:
    result, _, rest = FUNCTIONS[name].partition(" ")
    return f"declare {result} @{name}{rest}"


def _once(declarations: Iterable[str]) -> list[str]:
    """Keep the first declaration of each function: a second one would be an error."""
    found: dict[str, str] = {}
    for line in declarations:
        match = _DECLARED_NAME.search(line)
        found.setdefault(match.group(1) if match else line, line)
    return list(found.values())
