"""Indexing rules against NumPy, with static and with symbolic sizes."""

import operator
from typing import Any

import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from tests.numpy.rule_checks import Noted, check, may_refuse, run_graph
from tracegraph.numpy.table import RULES

SHAPES = hnp.array_shapes(max_dims=3, max_side=5, min_side=0)


def numbered(shape: tuple[int, ...], dtype: Any = float) -> Any:
    return np.arange(np.prod(shape, dtype=int), dtype=dtype).reshape(shape)


@st.composite
def basic(draw: Any) -> tuple[Any, Any]:
    shape = draw(SHAPES)
    index = draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True, max_dims=6))
    return numbered(shape), index


@st.composite
def advanced(draw: Any) -> tuple[Any, Any]:
    """An array, and an index with integers, slices, new axes and integer arrays in any order."""
    shape = draw(hnp.array_shapes(max_dims=4, max_side=4, min_side=1))
    batch = draw(hnp.array_shapes(max_dims=2, max_side=3))
    items: list[Any] = []
    for length in shape[: draw(st.integers(1, len(shape)))]:
        kind = draw(st.sampled_from(["array", "array", "slice", "int"]))
        if kind == "array":
            part = batch[draw(st.integers(0, len(batch))) :]
            whole = hnp.arrays(np.int64, part, elements=st.integers(-length, length - 1))
            items.append(draw(whole))
        elif kind == "slice":
            items.append(draw(st.slices(length)))
        else:
            items.append(draw(st.integers(-length, length - 1)))
    if draw(st.booleans()):
        items.insert(draw(st.integers(0, len(items))), None)
    if draw(st.booleans()):
        rest = len(shape) - sum(item is not None for item in items)
        at = draw(st.integers(0, len(items))) if rest == 0 else len(items)
        items.insert(at, Ellipsis)
    return numbered(shape), tuple(items)


@pytest.mark.parametrize("symbolic", [False, True])
class TestIndex:
    @given(basic())
    def test_basic_read(self, symbolic: bool, case: Any) -> None:
        x, index = case
        check(operator.getitem, x, index, symbolic=symbolic)

    @given(basic())
    def test_basic_write(self, symbolic: bool, case: Any) -> None:
        x, index = case
        check(operator.setitem, x, index, 7.5, symbolic=symbolic)
        if not symbolic:
            check(operator.setitem, x, index, np.array(x[index]) + 0.5)

    @given(advanced())
    def test_advanced_read(self, symbolic: bool, case: Any) -> None:
        x, index = case
        with may_refuse(symbolic):
            check(operator.getitem, x, index, symbolic=symbolic)

    @given(advanced())
    def test_advanced_write(self, symbolic: bool, case: Any) -> None:
        x, index = case
        with may_refuse(symbolic):
            check(operator.setitem, x, index, -1, symbolic=symbolic)
            new = numbered(x[index].shape) + 0.5
            check(operator.setitem, x, index, new, symbolic=symbolic)


def guards_of(x: Any, index: Any) -> int:
    """Return how many guards reading at an index needs."""
    noted = Noted(symbolic=True)
    RULES[operator.getitem](noted.emitter, *noted.operand((x, index)))
    return len(noted.guards)


def test_places_that_are_known_need_no_guard() -> None:
    x = numbered((4, 3))
    noted = Noted(symbolic=True)
    e, sym = noted.emitter, noted.operand(x)
    rows = RULES[np.arange](e, sym.shape[0])
    best = RULES[np.argmax](e, sym, 1)
    RULES[operator.getitem](e, sym, (rows, best))
    RULES[operator.getitem](e, sym, (RULES[operator.getitem](e, rows, (slice(None), None)), best))
    assert not noted.guards
    static = Noted(symbolic=False)
    RULES[operator.getitem](static.emitter, static.operand(x), ([0, -1], [1, -3]))
    assert not static.guards
    assert guards_of(x, (np.array([1, 2]), 0)) == 1
    assert guards_of(x, ([0, 1], 0)) == 1, "a row 1 may not exist among n rows"


def test_an_index_outside_leaves_by_a_guard() -> None:
    x, places = numbered((4,)), np.array([0, 3])
    noted = Noted(symbolic=False)
    sym = RULES[operator.getitem](noted.emitter, *noted.operand((x, places)))
    for index, fits in (([1, -4], True), ([0, 4], False), ([-5, 0], False)):
        results = run_graph(noted, [sym.value], [x, np.array(index)])
        assert (results is not None) == fits


def test_sizes_are_checked_where_structure_does_not_tell() -> None:
    x = numbered((5,))
    free = [slice(None, -1), slice(1, None), slice(None, 2), slice(None, None, -1), 0, 1, -2]
    asked = [slice(None, 3), slice(2, -2), 3]
    for index in (*free, *asked):
        noted = Noted(symbolic=True)
        RULES[operator.getitem](noted.emitter, noted.operand(x), index)
        assert len(noted.checks) == (index in asked), (index, noted.checks)
