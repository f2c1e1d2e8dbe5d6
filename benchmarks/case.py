"""What a row of the benchmark is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Case:
    """One row of the benchmark.

    Parameters
    ----------
    name : str
        For ``--rows``.
    title : str
        For the table.
    function : callable
        Written with ``np``.
    inputs : callable
        Makes the arguments from a random generator.
    lax : callable, optional
        The same for JAX, where it would unroll a loop: written with ``np`` and ``jax.lax``.
    loops : callable, optional
        The same for Numba, as plain loops.
    arrays : bool
        Whether Numba compiles ``function`` itself.
    gradient : bool
        The gradient with respect to the first argument is measured, not the function.
    arithmetic : bool
        Bound by arithmetic: ``fp="contract"`` is shown beside, because JAX contracts.
    tolerance : float
        How far results may differ, relative to the largest element.
    """

    name: str
    title: str
    function: Callable[..., Any]
    inputs: Callable[[np.random.Generator], tuple[Any, ...]]
    lax: Callable[..., Any] | None = None
    loops: Callable[..., Any] | None = None
    arrays: bool = False
    gradient: bool = False
    arithmetic: bool = False
    tolerance: float = 1e-12
