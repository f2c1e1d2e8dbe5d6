"""What a mask selects stays in place where it is only combined, or written back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tracegraph.ir.graph import Graph
from tracegraph.ir.interpret import interpret
from tracegraph.ir.parse import parse_graph
from tracegraph.ir.passes import run_pipeline
from tracegraph.ir.passes.dead_code import remove_dead_code
from tracegraph.ir.passes.selected import keep_in_place
from tracegraph.ir.text import print_graph
from tracegraph.ir.verify import verify

HEAD = """graph(%0: f64[n,2], %1: bool[n]):
  %2: i64[c] = flatnonzero(%1, count=c)
  %3: f64[c,2] = gather(%0, %2, axes=(0,))
"""

IN_PLACE = {
    "sum": "  %4: f64[2] = sum(%3, axes=(0,))\n  return %4",
    "max of both axes": "  %4: f64[] = max(%3, axes=(0, 1))\n  return %4",
    "sum of an expression": """  %4: f64[c,2] = multiply(%3, %3)
  %5: f64[] = literal(value=f64(3.0))
  %6: f64[c,2] = broadcast_to(%5, axes=(), shape=(c, 2))
  %7: f64[c,2] = subtract(%4, %6)
  %8: f64[2] = sum(%7, axes=(0,))
  return %8""",
    "written back": """  %4: f64[c,2] = negative(%3)
  %5: f64[n,2] = scatter(%0, %4, %2, axes=(0,))
  return %5""",
    "added to": "  %4: f64[n,2] = scatter_add(%0, %3, %2, axes=(0,))\n  return %4",
    "along another axis": """  %4: f64[2,n] = transpose(%0, axes=(1, 0))
  %5: f64[2,n] = scatter(%4, %3, %2, axes=(1,))
  return %5""",
    "mean": """  %4: f64[2] = sum(%3, axes=(0,))
  %5: i64[] = size(value=c)
  %6: f64[] = cast(%5, dtype=f64)
  %7: f64[2] = broadcast_to(%6, axes=(), shape=(2,))
  %8: f64[2] = divide(%4, %7)
  return %8""",
    "a polynomial in the count": """  %4: i64[] = size(value=3+2*c*n)
  %5: i64[] = negative(%4)
  return %5""",
}

PUT_TOGETHER = {
    "the elements themselves": "  return %3",
    "an elementary function": """  %4: f64[c,2] = exp(%3)
  %5: f64[2] = sum(%4, axes=(0,))
  return %5""",
    "in another order": """  %4: f64[c,2] = slice(%3, shape=(c, 2), start=(c-1, 0), step=(-1, 1))
  %5: f64[n,2] = scatter(%0, %4, %2, axes=(0,))
  return %5""",
    "the position among the selected": """  %4: f64[c,2] = iota(axis=0, dtype=f64, shape=(c, 2))
  %5: f64[c,2] = multiply(%3, %4)
  %6: f64[2] = sum(%5, axes=(0,))
  return %6""",
    "a count in a quotient": """  %4: i64[] = size(value=floordiv(c, 2))
  %5: i64[] = negative(%4)
  return %5""",
    "a count that is an output": "  %4: i64[] = size(value=c)\n  return %4",
    "another mask of as many": """  %4: bool[n] = invert(%1)
  %5: i64[d] = flatnonzero(%4, count=d)
  %6: f64[d,2] = gather(%0, %5, axes=(0,))
  %7: f64[2] = max(%6, axes=(0,))
  %8: f64[c,2] = broadcast_to(%7, axes=(1,), shape=(c, 2))
  %9: f64[c,2] = exp(%8)
  %10: f64[c,2] = add(%9, %3)
  %11: f64[2] = sum(%10, axes=(0,))
  return %11""",
}


def results(graph: Graph, mask: Any) -> list[Any]:
    x = np.arange(2.0 * len(mask)).reshape(-1, 2) - 5
    with np.errstate(all="ignore"):
        return interpret(graph, x, np.asarray(mask, bool))


@pytest.mark.parametrize("name", [*IN_PLACE, *PUT_TOGETHER])
def test_it_means_the_same(name: str) -> None:
    graph = parse_graph(HEAD + (IN_PLACE | PUT_TOGETHER)[name])
    after = verify(run_pipeline(graph))
    for mask in ([1, 0, 1, 1], [1, 1, 1, 0, 1, 1], [0, 1]):
        for got, want in zip(results(after, mask), results(graph, mask), strict=True):
            np.testing.assert_array_equal(got, want, strict=True)


@pytest.mark.parametrize("name", IN_PLACE)
def test_nothing_is_put_together(name: str) -> None:
    after = remove_dead_code(keep_in_place(parse_graph(HEAD + IN_PLACE[name])))
    assert "flatnonzero" not in print_graph(after)


@pytest.mark.parametrize("name", PUT_TOGETHER)
def test_what_must_be_put_together_is(name: str) -> None:
    after = remove_dead_code(keep_in_place(parse_graph(HEAD + PUT_TOGETHER[name])))
    assert "flatnonzero" in print_graph(after)


def test_a_count_is_kept_for_what_has_its_size() -> None:
    graph = parse_graph(
        """graph(%0: bool[n]):
  %1: i64[c] = flatnonzero(%0, count=c)
  %2: f64[] = literal(value=f64(2.0))
  %3: f64[c] = broadcast_to(%2, axes=(), shape=(c,))
  return %3"""
    )
    after = verify(run_pipeline(graph))
    (out,) = interpret(after, np.array([True, False, True]))
    np.testing.assert_array_equal(out, [2.0, 2.0])
