"""Forward mode: the derivative of a function in one direction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tracegraph import tree
from tracegraph.evaluate import add_graph
from tracegraph.ir import autodiff
from tracegraph.ir.errors import DifferentiationError
from tracegraph.ir.graph import Value
from tracegraph.ir.slicing import between
from tracegraph.outside import opened
from tracegraph.recording import Recording
from tracegraph.standin import Traced
from tracegraph.transforms.marking import (
    Marked,
    Transformed,
    as_traced,
    check_cuts,
    results_of,
    still_noting,
)


def jvp(
    function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[Any, Any]:
    """Return a function's result and its derivative in a direction.

    Parameters
    ----------
    function : callable
        A function of float arrays, floats or containers of them.
    primals : sequence
        Its arguments.
    tangents : sequence
        The direction: for each argument a tree of the same structure and shapes.

    Returns
    -------
    result
        What the function returns.
    tangent
        Its derivative, in the structure of the result.

    Raises
    ------
    DifferentiationError
        A tangent does not have the structure, shape or dtype kind of its argument.

    Examples
    --------
    >>> import numpy as np
    >>> import tracegraph as tg
    >>> tg.jvp(np.square, (np.array([3.0]),), (np.array([1.0]),))
    (array([9.]), array([6.]))
    """
    if len(primals) != len(tangents):
        raise DifferentiationError(
            f"jvp needs one tangent for each argument: {len(primals)}, got {len(tangents)}"
        )
    result: tuple[Any, Any] = Transformed(function, _jvp, "jvp")(*primals, *tangents)
    return result


def _jvp(recording: Recording, function: Any, args: Any, kwargs: Any) -> tuple[Any, Any]:
    count = len(args) // 2
    marked = Marked(recording, args[:count], range(count))
    directions = _directions(recording, marked, args[count:])
    with marked.calling(function, kwargs) as result:
        still_noting(recording, "jvp")
        leaves, treedef = tree.flatten(result)
        outputs = [as_traced(recording, leaf, "the result") for leaf in leaves]
        values = [recording.value_of(output) for output in outputs]
    sources = marked.nodes
    check_cuts(recording, sources)
    graph, frontier = between(recording.builder.nodes, sources, [v.node for v in values])
    flags = [True] * len(sources) + [False] * len(frontier)
    derivative = autodiff.jvp(graph, flags)
    known = [Value(recording.builder, node) for node in (*sources, *frontier)]
    found = add_graph(recording, derivative, [*known, *directions])[len(values) :]
    likes = [output.likeness for output in outputs]
    found_tangents = results_of(recording, found, likes)
    return tree.unflatten(treedef, outputs), tree.unflatten(treedef, found_tangents)


def _directions(recording: Recording, marked: Marked, tangents: Sequence[Any]) -> list[Value]:
    leaves: list[Any] = []
    for tangent, expected in zip(tangents, marked.trees, strict=True):
        found, treedef = tree.flatten(opened(tangent))
        if treedef != expected:
            raise DifferentiationError(
                f"a tangent needs the structure of its argument, {expected}, got {treedef}"
            )
        leaves.extend(found)
    return [
        _direction(recording, leaf, original)
        for leaf, original in zip(leaves, marked.originals, strict=True)
    ]


def _direction(recording: Recording, leaf: Any, original: Any) -> Value:
    primal = recording.value_of(original)
    if type(leaf) is int:
        leaf = float(leaf)
    is_whole = type(leaf) is Traced and recording.value_of(leaf).dtype.kind in "iu"
    # A direction of whole numbers is one: optimizers try zeros of int8.
    traced = leaf if is_whole else as_traced(recording, leaf, "a tangent")
    value = recording.value_of(traced)
    if value.shape != primal.shape:
        raise DifferentiationError(
            f"a tangent needs the shape of its argument, {primal.type}, got {value.type}"
        )
    return recording.emitter.cast(value, primal.dtype)
