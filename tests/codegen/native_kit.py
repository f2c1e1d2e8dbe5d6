"""What tests of native entries share: kernels written by hand, plans, a callable that counts."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tracegraph.codegen.executable import Executable
from tracegraph.codegen.llvm import NativeKernel
from tracegraph.codegen.native import compile_kernels
from tracegraph.codegen.native_type import NativeCallable
from tracegraph.codegen.plan import Fresh, Kernel, Plan, PlanBuffer, Slot, Step
from tracegraph.codegen.schedule import plan
from tracegraph.codegen.signature import ArrayInput, ArrayOutput, Input, Signature, argument
from tracegraph.ir.graph import Graph
from tracegraph.ir.loops import Program, Store
from tracegraph.ir.scalar import ScalarBuilder
from tracegraph.ir.sizes import Dim, Size, Symbol, symbol
from tracegraph.ir.types import ArrayType

os.environ.setdefault("TRACEGRAPH_CACHE_DIR", "")

F4, F8, I8, B1 = (np.dtype(name) for name in ("f4", "f8", "i8", "?"))
LLVM = {F4: "float", F8: "double", I8: "i64", B1: "i8"}


def size(name: str, lower: int = 2) -> tuple[Symbol, Size]:
    """Return a symbol twice: itself, and as a size."""
    return Symbol(name, lower), symbol(name, lower=lower)


N, n = size("n")
M, m = size("m")


def elementwise(
    name: str,
    operands: Sequence[str],
    result: str,
    body: str,
    *,
    dtype: Any = F8,
    result_dtype: Any = None,
    count: Symbol | int = N,
) -> NativeKernel:
    """Return a kernel that computes ``%out`` from ``%v0``, ``%v1`` ... for each element."""
    t, out = LLVM[np.dtype(dtype)], LLVM[np.dtype(result_dtype or dtype)]
    loads = "\n".join(
        f"  %p{i} = getelementptr {t}, ptr %b{i}, i64 %i\n  %v{i} = load {t}, ptr %p{i}"
        for i in range(len(operands))
    )
    pointers = ", ".join(f"ptr %b{i}" for i in range(len(operands)))
    limit = f"%{count.name}" if isinstance(count, Symbol) else str(count)
    symbols = (count,) if isinstance(count, Symbol) else ()
    arguments = f"{pointers}, ptr %r" + "".join(f", i64 %{s.name}" for s in symbols)
    text = f"""define hidden void @{name}({arguments}) {{
entry:
  br label %test
test:
  %i = phi i64 [0, %entry], [%j, %loop]
  %more = icmp slt i64 %i, {limit}
  br i1 %more, label %loop, label %done
loop:
{loads}
{body}
  %o = getelementptr {out}, ptr %r, i64 %i
  store {out} %out, ptr %o
  %j = add i64 %i, 1
  br label %test
done:
  ret void
}}"""
    return NativeKernel(name, text, {}, frozenset(), (*operands, result), symbols)


def affine(
    name: str = "affine",
    operand: str = "x",
    result: str = "y",
    dtype: Any = F8,
    count: Symbol | int = N,
) -> NativeKernel:
    """Return the kernel ``result = 2 * operand + 1``."""
    t = LLVM[np.dtype(dtype)]
    body = f"  %two = fmul {t} %v0, 2.0\n  %out = fadd {t} %two, 1.0"
    return elementwise(name, [operand], result, body, dtype=dtype, count=count)


def step(kernel: NativeKernel) -> Kernel:
    """Return a plan's step. Of its loop program only the buffer that it writes is looked at."""
    anything = ScalarBuilder().const(0, F8)
    return Kernel(Program(kernel.name, (), (Store(kernel.buffers[-1], 0, anything),)))


def executable(
    signature: Signature,
    buffers: Mapping[str, tuple[Any, Dim]],
    steps: Sequence[Step | NativeKernel],
    slots: Sequence[Slot] = (),
    kernels: Sequence[NativeKernel] = (),
) -> Executable:
    """Build an executable from buffers by name (dtype and size) and steps."""
    given = {k.name: k for k in (*steps, *kernels) if isinstance(k, NativeKernel)}
    plan = Plan(
        buffers=tuple(
            PlanBuffer(name, np.dtype(dtype), count, "temp")
            for name, (dtype, count) in buffers.items()
        ),
        steps=tuple(step(s) if isinstance(s, NativeKernel) else s for s in steps),
        params=(),
        outputs=(),
        slots=tuple(slots),
    )
    return Executable(signature, plan, given)


def array(
    position: int, shape: Sequence[Dim], buffer: str, dtype: Any = F8, **options: Any
) -> ArrayInput:
    """Return the input that is one array argument."""
    return ArrayInput(
        source=argument(position),
        type=ArrayType(np.dtype(dtype), tuple(shape)),
        buffer=buffer,
        **options,
    )


def signature(
    inputs: Sequence[Input], outputs: Sequence[Any], arguments: int = 1, **options: Any
) -> Signature:
    """Return a signature."""
    return Signature(arguments=arguments, inputs=tuple(inputs), outputs=tuple(outputs), **options)


class Counting(NativeCallable):
    """Runs a Python function where the native code does not, and counts how often."""

    def __init__(self, function: Callable[..., Any], entry: Executable | None = None) -> None:
        self.function = function
        self.slow_calls = 0
        self.run(entry)

    def _slow(self, *args: Any, **kwargs: Any) -> Any:
        self.slow_calls += 1
        return self.function(*args, **kwargs)


def graph_executable(graph: Graph, found: Plan | None = None) -> Executable:
    """Build the executable of a graph: a tuple of fresh arrays from arrays in C order."""
    if found is None:
        found = plan(graph, [Fresh(tuple(range(o.array_type.ndim))) for o in graph.outputs])
    inputs = [
        ArrayInput(source=argument(k), type=param.array_type, buffer=buffer)
        for k, (param, buffer) in enumerate(zip(graph.params, found.params, strict=True))
    ]
    outputs = [
        ArrayOutput(buffer, node.array_type.shape)
        for node, buffer in zip(graph.outputs, found.outputs, strict=True)
    ]
    kernels = compile_kernels(found)
    whole = signature(inputs, outputs, len(inputs), container=tuple)
    return Executable(whole, found, kernels)


MISSED = object()


def native(entry: Executable) -> Counting:
    """Return a callable that gives ``MISSED`` where the entry misses."""
    return Counting(lambda *args, **kwargs: MISSED, entry)
