"""Whether two ways of computing a graph agree: by bits, or as nearly as their rounding allows.

Operations that round once, as IEEE 754 says, must agree bit by bit. The others may differ a little
each, and how much of that is left in a result depends on the graph: it grows where terms cancel.
So it is measured. The graph is computed again, with each such operation's result moved by a few
units in its last place, up or down at random; how far an element of a result moves is how far it
may differ.

====================  ==============================================================================
elementary functions  move by ``ULPS`` units: NumPy's may be wrong by 4, ours by 1.4
products, sums        of n terms move by ``ULPS / 4 + n / 4`` units of the sum of the magnitudes,
                      because either side adds in an order of its own
NumPy's own calls     move by ``ULPS`` units of the largest element: the same code runs on both
                      sides, but not on operands that lie alike in memory
====================  ==============================================================================

A result may differ by ``MARGIN`` times the largest move that was seen. Where a move makes a number
infinite, changes an integer or a bool, or makes an operation raise, nothing can be said and every
value is accepted. NaNs are equal, whatever their bits; the sign of a zero counts where nothing
moves and nothing is contracted: a BLAS is free to begin a product of negative zeros with a zero.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tracegraph.ir.errors import GraphError
from tracegraph.ir.graph import Graph, Node
from tracegraph.ir.interpret import Sizes, interpret
from tracegraph.ir.lowering import Callout, Contract, Fold, Index, Operand, Pull, Recurrence, Scan
from tracegraph.ir.lowering import Scatter as ScatterForm
from tracegraph.ir.record import record
from tracegraph.ir.scalar import ELEMENTARY, Scalar, ScalarBuilder, walk
from tracegraph.ir.sizes import symbol
from tracegraph.ir.types import ArrayType

ULPS, MARGIN, SAMPLES = 8, 4, 64
SIDES = np.array([-1.0, 1.0])
ROUNDING = frozenset("add subtract multiply divide sqrt fma fmod".split())
"""Scalar operations that round once: one alone is exact, a formula of several has no fixed bits."""


@record
class Difference:
    """Where two results differ: the output's number, the element, and both values."""

    output: int
    index: tuple[int, ...]
    expected: Any
    got: Any


def difference(
    graph: Graph,
    arrays: Sequence[Any],
    got: Sequence[Any],
    *,
    sizes: Sizes | None = None,
    fp: str = "strict",
) -> Difference | None:
    """Return where ``got`` is not what a graph computes, or None where it is.

    Parameters
    ----------
    graph : Graph
        What was computed; it is run by the reference interpreter.
    arrays : sequence of array_like
        One for each parameter.
    got : sequence of array_like or None
        What another way gave for each output; None is not compared.
    sizes : mapping of Symbol to int, optional
        Values of symbols that no parameter's shape tells.
    fp : {"strict", "contract"}
        Whether a product that feeds a sum may be left unrounded.
    """
    with np.errstate(all="ignore"):
        expected = [np.asarray(one) for one in interpret(graph, *arrays, sizes=sizes)]
        found = [None if one is None else np.asarray(one) for one in got]
        wrong = [_Compared(e, g) for e, g in zip(expected, found, strict=True)]
        for signs in _signs():
            if not any(one.is_open for one in wrong):
                return None
            mover = _Mover(signs, fp)
            try:
                moved = interpret(graph, *arrays, sizes=sizes, after=mover)
            except (ValueError, IndexError):  # what is computed hangs on a last bit
                return None
            for one, other in zip(wrong, moved, strict=True):
                one.allow(np.asarray(other), signs_count=not mover.has_contracted)
            if not mover.has_moved:
                break
    number = next((i for i, one in enumerate(wrong) if one.is_open), None)
    return None if number is None else wrong[number].difference(number)


def _signs() -> Iterator[Callable[[tuple[int, ...]], Any]]:
    """Yield ways to move elements: all up, all down, then at random, the same in every process.

    By random distances: whole steps of eight units would leave the last bits as they are, and with
    them how a product rounds.
    """
    yield np.ones
    yield lambda shape: -np.ones(shape)
    for seed in range(SAMPLES - 2):
        rng = np.random.default_rng(seed)
        yield lambda shape, rng=rng: rng.choice(SIDES, shape) * rng.uniform(0.25, 1, shape)  # type: ignore[misc]


class _Compared:
    """Two arrays, and which of their elements still differ by more than is allowed."""

    def __init__(self, expected: Any, got: Any) -> None:
        self.expected, self.got = expected, got
        alike = got is None or (expected.dtype, expected.shape) == (got.dtype, got.shape)
        self.is_known_to_differ = not alike
        if got is None or not alike:
            self.open: Any = np.zeros(0, bool)
            return
        a, b = parts(expected), parts(got)
        self.open = ~same_bits(a, b)
        self.reach = np.zeros(a.shape) if a.dtype.kind == "f" else None

    @property
    def is_open(self) -> bool:
        return self.is_known_to_differ or bool(self.open.any())

    def allow(self, moved: Any, *, signs_count: bool) -> None:
        """Close what differs by no more than a moved result does."""
        if not self.open.any():
            return
        if moved.shape != self.expected.shape:
            self.open[...] = False
            return
        a, b, other = parts(self.expected), parts(self.got), parts(moved)
        if self.reach is None:
            self.open &= other == a
            return
        finite = np.isfinite(a)
        self.open &= finite == np.isfinite(other)
        far = np.abs(other.astype(float) - a.astype(float))
        np.maximum(self.reach, np.where(finite, far, 0), out=self.reach)
        near = np.abs(b.astype(float) - a.astype(float)) <= MARGIN * self.reach
        self.open &= ~(near & ((self.reach > 0) | (not signs_count)))

    def difference(self, number: int) -> Difference:
        if self.is_known_to_differ:
            kinds = [f"{x.dtype}{list(x.shape)}" for x in (self.expected, self.got)]
            return Difference(number, (), *kinds)
        index = tuple(map(int, np.argwhere(self.open)[0]))[: self.expected.ndim]
        return Difference(number, index, self.expected[index], self.got[index])


