"""``compile(verify=...)``: what native code gave is compared with what NumPy gives.

The function itself is not run a second time: it might print, or change what is outside of it. What
is run is its graph as it was recorded, by the reference interpreter, whose kernels are NumPy's, on
copies of the inputs that were made before the call. So effects happen once, and a difference is
raised before those of the compiled call happen; only arrays that are written in place have been
written by then.

=============  =====================================================================================
notes          once for each recording: every value that NumPy computed in the eager run is compared
               with the graph's, which takes the memory of all of them at once
values         of each result and of each array that was written, as ``ir/tolerance.py`` says
form           dtype, shape, strides, writeability, and which memory a result shows: an array of
               its own, that of an argument, or another result's
the rest       arrays that are not written have the bits they had
=============  =====================================================================================

A function that takes part in another's recording is verified as part of that one. Calls that run
eagerly need no comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from random import Random
from typing import Any

import numpy as np

from tracegraph.codegen.culprit import culprit
from tracegraph.codegen.native_type import NativeCallable
from tracegraph.codegen.signature import SizeInput
from tracegraph.evidence import Before, Result, before_call
from tracegraph.ir.counted import counted_sizes
from tracegraph.ir.errors import OptionError, VerificationError
from tracegraph.ir.graph import Graph, Node
from tracegraph.ir.interpret import interpret
from tracegraph.ir.passes import PIPELINE, everywhere
from tracegraph.ir.record import record, replace
from tracegraph.ir.sizes import Symbol, symbols
from tracegraph.ir.tolerance import Difference, difference
from tracegraph.recording import Recording
from tracegraph.standin import Storage, Traced
from tracegraph.trace import Trace

MODES = ("first", "always")


def check_option(verify: Any) -> Any:
    """Return the option ``verify``; raise OptionError where it has no meaning."""
    is_number = isinstance(verify, int | float) and not isinstance(verify, bool)
    if verify is None or verify in MODES or (is_number and 0 < verify <= 1):
        return verify
    raise OptionError(
        f"verify must be 'first', 'always' or a probability above 0 and at most 1, got {verify!r}"
    )


# -- the verifier of one function -----------------------------------------------------------------


@record
class _Pending:
    """A call that is to be verified: by whom, and what each trace would read."""

    verifier: Verifier
    inputs: dict[Trace, Before]


_pending: ContextVar[_Pending | None] = ContextVar("tracegraph verification", default=None)


class Verifier(NativeCallable):
    """Runs the native code of one function, and verifies calls.

    Parameters
    ----------
    mode : {"first", "always"} or float
        Which calls: the first of each trace, all, or each with that probability.
    name : str
        The function's name, for messages.
    fp : {"strict", "contract"}
        How its traces are compiled.
    missed : callable
        Runs a call that no native code took.
    """

    def __init__(self, mode: Any, name: str, fp: str, missed: Callable[..., Any]) -> None:
        self.mode, self.name, self.fp, self.missed = mode, name, fp, missed
        self.random = Random(0)
        self.traces: list[Trace] = []
        self.verified: set[Trace] = set()

    def _slow(self, *args: Any, **kwargs: Any) -> Any:
        _pending.set(None)
        return self.missed(*args, **kwargs)

    @property
    def is_done(self) -> bool:
        """Whether no call will be verified any more, unless there is another trace."""
        return self.mode == "first" and len(self.verified) == len(self.traces)

    def clear(self) -> None:
        """Forget every trace."""
        self.run(None)
        self.traces.clear()
        self.verified.clear()

    def checked(self, trace: Trace) -> Trace:
        """Return a trace whose results are verified before its call returns them."""
        finish = _Checking(self, trace)
        signature = replace(trace.signature, container=tuple, finish=finish)
        return replace(trace, signature=signature)

    def call(self, args: Any, kwargs: Any) -> Any:
        """Run a call natively, and verify it if it is its turn."""
        if not self._is_due():
            return self(*args, **kwargs)
        values, copies = (*args, *kwargs.values()), dict[int, Any]()
        before = (before_call(trace, values, copies) for trace in list(self.traces))
        inputs = {one.trace: one for one in before if one is not None}
        token = _pending.set(_Pending(self, inputs))
        try:
            return self(*args, **kwargs)
        finally:
            _pending.reset(token)

    def wants(self, trace: Trace) -> bool:
        """Whether a call that ran this trace is to be verified."""
        return self.mode != "first" or trace not in self.verified

    def _is_due(self) -> bool:
        if not self._entry:
            return False
        if self.mode == "first":
            return not self.is_done
        return self.mode == "always" or bool(self.random.random() < self.mode)

    # -- comparing --------------------------------------------------------------------------------

    def check_notes(self, recording: Recording, trace: Trace) -> None:
        """Compare the values that an eager run computed with the graph that it left."""
        seen = dict(_seen(recording))
        nodes = [node for node in trace.recorded.nodes if node in seen]
        got = [np.asarray(seen[node], dtype=node.array_type.dtype) for node in nodes]
        known = recording.known_values()
        arrays = [known[param] for param in trace.recorded.params]
        graph = Graph(trace.recorded.params, trace.recorded.nodes, tuple(nodes))
        found = difference(graph, arrays, got, sizes=_hints(trace), fp=self.fp)
        if found is not None:
            # NumPy's value is what the eager run has; the graph's is the one that is wrong.
            turned = replace(found, expected=found.got, got=found.expected)
            self._complain(
                turned, nodes[found.output], "the notes of the recording", "the recorded graph"
            )

    def check(self, before: Before, outputs: tuple[Any, ...]) -> None:
        """Compare the results of a native call with the interpreter's; raise where they differ."""
        trace, sizes = before.trace, before.sizes
        with np.errstate(all="ignore"):
            sizes |= _counted(trace.recorded, before.arrays, sizes)
        result = Result(before, outputs, sizes)
        found = difference(trace.recorded, before.arrays, result.values(), sizes=sizes, fp=self.fp)
        if found is not None:
            self._explain(trace, before.arrays, sizes, found)
        fault = next(result.faults(), None)
        if fault is not None:
            node, text = fault
            raise self._error(f"{text}", node, "native code")
        self.verified.add(trace)

    def _explain(
        self, trace: Trace, arrays: list[Any], sizes: dict[Symbol, int], found: Difference
    ) -> None:
        """Raise the error for a wrong value, after finding out what computed it."""
        graph = trace.recorded
        for one in PIPELINE:
            changed = everywhere(one, graph)
            with np.errstate(all="ignore"):
                got = interpret(changed, *arrays, sizes=sizes)
            wrong = difference(graph, arrays, got, sizes=sizes, fp=self.fp)
            if wrong is not None:
                node = graph.outputs[wrong.output]
                self._complain(wrong, node, f"the pass {one.__name__}", "it")
            graph = changed
        sizes = {symbol: sizes[symbol] for symbol in _symbols(graph) if symbol in sizes}
        last = graph.outputs[found.output]
        try:
            first = culprit(graph, arrays, sizes, self.fp) or last
        except Exception as fault:
            # Of parts of the graph no native code could be made: the difference is still told.
            raise self._error(_difference(found, "it"), last, "native code") from fault
        self._complain(found, first, "native code", "it")

    def _complain(self, found: Difference, node: Node, stage: str, who: str) -> None:
        raise self._error(_difference(found, who), node, stage)

    def _error(self, text: str, node: Node | None, stage: str) -> VerificationError:
        site = None if node is None else node.site
        op = "" if node is None else node.op.name
        where = f"; the first operation that differs is {op}" if op else ""
        line = f" at {site}" if site is not None else ""
        return VerificationError(
            f"{self.name} compiled is not the function: {text}{where}{line} ({stage}); "
            "leave @compile off and report this",
            op=op,
            filename=None if site is None else site.filename,
            line=None if site is None else site.line,
            stage=stage,
        )


