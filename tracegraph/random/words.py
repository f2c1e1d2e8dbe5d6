"""Keys and words: Threefry-2x32, and what keys are made of."""

from __future__ import annotations

from typing import Any

import numpy as np

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = np.uint32(0x1BD11BDA)
"""The constants of Threefry-2x32."""

SPLIT, FOLD = np.uint32(0x80000000), np.uint32(0xC0000000)
"""First words of counters that no draw reaches, for making keys."""

LOW = np.uint64(0xFFFFFFFF)


def key(seed: Any) -> Any:
    """Return a key made of a number.

    Parameters
    ----------
    seed : int
        Any number of 64 bits; of an array without axes too.

    Returns
    -------
    ndarray of uint32, shape (2,)
        The two halves of the number.

    Examples
    --------
    >>> import tracegraph as tg
    >>> tg.random.key(2**32 + 5)
    array([1, 5], dtype=uint32)
    """
    number = np.reshape(np.asarray(seed).astype(np.uint64), (1,))
    return np.concatenate([number >> np.uint64(32), number & LOW]).astype(np.uint32)


def split(key: Any, num: Any = 2) -> Any:
    """Return new keys, whose numbers have nothing to do with each other or with those of ``key``.

    Parameters
    ----------
    key : ndarray of uint32, shape (2,)
        A key; it should not be used again.
    num : int
        How many keys.

    Returns
    -------
    ndarray of uint32, shape (num, 2)
        The keys. More of them do not change the first ones.

    Raises
    ------
    TypeError
        ``key`` is no key.

    Examples
    --------
    >>> import tracegraph as tg
    >>> tg.random.split(tg.random.key(0))
    array([[ 107003909, 3364557040],
           [2494418683,  513002203]], dtype=uint32)
    """
    counter = np.arange(num, dtype=np.uint64).astype(np.uint32)
    return np.stack(threefry(key, np.zeros_like(counter) + SPLIT, counter), axis=1)


def fold_in(key: Any, data: Any) -> Any:
    """Return a key that is made of a key and a number, such as the number of a step.

    Parameters
    ----------
    key : ndarray of uint32, shape (2,)
        A key; other numbers may be folded into it as well.
    data : int
        Any number of 64 bits.

    Returns
    -------
    ndarray of uint32, shape (2,)
        The new key.

    Raises
    ------
    TypeError
        ``key`` is no key.

    Examples
    --------
    >>> import tracegraph as tg
    >>> tg.random.fold_in(tg.random.key(0), 7)
    array([1608226126,   21992738], dtype=uint32)
    """
    own = np.concatenate(threefry(key, np.array([FOLD]), np.array([np.uint32(0)])))
    number = np.reshape(np.asarray(data).astype(np.uint64), (1,))
    high, low = (number >> np.uint64(32)).astype(np.uint32), (number & LOW).astype(np.uint32)
    return np.concatenate(threefry(own, high, low))


def bits(key: Any, shape: Any = (), dtype: Any = np.uint64) -> Any:
    """Return random words, in which each bit is 0 or 1 with equal probability.

    Parameters
    ----------
    key : ndarray of uint32, shape (2,)
        A key.
    shape : int or tuple of int
        The shape of the result.
    dtype : dtype
        uint64, uint32, uint16 or uint8.

    Returns
    -------
    ndarray of ``dtype``, of shape ``shape``
        The words.

    Raises
    ------
    TypeError
        ``key`` is no key, or ``dtype`` is another one.

    Notes
    -----
    Of each block of Threefry, which has 64 bits, one number is made: its first bits.

    Examples
    --------
    >>> import tracegraph as tg
    >>> tg.random.bits(tg.random.key(0), 2)
    array([7719171245655871230, 3989946895414531357], dtype=uint64)
    """
    kind = np.dtype(dtype)
    if kind.kind != "u":
        raise TypeError(f"random bits are unsigned words, got dtype {kind}; use np.uint64")
    return (words(key, shape) >> np.uint64(64 - 8 * kind.itemsize)).astype(kind)


def threefry(key: Any, first: Any, second: Any) -> tuple[Any, Any]:
    """Return the blocks of Threefry-2x32-20 at counters.

    Parameters
    ----------
    key : ndarray of uint32, shape (2,)
        A key.
    first, second : ndarray of uint32
        The words of the counters; arrays with axes, of one shape.

    Returns
    -------
    tuple of two ndarrays of uint32
        The words of the blocks.

    Raises
    ------
    TypeError
        ``key`` is no key.

    Examples
    --------
    >>> zero = np.zeros(1, np.uint32)
    >>> [hex(word[0]) for word in threefry(np.zeros(2, np.uint32), zero, zero)]
    ['0x6b200159', '0x99ba4efe']
    """
    if getattr(key, "dtype", None) != np.uint32 or np.shape(key) != (2,):
        raise TypeError(
            f"a key has two words of uint32, got {type(key).__name__} of shape {np.shape(key)}; "
            "make one with tg.random.key(seed), or take one of those that split gives"
        )
    # Slices, not items: NumPy warns where the sum of two scalars overflows.
    added = (key[0:1], key[1:2], key[0:1] ^ key[1:2] ^ PARITY)
    first, second = first + added[0], second + added[1]
    for block in range(5):
        for rotation in ROTATIONS[block % 2]:
            first = first + second
            left, right = np.uint32(rotation), np.uint32(32 - rotation)
            second = ((second << left) | (second >> right)) ^ first
        first = first + added[(block + 1) % 3]
        second = second + added[(block + 2) % 3] + np.uint32(block + 1)
    return first, second


def words(key: Any, shape: Any) -> Any:
    """Return words of 64 bits; each is the block whose counter is its number."""
    dims = as_tuple(shape)
    counter = np.arange(size_of(dims), dtype=np.uint64)
    high, low = (counter >> np.uint64(32)).astype(np.uint32), (counter & LOW).astype(np.uint32)
    first, second = threefry(key, high, low)
    return np.reshape((first.astype(np.uint64) << np.uint64(32)) | second, dims)


def as_tuple(shape: Any) -> Any:
    """Return a shape that may be given as one number."""
    return tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)


def size_of(dims: Any) -> Any:
    """Return how many elements a shape has."""
    size = 1
    for dim in dims:
        size = size * dim
    return size
