"""Loops as functions of their own, into which the small kernels of their bodies are merged.

LLVM puts the kernels in the places of their calls and optimises the whole. Buffers of a few
elements are memory of the function, which becomes registers: what a loop carries from one iteration
to the next, and what one kernel hands to another, is computed as if it had been written as one
loop.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tracegraph.codegen.arena import named_buffers
from tracegraph.codegen.entry_flow import Flow
from tracegraph.codegen.entry_sizes import Sizes
from tracegraph.codegen.entry_text import Text
from tracegraph.codegen.llvm import NativeKernel
from tracegraph.codegen.plan import Branch, Kernel, Loop, Plan, PlanBuffer, Step, While, walk
from tracegraph.ir.loops import written
from tracegraph.ir.record import record
from tracegraph.ir.sizes import Symbol, symbols

LOCAL_BYTES, FRAME_BYTES = 256, 16384
"""Buffers of at most so many bytes are memory of the function, and so many bytes in all."""

SMALL = 600
"""Kernels of at most so many lines, counted for each of their iterations, are merged."""

INTRINSICS = """declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)
declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
"""


@record(eq=True)
class Merged:
    """The function of a loop and how it is called.

    Parameters
    ----------
    name : str
        The function is ``i32 @name(pointers..., integers...)``, for a ``While`` with one pointer
        more: where the number of iterations goes. It returns 0 or the code of an exit.
    head, body : str
        Its definition is ``define`` with these.
    inlined, called : tuple of str
        The kernels that are merged with it, and the others.
    buffers : tuple of str
        Whose addresses are the pointers.
    symbols : tuple of Symbol
        Whose values are the integers.
    functions : frozenset of str
        The functions of CPython that it calls.
    """

    name: str
    head: str
    body: str
    inlined: tuple[str, ...]
    called: tuple[str, ...]
    buffers: tuple[str, ...]
    symbols: tuple[Symbol, ...]
    functions: frozenset[str]

    @property
    def declaration(self) -> str:
        return f"declare {self.head}"

    @property
    def definition(self) -> str:
        return f"define {self.head} {{\n{self.body}\n}}"


class Merging:
    """Writes the functions of the loops of one plan; ``made`` has them."""

    def __init__(self, plan: Plan, kernels: Mapping[str, NativeKernel]) -> None:
        self.made: list[Merged] = []
        self._kernels = kernels
        self._buffers = {buffer.name: buffer for buffer in plan.buffers}
        self._temporary = {name for slot in plan.slots for name in slot.buffers} - {*plan.outputs}
        self._mentions = Counter(self._mentioned(walk(plan.steps)))

    def applies(self, step: Step) -> bool:
        """Return whether a loop is a function: it runs nothing but kernels, one of them small."""
        inner = list(walk((step,)))
        native = all(isinstance(one, Kernel | Branch | Loop | While) for one in inner)
        if any(isinstance(one, While) and one.count is not None for one in inner[1:]):
            return False  # what is counted is the size of arrays
        return native and any(isinstance(one, Kernel) and self._is_small(one) for one in inner)

    def _is_small(self, step: Kernel) -> bool:
        """Return whether a kernel is merged with the loop that it is in."""
        lines = self._kernels[step.name].text.count("\n")
        return step.iterations is not None and lines * step.iterations <= SMALL

    def merge(self, step: Loop | While) -> Merged:
        """Write the function of a loop."""
        inner = list(walk((step,)))
        mentions = Counter(self._mentioned(inner))
        local = self._local(mentions)
        own = {name for name in local if self._is_own(name, mentions[name])}
        given = tuple(name for name in mentions if name not in own)
        kernels = [one for one in inner if isinstance(one, Kernel)]
        free = _free(inner, [self._kernels[kernel.name] for kernel in kernels])
        flow = self._flow(given, free)
        for name in local:
            flow.pointers[name] = _entered(flow.text, self._buffers[name], name in own)
        _run(flow, step)
        changed = {name for kernel in kernels for name in written(kernel.program.body)}
        _leave(flow, [self._buffers[name] for name in local if name in changed - own])
        name = f"tg_loop{len(self.made)}"
        made = Merged(
            name=name,
            head=_head(name, given, len(free), isinstance(step, While)),
            body=flow.text.body(),
            inlined=_names(kernel for kernel in kernels if self._is_small(kernel)),
            called=_names(kernel for kernel in kernels if not self._is_small(kernel)),
            buffers=given,
            symbols=free,
            functions=frozenset(flow.text.functions),
        )
        self.made.append(made)
        return made

    def _flow(self, buffers: Iterable[str], free: Iterable[Symbol]) -> Flow:
        """Return what writes the function, with the names of its parameters."""
        text = Text()
        flow = Flow(text, Sizes(text), self._kernels, {b: f"%buffer.{b}" for b in buffers})
        for number, symbol in enumerate(free):
            flow.sizes.number(symbol, f"%symbol.{number}")
        return flow

    def _mentioned(self, steps: Iterable[Step]) -> Iterator[str]:
        """Yield the buffers that steps mention, those of inner steps left out."""
        for step in steps:
            if isinstance(step, Kernel):
                yield from self._kernels[step.name].buffers
            elif isinstance(step, Branch | While):
                yield step.buffer
            elif not isinstance(step, Loop):
                yield from named_buffers(step)

    def _local(self, names: Iterable[str]) -> list[str]:
        """Return the buffers of few elements that lie together, as those of inputs may not."""
        found, left = [], FRAME_BYTES
        for buffer in (self._buffers[name] for name in names):
            compact = buffer.kind != "input" or buffer.size == 1
            if compact and isinstance(buffer.size, int) and _bytes(buffer) <= LOCAL_BYTES:
                left -= _bytes(buffer)
                found.append(buffer.name)
            if left < 0:
                return found[:-1]
        return found

    def _is_own(self, name: str, mentions: int) -> bool:
        """Return whether a temporary buffer is mentioned nowhere else."""
        return name in self._temporary and self._mentions[name] == mentions


def _run(flow: Flow, step: Loop | While) -> None:
    text = flow.text
    if isinstance(step, While):
        trips = text.load("i64", flow.repeat(step))
        text.do(f"store i64 {trips}, ptr %trips")
    else:
        flow.loop(step)


def _head(name: str, buffers: Iterable[str], symbols: int, counts: bool) -> str:
    parameters = [f"ptr noalias %buffer.{buffer}" for buffer in buffers]
    parameters += [f"i64 %symbol.{number}" for number in range(symbols)]
    parameters += ["ptr noalias %trips"] if counts else []
    return f'hidden i32 @{name}({", ".join(parameters)}) "prefer-vector-width"="256" nounwind'


def _names(kernels: Iterable[Kernel]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(kernel.name for kernel in kernels))


def _free(inner: Sequence[Step], used: Sequence[NativeKernel]) -> tuple[Symbol, ...]:
    """Return the symbols that steps mention, except the numbers of iterations."""
    found = [symbol for kernel in used for symbol in kernel.symbols]
    found += [symbol for one in inner if isinstance(one, Loop) for symbol in symbols(one.trip)]
    bound = {one.index for one in inner if isinstance(one, Loop)}
    return tuple(symbol for symbol in dict.fromkeys(found) if symbol not in bound)


def _entered(text: Text, buffer: PlanBuffer, own: bool) -> str:
    """Return memory of the function with the elements of a buffer; zeros where they are its own.

    Nothing reads these zeros, but LLVM, to which other memory would be undefined, cannot know.
    """
    made = text.slot(f"[{_bytes(buffer)} x i8]", align=32)
    if own:
        text.do(f"call void @llvm.memset.p0.i64(ptr {made}, i8 0, i64 {_bytes(buffer)}, i1 false)")
    else:
        _copy(text, made, f"%buffer.{buffer.name}", buffer)
    return made


def _leave(flow: Flow, changed: Sequence[PlanBuffer]) -> None:
    """Add the end of the function, by which every exit leaves."""
    text = flow.text
    code = text.slot("i32")
    exits = {0: "leave.done", **text.exits}
    text.jump(exits[0])
    for number, label in exits.items():
        text.label(label)
        text.do(f"store i32 {number}, ptr {code}")
        text.jump("leave")
    text.label("leave")
    for buffer in changed:
        _copy(text, f"%buffer.{buffer.name}", flow.pointers[buffer.name], buffer)
    text.do(f"ret i32 {text.load('i32', code)}")


def _copy(text: Text, to: str, source: str, buffer: PlanBuffer) -> None:
    aligned = f"ptr align {buffer.dtype.itemsize}"
    text.do(
        f"call void @llvm.memcpy.p0.p0.i64({aligned} {to}, {aligned} {source}, "
        f"i64 {_bytes(buffer)}, i1 false)"
    )


def _bytes(buffer: PlanBuffer) -> int:
    assert isinstance(buffer.size, int)
    return buffer.size * buffer.dtype.itemsize
