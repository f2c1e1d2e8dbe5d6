"""Policy: what earlier recordings of a function teach the next one about its inputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tracegraph.externals import Externals


@dataclass(eq=False)
class Policy:
    """What earlier recordings of a function saw: lengths and ints that differ become symbols.

    Each entry is a history, one item for each recording that reached the place. ``is_static`` once
    the function turned out not to be recordable with symbols: then each size has its own trace.
    """

    shapes: dict[tuple[Any, ...], list[tuple[int, ...]]] = field(default_factory=dict)
    ints: dict[tuple[Any, ...], list[int]] = field(default_factory=dict)
    is_static: bool = False

    def learn(self, externals: Externals) -> None:
        """Add what one recording saw."""
        for key, shape in externals.shapes.items():
            self.shapes.setdefault((key, len(shape)), []).append(shape)
        for key, value in externals.seen_ints.items():
            self.ints.setdefault(key, []).append(value)

    def histories(self, key: tuple[Any, ...], shape: tuple[int, ...]) -> list[tuple[int, ...]]:
        """Return for each axis the lengths that were seen, the present one last."""
        seen = [*self.shapes.get((key, len(shape)), ()), shape]
        return [tuple(lengths) for lengths in zip(*seen, strict=True)]
