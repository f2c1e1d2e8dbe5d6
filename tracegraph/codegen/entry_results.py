"""Making the objects that a call returns."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from tracegraph.codegen import cpython
from tracegraph.codegen.entry_arrays import new_array, new_view
from tracegraph.codegen.entry_inputs import Inputs
from tracegraph.codegen.entry_sizes import Sizes
from tracegraph.codegen.entry_text import ERROR, Text
from tracegraph.codegen.signature import (
    ArrayInput,
    ArrayOutput,
    InputOutput,
    Output,
    ScalarOutput,
    Signature,
    ViewOutput,
)
from tracegraph.ir.errors import GraphError
from tracegraph.ir.types import DType


class Memory(Protocol):
    """Where buffers are when all steps have run; ``data`` has those that callouts made."""

    @property
    def data(self) -> Mapping[str, str]: ...
    def pointer(self, buffer: str, /) -> str: ...


@dataclass(eq=False)
class Results:
    """The arrays that outputs own, and the result itself.

    ``arrays`` has a slot of the frame for each buffer that is an ndarray: those allocated here
    before anything is computed, and those that callouts make.
    """

    text: Text
    sizes: Sizes
    inputs: Inputs
    signature: Signature
    dtypes: Mapping[str, DType]
    arrays: dict[str, str] = field(default_factory=dict)
    _views: dict[int, str] = field(default_factory=dict)

    def array_outputs(self) -> Iterator[ArrayOutput]:
        """Yield the fresh arrays of the result, also those behind views, each buffer once."""
        seen = set()
        for output in self.signature.outputs:
            array = output.of if isinstance(output, ViewOutput) else output
            if isinstance(array, ArrayOutput) and array.buffer not in seen:
                seen.add(array.buffer)
                yield array

    def buffers(self) -> Iterator[str]:
        """Yield the buffers that the result is made of."""
        yield from (array.buffer for array in self.array_outputs())
        yield from (one.buffer for one in self.signature.outputs if isinstance(one, ScalarOutput))

    def prepare(self) -> None:
        """Compute the sizes that outputs need, before the code branches: those that are known."""
        for array in self.array_outputs():
            self.sizes.prepare(array.shape)
        for output in self.signature.outputs:
            if isinstance(output, ViewOutput):
                step = self._itemsize(output)
                self.sizes.prepare(output.shape)
                self.sizes.prepare(dim * step for dim in (output.offset, *output.strides))

    def allocate(self, made_elsewhere: Container[str], refused: str) -> dict[str, str]:
        """Make the output arrays whose shapes are known; return pointers to their memory.

        Where NumPy raises the entry jumps to the label ``refused``.
        """
        pointers = {}
        for output in self.array_outputs():
            known = all(map(self.sizes.is_known, output.shape))
            if known and output.buffer not in made_elsewhere and output.buffer not in self.arrays:
                dtype = self.dtypes[output.buffer]
                shape, order = output.shape, output.order
                array = new_array(self.text, self.sizes, dtype, shape, refused, order)
                self.arrays[output.buffer] = self.text.owning(array)
                pointers[output.buffer] = self.text.load("ptr", array, cpython.ARRAY_DATA)
        return pointers

    def emit(self, memory: Memory) -> None:
        """Build the result, release the frame and return."""
        text = self.text
        for array in self.array_outputs():
            for dim in array.shape:
                self.sizes.value(dim)
            if array.buffer in memory.data:
                self._separate(self.arrays[array.buffer])
        result = self._collect([self._reference(one, memory) for one in self.signature.outputs])
        if self.signature.finish is not None:
            result = self._finish(result)
        text.release_all()
        text.do(f"ret ptr {result}")

    def _reference(self, output: Output, memory: Memory) -> str:
        """Return an object, borrowed from the frame, the arguments or the table of objects."""
        if isinstance(output, InputOutput):
            return self.inputs.objects[output.input]
        if isinstance(output, ArrayOutput):
            return self.text.load("ptr", self.arrays[output.buffer])
        if isinstance(output, ViewOutput):
            if id(output) not in self._views:
                self._views[id(output)] = self._view(output, memory)
            return self._views[id(output)]
        if isinstance(output, ScalarOutput):
            value = self._scalar(output, memory.pointer(output.buffer))
            self.text.owning(self.text.require_object(value, self.text.exit(ERROR)))
            return value
        return self.text.object(output.value)

    def _separate(self, slot: str) -> None:
        """A callout may return its argument, a view, or what it keeps: then return a copy."""
        text = self.text
        array = text.load("ptr", slot)
        count = text.load("i32", array)
        flags = text.load("i32", array, cpython.ARRAY_FLAGS)
        owns = text.let(f"and i32 {flags}, {cpython.OWNS_DATA | cpython.WRITEABLE}")
        shared = text.let(f"icmp ne i32 {count}, 1")
        foreign = text.let(f"icmp ne i32 {owns}, {cpython.OWNS_DATA | cpython.WRITEABLE}")
        with text.when(text.let(f"or i1 {shared}, {foreign}")):
            copy = text.call("PyArray_NewCopy", array, "0")
            text.require_object(copy, text.exit(ERROR))
            text.do(f"store ptr {copy}, ptr {slot}")
            text.call("Py_DecRef", array)

    def _view(self, output: ViewOutput, memory: Memory) -> str:
        return new_view(
            self.text,
            self.sizes,
            self._reference(output.of, memory),
            output.offset,
            output.shape,
            output.strides,
            output.writeable,
            output.dtype,
            self._itemsize(output),
        )

    def _itemsize(self, output: ViewOutput) -> int:
        if output.dtype is not None:
            return output.dtype.itemsize
        if isinstance(output.of, ArrayOutput):
            return self.dtypes[output.of.buffer].itemsize
        viewed = self.signature.inputs[output.of.input]
        if not isinstance(viewed, ArrayInput):
            raise GraphError("only arrays have views")
        return viewed.type.dtype.itemsize

    def _scalar(self, output: ScalarOutput, pointer: str) -> str:
        text, kind = self.text, output.kind
        if isinstance(kind, np.dtype):
            descr = text.call("PyArray_DescrFromType", str(kind.num))
            value = text.call("PyArray_Scalar", pointer, descr, "null")
            text.call("Py_DecRef", descr)
            return value
        if kind is float:
            return text.call("PyFloat_FromDouble", text.load("double", pointer))
        if kind is complex:
            real, imaginary = text.load("double", pointer), text.load("double", pointer, 8)
            return text.call("PyComplex_FromDoubles", real, imaginary)
        if kind is bool:
            bit = text.let(f"icmp ne i8 {text.load('i8', pointer)}, 0")
            return text.call("PyBool_FromLong", text.let(f"zext i1 {bit} to i64"))
        unsigned = self.dtypes[output.buffer].kind == "u"
        function = "PyLong_FromUnsignedLongLong" if unsigned else "PyLong_FromLongLong"
        return text.call(function, self._word(output.buffer, pointer))

    def _word(self, buffer: str, pointer: str) -> str:
        dtype = self.dtypes[buffer]
        bits = 8 * dtype.itemsize
        value = self.text.load(f"i{bits}", pointer)
        if bits == 64:
            return value
        return self.text.let(f"{'zext' if dtype.kind == 'u' else 'sext'} i{bits} {value} to i64")

    def _collect(self, values: list[str]) -> str:
        """Return a new reference to the result, or to the tuple that ``finish`` is given."""
        text, container = self.text, self.signature.container
        if container is None and len(values) == 1:
            text.call("Py_IncRef", values[0])
            return values[0]
        kind = "List" if container is list else "Tuple"
        made = text.call(f"Py{kind}_New", str(len(values)))
        text.require_object(made, text.exit(ERROR))
        for number, value in enumerate(values):
            text.call("Py_IncRef", value)
            text.call(f"Py{kind}_SetItem", made, str(number), value)
        return made

    def _finish(self, values: str) -> str:
        text = self.text
        made = text.call(
            "PyObject_CallFunctionObjArgs", text.object(self.signature.finish), values, "null"
        )
        text.call("Py_DecRef", values)
        return text.require_object(made, text.exit(ERROR))
