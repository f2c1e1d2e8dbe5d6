"""Runs scalar programs on arrays: a minimal LLVM emitter, independent of the project's own.

`build(dtype, body, arity)` makes one vector loop of what `body(builder, *loads)` returns.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import llvmlite.binding as llvm
import numpy as np

from tracegraph.codegen.mathlib import expand_program
from tracegraph.ir.scalar import Scalar, ScalarBuilder, constant_value, walk
from tracegraph.ir.types import BOOL, DType

Array = np.ndarray[Any, Any]
LANES = 8
TYPES = {"f4": "float", "f8": "double", "i4": "i32", "i8": "i64", "b1": "i1"}
FLOAT_TEST = {
    "equal": "oeq", "not_equal": "une", "less": "olt", "less_equal": "ole",
    "greater": "ogt", "greater_equal": "oge",
}  # fmt: skip
INTEGER_TEST = {"equal": "eq", "not_equal": "ne"}
BINARY = {
    "add": "add", "subtract": "sub", "multiply": "mul", "divide": "div",
    "bitwise_and": "and", "bitwise_or": "or", "bitwise_xor": "xor", "shl": "shl", "lshr": "lshr",
}  # fmt: skip
INTRINSIC = {
    "fma": "fma", "sqrt": "sqrt", "absolute": "fabs", "copysign": "copysign", "rint": "rint",
}  # fmt: skip
_engines: list[Any] = []  # machine code lives as long as its engine


def element(dtype: DType) -> str:
    return TYPES[dtype.str[1:]]


def vector(dtype: DType) -> str:
    return f"<{LANES} x {element(dtype)}>"


def literal(value: Any) -> str:
    if value.dtype.kind == "f":
        return f"0x{np.float64(value).view(np.uint64):016X}"
    return str(int(value))


class Emitter:
    """LLVM text of one program; `names` holds what is computed."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.declared: dict[str, str] = {}
        self.names: dict[Scalar, str] = {}
        self.block = "loop"

    def emit(self, text: str) -> str:
        name = f"%v{len(self.lines)}"
        self.lines.append(f"  {name} = {text}")
        return name

    def call(self, name: str, dtype: DType, args: Sequence[str]) -> str:
        kind = vector(dtype)
        suffix = f"v{LANES}f{dtype.itemsize * 8}"
        full = f"llvm.{name}.{suffix}"
        self.declared[full] = f"declare {kind} @{full}({', '.join([kind] * len(args))})"
        return self.emit(f"call {kind} @{full}({', '.join(f'{kind} {a}' for a in args)})")

    def visit(self, s: Scalar) -> str:
        args = [self.names[a] for a in s.args]
        special = getattr(self, f"visit_{s.op}", None)
        if special is not None:
            return str(special(s, *args))
        kind = vector(s.args[0].dtype)
        floating = s.args[0].dtype.kind == "f"
        if s.op in FLOAT_TEST:
            test = f"fcmp {FLOAT_TEST[s.op]}" if floating else f"icmp {INTEGER_TEST[s.op]}"
            return self.emit(f"{test} {kind} {args[0]}, {args[1]}")
        if s.op in INTRINSIC:
            return self.call(INTRINSIC[s.op], s.dtype, args)
        return self.emit(f"{'f' * floating}{BINARY[s.op]} {kind} {args[0]}, {args[1]}")

    def visit_const(self, s: Scalar) -> str:
        return f"splat ({element(s.dtype)} {literal(constant_value(s))})"

    def visit_load(self, s: Scalar) -> str:
        kind = element(s.dtype)
        at = self.emit(f"getelementptr {kind}, ptr %{s.attr('buffer')}, i64 %i")
        return self.emit(f"load {vector(s.dtype)}, ptr {at}, align {s.dtype.itemsize}")

    def visit_negative(self, s: Scalar, x: str) -> str:
        return self.emit(f"fneg {vector(s.dtype)} {x}")

    def visit_invert(self, s: Scalar, x: str) -> str:
        return self.emit(f"xor {vector(s.dtype)} {x}, splat ({element(s.dtype)} -1)")

    def visit_select(self, s: Scalar, condition: str, a: str, b: str) -> str:
        kind = vector(s.dtype)
        return self.emit(f"select {vector(BOOL)} {condition}, {kind} {a}, {kind} {b}")

    def visit_shortcut(self, s: Scalar, condition: str, short: str, full: str) -> str:
        return full

    def visit_bitcast(self, s: Scalar, x: str) -> str:
        return self.emit(f"bitcast {vector(s.args[0].dtype)} {x} to {vector(s.dtype)}")

    def visit_cast(self, s: Scalar, x: str) -> str:
        how = "fpext" if s.dtype.itemsize == 8 else "fptrunc"
        return self.emit(f"{how} {vector(s.args[0].dtype)} {x} to {vector(s.dtype)}")

    def visit_slow_path(self, s: Scalar, rare: str, fast: str, *args: str) -> str:
        call = self.cold_function(s.attr("name"), s.dtype, len(args))
        kind, n = vector(s.dtype), len(self.lines)
        packed = self.emit(f"bitcast {vector(BOOL)} {rare} to i{LANES}")
        some = self.emit(f"icmp ne i{LANES} {packed}, 0")
        self.lines.append(f"  br i1 {some}, label %slow{n}, label %join{n}\nslow{n}:")
        given = ", ".join(f"{kind} {a}" for a in (fast, *args))
        slow = self.emit(f"call {kind} @{call}({vector(BOOL)} {rare}, {given})")
        self.lines.append(f"  br label %join{n}\njoin{n}:")
        before, self.block = self.block, f"join{n}"
        return self.emit(f"phi {kind} [{fast}, %{before}], [{slow}, %slow{n}]")

    def cold_function(self, name: str, dtype: DType, count: int) -> str:
        """Declare the C function and define its application to the lanes where the test holds."""
        one, kind = element(dtype), vector(dtype)
        library = name + "f" * (dtype.itemsize == 4)
        self.declared[library] = f"declare {one} @{library}({', '.join([one] * count)})"
        params = "".join(f", {kind} %x{i}" for i in range(count))
        text = [f"define internal {kind} @cold_{library}({vector(BOOL)} %c, {kind} %f{params})"]
        text += ["noinline cold {"]
        last = "%f"
        for lane in range(LANES):
            text += [
                f"  %x{i}_{lane} = extractelement {kind} %x{i}, i32 {lane}" for i in range(count)
            ]
            given = ", ".join(f"{one} %x{i}_{lane}" for i in range(count))
            text += [
                f"  %r{lane} = call {one} @{library}({given})",
                f"  %o{lane} = insertelement {kind} {last}, {one} %r{lane}, i32 {lane}",
            ]
            last = f"%o{lane}"
        text += [
            f"  %s = select {vector(BOOL)} %c, {kind} {last}, {kind} %f",
            f"  ret {kind} %s",
            "}",
        ]
        self.declared[f"cold_{library}"] = "\n".join(text)
        return f"cold_{library}"


