"""What a native call read and gave, to be compared: see ``verify``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from tracegraph.codegen.plan import Into
from tracegraph.codegen.signature import (
    Applied,
    Argument,
    ArrayInput,
    ArrayOutput,
    Attribute,
    Cell,
    ConstantOutput,
    Fixed,
    InputOutput,
    Length,
    Missing,
    Output,
    ScalarInput,
    ScalarOutput,
    SizeInput,
    Source,
    Step,
    ViewOutput,
)
from tracegraph.geometry import contiguous, strides_in_order
from tracegraph.ir.graph import Node
from tracegraph.ir.size_values import bare_symbol, evaluate
from tracegraph.ir.sizes import Dim, Symbol
from tracegraph.ir.tolerance import parts, same_bits
from tracegraph.trace import Trace


class Before:
    """What a trace would read in a call: the objects, and copies of the arrays among them."""

    def __init__(self, trace: Trace, objects: list[Any], copies: dict[int, Any]) -> None:
        self.trace, self.objects = trace, objects
        self.copies = [_copied(one, copies) for one in objects]

    @property
    def arrays(self) -> list[Any]:
        """The content that each parameter of the graph had."""
        signature = self.trace.signature
        found = {
            spec.buffer: copy
            for spec, copy in zip(signature.inputs, self.copies, strict=True)
            if isinstance(spec, ArrayInput | ScalarInput)
        }
        params = enumerate(self.trace.recorded.params)
        return [np.asarray(found[f"#in{i}"], dtype=p.array_type.dtype) for i, p in params]

    @property
    def sizes(self) -> dict[Symbol, int]:
        """The value of each symbol: ints, lengths, and strides that no length tells."""
        known: dict[Symbol, int] = {}
        for spec, one in zip(self.trace.signature.inputs, self.objects, strict=True):
            if isinstance(spec, SizeInput):
                known[spec.symbol] = one
            elif isinstance(spec, ArrayInput):
                _bind(known, spec.type.shape, one.shape)
                steps = [step // one.itemsize for step in one.strides]
                _bind(known, spec.layout or (), steps[: len(spec.layout or ())])
        return known


def _bind(known: dict[Symbol, int], dims: Sequence[Dim], numbers: Iterable[int]) -> None:
    for dim, number in zip(dims, numbers, strict=True):
        symbol = bare_symbol(dim)
        if symbol is not None:
            known.setdefault(symbol, number)


def _copied(value: Any, copies: dict[int, Any]) -> Any:
    """Return an array's copy that lies in memory as it does; one array has one copy."""
    if type(value) is not np.ndarray:
        return value
    if id(value) not in copies:
        copies[id(value)] = value.copy(order="K")
    return copies[id(value)]


def before_call(trace: Trace, values: Sequence[Any], copies: dict[int, Any]) -> Before | None:
    """Return what a trace would read, or None where the call does not fit it."""
    if len(values) != trace.signature.arguments:
        return None
    try:
        objects = [
            None if isinstance(spec, Missing) else _found(spec.source, values)
            for spec in trace.signature.inputs
        ]
    except Exception:  # native code takes whatever a missing item raises for a miss, as this does
        return None
    return Before(trace, objects, copies)


def _found(source: Source, values: Sequence[Any]) -> Any:
    """Return the object at a place, as native code finds it."""
    root = source.root
    value: Any
    if isinstance(root, Argument):
        value = values[root.position]
    elif isinstance(root, Cell):
        value = root.cell.cell_contents
    elif isinstance(root, Fixed):
        value = root.value
    else:
        known = root.namespace if root.name in root.namespace else root.builtins or {}
        value = known[root.name]
    for step in source.steps:
        value = _followed(value, step)
    return value


def _followed(value: Any, step: Step) -> Any:
    if isinstance(step, Attribute):
        return getattr(value, step.name)
    if isinstance(step, Length):
        return len(value)
    return step.function(value) if isinstance(step, Applied) else _item(value, step.key)


def _item(container: Any, key: Any) -> Any:
    """Return an item; one that a dict lacks is not made by it, as a ``defaultdict`` would."""
    if isinstance(container, dict) and key not in container:
        raise KeyError(key)
    return container[key]


