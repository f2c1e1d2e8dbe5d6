"""Passes change no bit of any result, and every identity of ``simplify`` has its line here."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

from tracegraph.ir.graph import Builder, Graph, Value, attrs_key, trace
from tracegraph.ir.interpret import interpret
from tracegraph.ir.ops.arithmetic import add, chain, divide, multiply, negative, subtract
from tracegraph.ir.ops.boxes import concatenate, slice_, slice_update
from tracegraph.ir.ops.broadcast import broadcast_to, full_like, literal, scalar_like, sum_
from tracegraph.ir.ops.cast import cast
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import logical_and
from tracegraph.ir.ops.control import guard
from tracegraph.ir.ops.creation import iota
from tracegraph.ir.ops.identity import mark
from tracegraph.ir.ops.index import gather, scatter
from tracegraph.ir.ops.structural import reshape, transpose
from tracegraph.ir.parse import parse_graph
from tracegraph.ir.passes import PIPELINE, run_pipeline
from tracegraph.ir.passes.constants import fold_constants
from tracegraph.ir.passes.dead_code import remove_dead_code
from tracegraph.ir.passes.simplify import RULES, simplify
from tracegraph.ir.rewrite import rewrite
from tracegraph.ir.text import print_graph
from tracegraph.ir.types import BOOL, DTYPES, FLOAT64, INT64, ArrayType
from tracegraph.ir.verify import verify

REAL = tuple(d for d in DTYPES.values() if d.kind in "iuf")
FLOAT = tuple(d for d in DTYPES.values() if d.kind in "f")
NUMERIC = tuple(d for d in DTYPES.values() if d.kind in "iufc")
INEXACT = tuple(d for d in DTYPES.values() if d.kind in "fc")
ALL = tuple(DTYPES.values())


def special(dtype: Any) -> Any:
    """Return the values of a dtype at which identities go wrong."""
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.kind in "iu":
        low, high = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
        whole = [low, low + 1, 0, 1, 2, 7, high - 1, high]
        return np.array(sorted({*whole, *([-1] if dtype.kind == "i" else [])}), dtype)
    if dtype.kind == "c":
        parts = special(np.dtype("f4" if dtype.itemsize == 8 else "f8"))
        found = np.empty(len(parts) ** 2, dtype)
        found.real, found.imag = np.array(list(itertools.product(parts, parts))).T
        return found
    info = np.finfo(dtype)
    numbers = [0.0, info.smallest_subnormal, info.tiny, 0.1, 1.0, 1.5, info.max, np.inf]
    odd = np.array([0x7FF8000000001234], "u8").view("f8").astype(dtype)
    return np.concatenate([np.array([*numbers, *(-x for x in numbers)], dtype), odd, -odd])


class Case(NamedTuple):
    """What a rule is tried on: one array of each of the ``dtypes``, of which all is special."""

    before: Callable[[Value], Value]
    dtypes: tuple[Any, ...]


def _grid(x: Value) -> Value:
    """Return the numbers as a matrix of one column."""
    out: Value = reshape(x, shape=(*x.shape, 1))
    return out


def _pair(x: Value) -> Value:
    """Return the numbers twice, the second time backwards."""
    backwards = slice_(x, start=(x.shape[0] - 1,), shape=x.shape, step=(-1,))
    out: Value = concatenate(x, backwards, axis=0)
    return out


def _inner(x: Value) -> tuple[Any, ...]:
    return (x.shape[0] - 2,)


def _updated(x: Value, y: Value) -> Value:
    """Return ``x`` with what is between its ends taken from ``y``."""
    update = slice_(y, start=(0,), shape=_inner(y), step=(1,))
    out: Value = slice_update(x, update, start=(1,), step=(1,))
    return out


def _zero(x: Value) -> Value:
    """Return the first place of an array, computed."""
    numbers = x.builder.emit(iota, (), {"shape": x.shape, "axis": 0, "dtype": INT64})
    out: Value = reshape(slice_(numbers, start=(0,), shape=(1,), step=(1,)), shape=())
    return out


def _last(x: Value) -> Value:
    out: Value = reshape(slice_(x, start=(x.shape[0] - 1,), shape=(1,), step=(1,)), shape=())
    return out


def _put(x: Value, number: int) -> Value:
    """Return ``x`` with its last element, or a number, at its first place."""
    new = _last(x) if number else scalar_like(_last(x), 0)
    out: Value = scatter(x, new, _zero(x), axes=(0,))
    return out


HOLDS: dict[tuple[str, int], tuple[Case, ...]] = {
    ("add", 0): (
        Case(lambda x: add(x, full_like(x, -0.0 if x.dtype.kind == "f" else 0)), REAL),
        Case(lambda x: add(full_like(x, -0.0 if x.dtype.kind == "f" else 0), x), REAL),
    ),
    ("subtract", 0): (Case(lambda x: subtract(x, full_like(x, 0)), REAL),),
    ("multiply", 0): (Case(lambda x: multiply(x, full_like(x, 1)), REAL),),
    ("multiply", 1): (Case(lambda x: multiply(full_like(x, 1), x), REAL),),
    ("divide", 0): (Case(lambda x: divide(x, full_like(x, 1)), FLOAT),),
    ("chain", 0): (
        Case(lambda x: chain(x, full_like(x, 1)), FLOAT),
        Case(lambda x: chain(x, full_like(x, 2.5)), FLOAT),
        Case(lambda x: chain(x, full_like(x, 0.0)), FLOAT),
    ),
    ("chain", 1): (
        Case(lambda x: chain(full_like(x, 1), x), FLOAT),
        Case(lambda x: chain(full_like(x, -2.5), x), FLOAT),
        Case(lambda x: chain(full_like(x, np.inf), x), FLOAT),
    ),
    ("negative", 0): (Case(lambda x: negative(negative(x)), NUMERIC),),
    ("reshape", 0): (
        Case(lambda x: reshape(x, shape=x.shape), ALL),
        Case(lambda x: reshape(_grid(x), shape=(1, *x.shape)), ALL),
    ),
    ("transpose", 0): (
        Case(lambda x: transpose(_grid(x), axes=(0, 1)), ALL),
        Case(lambda x: transpose(transpose(_grid(x), axes=(1, 0)), axes=(1, 0)), ALL),
    ),
    ("broadcast_to", 0): (
        Case(lambda x: broadcast_to(x, shape=x.shape, axes=(0,)), ALL),
        Case(
            lambda x: broadcast_to(
                broadcast_to(x, shape=(2, *x.shape), axes=(1,)), shape=(2, *x.shape, 3), axes=(0, 1)
            ),
            ALL,
        ),
    ),
    ("slice", 0): (
        Case(lambda x: slice_(full_like(x, 1), start=(1,), shape=(1,), step=(1,)), ALL),
    ),
    ("slice", 1): (
        Case(lambda x: slice_(_pair(x), start=x.shape, shape=x.shape, step=(1,)), ALL),
        Case(lambda x: slice_(_pair(x), start=(0,), shape=x.shape, step=(1,)), ALL),
        Case(lambda x: slice_(_pair(x), start=(1,), shape=(1,), step=(1,)), ALL),
    ),
    ("slice", 2): (
        Case(lambda x: slice_(_updated(x, x), start=(1,), shape=_inner(x), step=(1,)), ALL),
    ),
    ("slice", 3): (
        Case(lambda x: slice_(_updated(x, x), start=(0,), shape=(1,), step=(1,)), ALL),
        Case(
            lambda x: slice_(_updated(x, x), start=(x.shape[0] - 1,), shape=(1,), step=(-1,)), ALL
        ),
    ),
    ("gather", 0): (Case(lambda x: gather(_put(x, 1), _zero(x), axes=(0,)), ALL),),
    ("scatter", 0): (Case(lambda x: scatter(_put(x, 0), _last(x), _zero(x), axes=(0,)), ALL),),
    ("slice_update", 0): (Case(lambda x: _updated(_updated(x, full_like(x, 1)), x), ALL),),
    ("cast", 0): (Case(lambda x: cast(x, dtype=x.dtype), ALL),),
    ("sum", 0): (Case(lambda x: sum_(x, axes=()), NUMERIC),),
    ("select", 0): (Case(lambda x: select(_flags(x, True), x, full_like(x, 1)), ALL),),
    ("select", 1): (Case(lambda x: select(_flags(x, False), full_like(x, 1), x), ALL),),
    ("select", 2): (Case(lambda x: select(_mixed(x), x, x), ALL),),
    ("logical_and", 0): (Case(lambda x: logical_and(_flags(x, True), _mixed(x)), ALL),),
    ("logical_and", 1): (Case(lambda x: logical_and(_mixed(x), _flags(x, True)), ALL),),
    ("mark", 0): (Case(lambda x: mark(x, token=3), ALL),),
}
"""For each rule, by operation and position, graphs that it has to change."""

STAYS: tuple[Case, ...] = (
    Case(lambda x: add(x, full_like(x, 0.0)), INEXACT),
    Case(lambda x: add(x, full_like(x, -0.0)), tuple(d for d in ALL if d.kind == "c")),
    Case(lambda x: subtract(x, full_like(x, -0.0)), FLOAT),
    Case(lambda x: subtract(x, x), INEXACT),
    Case(lambda x: multiply(x, full_like(x, 0)), INEXACT),
    Case(lambda x: multiply(x, full_like(x, 1)), tuple(d for d in ALL if d.kind == "c")),
    Case(lambda x: divide(x, full_like(x, 2)), INEXACT),
    Case(lambda x: chain(x, full_like(x, -2.5)), INEXACT),
    Case(lambda x: chain(x, full_like(x, -0.0)), INEXACT),
    Case(lambda x: chain(x, full_like(x, np.inf)), INEXACT),
    Case(lambda x: chain(full_like(x, 0), x), INEXACT),
    Case(lambda x: chain(full_like(x, np.nan), x), INEXACT),
    Case(lambda x: chain(full_like(x, 1), x), INEXACT),
    Case(lambda x: slice_(_pair(x), start=(1,), shape=x.shape, step=(1,)), ALL),
    Case(lambda x: slice_(_pair(x), start=(0,), shape=x.shape, step=(2,)), ALL),
)
"""Graphs that look like those, whose bits the passes keep whether or not a rule applies."""


def _flags(x: Value, answer: bool) -> Value:
    return full_like(cast(x, dtype=BOOL), answer)


def _mixed(x: Value) -> Value:
    out: Value = cast(x, dtype=BOOL)
    return out


def same_bits(got: Any, expected: Any) -> None:
    """Compare bits; one NaN is as good as another: NumPy's own choice depends on the machine."""
    got, expected = np.asarray(got), np.asarray(expected)
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    parts = [(got, expected)]
    if got.dtype.kind == "c":
        parts = [(got.real, expected.real), (got.imag, expected.imag)]
    for a, b in parts:
        keep = ~(np.isnan(a) & np.isnan(b)) if a.dtype.kind == "f" else np.full(a.shape, True)
        assert a[keep].tobytes() == b[keep].tobytes(), (got, expected)


