"""Runs plans step by step from Python: kernels through ctypes, the rest through NumPy."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from tracegraph.codegen.llvm import NativeKernel
from tracegraph.codegen.native import compile_kernels
from tracegraph.codegen.plan import (
    Branch,
    CalloutStep,
    Fresh,
    Gemm,
    GuardStep,
    Kernel,
    Loop,
    Matrix,
    Plan,
    SelectStep,
    While,
)
from tracegraph.codegen.schedule import plan
from tracegraph.ir.graph import Graph, trace
from tracegraph.ir.ops.linalg import matmul
from tracegraph.ir.size_values import bare_symbol, concrete, evaluate
from tracegraph.ir.sizes import Symbol, symbols
from tracegraph.ir.types import ArrayType

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()
_ALIVE: list[Any] = []


def module_text(kernels: Sequence[NativeKernel]) -> str:
    """Return one module with an external ``run_<name>`` for each kernel."""
    declarations = sorted({d for k in kernels for d in k.declarations})
    helpers = {name: text for k in kernels for name, text in k.helpers.items()}
    lines = [*declarations, *helpers.values()]
    for kernel in kernels:
        names = [f"ptr %p{i}" for i in range(len(kernel.buffers))]
        names += [f"i64 %s{i}" for i in range(len(kernel.symbols))]
        passed = ", ".join(names)
        lines.append(f"{kernel.text}\ndefine void @run_{kernel.name}({passed}) {{")
        lines.append(f"  call void @{kernel.name}({passed})\n  ret void\n}}")
    return "\n".join(lines)


def load(text: str) -> Any:
    """Return an execution engine with the module compiled as ``jit`` compiles it."""
    module = llvm.parse_assembly(text)
    module.verify()
    target = llvm.Target.from_default_triple()
    machine = target.create_target_machine(
        opt=2, cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten()
    )
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options())
    passes = llvm.create_new_module_pass_manager()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.add_dead_code_elimination_pass()
    passes.run(module, builder)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    _ALIVE.append(engine)
    return engine


def load_kernel(kernel: NativeKernel) -> Any:
    """Return a kernel as a function of arrays by buffer name, and of its integers by name."""
    engine = load(module_text([kernel]))
    types = [ctypes.c_void_p] * len(kernel.buffers) + [ctypes.c_int64] * len(kernel.symbols)
    function = ctypes.CFUNCTYPE(None, *types)(engine.get_function_address(f"run_{kernel.name}"))

    def call(arrays: Mapping[str, Any], **sizes: int) -> None:
        pointers = [arrays[name].ctypes.data for name in kernel.buffers]
        function(*pointers, *(sizes[s.name] for s in kernel.symbols))

    return call


class GuardFailed(Exception):
    """A guard of the plan did not hold."""


class Runner:
    """A plan that can be called with arrays."""

    def __init__(self, graph: Graph, plan: Plan, fp: str = "strict") -> None:
        self.graph, self.plan = graph, plan
        self.kernels = compile_kernels(plan, fp)
        self.text = module_text([*{one.name: one for one in self.kernels.values()}.values()])
        engine = load(self.text)
        self.functions = {}
        for name, kernel in self.kernels.items():
            types = [ctypes.c_void_p] * len(kernel.buffers) + [ctypes.c_int64] * len(kernel.symbols)
            address = engine.get_function_address(f"run_{kernel.name}")
            self.functions[name] = ctypes.CFUNCTYPE(None, *types)(address)

    def __call__(self, *arrays: Any, **sizes: int) -> list[Any]:
        given = [np.asarray(a) for a in arrays]
        values = {Symbol(name): size for name, size in sizes.items()}
        for param, array in zip(self.graph.params, given, strict=True):
            for dim, length in zip(param.array_type.shape, array.shape, strict=True):
                for symbol in symbols(dim):
                    if dim.terms == (((symbol,), 1),):  # type: ignore[union-attr]
                        values[symbol] = length
        memory: dict[str, Any] = dict(zip(self.plan.params, given, strict=True))
        self._arena(memory, values)
        self.values = values
        self._make_room(memory)
        self.run(self.plan.steps, memory)
        results = []
        for node, name in zip(self.graph.outputs, self.plan.outputs, strict=True):
            shape = [evaluate(d, values) for d in node.array_type.shape]
            results.append(memory[name].reshape(shape))
        return results

    def _arena(self, memory: dict[str, Any], values: Mapping[Symbol, int]) -> None:
        buffers = {b.name: b for b in self.plan.buffers}
        for slot in self.plan.slots:
            bytes_ = np.full(evaluate(slot.size, values), 77, np.uint8)
            for name in slot.buffers:
                size = evaluate(buffers[name].size, values)
                dtype = buffers[name].dtype
                memory[name] = bytes_[: size * dtype.itemsize].view(dtype)

    def run(self, steps: Any, memory: dict[str, Any]) -> None:
        for step in steps:
            if isinstance(step, Kernel):
                kernel = self.kernels[step.name]
                pointers = [memory[b].ctypes.data for b in kernel.buffers]
                self.functions[step.name](*pointers, *(self.values[s] for s in kernel.symbols))
            elif isinstance(step, Gemm):
                _gemm(step, memory, self.values)
            elif isinstance(step, SelectStep):
                mask = memory[step.mask].ravel()[: evaluate(step.length, self.values)]
                memory[step.places] = np.flatnonzero(mask)
            elif isinstance(step, GuardStep):
                if bool(memory[step.buffer].ravel()[0]) != step.expect:
                    raise GuardFailed(step.number)
            elif isinstance(step, CalloutStep):
                self._callout(step, memory)
            else:
                self._control(step, memory)

    def _control(self, step: Branch | Loop | While, memory: dict[str, Any]) -> None:
        if isinstance(step, Branch):
            self.run(step.then if memory[step.buffer].ravel()[0] else step.orelse, memory)
        elif isinstance(step, While):
            self._while(step, memory)
        else:
            for k in range(evaluate(step.trip, self.values)):
                self.values[step.index] = k
                self.run(step.body, memory)
            self.values.pop(step.index, None)

    def _while(self, step: While, memory: dict[str, Any]) -> None:
        trips = 0
        self.run(step.test, memory)
        while memory[step.buffer].ravel()[0]:
            self.run(step.body, memory)
            self.run(step.test, memory)
            trips += 1
        symbol = None if step.count is None else bare_symbol(step.count)
        if symbol is not None:
            self.values[symbol] = trips
            self._make_room(memory)

    def _make_room(self, memory: dict[str, Any]) -> None:
        """Make the buffers whose sizes are known now."""
        for buffer in self.plan.buffers:
            known = set(symbols(buffer.size)) <= self.values.keys()
            if known and buffer.name not in memory:
                size = evaluate(buffer.size, self.values)
                memory[buffer.name] = np.full(size, 77, np.uint8).astype(buffer.dtype)

    def _callout(self, step: CalloutStep, memory: dict[str, Any]) -> None:
        arrays = []
        for name, type in zip(step.operands, step.operand_types, strict=True):
            shape = [evaluate(d, self.values) for d in type.shape]
            array = memory[name]
            if array.size > prod(shape):
                array = array[: prod(shape)]
            arrays.append(array.reshape(shape))
        attrs = {name: concrete(value, self.values) for name, value in step.attrs}
        result = step.op.eager(*arrays, **attrs)
        results = result if len(step.results) > 1 or isinstance(result, tuple) else (result,)
        for name, value in zip(step.results, results, strict=True):
            memory[name] = np.array(value, order="C")


def _matrices(m: Matrix, shape: tuple[int, int, int], memory: Any, values: Any) -> Any:
    count, rows, columns = shape
    array = memory[m.buffer]
    offset, leading, step = (evaluate(d, values) for d in (m.offset, m.leading, m.step))
    size = array.itemsize
    down, right = (1, leading) if m.transposed else (leading, 1)
    base = array.reshape(-1)[offset:] if array.flags.c_contiguous else array
    return np.lib.stride_tricks.as_strided(
        base, (count, rows, columns), (step * size, down * size, right * size)
    )


def _gemm(step: Gemm, memory: Mapping[str, Any], values: Any) -> None:
    t, m, n, k = (evaluate(d, values) for d in (step.count, step.m, step.n, step.k))
    if 0 in (t, m, n):
        return
    a = _matrices(step.a, (t, m, k), memory, values)
    b = _matrices(step.b, (t, k, n), memory, values)
    _matrices(step.c, (t, m, n), memory, values)[...] = matmul.eager(a, b, zeros=step.zeros)


def compiled(function: Any, *types: ArrayType, fp: str = "strict", **options: Any) -> Runner:
    """Trace a function of values and return its plan, runnable."""
    graph = trace(function, *types)
    destinations = options.pop("destinations", None)
    if destinations is None:
        destinations = [Fresh(tuple(range(o.array_type.ndim))) for o in graph.outputs]
    return Runner(graph, plan(graph, destinations, **options), fp)
