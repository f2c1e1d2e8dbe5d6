"""Where temporary buffers live: slots of one arena, reused when what was in them is dead.

What the steps inside a step mention lives for as long as that runs: the next iteration of a loop
may read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tracegraph.codegen.plan import (
    CalloutStep,
    Gemm,
    Kernel,
    Loop,
    PlanBuffer,
    SelectStep,
    Slot,
    Step,
    inner_steps,
)
from tracegraph.ir.sizes import Dim, nonnegative

ALIGNMENT = 64


def named_buffers(step: Step) -> Iterable[str]:
    """Yield the names of the buffers that a step reads or writes."""
    if isinstance(step, Kernel):
        return tuple(b.name for b in step.program.buffers)
    if isinstance(step, Gemm):
        return step.a.buffer, step.b.buffer, step.c.buffer
    if isinstance(step, CalloutStep):
        return (*step.operands, *step.results)
    if isinstance(step, SelectStep):
        return step.mask, step.places
    own = () if isinstance(step, Loop) else (step.buffer,)
    return (*own, *(name for inner in inner_steps(step) for name in named_buffers(inner)))


def arena(buffers: Sequence[PlanBuffer], steps: Sequence[Step]) -> tuple[Slot, ...]:
    """Place temporary buffers: a slot is reused when it is free and known to be large enough."""
    temps = {b.name: b for b in buffers if b.kind == "temp"}
    last = last_uses(steps)
    sizes: list[Dim] = []
    tenants: list[list[str]] = []
    free_after: list[int] = []
    for name, first in _first_uses(steps).items():
        if name not in temps:
            continue
        need = _bytes(temps[name])
        slot = next((k for k, s in enumerate(sizes)
                     if free_after[k] < first and nonnegative(s - need)), None)  # fmt: skip
        if slot is None:
            slot = len(sizes)
            sizes.append(need)
            tenants.append([])
            free_after.append(0)
        tenants[slot].append(name)
        free_after[slot] = last[name]
    slots, offset = [], 0
    total: Dim = offset
    for size, names in zip(sizes, tenants, strict=True):
        slots.append(Slot(total, size, tuple(names)))
        total = total + size
    return tuple(slots)


def _bytes(buffer: PlanBuffer) -> Dim:
    """Return the bytes of a buffer, rounded up to whole cache lines."""
    size = buffer.size * buffer.dtype.itemsize
    return (size + (ALIGNMENT - 1)) // ALIGNMENT * ALIGNMENT


def _first_uses(steps: Sequence[Step]) -> Mapping[str, int]:
    first: dict[str, int] = {}
    for number, step in enumerate(steps):
        for name in named_buffers(step):
            first.setdefault(name, number)
    return first


def last_uses(steps: Sequence[Step]) -> Mapping[str, int]:
    """Return the number of the last step that mentions a buffer, for each that any does."""
    return {name: number for number, step in enumerate(steps) for name in named_buffers(step)}
