"""The passes that every graph goes through before it is scheduled, in order."""

from __future__ import annotations

from collections.abc import Callable

from tracegraph.ir.graph import Graph
from tracegraph.ir.passes.carries import merge_loops, tidy_loops
from tracegraph.ir.passes.constants import fold_constants
from tracegraph.ir.passes.dead_code import remove_dead_code
from tracegraph.ir.passes.inner import Pass, everywhere
from tracegraph.ir.passes.masks import open_masks
from tracegraph.ir.passes.selected import keep_in_place
from tracegraph.ir.passes.simplify import simplify

PIPELINE: tuple[Pass, ...] = (
    remove_dead_code,
    open_masks,
    merge_loops,
    tidy_loops,
    simplify,
    fold_constants,
    keep_in_place,
    simplify,
    remove_dead_code,
)


def run_pipeline(graph: Graph, after: Callable[[Pass, Graph], None] | None = None) -> Graph:
    """Return the graph after all passes, which also go through the graphs that nodes hold.

    ``after`` is called behind each, to verify or print.
    """
    for one in PIPELINE:
        graph = everywhere(one, graph)
        if after is not None:
            after(one, graph)
    return graph


__all__ = ["PIPELINE", "Pass", "everywhere", "run_pipeline"]
