"""What became of a compiled function, for reading: ``str(f.explain())``, or as HTML in a notebook.

::

    loss: 2 traces, no fallbacks
    trace 0: (f64[10,3], f64[3]) -> f64
      graph: 12 nodes as recorded, 8 after the passes
      unrolled: model.py:15: changing a container from outside cannot be part of ...
      guard 0: greater is True, otherwise trace 1  # model.py:12
      arguments that do not fit: recorded when they come
      k0: multiply tanh sum  # model.py:12, model.py:13
      gemm: 128 x 784 by 784 x 256, f32  # model.py:11
      callout: fft, run by NumPy  # model.py:14

Native code counts no calls. What is known of a guard is which answer the trace holds for, and
whether the other answer was ever met: then another trace begins behind it.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tracegraph.codegen import schedule
from tracegraph.codegen.plan import (
    Branch,
    CalloutStep,
    Gemm,
    GuardStep,
    Kernel,
    Loop,
    Plan,
    SelectStep,
    Step,
    While,
)
from tracegraph.codegen.signature import ArrayInput, ExactObject, Input, ScalarInput, SizeInput
from tracegraph.ir.graph import Graph, Node, Site
from tracegraph.ir.loop_text import loop_text
from tracegraph.ir.loops import For, scalars, statements
from tracegraph.ir.record import record
from tracegraph.ir.text import print_graph
from tracegraph.ir.types import SHORT_NAMES
from tracegraph.places import Place

if TYPE_CHECKING:
    from tracegraph.compile import Compiled
    from tracegraph.pen import Fallback
    from tracegraph.trace import Trace

UNNAMED = frozenset(("literal", "broadcast_to", "guard", "mark"))
"""Operations that say nothing about what a kernel does."""

NOT_ARITHMETIC = frozenset(("load", "const", "size", "result", "state"))
ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
FOLD_NAMES = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min"}


@record
class GraphView:
    """A graph that shows itself as text, and as a drawing in a notebook. ``graph`` is the graph."""

    graph: Graph

    def __str__(self) -> str:
        return print_graph(self.graph)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return graph_svg(self.graph) or preformatted(str(self))


@record
class TraceView:
    """One trace of an explanation.

    Parameters
    ----------
    number : int
        Its place in ``f.traces``.
    trace : Trace
        What was recorded.
    plan : Plan
        How it is computed.
    links : mapping of int to int
        The traces that follow where this one is left: cell 0 for arguments, 1 + k for guard k.
    """

    number: int
    trace: Trace
    plan: Plan
    links: Mapping[int, int]

    def lines(self) -> Iterator[str]:
        """Yield the text."""
        trace = self.trace
        params = ", ".join(str(p.type) for p in trace.graph.params)
        results = ", ".join(str(o.type) for o in trace.graph.outputs)
        yield f"trace {self.number}: ({params}) -> {results or 'nothing'}"
        before, after = len(trace.recorded), len(trace.graph)
        yield f"  graph: {before} nodes as recorded, {after} after the passes"
        yield from (f"  assumes: {text}" for text in assumptions(trace))
        yield from (f"  unrolled: {short(why.site)}{why.reason}" for why in trace.undrawn)
        yield from (f"  {text}" for text in self.guards())
        yield f"  arguments that do not fit: {self._following(0)}"
        yield from (f"  {text}" for text in self.steps())

    def guards(self) -> Iterator[str]:
        """Yield a line for each question that native code asks of the data."""
        for node in self.trace.graph:
            if node.op.name == "guard":
                attrs = dict(node.attrs)
                number, question = attrs["number"], node.operands[0].op.name
                follows = self._following(1 + number)
                yield (
                    f"guard {number}: {question} is {attrs['expect']}, otherwise {follows}"
                    f"{comment([node])}"
                )

    def steps(self) -> Iterator[str]:
        """Yield a line for each kernel, product and call of NumPy."""
        sources: Sequence[Sequence[Node]] = self.plan.sources
        padded = [*sources, *[()] * (len(self.plan.steps) - len(sources))]
        for step, nodes in zip(self.plan.steps, padded, strict=True):
            yield from step_lines(step, nodes)

    def _following(self, cell: int) -> str:
        if cell in self.links:
            return f"trace {self.links[cell]}"
        return "not met yet" if cell else "recorded when they come"


@record
class Explanation:
    """What became of a compiled function.

    Parameters
    ----------
    name : str
        The function's.
    traces : tuple of TraceView
        In the order in which they were recorded.
    fallbacks : tuple of Fallback
        Why calls ran eagerly.
    """

    name: str
    traces: tuple[TraceView, ...]
    fallbacks: tuple[Fallback, ...]

    def __str__(self) -> str:
        lines = [f"{self.name}: {count(self.traces, 'trace')}, {count(self.fallbacks, 'fallback')}"]
        for trace in self.traces:
            lines.extend(trace.lines())
        lines.extend(f"fallback: {short(why.site)}{why.reason}" for why in self.fallbacks)
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = [preformatted(str(self))]
        for view in self.traces:
            drawing = GraphView(view.trace.graph)._repr_html_()
            parts.append(folded(f"graph of trace {view.number}", drawing))
            parts.append(folded(f"loops of trace {view.number}", preformatted(programs(view))))
        return "\n".join(parts)

    @property
    def programs(self) -> str:
        """The loop programs of all kernels, before they are made vectors."""
        return "\n\n".join(programs(view) for view in self.traces)


def explanation(compiled: Compiled, traces: Sequence[Trace] | None = None) -> Explanation:
    """Return what is known of a compiled function.

    Parameters
    ----------
    compiled : Compiled
        The function.
    traces : sequence of Trace, optional
        Explain these instead of those that it has.
    """
    if traces is not None:
        views = [TraceView(i, trace, plan_of(trace), {}) for i, trace in enumerate(traces)]
    else:
        views = _known_traces(compiled)
    return Explanation(compiled.__name__, tuple(views), tuple(compiled.fallbacks))


def _known_traces(compiled: Compiled) -> list[TraceView]:
    paths = list(compiled._paths)
    numbers = {id(path): number for number, path in enumerate(paths)}
    links: list[dict[int, int]] = [{} for _ in paths]
    for number, path in enumerate(paths):
        for cell, other in path.links.items():
            links[number][cell] = numbers[id(other)]
            if cell:  # who came here because of a guard has met its other answer
                links[numbers[id(other)]].setdefault(cell, number)
    return [
        TraceView(number, path.trace, path.executable.plan, links[number])
        for number, path in enumerate(paths)
    ]


def plan_of(trace: Trace) -> Plan:
    """Return how a trace is computed."""
    return schedule.plan(trace.graph, trace.destinations, trace.layouts)


# -- steps --------------------------------------------------------------------------------------


def step_lines(step: Step, nodes: Sequence[Node]) -> Iterator[str]:
    """Yield what a step of a plan does, and the lines that it comes from."""
    if isinstance(step, Kernel):
        yield f"{step.name}: {' '.join(operations(step, nodes)) or 'copy'}{comment(nodes)}"
    elif isinstance(step, Gemm):
        many = "" if step.count == 1 else f"{step.count} times "
        sizes = f"{step.m} x {step.k} by {step.k} x {step.n}"
        yield f"{step.routine}: {many}{sizes}, {SHORT_NAMES[step.dtype]}{comment(nodes)}"
    elif isinstance(step, CalloutStep):
        yield f"callout: {step.op.name}, run by NumPy{comment(nodes)}"
    elif isinstance(step, SelectStep):
        yield f"select: {step.count} of {step.length} places{comment(nodes)}"
    elif isinstance(step, Branch):
        yield f"branch{comment(nodes)}"
        for word, steps in (("then", step.then), ("else", step.orelse)):
            for inner in steps:
                yield from (f"  {word} {line}" for line in step_lines(inner, ()))
    elif isinstance(step, (Loop, While)):
        yield from _loop_lines(step, nodes)
    else:
        assert isinstance(step, GuardStep)


def _loop_lines(step: Loop | While, nodes: Sequence[Node]) -> Iterator[str]:
    parts = [("", step.body)]
    if isinstance(step, Loop):
        yield f"loop: {step.index} below {step.trip}{comment(nodes)}"
    else:
        yield f"while loop{comment(nodes)}"
        parts.insert(0, ("test ", step.test))
    for word, steps in parts:
        for inner in steps:
            yield from (f"  {word}{line}" for line in step_lines(inner, ()))


def operations(kernel: Kernel, nodes: Sequence[Node]) -> Iterable[str]:
    """Return the operations of a kernel: of the graph where they are known, else of its loops."""
    if nodes:
        return dict.fromkeys(n.op.name for n in nodes if n.op.name not in UNNAMED)
    found = [s.op for s in scalars(kernel.program) if s.op not in NOT_ARITHMETIC]
    loops = [s for s in statements(kernel.program.body) if isinstance(s, For)]
    found += [FOLD_NAMES.get(fold.combine, fold.combine) for loop in loops for fold in loop.folds]
    return dict.fromkeys(found)


def programs(view: TraceView) -> str:
    """Return the loop programs of a trace's kernels."""
    return "\n\n".join(loop_text(kernel.program) for kernel in view.plan.kernels())


