"""Exact checks of operations that move elements: NumPy's answers, with whole numbers only.

A lowering is checked without code generation: its rule is run on numbers, element by element.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tracegraph.ir.autodiff import jvp, vjp
from tracegraph.ir.batching import batch
from tracegraph.ir.graph import Graph, Op, trace
from tracegraph.ir.interpret import interpret
from tracegraph.ir.lowering import Boxes, Pull, Scatter
from tracegraph.ir.scalar import Scalar, ScalarBuilder, constant_value
from tracegraph.ir.size_values import evaluate
from tracegraph.ir.sizes import Dim
from tracegraph.ir.types import DTYPES, FLOAT64, ArrayType, array_type
from tracegraph.ir.verify import verify


class Numbers:
    """An operand whose elements are constants."""

    def __init__(self, b: ScalarBuilder, array: Any) -> None:
        self.b, self.array, self.type = b, np.asarray(array), array_type(np.asarray(array))

    def __call__(self, index: tuple[Dim, ...], /) -> Scalar:
        at = _numbers(self.b, index)
        assert all(0 <= i < length for i, length in zip(at, self.array.shape, strict=True))
        return self.b.const(self.array[at], self.type.dtype)


def _numbers(b: ScalarBuilder, index: tuple[Dim, ...]) -> tuple[int, ...]:
    known = {name: int(_run(scalar)) for name, scalar in b.indices.items()}
    return tuple(evaluate(i, known) for i in index)


def _run(scalar: Scalar) -> np.generic:
    if scalar.op == "cast":
        return _run(scalar.args[0]).astype(scalar.dtype)
    return constant_value(scalar)


def lowered(op: Op, *arrays: Any, **attrs: Any) -> Any:
    """Return what the lowering of an operation computes."""
    b = ScalarBuilder()
    types = [array_type(np.asarray(a)) for a in arrays]
    result = op.type_rule(*types, **attrs)
    assert isinstance(result, ArrayType)
    operands = [Numbers(b, a) for a in arrays]
    out = np.empty([int(d) for d in result.shape if isinstance(d, int)], result.dtype)
    if isinstance(op.lower, Pull):
        for index in np.ndindex(*out.shape):
            out[index] = _run(op.lower.element(b, index, *operands, type=result, **attrs))
    elif isinstance(op.lower, Boxes):
        written = np.zeros(out.shape, bool)
        for piece in op.lower.pieces(types, **attrs):
            source = np.asarray(arrays[piece.operand])
            for index in np.ndindex(*source.shape):
                place = tuple(
                    s + d * i for s, d, i in zip(piece.start, piece.step, index, strict=True)
                )
                out[place], written[place] = source[index], True
        assert written.all()
    else:
        assert isinstance(op.lower, Scatter)
        out[...] = arrays[0]
        for index in np.ndindex(*arrays[1].shape):
            found = op.lower.place(b, index, *operands[2:], type=result, **attrs)
            place = _numbers(b, found)
            add = op.lower.combine == "add"
            out[place] = out[place] + arrays[1][index] if add else arrays[1][index]
    return out


def check(op: Op, expected: Any, *arrays: Any, linear: Sequence[int] = (0,), **attrs: Any) -> None:
    """Eager and lowered equal NumPy; type, derivatives and batching agree with eager."""
    expected = np.asarray(expected)
    same(op.eager(*arrays, **attrs), expected)
    same(lowered(op, *arrays, **attrs), expected)
    graph = trace(lambda *xs: op(*xs, **attrs), *(array_type(a) for a in arrays))
    verify(graph)
    assert graph.outputs[0].array_type == array_type(expected)
    same(interpret(graph, *arrays)[0], expected)
    check_derivatives(graph, *arrays, linear=linear)
    check_batches(graph, *arrays)


def same(got: Any, expected: Any) -> None:
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected, strict=True)


def check_derivatives(graph: Graph, *arrays: Any, linear: Sequence[int]) -> None:
    """The operations here are linear, so that differences are exact on small whole numbers."""
    rng = np.random.default_rng(0)
    out = interpret(graph, *arrays)[0]
    if out.dtype.kind not in "fc":
        return
    ct = rng.integers(-9, 9, out.shape).astype(out.dtype)
    chosen = [i in linear for i in range(len(arrays))]
    reverse = verify(vjp(graph, chosen))
    pulled = interpret(reverse, *arrays, ct)[1:]
    for position, cotangent in zip(linear, pulled, strict=True):
        only = [i == position for i in range(len(arrays))]
        direction = rng.integers(-9, 9, arrays[position].shape).astype(arrays[position].dtype)
        moved = [a + direction if i == position else a for i, a in enumerate(arrays)]
        pushed = interpret(verify(jvp(graph, only)), *arrays, direction)[1]
        same(pushed, np.asarray(interpret(graph, *moved)[0] - out))
        assert np.sum(pushed * ct) == np.sum(direction * cotangent)
    directions = [rng.integers(-9, 9, arrays[i].shape).astype(arrays[i].dtype) for i in linear]
    forward = interpret(verify(jvp(graph, chosen)), *arrays, *directions)[1]
    dots = [np.sum(d * c) for d, c in zip(directions, pulled, strict=True)]
    assert np.sum(forward * ct) == np.sum(dots)
    # The transpose is linear too: its own derivative is the transpose of other cotangents.
    again = verify(jvp(reverse, [False] * len(arrays) + [True]))
    twice = interpret(again, *arrays, ct, ct)
    for a, b in zip(twice[1 : 1 + len(pulled)], twice[-len(pulled) :], strict=True):
        same(a, b)


def check_batches(graph: Graph, *arrays: Any) -> None:
    """Every choice of batched operands equals a loop of singles."""
    size = 3
    for flags in itertools.product([False, True], repeat=len(arrays)):
        examples = [
            [np.roll(a.reshape(-1), k).reshape(a.shape) if flag else a for k in range(size)]
            for a, flag in zip(arrays, flags, strict=True)
        ]
        given_ = [np.stack(e) if flag else e[0] for e, flag in zip(examples, flags, strict=True)]
        got = interpret(verify(batch(graph, flags, size)), *given_)[0]
        singles = [interpret(graph, *(e[k] for e in examples))[0] for k in range(size)]
        same(got, np.stack(singles))


SHAPES = st.lists(st.integers(0, 4), max_size=4).map(tuple)
KINDS = st.sampled_from([DTYPES[name] for name in ("f64", "f32", "c128", "i8", "bool")])


def whole(shape: Sequence[int], dtype: Any = FLOAT64, seed: int = 0) -> Any:
    """Return an array of small whole numbers, on which float arithmetic is exact."""
    rng = np.random.default_rng(seed)
    return rng.integers(-9, 9, tuple(shape)).astype(dtype)


@st.composite
def equal_shapes(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Draw two shapes with as many elements."""
    shape = draw(SHAPES)
    if 0 in shape:
        other = draw(st.permutations([0, *draw(SHAPES)[:3]]))
        return shape, tuple(other)
    factors = [p for length in shape for p in {4: [2, 2], 1: []}.get(length, [length])]
    factors = draw(st.permutations([*factors, *draw(st.lists(st.just(1), max_size=2))]))
    other = []
    while factors:
        count = draw(st.integers(1, len(factors)))
        other.append(int(np.prod(factors[:count])))
        factors = factors[count:]
    return shape, tuple(other)


