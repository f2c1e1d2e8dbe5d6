"""Running the steps of a plan: kernels, matrix products, callouts, guards, branches."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tracegraph.codegen import blas, cpython, select
from tracegraph.codegen.entry_arrays import new_array, wrapped_matrices
from tracegraph.codegen.entry_callouts import EagerKernel, eager_kernel, matmul_into
from tracegraph.codegen.entry_results import Results
from tracegraph.codegen.entry_sizes import Sizes
from tracegraph.codegen.entry_text import EAGER, ERROR, MISS, Text
from tracegraph.codegen.llvm import NativeKernel
from tracegraph.codegen.plan import (
    Branch,
    CalloutStep,
    Gemm,
    GuardStep,
    Kernel,
    Matrix,
    Plan,
    PlanBuffer,
    SelectStep,
    Step,
)
from tracegraph.ir.errors import GraphError
from tracegraph.ir.loops import written
from tracegraph.ir.size_values import bare_symbol
from tracegraph.ir.sizes import Dim, Symbol
from tracegraph.ir.types import ArrayType


def walk(steps: Sequence[Step]) -> Iterator[Step]:
    """Yield steps and those inside branches, in order."""
    for step in steps:
        yield step
        if isinstance(step, Branch):
            yield from walk(step.then)
            yield from walk(step.orelse)


@dataclass(eq=False)
class Steps:
    """``pointers`` has the memory of buffers that is known before the steps run; ``data`` has slots
    of the frame for the memory of those that callouts make."""

    text: Text
    sizes: Sizes
    plan: Plan
    results: Results
    kernels: Mapping[str, NativeKernel]
    pointers: dict[str, str]
    written_inputs: frozenset[str]
    data: dict[str, str] = field(default_factory=dict)
    _wrote: bool = False
    _checked: list[Gemm] = field(default_factory=list)

    def prepare(self) -> None:
        """Make room for what callouts return, and make what has a known size."""
        for step in walk(self.plan.steps):
            for name in step.results if isinstance(step, CalloutStep) else ():
                if name not in self.data:
                    self.results.arrays[name] = self.text.own()
                    self.data[name] = self.text.slot("ptr")
        self._make_known()

    def _make_known(self) -> None:
        """Compute the sizes that are known now, and make the arrays that have such sizes."""
        self.results.prepare()
        for step in walk(self.plan.steps):
            self.sizes.prepare(_dims(step))
        for buffer in self._arrays_to_make():
            self.sizes.prepare((buffer.size,))
        self.sizes.require_exact(self.text.exit(MISS))
        for step in walk(self.plan.steps):
            if isinstance(step, Gemm):
                self._check_width(step)
        self.pointers.update(self.results.allocate(self.data))
        for step in walk(self.plan.steps):
            if isinstance(step, CalloutStep):
                for name, type in zip(step.operands, step.operand_types, strict=True):
                    self._make(name, type)
        for buffer in self._arrays_to_make():
            self._make(buffer.name, ArrayType(buffer.dtype, (buffer.size,)))

    def _arrays_to_make(self) -> Iterator[PlanBuffer]:
        """Yield the buffers that are arrays for no callout, but because their size is counted."""
        for buffer in self.plan.buffers:
            if buffer.kind == "object" and not isinstance(buffer.size, int):
                yield buffer

    def _make(self, name: str, type: ArrayType) -> None:
        """Make an array of a buffer, where it has a known size and no memory yet."""
        known = all(map(self.sizes.is_known, type.shape))
        if known and name not in self.pointers and name not in self.data:
            array = new_array(self.text, self.sizes, type.dtype, type.shape)
            self.results.arrays[name] = self.text.owning(array)
            self.pointers[name] = self.text.load("ptr", array, cpython.ARRAY_DATA)

    def emit(self, steps: Sequence[Step]) -> None:
        """Add the code of steps, those of the plan or of a branch."""
        for step in steps:
            if isinstance(step, Kernel):
                self._kernel(step)
            elif isinstance(step, Gemm):
                self._gemm(step)
            elif isinstance(step, CalloutStep):
                self._callout(step)
            elif isinstance(step, SelectStep):
                self._select(step)
            elif isinstance(step, GuardStep):
                self._guard(step)
            else:
                self._branch(step)

    def pointer(self, buffer: str) -> str:
        """Return the memory of a buffer."""
        if buffer in self.data:
            return self.text.load("ptr", self.data[buffer])
        if buffer not in self.pointers:
            raise GraphError(f"no input or step gives the buffer {buffer}")
        return self.pointers[buffer]

    def _note_write(self, buffers: Iterable[str]) -> None:
        self._wrote = self._wrote or not self.written_inputs.isdisjoint(buffers)

    def _kernel(self, step: Kernel) -> None:
        kernel = self.kernels[step.name]
        self._note_write(written(step.program.body))
        given = [f"ptr {self.pointer(name)}" for name in kernel.buffers]
        given += [f"i64 {self.sizes.symbol(symbol)}" for symbol in kernel.symbols]
        self.text.do(f"call void @{kernel.name}({', '.join(given)})")

    def _gemm(self, step: Gemm) -> None:
        self._note_write([step.c.buffer])
        pointers = [self._corner(matrix) for matrix in (step.a, step.b, step.c)]
        found = blas.find()
        if found is None:
            self._matmul(step, pointers)
            return
        dims = [step.m, step.n, step.k, step.count]
        for matrix in (step.a, step.b, step.c):
            dims += [matrix.leading, matrix.step]
        values = [self.sizes.value(dim) for dim in dims]
        name = blas.helper_name(step.dtype, (step.a.transposed, step.b.transposed))
        given = [f"ptr {p}" for p in pointers] + [f"i64 {v}" for v in values]
        self.text.do(f"call void @{name}({', '.join(given)})")

    def _check_width(self, step: Gemm) -> None:
        """Matrices beyond the integers of a 32-bit BLAS are left to NumPy."""
        found = blas.find()
        if found is None or found.largest == 2**63 - 1:
            return
        dims = (step.m, step.n, step.k, step.a.leading, step.b.leading, step.c.leading)
        if step in self._checked or not all(map(self.sizes.is_known, dims)):
            return
        self._checked.append(step)
        for dim in dims:
            fits = self.text.let(f"icmp sle i64 {self.sizes.value(dim)}, {found.largest}")
            self.text.require(fits, self.text.exit(EAGER))

    def _corner(self, matrix: Matrix) -> str:
        """Return the address of the first element of the first matrix."""
        itemsize = self.results.dtypes[matrix.buffer].itemsize
        return self.text.at(self.pointer(matrix.buffer), self.sizes.value(matrix.offset * itemsize))

    def _matmul(self, step: Gemm, pointers: Sequence[str]) -> None:
        text = self.text
        arrays = wrapped_matrices(text, self.sizes, step, pointers)
        made = text.call("PyObject_CallFunctionObjArgs", text.object(matmul_into), *arrays, "null")
        text.call("Py_DecRef", text.require_object(made, self._failed()))

    def _guard(self, step: GuardStep) -> None:
        if self._wrote:
            raise GraphError("a guard must not follow a write into an argument")
        text = self.text
        flag = text.load("i8", self.pointer(step.buffer))
        relation = "ne" if step.expect else "eq"
        holds = text.let(f"icmp {relation} i8 {flag}, 0")
        text.require(holds, text.exit(1 + step.number))

    def _branch(self, step: Branch) -> None:
        text = self.text
        flag = text.load("i8", self.pointer(step.buffer))
        then, orelse, join = (text.fresh(name) for name in ("then", "else", "join"))
        chosen = text.let(f"icmp ne i8 {flag}, 0")
        text.do(f"br i1 {chosen}, label %{then}, label %{orelse}")
        for label, steps in ((then, step.then), (orelse, step.orelse)):
            text.label(label)
            self.emit(steps)
            text.jump(join)
        text.label(join)

    def _failed(self) -> str:
        """Return where a failed callout goes: to an eager call, inside the user's ``try``.

        Where an argument has been written already that would repeat the write: then it is raised.
        """
        return self.text.exit(ERROR) if self._wrote else self.text.raised(EAGER)

    def _callout(self, step: CalloutStep) -> None:
        text, kernel = self.text, eager_kernel(step)
        operands = [
            self._array(name, type)
            for name, type in zip(step.operands, step.operand_types, strict=True)
        ]
        operands += [self._int(self.sizes.symbol(symbol)) for symbol in kernel.symbols]
        made = text.call("PyObject_CallFunctionObjArgs", text.object(kernel), *operands, "null")
        text.require_object(made, self._failed())
        for number, name in enumerate(step.results):
            array = text.load("ptr", made, cpython.TUPLE_ITEMS + 8 * number)
            text.call("Py_IncRef", array)
            text.keep(self.results.arrays[name], array)
            data = text.load("ptr", array, cpython.ARRAY_DATA)
            text.do(f"store ptr {data}, ptr {self.data[name]}")
        text.call("Py_DecRef", made)
        for name, type in zip(step.results, step.types, strict=True):
            array = text.load("ptr", self.results.arrays[name])
            self._check_shape(kernel, array, type, step.counted)
        if step.counted:
            self._counted()

    def _select(self, step: SelectStep) -> None:
        text, symbol = self.text, bare_symbol(step.count)
        mask, length = self.pointer(step.mask), self.sizes.value(step.length)
        if symbol is not None:
            count = text.let(f"call i64 @{select.COUNT}(ptr {mask}, i64 {length})")
            self.sizes.bind(symbol, count, text.exit(MISS))
            self._counted()
        given = f"ptr {mask}, ptr {self.pointer(step.places)}, i64 {self.sizes.value(step.count)}"
        text.do(f"call void @{select.FIND}({given}, i64 {length})")

    def _counted(self) -> None:
        """Go on where sizes have their values from now on."""
        if self._wrote:
            raise GraphError("a size must not be counted after a write into an argument")
        self._make_known()

    def _check_shape(
        self, kernel: EagerKernel, array: str, type: ArrayType, counted: Collection[Symbol]
    ) -> None:
        """Check the shape of a result; sizes that it counts have their values from then on."""
        text = self.text
        wrong, right = text.fresh("wrong"), text.fresh("right")
        shape = text.load("ptr", array, cpython.ARRAY_SHAPE) if type.shape else ""
        for axis, dim in enumerate(type.shape):
            value, symbol = text.load("i64", shape, 8 * axis), bare_symbol(dim)
            if symbol is not None and symbol in counted:
                self.sizes.bind(symbol, value, wrong)
            else:
                text.require_equal("i64", value, self.sizes.value(dim), wrong)
        text.jump(right)
        text.label(wrong)
        complain = text.object(kernel.complain)
        text.call("PyObject_CallFunctionObjArgs", complain, array, "null")
        text.jump(text.exit(ERROR))
        text.label(right)

    def _array(self, name: str, type: ArrayType) -> str:
        """Return a buffer as an ndarray: the one that it is, else a copy of a scalar's slot."""
        text, inputs = self.text, self.results.inputs
        if name in inputs.array_objects:
            return inputs.array_objects[name]
        if name in self.results.arrays:
            return text.load("ptr", self.results.arrays[name])
        array = new_array(text, self.sizes, type.dtype, ())
        text.keep(text.own(), array)
        data = text.load("ptr", array, cpython.ARRAY_DATA)
        bits = 8 * type.dtype.itemsize
        value = text.let(f"load i{bits}, ptr {self.pointer(name)}, align 8")
        text.do(f"store i{bits} {value}, ptr {data}, align {type.dtype.alignment}")
        return array

    def _int(self, value: str) -> str:
        made = self.text.call("PyLong_FromLongLong", value)
        self.text.require_object(made, self.text.exit(ERROR))
        self.text.keep(self.text.own(), made)
        return made


def _dims(step: Step) -> Iterator[Dim]:
    """Yield the sizes that a step needs; those of the memory of matrices are in bytes."""
    if isinstance(step, Gemm):
        yield from (step.m, step.n, step.k, step.count)
        itemsize = step.dtype.itemsize
        for matrix in (step.a, step.b, step.c):
            yield from (matrix.leading, matrix.step, matrix.offset * itemsize)
            yield from (matrix.leading * itemsize, matrix.step * itemsize)
    elif isinstance(step, SelectStep):
        yield from (step.length, step.count)
    elif isinstance(step, CalloutStep):
        for type in (*step.operand_types, *step.types):
            yield from type.shape
