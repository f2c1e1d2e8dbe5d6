"""Running the steps of a plan: kernels, matrix products, callouts, guards, branches, loops."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tracegraph.codegen import blas, blas_text, cpython, select
from tracegraph.codegen.arena import last_uses
from tracegraph.codegen.entry_arrays import new_array, wrapped_matrices
from tracegraph.codegen.entry_callouts import EagerKernel, MatmulInto, eager_kernel
from tracegraph.codegen.entry_flow import Flow
from tracegraph.codegen.entry_results import Results
from tracegraph.codegen.entry_text import EAGER, ERROR, MISS
from tracegraph.codegen.merged import Merging
from tracegraph.codegen.plan import (
    Branch,
    CalloutStep,
    Gemm,
    GuardStep,
    Kernel,
    Loop,
    Matrix,
    Plan,
    PlanBuffer,
    SelectStep,
    Step,
    While,
    inner_steps,
    walk,
)
from tracegraph.ir.errors import GraphError
from tracegraph.ir.loops import written
from tracegraph.ir.size_values import bare_symbol
from tracegraph.ir.sizes import Dim, Symbol, symbols
from tracegraph.ir.types import ArrayType, type_symbols


@dataclass(eq=False)
class Steps(Flow):
    """``data`` has slots of the frame for the memory of buffers that callouts make; ``merging``
    writes the loops that are functions."""

    plan: Plan
    results: Results
    written_inputs: frozenset[str]
    data: dict[str, str] = field(default_factory=dict)
    merging: Merging = field(init=False)
    _wrote: bool = False
    _checked: list[Gemm] = field(default_factory=list)
    _remade: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.merging = Merging(self.plan, self.kernels)

    def prepare(self) -> None:
        """Make room for what callouts return, and make what has a known size."""
        steps = list(walk(self.plan.steps))
        for name in (n for s in steps if isinstance(s, CalloutStep) for n in s.results):
            self._own_data(name)
        indices = {step.index for step in steps if isinstance(step, Loop)}
        for name, type in _callout_operands(steps):
            if name not in self.data and not indices.isdisjoint(type_symbols((type,))):
                self._remade.add(name)
                self._own_data(name)
        for buffer in self._counted_inside():
            self._own_data(buffer.name)
        self._make_known()

    def _counted_inside(self) -> list[PlanBuffer]:
        """Return the buffers of a size that is counted inside of a loop or branch, each time."""
        inner = [one for step in self.plan.steps for one in walk(inner_steps(step))]
        counts = [one.count for one in inner if isinstance(one, While) and one.count is not None]
        known = {bare_symbol(count) for count in counts}
        return [b for b in self._arrays_to_make() if not known.isdisjoint(symbols(b.size))]

    def _own_data(self, name: str) -> None:
        """Make room for an array that is made on the way."""
        if name not in self.data:
            self.results.arrays[name] = self.text.own()
            self.data[name] = self.text.slot("ptr")

    def _make_known(self) -> None:
        """Compute the sizes that are known now, and make the arrays that have such sizes."""
        steps = list(walk(self.plan.steps))
        self.results.prepare()
        self._compute_sizes(steps, (b.size for b in self._arrays_to_make()), self.text.exit(MISS))
        self.pointers.update(self.results.allocate(self.data, self._failed()))
        for name, type in _callout_operands(steps):
            self._make(name, type)
        for buffer in self._arrays_to_make():
            self._make(buffer.name, ArrayType(buffer.dtype, (buffer.size,)))

    def _compute_sizes(self, steps: Sequence[Step], others: Iterable[Dim], otherwise: str) -> None:
        """Compute the sizes of steps, and others, that are known here and now."""
        for step in steps:
            self.sizes.prepare(_dims(step))
        self.sizes.prepare(others)
        self.sizes.require_exact(otherwise)
        for step in steps:
            if isinstance(step, Gemm):
                self._check_width(step)

    def _arrays_to_make(self) -> Iterator[PlanBuffer]:
        """Yield the buffers that are arrays for no callout, but because their size is counted."""
        for buffer in self.plan.buffers:
            if buffer.kind == "object" and not isinstance(buffer.size, int):
                yield buffer

    def _make(self, name: str, type: ArrayType) -> None:
        """Make an array of a buffer, where it has a known size and no memory yet."""
        known = all(map(self.sizes.is_known, type.shape))
        if known and name not in self.pointers and name not in self.data:
            array = new_array(self.text, self.sizes, type.dtype, type.shape, self._failed())
            self.results.arrays[name] = self.text.owning(array)
            self.pointers[name] = self.text.load("ptr", array, cpython.ARRAY_DATA)

    def run(self) -> None:
        """Add the code of the plan's steps; arrays that no later step needs are released.

        So memory of sizes that are counted on the way is used again within a call, as NumPy's is.
        """
        done: dict[int, list[str]] = {}
        kept = {*self.results.buffers()}
        for name, number in last_uses(self.plan.steps).items():
            if name not in kept:
                done.setdefault(number, []).append(name)
        for number, step in enumerate(self.plan.steps):
            self.step(step)
            for name in done.get(number, ()):
                if name in self.results.arrays:
                    self.text.keep(self.results.arrays[name], "null")

    def step(self, step: Step) -> None:
        """Add the code of one step."""
        _EMIT[type(step)](self, step)

    def pointer(self, buffer: str) -> str:
        """Return the memory of a buffer."""
        if buffer in self.data:
            return self.text.load("ptr", self.data[buffer])
        return super().pointer(buffer)

    def _note_writes(self, *steps: Step) -> None:
        for step in steps:
            self._wrote = self._wrote or not self.written_inputs.isdisjoint(_written(step))

    def kernel(self, step: Kernel) -> None:
        self._note_writes(step)
        super().kernel(step)

    def _gemm(self, step: Gemm) -> None:
        self._note_writes(step)
        pointers = [self._corner(matrix) for matrix in (step.a, step.b, step.c)]
        if blas.find() is None:
            self._matmul(step, pointers)
            return
        dims = [step.m, step.n, step.k, step.count]
        for matrix in (step.a, step.b, step.c):
            dims += [matrix.leading, matrix.step]
        values = [self.sizes.value(dim) for dim in dims]
        name = blas_text.helper_name(step)
        given = [f"ptr {p}" for p in pointers] + [f"i64 {v}" for v in values]
        self.text.do(f"call void @{name}({', '.join(given)})")
        if any(step.zeros):
            given = [f"ptr {pointers[2]}", f"i64 {self.sizes.value(step.numbers)}"]
            call = f"call i1 @{blas_text.nan_name(step.dtype)}({', '.join(given)})"
            with self.text.when(self.text.let(call)), self.sizes.scope():
                self._matmul(step, pointers)

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
        kernel = text.object(MatmulInto(step.zeros))
        made = text.call("PyObject_CallFunctionObjArgs", kernel, *arrays, "null")
        text.call("Py_DecRef", text.require_object(made, self._failed()))

    def _guard(self, step: GuardStep) -> None:
        if self._wrote:
            raise GraphError("a guard must not follow a write into an argument")
        text = self.text
        flag = text.load("i8", self.pointer(step.buffer))
        relation = "ne" if step.expect else "eq"
        holds = text.let(f"icmp {relation} i8 {flag}, 0")
        text.require(holds, text.exit(1 + step.number))

    def loop(self, step: Loop) -> None:
        # What one iteration writes has been written before the steps of the next.
        self._note_writes(*walk((step,)))
        if self.merging.applies(step):
            self._call(step)
            return
        checked = len(self._checked)
        super().loop(step)
        del self._checked[checked:]

    def begin(self, loop: Loop, inner: Sequence[Step]) -> None:
        """Compute what is known once an iteration has its number; make arrays of such shapes."""
        self._compute_sizes(inner, (), self.text.exit(EAGER))
        for name, type in _callout_operands(inner):
            if loop.index in type_symbols((type,)):
                self._remake(name, type)

    def _call(self, step: Loop | While, *trips: str) -> None:
        """Run a loop that is a function of its own."""
        text, made = self.text, self.merging.merge(step)
        given = [f"ptr {self.pointer(name)}" for name in made.buffers]
        given += [f"i64 {self.sizes.symbol(symbol)}" for symbol in made.symbols]
        given += [f"ptr {slot}" for slot in trips]
        code = text.let(f"call i32 @{made.name}({', '.join(given)})")
        for left in (ERROR, EAGER):
            text.require(text.let(f"icmp ne i32 {code}, {left}"), text.exit(left))

    def _remake(self, name: str, type: ArrayType) -> None:
        """Make the array of a buffer anew, where it has the shape of this iteration."""
        if name in self._remade and all(map(self.sizes.is_known, type.shape)):
            self._renew(name, type)

    def _renew(self, name: str, type: ArrayType) -> None:
        array = new_array(self.text, self.sizes, type.dtype, type.shape, self._failed())
        self._store_array(name, array)

    def _store_array(self, name: str, array: str) -> None:
        """Let a buffer be the memory of another array, which the frame owns from here."""
        self.text.keep(self.results.arrays[name], array)
        data = self.text.load("ptr", array, cpython.ARRAY_DATA)
        self.text.do(f"store ptr {data}, ptr {self.data[name]}")

    def repeat(self, step: While) -> str:
        self._note_writes(*walk((step,)))
        if self.merging.applies(step):
            trips = self.text.slot("i64")
            self._call(step, trips)
        else:
            trips = super().repeat(step)
        if step.count is not None:
            self._count(step.count, self.text.load("i64", trips))
        return trips

    def _count(self, dim: Dim, value: str) -> None:
        """Give a counted size its value; one that was known before must have it already."""
        symbol = bare_symbol(dim)
        if symbol is None:
            self.text.require_equal("i64", value, self.sizes.value(dim), self.text.exit(EAGER))
        else:
            self.sizes.bind(symbol, value, self.text.exit(MISS))
            self._counted()
            for buffer in self._counted_inside():
                if symbol in set(symbols(buffer.size)) and self.sizes.is_known(buffer.size):
                    self._renew(buffer.name, ArrayType(buffer.dtype, (buffer.size,)))

    def _failed(self) -> str:
        """Return where failed callouts and refused memory go: to an eager call, in a ``try``.

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
            self._store_array(name, array)
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
            self._count(step.count, text.let(f"call i64 @{select.COUNT}(ptr {mask}, i64 {length})"))
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
        array = new_array(text, self.sizes, type.dtype, (), self._failed())
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
        yield from (step.m, step.n, step.k, step.count, step.numbers)
        itemsize = step.dtype.itemsize
        for matrix in (step.a, step.b, step.c):
            yield from (matrix.leading, matrix.step, matrix.offset * itemsize)
            yield from (matrix.leading * itemsize, matrix.step * itemsize)
    elif isinstance(step, SelectStep):
        yield from (step.length, step.count)
    elif isinstance(step, Loop):
        yield step.trip
    elif isinstance(step, While) and step.count is not None:
        yield step.count
    elif isinstance(step, CalloutStep):
        for type in (*step.operand_types, *step.types):
            yield from type.shape


def _written(step: Step) -> Collection[str]:
    """Return the buffers that a step writes, those of inner steps and fresh arrays left out."""
    if isinstance(step, Gemm):
        return (step.c.buffer,)
    return written(step.program.body) if isinstance(step, Kernel) else ()


def _callout_operands(steps: Iterable[Step]) -> Iterator[tuple[str, ArrayType]]:
    """Yield the buffers that callouts read, and their types."""
    for step in steps:
        if isinstance(step, CalloutStep):
            yield from zip(step.operands, step.operand_types, strict=True)


_EMIT: Mapping[type[Step], Callable[[Steps, Any], object]] = {
    Kernel: Steps.kernel,
    Gemm: Steps._gemm,
    CalloutStep: Steps._callout,
    SelectStep: Steps._select,
    GuardStep: Steps._guard,
    Branch: Steps.branch,
    Loop: Steps.loop,
    While: Steps.repeat,
}
