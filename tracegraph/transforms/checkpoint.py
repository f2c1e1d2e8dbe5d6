"""``checkpoint``: a function whose values its derivative computes again instead of keeping them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tracegraph import tree
from tracegraph.calls import call
from tracegraph.ir.counted import counted
from tracegraph.ir.graph import Builder, Graph, Node, Value, rebuild, replay
from tracegraph.ir.ops.control import items
from tracegraph.ir.ops.remat import remat
from tracegraph.ir.slicing import ancestors
from tracegraph.outside import opened
from tracegraph.recording import Recording, active
from tracegraph.standin import Storage, Traced
from tracegraph.transforms.marking import Transformed


def checkpoint(function: Callable[..., Any]) -> Transformed:
    """Return a function that computes the same, and takes less memory where it is differentiated.

    A gradient keeps what it will read on its way back. Of a checkpointed function it keeps the
    arguments alone and runs the function a second time when it gets there: once more the time of
    the function, for the memory of all that is computed inside.

    Parameters
    ----------
    function : callable
        Any function of arrays. What it does to the world outside is done once.

    Returns
    -------
    callable
        A function with the same arguments and results.

    See Also
    --------
    grad, vjp

    Notes
    -----
    Griewank and Walther, *Evaluating Derivatives*, 2nd edition, SIAM 2008, chapter 12.

    Examples
    --------
    >>> import numpy as np
    >>> import tracegraph as tg
    >>> wave = tg.checkpoint(lambda x: np.sin(np.exp(x)))
    >>> tg.grad(lambda x: np.sum(wave(x)))(np.zeros(2))
    array([0.54030231, 0.54030231])
    """
    return _Checkpointed(function, _checkpoint, "checkpoint")


class _Checkpointed(Transformed):
    def __init__(
        self,
        function: Callable[..., Any],
        transform: Callable[..., Any] | None = None,
        name: str = "checkpoint",
    ) -> None:
        super().__init__(function, transform or _checkpoint, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        recording = active()
        if recording is None or not recording.is_noting:
            return self.function(*args, **kwargs)  # nothing is differentiated here
        return self.transform(recording, self.function, args, kwargs)


def _checkpoint(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    """Record the function, then put what computes its results into a node of its own."""
    start = len(recording.builder.nodes)
    result = call(recording, function, args, kwargs)
    if recording.is_noting:
        drawn = recording.builder.nodes[start:]
        storages = [s for s in _storages(result) if s.value.node in set(drawn)]
        values = _put_aside(recording, drawn, [storage.value.node for storage in storages])
        for storage, value in zip(storages, values, strict=True):
            storage.value = value  # the same content, computed by another node
    return result


def _storages(result: Any) -> list[Storage]:
    """Return the memory that a result is made of, each once."""
    leaves, _ = tree.flatten(opened(result))
    found = {id(x.storage): x.storage for x in leaves if type(x) is Traced}
    return list(found.values())


def _put_aside(recording: Recording, drawn: Sequence[Node], targets: Sequence[Node]) -> list[Value]:
    """Return the values of some nodes as results of one, with the graph that computes them in it.

    A size that is counted inside has to be known outside, so the nodes that count stay there.
    """
    if not targets:
        return []
    inner = ancestors(drawn, targets, [node for node in drawn if any(counted(node))])
    inside = set(inner)
    read = (operand for node in inner for operand in node.operands)
    outside = tuple(dict.fromkeys(n for n in (*read, *targets) if n not in inside))
    body = _copied(Graph(outside, tuple(inner), tuple(targets)))
    return items(remat(*map(recording.builder.value, outside), graph=body))


def _copied(graph: Graph) -> Graph:
    """Return a graph of its own, with parameters in place of what is outside."""
    builder = Builder()
    params = [builder.parameter(node.type) for node in graph.params]
    return builder.build(replay(graph, params, lambda node, *xs: rebuild(builder, node, *xs)))
