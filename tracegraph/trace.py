"""A trace: what one recording leaves behind, ready to be compiled.

A recording ends with a result. The trace says how that result, and every write and effect, comes
out of the graph: what is fresh, what is an argument itself, what is a view of which memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from types import FunctionType
from typing import Any

import numpy as np

from tracegraph.assembly import Assembly, Outside, Slot
from tracegraph.changes import is_method_of_stand_in
from tracegraph.codegen.plan import Destination, Fresh, Into
from tracegraph.codegen.signature import (
    ArrayInput,
    ArrayOutput,
    ConstantOutput,
    InputOutput,
    Output,
    ScalarInput,
    ScalarOutput,
    Signature,
    ViewOutput,
)
from tracegraph.containers import register_node
from tracegraph.generators import stores
from tracegraph.geometry import (
    PARTS,
    axes_order,
    contiguous,
    is_writeable,
    spacing,
    strides_in_order,
    view_geometry,
)
from tracegraph.guards import Decision
from tracegraph.ir.graph import Graph, Value
from tracegraph.ir.ops.boxes import concatenate
from tracegraph.ir.ops.structural import reshape, transpose
from tracegraph.ir.passes import run_pipeline
from tracegraph.ir.record import record, replace
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import INT64, Shape
from tracegraph.numpy.emit import Emitter, Unsupported
from tracegraph.pen import Fallback, fault_text
from tracegraph.recording import Recording
from tracegraph.standin import PYTHON_SCALARS, ContainerStandIn, Storage, Traced, TracedSize
from tracegraph.text_standin import Text
from tracegraph.twin import is_twin_code
from tracegraph.values import holds_stand_ins

IMMUTABLE = (
    type(None), bool, int, float, complex, str, bytes, type, np.dtype, np.generic, slice, range,
    type(Ellipsis), frozenset, Enum,
)  # fmt: skip


@record
class Trace:
    """A recorded path through a function.

    Parameters
    ----------
    graph : Graph
        After the passes; its parameters are the array and number inputs.
    recorded : Graph
        As it was recorded.
    destinations : tuple of Destination
        Where each output of the graph goes.
    layouts : tuple
        The strides of each parameter, None for C-contiguous.
    signature : Signature
        Inputs, checks, results; the buffer of parameter i is ``#in{i}``, of output i ``#out{i}``.
    decisions : tuple of Decision
        The answers of the guards, in order.
    facts : dict
        What is assumed of each place that was reached, to tell traces apart.
    undrawn : tuple of Fallback
        Why loops were recorded iteration by iteration.
    """

    graph: Graph
    recorded: Graph
    destinations: tuple[Destination, ...]
    layouts: tuple[Any, ...]
    signature: Signature
    decisions: tuple[Decision, ...]
    facts: dict[Any, str]
    undrawn: tuple[Fallback, ...]

    def named(self, params: tuple[str, ...], outputs: tuple[str, ...]) -> Signature:
        """Return the signature with the buffers of a plan."""
        names = {f"#in{i}": name for i, name in enumerate(params)}
        names.update({f"#out{i}": name for i, name in enumerate(outputs)})
        renamed: dict[int, Any] = {}

        def rename(spec: Any) -> Any:
            if id(spec) not in renamed:
                renamed[id(spec)] = _renamed(spec, names, rename)
            return renamed[id(spec)]

        return replace(
            self.signature,
            inputs=tuple(map(rename, self.signature.inputs)),
            outputs=tuple(map(rename, self.signature.outputs)),
        )


def _renamed(spec: Any, names: dict[str, str], rename: Callable[[Any], Any]) -> Any:
    if isinstance(spec, ViewOutput):
        return replace(spec, of=rename(spec.of))
    buffer = getattr(spec, "buffer", None)
    return spec if buffer is None else replace(spec, buffer=names[buffer])


register_node(Text, lambda text: (text.args, text.function), lambda function, args: function(*args))


def finish(
    recording: Recording, result: Any, arguments: int, keywords: tuple[str, ...]
) -> Trace | None:
    """Return the trace of a finished recording, or None where its result cannot be followed."""
    try:
        return _Finish(recording).trace(result, arguments, keywords)
    except Unsupported as why:
        recording.failure = Fallback(str(why), None)
    except Exception as fault:
        # The eager result is right whatever happened here.
        recording.failure = Fallback(fault_text(fault), None)
    return None


@dataclass(eq=False)
class _Finish:
    """Gathers the outputs of one trace."""

    recording: Recording
    values: list[Value] = field(default_factory=list)
    destinations: list[Destination] = field(default_factory=list)
    _fresh: dict[Storage, tuple[ArrayOutput, tuple[Dim, ...]]] = field(default_factory=dict)
    _spread: set[str] = field(default_factory=set)
    _views: dict[int, tuple[ViewOutput, Any]] = field(default_factory=dict)

    def trace(self, result: Any, arguments: int, keywords: tuple[str, ...]) -> Trace:
        recording = self.recording
        assembly = Assembly(recording, self._output, self._shown)
        effects = [*stores(recording), *recording.effects]
        container, finisher = assembly.of(result, effects)
        outputs = assembly.outputs
        written = self._writes()
        for effect in recording.effects:
            for owner in effect.args[:1]:
                recording.externals.tell_apart(owner)
        inputs = [
            replace(spec, written=i in written, buffer=None)
            if isinstance(spec, ArrayInput)
            else spec
            for i, spec in enumerate(recording.externals.inputs)
        ]
        for index, (number, _) in enumerate(recording.externals.params):
            spec = inputs[number]
            assert isinstance(spec, (ArrayInput, ScalarInput))
            inputs[number] = replace(spec, buffer=f"#in{index}")
        signature = Signature(
            arguments=arguments,
            keywords=keywords,
            inputs=tuple(inputs),
            outputs=tuple(outputs),
            checks=tuple(recording.size_checks),
            container=container,
            finish=finisher,
        )
        recorded = recording.builder.build(self.values)
        layouts = tuple(
            spec.layout if isinstance(spec := inputs[number], ArrayInput) else None
            for number, _ in recording.externals.params
        )
        return Trace(
            graph=run_pipeline(recorded),
            recorded=recorded,
            destinations=tuple(self.destinations),
            layouts=layouts,
            signature=signature,
            decisions=tuple(recording.decisions),
            facts=recording.externals.facts(),
            undrawn=tuple(recording.undrawn.values()),
        )

    # -- results --------------------------------------------------------------------------------

    def _output(self, leaf: Any) -> Output:
        kind = type(leaf)
        if kind is Traced:
            return (
                self._array(leaf) if isinstance(leaf.likeness, np.ndarray) else self._number(leaf)
            )
        if kind is TracedSize:
            value = self.recording.emitter.value(leaf.size, INT64)
            return ScalarOutput(self._new(value, ()), int)
        if kind is Outside:
            return self._input(leaf.place.key)
        if kind is Slot:
            return ConstantOutput(None)
        if isinstance(leaf, slice) and holds_stand_ins(leaf):
            raise Unsupported("a slice of recorded bounds is returned; return the bounds")
        if issubclass(kind, ContainerStandIn) or is_method_of_stand_in(leaf):
            raise Unsupported("a method or an iterator of a recorded value is returned; call it")
        if isinstance(leaf, FunctionType) and is_twin_code(leaf.__code__):
            raise Unsupported("a function is returned that the function made; return arrays")
        if isinstance(leaf, IMMUTABLE) or callable(leaf):
            return ConstantOutput(leaf)
        raise Unsupported(
            f"a {kind.__name__} is returned that the function made; return arrays, numbers or "
            "containers of them"
        )

    def _input(self, key: Any) -> InputOutput:
        return InputOutput(self.recording.externals.positions[key])

    def _new(self, value: Value, order: tuple[int, ...]) -> str:
        self.values.append(value)
        self.destinations.append(Fresh(order))
        return f"#out{len(self.values) - 1}"

    def _number(self, leaf: Traced) -> Output:
        like = leaf.likeness
        kind = type(like) if type(like) in PYTHON_SCALARS else like.dtype
        return ScalarOutput(self._new(self.recording.value_of(leaf), ()), kind)

    def _array(self, leaf: Traced) -> Output:
        if leaf.storage.shares is not None:
            raise Unsupported(
                "an array is returned whose memory is not followed (a diagonal, windows, or one "
                "of several arrays as data decided in a loop); return a copy"
            )
        of: InputOutput | ArrayOutput
        if leaf.storage.external:
            number = self._external_array(leaf.storage)
            of = InputOutput(number)
            spec = self.recording.externals.inputs[number]
            assert isinstance(spec, ArrayInput)
            strides = spec.layout or contiguous(spec.type.shape)
        else:
            of, strides = self._memory(leaf.storage)
        is_own = leaf.storage.external or is_writeable(leaf.likeness)
        is_whole = isinstance(of, InputOutput) or of.buffer not in self._spread
        if leaf.likeness is leaf.storage.array and is_own and is_whole:
            return of
        return self._view(leaf, of, strides)

    def _external_array(self, storage: Storage) -> int:
        for number, real in self.recording.externals.params_of_arrays():
            known = self.recording.externals.known_array(real)
            if known is not None and known.storage is storage:
                return number
        raise Unsupported("the memory of a result cannot be followed")

    def _memory(self, storage: Storage) -> tuple[ArrayOutput, tuple[Dim, ...]]:
        """Return the array that owns a storage's memory, and the strides of its content there."""
        found = self._fresh.get(storage)
        if found is None:
            found = self._fresh[storage] = self._new_memory(storage)
        return found

    def _new_memory(self, storage: Storage) -> tuple[ArrayOutput, tuple[Dim, ...]]:
        self._tell_order(storage.value.shape)
        order = axes_order(storage.array)
        gap = spacing(storage.array, order)
        if gap is None:
            raise Unsupported("an array is returned whose elements lie apart; return a copy")
        value, shape = storage.value, storage.value.shape
        strides = contiguous(shape) if storage.reshaped else strides_in_order(shape, order)
        for step in storage.reshaped:
            value = step(value)
        if gap == 1:
            buffer = self._new(value, order)
            return ArrayOutput(buffer, value.shape, order), strides
        spread = spread_out(self.recording.emitter, transpose(value, axes=order), gap)
        buffer = self._new(spread, tuple(range(spread.ndim)))
        self._spread.add(buffer)
        return ArrayOutput(buffer, spread.shape), tuple(gap * stride for stride in strides)

    def _view(
        self, leaf: Traced, of: InputOutput | ArrayOutput, strides: tuple[Dim, ...]
    ) -> Output:
        found, _ = self._views.get(id(leaf.likeness), (None, None))
        if found is None:
            if any(step.places for step in leaf.path):
                raise Unsupported("a view at a place that data decides is returned; return a copy")
            offset, shape, strides = view_geometry(leaf.storage.value.shape, strides, leaf.path)
            self._keep_counted((offset, *shape, *strides))
            # Read-only by its making, not because the memory is: native code looks at that itself.
            base_is_writeable = is_writeable(leaf.storage.array)
            spread = any(step.op.name == "broadcast_to" for step in leaf.path)
            is_external = leaf.storage.external
            writeable = is_writeable(leaf.likeness) or (
                is_external and not base_is_writeable and not spread
            )
            is_part = any(step.op.name in PARTS for step in leaf.path)
            dtype = leaf.value.dtype if is_part else None
            found = ViewOutput(of, offset, shape, strides, writeable, dtype)
            self._views[id(leaf.likeness)] = found, leaf.likeness  # which keeps its identity
        return found

    def _tell_order(self, shape: Shape) -> None:
        """Bind the trace where the layout of an array does not tell the order of its axes.

        Lengths that depend on data may be 0 or 1 in one call and not in the next.
        """
        for dim in shape if len(shape) > 1 else ():
            if self.recording.emitter.is_counted(dim) and self.recording.ask_size(dim, "<", 2):
                self.recording.ask_size(dim, "<", 1)

    def _keep_counted(self, dims: Iterable[Dim]) -> None:
        """Make sizes that depend on data outputs of the graph, which is then sure to count them."""
        for dim in dims:
            if self.recording.emitter.is_counted(dim):
                self._new(self.recording.emitter.value(dim, INT64), ())

    # -- writes and effects ---------------------------------------------------------------------

    def _writes(self) -> set[int]:
        """Send the new content of written inputs into their memory; return the inputs' numbers."""
        written = set()
        externals = self.recording.externals
        for index, (number, _) in enumerate(externals.params):
            traced = externals.known_array(externals.reals[index])
            if traced is not None and traced.storage.written and number not in written:
                written.add(number)
                self.values.append(traced.storage.value)
                self.destinations.append(Into(index))
        return written

    def _shown(self, leaf: Any) -> Output:
        """Return an array as it was when an effect looked at it."""
        if type(leaf) is Traced and isinstance(leaf.likeness, np.ndarray):
            order = tuple(range(leaf.likeness.ndim))
            return ArrayOutput(self._new(leaf.value, order), leaf.value.shape, order)
        return self._output(leaf)


def spread_out(e: Emitter, x: Value, gap: int) -> Value:
    """Return an array with one more axis, along which zeros follow each element."""
    each = reshape(x, shape=(*x.shape, 1))
    out: Value = concatenate(each, e.full((*x.shape, gap - 1), 0, x.dtype), axis=x.ndim)
    return out
