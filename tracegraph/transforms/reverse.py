"""Reverse mode: gradients, pullbacks and Jacobians."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracegraph import tree
from tracegraph.evaluate import add_graph, evaluate, tokens
from tracegraph.ir import autodiff
from tracegraph.ir.batching import batch
from tracegraph.ir.errors import DifferentiationError
from tracegraph.ir.graph import Node, Value
from tracegraph.ir.ops.cast import cast
from tracegraph.ir.ops.compare import equal
from tracegraph.ir.ops.creation import iota
from tracegraph.ir.ops.identity import mark
from tracegraph.ir.ops.structural import reshape
from tracegraph.ir.size_values import hint
from tracegraph.ir.sizes import product
from tracegraph.ir.slicing import between
from tracegraph.ir.types import INT64
from tracegraph.outside import opened
from tracegraph.recording import Recording
from tracegraph.standin import ArrayHolder, Traced
from tracegraph.transforms.marking import (
    Argnums,
    Marked,
    Transformed,
    as_kind,
    as_traced,
    check_cuts,
    chosen,
    results_of,
    still_noting,
)
from tracegraph.values import real_of


def value_of_scalar(recording: Recording, result: Any, name: str) -> Traced:
    """Return the output that a gradient is taken of."""
    if isinstance(result, ArrayHolder):
        result = result._read()
    if type(result) is not Traced:
        if isinstance(result, (float, np.floating)):
            number = np.asarray(result)[()]
            return recording.fresh(result, recording.emitter.literal(number, number.dtype))
        raise DifferentiationError(
            f"{name} needs a function that returns one real scalar, got {type(result).__name__}; "
            "return the loss alone, or use vjp or jacobian"
        )
    value = recording.value_of(result)
    if value.shape or value.dtype.kind != "f":
        raise DifferentiationError(
            f"{name} needs a function that returns one real scalar, got {value.type}; reduce it, "
            "for example with .sum(), or use vjp or jacobian"
        )
    return result


def pull_back(
    recording: Recording, sources: Sequence[Node], targets: Sequence[Value], cotangents: Any
) -> list[Value]:
    """Add the reverse-mode derivative of ``targets`` by ``sources`` to a recording."""
    nodes = [target.node for target in targets]
    check_cuts(recording, sources)
    graph, frontier = between(recording.builder.nodes, sources, nodes)
    wanted = [True] * len(sources) + [False] * len(frontier)
    derivative = autodiff.vjp(graph, wanted)
    args = [Value(recording.builder, node) for node in (*sources, *frontier)]
    outputs = add_graph(recording, derivative, [*args, *cotangents])
    return outputs[len(targets) :]


def one_like(recording: Recording, value: Value) -> Value:
    """Return the number 1 in a value's dtype: the cotangent of a scalar result."""
    return recording.emitter.literal(1, value.dtype)


def _value_and_grad(
    recording: Recording, function: Callable[..., Any], args: Any, kwargs: Any, argnums: Argnums
) -> tuple[Any, Any]:
    marked = Marked(recording, args, chosen(argnums, len(args)))
    with marked.calling(function, kwargs) as result:
        still_noting(recording, "grad")
        output = value_of_scalar(recording, result, "grad")
        value = recording.value_of(output)
    grads = pull_back(recording, marked.nodes, [value], [one_like(recording, value)])
    trees = marked.unflatten(results_of(recording, grads, marked.likes))
    return output, trees[0] if isinstance(argnums, int) else tuple(trees)


def _grad(
    recording: Recording, function: Callable[..., Any], args: Any, kwargs: Any, argnums: Argnums
) -> Any:
    return _value_and_grad(recording, function, args, kwargs, argnums)[1]


def grad(function: Callable[..., Any], argnums: Argnums = 0) -> Transformed:
    """Return the function that computes the gradient of a scalar function.

    Parameters
    ----------
    function : callable
        Returns one real scalar.
    argnums : int or sequence of int
        Which positional arguments to differentiate by: floats, float arrays, or containers of them.

    Returns
    -------
    callable
        Takes the arguments of ``function`` and returns the gradient in the structure of the chosen
        argument; a tuple of them if ``argnums`` is a sequence. The function's effects happen once.

    Raises
    ------
    DifferentiationError
        An argument is not of float dtype, the output is not a real scalar, or the function does
        something that cannot be followed.

    Examples
    --------
    >>> import numpy as np
    >>> import tracegraph as tg
    >>> tg.grad(lambda x: (x ** 3).sum())(np.array([1.0, 2.0]))
    array([ 3., 12.])
    """
    return Transformed(function, functools.partial(_grad, argnums=argnums), "grad")


def value_and_grad(function: Callable[..., Any], argnums: Argnums = 0) -> Transformed:
    """Return the function that computes a scalar function's value together with its gradient.

    Parameters, errors and the gradient's structure are those of ``grad``.

    Examples
    --------
    >>> import numpy as np
    >>> import tracegraph as tg
    >>> value, slope = tg.value_and_grad(lambda x: (x * x).sum())(np.array([3.0]))
    >>> float(value), slope
    (9.0, array([6.]))
    """
    transform = functools.partial(_value_and_grad, argnums=argnums)
    return Transformed(function, transform, "value_and_grad")


