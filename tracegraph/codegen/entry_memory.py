"""Memory of the buffers that are no arrays: the frame for a few bytes, an arena for more.

The arena is one block, kept between calls in ``@tg_arena``. A call takes it by exchanging the
pointer with null, so that a call inside a call, or in another thread, finds none and makes its own;
at the end it puts its block back and frees the one it displaces. In front of the memory stand its
capacity and the address to free.
"""

from __future__ import annotations

from collections.abc import Sequence

from tracegraph.codegen.entry_sizes import Sizes
from tracegraph.codegen.entry_text import EAGER, Text
from tracegraph.codegen.plan import PlanBuffer, Slot
from tracegraph.ir.sizes import Dim, maximum

ALIGNMENT = 64
STACK_LIMIT = 4096
"""Bytes of the frame that the slots of one call may take."""

_LARGEST = 1 << 46
"""More bytes than any address space has, and small enough that sums of a few are exact."""


def place(text: Text, sizes: Sizes, slots: Sequence[Slot]) -> dict[str, str]:
    """Return pointers to the memory of slots; where there is none, run eagerly.

    Nothing is written yet, so the eager call has all its effects, and raises NumPy's error.
    """
    total: Dim = 0
    for slot in slots:
        total = maximum(total, slot.offset + slot.size)
    if not slots:
        return {}
    if isinstance(total, int) and total <= STACK_LIMIT:
        block = text.slot(f"[{max(total, 1)} x i8]", align=ALIGNMENT)
    else:
        block = _take(text, sizes, slots, total)
    return {
        name: text.at(block, sizes.value(slot.offset)) for slot in slots for name in slot.buffers
    }


def single_element(text: Text, buffer: PlanBuffer) -> str:
    """Return memory in the frame for one number."""
    return text.slot(f"[{max(buffer.dtype.itemsize, 16)} x i8]", align=16)


def _take(text: Text, sizes: Sizes, slots: Sequence[Slot], total: Dim) -> str:
    refused = text.exit(EAGER)
    parts = [sizes.value(part) for slot in slots for part in (slot.offset, slot.size)]
    wanted = sizes.value(total)
    for bit in sizes.take_inexact():
        text.require(text.let(f"xor i1 {bit}, true"), refused)
    for part in (*parts, wanted):
        if not part.isdigit():
            text.require(text.let(f"icmp ult i64 {part}, {_LARGEST}"), refused)
    owner = text.give_back("tg_put_back")
    block = text.let(f"call ptr @tg_take(i64 {wanted})")
    text.do(f"store ptr {block}, ptr {owner}")
    return text.require_object(block, refused)


ARENA_FUNCTIONS = ("PyMem_RawMalloc", "PyMem_RawFree")
ARENA_TEXT = """@tg_arena = dso_local global ptr null

define internal ptr @tg_take(i64 %bytes) noinline {
  %kept = atomicrmw xchg ptr @tg_arena, ptr null seq_cst
  %none = icmp eq ptr %kept, null
  br i1 %none, label %new, label %look
look:
  %capacity.at = getelementptr i8, ptr %kept, i64 -64
  %capacity = load i64, ptr %capacity.at
  %enough = icmp uge i64 %capacity, %bytes
  br i1 %enough, label %old, label %grow
old:
  ret ptr %kept
grow:
  call void @tg_free(ptr %kept)
  br label %new
new:
  %total = add i64 %bytes, 128
  %raw = call ptr @PyMem_RawMalloc(i64 %total)
  %refused = icmp eq ptr %raw, null
  br i1 %refused, label %fail, label %set
set:
  %address = ptrtoint ptr %raw to i64
  %beyond = add i64 %address, 127
  %aligned = and i64 %beyond, -64
  %block = inttoptr i64 %aligned to ptr
  %new.capacity.at = getelementptr i8, ptr %block, i64 -64
  store i64 %bytes, ptr %new.capacity.at
  %base.at = getelementptr i8, ptr %block, i64 -56
  store ptr %raw, ptr %base.at
  ret ptr %block
fail:
  ret ptr null
}

define internal void @tg_free(ptr %block) noinline {
  %none = icmp eq ptr %block, null
  br i1 %none, label %done, label %free
free:
  %base.at = getelementptr i8, ptr %block, i64 -56
  %base = load ptr, ptr %base.at
  call void @PyMem_RawFree(ptr %base)
  br label %done
done:
  ret void
}

define internal void @tg_put_back(ptr %block) noinline {
  %none = icmp eq ptr %block, null
  br i1 %none, label %done, label %swap
swap:
  %displaced = atomicrmw xchg ptr @tg_arena, ptr %block seq_cst
  call void @tg_free(ptr %displaced)
  br label %done
done:
  ret void
}

define void @tg_trim() {
  %kept = atomicrmw xchg ptr @tg_arena, ptr null seq_cst
  call void @tg_free(ptr %kept)
  ret void
}
"""
