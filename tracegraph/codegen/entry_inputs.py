"""Checking and binding the inputs of a signature."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tracegraph.codegen import cpython, quiet
from tracegraph.codegen.entry_sizes import Sizes
from tracegraph.codegen.entry_sources import Sources, same_value
from tracegraph.codegen.entry_text import EAGER, MISS, Text
from tracegraph.codegen.signature import (
    ArrayInput,
    ExactObject,
    Input,
    Missing,
    ObjectCheck,
    OtherObject,
    SameObject,
    ScalarInput,
    Signature,
    SizeInput,
    Structure,
)
from tracegraph.ir.errors import GraphError
from tracegraph.ir.size_values import bare_symbol
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import DType

PLAIN_KEYS = (str, int, bytes)
EQUAL = 2  # Py_EQ


@dataclass(eq=False)
class Inputs:
    """The inputs of an entry: objects by number, and pointers to the memory of buffers."""

    text: Text
    sizes: Sizes
    sources: Sources
    signature: Signature
    objects: list[str] = field(default_factory=list)
    pointers: dict[str, str] = field(default_factory=dict)
    array_objects: dict[str, str] = field(default_factory=dict)
    _later: list[tuple[str, Dim]] = field(default_factory=list)

    @property
    def _miss(self) -> str:
        return self.text.exit(MISS)

    def emit(self) -> None:
        """Check everything.

        What may run Python code comes first: no other thread can come between the check of an array
        and its use.
        """
        self._check_count()
        inputs = self.signature.inputs
        for number, one in enumerate(inputs):
            if isinstance(one, Missing):
                self.sources.require_missing(one.source)
                self.objects.append("null")
                continue
            self.objects.append(self.sources.resolve(one.source))
            if isinstance(one, ObjectCheck):
                self._check_object(one, self.objects[number])
        self._check_quiet()
        for one, pointer in zip(inputs, self.objects, strict=True):
            self._bind(one, pointer)
        self._check_sizes()
        self._check_overlap()

    def written_buffers(self) -> frozenset[str]:
        """Return the buffers that are arguments and are written."""
        arrays = (one for one in self.signature.inputs if isinstance(one, ArrayInput))
        return frozenset(a.buffer for a in arrays if a.written and a.buffer is not None)

    def _check_count(self) -> None:
        text, names = self.text, self.signature.keywords
        count = text.let(f"and i64 %nargsf, {2**63 - 1}")
        positional = self.signature.arguments - len(names)
        text.require_equal("i64", count, str(positional), self._miss)
        if not names:
            text.require_equal("ptr", "%kwnames", "null", self._miss)
            return
        text.require_object("%kwnames", self._miss)
        length = text.load("i64", "%kwnames", cpython.VALUE)
        text.require_equal("i64", length, str(len(names)), self._miss)
        for number, name in enumerate(names):
            given = text.load("ptr", "%kwnames", cpython.TUPLE_ITEMS + 8 * number)
            text.require_equal("ptr", given, text.object(sys.intern(name)), self._miss)

    def _check_quiet(self) -> None:
        """Leave for an eager call where a floating-point event would be noticed."""
        answer = self.text.let(f"call i32 @{quiet.NAME}()")
        answered = self.text.let(f"icmp sge i32 {answer}, 0")
        self.text.require(answered, self.text.raised(EAGER))
        self.text.require(self.text.let(f"icmp ne i32 {answer}, 0"), self.text.exit(EAGER))

    def _check_object(self, one: ObjectCheck, pointer: str) -> None:
        if isinstance(one, SameObject):
            self.text.require_equal("ptr", pointer, self.objects[one.other], self._miss)
        elif isinstance(one, OtherObject):
            same = self.text.let(f"icmp eq ptr {pointer}, {self.objects[one.other]}")
            self.text.require(self.text.let(f"xor i1 {same}, true"), self._miss)
        elif isinstance(one, ExactObject):
            self._check_exact(one.value, pointer)
        else:
            self._check_structure(one, pointer)

    def _check_structure(self, one: Structure, pointer: str) -> None:
        self._check_type(pointer, one.type)
        if one.length is not None and one.keys is None:
            length = self.text.call("PyObject_Size", pointer)
            self.text.require_equal("i64", length, str(one.length), self.text.raised(MISS))
        if one.keys is not None:
            self._check_keys(pointer, one.keys)

    def _check_keys(self, pointer: str, keys: tuple[Any, ...]) -> None:
        """Walk through a dict; a key that is compared in Python may change it, so own the key."""
        text = self.text
        position, key = text.slot("i64"), text.slot("ptr")
        text.do(f"store i64 0, ptr {position}")
        for expected in keys:
            found = text.call("PyDict_Next", pointer, position, key, "null")
            text.require_equal("i32", found, "1", self._miss)
            given = text.load("ptr", key)
            if type(expected) in PLAIN_KEYS:
                self._check_plain_key(expected, given)
            else:
                text.call("Py_IncRef", given)
                text.owning(given)
                self._check_exact(expected, given)
        found = text.call("PyDict_Next", pointer, position, "null", "null")
        text.require_equal("i32", found, "0", self._miss)

    def _check_plain_key(self, expected: Any, given: str) -> None:
        """Compare a key in C: it runs no Python code where both are of one built-in type."""
        text = self.text
        wanted = text.object(expected)
        with text.when(text.let(f"icmp ne ptr {given}, {wanted}")):
            self._check_type(given, type(expected))
            equal = text.call("PyObject_RichCompareBool", given, wanted, str(EQUAL))
            text.require_equal("i32", equal, "1", text.raised(MISS))

    def _check_exact(self, value: Any, pointer: str) -> None:
        text = self.text
        expected = text.object(value)
        with text.when(text.let(f"icmp ne ptr {pointer}, {expected}")):
            answer = text.call(
                "PyObject_CallFunctionObjArgs", text.object(same_value), pointer, expected, "null"
            )
            text.require_object(answer, self.text.raised(MISS))
            text.call("Py_DecRef", answer)  # True and False outlive this
            text.require_equal("ptr", answer, text.object(True), self._miss)

    def _check_type(self, pointer: str, expected: type) -> None:
        actual = self.text.load("ptr", pointer, cpython.OB_TYPE)
        self.text.require_equal("ptr", actual, self.text.object(expected), self._miss)

    def _bind(self, one: Input, pointer: str) -> None:
        if isinstance(one, ArrayInput):
            self._bind_array(one, pointer)
        elif isinstance(one, ScalarInput):
            self._bind_scalar(one, pointer)
        elif isinstance(one, SizeInput):
            self._check_type(pointer, int)
            self.sizes.bind(one.symbol, self._int64(pointer), self._miss)

    def _bind_array(self, one: ArrayInput, pointer: str) -> None:
        text = self.text
        self._check_type(pointer, np.ndarray)
        rank = text.load("i32", pointer, cpython.ARRAY_NDIM)
        text.require_equal("i32", rank, str(one.type.ndim), self._miss)
        self._check_dtype(pointer, one.type.dtype)
        needed = cpython.ALIGNED
        needed |= cpython.C_CONTIGUOUS if one.layout is None else 0
        needed |= cpython.WRITEABLE if one.written else 0
        flags = text.load("i32", pointer, cpython.ARRAY_FLAGS)
        text.require_equal("i32", text.let(f"and i32 {flags}, {needed}"), str(needed), self._miss)
        if one.type.shape:
            shape = text.load("ptr", pointer, cpython.ARRAY_SHAPE)
            for axis, dim in enumerate(one.type.shape):
                self._match(text.load("i64", shape, 8 * axis), dim)
        if one.layout is not None:
            self._match_strides(one, pointer)
        if one.buffer is not None:
            self.pointers[one.buffer] = text.load("ptr", pointer, cpython.ARRAY_DATA)
            self.array_objects[one.buffer] = pointer

    def _check_dtype(self, pointer: str, dtype: DType) -> None:
        text = self.text
        descr = text.load("ptr", pointer, cpython.ARRAY_DESCR)
        number = text.load("i32", descr, cpython.DESCR_NUMBER)
        text.require_equal("i32", number, str(dtype.num), self._miss)
        order = text.load("i8", descr, cpython.DESCR_BYTEORDER)
        native = text.let(f"icmp ne i8 {order}, {cpython.FOREIGN_BYTEORDER}")
        text.require(native, self._miss)
        metadata = text.load("ptr", descr, cpython.DESCR_METADATA)
        text.require_equal("ptr", metadata, "null", self._miss)

    def _match(self, value: str, dim: Dim) -> None:
        symbol = bare_symbol(dim)
        if symbol is not None:
            self.sizes.bind(symbol, value, self._miss)
        elif isinstance(dim, int):
            self.text.require_equal("i64", value, str(dim), self._miss)
        else:
            self._later.append((value, dim))

    def _match_strides(self, one: ArrayInput, pointer: str) -> None:
        text, shape, layout = self.text, one.type.shape, one.layout or ()
        shift = one.type.dtype.itemsize.bit_length() - 1
        strides = text.load("ptr", pointer, cpython.ARRAY_STRIDES) if shape else ""
        for axis, (dim, stride) in enumerate(zip(shape, layout, strict=True)):
            if isinstance(dim, int) and dim < 2 and isinstance(stride, int):
                continue
            value = text.load("i64", strides, 8 * axis)
            rest = text.let(f"and i64 {value}, {one.type.dtype.itemsize - 1}")
            text.require_equal("i64", rest, "0", self._miss)
            self._match(text.let(f"ashr i64 {value}, {shift}"), stride)

    def _bind_scalar(self, one: ScalarInput, pointer: str) -> None:
        text = self.text
        slot = text.slot("[2 x i64]", align=16)
        self.pointers[one.buffer] = slot
        if one.kind is bool:
            true = text.let(f"icmp eq ptr {pointer}, {text.object(True)}")
            false = text.let(f"icmp eq ptr {pointer}, {text.object(False)}")
            text.require(text.let(f"or i1 {true}, {false}"), self._miss)
            text.do(f"store i8 {text.let(f'zext i1 {true} to i8')}, ptr {slot}")
            return
        kind = one.kind.type if isinstance(one.kind, np.dtype) else one.kind
        self._check_type(pointer, kind)
        if kind is int:
            text.do(f"store i64 {self._int64(pointer)}, ptr {slot}")
            return
        bits = 8 * np.dtype(one.kind).itemsize
        for word in range(0, bits // 8, 8):
            width = min(bits, 64)
            value = text.load(f"i{width}", pointer, cpython.VALUE + word)
            text.do(f"store i{width} {value}, ptr {text.at(slot, word)}")

    def _int64(self, pointer: str) -> str:
        text = self.text
        overflow = text.slot("i32", align=4)
        value = text.call("PyLong_AsLongLongAndOverflow", pointer, overflow)
        text.require_equal("i32", text.load("i32", overflow), "0", self._miss)
        return value

    def _check_sizes(self) -> None:
        text, sizes = self.text, self.sizes
        for value, dim in self._later:
            text.require_equal("i64", value, sizes.value(dim), self._miss)
        conditions = []
        for check in self.signature.checks:
            holds = sizes.compare(check.left, check.relation, check.right)
            conditions.append(holds if check.expected else text.let(f"xor i1 {holds}, true"))
        sizes.require_exact(self._miss)
        for condition in conditions:
            text.require(condition, self._miss)

    def _check_overlap(self) -> None:
        """What is written must share no byte with any other array input."""
        arrays = [
            (one, pointer)
            for one, pointer in zip(self.signature.inputs, self.objects, strict=True)
            if isinstance(one, ArrayInput) and 0 not in one.type.shape
        ]
        extents: dict[int, tuple[str, str]] = {}

        def extent(number: int) -> tuple[str, str]:
            if number not in extents:
                extents[number] = self._extent(*arrays[number])
            return extents[number]

        for a, (written, _) in enumerate(arrays):
            for b, (other, _) in enumerate(arrays):
                if written.written and a != b and not (other.written and b < a):
                    self._require_disjoint(extent, a, b)

    def _require_disjoint(
        self, extent: Callable[[int], tuple[str, str]], first: int, second: int
    ) -> None:
        text = self.text
        (low, high), (other_low, other_high) = extent(first), extent(second)
        before = text.let(f"icmp ule i64 {high}, {other_low}")
        behind = text.let(f"icmp ule i64 {other_high}, {low}")
        text.require(text.let(f"or i1 {before}, {behind}"), self._miss)

    def _extent(self, one: ArrayInput, pointer: str) -> tuple[str, str]:
        """Return the first byte of an array and the one behind its last; it is real memory."""
        text, let, item = self.text, self.text.let, one.type.dtype.itemsize
        data = text.load("i64", pointer, cpython.ARRAY_DATA)
        shape = text.load("ptr", pointer, cpython.ARRAY_SHAPE)
        strides = text.load("ptr", pointer, cpython.ARRAY_STRIDES)
        low, high = data, let(f"add i64 {data}, {item}")
        for axis in range(one.type.ndim):
            count = let(f"sub i64 {text.load('i64', shape, 8 * axis)}, 1")
            reach = let(f"mul i64 {count}, {text.load('i64', strides, 8 * axis)}")
            down = let(f"call i64 @llvm.smin.i64(i64 {reach}, i64 0)")
            up = let(f"call i64 @llvm.smax.i64(i64 {reach}, i64 0)")
            low, high = let(f"add i64 {low}, {down}"), let(f"add i64 {high}, {up}")
        return low, high


def check_signature(signature: Signature) -> None:
    """Refuse a signature that no call could match or that would be unsafe."""
    buffers = [b for b in (getattr(i, "buffer", None) for i in signature.inputs) if b is not None]
    if len(set(buffers)) != len(buffers):
        raise GraphError("two inputs of a signature share one buffer")
    for one in signature.inputs:
        other = one.other if isinstance(one, (SameObject, OtherObject)) else 0
        if not 0 <= other < len(signature.inputs):
            raise GraphError(f"there is no input number {other}")
        if isinstance(one, Structure) and one.keys is not None and not issubclass(one.type, dict):
            raise GraphError(f"a {one.type.__name__} has no keys in an order")
