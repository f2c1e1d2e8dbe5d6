"""``np.apply_along_axis``: a function of vectors, called once for each, as a loop would."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.contract import permuted
from tracegraph.ir.size_values import hint
from tracegraph.ir.sizes import Size
from tracegraph.numpy.arguments import array, reshaped, stack
from tracegraph.numpy.emit import Sym, Unsupported
from tracegraph.piecewise import piecewise
from tracegraph.recording import Recording
from tracegraph.standin import ABSENT, Traced
from tracegraph.values import is_abstract, operands_of, real_of

MOST_VECTORS = 256
"""How many vectors a function is followed on: its operations are noted for each."""


def apply_along_axis(
    call: Callable[..., Any],
    recording: Recording,
    func1d: Any,
    axis: Any,
    arr: Any,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """Call ``np.apply_along_axis`` on behalf of a recorded function.

    ``call(recording, function, args, kwargs)`` follows a function.
    """
    is_array = type(arr) is Traced and arr.kind is np.ndarray
    if not is_array or type(axis) is not int or not -arr.ndim <= axis < arr.ndim:
        return run(recording, call, func1d, axis, arr, args, kwargs)
    vectors = call(recording, np.moveaxis, (arr, axis, -1), {})
    shape = tuple(hint(dim) or 0 for dim in recording.value_of(vectors).shape)
    places = list(np.ndindex(shape[:-1]))
    if len(places) > MOST_VECTORS:
        recording.give_up(
            f"numpy.apply_along_axis calls its function more than {MOST_VECTORS} times; write "
            "operations on the whole array, with their axis argument"
        )
        return run(recording, call, func1d, axis, arr, args, kwargs)
    results: list[Any] = []

    def follow(vector: Any) -> Any:
        del vector  # its stand-in looks at the same memory
        given = call(recording, operator.getitem, (vectors, (*places[len(results)], ...)), {})
        results.append(call(recording, func1d, (given, *args), kwargs))
        return real_of(results[-1])

    real: Any = ABSENT
    if is_abstract(arr):
        for _ in places:
            follow(None)
    else:
        with recording.giving_up_if_raised(np.apply_along_axis):
            real = np.apply_along_axis(follow, axis, real_of(arr))
    try:
        value = _joined(recording, results, shape, axis)
        for dim in recording.value_of(vectors).shape[:-1]:
            if isinstance(dim, Size):  # the calls are as many as there were vectors
                recording.ask_size(dim, "==", hint(dim) or 0)
        return recording.wrap(real, Sym(value, fresh=True))
    except Unsupported as why:
        recording.give_up(f"numpy.apply_along_axis: {why}")
        return real


def run(
    recording: Recording, call: Any, func1d: Any, axis: Any, arr: Any, args: Any, kwargs: Any
) -> Any:
    """Call a function that is followed for each vector, without noting what comes of it."""
    recording.give_up("numpy.apply_along_axis of what is no array of known axes")
    return np.apply_along_axis(
        lambda vector: real_of(call(recording, func1d, (vector, *args), kwargs)),
        axis,
        real_of(arr),
    )


def _joined(recording: Recording, results: list[Any], shape: tuple[int, ...], axis: int) -> Value:
    """Return the results in the places of the vectors, their axes in that of ``axis``."""
    e = recording.emitter
    values = [array(e, each) for each in operands_of(recording, results)]
    if not recording.is_noting or not values:
        raise Unsupported("nothing was recorded")
    values = [e.cast(value, values[0].dtype) for value in values]
    own, around = values[0].shape, shape[:-1]
    whole = reshaped(stack(e, values, 0), (*around, *own))
    at, count = axis % len(shape), len(own)
    order = (
        *range(at),
        *range(len(around), len(around) + count),
        *range(at, len(around)),
    )
    return permuted(whole, order)


FORMS: dict[Any, Callable[..., Any]] = {
    np.apply_along_axis: apply_along_axis,
    np.piecewise: piecewise,
}
"""``form(call, recording, *args)`` of the NumPy functions that call a function they are given."""
