"""What all transformations of functions share: the function that they make, and its arguments.

A transformed function records the user's function, takes the part of the graph that leads from the
chosen arguments to the result, transforms it and adds it to the same recording. Inside a compiled
function, or inside another transformation, that recording is the one that is going on already:
there are no levels, and any composition is one graph.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tracegraph import tree
from tracegraph.calls import call, run_unfollowed
from tracegraph.containers import KINDS
from tracegraph.evaluate import real_values, tokens
from tracegraph.hooks import hooks_for
from tracegraph.images import Image, attach, rejoin
from tracegraph.ir.errors import DifferentiationError, NotAFunctionError
from tracegraph.ir.graph import Node, Value
from tracegraph.ir.ops.identity import mark
from tracegraph.ir.slicing import between
from tracegraph.ir.types import is_differentiable
from tracegraph.outside import opened
from tracegraph.pickling import Portable
from tracegraph.places import argument_place
from tracegraph.recording import Recording, active
from tracegraph.release import release, release_leaked
from tracegraph.standin import ABSENT, ArrayHolder, Traced

Argnums = int | Sequence[int]


class Transformed(Portable):
    """A function made of another one by a transformation.

    Parameters
    ----------
    function : callable
        The user's function.
    transform : callable
        ``transform(recording, function, args, kwargs)`` computes the result within a recording.
    name : str
        The transformation's name.
    """

    own = frozenset({"function", "transform", "name"})

    def __init__(
        self, function: Callable[..., Any], transform: Callable[..., Any], name: str
    ) -> None:
        if not callable(function):
            raise NotAFunctionError(
                f"{name} needs a function, got {type(function).__name__}; write tg.{name}(f)(x), "
                f"not tg.{name}(f(x))"
            )
        self.look_like(function)
        self.function, self.transform, self.name = function, transform, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        recording = active()
        if recording is not None and recording.is_noting:
            return self.transform(recording, self.function, args, kwargs)
        recording = Recording(hooks_for, permissive=True)
        with recording.activate():
            load = recording.externals.load
            seen = tuple(load(argument_place(i), a) for i, a in enumerate(args))
            named = {
                name: load(argument_place(len(args) + i), a)
                for i, (name, a) in enumerate(kwargs.items())
            }
            try:
                result = self.transform(recording, self.function, seen, named)
                recording.freeze()
            finally:
                release_leaked(recording)
        return release(recording, result)

    def __tracegraph_call__(self, recording: Recording, args: Any, kwargs: Any) -> Any:
        """Take part in a recording; where that ends midway, transform eagerly instead."""
        before = recording.side_effects
        recording.transforming += 1
        try:
            return self.transform(recording, self.function, args, kwargs)
        except DifferentiationError:
            if recording.failure is None or recording.side_effects != before:
                raise
        finally:
            recording.transforming -= 1
            recording.settle()
        return run_unfollowed(recording, self, args, kwargs)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __getstate__(self) -> Any:
        return self.function, self.transform, self.name

    def __setstate__(self, state: Any) -> None:
        self.__init__(*state)  # type: ignore[misc]  # a function may name what is made of it

    def __repr__(self) -> str:
        return f"<{self.name} of {getattr(self.function, '__qualname__', self.function)!s}>"


class Marked:
    """Leaves of arguments that stand in the graph as nodes of their own."""

    def __init__(self, recording: Recording, args: tuple[Any, ...], argnums: Sequence[int]) -> None:
        self.recording = recording
        self.originals: list[Traced] = []
        self.images: list[Image] = []
        self.nodes: list[Node] = []
        self.trees: list[Any] = []
        self.args = list(args)
        still_noting(recording, "the transformation")
        for argnum in argnums:
            argument = opened(loaded(recording, args[argnum]))
            leaves, treedef = tree.flatten(argument)
            marked = [self._mark(leaf, argnum) for leaf in leaves]
            self.trees.append(treedef)
            self.args[argnum] = tree.unflatten(treedef, marked)
            follow(recording, args[argnum], self.args[argnum])

    def _mark(self, leaf: Any, argnum: int) -> Traced:
        original = as_traced(self.recording, leaf, f"argument {argnum}")
        value = mark(self.recording.value_of(original), token=next(tokens))
        image = Image(original, value)
        self.originals.append(original)
        self.nodes.append(value.node)
        self.images.append(image)
        return Traced(self.recording, original.held, image)

    @property
    def likes(self) -> list[Any]:
        """What has the types and layouts of the marked arrays and numbers."""
        return [original.likeness for original in self.originals]

    @contextmanager
    def calling(self, function: Callable[..., Any], kwargs: dict[str, Any]) -> Iterator[Any]:
        """Call the function on the marked arguments, and give what it returns.

        Within this its result depends on the marks; behind it arrays are again what they were.
        """
        attach(self.images)
        try:
            yield opened(call(self.recording, function, tuple(self.args), kwargs))
        finally:
            rejoin(self.recording, self.images)

    def unflatten(self, results: Sequence[Any]) -> list[Any]:
        """Return one tree of results for each chosen argument."""
        trees, position = [], 0
        for treedef in self.trees:
            end = position + treedef.num_leaves
            trees.append(tree.unflatten(treedef, results[position:end]))
            position = end
        return trees


def loaded(recording: Recording, value: Any) -> Any:
    """Return an argument with the arrays inside outside objects as stand-ins.

    Recorded functions get dataclasses and Modules as they are; here they become containers.
    """
    place = recording.externals.place_of(value)
    kind = KINDS[type(value)]
    if place is None or kind is None or isinstance(value, ArrayHolder):
        return value
    children, aux = kind.flatten(value)
    children = list(children)
    names = list(kind.keys(aux, len(children)))
    seen = [
        loaded(recording, opened(recording.externals.load(place.attribute(name), child)))
        for name, child in zip(names, children, strict=True)
    ]
    return kind.build(aux, seen)


def follow(recording: Recording, original: Any, rebuilt: Any) -> None:
    """Let what is read of a rebuilt object beside its marked children come from the original."""
    place = recording.externals.place_of(original)
    kind = KINDS[type(rebuilt)]
    if place is None or rebuilt is original or kind is None:
        return
    recording.externals.stand_for(rebuilt, place)
    children, aux = kind.flatten(rebuilt)
    for name, child in zip(kind.keys(aux, len(list(children))), children, strict=True):
        recording.externals.store(rebuilt, name, child)
        follow(recording, getattr(original, name), child)


def as_traced(recording: Recording, leaf: Any, what: str) -> Traced:
    """Return a leaf of an argument or result as a stand-in of inexact dtype."""
    if isinstance(leaf, ArrayHolder):
        leaf = leaf._read()
    if type(leaf) is not Traced and isinstance(leaf, (float, complex, np.floating)):
        number = np.asarray(leaf)[()]
        leaf = recording.fresh(leaf, recording.emitter.literal(number, number.dtype))
    if type(leaf) is not Traced:
        raise DifferentiationError(
            f"{what} holds a {type(leaf).__name__}, which has no derivative; pass floats "
            "or float arrays, or choose other arguments with argnums"
        )
    dtype = recording.value_of(leaf).dtype
    if not is_differentiable(dtype):
        raise DifferentiationError(
            f"{what} has the dtype {dtype}, which has no derivative; use "
            "x.astype(float), or choose other arguments with argnums"
        )
    return leaf


def still_noting(recording: Recording, name: str) -> None:
    """Raise where the recording lost values that a derivative may depend on."""
    if not recording.is_noting:
        raise DifferentiationError(
            f"{name} cannot follow the function: {recording.failure or 'its recording has ended'}"
        )


def check_cuts(recording: Recording, sources: Sequence[Node]) -> None:
    """Raise where a number that depends on the sources went on as a plain Python number."""
    graph, _ = between(recording.builder.nodes, sources, recording.cuts)
    inside = {*sources, *graph.nodes}
    for node in recording.cuts:
        if node in inside:
            place = f" ({node.site})" if node.site else ""
            raise DifferentiationError(
                f"a derivative is lost where a value is used as a plain Python number{place}; use "
                "NumPy functions and arrays there"
            )


def chosen(argnums: Argnums, count: int) -> tuple[int, ...]:
    """Return the positions that ``argnums`` means for a call with ``count`` arguments."""
    wanted = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for position in wanted:
        if not -count <= position < count:
            raise DifferentiationError(
                f"argnums={argnums!r} names argument {position}, but {count} positional arguments "
                "were given; arguments to differentiate by are passed by position"
            )
    return tuple(position % count for position in wanted)


def results_of(
    recording: Recording, values: Sequence[Value], like: Sequence[Any] | None = None
) -> list[Traced]:
    """Return stand-ins for values that a transformation added, with their real values."""
    if recording.is_abstract:
        return [recording.fresh(ABSENT, value) for value in values]
    makes = [functools.partial(as_kind, like=kind) for kind in like or [None] * len(values)]
    reals = real_values(recording, values, makes)
    return [recording.fresh(real, value) for real, value in zip(reals, values, strict=True)]


def as_kind(real: Any, like: Any) -> Any:
    """Return an array as the kind of number that ``like`` is, or as a C-contiguous array."""
    if type(like) in (float, complex):
        return type(like)(real)
    if isinstance(like, np.generic):
        return np.asarray(real)[()]
    return np.array(real, order="C")
