"""Real values that are computed when they are asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from tracegraph.ir.graph import Value


class Pending:
    """The real value of a stand-in that is computed when it is asked for.

    Parameters
    ----------
    value : Value
        What it is in the graph.
    like : ndarray or number
        What has its type and layout; an array is filled with the content.
    make : callable
        Makes the value of the array that is computed.
    compute : callable
        Computes all that is pending, and calls ``settle`` of each.
    """

    __slots__ = ("__weakref__", "compute", "is_settled", "like", "make", "value")

    def __init__(
        self, value: Value, like: Any, make: Callable[[Any], Any], compute: Callable[[], None]
    ) -> None:
        self.value, self.like, self.make, self.compute = value, like, make, compute
        self.is_settled = False

    def settle(self, array: Any) -> None:
        """Take what was computed."""
        real = self.make(array)
        if isinstance(self.like, np.ndarray):
            np.copyto(self.like, real)  # that array may be known by its identity
        else:
            self.like = real
        self.is_settled = True

    def now(self) -> Any:
        """Return the value."""
        if not self.is_settled:
            self.compute()
        return self.like


def like_of(real: Any) -> Any:
    """Return what has the type and layout of a real value, which may be pending."""
    return real.like if type(real) is Pending else real


class Waits(Protocol):
    """Has real values that are not computed yet."""

    def __len__(self) -> int: ...

    def add(self, value: Value, make: Callable[[Any], Any]) -> Pending: ...

    def compute(self) -> None: ...
