"""Explanations: what is said of traces, guards, kernels and fallbacks, and graphs in notebooks."""

from __future__ import annotations

import inspect
import sys
import types
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tracegraph.explain import GraphView, dot_text, explanation, graph_svg
from tracegraph.ir.text import print_graph

X = np.linspace(-1.0, 1.0, 6).reshape(2, 3)


def softmax(x: Any) -> Any:
    e = np.exp(x - np.max(x, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def branching(x: Any) -> Any:
    if np.sum(x) > 0:
        return x * 2
    return x - 1


def with_product(x: Any) -> Any:
    return np.tanh(x @ x.T)


def run(function: Callable[..., Any], *calls: Any) -> Any:
    compiled = tg.compile(function)
    for argument in calls:
        compiled(argument)
    return compiled


def line_of(function: Callable[..., Any], text: str) -> str:
    """Return ``file.py:12`` for the line of a function that contains a text."""
    lines, first = inspect.getsourcelines(function)
    number = next(i for i, line in enumerate(lines) if text in line)
    return f"test_explain.py:{first + number}"


def test_a_kernel_is_shown_with_what_was_fused_into_it() -> None:
    text = str(explanation(run(softmax, np.ones((20, 40)))))
    assert text.startswith("softmax: 1 trace, no fallbacks\ntrace 0: (f64[20,40]) -> f64[20,40]\n")
    (kernel,) = (line for line in text.splitlines() if line.startswith("  k"))
    assert {"exp", "divide", "sum", "max"} <= set(kernel.split())


def test_the_graph_is_smaller_after_the_passes() -> None:
    compiled = run(softmax, X)
    (trace,) = compiled.traces
    text = str(explanation(compiled))
    assert f"{len(trace.recorded)} nodes as recorded, {len(trace.graph)} after" in text


def test_a_guard_says_its_line_and_whether_the_other_answer_was_met() -> None:
    compiled = run(branching, X + 1)
    guard = f"guard 0: greater is True, otherwise not met yet  # {line_of(branching, 'if')}"
    assert guard in str(explanation(compiled))
    compiled(X - 1)
    text = str(explanation(compiled))
    assert guard.replace("not met yet", "trace 1") in text
    assert "guard 0: greater is False, otherwise trace 0" in text


def test_arguments_of_another_kind_lead_to_another_trace() -> None:
    compiled = run(softmax, X, X.astype(np.float32))
    text = str(explanation(compiled))
    assert "arguments that do not fit: trace 1" in text
    assert "trace 1: (f32[2,3]) -> f32[2,3]" in text


def test_a_product_is_shown_with_its_sizes() -> None:
    a = np.ones((64, 32))
    assert "syrk: 64 x 32 by 32 x 64, f64" in str(explanation(run(with_product, a)))


def test_a_fallback_is_shown_with_its_line() -> None:
    def changes_dtype(x: Any) -> Any:
        return x.astype(np.longdouble)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tg.FallbackWarning)
        compiled = run(changes_dtype, X)
    text = str(explanation(compiled))
    assert "no traces, 1 fallback\n" in text
    assert f"fallback: {line_of(changes_dtype, 'astype')}: " in text


def test_chosen_traces_are_explained_alone() -> None:
    compiled = run(softmax, X, X.astype(np.float32))
    text = str(explanation(compiled, compiled.traces[1:]))
    assert "softmax: 1 trace" in text
    assert "trace 0: (f32[2,3])" in text


def test_the_loops_of_kernels_can_be_read() -> None:
    found = explanation(run(softmax, X))
    assert found.programs.startswith("kernel k0(")
    assert "exp(" in found.programs


def test_an_explanation_in_a_notebook_is_escaped_html() -> None:
    found = explanation(run(lambda x: x * 2, X))._repr_html_()
    assert found.startswith("<pre>&lt;lambda&gt;: 1 trace")
    assert "<summary>loops of trace 0</summary>" in found


class NoProgram:
    """A graphviz package without the program behind it."""

    class Source:
        def __init__(self, text: str) -> None:
            self.text = text

        def pipe(self, **options: Any) -> str:
            raise FileNotFoundError("dot")


class Drawing(NoProgram):
    """A graphviz that works."""

    class Source(NoProgram.Source):
        def pipe(self, **options: Any) -> str:
            return f"<?xml?>\n<svg>{self.text}</svg>"


@pytest.mark.parametrize("package", [None, NoProgram], ids=["no package", "no program"])
def test_without_graphviz_a_graph_is_text(package: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "graphviz", package)
    graph = run(softmax, X).traces[0].graph
    view = GraphView(graph)
    assert str(view) == repr(view) == print_graph(graph)
    assert graph_svg(graph) is None
    html = view._repr_html_()
    assert html.startswith("<pre>graph(")
    assert "-&gt;" not in html


def test_with_graphviz_a_graph_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("graphviz")
    monkeypatch.setattr(module, "Source", Drawing.Source, raising=False)
    monkeypatch.setitem(sys.modules, "graphviz", module)
    graph = run(softmax, X).traces[0].graph
    assert GraphView(graph)._repr_html_() == f"<svg>{dot_text(graph)}</svg>"


def test_a_drawing_has_operations_and_results_but_no_numbers() -> None:
    text = dot_text(run(lambda x: np.tanh(x) * 2, X).traces[0].graph)
    assert "tanh\\nf64[2,3]\\ntest_explain.py:" in text
    assert "literal" not in text
    assert "-> out0;" in text
    assert text.count("{") == text.count("}")
