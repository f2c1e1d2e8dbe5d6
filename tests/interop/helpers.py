"""Functions that tests send to other processes: they must be found by name there."""

import dataclasses
import functools
from typing import Any

import numpy as np

import tracegraph as tg


def plain(x: Any) -> Any:
    return np.sin(x) * 2


fast = tg.compile(plain, fp="contract")


@tg.compile
def decorated(x: Any, power: int = 2) -> Any:
    """Raise to a power and add."""
    return (x**power).sum()


@tg.grad
@tg.compile
def slope(x: Any) -> Any:
    return (x * x).sum()


slope_of_plain = tg.compile(tg.grad(tg.vmap(plain).function))


@tg.compile
def factorial(x: Any, n: int) -> Any:
    return x if n < 2 else factorial(x * n, n - 1)


@dataclasses.dataclass
class Model:
    weight: Any

    @tg.compile
    def predict(self, x: Any) -> Any:
        return x @ self.weight

    @staticmethod
    @tg.compile
    def static(x: Any) -> Any:
        return x + 1

    @classmethod
    def made(cls, x: Any) -> Any:
        return cls(tg.compile(np.sqrt)(x))

    @property
    @tg.compile
    def norm(self) -> Any:
        return np.sqrt((self.weight**2).sum())


def traced_in_this_process(x: Any) -> Any:
    """What a worker computes, and how many traces the function has there."""
    decorated(x)
    return decorated(x), len(decorated.traces), len(decorated.fallbacks)


scaled = functools.partial(decorated, power=3)
