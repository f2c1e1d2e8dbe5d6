"""Paths: traces with their machine code, and the cells by which calls leave one for another."""

from __future__ import annotations

from tracegraph.codegen.executable import Executable
from tracegraph.ir.ops.control import guard
from tracegraph.trace import Trace


class Path:
    """A trace with its machine code."""

    def __init__(self, trace: Trace, executable: Executable) -> None:
        self.trace, self.executable = trace, executable
        self.links: dict[int, Path] = {}


def find_links(first: Path, trace: Trace) -> list[tuple[Path, int]]:
    """Return the cells by which calls that fit ``trace`` leave the traces there are.

    None where native code and the eager run answered a guard differently.
    """
    found: list[tuple[Path, int]] = []
    stack, seen = [first], set()
    while stack:
        path = stack.pop()
        if id(path) in seen:
            continue
        seen.add(id(path))
        for cell in cells_left_by(path.trace, trace):
            following = path.links.get(cell)
            if following is None:
                found.append((path, cell))
            else:
                stack.append(following)
    return found


def cells_left_by(known: Trace, new: Trace) -> list[int]:
    """Return by which cells of ``known`` a call that fits ``new`` can leave it."""
    if known.signature.keywords != new.signature.keywords:
        return [0]
    common = known.facts.keys() & new.facts.keys()
    if any(known.facts[key] != new.facts[key] for key in common):
        return [0]
    pairs = zip(known.decisions, new.decisions, strict=False)
    differing = next((i for i, (a, b) in enumerate(pairs) if a != b), None)
    # What is known without looking at data no native code asks any more: other inputs answer it.
    cells = [1 + differing] if differing in guards_of(known) else []
    same_inputs = known.facts == new.facts and known.signature.checks == new.signature.checks
    return cells if same_inputs else [0, *cells]


def guards_of(trace: Trace) -> set[int]:
    """Return the numbers of the guards that native code looks at."""
    return {dict(node.attrs)["number"] for node in trace.graph if node.op is guard}
