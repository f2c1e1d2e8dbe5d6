"""One function through every stage, as text: what a reader finds when looking inside.

The file stands for all the others' golden texts: graph, derivative, batch, passes, loop programs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tracegraph as tg
from tracegraph.codegen import schedule
from tracegraph.ir.loop_text import loop_text
from tracegraph.ir.parse import parse_graph
from tracegraph.ir.text import print_graph
from tracegraph.ir.verify import verify

Golden = Callable[[str, str], None]
ROWS = np.linspace(-1.0, 1.0, 12).reshape(3, 4)
WEIGHTS = np.linspace(0.5, 2.0, 4)


def softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def loss(w: Any, x: Any) -> Any:
    return np.mean((np.tanh(x @ w) - 0.5) ** 2)


def text_of(function: Any, *args: Any) -> str:
    """Return the text of what is recorded of a call, which the parser reads back."""
    text = str(tg.compile(function).graph(*args))
    assert print_graph(verify(parse_graph(text))) == text
    return text


def test_graph(golden: Golden) -> None:
    golden("graph", text_of(loss, WEIGHTS, ROWS))


def test_gradient(golden: Golden) -> None:
    compiled = tg.compile(tg.grad(loss))
    compiled(WEIGHTS, ROWS)
    golden("gradient", print_graph(verify(compiled.traces[0].graph), sites=False))


def test_batch(golden: Golden) -> None:
    compiled = tg.compile(tg.vmap(softmax))
    compiled(ROWS)
    golden("batch", print_graph(verify(compiled.traces[0].graph), sites=False))


def test_symbolic_sizes_and_loops(golden: Golden) -> None:
    compiled = tg.compile(softmax)
    for rows in (3, 5, 6):
        compiled(np.ones((rows, 100)))
    _, trace = compiled.traces
    golden("symbolic", print_graph(verify(trace.graph), sites=False))
    plan = schedule.plan(trace.graph, trace.destinations, trace.layouts)
    golden("loops", "\n".join(loop_text(kernel.program) for kernel in plan.kernels()))
