"""Running kernels, branches and loops: what an entry and the function of a loop have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tracegraph.codegen import entry_loops
from tracegraph.codegen.entry_sizes import Sizes
from tracegraph.codegen.entry_text import EAGER, ERROR, Text
from tracegraph.codegen.llvm import NativeKernel
from tracegraph.codegen.plan import Branch, Kernel, Loop, Step, While, walk
from tracegraph.ir.errors import GraphError

SELDOM, OFTEN = 256, 16
"""After so many iterations a loop asks whether a signal has come: seldom where all kernels of its
body have fewer than ``FEW`` iterations of their own."""

FEW = 16


@dataclass(eq=False)
class Flow:
    """``pointers`` has the memory of buffers that is known before the steps run."""

    text: Text
    sizes: Sizes
    kernels: Mapping[str, NativeKernel]
    pointers: dict[str, str]

    def emit(self, steps: Sequence[Step]) -> None:
        """Add the code of steps, those of the plan or of a branch."""
        for step in steps:
            self.step(step)

    def step(self, step: Step) -> None:
        """Add the code of one step."""
        if isinstance(step, Kernel):
            self.kernel(step)
        elif isinstance(step, Branch):
            self.branch(step)
        elif isinstance(step, Loop):
            self.loop(step)
        elif isinstance(step, While):
            self.repeat(step)
        else:
            raise GraphError(f"{type(step).__name__} is no step of kernels, branches and loops")

    def pointer(self, buffer: str) -> str:
        """Return the memory of a buffer."""
        if buffer not in self.pointers:
            raise GraphError(f"no input or step gives the buffer {buffer}")
        return self.pointers[buffer]

    def kernel(self, step: Kernel) -> None:
        kernel = self.kernels[step.name]
        given = [f"ptr {self.pointer(name)}" for name in kernel.buffers]
        given += [f"i64 {self.sizes.symbol(symbol)}" for symbol in kernel.symbols]
        self.text.do(f"call void @{kernel.name}({', '.join(given)})")

    def flag(self, buffer: str) -> str:
        """Return the bool in a buffer as an i1."""
        return self.text.let(f"icmp ne i8 {self.text.load('i8', self.pointer(buffer))}, 0")

    def branch(self, step: Branch) -> None:
        arms = (lambda: self._arm(step.then)), (lambda: self._arm(step.orelse))
        entry_loops.branch(self.text, self.flag(step.buffer), *arms)

    def _arm(self, steps: Sequence[Step]) -> None:
        with self.sizes.scope():
            self.emit(steps)

    def loop(self, step: Loop) -> None:
        trip = self.sizes.value(step.trip)
        self.sizes.require_exact(self.text.exit(EAGER))
        inner = list(walk(step.body))
        with (
            self.sizes.scope(),
            entry_loops.counting(self.text, trip, self._asking(inner)) as number,
        ):
            self.sizes.number(step.index, number)
            self.begin(step, inner)
            self.emit(step.body)

    def begin(self, loop: Loop, inner: Sequence[Step]) -> None:
        """Compute what is known once an iteration has its number."""
        self.sizes.prepare(step.trip for step in inner if isinstance(step, Loop))
        self.sizes.require_exact(self.text.exit(EAGER))

    def repeat(self, step: While) -> str:
        """Add a loop that tests; return the slot of the number of its iterations."""

        def test() -> str:
            self.emit(step.test)
            return self.flag(step.buffer)

        with (
            self.sizes.scope(),
            entry_loops.repeating(self.text, test, self._asking(list(walk(step.body)))) as trips,
        ):
            self.emit(step.body)
        return trips

    def _asking(self, body: Sequence[Step]) -> entry_loops.Asking:
        """Return how often a loop asks for signals: seldom if an iteration is a few numbers."""
        short = all(isinstance(s, Kernel) and (s.iterations or FEW) < FEW for s in body)
        return entry_loops.Asking(SELDOM if short else OFTEN, self.text.exit(ERROR))
