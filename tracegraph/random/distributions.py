"""Draws from distributions with parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracegraph.random.standard import high_product, minus_log, odd_below, percentage_point, signed
from tracegraph.random.words import as_tuple, words


def uniform(key: Any, shape: Any = None, low: Any = 0.0, high: Any = 1.0) -> Any:
    """Return numbers that are distributed evenly over ``[low, high)``.

    Parameters
    ----------
    key : ndarray of uint32, shape (2,)
        A key.
    shape : int or tuple of int, optional
        The shape of the result; that of ``low`` and ``high`` together if not given.
    low, high : array_like of float
        The bounds, which may be differentiated. They broadcast to the shape.

    Returns
    -------
    ndarray of float64
        ``low + (high - low) * u``, where u is a multiple of 2**-53. Where the sum is rounded it may
        be ``high``.

    Raises
    ------
    TypeError
        ``key`` is no key.
    ValueError
        The bounds do not broadcast to the shape.

    Examples
    --------
    >>> import tracegraph as tg
    >>> tg.random.uniform(tg.random.key(0), 3).round(4)
    array([0.4185, 0.2163, 0.9653])
    """
    shape = _shape(shape, low, high)
    standard = (words(key, shape) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    low, high = np.broadcast_to(low, shape), np.broadcast_to(high, shape)
    return low + (high - low) * standard


def normal(key: Any, shape: Any = None, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return numbers that are normally distributed.

    Parameters
    ----------
    key : ndarray of uint32, shape (2,)
        A key.
    shape : int or tuple of int, optional
        The shape of the result; that of ``loc`` and ``scale`` together if not given.
    loc, scale : array_like of float
        Mean and standard deviation, which may be differentiated. They broadcast to the shape.

    Returns
    -------
    ndarray of float64
        ``loc + scale * z``; z is within 8.3.

    Raises
    ------
    TypeError
        ``key`` is no key.
    ValueError
        Mean or deviation does not broadcast to the shape.

    Notes
    -----
    z is the inverse of the distribution function, by M. J. Wichura, "Algorithm AS 241: the
    percentage points of the normal distribution", Applied Statistics 37 (1988).

    Examples
    --------
    >>> import tracegraph as tg
    >>> tg.random.normal(tg.random.key(0), 1000, loc=5.0).mean().round()
    np.float64(5.0)
    """
    shape = _shape(shape, loc, scale)
    drawn = words(key, shape)
    standard = signed(drawn, percentage_point(odd_below(drawn)))
    return np.broadcast_to(loc, shape) + np.broadcast_to(scale, shape) * standard


def exponential(key: Any, shape: Any = None, scale: Any = 1.0) -> Any:
    """Return numbers that are exponentially distributed.

    Parameters
    ----------
    key : ndarray of uint32, shape (2,)
        A key.
    shape : int or tuple of int, optional
        The shape of the result; that of ``scale`` if not given.
    scale : array_like of float
        The mean, which may be differentiated. It broadcasts to the shape.

    Returns
    -------
    ndarray of float64
        ``scale * e``; e is above 0 and within 36.8.

    Raises
    ------
    TypeError
        ``key`` is no key.
    ValueError
        ``scale`` does not broadcast to the shape.

    Examples
    --------
    >>> import tracegraph as tg
    >>> tg.random.exponential(tg.random.key(0), 3).round(4)
    array([0.8712, 1.5311, 0.0353])
    """
    shape = _shape(shape, scale)
    return np.broadcast_to(scale, shape) * minus_log(odd_below(words(key, shape)))


def laplace(key: Any, shape: Any = None, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Return numbers whose distance from ``loc`` is exponentially distributed.

    Parameters
    ----------
    key : ndarray of uint32, shape (2,)
        A key.
    shape : int or tuple of int, optional
        The shape of the result; that of ``loc`` and ``scale`` together if not given.
    loc, scale : array_like of float
        Mean, and mean distance from it; both may be differentiated. They broadcast to the shape.

    Returns
    -------
    ndarray of float64
        ``loc + scale * z``.

    Raises
    ------
    TypeError
        ``key`` is no key.
    ValueError
        ``loc`` or ``scale`` does not broadcast to the shape.

    Examples
    --------
    >>> import tracegraph as tg
    >>> tg.random.laplace(tg.random.key(0), 3).round(4)
    array([ 0.8712, -1.5311, -0.0353])
    """
    shape = _shape(shape, loc, scale)
    drawn = words(key, shape)
    standard = signed(drawn, minus_log(odd_below(drawn)))
    return np.broadcast_to(loc, shape) + np.broadcast_to(scale, shape) * standard


def integers(key: Any, low: Any, high: Any, shape: Any = None) -> Any:
    """Return whole numbers that are distributed evenly over ``[low, high)``.

    Parameters
    ----------
    key : ndarray of uint32, shape (2,)
        A key.
    low, high : array_like of int
        The bounds; ``high`` is above ``low``, and is no result itself. They broadcast to the shape.
    shape : int or tuple of int, optional
        The shape of the result; that of ``low`` and ``high`` together if not given.

    Returns
    -------
    ndarray of int64
        The numbers. Probabilities differ by a relative ``(high - low) / 2**64`` at most.

    Raises
    ------
    TypeError
        ``key`` is no key.
    ValueError
        The bounds do not broadcast to the shape.

    Examples
    --------
    >>> import tracegraph as tg
    >>> tg.random.integers(tg.random.key(0), 1, 7, 8)
    array([3, 2, 6, 4, 4, 3, 6, 4])
    """
    shape = _shape(shape, low, high)
    low = np.broadcast_to(np.asarray(low).astype(np.int64), shape)
    high = np.broadcast_to(np.asarray(high).astype(np.int64), shape)
    span = high.astype(np.uint64) - low.astype(np.uint64)
    return low + high_product(words(key, shape), span).astype(np.int64)


def bernoulli(key: Any, p: Any = 0.5, shape: Any = None) -> Any:
    """Return True with a given probability.

    Parameters
    ----------
    key : ndarray of uint32, shape (2,)
        A key.
    p : array_like of float
        The probability of True. It broadcasts to the shape.
    shape : int or tuple of int, optional
        The shape of the result; that of ``p`` if not given.

    Returns
    -------
    ndarray of bool
        The answers.

    Raises
    ------
    TypeError
        ``key`` is no key.
    ValueError
        ``p`` does not broadcast to the shape.

    Examples
    --------
    >>> import tracegraph as tg
    >>> tg.random.bernoulli(tg.random.key(0), [0.0, 1.0])
    array([False,  True])
    """
    shape = _shape(shape, p)
    return uniform(key, shape) < np.broadcast_to(p, shape)


def _shape(shape: Any, *parameters: Any) -> Any:
    """Return the shape of a result: as given, or that of its parameters together."""
    if shape is not None:
        return as_tuple(shape)
    total = parameters[0]
    for parameter in parameters[1:]:
        total = np.add(total, parameter)
    return np.shape(total)
