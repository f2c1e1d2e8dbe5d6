"""``vmap``: a function of one example becomes a function of a batch of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tracegraph import tree
from tracegraph.calls import call
from tracegraph.control.drawing import CAUGHT, Predicate
from tracegraph.control.given import call_given, draw_ways
from tracegraph.control.outcome import State
from tracegraph.control.restoring import Content
from tracegraph.evaluate import add_graph, evaluate, tokens
from tracegraph.ir.autodiff import zeros
from tracegraph.ir.batching import batch
from tracegraph.ir.bodies import fresh_name, resized
from tracegraph.ir.counted import counted_inside, counters
from tracegraph.ir.errors import AbstractValueError, OptionError, UndecidedError
from tracegraph.ir.graph import Graph, Node, Value
from tracegraph.ir.ops.compare import equal
from tracegraph.ir.ops.compose import move_axis
from tracegraph.ir.ops.identity import mark
from tracegraph.ir.ops.reduce import all_
from tracegraph.ir.passes.selected import keep_in_place
from tracegraph.ir.sizes import Dim, symbol
from tracegraph.ir.slicing import between
from tracegraph.ir.types import BOOL
from tracegraph.outside import opened
from tracegraph.pen import UNWRITTEN
from tracegraph.recording import Recording
from tracegraph.standin import ABSENT, Storage, Traced
from tracegraph.transforms.marking import Transformed, results_of, still_noting

Axes = int | None | Sequence[int | None]


def vmap(function: Callable[..., Any], in_axes: Axes = 0, out_axes: int = 0) -> Transformed:
    """Return the function that maps another over a batch, without a loop.

    Parameters
    ----------
    function : callable
        A function of one example. It is called once, with arrays that have shapes and dtypes but no
        values. A Python ``if`` may look at them: the function is then called anew for each way
        through it, and must be pure, and where examples differ all ways are computed and chosen
        from. It has to return the same containers, dtypes and shapes on all.
    in_axes : int, None, or a sequence of them
        For each positional argument the axis that counts the examples; None for an argument that is
        the same for all. One axis holds for every array in a container.
    out_axes : int
        Where the results have that axis.

    Returns
    -------
    callable
        Takes batches and returns batches.

    Raises
    ------
    OptionError
        ``in_axes`` does not fit the arguments, or their lengths differ.
    AbstractValueError
        The function asks for the value of an array, for example by ``float``, returns something
        else on some ways, raises for an example, writes into an array that was there before or
        stores what it computes outside (return it instead), or draws from a random generator: draw
        for the whole batch, or map over keys of ``tg.random``.

    Examples
    --------
    >>> import numpy as np
    >>> import tracegraph as tg
    >>> tg.vmap(np.dot, in_axes=(0, None))(np.eye(2), np.array([3.0, 4.0]))
    array([3., 4.])

    >>> tg.vmap(lambda x: x if x > 0 else -x / 2)(np.array([5.0, 0.75, -2.0]))
    array([5.  , 0.75, 1.  ])
    """
    transform = functools.partial(_vmap, in_axes=in_axes, out_axes=out_axes)
    return Transformed(function, transform, "vmap")


def _vmap(
    recording: Recording, function: Any, args: Any, kwargs: Any, in_axes: Axes, out_axes: int
) -> Any:
    return _Batch(recording, function, args, kwargs, in_axes, out_axes).run()


class _Batch:
    """One call of a mapped function."""

    def __init__(
        self, recording: Recording, function: Any, args: Any, kwargs: Any, axes: Axes, out: int
    ) -> None:
        self.recording, self.function = recording, function
        self.args, self.kwargs, self.out_axis = args, kwargs, out
        self.axes: list[int | None] = (
            [axes] * len(args) if axes is None or isinstance(axes, int) else list(axes)
        )
        if len(self.axes) != len(args):
            raise OptionError(
                f"vmap has in_axes for {len(self.axes)} arguments, got {len(args)} arguments"
            )
        self.size: Dim | None = None
        self.sources: list[Node] = []
        self.whole: list[Value] = []
        self.examples: list[Traced] = []

    def run(self) -> Any:
        recording = self.recording
        if not recording.is_noting:
            still_noting(recording, "vmap")
        result, assumed = self._called()
        still_noting(recording, "vmap")
        if any(example.storage.written for example in self.examples):
            raise AbstractValueError(
                "vmap cannot write into the argument of a mapped function; write into a copy"
            )
        leaves, treedef = tree.flatten(result)
        values = [recording.value_of(self._result(leaf)) for leaf in leaves]
        found = self._batched([*values, *(predicate for predicate, _ in assumed)])
        for predicate, (_, expect) in zip(found[len(values) :], assumed, strict=True):
            self._guard(predicate, expect)
        moved = [move_axis(v, 0, self.out_axis % v.ndim) for v in found[: len(values)]]
        return tree.unflatten(treedef, results_of(recording, moved))

    def _called(self) -> tuple[Any, list[Predicate]]:
        """Call the function for one example, and return its result and what it assumes.

        It is called once, as Python calls it, as long as it asks for nothing that has no value;
        what it did until then is undone, and it is drawn on all ways.
        """
        recording = self.recording
        reached = Content(recording, [self.function, *self.args, *self.kwargs.values()])
        state, effects = State(recording), recording.side_effects
        before, made = len(recording.guards), AbstractValueError.made
        undecided: AbstractValueError | None = None
        try:
            with abstract(recording), reached.taking_values_only():
                result = self._result_for_one(call)
        except UndecidedError as error:
            undecided = error
        else:
            if AbstractValueError.made != made:
                undecided = AbstractValueError(CAUGHT)
        taken = recording.take_guards(before)
        if undecided is None:
            builder = recording.builder
            return result, [(Value(builder, node.operands[0]), expect) for node, expect in taken]
        if recording.side_effects != effects or reached.iterators:
            raise undecided
        AbstractValueError.made = made
        reached.put_back()
        state.restore()

        def on_all_ways() -> Any:
            return self._result_for_one(call_given)

        functions = [self.function, *self.kwargs.values()]
        drawn = draw_ways(recording, "tg.vmap", functions, on_all_ways)
        return drawn.result, drawn.assumed

    def _result_for_one(self, call: Callable[..., Any]) -> Any:
        """Return what the function gives for an example, which is made anew."""
        self.size, self.sources, self.whole, self.examples = None, [], [], []
        examples = [self._example(a, x) for a, x in zip(self.args, self.axes, strict=True)]
        if self.size is None:
            raise OptionError("vmap needs at least one argument with an axis to map over")
        return opened(call(self.recording, self.function, tuple(examples), self.kwargs))

    def _example(self, argument: Any, axis: int | None) -> Any:
        if axis is None:
            return argument
        leaves, treedef = tree.flatten(opened(argument))
        return tree.unflatten(treedef, [self._one(leaf, axis) for leaf in leaves])

    def _one(self, leaf: Any, axis: int) -> Traced:
        recording = self.recording
        if type(leaf) is not Traced or not recording.value_of(leaf).ndim:
            raise OptionError(
                f"vmap maps over arrays, got {type(leaf).__name__}; give it in_axes=None"
            )
        value = recording.value_of(leaf)
        if not -value.ndim <= axis < value.ndim:
            raise OptionError(f"vmap maps over axis {axis}, got an array of type {value.type}")
        value = move_axis(value, axis % value.ndim, 0)
        if self.size is None:
            self.size = value.shape[0]
        elif not recording.emitter.same_dim(self.size, value.shape[0]):
            raise OptionError(f"vmap maps over the lengths {self.size} and {value.shape[0]}")
        # The value of the one example that the body is written for is never used.
        example_type = value.type.with_shape(value.shape[1:])
        source = mark(zeros(recording.builder, example_type), token=next(tokens))
        self.sources.append(source.node)
        self.whole.append(value)
        example = Traced(recording, ABSENT, Storage(source, None))
        self.examples.append(example)
        return example

    def _result(self, leaf: Any) -> Traced:
        if type(leaf) is Traced:
            return leaf
        if isinstance(leaf, (bool, int, float, complex, np.generic)):
            number = np.asarray(leaf)[()]
            value = self.recording.emitter.literal(number, number.dtype)
            return self.recording.fresh(ABSENT, value)
        raise AbstractValueError(
            f"vmap needs a function that returns arrays, got {type(leaf).__name__}"
        )

    def _batched(self, values: Sequence[Value]) -> list[Value]:
        builder = self.recording.builder
        graph, frontier = between(builder.nodes, self.sources, [v.node for v in values])
        graph = _with_own_counts(keep_in_place(graph, whatever_it_costs=True))
        flags = [True] * len(self.sources) + [False] * len(frontier)
        assert self.size is not None
        args = [*self.whole, *(Value(builder, node) for node in frontier)]
        return add_graph(self.recording, batch(graph, flags, self.size), args)

    def _guard(self, predicate: Value, expect: bool) -> None:
        """Check for all examples what the body checked for one."""
        recording = self.recording
        expected = recording.emitter.broadcast(
            recording.emitter.literal(expect, predicate.dtype), predicate.shape
        )
        holds = all_(equal(predicate, expected), axes=tuple(range(predicate.ndim)))
        if not recording.is_abstract and not bool(evaluate(recording, [holds])[0]):
            raise AbstractValueError(
                "an example breaks an assumption of the mapped function, such as an index inside "
                "its axis; call the function on single examples to see which"
            )
        recording.guard(holds, True)


def _with_own_counts(graph: Graph) -> Graph:
    """Return a graph that counts other sizes than the function of one example does.

    What is counted in a branch may be counted beside it in a batch.
    """
    sizes = dict.fromkeys([*counters(graph), *counted_inside(graph)])
    return resized(graph, {size: symbol(fresh_name("trips")) for size in sizes})


@contextmanager
def abstract(recording: Recording) -> Iterator[None]:
    """Within this, results of a recording have no values, and nothing is decided by one.

    Arrays from outside are not written: there is one of each, and as many examples as it takes.
    """
    before = recording.is_abstract, recording.paths
    journal, since = recording.journal, recording.drawn_since
    newest = Storage(recording.emitter.literal(True, BOOL), None)
    recording.is_abstract, recording.paths = True, None
    recording.journal, recording.drawn_since = UNWRITTEN, newest.born
    try:
        yield
    finally:
        recording.is_abstract, recording.paths = before
        recording.journal, recording.drawn_since = journal, since