class Result:
    """The outputs of a native call, beside what the trace says of them."""

    def __init__(self, before: Before, outputs: tuple[Any, ...], sizes: dict[Symbol, int]) -> None:
        self.before, self.trace, self.sizes = before, before.trace, sizes
        self.pairs = list(zip(before.trace.signature.outputs, outputs, strict=True))
        self.inputs = list(zip(before.trace.signature.inputs, before.objects, strict=True))

    def values(self) -> list[Any]:
        """Return what was computed for each output of the graph; None where nothing shows it."""
        found: dict[str, Any] = {}
        for spec, value in self.pairs:
            if isinstance(spec, ArrayOutput | ScalarOutput):
                found[spec.buffer] = value
            elif isinstance(spec, ViewOutput) and isinstance(spec.of, ArrayOutput):
                found.setdefault(spec.of.buffer, value.base)
        arrays = ((spec, one) for spec, one in self.inputs if isinstance(spec, ArrayInput))
        buffers = {spec.buffer: one for spec, one in arrays}
        made = []
        for number, node in enumerate(self.trace.recorded.outputs):
            destination = self.trace.destinations[number]
            if isinstance(destination, Into):
                value = buffers[f"#in{destination.param}"]
            else:
                value = found.get(f"#out{number}")
            is_number = value is not None and not isinstance(value, np.ndarray)
            made.append(np.asarray(value, dtype=node.array_type.dtype) if is_number else value)
        return made

    def faults(self) -> Iterator[tuple[Node | None, str]]:
        """Yield what is wrong with the form of the results, and with what was not to be changed."""
        for number, (spec, value) in enumerate(self.pairs):
            text = self._fault(spec, value)
            if text is not None:
                yield self._node(spec), f"result {number} {text}"
        for (one, now), was in zip(self.inputs, self.before.copies, strict=True):
            is_read = isinstance(one, ArrayInput) and not one.written
            if is_read and not same_bits(parts(now), parts(was)).all():
                yield None, "an array that is only read was changed"

    def _node(self, spec: Output) -> Node | None:
        owner = spec.of if isinstance(spec, ViewOutput) else spec
        buffer = getattr(owner, "buffer", None)
        return None if buffer is None else self.trace.recorded.outputs[int(buffer[4:])]

    def _fault(self, spec: Output, value: Any) -> str | None:
        if isinstance(spec, ConstantOutput):
            return None if value is spec.value else f"is not {spec.value!r}"
        if isinstance(spec, InputOutput):
            same = value is self.before.objects[spec.input]
            return None if same else "is not the argument that it must be"
        if isinstance(spec, ScalarOutput):
            kind = spec.kind.type if isinstance(spec.kind, np.dtype) else spec.kind
            return None if type(value) is kind else f"is a {type(value).__name__}, not {kind}"
        return self._fault_of_array(spec, value)

    def _fault_of_array(self, spec: ArrayOutput | ViewOutput, value: Any) -> str | None:
        if isinstance(spec, ArrayOutput):
            order = spec.order or tuple(range(len(spec.shape)))
            strides = strides_in_order(spec.shape, order) if order else contiguous(spec.shape)
            owner, offset, writeable = value, 0, True
        else:
            owner, strides = self._owner(spec, value), spec.strides
            offset = evaluate(spec.offset, self.sizes) * value.itemsize
            writeable = spec.writeable and owner.flags.writeable
        expected = [evaluate(step, self.sizes) * value.itemsize for step in strides]
        shape = tuple(evaluate(n, self.sizes) for n in spec.shape)
        moving = [axis for axis, length in enumerate(shape) if length > 1 and value.size]
        if value.shape != shape:
            return f"has the shape {value.shape}, not {shape}"
        if [value.strides[i] for i in moving] != [expected[i] for i in moving]:
            return f"has the strides {value.strides}, not {tuple(expected)}"
        if value.size and value.ctypes.data - owner.ctypes.data != offset:
            return "does not show the memory that it must show"
        if value.flags.writeable != writeable:
            return f"is {'' if value.flags.writeable else 'not '}writeable"
        return None

    def _owner(self, spec: ViewOutput, value: Any) -> Any:
        if isinstance(spec.of, InputOutput):
            return self.before.objects[spec.of.input]
        return value.base
