"""The functions that loops, branches and ``vmap`` are given: drawn once, or on all ways.

As long as a function asks for nothing that has no value it is called once, as Python calls it. If
it does it is drawn anew, and behind each call all ways through it are one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import CellType
from typing import Any

import numpy as np

from tracegraph import tree
from tracegraph.calls import call
from tracegraph.control.drawing import Drawn, draw, value_of_leaf
from tracegraph.control.outcome import State
from tracegraph.control.paths import FLOATS, ApartError, Part, Paths
from tracegraph.ir.bodies import fresh_name
from tracegraph.ir.errors import AbstractValueError, UndecidedError
from tracegraph.ir.graph import Value
from tracegraph.ir.sizes import Dim
from tracegraph.numpy.emit import Unsupported
from tracegraph.outside import opened
from tracegraph.pen import Answer, Questions
from tracegraph.recording import Recording
from tracegraph.standin import ABSENT, PYTHON_SCALARS, ArrayHolder, Traced, no_value


def following(recording: Recording, function: Any) -> Callable[..., Any]:
    """Return a function whose calls are followed."""
    return lambda *args: opened(call_given(recording, function, args, {}))


def call_given(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    """Call a function that is given; on all ways, where these are drawn."""
    ways = recording.paths
    if type(ways) is not Given:
        return call(recording, function, args, kwargs)
    run = functools.partial(call, recording, function, args, kwargs)
    return ways.whole((function, *args, *kwargs.values()), run)


def draw_given(
    recording: Recording, what: str, functions: Sequence[Any], run: Callable[[], Any]
) -> Drawn:
    """Call ``run``, which calls some functions of the user's by ``following``, without values.

    Parameters
    ----------
    recording : Recording
        Where it is drawn.
    what : str
        What draws, for messages.
    functions : sequence
        What the user's functions can reach must stay as it is.
    run : callable
        Calls them. It is called a second time if they ask for what has no value.

    Raises
    ------
    AbstractValueError
        A function needs values in another way, or does more than to compute.
    """
    state, made = State(recording), AbstractValueError.made
    try:
        return draw(recording, what, functions, run)
    except UndecidedError:
        state.restore()
        AbstractValueError.made = made  # nothing but this function was in the way of it
    return draw_ways(recording, what, functions, run)


def draw_ways(
    recording: Recording, what: str, functions: Sequence[Any], run: Callable[[], Any]
) -> Drawn:
    """Do what ``draw_given`` does where it is known that functions ask for what has no value."""
    ways = Given(recording, recording.paths)

    def on_all_ways() -> Any:
        recording.paths = ways
        return run()

    return draw(recording, what, functions, on_all_ways)


class Given:
    """Lets the functions that are called go all ways; around their calls nothing is asked.

    Parameters
    ----------
    recording : Recording
        Where they are drawn.
    outer : Questions or None
        Answers what is asked around them.
    """

    def __init__(self, recording: Recording, outer: Questions | None) -> None:
        self.recording, self.outer = recording, outer
        self.index = fresh_name("k") if outer is None else outer.next_index()
        self.loops = 0

    def decide(self, predicate: Value) -> bool:
        """Raise: nothing goes two ways here."""
        no_value(f"a {predicate.dtype} that decides", UndecidedError)

    def decide_size(self, size: Dim, predicate: Value) -> bool:
        """Raise: nothing goes two ways here."""
        no_value(f"the size {size}", UndecidedError)

    def next_index(self) -> str:
        """Return a name for the index of a loop inside."""
        self.loops += 1
        return f"{self.index}_{self.loops}"

    def answers(self) -> list[Answer]:
        """Return what was asked before around the functions."""
        return [] if self.outer is None else self.outer.answers()

    def joined(
        self,
        functions: Sequence[Any],
        run: Callable[[], Any],
        cells: Mapping[str, CellType] | None = None,
    ) -> Any:
        """Call a part; behind it all ways through it are one."""
        return self._one(Part(self.recording, self, functions, run, cells))

    def whole(self, functions: Sequence[Any], run: Callable[[], Any]) -> Any:
        """Call a function that is given, whose results are copied."""
        return self._one(_Whole(self.recording, self, functions, run))

    def _one(self, part: Part) -> Any:
        try:
            return part.call()
        except ApartError as why:
            raise AbstractValueError(str(why)) from why


FLOATS_AND_BOOLS = {**FLOATS, frozenset((bool, np.bool_)): np.bool_}


@dataclass(eq=False)
class _WholePaths(Paths):
    """The ways through a call that is not a part of another; the first one inside it is it."""

    mixable = FLOATS_AND_BOOLS

    is_entered: bool = False

    def joined(
        self,
        functions: Sequence[Any],
        run: Callable[[], Any],
        cells: Mapping[str, CellType] | None = None,
    ) -> Any:
        if not self.is_entered:
            self.is_entered = True
            return run()
        return super().joined(functions, run, cells)


class _Whole(Part):
    """A call of a function that is given.

    What it returns is copied: that an array has another name on some ways changes nothing, nor does
    whether a number is Python's or NumPy's.
    """

    paths_type = _WholePaths

    def returned(self) -> Any:
        assert isinstance(self.paths, _WholePaths), "made as that"
        self.paths.is_entered = False
        leaves, structure = tree.flatten(opened(self.run()))
        return tree.unflatten(structure, map(self._copied, leaves))

    def _copied(self, leaf: Any) -> Any:
        if not isinstance(leaf, (ArrayHolder, Traced, np.ndarray)):
            return leaf
        kind = leaf.kind if type(leaf) is Traced else None
        try:
            value = value_of_leaf(self.recording, leaf)
        except Unsupported as why:
            raise AbstractValueError(str(why)) from why
        return self.recording.fresh(ABSENT, value, kind if kind in PYTHON_SCALARS else None)

    def takes_mixed(self) -> bool:
        return True
