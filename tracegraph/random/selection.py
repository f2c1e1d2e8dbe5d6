"""Random orders and choices."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracegraph.random.distributions import exponential, integers, uniform
from tracegraph.random.words import as_tuple, size_of, words


def permutation(key: Any, x: Any) -> Any:
    """Return the numbers below ``x``, or the rows of an array, in random order.

    Parameters
    ----------
    key : ndarray of uint32, shape (2,)
        A key.
    x : int or ndarray
        How many numbers, or an array.

    Returns
    -------
    ndarray
        ``np.arange(x)`` or ``x``, in another order along the first axis.

    Raises
    ------
    TypeError
        ``key`` is no key.

    Examples
    --------
    >>> import tracegraph as tg
    >>> tg.random.permutation(tg.random.key(0), 5)
    array([1, 0, 4, 3, 2])
    """
    order = np.argsort(words(key, (_count(x),)), kind="stable")
    return np.asarray(x)[order] if np.ndim(x) else order


def choice(key: Any, a: Any, shape: Any = (), replace: bool = True, p: Any = None) -> Any:
    """Return randomly chosen numbers below ``a``, or rows of an array.

    Parameters
    ----------
    key : ndarray of uint32, shape (2,)
        A key.
    a : int or ndarray
        How many numbers to choose from, or the array from whose first axis is chosen.
    shape : int or tuple of int
        The shape of what is chosen.
    replace : bool
        Whether the same may be chosen again.
    p : array_like of float, shape (len(a),), optional
        How probable each is, up to a common factor; equally if not given.

    Returns
    -------
    ndarray of shape ``shape + a.shape[1:]``
        The choice.

    Raises
    ------
    TypeError
        ``key`` is no key.
    ValueError
        More are to be chosen than there are.

    Notes
    -----
    Without replacement the smallest of ``e / p`` win, where e is exponentially distributed:
    P. S. Efraimidis, P. G. Spirakis, "Weighted random sampling with a reservoir" (2006).

    Examples
    --------
    >>> import tracegraph as tg
    >>> tg.random.choice(tg.random.key(0), 3, 4, p=[0.0, 1.0, 0.0])
    array([1, 1, 1, 1])
    """
    dims = as_tuple(shape)
    count = _count(a)
    if replace:
        chosen = integers(key, 0, count, dims) if p is None else _by_weight(key, p, dims)
    else:
        number = size_of(dims)
        if number > count:
            raise ValueError(f"{number} cannot be chosen from {count} without replacement")
        waits = words(key, (count,)) if p is None else _waits(key, p)
        chosen = np.reshape(np.argsort(waits, kind="stable")[:number], dims)
    return np.asarray(a)[chosen] if np.ndim(a) else chosen


def _count(a: Any) -> Any:
    return len(a) if np.ndim(a) else a


def _waits(key: Any, p: Any) -> Any:
    """Return exponentially distributed numbers of rates p; what has no rate comes last."""
    rates = np.asarray(p)
    waits = exponential(key, np.shape(rates))
    return np.where(rates > 0, waits / np.where(rates > 0, rates, 1.0), np.inf)


def _by_weight(key: Any, p: Any, shape: Any) -> Any:
    """Return indices: how many of the running sums of the weights are not above a number."""
    sums = np.cumsum(p)
    mark = uniform(key, shape) * sums[-1]
    return np.sum(mark[..., None] >= sums[:-1], axis=-1)