def assumptions(trace: Trace) -> Iterator[str]:
    """Yield what each call must be like, numbers and arrays that are arguments aside."""
    for spec in trace.signature.inputs:
        text = _assumption(spec)
        if text is not None:
            yield text
    for check in trace.signature.checks:
        relation = f"{check.left} {check.relation} {check.right}"
        yield relation if check.expected else f"not {relation}"


def _assumption(spec: Input) -> str | None:
    if isinstance(spec, ArrayInput | ScalarInput):
        return None
    if isinstance(spec, SizeInput):
        return f"{spec.symbol} is an int"
    if isinstance(spec, ExactObject):
        text = repr(spec.value)
        return f"{Place(spec.source, ())} is {text if len(text) <= 60 else text[:57] + '...'}"
    return None


# -- text and HTML --------------------------------------------------------------------------------


def count(items: Sequence[Any], noun: str) -> str:
    """Return a number of things in words."""
    return f"{len(items) or 'no'} {noun}{'' if len(items) == 1 else 's'}"


def short(site: Site | None) -> str:
    """Return ``file.py:12: `` without the folder."""
    return "" if site is None else f"{os.path.basename(site.filename)}:{site.line}: "


def comment(nodes: Iterable[Node]) -> str:
    """Return the user's lines that nodes come from, as a comment."""
    sites = [n.site for n in nodes if n.site is not None and n.op.name not in UNNAMED - {"guard"}]
    lines = dict.fromkeys(short(site)[:-2] for site in sites)
    return f"  # {', '.join(lines)}" if lines else ""


