"""The contenders: one function as each framework runs it, on arguments that it takes as its own.

NumPy, Numba and tracegraph get ndarrays and return new ones; JAX gets and returns arrays of its
device, and is waited for.
"""

from __future__ import annotations

import functools
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from case import Case

FRAMEWORKS = ("tracegraph", "jax", "numba")
"""Those that compile: each has a first call. The order in which they are measured."""


@dataclass(frozen=True)
class Contender:
    """A callable with its arguments; ``wait`` returns when a result is there."""

    name: str
    call: Callable[..., Any]
    args: tuple[Any, ...]
    wait: Callable[[Any], Any] | None = None

    def result(self) -> Any:
        """Return the result of one call."""
        out = self.call(*self.args)
        return out if self.wait is None else self.wait(out)


def inputs(case: Case) -> tuple[Any, ...]:
    """Return the arguments, the same in every process."""
    return case.inputs(np.random.default_rng(0))


def contenders(case: Case, framework: str) -> Iterator[Contender]:
    """Yield the ways in which a framework runs a case, the main one first."""
    yield from MAKERS[framework](case)


def _tracegraph(case: Case) -> Iterator[Contender]:
    import tracegraph as tg

    # What does not compile is no contender: the benchmark must not time NumPy under our name.
    warnings.simplefilter("error", tg.FallbackWarning)
    for fp in ("strict", "contract") if case.arithmetic else ("strict",):
        function = tg.grad(case.function) if case.gradient else case.function
        name = "tracegraph" if fp == "strict" else f"tracegraph {fp}"
        yield Contender(name, tg.compile(function, fp=fp), inputs(case))


def _numpy(case: Case) -> Iterator[Contender]:
    if not case.gradient:
        yield Contender("numpy", case.function, inputs(case))


def _jax(case: Case) -> Iterator[Contender]:
    import jax
    import jax.numpy as jnp

    jitted = _jitted(case)  # first: it lets arrays be of float64
    args = jax.block_until_ready(jax.tree.map(jnp.asarray, inputs(case)))
    yield Contender("jax", jitted, args, jax.block_until_ready)


def _jitted(case: Case) -> Callable[..., Any]:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    function = rebound(case.lax or case.function, np=jnp, lax=jax.lax)
    return jax.jit(jax.grad(function) if case.gradient else function)


def unstarted(case: Case, framework: str) -> Contender:
    """Return the main contender of a framework that has done nothing yet in this process.

    JAX then gets ndarrays: making arrays of its device would start it before the call.
    """
    if framework != "jax":
        return next(contenders(case, framework))
    import jax

    return Contender("jax", _jitted(case), inputs(case), jax.block_until_ready)


def _numba(case: Case) -> Iterator[Contender]:
    import numba

    if case.loops is not None:
        yield Contender("numba loops", numba.njit(case.loops), inputs(case))
    if case.arrays:
        yield Contender("numba", numba.njit(case.function), inputs(case))


def rebound(function: Callable[..., Any], **names: Any) -> Callable[..., Any]:
    """Return a function of the same code with other globals."""
    made = types.FunctionType(function.__code__, {**function.__globals__, **names})
    return functools.wraps(function)(made)


MAKERS: dict[str, Callable[[Case], Iterator[Contender]]] = {
    "tracegraph": _tracegraph,
    "numpy": _numpy,
    "jax": _jax,
    "numba": _numba,
}
