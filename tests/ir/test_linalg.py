"""Contractions: NumPy's answers for every rank and subscript, of lengths known and symbolic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ir.graph_checks import check_batches, check_derivatives
from tracegraph.ir.batching import batch
from tracegraph.ir.graph import Graph, Value, trace
from tracegraph.ir.interpret import interpret
from tracegraph.ir.ops import contract
from tracegraph.ir.ops.einsum import einsum, from_sublists, parse
from tracegraph.ir.ops.linalg import matmul
from tracegraph.ir.sizes import Dim, symbol
from tracegraph.ir.types import BOOL, DTYPES, FLOAT64, ArrayType, DType, array_type
from tracegraph.ir.verify import verify

n, m = symbol("n"), symbol("m")
LENGTHS = {"b": 2, "i": 3, "j": 4, "k": 5, "l": 2, "m": 3, "A": 2}
"""The length of each letter of the tables below."""

SUBSCRIPTS = [
    "i", "i->", "ij->ji", "ij->j", "ij->i", "ij->", "ji", "bijk->kbij", "ii", "ii->", "ii->i",
    "iij->ji", "iijj->ij", "iii->i", "biib->bi", "i,i", "i,i->i", "i,j", "i,j->ji", "i,->i", ",",
    "ij,ij", "ij,ij->ij", "ij,ij->i", "ij,ji", "ij,j", "ij,i->j", "i,ij", "ij,jk->ik", "ij,jk",
    "ij,jk->ki", "ij,kj->ik", "ji,jk->ik", "ij,jk->", "ij,jk->i", "bij,bjk->bik", "bij,bjk->ibk",
    "bij,jk->bik", "ij,bjk->bik", "bij,bij->b", "ijk,kl,lm->ijm", "i,i,i", "i,ij,j", "i,ij,j->",
    "ij,jk,kl,lm", "bi,bj,bk->bijk", "i,i,i->i", "iij,jk->ik", "ii,jj", "ii,ij->j",
    "ij,ik,il->jkl", "Ai,iA", "ijk,jl,km->ilm", "ij,k->k",
]  # fmt: skip

ELLIPSES = [
    ("...", [(2, 3)]),
    ("...->...", [(2, 3)]),
    ("...->", [()]),
    ("...i->...", [(2, 3, 4)]),
    ("i...->...i", [(2, 3, 4)]),
    ("...ij->...ji", [(2, 3, 4)]),
    ("...ii->...i", [(2, 3, 3)]),
    ("i...i->...", [(3, 2, 3)]),
    ("...ij,...jk", [(2, 3, 4), (2, 4, 5)]),
    ("...ij,...jk", [(3, 4), (2, 4, 5)]),
    ("...ij,...jk->...ik", [(2, 1, 3, 4), (5, 4, 2)]),
    ("...ij,jk", [(2, 2, 3, 4), (4, 5)]),
    ("ij...,jk...->ik...", [(3, 4, 2), (4, 5, 2)]),
    ("...,...", [(3,), (2, 3)]),
    ("...i,...i", [(1, 3), (2, 3)]),
    ("...,i", [(2, 3), (4,)]),
    ("b...,b...->...", [(2, 3), (2, 3)]),
    ("i,i", [(1,), (3,)]),
    ("ij,ij->ij", [(1, 3), (2, 1)]),
    ("ij,jk->ik", [(2, 1), (3, 4)]),
    ("i,i->i", [(0,), (1,)]),
    ("ij,jk->ik", [(0, 3), (3, 2)]),
    ("ij,jk->ik", [(2, 0), (0, 3)]),
    (" i j , j k -> k i ", [(2, 3), (3, 4)]),
]


def fill(shape: Sequence[int], dtype: DType, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    values = rng.integers(-4, 5, shape) if dtype.kind in "iu" else rng.standard_normal(shape)
    if dtype.kind == "c":
        values = values + 1j * rng.standard_normal(shape)
    return np.asarray(values > 0 if dtype == BOOL else values).astype(dtype)


def graph_of(function: Callable[..., Any], *arrays: Any) -> Graph:
    graph = trace(function, *map(array_type, arrays))
    verify(graph)
    return graph


def close(got: Any, expected: Any) -> None:
    """Equal where exact; else the order of the sums is all that may differ."""
    got, expected = np.asarray(got), np.asarray(expected)
    if expected.dtype.kind in "biu":
        np.testing.assert_array_equal(got, expected, strict=True)
    else:
        scale = 64 * np.finfo(expected.dtype).eps * max(1, np.max(np.abs(expected), initial=0))
        np.testing.assert_allclose(got, expected, rtol=0, atol=scale, strict=True)


def check(function: Callable[..., Any], expected: Any, *arrays: Any) -> Graph:
    graph = graph_of(function, *arrays)
    (out,) = interpret(graph, *arrays)
    assert array_type(np.asarray(out)) == graph.outputs[0].type
    close(out, expected)
    return graph


# ---- einsum ------------------------------------------------------------------------------------


def factors(subscripts: str, dtype: DType = FLOAT64) -> list[Any]:
    parts = subscripts.partition("->")[0].split(",")
    return [fill([LENGTHS[c] for c in part], dtype, seed) for seed, part in enumerate(parts)]


@pytest.mark.parametrize("subscripts", SUBSCRIPTS)
def test_einsum_is_numpys(subscripts: str) -> None:
    for dtype in (FLOAT64, *(DTYPES[name] for name in ("f32", "c128", "i8", "u64", "bool"))):
        xs = factors(subscripts, dtype)
        check(lambda *vs: einsum(subscripts, *vs), np.einsum(subscripts, *xs), *xs)


@pytest.mark.parametrize("subscripts", SUBSCRIPTS)
def test_einsum_takes_symbols_for_every_length(subscripts: str) -> None:
    xs = factors(subscripts)
    parts = subscripts.partition("->")[0].split(",")
    types = [ArrayType(FLOAT64, tuple(symbol(c) for c in part)) for part in parts]
    graph = trace(lambda *vs: einsum(subscripts, *vs), *types)
    verify(graph)
    close(interpret(graph, *xs)[0], np.einsum(subscripts, *xs))
    hinted = [ArrayType(FLOAT64, tuple(symbol(c, hint=LENGTHS[c]) for c in part)) for part in parts]
    close(
        interpret(trace(lambda *vs: einsum(subscripts, *vs), *hinted), *xs)[0],
        np.einsum(subscripts, *xs),
    )
    empty = [np.zeros([0] * len(part)) for part in parts]
    close(interpret(graph, *empty)[0], np.einsum(subscripts, *empty))


@pytest.mark.parametrize(("subscripts", "shapes"), ELLIPSES)
def test_einsum_broadcasts_ellipses_and_ones(subscripts: str, shapes: Any) -> None:
    xs = [fill(shape, FLOAT64, seed) for seed, shape in enumerate(shapes)]
    check(lambda *vs: einsum(subscripts, *vs), np.einsum(subscripts, *xs), *xs)


@st.composite
def subscripts(draw: st.DrawFn) -> str:
    letters = st.text("ijkl", max_size=3)
    inputs = draw(st.lists(letters, min_size=1, max_size=4))
    known = "".join(sorted(set("".join(inputs))))
    output = draw(st.permutations(known))[: draw(st.integers(0, len(known)))]
    return ",".join(inputs) + draw(st.sampled_from(["", "->" + "".join(output)]))


@given(subscripts())
def test_einsum_of_random_subscripts(text: str) -> None:
    xs = factors(text, DTYPES["i64"])
    check(lambda *vs: einsum(text, *vs), np.einsum(text, *xs), *xs)


@pytest.mark.parametrize("subscripts", SUBSCRIPTS)
def test_einsum_is_differentiable_and_batches(subscripts: str) -> None:
    xs = factors(subscripts)
    graph = graph_of(lambda *vs: einsum(subscripts, *vs), *xs)
    check_derivatives(graph, *xs, order=2 if len(xs) < 4 else 1, step=1e-4)
    if len(xs) < 3:
        check_batches(graph, *xs, rtol=1e-13)


def test_einsum_diagonal_of_a_symbolic_length_is_differentiable() -> None:
    graph = trace(lambda x: einsum("ii->i", x), ArrayType(FLOAT64, (n, n)))
    check_derivatives(graph, np.arange(9.0).reshape(3, 3))


def op_names(graph: Graph) -> list[str]:
    return [node.op.name for node in graph]


@pytest.mark.parametrize(
    ("subscripts", "names"),
    [
        ("ij,jk->ik", ["matmul"]),
        ("bij,bjk->bik", ["matmul"]),
        ("ij,kj->ik", ["transpose", "matmul"]),
        ("bij,jk->bik", ["reshape", "matmul", "reshape"]),
        ("i,i", ["multiply", "sum"]),
        ("i,j", ["broadcast_to", "broadcast_to", "multiply"]),
        ("ij->ji", ["transpose"]),
        ("ij->j", ["sum"]),
        ("ii->i", ["reshape", "slice"]),
        ("i,i->i", ["multiply"]),
        ("i->i", []),
    ],
)
def test_einsum_is_no_more_than_it_needs_to_be(subscripts: str, names: list[str]) -> None:
    xs = factors(subscripts)
    assert op_names(graph_of(lambda *vs: einsum(subscripts, *vs), *xs)) == names


def test_einsum_contracts_in_the_order_that_costs_least() -> None:
    """From the right, for a vector on the right: two matrix-vector products."""
    lengths = dict(zip("ijkl", (50, 60, 70, 1), strict=True))
    shapes = [tuple(lengths[c] for c in part) for part in ("ij", "jk", "kl")]
    graph = trace(lambda *vs: einsum("ij,jk,kl", *vs), *(ArrayType(FLOAT64, s) for s in shapes))
    products = [node.array_type.shape for node in graph if node.op is matmul]
    assert products == [(60, 1), (50, 1)]


@pytest.mark.parametrize(
    ("text", "ranks"),
    [
        ("ij,jk", [2]), ("ij", [3]), ("ijk", [2]), ("i->j", [1]), ("i->ii", [1]), ("...i->i", [2]),
        ("ij..", [2]), ("i1", [2]), ("i->i.", [1]), ("i...j...", [4]), ("i->i->", [1]),
        ("i-i", [2]), ("i->...i...", [1]),
    ],
)  # fmt: skip
def test_einsum_refuses_what_numpy_refuses(text: str, ranks: list[int]) -> None:
    with pytest.raises(ValueError, match=r"operand|subscript|output"):
        np.einsum(text, *(np.ones((2,) * rank) for rank in ranks))
    with pytest.raises(ValueError, match="einsum"):
        parse(text, ranks)


def test_einsum_refuses_lengths_that_differ() -> None:
    for types in (((2,), (3,)), ((n,), (m,)), ((n,), (3,))):
        with pytest.raises(ValueError, match="label 'i' has the lengths"):
            trace(lambda x, y: einsum("i,i", x, y), *(ArrayType(FLOAT64, t) for t in types))
    with pytest.raises(ValueError, match="a diagonal needs axes of one length, got 1 and 3"):
        trace(lambda x: einsum("ii->i", x), ArrayType(FLOAT64, (1, 3)))


@pytest.mark.parametrize(
    "arguments",
    [
        ("x", [0, 1], "y", [1, 2], [0, 2]),
        ("x", [0, 1], "y", [1, 2]),
        ("x", [30, 1], "y", [1, 27]),
        ("x", [Ellipsis, 1], "y", [1, 2], [2, Ellipsis]),
    ],
)
def test_einsum_list_form(arguments: Any) -> None:
    arrays = {"x": fill((2, 3), FLOAT64), "y": fill((3, 4), FLOAT64)}
    given = [arrays.get(a, a) if isinstance(a, str) else a for a in arguments]
    text, xs = from_sublists(*given)
    check(lambda *vs: einsum(text, *vs), np.einsum(*given), *xs)


# ---- the named contractions --------------------------------------------------------------------

RANKS: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 4)), ((2, 3), (3, 4)), ((5, 2, 3), (3,)),
    ((5, 2, 3), (3, 4)), ((3,), (5, 3, 4)), ((2, 3), (5, 3, 4)), ((5, 2, 3), (5, 3, 4)),
    ((1, 2, 3), (5, 3, 4)), ((5, 2, 3), (1, 3, 4)), ((2, 1, 2, 3), (5, 3, 4)), ((0,), (0,)),
    ((2, 0), (0, 4)), ((0, 3), (3, 4)), ((0, 2, 3), (3, 4)), ((0, 2, 3), (1, 3, 4)),
]  # fmt: skip
DTYPES_HERE = [DTYPES[name] for name in ("f64", "f32", "c64", "i16", "u8", "bool")]


by_ranks = pytest.mark.parametrize(("left", "right"), RANKS, ids=str)


@by_ranks
def test_matrix_product_is_numpys_for_every_rank(left: Any, right: Any) -> None:
    for dtype in DTYPES_HERE:
        x, y = fill(left, dtype, 1), fill(right, dtype, 2)
        check(contract.matrix_product, np.matmul(x, y), x, y)


@by_ranks
def test_matrix_product_is_differentiable_and_batches(left: Any, right: Any) -> None:
    x, y = fill(left, FLOAT64, 1), fill(right, FLOAT64, 2)
    graph = graph_of(contract.matrix_product, x, y)
    check_derivatives(graph, x, y, step=1e-4)
    check_batches(graph, x, y, rtol=1e-13)


@pytest.mark.parametrize("left", [(), (3,), (2, 3), (4, 2, 3)], ids=str)
@pytest.mark.parametrize("right", [(), (3,), (3, 2), (2, 3, 5), (3, 3)], ids=str)
def test_dot_inner_outer_are_numpys_for_every_rank(left: Any, right: Any) -> None:
    for dtype in DTYPES_HERE:
        x, y = fill(left, dtype, 1), fill(right, dtype, 2)
        check(contract.dot, np.dot(x, y), x, y)
        check(contract.outer, np.outer(x, y), x, y)
        y = fill((*right[:-2], *right[:-3:-1]), dtype, 2)
        check(contract.inner, np.inner(x, y), x, y)


@pytest.mark.parametrize(
    ("left", "right"),
    [((3,), (3,)), ((2, 3), (3,)), ((2, 1, 3), (4, 3)), ((0,), (2, 0)), ((3,), (0, 3))],
)
def test_vecdot_is_numpys_and_conjugates(left: Any, right: Any) -> None:
    for dtype in DTYPES_HERE:
        x, y = fill(left, dtype, 1), fill(right, dtype, 2)
        check(contract.vecdot, np.vecdot(x, y), x, y)


@pytest.mark.parametrize(
    ("left", "right", "axes"),
    [
        ((2, 3, 4), (3, 4, 5), 2), ((2, 3), (3, 4), 1), ((2, 3), (4, 5), 0), ((2, 3), (2, 3), 2),
        ((2, 3, 4), (4, 3, 2), ((0, 1), (2, 1))), ((2, 3, 4), (5, 4, 2), ((-1, 0), (1, -1))),
        ((2, 3), (3, 2), ((1,), (0,))), ((3,), (3,), 1), ((), (), 0), ((2, 0), (0, 3), 1),
        ((2, 3), (3, 4), ((), ())),
    ],
)  # fmt: skip
def test_tensordot_is_numpys(left: Any, right: Any, axes: Any) -> None:
    for dtype in DTYPES_HERE[:-1]:
        x, y = fill(left, dtype, 1), fill(right, dtype, 2)
        given: Any = axes if isinstance(axes, int) else tuple(map(list, axes))
        check(lambda p, q: contract.tensordot(p, q, axes), np.tensordot(x, y, given), x, y)


def test_contractions_take_symbolic_lengths() -> None:
    def typed(*shapes: tuple[Dim, ...]) -> list[ArrayType]:
        return [ArrayType(FLOAT64, shape) for shape in shapes]

    x, y = fill((5, 2, 3), FLOAT64, 1), fill((3, 4), FLOAT64, 2)
    graph = trace(contract.matrix_product, *typed((n, 2, m), (m, 4)))
    assert graph.outputs[0].type == ArrayType(FLOAT64, (n, 2, 4))
    close(interpret(graph, x, y)[0], x @ y)
    check_derivatives(graph, x, y)
    graph = trace(lambda p, q: contract.tensordot(p, q, 1), *typed((2, n), (n, m)))
    close(interpret(graph, x[0], y)[0], np.tensordot(x[0], y, 1))
    graph = trace(contract.outer, *typed((n, 2), (m,)))
    close(interpret(graph, y[:, :2], y[0])[0], np.outer(y[:, :2], y[0]))


@pytest.mark.parametrize(
    "function",
    [contract.matrix_product, contract.dot, contract.inner, contract.vecdot, contract.tensordot],
)
def test_lengths_that_differ_are_refused(function: Callable[..., Value]) -> None:
    for types in (((2, 3), (4, 5)), ((2, n), (m, 2))):
        with pytest.raises(ValueError, match="must agree"):
            trace(function, *(ArrayType(FLOAT64, t) for t in types))


def test_matmul_itself_takes_only_the_canonical_form() -> None:
    for left, right in (
        ((3,), (3,)),
        ((2, 3), (2, 3)),
        ((1, 2, 3), (5, 3, 4)),
        ((2, 3), (1, 3, 4)),
    ):
        with pytest.raises(TypeError, match=r"matmul needs \[\*batch, m, k\] and"):
            trace(matmul, ArrayType(FLOAT64, left), ArrayType(FLOAT64, right))


def test_a_batch_of_rows_times_one_matrix_is_one_product() -> None:
    x, w = fill((1, 3), FLOAT64), fill((3, 4), FLOAT64)
    batched = batch(graph_of(matmul, x, w), (True, False), n)
    assert op_names(batched) == ["reshape", "matmul", "reshape"]
    assert [node.type for node in batched if node.op is matmul] == [ArrayType(FLOAT64, (n, 4))]


def test_a_chain_of_float32_products_is_as_accurate_as_numpys() -> None:
    xs = [fill((40, 40), DTYPES["f32"], seed) for seed in range(3)]
    exact = np.einsum("ij,jk,kl->il", *(x.astype(np.float64) for x in xs), optimize=True)
    (ours,) = interpret(graph_of(lambda *vs: einsum("ij,jk,kl->il", *vs), *xs), *xs)
    worst = np.max(np.abs(xs[0]) @ np.abs(xs[1]) @ np.abs(xs[2]))
    assert np.max(np.abs(ours - exact)) <= 8 * np.finfo(np.float32).eps * worst
