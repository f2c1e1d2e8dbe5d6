"""Branches as functions: ``cond`` and ``switch``."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from tracegraph.control import drawn_branches, plain
from tracegraph.control.leaves import leaf_of, real_leaf
from tracegraph.control.recorded import run
from tracegraph.ir.errors import OptionError
from tracegraph.recording import Recording

Function = Callable[..., Any]


def cond(pred: Any, true_fun: Function, false_fun: Function, *operands: Any) -> Any:
    """Call one of two functions, as a bool decides.

    ::

        return true_fun(*operands) if pred else false_fun(*operands)

    In a recording this is one operation, for which both functions are called once, with arrays that
    have shapes and dtypes but no values. They must be pure: compute, and change nothing outside. A
    Python ``if`` may look at the arrays; the function is then called anew for each way through it.
    What they use from around them is as good as an operand, in derivatives too. Under ``vmap``,
    where ``pred`` differs between the examples, both are computed and chosen from.

    Parameters
    ----------
    pred : bool
        One bool: Python's, NumPy's, or an array without axes.
    true_fun, false_fun : callable
        Take the operands; return the same containers, dtypes and shapes.
    *operands : arrays, numbers, or containers of them
        What they are called with: copies.

    Returns
    -------
    array, NumPy scalar, or a container of them
        What the function returned, copied, with Python numbers as NumPy scalars.

    Raises
    ------
    TypeError
        ``pred`` is not one bool, or, where both functions are called, they return different types.

    Examples
    --------
    >>> import numpy as np
    >>> import tracegraph as tg
    >>> def safe_log(x):
    ...     return tg.cond(x > 0, np.log, lambda x: x - x, x)
    >>> tg.vmap(tg.grad(safe_log))(np.array([-1.0, 2.0]))
    array([0. , 0.5])
    """

    def in_plain_python(follow: Callable[[Any], Function]) -> Any:
        chosen = true_fun if plain.truth("the predicate of tg.cond", pred) else false_fun
        return plain.branch("tg.cond", follow(chosen), operands)

    def in_recording(recording: Recording) -> Any:
        plain.check_truth("the predicate of tg.cond", pred)
        return drawn_branches.cond(recording, pred, (true_fun, false_fun), operands)

    return run("tg.cond", in_plain_python, in_recording)


def switch(index: Any, branches: Sequence[Function], *operands: Any) -> Any:
    """Call one of several functions, as an integer decides.

    ::

        return branches[min(max(index, 0), len(branches) - 1)](*operands)

    Parameters
    ----------
    index : int
        Which one: one integer. Below 0 it means the first, beyond the end the last.
    branches : sequence of callable
        At least one, as for ``cond``.
    *operands : arrays, numbers, or containers of them
        What they are called with: copies.

    Returns
    -------
    array, NumPy scalar, or a container of them
        As of ``cond``.

    Raises
    ------
    TypeError
        ``index`` is not one integer, or, where all functions are called, they return different
        types.
    OptionError
        There are no branches.

    Examples
    --------
    >>> import numpy as np
    >>> import tracegraph as tg
    >>> steps = [np.sin, np.cos, lambda x: 2 * x]
    >>> [float(tg.switch(k, steps, 0.0)) for k in (-1, 1, 7)]
    [0.0, 1.0, 0.0]
    """
    functions = list(branches)
    if not functions:
        raise OptionError("tg.switch needs at least one branch")

    def in_plain_python(follow: Callable[[Any], Function]) -> Any:
        _check_index(index)
        number = min(max(operator.index(real_leaf(index)), 0), len(functions) - 1)
        return plain.branch("tg.switch", follow(functions[number]), operands)

    def in_recording(recording: Recording) -> Any:
        _check_index(index)
        return drawn_branches.switch(recording, index, functions, operands)

    return run("tg.switch", in_plain_python, in_recording)


def _check_index(index: Any) -> None:
    leaf = leaf_of(index)
    if leaf.type.shape or leaf.type.dtype.kind not in "iu":
        raise TypeError(f"tg.switch needs one integer to choose by, got {leaf}")