def check(case: Case, change: Callable[[Graph], Graph], dtype: Any) -> Graph:
    """Return the changed graph, after checking that it computes the same."""
    values = special(dtype)
    before = verify(trace(case.before, ArrayType(dtype, values.shape)))
    after = verify(change(before))
    with np.errstate(all="ignore"):
        same_bits(interpret(after, values)[0], interpret(before, values)[0])
    return after


def test_every_rule_has_a_case() -> None:
    rules = {(name, i) for name, listed in RULES.items() for i in range(len(listed))}
    assert rules == set(HOLDS)


@pytest.mark.parametrize("dtype", [d for d in DTYPES.values() if d != BOOL], ids=str)
def test_the_truth_of_numbers_is_no_number(dtype: Any) -> None:
    x = np.array([0, 1, 7], dtype)
    for swap in (False, True):

        def both(x: Value, swap: bool = swap) -> list[Value]:
            pair = (x, full_like(x, 1))
            return [logical_and(*(reversed(pair) if swap else pair))]

        (found,) = interpret(run_pipeline(trace(both, ArrayType(dtype, (3,)))), x)
        same_bits(found, np.array([False, True, True]))


@pytest.mark.parametrize("rule", HOLDS, ids=lambda rule: f"{rule[0]}-{rule[1]}")
def test_identities_apply_and_are_exact(rule: tuple[str, int]) -> None:
    name, position = rule
    alone = {name: (RULES[name][position],)}
    for case in HOLDS[rule]:
        for dtype in case.dtypes:
            after = check(case, lambda graph: remove_dead_code(rewrite(graph, alone)), dtype)
            shape = special(dtype).shape
            before = remove_dead_code(trace(case.before, ArrayType(dtype, shape)))
            assert print_graph(after) != print_graph(before), dtype


