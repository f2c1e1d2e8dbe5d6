"""Random numbers as pure functions of keys: the same key gives the same numbers, always.

A key takes the place of a generator's state. Nothing is changed by a draw, so the functions may be
compiled, differentiated, mapped over keys, and called in any order; for new numbers a key is split.

The words come from Threefry-2x32 with 20 rounds, a counter-based generator: J. K. Salmon,
M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC'11. Number i
of a draw depends on the key and on i alone. What is computed from the words takes only operations
that round alike everywhere, so numbers are the same bit by bit eager, compiled and on any machine.

Examples
--------
>>> import tracegraph as tg
>>> key = tg.random.key(0)
>>> key, noise = tg.random.split(key)
>>> tg.random.normal(noise, (3,)).round(4)
array([-0.4063,  0.0735,  0.391 ])

A key is used once: a draw with the same key gives the same numbers, and another distribution
numbers that are made of the same words.
"""

from tracegraph.random.distributions import (
    bernoulli,
    exponential,
    integers,
    laplace,
    normal,
    uniform,
)
from tracegraph.random.selection import choice, permutation
from tracegraph.random.words import bits, fold_in, key, split

__all__ = [
    "bernoulli",
    "bits",
    "choice",
    "exponential",
    "fold_in",
    "integers",
    "key",
    "laplace",
    "normal",
    "permutation",
    "split",
    "uniform",
]
