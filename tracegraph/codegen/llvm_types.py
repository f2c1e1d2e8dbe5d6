"""How values are written in LLVM text: types, constants, and the writer of single instructions."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracegraph.ir.types import BOOL, SHORT_NAMES, DType

LIKELY = '!90004 = !{!"branch_weights", i32 4000, i32 1}'
"""The metadata that makes a branch of a select."""


def element(dtype: DType) -> str:
    """Return the type of one value in a register: bools are ``i1`` there."""
    if dtype == BOOL:
        return "i1"
    if dtype.kind == "f":
        return "double" if dtype.itemsize == 8 else "float"
    return f"i{8 * dtype.itemsize}"


def memory(dtype: DType) -> str:
    """Return the type of one value in memory: bools are bytes there."""
    return "i8" if dtype == BOOL else element(dtype)


def many(name: str, lanes: int) -> str:
    """Return the type of ``lanes`` values side by side."""
    return name if lanes == 1 else f"<{lanes} x {name}>"


def register(dtype: DType, lanes: int) -> str:
    """Return the type of a register of ``lanes`` values."""
    return many(element(dtype), lanes)


def literal(value: np.generic) -> str:
    """Return a number as LLVM writes it; floats by their bits."""
    if value.dtype.kind == "f":
        return f"0x{struct.unpack('<Q', struct.pack('<d', float(value)))[0]:016X}"
    return str(int(value)) if value.dtype != BOOL else ("true" if value else "false")


def _number(value: Any, dtype: DType) -> np.generic:
    number: np.generic = np.asarray(value).astype(dtype).reshape(1)[0]
    return number


def constant(value: Any, dtype: DType, lanes: int = 1) -> str:
    """Return a constant of ``lanes`` equal values."""
    text = literal(_number(value, dtype))
    return text if lanes == 1 else f"splat ({element(dtype)} {text})"


def suffix(dtype: DType, lanes: int) -> str:
    """Return the ending that an intrinsic's name has for a type."""
    name = SHORT_NAMES[dtype].replace("u", "i")
    name = "i1" if dtype == BOOL else name
    return name if lanes == 1 else f"v{lanes}{name}"


@dataclass(eq=False)
class Writer:
    """Writes the instructions of one scalar operation, all of one number of lanes.

    Parameters
    ----------
    lanes : int
        How many values each register holds.
    emit : callable
        Takes the right hand side of an instruction and returns the register it is in.
    declare : callable
        Takes the ``declare`` line of an intrinsic that is called.
    """

    lanes: int
    emit: Callable[[str], str]
    declare: Callable[[str], None]

    def type(self, dtype: DType) -> str:
        return register(dtype, self.lanes)

    def const(self, value: Any, dtype: DType) -> str:
        return constant(value, dtype, self.lanes)

    def binary(self, instruction: str, dtype: DType, a: str, b: str) -> str:
        return self.emit(f"{instruction} {self.type(dtype)} {a}, {b}")

    def compare(self, predicate: str, dtype: DType, a: str, b: str) -> str:
        word = "fcmp" if dtype.kind == "f" else "icmp"
        return self.emit(f"{word} {predicate} {self.type(dtype)} {a}, {b}")

    def select(self, condition: str, dtype: DType, a: str, b: str) -> str:
        t = self.type(dtype)
        return self.emit(f"select {self.type(BOOL)} {condition}, {t} {a}, {t} {b}")

    def shortcut(self, condition: str, dtype: DType, short: str, full: str) -> str:
        """Choose what is the same: of a lone scalar by a branch, which does not wait for either.

        A vector has no branches, and waits in the company of others.
        """
        if self.lanes > 1:
            return full
        self.declare(LIKELY)
        t = self.type(dtype)
        return self.emit(f"select i1 {condition}, {t} {short}, {t} {full}, !prof !90004")

    def convert(self, instruction: str, source: DType, target: DType, a: str) -> str:
        return self.emit(f"{instruction} {self.type(source)} {a} to {self.type(target)}")

    def call(self, name: str, dtype: DType, *args: str, extra: str = "") -> str:
        """Call an intrinsic whose operands and result are of one type."""
        t = self.type(dtype)
        full = f"llvm.{name}.{suffix(dtype, self.lanes)}"
        types = ", ".join([t] * len(args)) + (", i1" if extra else "")
        self.declare(f"declare {t} @{full}({types})")
        return self.emit(f"call {t} @{full}({', '.join(f'{t} {a}' for a in args)}{extra})")
