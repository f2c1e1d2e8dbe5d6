"""Arrangement, boxes and creation: against NumPy, and by structure over symbolic sizes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ir.exact_checks import (
    KINDS,
    SHAPES,
    boxes,
    check,
    equal_shapes,
    lowered,
    same,
    whole,
)
from tracegraph.ir.autodiff import vjp
from tracegraph.ir.graph import Builder, Graph, Op, Value, trace
from tracegraph.ir.interpret import interpret
from tracegraph.ir.lowering import Pull
from tracegraph.ir.ops.boxes import concatenate, slice_, slice_update
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.compose import flip, move_axis, take_axis
from tracegraph.ir.ops.control import guard, item
from tracegraph.ir.ops.creation import iota, size_value
from tracegraph.ir.ops.index import gather, scatter, scatter_add
from tracegraph.ir.ops.structural import regroup, reshape, transpose
from tracegraph.ir.scalar import Scalar, ScalarBuilder
from tracegraph.ir.size_values import evaluate
from tracegraph.ir.sizes import Dim, Size, Symbol, symbol
from tracegraph.ir.types import BOOL, DTYPES, FLOAT64, INT64, ArrayType, array_type
from tracegraph.ir.verify import verify

n, m = symbol("n"), symbol("m")


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
        (lambda: guard.type_rule(V, expect=True, number=0), "one bool"),
        (lambda: guard.type_rule(B, expect=1, number=0), "which bool"),
        (lambda: item.type_rule(V, index=0), "tuple"),
    ],
)
def test_type_rules_say_what_they_need(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call()