class _Checking:
    """Finishes the results of one trace, verifying them first where a call asks for it."""

    def __init__(self, verifier: Verifier, trace: Trace) -> None:
        self.verifier, self.trace = verifier, trace

    def __call__(self, outputs: tuple[Any, ...]) -> Any:
        pending = _pending.get()
        if pending is not None and pending.verifier is self.verifier:
            _pending.set(None)  # calls of the function among its effects are others
            before = pending.inputs.get(self.trace)
            if before is not None and self.verifier.wants(self.trace):
                self.verifier.check(before, outputs)
        signature = self.trace.signature
        if signature.finish is not None:
            return signature.finish(outputs)
        return outputs[0] if signature.container is None else signature.container(outputs)


def _difference(found: Difference, who: str) -> str:
    at = f" at {list(found.index)}" if found.index else ""
    return f"{who} gives {found.got!r}{at} where NumPy gives {found.expected!r}"


def _counted(graph: Graph, arrays: list[Any], sizes: dict[Symbol, int]) -> dict[Symbol, int]:
    """Return the sizes that depend on data."""
    found: dict[Symbol, int] = {}

    def note(node: Node, operands: Any, result: Any) -> Any:
        if node.op.counts is not None:
            found.update(counted_sizes(node, result))
        return result

    if any(node.op.counts is not None for node in graph):
        interpret(graph, *arrays, sizes=sizes, after=note)
    return found


def _hints(trace: Trace) -> dict[Symbol, int]:
    """Return the sizes that were seen while a trace was recorded."""
    known = _symbols(trace.recorded)
    known |= {s.symbol for s in trace.signature.inputs if isinstance(s, SizeInput)}
    return {symbol: symbol.hint for symbol in known if symbol.hint is not None}


def _symbols(graph: Graph) -> set[Symbol]:
    dims = (dim for param in graph.params for dim in param.array_type.shape)
    return {symbol for dim in dims for symbol in symbols(dim)}


def _seen(recording: Recording) -> Iterator[tuple[Node, Any]]:
    """Yield nodes with the value that NumPy computed for them, where nothing has replaced it."""
    externals = recording.externals
    outside = [externals.known_array(real) for _, real in externals.params_of_arrays()]
    for traced in (*outside, *(recording.kept or ())):
        if isinstance(traced, Traced):
            yield from _content(traced.storage)


def _content(storage: Storage) -> Iterator[tuple[Node, Any]]:
    # Memory that is known by parts holds what its owner holds.
    if storage.shares is None and storage.array is not None:
        yield storage.value.node, storage.array