def escaped(text: str) -> str:
    """Return text as HTML shows it; the module ``html`` takes 2 ms to import for its entities."""
    return text.translate(ESCAPES)


def preformatted(text: str) -> str:
    """Return text as HTML."""
    return f"<pre>{escaped(text)}</pre>"


def folded(title: str, content: str) -> str:
    """Return HTML that is shown when its title is clicked."""
    return f"<details><summary>{escaped(title)}</summary>{content}</details>"


def graph_svg(graph: Graph) -> str | None:
    """Return a drawing of a graph, or None where graphviz (the extra ``viz``) is not installed.

    Parameters
    ----------
    graph : Graph
        What is drawn: an ellipse for each parameter, a box for each operation.
    """
    try:
        graphviz = importlib.import_module("graphviz")
        drawn = graphviz.Source(dot_text(graph)).pipe(format="svg", encoding="utf-8")
    except (ImportError, OSError):  # without the package, or the program behind it
        return None
    return str(drawn[drawn.index("<svg") :])


def dot_text(graph: Graph) -> str:
    """Return a graph in graphviz's language; numbers and their broadcasting are left out."""
    names = {node: f"n{i}" for i, node in enumerate((*graph.params, *graph.nodes))}
    shown = [node for node in graph if not _is_number(node)]
    lines = ["digraph {", "  node [shape=box, fontname=monospace];"]
    lines += [f'  {names[p]} [shape=ellipse, label="{p.type}"];' for p in graph.params]
    for node in shown:
        line = short(node.site)[:-2]
        label = "\\n".join(filter(None, (node.op.name, str(node.type), line)))
        lines.append(f'  {names[node]} [label="{_escape(label)}"];')
        edges = (o for o in node.operands if not _is_number(o))
        lines += [f"  {names[o]} -> {names[node]};" for o in edges]
    for number, output in enumerate(graph.outputs):
        lines.append(f'  out{number} [shape=plaintext, label="result {number}"];')
        if not _is_number(output):
            lines.append(f"  {names[output]} -> out{number};")
    return "\n".join([*lines, "}"])


def _is_number(node: Node) -> bool:
    """Return whether a node is a literal, or one that is only broadcast."""
    if node.op.name == "broadcast_to":
        return node.operands[0].op.name == "literal"
    return node.op.name == "literal"


def _escape(label: str) -> str:
    return label.replace('"', '\\"')
