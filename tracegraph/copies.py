"""Copies: containers that stand in for outside ones while a function is recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tracegraph.places import Place


@dataclass(eq=False)
class Copy:
    """A container that stands in for an external one."""

    actual: Any
    copy: Any
    place: Place
    items: list[Any]


def same_item(a: Any, b: Any) -> bool:
    """Return whether an item of a container, or a key with its value, is what it was."""
    return a is b or (type(a) is tuple and a[0] == b[0] and a[1] is b[1])


def refill(container: Any, items: list[Any]) -> None:
    """Replace the content of a list or dict."""
    if isinstance(container, dict):
        container.clear()
        container.update(items)
    elif isinstance(container, list):
        container[:] = items
