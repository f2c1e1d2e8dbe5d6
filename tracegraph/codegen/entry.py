"""Signature and program -> the LLVM text of one native entry.

An entry is a C function with CPython's vectorcall signature. It

1. checks the call against the signature and binds sizes and buffers, and that nobody would notice
   a floating-point event (``quiet.py``),
2. makes the output arrays and takes memory for the other buffers,
3. runs the steps, of which a guard may leave by its miss cell,
4. builds the result and releases what it owns.

Nothing of the process is baked into the text: Python objects come from the table ``@tg_objects``,
targets of misses from ``@tg_cells``, functions by name. So the object code can be kept on disk.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tracegraph.codegen import blas, blas_text, cpython, quiet, select
from tracegraph.codegen.entry_inputs import Inputs, check_signature
from tracegraph.codegen.entry_memory import ARENA_FUNCTIONS, ARENA_TEXT, place, single_element
from tracegraph.codegen.entry_results import Results
from tracegraph.codegen.entry_sizes import INTRINSICS, Sizes
from tracegraph.codegen.entry_sources import Sources
from tracegraph.codegen.entry_steps import Steps
from tracegraph.codegen.entry_text import METADATA, Text, slow_path_text
from tracegraph.codegen.llvm import NativeKernel
from tracegraph.codegen.merged import INTRINSICS as COPIES
from tracegraph.codegen.merged import Merged
from tracegraph.codegen.plan import Gemm, GuardStep, Plan, SelectStep, walk
from tracegraph.codegen.signature import Signature
from tracegraph.ir.record import record

ENTRY, CELLS, OBJECTS, TRIM = "tg_entry", "tg_cells", "tg_objects", "tg_trim"
_DECLARED_NAME = re.compile(r"@([\w.$]+)\(")


@record(eq=True)
class EntryText:
    """Three modules, the objects that the table must hold, and how many miss cells there are.

    ``kernels`` deserves optimisation, ``loops``, which may be empty, all that LLVM has; ``text``,
    which runs once per call, does not repay it. ``has_arena`` and ``has_products`` say whether it
    keeps memory, and whether it calls the BLAS.
    """

    text: str
    kernels: str
    loops: str
    objects: tuple[Any, ...]
    cells: int
    has_arena: bool
    has_products: bool


def entry_text(signature: Signature, plan: Plan, kernels: Mapping[str, NativeKernel]) -> EntryText:
    """Write the modules of one entry and of its kernels, which are given by name."""
    check_signature(signature)
    text = Text()
    loops = _write_body(text, signature, plan, kernels)
    main, slow = text.finish(ENTRY), slow_path_text(text)
    guards = [step.number for step in walk(plan.steps) if isinstance(step, GuardStep)]
    cells = 2 + max(guards, default=-1)
    has_arena = text.uses("tg_put_back")
    alone, in_loops = _split(plan, kernels, loops)
    products, declarations = _products(plan)
    declarations += [_kernel_declaration(kernel) for kernel in alone]
    declarations += [loop.declaration for loop in loops]
    functions = text.functions.union(ARENA_FUNCTIONS if has_arena else ())
    declarations += [cpython.declaration(name) for name in sorted(functions)]
    declarations.append(f"declare i32 @{quiet.NAME}()")
    selects = any(isinstance(step, SelectStep) for step in walk(plan.steps))
    declarations += select.DECLARATIONS if selects else ()
    parts = [
        f"@{OBJECTS} = dso_local global [{len(text.objects)} x ptr] zeroinitializer",
        f"@{CELLS} = dso_local global [{cells} x ptr] [{', '.join(['ptr @tg_slow'] * cells)}]",
        ARENA_TEXT if has_arena else "",
        *products,
        slow,
        main,
        *_once([*declarations, *INTRINSICS.splitlines()]),
        METADATA,
    ]
    has_products = any(isinstance(step, Gemm) for step in walk(plan.steps))
    whole = "\n".join([*parts, ""])
    objects = tuple(text.objects)
    kernels_text = _module(alone) + (select.TEXT if selects else "")
    called = {kernels[name].name for loop in loops for name in loop.called}
    loops_text = _loops_text(loops, in_loops, [one for one in alone if one.name in called])
    return EntryText(whole, kernels_text, loops_text, objects, cells, has_arena, has_products)


def _split(
    plan: Plan, kernels: Mapping[str, NativeKernel], loops: Sequence[Merged]
) -> tuple[list[NativeKernel], list[NativeKernel]]:
    """Return the kernels that are functions for all to call, and those merged with loops."""
    inside = {name for loop in loops for name in loop.inlined}
    names = dict.fromkeys(kernel.name for kernel in plan.kernels())
    alone = [kernels[name] for name in names if name not in inside]
    return alone, [kernels[name] for name in names if name in inside]


def _write_body(
    text: Text, signature: Signature, plan: Plan, kernels: Mapping[str, NativeKernel]
) -> list[Merged]:
    """Write the steps; return the functions of loops that they call."""
    sizes = Sizes(text)
    inputs = Inputs(text, sizes, Sources(text), signature)
    inputs.emit()
    results = Results(text, sizes, inputs, signature, {b.name: b.dtype for b in plan.buffers})
    pointers, written = dict(inputs.pointers), inputs.written_buffers()
    steps = Steps(text, sizes, kernels, pointers, plan, results, written)
    steps.prepare()
    steps.pointers.update(place(text, sizes, plan.slots))
    for buffer in plan.buffers:
        if buffer.size == 1 and buffer.name not in {*steps.pointers, *steps.data}:
            steps.pointers[buffer.name] = single_element(text, buffer)
    steps.run()
    results.emit(steps)
    return steps.merging.made


def _module(kernels: Sequence[NativeKernel], others: Sequence[str] = (), *lines: str) -> str:
    """Return the module of some kernels and of others that are text, with lines that declare.

    What several kernels use stands there once.
    """
    helpers = {name: text for kernel in kernels for name, text in kernel.helpers.items()}
    declarations = sorted({line for kernel in kernels for line in kernel.declarations})
    definitions = {kernel.name: kernel.text for kernel in kernels}
    parts = [*helpers.values(), *definitions.values(), *others, *_once([*declarations, *lines]), ""]
    return "\n".join(parts)


def _loops_text(
    loops: Sequence[Merged], inside: Sequence[NativeKernel], called: Sequence[NativeKernel]
) -> str:
    """Return the module of loops and of the kernels merged with them."""
    if not loops:
        return ""
    functions = sorted({name for loop in loops for name in loop.functions})
    lines = [_kernel_declaration(kernel) for kernel in called]
    lines += [cpython.declaration(name) for name in functions]
    lines += [*INTRINSICS.splitlines(), *COPIES.splitlines()]
    texts = [loop.definition for loop in loops]
    return _module([kernel.inlined() for kernel in inside], [*texts, METADATA], *lines)


def _kernel_declaration(kernel: NativeKernel) -> str:
    types = ["ptr"] * len(kernel.buffers) + ["i64"] * len(kernel.symbols)
    return f"declare hidden void @{kernel.name}({', '.join(types)})"


def _products(plan: Plan) -> tuple[list[str], list[str]]:
    """Return definitions and declarations of the matrix products that steps call."""
    named: dict[str, str] = {}
    declarations = []
    for step in walk(plan.steps):
        if isinstance(step, Gemm) and (found := blas.find()) is not None:
            named[blas_text.helper_name(step)] = blas_text.helper(step, found.passed_bits)
            named[blas_text.nan_name(step.dtype)] = blas_text.any_nan(step.dtype)
            declarations += [blas_text.declaration(step, found.passed_bits), *COPIES.splitlines()]
    return list(named.values()), declarations


def _once(declarations: Sequence[str]) -> Iterable[str]:
    """Keep the first declaration of each function: a second one would be an error."""
    found: dict[str, str] = {}
    for line in declarations:
        match = _DECLARED_NAME.search(line)
        found.setdefault(match.group(1) if match else line, line)
    return found.values()