def program_text(roots: Sequence[Scalar], inputs: Sequence[str]) -> str:
    """Return the module of `void run(inputs..., outputs..., i64 n)`; n is a multiple of LANES."""
    e = Emitter()
    for s in walk(*roots):
        e.names[s] = e.visit(s)
    for i, root in enumerate(roots):
        at = e.emit(f"getelementptr {element(root.dtype)}, ptr %out{i}, i64 %i")
        e.lines.append(f"  store {vector(root.dtype)} {e.names[root]}, ptr {at}, align 4")
    pointers = [f"ptr noalias %{n}" for n in inputs]
    pointers += [f"ptr noalias %out{i}" for i in range(len(roots))]
    return "\n".join(
        [
            *e.declared.values(),
            f"define void @run({', '.join(pointers)}, i64 %n) {{",
            "entry:\n  br label %loop",
            f"loop:\n  %i = phi i64 [0, %entry], [%next, %{e.block}]",
            *e.lines,
            f"  %next = add i64 %i, {LANES}\n  %more = icmp slt i64 %next, %n",
            "  br i1 %more, label %loop, label %done\ndone:\n  ret void\n}",
        ]
    )


def compile_text(text: str) -> int:
    """Return the address of `run` with the passes that the project's emitter uses."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(text)
    module.verify()
    machine = llvm.Target.from_default_triple().create_target_machine(
        opt=2, cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten()
    )
    passes = llvm.create_new_module_pass_manager()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(2)))
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    _engines.append(engine)
    return int(engine.get_function_address("run"))


class Program:
    """Compiled roots; call it with one flat array for each input, it returns one for each root."""

    def __init__(self, roots: Sequence[Scalar], inputs: Sequence[str]) -> None:
        self.dtypes = [r.dtype for r in roots]
        count = len(inputs) + len(roots)
        signature = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * count, ctypes.c_int64)
        self.run = signature(compile_text(program_text(roots, inputs)))

    def __call__(self, *arrays: Array) -> list[Array]:
        n = arrays[0].size
        padded = -(-max(n, 1) // LANES) * LANES
        ins = [np.concatenate([a, np.ones(padded - n, a.dtype)]) for a in arrays]
        outs = [np.empty(padded, d) for d in self.dtypes]
        self.run(*(a.ctypes.data for a in [*ins, *outs]), padded)
        return [o[:n] for o in outs]


def build(dtype: DType, body: Callable[..., Any], arity: int) -> Program:
    """Compile `body(builder, *loads)`, one scalar or several, with mathlib's programs put in."""
    b = ScalarBuilder()
    names = [f"in{i}" for i in range(arity)]
    made = body(b, *(b.load(n, 0, dtype) for n in names))
    roots = [made] if isinstance(made, Scalar) else list(made)
    return Program(expand_program(roots, b), names)