class Pullback:
    """The linear map from cotangents of a function's outputs to cotangents of its arguments."""

    def __init__(self, marked: Marked, outputs: list[Traced], treedef: Any) -> None:
        self._marked, self._treedef = marked, treedef
        self._recording = marked.recording
        self._values = [self._recording.value_of(output) for output in outputs]
        self._sources = marked.nodes
        self._likes = marked.likes

    def __call__(self, cotangents: Any) -> tuple[Any, ...]:
        """Return one tree of cotangents for each argument."""
        leaves, treedef = tree.flatten(opened(cotangents))
        if treedef != self._treedef:
            raise DifferentiationError(
                "the pullback needs a cotangent for each output, in the structure "
                f"{self._treedef}, got {treedef}"
            )
        recording = self._recording
        given: dict[Node, Any] = {}
        values = [
            self._cotangent(leaf, target, given)
            for leaf, target in zip(leaves, self._values, strict=True)
        ]
        grads = pull_back(recording, self._sources, self._values, values)
        if recording.is_noting:
            return tuple(self._marked.unflatten(results_of(recording, grads, self._likes)))
        arrays = evaluate(recording, grads, given)
        kinds = map(as_kind, arrays, self._likes)
        return tuple(self._marked.unflatten(list(kinds)))

    def _cotangent(self, leaf: Any, target: Value, given: dict[Node, Any]) -> Value:
        emitter = self._recording.emitter
        if self._recording.is_noting:
            traced = as_traced(self._recording, self._recording.known(leaf), "a cotangent")
            value = emitter.cast(self._recording.value_of(traced), target.dtype)
            shape: Any = value.shape
        else:
            array = np.asarray(real_of(leaf), target.dtype)
            shape = array.shape
            zeros = autodiff.zeros(target.builder, target.type)
            value = mark(zeros, token=next(tokens))
            given[value.node] = array
        if tuple(map(hint, shape)) != tuple(map(hint, target.shape)):
            raise DifferentiationError(
                f"a cotangent needs the shape of its output, {target.type}, got {tuple(shape)}"
            )
        return value


def vjp(function: Callable[..., Any], *args: Any) -> tuple[Any, Pullback]:
    """Return a function's result, and the pullback of cotangents at these arguments.

    Parameters
    ----------
    function : callable
        A function of float arrays, floats or containers of them.
    *args
        Its arguments.

    Returns
    -------
    result
        What the function returns.
    pullback : callable
        Takes a cotangent for each output, in the structure of the result, and returns a tuple with
        one tree of cotangents for each argument.

    Examples
    --------
    >>> import numpy as np
    >>> import tracegraph as tg
    >>> y, pullback = tg.vjp(np.sin, np.array([0.0]))
    >>> pullback(np.array([2.0]))
    (array([2.]),)
    """
    result: tuple[Any, Pullback] = Transformed(function, _vjp, "vjp")(*args)
    return result


def _vjp(recording: Recording, function: Any, args: Any, kwargs: Any) -> tuple[Any, Pullback]:
    marked = Marked(recording, args, range(len(args)))
    with marked.calling(function, kwargs) as result:
        still_noting(recording, "vjp")
        leaves, treedef = tree.flatten(result)
        outputs = [as_traced(recording, leaf, "the result") for leaf in leaves]
        pullback = Pullback(marked, outputs, treedef)
    return tree.unflatten(treedef, outputs), pullback


def jacobian(function: Callable[..., Any], argnums: Argnums = 0) -> Transformed:
    """Return the function that computes the Jacobian of an array function, by reverse mode.

    Parameters
    ----------
    function : callable
        Returns one float array, of shape ``out``.
    argnums : int or sequence of int
        Which positional arguments to differentiate by.

    Returns
    -------
    callable
        Returns an array of shape ``out + in`` for each array of shape ``in`` that was chosen.

    Raises
    ------
    DifferentiationError
        As for ``grad``; the result must be one float array.

    Examples
    --------
    >>> import numpy as np
    >>> import tracegraph as tg
    >>> tg.jacobian(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    """
    return Transformed(function, functools.partial(_jacobian, argnums=argnums), "jacobian")


def _jacobian(
    recording: Recording, function: Callable[..., Any], args: Any, kwargs: Any, argnums: Argnums
) -> Any:
    marked = Marked(recording, args, chosen(argnums, len(args)))
    with marked.calling(function, kwargs) as result:
        still_noting(recording, "jacobian")
        output = recording.value_of(as_traced(recording, result, "the result"))
    rows = _jacobian_rows(recording, marked.nodes, output)
    trees = marked.unflatten(results_of(recording, rows))
    return trees[0] if isinstance(argnums, int) else tuple(trees)


def _jacobian_rows(recording: Recording, sources: Sequence[Node], output: Value) -> list[Value]:
    """Pull a batch of unit cotangents back: one for each element of the output."""
    builder = recording.builder
    check_cuts(recording, sources)
    graph, frontier = between(builder.nodes, sources, [output.node])
    wanted = [True] * len(sources) + [False] * len(frontier)
    size = product(output.shape)
    derivative = batch(autodiff.vjp(graph, wanted), [False] * len(wanted) + [True], size)
    args = [Value(builder, node) for node in (*sources, *frontier)]
    shape = (size, size)
    rows, columns = (
        builder.emit(iota, (), {"shape": shape, "axis": axis, "dtype": INT64}) for axis in (0, 1)
    )
    units = cast(equal(rows, columns), dtype=output.dtype)
    units = reshape(units, shape=(size, *output.shape))
    found = add_graph(recording, derivative, [*args, units])[1:]
    return [reshape(row, shape=(*output.shape, *row.shape[1:])) for row in found]


def hessian(function: Callable[..., Any], argnums: int = 0) -> Transformed:
    """Return the function that computes the Hessian of a scalar function.

    Parameters, errors as for ``grad``; the result has the shape ``in + in``.

    Examples
    --------
    >>> import numpy as np
    >>> import tracegraph as tg
    >>> tg.hessian(lambda x: (x ** 3).sum())(np.array([1.0, 2.0]))
    array([[ 6.,  0.],
           [ 0., 12.]])
    """
    return jacobian(grad(function, argnums), argnums)
