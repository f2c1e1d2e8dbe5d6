"""Loops as functions: ``while_loop``, ``fori_loop``, ``scan`` and ``map``."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from tracegraph.control import drawn_loops, drawn_whiles, plain
from tracegraph.control.chunks import check_checkpoint
from tracegraph.control.given import following
from tracegraph.control.leaves import leaf_of, real_leaf
from tracegraph.control.recorded import run
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.record import record
from tracegraph.recording import Recording
from tracegraph.standin import ArrayHolder, Traced, dim_of, is_size

Function = Callable[..., Any]


def while_loop(cond_fun: Function, body_fun: Function, init_val: Any) -> Any:
    """Repeat a function as long as a condition holds.

    ::

        val = init_val
        while cond_fun(val):
            val = body_fun(val)

    In a recording the loop is one operation, whatever it does: both functions are called once, with
    arrays that have shapes and dtypes but no values. They must be pure: compute, and change nothing
    outside. Into an array that it is given ``body_fun`` may write. A Python ``if`` may look at the
    arrays, and so may ``and``, ``or``, ``not`` and ``assert``: the function is then called anew for
    each way through it, and has to return the same containers, dtypes and shapes on all.

    Under ``vmap`` the loop runs until the last example is done, and an example that is done stays
    as it is; so do its derivatives.

    Parameters
    ----------
    cond_fun : callable
        Takes what is carried, and returns one bool.
    body_fun : callable
        Takes what is carried, and returns the next of it: the same containers, dtypes and shapes.
    init_val : array, number, or a container of them
        What is carried at the start. It is copied. A Python number stays one.

    Returns
    -------
    array, number, or a container of them
        What is carried at the end, of the structure, dtypes and shapes of ``init_val``.

    Raises
    ------
    TypeError
        ``body_fun`` returns something of another structure, dtype or shape, or ``cond_fun``
        something else than one bool.

    Notes
    -----
    Reverse-mode derivatives keep what all iterations computed. They are those of the iterations
    that ran, for which the condition counts as a constant.

    Examples
    --------
    >>> import tracegraph as tg
    >>> def root(a):
    ...     def is_far(x):
    ...         return abs(x * x - a) > 1e-12 * a
    ...     return tg.while_loop(is_far, lambda x: 0.5 * (x + a / x), a)
    >>> round(root(2.0), 10)
    1.4142135624
    >>> round(tg.grad(root)(4.0), 10)
    0.25
    """
    return run(
        "tg.while_loop",
        lambda follow: plain.while_loop(follow(cond_fun), follow(body_fun), init_val),
        lambda recording: drawn_whiles.while_loop(recording, cond_fun, body_fun, init_val),
    )


def fori_loop(
    lower: Any, upper: Any, body_fun: Function, init_val: Any, *, checkpoint: bool | int = False
) -> Any:
    """Repeat a function for each integer of a range.

    ::

        val = init_val
        for i in range(lower, upper):
            val = body_fun(i, val)

    In a recording the loop is one operation; ``body_fun`` is called as for ``while_loop``.

    Parameters
    ----------
    lower, upper : int
        The range. In a recording sizes may be symbolic; where a bound is computed from data, the
        loop is a ``while_loop``.
    body_fun : callable
        Takes the integer and what is carried, and returns the next of what is carried. The integer
        may index and slice arrays, be a length, and enter arithmetic.
    init_val : array, number, or a container of them
        What is carried at the start.
    checkpoint : bool or int, keyword-only
        Whether reverse mode computes iterations again instead of keeping what they computed; an
        integer says how many belong together. Values stay the same.

    Returns
    -------
    array, number, or a container of them
        What is carried at the end; ``init_val``, copied, where the range is empty.

    Raises
    ------
    TypeError
        ``body_fun`` returns something of another structure, dtype or shape, or a bound is no
        integer.

    Notes
    -----
    The reverse mode of n iterations keeps n sets of the values that it will read. With
    ``checkpoint=True`` the loop runs in chunks of about ``sqrt(n)`` iterations, and about
    ``2 * sqrt(n)`` sets are kept: what is carried at the beginning of each chunk, and the values of
    one chunk. In return each iteration is computed once more. This pays where the loop is long and
    what is carried is small: of an array that iterations fill bit by bit each chunk keeps a copy.
    A compiled loop that becomes four times as long is compiled anew, with longer chunks; one that
    runs a number of times that is computed from data has none, and is not recorded.

    Examples
    --------
    >>> import numpy as np
    >>> import tracegraph as tg
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> tg.fori_loop(0, 3, lambda i, total: total + (i + 1) * x[i], 0.0)
    14.0
    >>> tg.grad(lambda x: tg.fori_loop(0, 3, lambda i, c: c * x[i], 1.0))(x)
    array([6., 3., 2.])
    >>> def decayed(x):
    ...     return tg.fori_loop(0, 1000, lambda i, c: c - 0.001 * np.sin(c), x, checkpoint=True)
    >>> round(tg.grad(decayed)(2.0), 6)
    0.94917
    """
    checkpoint = check_checkpoint("tg.fori_loop", checkpoint)

    def in_plain_python(follow: Callable[[Any], Function]) -> Any:
        first, end = (_plain_bound(bound) for bound in (lower, upper))
        return plain.fori_loop(first, end, follow(body_fun), init_val)

    def in_recording(recording: Recording) -> Any:
        first, end = (_bound(recording, bound) for bound in (lower, upper))
        if is_size(first) and is_size(end):
            ends = dim_of(first), dim_of(end)
            return drawn_loops.fori_loop(recording, *ends, body_fun, init_val, checkpoint)
        if checkpoint:
            raise AbstractValueError("checkpoint needs bounds that are not computed from data")
        return drawn_whiles.counting_loop(recording, first, end, body_fun, init_val)

    return run("tg.fori_loop", in_plain_python, in_recording)


def _bound(recording: Recording, bound: Any) -> Any:
    """Return a bound as a size, or as a stand-in where it is computed from data."""
    if isinstance(bound, ArrayHolder):
        bound = bound._read()
    if is_size(bound):
        return bound
    _check_bound(bound)
    known = recording.known(bound)
    return known if type(known) is Traced else operator.index(known)


def _plain_bound(bound: Any) -> int:
    _check_bound(bound)
    return operator.index(real_leaf(bound))


def _check_bound(bound: Any) -> None:
    leaf = leaf_of(bound)
    if leaf.type.shape or leaf.type.dtype.kind not in "iu":
        raise TypeError(f"tg.fori_loop needs integers as bounds, got {leaf}")


def scan(
    f: Function,
    init: Any,
    xs: Any = None,
    length: Any = None,
    reverse: bool = False,
    *,
    checkpoint: bool | int = False,
) -> tuple[Any, Any]:
    """Carry a value along the first axis of arrays, and stack what each step gives.

    ::

        carry, ys = init, []
        for x in xs:
            carry, y = f(carry, x)
            ys.append(y)
        return carry, np.stack(ys)

    In a recording the loop is one operation; ``f`` is called as for ``while_loop``.

    Parameters
    ----------
    f : callable
        Takes what is carried and a row of ``xs``; returns the next of what is carried, and a result
        of this step. Rows are copies, numbers where ``xs`` has one axis.
    init : array, number, or a container of them
        What is carried at the start.
    xs : array, or a container of them, optional
        What to go along; all arrays have one length.
    length : int, optional
        The number of steps; needed where there are no arrays in ``xs``.
    reverse : bool
        Whether to begin at the end. The results are stacked in the order of ``xs`` all the same.
    checkpoint : bool or int, keyword-only
        Whether reverse mode computes steps again instead of keeping what they computed, as for
        ``fori_loop``: of n steps about ``2 * sqrt(n)`` are kept. The results stay the same.

    Returns
    -------
    carry : array, number, or a container of them
        What is carried at the end.
    ys : array, or a container of them
        The results of all steps, along a new first axis. Of no steps they are empty; their shapes
        are found by calling ``f`` with zeros.

    Raises
    ------
    TypeError
        ``f`` returns something of another structure, dtype or shape than is carried, or than it
        returned before.
    ValueError
        The lengths differ, or there is none.

    Examples
    --------
    >>> import numpy as np
    >>> import tracegraph as tg
    >>> tg.scan(lambda total, x: (total + x, total * x), 0.0, np.array([1.0, 2.0, 3.0]))
    (6.0, array([0., 2., 9.]))
    """
    checkpoint = check_checkpoint("tg.scan", checkpoint)
    options = Options(length, reverse, checkpoint)
    carry, ys = _scanned("tg.scan", f, lambda function: function, init, xs, options)
    return carry, ys


def map(f: Function, xs: Any) -> Any:
    """Apply a function to each row of arrays, one after the other, and stack the results.

    ``vmap`` does the same for all rows at once; this one needs the memory of one row at a time.

    Parameters
    ----------
    f : callable
        Takes a row.
    xs : array, or a container of them
        What to go along; all arrays have one length.

    Returns
    -------
    array, or a container of them
        The results, along a new first axis.

    Raises
    ------
    TypeError
        ``f`` does not return the same for all rows: containers, dtypes, shapes.
    ValueError
        The lengths differ.

    Examples
    --------
    >>> import numpy as np
    >>> import tracegraph as tg
    >>> tg.map(lambda row: row @ row, np.arange(6.0).reshape(3, 2))
    array([ 1., 13., 41.])
    """

    def with_no_carry(function: Function) -> Function:
        return lambda carry, x: (carry, function(x))

    return _scanned("tg.map", f, with_no_carry, (), xs, Options(None, False, False))[1]


@record
class Options:
    """How to scan."""

    length: Any
    reverse: bool
    checkpoint: bool | int


def _scanned(
    what: str,
    f: Function,
    step_of: Callable[[Function], Function],
    init: Any,
    xs: Any,
    options: Options,
) -> Any:
    """Scan with the step that is made of a user's function."""

    def in_plain_python(follow: Callable[[Any], Function]) -> Any:
        count = plain.common_length(what, xs, options.length)
        return plain.scan(what, step_of(follow(f)), init, xs, count, options.reverse)

    def in_recording(recording: Recording) -> Any:
        step = step_of(following(recording, f))
        count = None if options.length is None else dim_of(options.length)
        how = count, options.reverse, options.checkpoint
        return drawn_loops.scan(recording, what, f, step, init, xs, *how)

    return run(what, in_plain_python, in_recording)
