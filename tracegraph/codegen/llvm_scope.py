"""Scopes of a function while its text is written: where an instruction goes, and hoisting by that.

Blocks nest as loops do. Code lands in the outermost scope where all its operands are known, so that
loop invariants leave their loops by themselves. Between the body of a loop and the body of a loop
inside it stands a *gate*: code there runs once before the inner loop, and only if that loop runs at
all, so that hoisting never reads memory that the program would not have read.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

FEW = 8
"""Loops of so many iterations are unrolled where they are merged with a loop around them."""

UNROLL = """!90002 = distinct !{!90002, !90003}
!90003 = !{!"llvm.loop.unroll.full"}"""


class Register(NamedTuple):
    """A value: its text, how many lanes it has, and the scope it lives in."""

    text: str
    lanes: int
    scope: int


class Result(NamedTuple):
    """A value that leaves a block: its LLVM type and its text."""

    type: str
    text: str


@dataclass(eq=False)
class Scope:
    """One block while it is written."""

    label: str
    gate: bool
    lines: list[str] = field(default_factory=list)
    values: dict[Hashable, Register] = field(default_factory=dict)
    fleeting: list[Hashable] = field(default_factory=list)


@dataclass(eq=False)
class Scopes:
    """The stack of blocks around the place that is being written.

    Where it ``unrolls`` any loops, the module needs the lines ``UNROLL``.
    """

    stack: list[Scope] = field(default_factory=lambda: [Scope("entry", gate=False)])
    unrolls: bool = False
    _names: Iterator[int] = field(default_factory=itertools.count)

    @property
    def top(self) -> int:
        return len(self.stack) - 1

    def name(self, prefix: str = "t") -> str:
        return f"%{prefix}{next(self._names)}"

    def find(self, key: Hashable) -> Register | None:
        for scope in reversed(self.stack):
            found = scope.values.get(key)
            if found is not None:
                return found
        return None

    def home(self, scopes: Sequence[int]) -> int:
        """Return where a value of operands from ``scopes`` is computed."""
        inner = max(scopes, default=0)
        if inner == self.top or self.stack[inner].gate:
            return inner
        return inner + 1

    def emit(self, scope: int, text: str) -> str:
        """Write an instruction that has a result."""
        name = self.name()
        self.stack[scope].lines.append(f"  {name} = {text}")
        return name

    def write(self, line: str) -> None:
        """Write a line without a result at the place that is being written."""
        self.stack[-1].lines.append(line)

    def keep(self, key: Hashable, register: Register, *, fleeting: bool = False) -> Register:
        scope = self.stack[register.scope]
        scope.values[key] = register
        if fleeting:
            scope.fleeting.append(key)
        return register

    def forget_fleeting(self) -> None:
        """Forget what was read of memory that is written now."""
        scope = self.stack[-1]
        for key in scope.fleeting:
            scope.values.pop(key, None)
        scope.fleeting.clear()

    def branch(self, scope: int, condition: str, cold: Callable[[], str], otherwise: Result) -> str:
        """Write a block that runs rarely, inside ``scope``; return the joined value."""
        there, join, name = self.name("cold"), self.name("join"), self.name()
        block = self.stack[scope]
        before = block.label
        block.lines.append(f"  br i1 {condition}, label {there}, label {join}\n{there[1:]}:")
        value = cold()
        block.lines.append(
            f"  br label {join}\n{join[1:]}:\n  {name} = phi {otherwise.type} "
            f"[{otherwise.text}, %{before}], [{value}, {there}]"
        )
        block.label = join[1:]
        return name

    def gate(
        self,
        condition: str | None,
        inside: Callable[[], list[Result]],
        skipped: Callable[[], Sequence[str]],
    ) -> list[Result]:
        """Write a gate: ``inside`` runs if ``condition`` holds, else the results are ``skipped``.

        Without a condition it always runs; it still is a place of its own to hoist to.
        """
        there, join = self.name("go"), self.name("past")
        self.stack.append(Scope(there[1:], gate=True))
        results = inside()
        block, outer = self.stack.pop(), self.stack[-1]
        always = condition is None
        outer.lines.append(
            f"  br label {there}" if always else f"  br i1 {condition}, label {there}, label {join}"
        )
        outer.lines += [f"{there[1:]}:", *block.lines, f"  br label {join}", f"{join[1:]}:"]
        joined = results if always else []
        for result, other in zip(results, () if always else skipped(), strict=not always):
            joined.append(Result(result.type, self.name()))
            outer.lines.append(
                f"  {joined[-1].text} = phi {result.type} [{other}, %{outer.label}], "
                f"[{result.text}, %{block.label}]"
            )
        outer.label = join[1:]
        return joined

    def loop(
        self,
        bounds: tuple[str, str, int],
        starts: Callable[[], Sequence[str]],
        states: Sequence[str],
        inside: Callable[[str], list[Result]],
    ) -> list[Result]:
        """Write a loop that runs at least once: ``inside(index)`` gives the next states."""
        first, limit, step = bounds
        head, done, index = self.name("loop"), self.name("done"), self.name("i")
        self.stack.append(Scope(head[1:], gate=False))
        results = inside(index)
        body, outer = self.stack.pop(), self.stack[-1]
        after, more = self.name(), self.name()
        outer.lines += [f"  br label {head}", f"{head[1:]}:"]
        edges = [("i64", index, first, after)]
        edges += [(r.type, s, v, r.text) for r, s, v in zip(results, states, starts(), strict=True)]
        for type, state, start, value in edges:
            outer.lines.append(
                f"  {state} = phi {type} [{start}, %{outer.label}], [{value}, %{body.label}]"
            )
        outer.lines += [
            *body.lines,
            f"  {after} = add nsw i64 {index}, {step}",
            f"  {more} = icmp slt i64 {after}, {limit}",
            f"  br i1 {more}, label {head}, label {done}{self._unrolled(bounds)}",
            f"{done[1:]}:",
        ]
        outer.label = done[1:]
        return results

    def _unrolled(self, bounds: tuple[str, str, int]) -> str:
        """Return what is said of a loop at its end, so that LLVM may unroll it."""
        first, limit, step = bounds
        if not (first.isdigit() and limit.isdigit() and int(limit) - int(first) <= FEW * step):
            return ""
        self.unrolls = True
        return ", !llvm.loop !90002"