@st.composite
def boxes(draw: st.DrawFn) -> tuple[tuple[int, ...], dict[str, Any]]:
    """Draw a shape and a box inside it."""
    shape = draw(SHAPES)
    start, lengths, step = [], [], []
    for length in shape:
        stride = draw(st.sampled_from([-3, -2, -1, 1, 2, 3]))
        ends = st.none() | st.integers(-length - 1, length + 1)
        first, stop, _ = slice(draw(ends), draw(ends), stride).indices(length)
        start.append(first)
        lengths.append(len(range(first, stop, stride)))
        step.append(stride)
    return shape, {"start": tuple(start), "shape": tuple(lengths), "step": tuple(step)}


@st.composite
def selections(draw: st.DrawFn) -> tuple[tuple[int, ...], list[Any], tuple[int, ...]]:
    """Draw a shape, index arrays of one shape with many repetitions, and the axes they index."""
    shape: list[int] = draw(st.lists(st.integers(1, 3), min_size=1, max_size=4))
    axes: set[int] = draw(st.sets(st.integers(0, len(shape) - 1), min_size=1))
    others = [axis for axis in range(len(shape)) if axis not in axes]
    with_empty = draw(st.booleans())
    if others and with_empty:
        shape[others[0]] = 0
    common = draw(st.lists(st.integers(0, 3), max_size=3))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    indices = []
    for axis in sorted(axes):
        index = rng.integers(0, shape[axis], common)
        indices.append(np.asarray(index, order="F" if draw(st.booleans()) else "C"))
    return tuple(shape), indices, tuple(sorted(axes))


def places(indices: Sequence[Any], axes: Sequence[int], ndim: int) -> Iterator[tuple[Any, Any]]:
    """Yield each index of the index arrays, and what it selects, in order."""
    for at in np.ndindex(*indices[0].shape):
        chosen: list[Any] = [slice(None)] * ndim
        for axis, index in zip(axes, indices, strict=True):
            chosen[axis] = int(index[at])
        yield at, tuple(chosen)
