"""Cold functions: the C library's functions for the few vector lanes that need them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tracegraph.codegen.llvm_types import Writer, element, register, suffix
from tracegraph.ir.scalar import Scalar
from tracegraph.ir.types import BOOL, DType

LIBRARY = {
    "arcsin": "asin", "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "power": "pow",
    "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh",
}  # fmt: skip


def library_name(name: str, dtype: DType) -> str:
    """Return the C library's name of an elementary function."""
    return LIBRARY.get(name, name) + ("f" if dtype.itemsize == 4 else "")


def cold_function(function: str, dtype: DType, lanes: int, arity: int) -> tuple[str, str]:
    """Return name and text of a function that replaces the lanes where ``rare`` holds.

    To LLVM the function of the library is one it knows nothing of: an argument that it finds to be
    constant must not make ``pow(x, 2)`` a product, rounded otherwise.
    """
    label = f"cold.{function}.{suffix(dtype, lanes)}"
    t, one, mask = register(dtype, lanes), element(dtype), register(BOOL, lanes)
    names = [f"%a{k}" for k in range(arity)]
    head = ", ".join([f"{mask} %rare", f"{t} %fast", *(f"{t} {n}" for n in names)])
    lines = [f"define internal {t} @{label}({head}) noinline cold nounwind {{", "entry:"]
    if lanes == 1:
        passed = ", ".join(f"{one} {n}" for n in names)
        lines += [f"  %r = call {one} @{function}({passed}) nobuiltin", f"  ret {one} %r", "}"]
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
        f"  %r = call {one} @{function}({passed}) nobuiltin",
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


class ColdCall(NamedTuple):
    """A call of a cold function; without a ``fast`` value it is needed in every lane."""

    name: str
    definition: str
    text: str
    fast: str | None


def cold_call(w: Writer, scalar: Scalar, texts: Sequence[str]) -> ColdCall:
    """Return the call that a ``slow_path`` or a whole elementary function makes."""
    dtype, always = scalar.dtype, scalar.op != "slow_path"
    function = library_name(scalar.op if always else scalar.attr("name"), dtype)
    arguments = texts if always else texts[2:]
    name, definition = cold_function(function, dtype, w.lanes, len(arguments))
    one = register(dtype, 1)
    w.declare(f"declare {one} @{function}({', '.join([one] * len(arguments))})")
    t, mask = w.type(dtype), w.type(BOOL)
    rare = w.const(True, BOOL) if always else texts[0]
    fast = w.const(0, dtype) if always else texts[1]
    passed = ", ".join([f"{mask} {rare}", f"{t} {fast}", *(f"{t} {a}" for a in arguments)])
    return ColdCall(name, definition, f"call {t} @{name}({passed})", None if always else fast)


def any_lane(w: Writer, condition: str) -> str:
    """Write whether a condition holds in any lane."""
    if w.lanes == 1:
        return condition
    bits = w.emit(f"bitcast {w.type(BOOL)} {condition} to i{w.lanes}")
    return w.emit(f"icmp ne i{w.lanes} {bits}, 0")
