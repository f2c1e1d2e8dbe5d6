"""One scalar operation -> LLVM instructions: the table, and NumPy's answers where they need care.

Division by zero and of INT_MIN by -1, shifts past the width and casts of floats that do not fit are
undefined in LLVM; here they give what NumPy gives. No instruction carries a fast-math flag.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tracegraph.codegen.llvm_types import Writer
from tracegraph.ir.errors import GraphError
from tracegraph.ir.scalar import Scalar
from tracegraph.ir.types import BOOL, DTYPES, DType

I32, U32, U64 = DTYPES["i32"], DTYPES["u32"], DTYPES["u64"]

FLOAT = {
    "add": "fadd", "subtract": "fsub", "multiply": "fmul", "divide": "fdiv", "fmod": "frem",
}  # fmt: skip
INTEGER = {
    "add": "add", "subtract": "sub", "multiply": "mul", "bitwise_and": "and", "bitwise_or": "or",
    "bitwise_xor": "xor", "shl": "shl", "lshr": "lshr", "ashr": "ashr",
}  # fmt: skip
INTRINSICS = {
    "sqrt": "sqrt", "fma": "fma", "floor": "floor", "ceil": "ceil", "trunc": "trunc",
    "rint": "rint", "copysign": "copysign",
}  # fmt: skip
PREDICATES = {
    "equal": ("oeq", "eq", "eq"), "not_equal": ("une", "ne", "ne"),
    "less": ("olt", "slt", "ult"), "less_equal": ("ole", "sle", "ule"),
    "greater": ("ogt", "sgt", "ugt"), "greater_equal": ("oge", "sge", "uge"),
}  # fmt: skip


def instruction(w: Writer, scalar: Scalar, args: Sequence[str]) -> str:
    """Write a scalar operation on registers and return the register of its result."""
    op, dtype = scalar.op, scalar.args[0].dtype
    if op in PREDICATES:
        return w.compare(PREDICATES[op]["fiu".find(dtype.kind)], dtype, *args)
    if op in INTRINSICS:
        return w.call(INTRINSICS[op], dtype, *args)
    table = FLOAT if dtype.kind == "f" else INTEGER
    if op in table:
        return w.binary(table[op], dtype, *args)
    if op == "select":
        return w.select(args[0], scalar.dtype, args[1], args[2])
    if op == "shortcut":
        return w.shortcut(args[0], scalar.dtype, args[1], args[2])
    if op == "cast":
        return cast(w, args[0], dtype, scalar.dtype)
    if op == "bitcast":
        same = dtype.kind in "iu" and scalar.dtype.kind in "iu"
        return args[0] if same else w.convert("bitcast", dtype, scalar.dtype, args[0])
    if op not in CAREFUL:
        raise GraphError(f"no instruction for the scalar operation {op}")
    return CAREFUL[op](w, dtype, *args)


def _negative(w: Writer, dtype: DType, a: str) -> str:
    if dtype.kind == "f":
        return w.emit(f"fneg {w.type(dtype)} {a}")
    return w.binary("sub", dtype, w.const(0, dtype), a)


def _absolute(w: Writer, dtype: DType, a: str) -> str:
    if dtype.kind == "f":
        return w.call("fabs", dtype, a)
    return a if dtype.kind == "u" else w.call("abs", dtype, a, extra=", i1 false")


def _invert(w: Writer, dtype: DType, a: str) -> str:
    return w.binary("xor", dtype, a, w.const(dtype == BOOL or -1, _signed(dtype)))


def _signed(dtype: DType) -> DType:
    return np.dtype(f"i{dtype.itemsize}") if dtype.kind == "u" else dtype


def maximum(w: Writer, dtype: DType, a: str, b: str) -> str:
    """Write NumPy's maximum: NaN wins, and the second of two zeros, as the machine's own has it."""
    return _extreme(w, dtype, a, b, "ogt", "max", "or")


def minimum(w: Writer, dtype: DType, a: str, b: str) -> str:
    """Write NumPy's minimum."""
    return _extreme(w, dtype, a, b, "olt", "min", "and")


def _extreme(w: Writer, dtype: DType, a: str, b: str, beats: str, name: str, bits: str) -> str:
    if dtype == BOOL:
        return w.binary(bits, dtype, a, b)
    if dtype.kind != "f":
        return w.call(("s" if dtype.kind == "i" else "u") + name, dtype, a, b)
    winner = w.select(w.compare(beats, dtype, a, b), dtype, a, b)
    return w.select(w.compare("uno", dtype, a, a), dtype, a, winner)


def _divide(w: Writer, dtype: DType, a: str, b: str) -> tuple[str, str]:
    """Return floored quotient and remainder; 0 and 0 for the divisor 0."""
    zero = w.compare("eq", dtype, b, w.const(0, dtype))
    if dtype.kind == "u":
        safe = w.select(zero, dtype, w.const(1, dtype), b)
        quotient = w.binary("udiv", dtype, a, safe)
        rest = w.binary("sub", dtype, a, w.binary("mul", dtype, quotient, safe))
    else:
        minus = w.compare("eq", dtype, b, w.const(-1, dtype))
        odd = w.binary("or", BOOL, zero, minus)
        safe = w.select(odd, dtype, w.const(1, dtype), b)
        quotient, rest = _floored(w, dtype, a, safe)
        quotient = w.select(minus, dtype, _negative(w, dtype, a), quotient)
    return w.select(zero, dtype, w.const(0, dtype), quotient), rest


