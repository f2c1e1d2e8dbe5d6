"""Signature + plan -> an executable: machine code that CPython calls, and its miss cells."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Mapping
from typing import Any

from tracegraph.codegen import blas, cpython, jit, quiet
from tracegraph.codegen.entry import CELLS, ENTRY, OBJECTS, TRIM, EntryText, entry_text
from tracegraph.codegen.llvm import NativeKernel
from tracegraph.codegen.plan import Plan
from tracegraph.codegen.signature import Signature
from tracegraph.ir.errors import GraphError


class Executable:
    """A native entry in memory.

    ``address`` is a vectorcall function: store it in a ``NativeCallable`` or link it into a cell of
    another executable. All that may still be running must be kept alive; an executable keeps what
    was ever linked into its cells.

    Parameters
    ----------
    signature : Signature
        What is checked and returned.
    plan : Plan
        What is computed.
    kernels : mapping of str to NativeKernel
        The native text of the plan's kernels, by name.
    optimised : bool
        Whether the kernels are; otherwise they are compiled as quickly as possible.
    """

    def __init__(
        self,
        signature: Signature,
        plan: Plan,
        kernels: Mapping[str, NativeKernel],
        *,
        optimised: bool = True,
    ) -> None:
        cpython.check_layout()
        self.signature = signature
        self.plan = plan
        self._module = entry_text(signature, plan, kernels)
        self.code = _load(self._module, optimised)
        self.address = self.code.address(ENTRY)
        self._cells = (ctypes.c_size_t * self._module.cells).from_address(self.code.address(CELLS))
        self._eager = self._cells[0]
        self._linked: dict[int, Executable] = {}
        if self._module.has_arena:
            trim = ctypes.PYFUNCTYPE(None)(self.code.address(TRIM))
            # The finaliser holds the code, not the executable.
            weakref.finalize(self, _call_keeping, trim, self.code).atexit = False
            self._trim = trim

    @property
    def text(self) -> str:
        """The LLVM text, for reading: the kernels, loops that are functions, then the entry."""
        return self._module.kernels + self._module.loops + self._module.text

    @property
    def cells(self) -> int:
        """How many miss cells there are: cell 0 for the signature, 1 + k for guard k."""
        return self._module.cells

    def link(self, cell: int, target: Executable) -> None:
        """Let calls that leave by a cell go on in another executable. Links must form no circle."""
        if not 0 <= cell < self.cells:
            raise GraphError(f"there is no miss cell {cell} of {self.cells}")
        self._linked[id(target)] = target
        self._cells[cell] = target.address

    def unlink(self, cell: int) -> None:
        """Let calls that leave by a cell run ``_slow`` again."""
        self._cells[cell] = self._eager

    def linked(self, cell: int) -> Executable | None:
        """Return what a cell leads to, None for the slow path."""
        address = self._cells[cell]
        return next((e for e in self._linked.values() if e.address == address), None)

    def trim(self) -> None:
        """Free the memory that is kept between calls; the next call takes it anew."""
        if self._module.has_arena:
            self._trim()


def _call_keeping(function: Any, keep: object) -> None:
    function()


def _load(module: EntryText, optimised: bool) -> jit.Code:
    exports = (ENTRY, CELLS, OBJECTS) + ((TRIM,) if module.has_arena else ())
    imports = {name: cpython.function_address(name) for name in cpython.FUNCTIONS}
    imports[quiet.NAME] = quiet.address()
    if module.has_products:  # finding the BLAS takes some 10 ms
        imports |= blas.imports()
    code = jit.compile_text(
        module.kernels,
        exports,
        imports,
        loops=module.loops,
        once=module.text,
        optimised=optimised,
    )
    table = (ctypes.c_size_t * len(module.objects)).from_address(code.address(OBJECTS))
    table[:] = [id(one) for one in module.objects]
    return code
