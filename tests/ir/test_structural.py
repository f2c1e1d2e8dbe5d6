"""Arrangement, boxes, gather and scatter, creation and branches: against NumPy, and by structure.

Their lowering is checked without code generation: a rule is run on numbers, element by element.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracegraph.ir.autodiff import jvp, vjp
from tracegraph.ir.batching import batch
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.graph import Builder, Graph, Op, Value, trace
from tracegraph.ir.interpret import interpret
from tracegraph.ir.lowering import Boxes, Pull, Scatter
from tracegraph.ir.ops.arithmetic import multiply
from tracegraph.ir.ops.boxes import concatenate, slice_, slice_update
from tracegraph.ir.ops.broadcast import full_like, sum_
from tracegraph.ir.ops.compose import flip, move_axis, take_axis
from tracegraph.ir.ops.control import cond, guard, item
from tracegraph.ir.ops.creation import iota, size_value
from tracegraph.ir.ops.index import gather, scatter, scatter_add
from tracegraph.ir.ops.structural import regroup, reshape, transpose
from tracegraph.ir.parse import parse_graph
from tracegraph.ir.scalar import Scalar, ScalarBuilder, constant_value
from tracegraph.ir.sizes import Dim, Size, Symbol, evaluate, symbol
from tracegraph.ir.text import print_graph
from tracegraph.ir.types import BOOL, DTYPES, FLOAT64, INT64, ArrayType, array_type
from tracegraph.ir.verify import verify

n, m = symbol("n"), symbol("m")


# ---- running a lowering on numbers ------------------------------------------------------------


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


# ---- what every operation owes -----------------------------------------------------------------


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


# ---- drawing -----------------------------------------------------------------------------------

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


# ---- reshape and transpose ---------------------------------------------------------------------


@given(equal_shapes(), KINDS)
def test_reshape(shapes: tuple[tuple[int, ...], tuple[int, ...]], dtype: Any) -> None:
    x = whole(shapes[0], dtype)
    check(reshape, np.reshape(x, shapes[1]), x, shape=shapes[1])


@given(st.data(), KINDS)
def test_transpose(data: st.DataObject, dtype: Any) -> None:
    x = whole(data.draw(SHAPES), dtype)
    axes = tuple(data.draw(st.permutations(range(x.ndim))))
    check(transpose, np.transpose(x, axes), x, axes=axes)


@pytest.mark.parametrize("axes", list(itertools.permutations(range(3))), ids=str)
def test_transpose_of_every_order(axes: tuple[int, ...]) -> None:
    x = whole((2, 3, 4))
    check(transpose, np.transpose(x, axes), x, axes=axes)


@given(equal_shapes())
def test_regrouped_symbolic_indices_are_the_numbers(
    shapes: tuple[tuple[int, ...], tuple[int, ...]],
) -> None:
    shape, old = shapes
    index = tuple(symbol(f"i{k}", bound=length) for k, length in enumerate(shape))
    found = regroup(index, shape, old)
    for numbers in np.ndindex(*shape):
        known = {Symbol(f"i{k}"): i for k, i in enumerate(numbers)}
        position = np.ravel_multi_index(numbers, shape) if shape else 0
        expected = np.unravel_index(position, old) if old else ()
        assert tuple(evaluate(i, known) for i in found) == tuple(expected)


class Seen:
    """An operand that only notes the index that it is read at."""

    def __init__(self, b: ScalarBuilder, type: ArrayType) -> None:
        self.b, self.type = b, type
        self.index: tuple[Dim, ...] = ()

    def __call__(self, index: tuple[Dim, ...], /) -> Scalar:
        self.index = index
        return self.b.const(0, self.type.dtype)


def pulled_index(graph: Graph, index: tuple[Dim, ...]) -> tuple[Dim, ...]:
    """Return where the element at ``index`` is read, through a chain of one-operand nodes."""
    b = ScalarBuilder()
    for node in reversed(graph.nodes):
        assert isinstance(node.op.lower, Pull)
        seen = Seen(b, node.operands[0].array_type)
        node.op.lower.element(b, index, seen, type=node.array_type, **dict(node.attrs))
        index = seen.index
    return index


def bounded(*shape: Dim) -> tuple[Size, ...]:
    return tuple(symbol(f"i{k}", bound=length) for k, length in enumerate(shape))


@pytest.mark.parametrize(
    ("shape", "there"),
    [
        ((n, m), (n * m,)),
        ((n * m,), (n, m)),
        ((n, m, 4), (n, 4 * m)),
        ((n, m, 4), (n * m, 4)),
        ((n, 4 * m), (n, 2, 2 * m)),
        ((n, 1, m), (1, n, m, 1)),
        ((n, m, n), (n * n * m,)),
        ((6, n), (2, 3, n)),
        ((n + 1, m), (n * m + m,)),
        ((), (1, 1)),
    ],
    ids=str,
)
def test_reshape_there_and_back_cancels(shape: tuple[Dim, ...], there: tuple[Dim, ...]) -> None:
    graph = trace(
        lambda x: reshape(reshape(x, shape=there), shape=shape), ArrayType(FLOAT64, shape)
    )
    index = bounded(*shape)
    expected = [0 if length == 1 else i for i, length in zip(index, shape, strict=True)]
    assert pulled_index(graph, index) == tuple(expected)


def test_axes_that_stay_cost_no_quotient() -> None:
    i, j, k = bounded(n, m * 4, 6)
    assert regroup((i, j, k), (n, m * 4, 6), (n, m, 4, 2, 3)) == (
        i, j // 4, j % 4, k // 3, k % 3,
    )  # fmt: skip


def test_a_flipped_transposed_slice_cancels() -> None:
    def there_and_back(x: Value) -> Any:
        y = flip(flip(transpose(x, axes=(1, 0)), 0), 0)
        return transpose(y, axes=(1, 0))

    graph = trace(there_and_back, ArrayType(FLOAT64, (n, m)))
    assert pulled_index(graph, bounded(n, m)) == bounded(n, m)


@pytest.mark.parametrize("shape", [(n * m,), (m, n), (n, m, 1)], ids=str)
def test_reshape_knows_symbolic_sizes(shape: tuple[Dim, ...]) -> None:
    graph = verify(trace(lambda x: reshape(x, shape=shape), ArrayType(FLOAT64, (n, m))))
    assert graph.outputs[0].array_type == ArrayType(FLOAT64, shape)
    x = whole((2, 3))
    known = {Symbol("n"): 2, Symbol("m"): 3}
    same(interpret(graph, x)[0], x.reshape([evaluate(d, known) for d in shape]))


# ---- boxes -------------------------------------------------------------------------------------


@given(boxes(), KINDS)
def test_slice(box: tuple[tuple[int, ...], dict[str, Any]], dtype: Any) -> None:
    shape, attrs = box
    x = whole(shape, dtype)
    lines = [
        [start + step * i for i in range(length)]
        for start, length, step in zip(attrs["start"], attrs["shape"], attrs["step"], strict=True)
    ]
    expected = x[np.ix_(*(np.asarray(line, int) for line in lines))] if lines else x
    check(slice_, expected, x, **attrs)


@given(boxes(), KINDS)
def test_slice_update(box: tuple[tuple[int, ...], dict[str, Any]], dtype: Any) -> None:
    shape, attrs = box
    base, update = whole(shape, dtype), whole(attrs.pop("shape"), dtype, seed=1)
    expected = base.copy()
    for index in np.ndindex(*update.shape):
        place = tuple(
            s + d * i for s, d, i in zip(attrs["start"], attrs["step"], index, strict=True)
        )
        expected[place] = update[index]
    check(slice_update, expected, base, update, linear=(0, 1), **attrs)


@given(st.data(), KINDS)
def test_concatenate(data: st.DataObject, dtype: Any) -> None:
    shape = data.draw(SHAPES.filter(bool))
    axis = data.draw(st.integers(0, len(shape) - 1))
    lengths = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    xs = [
        whole((*shape[:axis], length, *shape[axis + 1 :]), dtype, seed)
        for seed, length in enumerate(lengths)
    ]
    check(concatenate, np.concatenate(xs, axis), *xs, linear=range(len(xs)), axis=axis)


def test_symbolic_boxes() -> None:
    def function(x: Value, y: Value) -> Any:
        joined = concatenate(x, take_axis(y, 0, 1, m - 1), axis=0)
        return slice_update(full_like(joined, 0), flip(joined, 0), start=(0,), step=(1,))

    graph = verify(trace(function, ArrayType(FLOAT64, (n,)), ArrayType(FLOAT64, (m,))))
    assert graph.outputs[0].array_type == ArrayType(FLOAT64, (n + m - 1,))
    x, y = whole((3,)), whole((4,), seed=1)
    same(interpret(graph, x, y)[0], np.concatenate([x, y[1:]])[::-1])
    reverse = verify(vjp(graph))
    ct = whole((6,), seed=2)
    _, x_ct, y_ct = interpret(reverse, x, y, ct)
    same(x_ct, ct[::-1][:3])
    same(y_ct, np.concatenate([[0.0], ct[::-1][3:]]))


def test_move_axis() -> None:
    x = whole((2, 3, 4))
    for source, destination in itertools.product(range(3), repeat=2):
        graph = trace(lambda v, s=source, d=destination: move_axis(v, s, d), array_type(x))
        same(interpret(graph, x)[0], np.moveaxis(x, source, destination))


# ---- gather and scatter ------------------------------------------------------------------------

Selection = tuple[tuple[int, ...], list[Any], tuple[int, ...]]


def selected(shape: Sequence[int], indices: Sequence[Any], axes: Sequence[int]) -> tuple[int, ...]:
    return (*indices[0].shape, *(d for axis, d in enumerate(shape) if axis not in axes))


@given(selections(), KINDS)
def test_gather(selection: Selection, dtype: Any) -> None:
    shape, indices, axes = selection
    x = whole(shape, dtype)
    expected = np.empty(selected(shape, indices, axes), dtype)
    for at, chosen in places(indices, axes, x.ndim):
        expected[at] = x[chosen]
    check(gather, expected, x, *indices, axes=axes)


@given(selections(), KINDS.filter(lambda dtype: dtype != BOOL))
def test_scatter_add(selection: Selection, dtype: Any) -> None:
    shape, indices, axes = selection
    base = whole(shape, dtype)
    updates = whole(selected(shape, indices, axes), dtype, seed=1)
    expected = base.copy()
    for at, chosen in places(indices, axes, base.ndim):
        expected[chosen] += updates[at]
    check(scatter_add, expected, base, updates, *indices, linear=(0, 1), axes=axes)


@given(selections(), KINDS, st.booleans())
def test_scatter_keeps_the_last(selection: Selection, dtype: Any, fortran: bool) -> None:
    shape, indices, axes = selection
    base = whole(shape, dtype)
    updates = whole(selected(shape, indices, axes), dtype, seed=1)
    if fortran:
        updates = np.asarray(updates, order="F")
    expected = base.copy()
    for at, chosen in places(indices, axes, base.ndim):
        expected[chosen] = updates[at]
    check(scatter, expected, base, updates, *indices, linear=(0, 1), axes=axes)


def test_scatter_is_what_numpy_assigns() -> None:
    base, updates = whole((4, 2)), whole((2, 3, 2), seed=1)
    index = np.array([[1, 1, 3], [3, 0, 1]])
    expected = base.copy()
    expected[index] = updates
    same(scatter(base, updates, index, axes=(0,)), expected)


def test_the_last_update_is_the_last_by_index_not_in_memory() -> None:
    index = np.asfortranarray([[0, 1, 0], [1, 0, 1]])
    updates = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    check(scatter, [4.0, 5.0], np.zeros(2), updates, index, linear=(0, 1), axes=(0,))


def test_only_the_last_update_receives_a_cotangent() -> None:
    base, updates, index = whole((3,)), whole((4,), seed=1), np.array([2, 0, 2, 2])
    graph = trace(
        lambda b, u, i: scatter(b, u, i, axes=(0,)), *map(array_type, (base, updates, index))
    )
    ct = np.array([5.0, np.inf, 7.0])
    _, base_ct, updates_ct = interpret(vjp(graph), base, updates, index, ct)
    same(base_ct, np.array([0.0, np.inf, 0.0]))
    same(updates_ct, np.array([0.0, 5.0, 0.0, 7.0]))


def test_second_derivative_through_gather_and_scatter() -> None:
    index = np.array([2, 0, 2])

    def cubes(x: Value, i: Value) -> Any:
        taken = gather(x, i, axes=(0,))
        placed = scatter(x, multiply(taken, taken), i, axes=(0,))
        return sum_(multiply(placed, x), axes=(0,))

    x = np.array([2.0, 3.0, 5.0])
    graph = trace(cubes, array_type(x), array_type(index))
    gradient = vjp(graph)
    same(interpret(gradient, x, index, np.float64(1))[1], np.array([12.0, 6.0, 75.0]))
    hessian = jvp(gradient, [True, False, False])
    outputs = interpret(hessian, x, index, np.float64(1), np.ones(3))
    same(outputs[3], np.array([12.0, 2.0, 30.0]))


def test_symbolic_gather() -> None:
    types = ArrayType(FLOAT64, (n, m)), ArrayType(INT64, (n,))
    graph = verify(trace(lambda x, i: gather(x, i, axes=(1,)), *types))
    assert graph.outputs[0].array_type == ArrayType(FLOAT64, (n, n))
    x, index = whole((3, 2)), np.array([1, 0, 1])
    same(interpret(graph, x, index)[0], x[:, index].T)
    verify(vjp(graph))
    verify(batch(vjp(graph), (True, True, True), symbol("k")))


# ---- creation ----------------------------------------------------------------------------------


def make(op: Op, **attrs: Any) -> Graph:
    builder = Builder()
    return verify(builder.build([builder.emit(op, (), attrs)]))


@given(st.data(), st.sampled_from([DTYPES[name] for name in ("i64", "u8", "f32", "f64")]))
def test_iota(data: st.DataObject, dtype: Any) -> None:
    shape = data.draw(SHAPES.filter(bool))
    axis = data.draw(st.integers(0, len(shape) - 1))
    expected = np.indices(shape)[axis].astype(dtype)
    attrs = {"shape": shape, "axis": axis, "dtype": dtype}
    same(interpret(make(iota, **attrs))[0], expected)
    same(lowered(iota, **attrs), expected)


def test_a_narrow_iota_wraps() -> None:
    attrs = {"shape": (300,), "axis": 0, "dtype": DTYPES["u8"]}
    same(iota(**attrs), np.arange(300).astype(np.uint8))
    same(lowered(iota, **attrs), np.arange(300).astype(np.uint8))


def test_symbolic_iota_and_size() -> None:
    known = {Symbol("n"): 4}
    graph = make(iota, shape=(n, 2), axis=0, dtype=FLOAT64)
    same(interpret(graph, sizes=known)[0], np.indices((4, 2))[0].astype(float))
    graph = make(size_value, value=n * n + 1)
    assert graph.outputs[0].array_type == ArrayType(INT64)
    same(interpret(graph, sizes=known)[0], np.asarray(17))
    same(lowered(size_value, value=17), np.asarray(17))


# ---- branches ----------------------------------------------------------------------------------


def branches(*types: ArrayType) -> tuple[Graph, Graph]:
    def then(x: Value, y: Value, k: Value) -> tuple[Value, ...]:
        return multiply(x, y), multiply(x, x), k

    def orelse(x: Value, y: Value, k: Value) -> tuple[Value, ...]:
        return multiply(y, multiply(y, y)), full_like(x, 3), multiply(k, k)

    return trace(then, *types), trace(orelse, *types)


def choice() -> Graph:
    types = ArrayType(FLOAT64, (2,)), ArrayType(FLOAT64, (2,)), ArrayType(INT64)
    then, orelse = branches(*types)

    def function(p: Value, x: Value, y: Value, k: Value) -> list[Value]:
        both = cond(p, x, y, k, then=then, orelse=orelse)
        return [item(both, index=i) for i in range(3)]

    return verify(trace(function, ArrayType(BOOL), *types))


X, Y, K = np.array([2.0, 3.0]), np.array([5.0, 7.0]), np.asarray(4)


def test_cond_computes_one_branch() -> None:
    for p, expected in ((True, (X * Y, X * X, K)), (False, (Y**3, X * 0 + 3, K * K))):
        for got, value in zip(interpret(choice(), p, X, Y, K), expected, strict=True):
            same(got, value)


def test_derivatives_of_cond() -> None:
    graph, dx, dy = choice(), np.array([1.0, 10.0]), np.array([-1.0, 2.0])
    forward = verify(jvp(graph))
    same(interpret(forward, True, X, Y, K, dx, dy)[3], dx * Y + X * dy)
    same(interpret(forward, True, X, Y, K, dx, dy)[4], 2 * X * dx)
    same(interpret(forward, False, X, Y, K, dx, dy)[3], 3 * Y * Y * dy)
    same(interpret(forward, False, X, Y, K, dx, dy)[4], np.zeros(2))
    reverse = verify(vjp(graph))
    a, b = np.array([1.0, 2.0]), np.array([3.0, 5.0])
    same(interpret(reverse, True, X, Y, K, a, b)[3], a * Y + 2 * X * b)
    same(interpret(reverse, True, X, Y, K, a, b)[4], a * X)
    same(interpret(reverse, False, X, Y, K, a, b)[3], np.zeros(2))
    same(interpret(reverse, False, X, Y, K, a, b)[4], 3 * Y * Y * a)


def test_a_branch_between_integers_has_no_tangent() -> None:
    types = ArrayType(FLOAT64), ArrayType(INT64)
    then, orelse = trace(lambda x, k: k, *types), trace(lambda x, k: multiply(k, k), *types)

    def function(p: Value, x: Value, k: Value) -> Any:
        return item(cond(p, x, k, then=then, orelse=orelse), index=0)

    forward = verify(jvp(trace(function, ArrayType(BOOL), *types)))
    assert sum(node.op is cond for node in forward) == 1
    same(interpret(forward, False, 2.0, K, 1.0)[0], K * K)


def test_a_cotangent_for_one_item_alone() -> None:
    graph = choice()
    only = Graph(graph.params, graph.nodes, graph.outputs[1:2])
    same(interpret(verify(vjp(only)), True, X, Y, K, X)[1], 2 * X * X)


def test_second_derivative_of_cond() -> None:
    reverse = vjp(choice())
    moving = [False, False, True, False, False, False]
    hessian = verify(jvp(reverse, moving))
    a, b, dy = np.ones(2), np.zeros(2), np.ones(2)
    outputs = interpret(hessian, False, X, Y, K, a, b, dy)
    same(outputs[-1], 6 * Y)
    outputs = interpret(hessian, True, X, Y, K, a, b, dy)
    same(outputs[-2], np.ones(2))
    verify(vjp(vjp(reverse)))


@pytest.mark.parametrize("flags", list(itertools.product([False, True], repeat=4)), ids=str)
def test_batched_cond(flags: tuple[bool, ...]) -> None:
    for graph, extra in ((choice(), []), (vjp(choice()), [X, Y])):
        examples: list[Any] = [
            np.array([True, False, True]), *(np.stack([v, v * 2, v + 1]) for v in (X, Y, K)),
        ]  # fmt: skip
        given_ = [e if flag else e[0] for e, flag in zip(examples, flags, strict=True)]
        batched = verify(batch(graph, (*flags, *(False for _ in extra)), 3))
        outputs = interpret(batched, *given_, *extra)
        for k in range(3):
            single = [e[k] if flag else e[0] for e, flag in zip(examples, flags, strict=True)]
            for got, expected in zip(outputs, interpret(graph, *single, *extra), strict=True):
                same(got[k], expected)


def test_guard_gives_its_predicate_and_refuses_a_batch() -> None:
    graph = verify(trace(lambda p: guard(p, expect=True), ArrayType(BOOL)))
    same(interpret(graph, False)[0], np.asarray(False))
    with pytest.raises(AbstractValueError, match=r"np\.where"):
        batch(graph, (True,), 3)


def test_equal_guards_are_both_kept() -> None:
    graph = trace(lambda p: [guard(p, expect=True), guard(p, expect=True)], ArrayType(BOOL))
    assert len(graph) == 2


def symbolic_graphs() -> Iterator[Graph]:
    x, index = ArrayType(FLOAT64, (n, m)), ArrayType(INT64, (m,))
    yield choice()
    yield vjp(choice())
    yield vjp(trace(lambda v, i: gather(v, i, axes=(0,)), x, index))
    yield vjp(
        trace(lambda v, u, i: scatter(v, u, i, axes=(1,)), x, ArrayType(FLOAT64, (m, n)), index)
    )
    yield vjp(trace(lambda v: flip(reshape(v, shape=(n * m,)), 0), x))
    yield vjp(trace(lambda v: concatenate(v, take_axis(v, 0, 0, n // 2, 2), axis=0), x))


@pytest.mark.parametrize("graph", list(symbolic_graphs()))
def test_text_round_trip(graph: Graph) -> None:
    text = print_graph(verify(graph))
    assert print_graph(verify(parse_graph(text))) == text


# ---- what type rules refuse --------------------------------------------------------------------

V, M, B = ArrayType(FLOAT64, (3,)), ArrayType(FLOAT64, (2, 3)), ArrayType(BOOL)
J = ArrayType(INT64, (2,))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: reshape.type_rule(M, shape=(5,)), "as many elements"),
        (lambda: reshape.type_rule(ArrayType(FLOAT64, (n,)), shape=(m,)), "as many elements"),
        (lambda: transpose.type_rule(M, axes=(0, 0)), "each axis once"),
        (lambda: transpose.type_rule(M, axes=(0,)), "each axis once"),
        (lambda: slice_.type_rule(V, start=(0,), shape=(4,), step=(1,)), "inside the array"),
        (lambda: slice_.type_rule(V, start=(1,), shape=(3,), step=(-1,)), "inside the array"),
        (lambda: slice_.type_rule(V, start=(0,), shape=(1,), step=(0,)), "not 0"),
        (lambda: slice_.type_rule(M, start=(0,), shape=(1,), step=(1,)), "each axis"),
        (lambda: slice_update.type_rule(V, J, start=(0,), step=(1,)), "one dtype"),
        (lambda: slice_update.type_rule(V, V, start=(1,), step=(1,)), "inside the array"),
        (lambda: concatenate.type_rule(V, V, axis=1), "axis inside"),
        (lambda: concatenate.type_rule(V, M, axis=0), "differ in the length"),
        (lambda: concatenate.type_rule(V, J, axis=0), "differ in the length"),
        (lambda: gather.type_rule(M, V, axes=(0,)), "int64 indices"),
        (lambda: gather.type_rule(M, J, axes=(0, 1)), "int64 indices"),
        (lambda: gather.type_rule(M, J, ArrayType(INT64, (3,)), axes=(0, 1)), "int64 indices"),
        (lambda: gather.type_rule(M, axes=()), "int64 indices"),
        (lambda: gather.type_rule(M, J, axes=(2,)), "sorted axes"),
        (lambda: scatter.type_rule(M, M, J, axes=(1,)), "updates"),
        (lambda: scatter_add.type_rule(*(ArrayType(BOOL, (2,)),) * 2, J, axes=(0,)), "updates"),
        (lambda: iota.type_rule(shape=(3,), axis=1, dtype=FLOAT64), "axis of"),
        (lambda: iota.type_rule(shape=(3,), axis=0, dtype=BOOL), "number's dtype"),
        (lambda: guard.type_rule(V, expect=True), "one bool"),
        (lambda: guard.type_rule(B, expect=1), "which bool"),
        (lambda: item.type_rule(V, index=0), "tuple"),
    ],
)
def test_type_rules_say_what_they_need(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()


def test_cond_needs_fitting_branches() -> None:
    same_, short = trace(lambda x: x, V), trace(lambda x: sum_(x, axes=(0,)), V)
    with pytest.raises(TypeError, match="one bool"):
        cond.type_rule(V, V, then=same_, orelse=same_)
    with pytest.raises(TypeError, match="take its operands"):
        cond.type_rule(B, M, then=same_, orelse=same_)
    with pytest.raises(TypeError, match="return the same types"):
        cond.type_rule(B, V, then=same_, orelse=short)
