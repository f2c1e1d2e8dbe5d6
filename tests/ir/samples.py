"""Samples: for each operation, arguments at which every rule that it has can be tried.

A family's samples stand in ``samples_<family>.py``, as a tuple ``SAMPLES``; ``test_ops.py`` runs
the same tables over all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tracegraph.ir.graph import Builder, Graph, Op, Value
from tracegraph.ir.types import array_type, is_differentiable

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One call of an operation.

    Parameters
    ----------
    op : Op
        The operation.
    arrays : tuple of ndarray
        Its operands: where it is differentiated, points that stay away from jumps and poles, also
        when an array's elements are rotated among themselves.
    attrs : mapping, optional
        Its attributes.
    reference : callable, optional
        ``reference(*arrays, **attrs)``, an evaluation that is not the eager kernel.
    function : callable, optional
        ``function(*values)``, how the operation is applied; ``op(*values, **attrs)`` else.
    differentiable : bool, optional
        Whether derivatives are compared with finite differences here.
    tolerance : float, optional
        How far derivatives may be from finite differences, relative to the largest element.
    """

    op: Op
    arrays: tuple[Array, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)
    reference: Callable[..., Any] | None = None
    function: Callable[..., Any] | None = None
    differentiable: bool = True
    tolerance: float = 1e-6

    def __str__(self) -> str:
        dtypes = "-".join(str(a.dtype) for a in self.arrays)
        attrs = "-".join(f"{name}={value}" for name, value in self.attrs.items())
        return "-".join(part for part in (self.op.name, dtypes, attrs) if part)

    def graph(self) -> Graph:
        """Return the graph of the call."""
        builder = Builder()
        params = [builder.parameter(array_type(array)) for array in self.arrays]
        return builder.build(outputs_of(self._apply(builder, params)))

    def _apply(self, builder: Builder, params: list[Value]) -> Any:
        if self.function is not None:
            return self.function(*params)
        return builder.emit(self.op, params, dict(self.attrs))

    @property
    def has_tangents(self) -> bool:
        return self.differentiable and any(is_differentiable(a.dtype) for a in self.arrays)


def outputs_of(result: Any) -> tuple[Value, ...]:
    """Return the outputs of a function of values that may return several."""
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)


def inside(dtype: Any, *domains: tuple[float, float], shape: tuple[int, ...] = (2, 3)) -> Any:
    """Return an array for each domain, of numbers drawn from it; complex ones from its square."""
    rng = np.random.default_rng(0)

    def draw(low: float, high: float) -> Array:
        numbers = rng.uniform(low, high, shape)
        if np.dtype(dtype).kind == "c":
            return (numbers + 1j * rng.uniform(low, high, shape)).astype(dtype)
        return numbers.astype(dtype)

    return tuple(draw(*domain) for domain in domains)


def by_op(samples: Iterable[Sample]) -> dict[str, list[Sample]]:
    """Return the samples of each operation."""
    found: dict[str, list[Sample]] = {}
    for sample in samples:
        found.setdefault(sample.op.name, []).append(sample)
    return found
