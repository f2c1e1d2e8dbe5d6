"""Constants of long chains are read from a table, because registers are what a chain needs.

LLVM loads every constant of a loop once, before it. A Horner scheme of a hundred terms then keeps a
hundred vectors alive, and the scheduler, short of registers, computes the parts of a wide vector
one after the other: each waits for its own last addition. (Measured: 15 ms instead of 6 for 100
terms over 1e6 doubles.) A constant read right where it is used costs a load port only.
"""

from __future__ import annotations

from collections.abc import Callable

from tracegraph.codegen.llvm_types import element, many
from tracegraph.ir.scalar import Scalar
from tracegraph.ir.types import BOOL


class Table:
    """The constants of one kernel that are read from memory, one entry for every use.

    Equal entries would be one load, kept in a register. The table is no ``constant`` for LLVM:
    then the loads stay inside a loop that stores.
    """

    def __init__(self, kernel: str) -> None:
        self.name = f"{kernel}.table"
        self._entries: list[int] = []

    @staticmethod
    def holds(scalar: Scalar) -> bool:
        return scalar.op == "const" and scalar.dtype != BOOL

    def read(self, scalar: Scalar, lanes: int, emit: Callable[[str], str]) -> str:
        """Write the load of a constant into every lane; return its register."""
        place = f"getelementptr (i64, ptr @{self.name}, i64 {len(self._entries)})"
        self._entries.append(int.from_bytes(scalar.attr("bits"), "little"))
        one = element(scalar.dtype)
        t = many(one, lanes)
        text = emit(f"load {one}, ptr {place}")
        text = emit(f"insertelement {t} poison, {one} {text}, i64 0")
        return emit(f"shufflevector {t} {text}, {t} poison, <{lanes} x i32> zeroinitializer")

    def definitions(self) -> dict[str, str]:
        """Return the text of the table by its name, nothing where it is empty."""
        if not self._entries:
            return {}
        values = ", ".join(f"i64 {entry}" for entry in self._entries)
        return {
            self.name: f"@{self.name} = internal global [{len(self._entries)} x i64] [{values}]"
        }