def _floored(w: Writer, dtype: DType, a: str, b: str) -> tuple[str, str]:
    quotient = w.binary("sdiv", dtype, a, b)
    rest = w.binary("sub", dtype, a, w.binary("mul", dtype, quotient, b))
    signs = w.compare("slt", dtype, w.binary("xor", dtype, rest, b), w.const(0, dtype))
    inexact = w.compare("ne", dtype, rest, w.const(0, dtype))
    low = w.binary("and", BOOL, signs, inexact)
    down = w.select(low, dtype, w.const(-1, dtype), w.const(0, dtype))
    lift = w.select(low, dtype, b, w.const(0, dtype))
    return w.binary("add", dtype, quotient, down), w.binary("add", dtype, rest, lift)


def _floor_divide(w: Writer, dtype: DType, a: str, b: str) -> str:
    return _divide(w, dtype, a, b)[0]


def _remainder(w: Writer, dtype: DType, a: str, b: str) -> str:
    return _divide(w, dtype, a, b)[1]


def _left_shift(w: Writer, dtype: DType, a: str, b: str) -> str:
    return _shift_to_zero(w, "shl", dtype, a, b)


def _right_shift(w: Writer, dtype: DType, a: str, b: str) -> str:
    if dtype.kind == "u":
        return _shift_to_zero(w, "lshr", dtype, a, b)
    last = w.const(8 * dtype.itemsize - 1, dtype)
    return w.binary("ashr", dtype, a, w.call("umin", dtype, b, last))


def _shift_to_zero(w: Writer, word: str, dtype: DType, a: str, b: str) -> str:
    inside = w.compare("ult", dtype, b, w.const(8 * dtype.itemsize, dtype))
    amount = w.select(inside, dtype, b, w.const(0, dtype))
    return w.select(inside, dtype, w.binary(word, dtype, a, amount), w.const(0, dtype))


CAREFUL: dict[str, Callable[..., str]] = {
    "negative": _negative, "absolute": _absolute, "invert": _invert,
    "maximum": maximum, "minimum": minimum,
    "floor_divide": _floor_divide, "remainder": _remainder,
    "left_shift": _left_shift, "right_shift": _right_shift,
}  # fmt: skip


def cast(w: Writer, a: str, source: DType, target: DType) -> str:
    """Write NumPy's ``astype``."""
    if source == target:
        return a
    if target == BOOL:
        predicate = "une" if source.kind == "f" else "ne"
        return w.compare(predicate, source, a, w.const(0, source))
    if source.kind == "f":
        return _from_float(w, a, source, target)
    if target.kind == "f":
        return w.convert("sitofp" if source.kind == "i" else "uitofp", source, target, a)
    if source != BOOL and source.itemsize >= target.itemsize:
        return a if source.itemsize == target.itemsize else w.convert("trunc", source, target, a)
    return w.convert("sext" if source.kind == "i" else "zext", source, target, a)


def _from_float(w: Writer, a: str, source: DType, target: DType) -> str:
    if target.kind == "f":
        return w.convert("fpext" if target.itemsize > 4 else "fptrunc", source, target, a)
    if target in (U32, U64):
        return _to_unsigned(w, a, source, np.dtype(f"i{target.itemsize}"))
    wide = target if target.itemsize >= 4 else I32
    return cast(w, _to_signed(w, a, source, wide), wide, target)


def _to_signed(w: Writer, a: str, source: DType, target: DType) -> str:
    """Round toward zero; the least integer for NaN and for what does not fit, as x86 does."""
    limit = 2.0 ** (8 * target.itemsize - 1)
    least = -limit if target.itemsize == 8 or source.itemsize == 4 else -limit - 1
    beats = "oge" if least == -limit else "ogt"
    inside = w.binary(
        "and",
        BOOL,
        w.compare(beats, source, a, w.const(least, source)),
        w.compare("olt", source, a, w.const(limit, source)),
    )
    safe = w.select(inside, source, a, w.const(0, source))
    whole = w.convert("fptosi", source, target, safe)
    return w.select(inside, target, whole, w.const(np.iinfo(target).min, target))


def _to_unsigned(w: Writer, a: str, source: DType, signed: DType) -> str:
    """Round toward zero by way of a signed integer as wide, the upper half moved down."""
    half = w.const(2.0 ** (8 * signed.itemsize - 1), source)
    large = w.compare("oge", source, a, half)
    lowered = w.select(large, source, w.binary("fsub", source, a, half), a)
    whole = _to_signed(w, lowered, source, signed)
    flip = w.select(large, signed, w.const(np.iinfo(signed).min, signed), w.const(0, signed))
    return w.binary("xor", signed, whole, flip)