@pytest.mark.parametrize("case", [c for cases in HOLDS.values() for c in cases] + list(STAYS))
def test_the_pipeline_keeps_every_bit(case: Case) -> None:
    for dtype in case.dtypes:
        for one in PIPELINE:
            check(case, one, dtype)
        check(case, run_pipeline, dtype)


def test_the_pipeline_calls_back_after_each_pass() -> None:
    seen: list[Any] = []
    graph = trace(lambda x: add(x, full_like(x, -0.0)), ArrayType(FLOAT64, (3,)))
    result = run_pipeline(graph, lambda one, after: seen.append((one, len(verify(after)))))
    assert tuple(one for one, _ in seen) == PIPELINE
    assert len(result) == 0


def test_constants_are_folded_by_the_eager_kernel() -> None:
    one = parse_graph("""graph(%0: f64[3]):
  %1: f64[] = literal(value=f64(0.1))
  %2: f64[] = add(%1, %1)
  %3: f64[] = divide(%2, %1)
  %4: f64[] = log(%1)
  %5: f64[3] = broadcast_to(%3, axes=(), shape=(3,))
  %6: f64[3] = multiply(%0, %5)
  return %6, %4""")
    folded = remove_dead_code(fold_constants(one))
    assert [node.op.name for node in folded] == ["literal", "literal", "broadcast_to", "multiply"]
    x = np.array([1.0, -0.0, np.nan])
    for got, expected in zip(interpret(folded, x), interpret(one, x), strict=True):
        same_bits(got, expected)


