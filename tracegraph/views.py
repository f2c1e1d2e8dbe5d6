"""Views: how an array looks at memory, as structural operations, and writing through them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tracegraph.ir.graph import Node, Value
from tracegraph.ir.ops.boxes import slice_, slice_update
from tracegraph.ir.ops.complexes import complex_, imag, real
from tracegraph.ir.ops.index import gather, scatter
from tracegraph.ir.ops.structural import reshape, transpose
from tracegraph.numpy.emit import Unsupported
from tracegraph.standin import Step

VIEWS = {op.name: op for op in (reshape, transpose, slice_, real, imag)}


def step_of(node: Node) -> Step | None:
    """Return the step by which a node is a view of its first operand, or None.

    Places that are arrays make a copy, numbers make a view.
    """
    attrs, places = dict(node.attrs), node.operands[1:]
    if node.op.name in VIEWS or node.op.name == "broadcast_to":
        return Step(node.op, attrs)
    is_view = node.op is gather and not any(place.array_type.shape for place in places)
    return Step(node.op, attrs, places) if is_view else None


def owner_of(array: Any) -> Any:
    """Return the array that owns the memory of ``array``, as far as NumPy knows."""
    if not isinstance(array, np.ndarray):
        return None
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def view_path(node: Node, base: Node) -> tuple[Step, ...] | None:
    """Return the structural operations that lead from ``base`` to ``node``, or None."""
    steps: list[Step] = []
    while node is not base:
        step = step_of(node)
        if step is None:
            return None
        steps.append(step)
        node = node.operands[0]
    return tuple(reversed(steps))


def structural_ancestors(node: Node) -> Iterator[Node]:
    """Yield a node and what it is a structural view of, step by step."""
    yield node
    while node.op.name in VIEWS or node.op.name == "broadcast_to":
        (node,) = node.operands
        yield node


def write_through(content: Value, path: tuple[Step, ...], new: Value) -> Value:
    """Return memory's content after ``new`` was written where ``path`` looks."""
    seen = [content]
    for step in path:
        seen.append(step(seen[-1]))
    for step, base in zip(reversed(path), reversed(seen[:-1]), strict=True):
        new = _write_step(step, base, new)
    return new


def _write_step(step: Step, base: Value, new: Value) -> Value:
    out: Value
    name, attrs = step.op.name, step.attrs
    if name == "reshape":
        out = reshape(new, shape=base.shape)
    elif name == "transpose":
        out = transpose(new, axes=tuple(int(a) for a in np.argsort(attrs["axes"])))
    elif name == "slice":
        out = slice_update(base, new, start=attrs["start"], step=attrs["step"])
    elif name == "gather":
        out = scatter(base, new, *step.at(base), axes=attrs["axes"])
    elif name == "real":
        out = complex_(new, imag(base))
    elif name == "imag":
        out = complex_(real(base), new)
    else:
        raise Unsupported(f"a write through {name} cannot be followed")
    return out
