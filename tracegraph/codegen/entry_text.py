"""LLVM text of a native entry as it grows: names, blocks, exits, and what must be released.

An entry leaves in one of three ways. All go through one block that releases what the frame owns:

=============  ====================================================================================
``ret`` value  the results were built
miss           tail call of the target in a miss cell, with the original arguments
error          ``ret null`` with a Python exception set
=============  ====================================================================================
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

from tracegraph.codegen.cpython import FUNCTIONS

MISS = 0
"""The cell of a call that differs from the signature; guard number k has cell 1 + k."""

ERROR, EAGER = -1, -2
"""Exits that are no cells: return the exception that is set; run eagerly, whatever is linked."""

_LIKELY = "!prof !90001"
METADATA = '!90001 = !{!"branch_weights", i32 4000, i32 1}'


class Text:
    """The body of one function. Values are LLVM operands: ``%name`` or a number."""

    def __init__(self) -> None:
        self.objects: list[Any] = []
        self.functions: set[str] = set()
        self.exits: dict[int, str] = {}
        self.owned: list[str] = []
        self._object_numbers: dict[int, int] = {}
        self._slots: list[str] = []
        self._lines: list[str] = []
        self._numbers = itertools.count()
        self._returns: list[tuple[str, str]] = []
        self._raised: dict[int, str] = {}

    def fresh(self, prefix: str) -> str:
        """Return a name that no other value or block has."""
        return f"{prefix}.{next(self._numbers)}"

    def do(self, statement: str) -> None:
        self._lines.append(f"  {statement}")

    def let(self, expression: str, name: str = "v") -> str:
        """Add ``%name = expression`` and return the operand."""
        operand = f"%{self.fresh(name)}"
        self.do(f"{operand} = {expression}")
        return operand

    def label(self, name: str) -> None:
        self._lines.append(f"{name}:")

    def jump(self, label: str) -> None:
        self.do(f"br label %{label}")

    def load(self, type: str, pointer: str, offset: int = 0) -> str:
        """Load a field ``offset`` bytes into a struct."""
        return self.let(f"load {type}, ptr {self.at(pointer, offset)}")

    def at(self, pointer: str, offset: int | str) -> str:
        """Return the address ``offset`` bytes after a pointer."""
        if offset in (0, "0"):
            return pointer
        return self.let(f"getelementptr i8, ptr {pointer}, i64 {offset}")

    def call(self, name: str, *arguments: str) -> str:
        """Call a C function of ``cpython.FUNCTIONS``; arguments carry no types."""
        self.functions.add(name)
        result, _, rest = FUNCTIONS[name].partition(" ")
        types = [type for type in rest.strip("()").split(", ") if type]
        if types[-1:] == ["..."]:
            types, result = ["ptr"] * len(arguments), FUNCTIONS[name]
        given = ", ".join(f"{type} {value}" for type, value in zip(types, arguments, strict=True))
        if result == "void":
            self.do(f"call void @{name}({given})")
            return ""
        return self.let(f"call {result} @{name}({given})", "r")

    def object(self, value: Any) -> str:
        """Load the address of a Python object that the executable keeps alive."""
        return self.load("ptr", "@tg_objects", 8 * self.object_number(value))

    def object_number(self, value: Any) -> int:
        """Return the place of a Python object in the table of objects."""
        number = self._object_numbers.setdefault(id(value), len(self.objects))
        if number == len(self.objects):
            self.objects.append(value)
        return number

    def slot(self, type: str, align: int = 8) -> str:
        """Return memory in the frame, not initialised."""
        operand = f"%{self.fresh('slot')}"
        self._slots.append(f"  {operand} = alloca {type}, align {align}")
        return operand

    def own(self) -> str:
        """Return a slot, null at first, whose reference is released at every exit."""
        slot = self.slot("ptr")
        self._slots.append(f"  store ptr null, ptr {slot}")
        self.owned.append(slot)
        return slot

    def owning(self, value: str) -> str:
        """Give the frame a reference; return the slot that holds it."""
        slot = self.own()
        self.do(f"store ptr {value}, ptr {slot}")
        return slot

    def keep(self, slot: str, value: str) -> None:
        """Replace what a slot owns."""
        old = self.load("ptr", slot)
        self.do(f"store ptr {value}, ptr {slot}")
        self.call("Py_DecRef", old)

    def give_back(self, function: str) -> str:
        """Return a slot for a pointer, null at first, that every exit passes to a function."""
        slot = self.slot("ptr")
        self._slots.append(f"  store ptr null, ptr {slot}")
        self._returns.append((slot, function))
        return slot

    def uses(self, function: str) -> bool:
        """Return whether anything is given back to a function."""
        return any(name == function for _, name in self._returns)

    def exit(self, code: int) -> str:
        """Return the label by which the entry leaves for a cell or with ``ERROR``."""
        if code < 0:
            return self.exits.setdefault(code, "leave.error" if code == ERROR else "leave.eager")
        return self.exits.setdefault(code, f"leave.cell{code}")

    def raised(self, code: int) -> str:
        """Return the label for a failed call into Python.

        Any ``Exception`` is cleared and the entry leaves for a cell; interrupts are returned.
        """
        return self._raised.setdefault(code, f"raised.{code % 2**32}")

    def require(self, condition: str, otherwise: str) -> None:
        """Go on where an i1 holds, else jump to a label."""
        following = self.fresh("go")
        self.do(f"br i1 {condition}, label %{following}, label %{otherwise}, {_LIKELY}")
        self.label(following)

    def require_equal(self, type: str, a: str, b: str, otherwise: str) -> None:
        self.require(self.let(f"icmp eq {type} {a}, {b}"), otherwise)

    def require_object(self, pointer: str, otherwise: str) -> str:
        """Go on where a pointer is not null."""
        self.require(self.let(f"icmp ne ptr {pointer}, null"), otherwise)
        return pointer

    @contextlib.contextmanager
    def when(self, condition: str) -> Iterator[None]:
        """Put what is added inside under an i1 condition."""
        inside, after = self.fresh("then"), self.fresh("after")
        self.do(f"br i1 {condition}, label %{inside}, label %{after}")
        self.label(inside)
        yield
        self.jump(after)
        self.label(after)

    def release_all(self) -> None:
        """Add code that gives back everything the frame owns."""
        for slot in self.owned:
            self.call("Py_DecRef", self.load("ptr", slot))
        for slot, function in self._returns:
            self.do(f"call void @{function}(ptr {self.load('ptr', slot)})")

    def body(self) -> str:
        """Return what was added so far."""
        return "\n".join([*self._slots, "  br label %start", "start:", *self._lines])

    def finish(self, name: str) -> str:
        """Return the function's text, with its exits."""
        for code, label in self._raised.items():
            self._emit_raised(code, label)
        exit_code = self.slot("i64")
        self._emit_exits(exit_code)
        parameters = "ptr %self, ptr %args, i64 %nargsf, ptr %kwnames"
        return f"define ptr @{name}({parameters}) {{\n{self.body()}\n}}\n"

    def _emit_raised(self, code: int, label: str) -> None:
        self.label(label)
        error = self.call("PyErr_Occurred")
        self.require(self.let(f"icmp ne ptr {error}, null"), self.exit(code))
        matches = self.call("PyErr_ExceptionMatches", self.object(Exception))
        self.require(self.let(f"icmp ne i32 {matches}, 0"), self.exit(ERROR))
        self.call("PyErr_Clear")
        self.jump(self.exit(code))

    def _emit_exits(self, exit_code: str) -> None:
        # The eager exit is where exits of errors meet, so it always has a block.
        self.exit(ERROR)
        self.exit(EAGER)
        for code, label in self.exits.items():
            self.label(label)
            self.do(f"store i64 {code}, ptr {exit_code}")
            self.jump("cleanup")
        self.label("cleanup")
        self.release_all()
        left_by = self.load("i64", exit_code)
        cases = f"i64 {ERROR}, label %return.error i64 {EAGER}, label %eager"
        self.do(f"switch i64 {left_by}, label %miss [{cases}]")
        self.label("return.error")
        self.do("ret ptr null")
        self.label("miss")
        cell = self.let(f"getelementptr ptr, ptr @tg_cells, i64 {left_by}")
        self._tail_call(self.let(f"load atomic ptr, ptr {cell} monotonic, align 8"))
        self.label("eager")
        self._tail_call("@tg_slow")

    def _tail_call(self, target: str) -> None:
        arguments = "ptr %self, ptr %args, i64 %nargsf, ptr %kwnames"
        self.do(f"ret ptr {self.let(f'musttail call ptr {target}({arguments})')}")


def slow_path_text(text: Text) -> str:
    """Return the function that calls ``self._slow`` with the arguments of the call."""
    text.functions.update(("PyObject_GetAttr", "PyObject_Vectorcall", "Py_DecRef"))
    params = "ptr %self, ptr %args, i64 %nargsf, ptr %kwnames"
    return f"""define internal ptr @tg_slow({params}) {{
  %at = getelementptr i8, ptr @tg_objects, i64 {8 * text.object_number("_slow")}
  %name = load ptr, ptr %at
  %method = call ptr @PyObject_GetAttr(ptr %self, ptr %name)
  %none = icmp eq ptr %method, null
  br i1 %none, label %fail, label %go
go:
  %result = call ptr @PyObject_Vectorcall(ptr %method, ptr %args, i64 %nargsf, ptr %kwnames)
  call void @Py_DecRef(ptr %method)
  ret ptr %result
fail:
  ret ptr null
}}
"""