def test_folding_is_quiet_and_keeps_what_is_not_a_number(recwarn: pytest.WarningsRecorder) -> None:
    def function(x: Value) -> list[Value]:
        zero = scalar_like(x, 0)
        return [divide(scalar_like(x, 1), zero), divide(zero, zero)]

    first, second = fold_constants(trace(function, ArrayType(FLOAT64))).outputs
    assert dict(first.attrs)["value"] == np.inf
    assert np.isnan(dict(second.attrs)["value"])
    assert not recwarn


def test_a_guard_on_a_constant_is_dropped() -> None:
    builder = Builder()
    yes = builder.emit(literal, (), {"value": np.bool_(True)})
    guard(yes, expect=True, number=0)
    assert not any(node.op is guard for node in fold_constants(builder.build([])))


def test_dead_code_keeps_effects_in_order_and_parameters() -> None:
    def function(p: Value, q: Value, x: Value) -> Value:
        add(x, x)
        guard(p, expect=True, number=0)
        guard(q, expect=False, number=1)
        out: Value = negative(x)
        return out

    types = ArrayType(BOOL), ArrayType(BOOL), ArrayType(FLOAT64)
    graph = remove_dead_code(trace(function, *types))
    assert [node.op.name for node in graph] == ["guard", "guard", "negative"]
    assert [dict(node.attrs)["number"] for node in graph.nodes[:2]] == [0, 1]
    assert len(graph.params) == 3
    assert [n.op.name for n in run_pipeline(graph)] == ["guard", "guard", "negative"]


DISTINCT = (
    0.0, -0.0, 0, False, True, 1, 1.0, 0j, complex(0.0, -0.0), complex(-0.0, 0.0),
    np.float64(0.0), np.float64(-0.0), np.float32(0.0), np.int64(0), np.int32(0), np.bool_(False),
    np.nan, -np.nan, "0", None, (0,), (0.0,), (False,), ((0,),), np.dtype("f8"), np.dtype("f4"),
)  # fmt: skip


def test_attributes_are_keyed_by_type_and_bits() -> None:
    for a, b in itertools.combinations(DISTINCT, 2):
        assert attrs_key(a) != attrs_key(b), (a, b)
    for a in DISTINCT:
        assert attrs_key(a) == attrs_key(a)
        hash(attrs_key(a))
    assert attrs_key(np.float64(np.nan)) == attrs_key(np.float64(np.nan))


def test_equal_nodes_are_shared_and_unequal_ones_are_not() -> None:
    builder = Builder()
    x = builder.parameter(ArrayType(FLOAT64, (3,)))
    assert add(x, x).node is add(x, x).node
    assert scalar_like(x, 0.0).node is not scalar_like(x, -0.0).node
    assert scalar_like(x, np.nan).node is scalar_like(x, np.nan).node
    one, true = (builder.emit(literal, (), {"value": v}) for v in (np.int8(1), np.bool_(True)))
    assert one.node is not true.node
    assert sum_(x, axes=(0,)).node is not sum_(x, axes=()).node


def test_simplify_follows_what_it_has_simplified() -> None:
    graph = parse_graph("""graph(%0: f64[2,3]):
  %1: f64[3,2] = transpose(%0, axes=(1, 0))
  %2: f64[3,2] = cast(%1, dtype=f64)
  %3: f64[2,3] = transpose(%2, axes=(1, 0))
  %4: f64[2,3] = negative(%3)
  %5: f64[2,3] = negative(%4)
  return %5""")
    after = remove_dead_code(simplify(graph))
    assert len(after) == 0
    assert after.outputs == after.params
