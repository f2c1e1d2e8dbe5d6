"""Cold functions: the C library's functions for the few vector lanes that need them."""

from __future__ import annotations

from tracegraph.codegen.llvm_types import element, register, suffix
from tracegraph.ir.types import BOOL, DType

LIBRARY = {
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "power": "pow",
    "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh",
}  # fmt: skip


def library_name(name: str, dtype: DType) -> str:
    """Return the C library's name of an elementary function."""
    return LIBRARY.get(name, name) + ("f" if dtype.itemsize == 4 else "")


def cold_function(function: str, dtype: DType, lanes: int, arity: int) -> tuple[str, str]:
    """Return name and text of a function that replaces the lanes where ``rare`` holds."""
    label = f"cold.{function}.{suffix(dtype, lanes)}"
    t, one, mask = register(dtype, lanes), element(dtype), register(BOOL, lanes)
    names = [f"%a{k}" for k in range(arity)]
    head = ", ".join([f"{mask} %rare", f"{t} %fast", *(f"{t} {n}" for n in names)])
    lines = [f"define internal {t} @{label}({head}) noinline cold nounwind {{", "entry:"]
    if lanes == 1:
        passed = ", ".join(f"{one} {n}" for n in names)
        lines += [f"  %r = call {one} @{function}({passed})", f"  ret {one} %r", "}"]
        return label, "\n".join(lines)
    for n in ("%out", *(f"%m{k}" for k in range(arity))):
        lines.append(f"  {n} = alloca {t}")
    lines.append(f"  store {t} %fast, ptr %out")
    lines += [f"  store {t} %a{k}, ptr %m{k}" for k in range(arity)]
    lines += [
        f"  %bits = bitcast {mask} %rare to i{lanes}",
        "  br label %loop",
        "loop:",
        "  %i = phi i64 [0, %entry], [%j, %next]",
        f"  %n = trunc i64 %i to i{lanes}" if lanes < 64 else f"  %n = zext i64 %i to i{lanes}",
        f"  %s = lshr i{lanes} %bits, %n",
        f"  %hit = trunc i{lanes} %s to i1",
        "  br i1 %hit, label %call, label %next",
        "call:",
    ]
    for k in range(arity):
        lines.append(f"  %p{k} = getelementptr {one}, ptr %m{k}, i64 %i")
        lines.append(f"  %v{k} = load {one}, ptr %p{k}")
    passed = ", ".join(f"{one} %v{k}" for k in range(arity))
    lines += [
        f"  %r = call {one} @{function}({passed})",
        f"  %o = getelementptr {one}, ptr %out, i64 %i",
        f"  store {one} %r, ptr %o",
        "  br label %next",
        "next:",
        "  %j = add i64 %i, 1",
        f"  %more = icmp slt i64 %j, {lanes}",
        "  br i1 %more, label %loop, label %done",
        "done:",
        f"  %result = load {t}, ptr %out",
        f"  ret {t} %result",
        "}",
    ]
    return label, "\n".join(lines)
