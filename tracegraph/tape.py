"""``GradientTape``: gradients of what was computed while the tape was running."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracegraph import tree
from tracegraph.evaluate import evaluate
from tracegraph.hooks import hooks_for
from tracegraph.ir.errors import DifferentiationError
from tracegraph.ir.graph import Node, Value
from tracegraph.ir.slicing import between
from tracegraph.ir.types import is_differentiable
from tracegraph.recording import Recording, active
from tracegraph.standin import Traced
from tracegraph.tensor import Tensor
from tracegraph.transforms.marking import results_of
from tracegraph.transforms.reverse import pull_back
from tracegraph.variable import Variable


class GradientTape:
    """Records operations on Tensors and Variables, to differentiate them afterwards.

    Parameters
    ----------
    persistent : bool
        Whether more than one gradient may be taken.

    Examples
    --------
    >>> import tracegraph as tg
    >>> w = tg.Variable(3.0)
    >>> with tg.GradientTape() as tape:
    ...     loss = w * w
    >>> tape.gradient(loss, [w])
    [Tensor(6.)]
    """

    def __init__(self, persistent: bool = False) -> None:
        self.persistent = persistent
        self._recording: Recording | None = None
        self._own: Any = None
        self._reads: dict[int, Any] = {}
        self._kept: list[Any] = []
        self._used = False

    def __enter__(self) -> GradientTape:
        recording = active()
        if recording is None or not recording.is_noting:
            recording = Recording(hooks_for, permissive=True, follows=False)
            self._own = recording.activate()
            self._own.__enter__()
        self._recording = recording
        recording.watchers.append(self._reads)
        return self

    def __exit__(self, *error: Any) -> None:
        assert self._recording is not None
        self._recording.watchers[:] = [r for r in self._recording.watchers if r is not self._reads]
        if self._own is not None:
            self._recording.freeze()
            self._own.__exit__(*error)

    def watch(self, tensor: Any) -> None:
        """Make a Tensor something to differentiate by; Variables always are."""
        if self._recording is None:
            raise DifferentiationError("a tape watches inside its `with` block")
        for one in tree.flatten(tensor)[0] if not isinstance(tensor, Tensor) else [tensor]:
            self._kept.append(one)
            self._reads[id(one)] = one._read()

    def gradient(self, target: Any, sources: Any) -> Any:
        """Return the derivatives of ``target`` (the sum of its elements) by ``sources``.

        Parameters
        ----------
        target : Tensor
            What was computed while the tape ran.
        sources : Variable, watched Tensor, or a container of them
            What to differentiate by.

        Returns
        -------
        Tensor, None, or a container of them
            In the structure of ``sources``; None where the target does not depend on the source.

        Raises
        ------
        RuntimeError
            The tape is not persistent and a gradient was taken already.
        DifferentiationError
            The tape could not follow the computation.
        """
        if self._used and not self.persistent:
            raise RuntimeError(
                "this tape has given its gradient; GradientTape(persistent=True) gives several"
            )
        self._used = True
        recording = self._recording
        if recording is None or recording.failure is not None:
            why = recording.failure if recording else "it has not run"
            raise DifferentiationError(f"the tape cannot follow the computation: {why}")
        leaves, rebuild = _sources(sources)
        grads = self._gradients(recording, target, [self._node(leaf) for leaf in leaves])
        return rebuild(grads)

    def _node(self, source: Any) -> Node | None:
        traced = self._reads.get(id(source))
        if type(traced) is not Traced or not is_differentiable(traced.value.dtype):
            return None
        return traced.value.node

    def _gradients(
        self, recording: Recording, target: Any, nodes: list[Node | None]
    ) -> list[Tensor | None]:
        data = target._data if isinstance(target, Tensor) else target
        if type(data) is not Traced:
            return [None] * len(nodes)
        value = data.value
        present = list(dict.fromkeys(node for node in nodes if node is not None))
        graph, _ = between(recording.builder.nodes, present, [value.node])
        reached = {operand for node in graph for operand in node.operands} | {value.node}
        wanted = [node for node in present if node in reached]
        if not wanted:
            return [None] * len(nodes)
        one = recording.emitter.broadcast(recording.emitter.literal(1, value.dtype), value.shape)
        grads = pull_back(recording, wanted, [value], [one])
        found = dict(zip(wanted, self._tensors(recording, grads), strict=True))
        return [None if node is None else found.get(node) for node in nodes]

    def _tensors(self, recording: Recording, grads: list[Value]) -> list[Tensor]:
        if recording.is_noting:
            return [Tensor(traced) for traced in results_of(recording, grads)]
        return [Tensor(np.array(real)) for real in evaluate(recording, grads)]


def _sources(sources: Any) -> tuple[list[Any], Any]:
    """Return the sources as a list, and what gives gradients their structure."""
    if isinstance(sources, Variable | Tensor):
        return [sources], lambda grads: grads[0]
    if isinstance(sources, dict):
        return list(sources.values()), lambda grads: dict(zip(sources, grads, strict=True))
    kind = tuple if isinstance(sources, tuple) else list
    return list(sources), kind
