"""The reference meaning of loop programs: one iteration after the other, one element at a time.

Folds are combined in the order of iterations; sums are exact before they are rounded, so that any
order of additions is within its error of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tracegraph.ir.loops import Fold, For, Program, Statement, Store, identity
from tracegraph.ir.scalar import Scalar, constant_value, walk
from tracegraph.ir.scalar_interpret import apply
from tracegraph.ir.size_values import evaluate
from tracegraph.ir.sizes import Dim, Symbol, symbols
from tracegraph.ir.types import PART


def interpret_loops(
    program: Program, arrays: Mapping[str, Any], sizes: Mapping[Symbol, int] | None = None
) -> None:
    """Run a program on flat arrays, which are changed in place.

    Parameters
    ----------
    program : Program
        What is run.
    arrays : mapping of str to ndarray
        The memory of each buffer, one-dimensional; an access outside it raises IndexError.
    sizes : mapping of Symbol to int, optional
        The integer parameters.
    """
    memory = dict(arrays)
    for buffer in program.buffers:
        if buffer.local:
            memory[buffer.name] = np.zeros(buffer.local, buffer.dtype)
    _Interpreter(program, memory, dict(sizes or {})).body(program.body)


class _Interpreter:
    def __init__(
        self, program: Program, memory: Mapping[str, Any], symbols: dict[Symbol, int]
    ) -> None:
        self._program, self._memory, self._symbols = program, memory, symbols
        self._leaves: dict[Scalar, Any] = {}

    def body(self, body: Sequence[Statement]) -> None:
        self._run(self._before_last_run(body), ())

    def _before_last_run(self, body: Sequence[Statement]) -> list[Store]:
        run: list[Store] = []
        for statement in body:
            if isinstance(statement, Store):
                run.append(statement)
                continue
            self._run(run, ())
            run = []
            self._loop(statement)
        return run

    def _run(self, run: Sequence[Store], extra: Iterable[Scalar]) -> list[Any]:
        """Run a parallel assignment: all is computed before the first store."""
        known: dict[Scalar, Any] = {}
        values = [self._value(store.value, known) for store in run]
        places = [self._size(store.offset) for store in run]
        results = [self._value(scalar, known) for scalar in extra]
        for store, place, value in zip(run, places, values, strict=True):
            self._memory[store.buffer][_inside(place)] = value
        return results

    def _loop(self, loop: For) -> None:
        extent = self._size(loop.extent)
        known: dict[Scalar, Any] = {}
        states = [self._value(carry.start, known) for carry in loop.carries]
        rows: list[list[Any]] = []
        wanted = [s for f in loop.folds for s in (f.value, f.place) if s is not None]
        for k in range(extent):
            self._symbols[loop.index] = k
            for carry, state in zip(loop.carries, states, strict=True):
                self._leaves[carry.state] = state
            run = self._before_last_run(loop.body)
            found = self._run(run, [*wanted, *(carry.next for carry in loop.carries)])
            rows.append(found[: len(wanted)])
            states = found[len(wanted) :]
        self._symbols.pop(loop.index, None)
        columns = iter(zip(*rows, strict=True)) if rows else iter([()] * len(wanted))
        for fold in loop.folds:
            values = next(columns)
            places = next(columns) if fold.place is not None else ()
            self._leaves[fold.result] = folded(fold, values, places)
        for carry, state in zip(loop.carries, states, strict=True):
            self._leaves[carry.result] = state

    def _value(self, root: Scalar, known: dict[Scalar, Any]) -> Any:
        for scalar in walk(root, enter=lambda s: s not in known):
            known[scalar] = self._compute(scalar, known)
        return known[root]

    def _compute(self, scalar: Scalar, known: Mapping[Scalar, Any]) -> Any:
        if scalar.op == "const":
            return constant_value(scalar)
        if scalar.op == "size":
            return np.int64(self._size(scalar.attr("value")))
        if scalar.op == "load":
            found = self._memory[scalar.attr("buffer")][_inside(self._size(scalar.attr("offset")))]
            return np.bool_(found) if scalar.dtype.kind == "b" else found
        if not scalar.args:
            return self._leaves[scalar]
        return apply(scalar, [known[a] for a in scalar.args])

    def _size(self, value: Dim) -> int:
        for symbol in symbols(value):
            if symbol in self._program.indices:
                self._symbols[symbol] = int(self._value(self._program.indices[symbol], {}))
        return evaluate(value, self._symbols)


def _inside(place: int) -> int:
    if place < 0:
        raise IndexError(f"a place before the begin of a buffer: {place}")
    return place


def folded(fold: Fold, values: Sequence[Any], places: Sequence[Any] = ()) -> Any:
    """Return what a fold gives for the values of all iterations."""
    dtype = fold.value.dtype
    if fold.place is not None:
        best = 0
        for k in range(1, len(values)):
            best = k if _beats(fold.combine, values[k], values[best]) else best
        return np.int64(places[best] if places else 0)
    if fold.combine == "add" and dtype.kind == "f":
        return _exact_sum(values, dtype)
    if fold.combine == "add" and dtype.kind == "c":
        columns = [v.real for v in values], [v.imag for v in values]
        return dtype.type(complex(*(_exact_sum(part, PART[dtype]) for part in columns)))
    total = dtype.type(identity(fold.combine, dtype))
    combine = {"logical_or": np.logical_or, "logical_and": np.logical_and}.get(fold.combine)
    with np.errstate(all="ignore"):
        for value in values:
            total = dtype.type((combine or getattr(np, fold.combine))(total, value))
    return total


def _beats(combine: str, value: Any, best: Any) -> bool:
    if best != best:
        return False
    if value != value:
        return True
    return bool(value > best if combine == "argmax" else value < best)


def _exact_sum(values: Sequence[Any], dtype: Any) -> Any:
    try:
        if all(math.isfinite(v) for v in values):
            return dtype.type(math.fsum(values)) if values else dtype.type(0)
    except OverflowError:
        pass
    with np.errstate(all="ignore"):
        return np.asarray(values, dtype).sum()