def parts(array: Any) -> Any:
    """Return an array with real and imaginary parts along a last axis, a real one as it is."""
    if array.dtype.kind != "c":
        return array
    return np.stack([array.real, array.imag], axis=-1)


def same_bits(a: Any, b: Any) -> Any:
    """Return where two arrays of one dtype have the same bits, which NaN it is aside."""
    if a.dtype.kind != "f":
        return np.asarray(a == b)
    return ((a == b) & (np.signbit(a) == np.signbit(b))) | (np.isnan(a) & np.isnan(b))


class _Mover:
    """Moves results as far as their operation may be wrong."""

    def __init__(self, signs: Callable[[tuple[int, ...]], Any], fp: str) -> None:
        self.signs, self.fp = signs, fp
        self.has_moved = self.has_contracted = False

    def __call__(self, node: Node, operands: Sequence[Any], result: Any) -> Any:
        form = node.op.lower
        if isinstance(form, Callout):
            items = result if isinstance(result, tuple) else (result,)
            made = tuple(self._move(one, ULPS * _largest(one)) for one in items)
            return made if isinstance(result, tuple) else made[0]
        if not isinstance(node.type, ArrayType) or node.type.dtype.kind not in "fc":
            return result
        if isinstance(form, Pull):
            return self._move(result, ulps_of(node, self.fp) * np.abs(result))
        terms = _terms(form, operands, node)
        self.has_contracted |= isinstance(form, Contract)
        return result if terms is None else self._move(result, (ULPS + terms[0]) / 4 * terms[1])

    def _move(self, result: Any, size: Any) -> Any:
        array = np.asarray(result)
        if array.dtype.kind not in "fc" or not np.any(size):
            return result
        self.has_moved = True
        signs = self.signs(array.shape)
        if array.dtype.kind == "c":
            signs = signs + 1j * self.signs(array.shape)
        return np.asarray(array + signs * np.finfo(array.dtype).eps * size).astype(array.dtype)


def _largest(result: Any) -> Any:
    """Return the largest magnitude in what a call gave, if it is of floats."""
    array = np.asarray(result)
    return np.max(np.abs(array), initial=0) if array.dtype.kind in "fc" else 0


def _terms(form: Any, operands: Sequence[Any], node: Node) -> tuple[float, Any] | None:
    """Return how many terms are added or multiplied, and the sum of their magnitudes."""
    if isinstance(form, Fold | Scan) and form.combine not in ("add", "multiply"):
        return None
    if not isinstance(form, Fold | Scan | Recurrence | Contract | ScatterForm):
        return None
    if isinstance(form, ScatterForm) and form.combine != "add":
        return None
    attrs = dict(node.attrs)
    axes = attrs["axes"] if isinstance(form, Fold) else (attrs.get("axis", -1),)
    count = 0 if isinstance(form, ScatterForm) else _lengths(operands[0], axes)
    return count, node.op.eager(*map(np.abs, operands), **attrs)


def _lengths(array: Any, axes: Sequence[int]) -> float:
    return float(np.prod([np.shape(array)[axis] for axis in axes]))


def ulps_of(node: Node, fp: str) -> int:
    """Return by how many units in the last place an elementwise result may be wrong: 0 if exact."""
    form = node.op.lower
    assert isinstance(form, Pull)
    b = ScalarBuilder()
    index = tuple(symbol(f"place{axis}") for axis in range(node.array_type.ndim))
    operands = [_operand(b, number, one.type) for number, one in enumerate(node.operands)]
    try:
        made = form.element(b, index, *operands, type=node.type, **dict(node.attrs))
    except GraphError:  # an operation on elements that have no scalar form
        return ULPS
    scalars = [s for s in walk(made) if s.dtype.kind in "fc"]
    ops = [s.op for s in scalars]
    rounded = [op for op in ops if op in ROUNDING]
    parted = [s.op for s in scalars if s.dtype.kind == "c" and s.op not in ("add", "subtract")]
    if len(rounded) > 1 or not ELEMENTARY.isdisjoint(ops) or not ROUNDING.isdisjoint(parted):
        return ULPS  # a product of complex numbers is several of real ones
    return 1 if fp == "contract" and rounded in (["add"], ["subtract"], ["multiply"]) else 0


def _operand(b: ScalarBuilder, number: int, type_: Any) -> Operand:
    class Element:
        type = type_

        def __call__(self, index: Index, /) -> Scalar:
            return b.load(f"operand{number}", 0, type_.dtype)

    return Element()
