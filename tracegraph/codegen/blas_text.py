"""LLVM text of matrix products: functions that call BLAS for each matrix of a stack.

Which function of BLAS is called is decided as ``np.matmul`` decides it: ``syrk`` where a matrix is
multiplied by its own transpose, ``gemv`` where one factor is a vector, else ``gemm``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tracegraph.codegen.blas import PLAIN, ROW_MAJOR, TRANSPOSED, UPPER, import_name, name_of
from tracegraph.codegen.plan import Gemm
from tracegraph.ir.types import FLOAT32, FLOAT64, PART, DType

_LLVM_TYPES = {FLOAT32: "float", FLOAT64: "double"}
_INTEGERS: Mapping[str, tuple[str, ...]] = {
    "gemm": ("m", "n", "k", "lda.1", "ldb.1", "ldc.1"),
    "gemv": ("m", "n", "k", "lda.1", "ldb.1", "ldc.1"),
    "syrk": ("m", "k", "lda.1", "ldc.1"),
}
"""The integers that a call passes on."""


def helper_name(step: Gemm) -> str:
    """Return the name of the function that `helper` writes."""
    layouts = "".join("nt"[matrix.transposed] for matrix in (step.a, step.b))
    sides = {"gemv": "v" if step.m == 1 else "m"}
    return f"tg_{name_of(step.routine, step.dtype)}_{layouts}{sides.get(step.routine, '')}"


def declaration(step: Gemm, int_bits: int) -> str:
    """Return the declaration of what `helper` calls."""
    integer, factor = f"i{int_bits}", _LLVM_TYPES.get(step.dtype, "ptr")
    matrix = ["ptr", integer]
    types = {
        "gemm": ["i32"] * 3 + [integer] * 3 + [factor, *matrix, *matrix, factor, *matrix],
        "gemv": ["i32"] * 2 + [integer] * 2 + [factor, *matrix, *matrix, factor, *matrix],
        "syrk": ["i32"] * 3 + [integer] * 2 + [factor, *matrix, factor, *matrix],
    }[step.routine]
    return f"declare void @{import_name(step.routine, step.dtype)}({', '.join(types)})"


def helper(step: Gemm, int_bits: int) -> str:
    """Return the function ``c[t] = a[t] @ b[t]`` for stacks of row-major matrices.

    Its arguments are pointers a, b, c and the integers m, n, k, count, then for each matrix the
    distance of its rows and that of the matrices, in elements. Where k is 0 the result is zero.
    """
    item = step.dtype.itemsize
    factors, one, zero = _factors(step.dtype)
    integers = _INTEGERS[step.routine]
    narrow = "" if int_bits == 64 else _narrowing(integers)
    suffix = "" if int_bits == 64 else ".n"
    sizes = {name.split(".")[0]: f"i{int_bits} %{name}{suffix}" for name in integers}
    sizes["1"] = f"i{int_bits} 1"
    call = {"gemm": _gemm, "gemv": _gemv, "syrk": _syrk}[step.routine]
    return f"""define internal void @{helper_name(step)}(
    ptr %a, ptr %b, ptr %c, i64 %m, i64 %n, i64 %k, i64 %count,
    i64 %lda, i64 %a.step, i64 %ldb, i64 %b.step, i64 %ldc, i64 %c.step) {{
entry:
{factors}  %lda.1 = call i64 @llvm.smax.i64(i64 %lda, i64 1)
  %ldb.1 = call i64 @llvm.smax.i64(i64 %ldb, i64 1)
  %ldc.1 = call i64 @llvm.smax.i64(i64 %ldc, i64 1)
{narrow}  br label %test
test:
  %t = phi i64 [0, %entry], [%next, %joined]
  %more = icmp slt i64 %t, %count
  br i1 %more, label %body, label %done
body:
{_element("a", item)}{_element("b", item)}{_element("c", item)}{call(step, sizes, one, zero)}\
joined:
  %next = add i64 %t, 1
  br label %test
done:
  ret void
}}
"""


def nan_name(dtype: DType) -> str:
    """Return the name of the function that `any_nan` writes."""
    return f"tg_any_nan_{_real(dtype)}"


def any_nan(dtype: DType) -> str:
    """Return the function that says whether there is a NaN among ``count`` numbers, or parts.

    Two vectors are compared at once: numbers are unordered if either is a NaN. It costs a fraction
    of the product that made the numbers.
    """
    real, item = _real(dtype), PART.get(dtype, dtype).itemsize
    vector = f"<8 x {real}>"
    loads = "".join(
        f"  %at{n} = getelementptr {real}, ptr %block, i64 {8 * n}\n"
        f"  %v{n} = load {vector}, ptr %at{n}, align {item}\n"
        for n in range(4)
    )
    return f"""define internal i1 @{nan_name(dtype)}(ptr %c, i64 %count) {{
entry:
  br label %blocks
blocks:
  %i = phi i64 [0, %entry], [%i.next, %in.block]
  %i.next = add i64 %i, 32
  %whole = icmp sle i64 %i.next, %count
  br i1 %whole, label %in.block, label %rest
in.block:
  %block = getelementptr {real}, ptr %c, i64 %i
{loads}  %nan0 = fcmp uno {vector} %v0, %v1
  %nan1 = fcmp uno {vector} %v2, %v3
  %nans = or <8 x i1> %nan0, %nan1
  %bits = bitcast <8 x i1> %nans to i8
  %clean = icmp eq i8 %bits, 0
  br i1 %clean, label %blocks, label %found
rest:
  %j = phi i64 [%i, %blocks], [%j.next, %number]
  %more = icmp slt i64 %j, %count
  br i1 %more, label %number, label %none
number:
  %at = getelementptr {real}, ptr %c, i64 %j
  %v = load {real}, ptr %at, align {item}
  %j.next = add i64 %j, 1
  %nan = fcmp uno {real} %v, %v
  br i1 %nan, label %found, label %rest
found:
  ret i1 true
none:
  ret i1 false
}}
"""


def _real(dtype: DType) -> str:
    return _LLVM_TYPES[PART.get(dtype, dtype)]


def _called(step: Gemm, arguments: Iterable[str]) -> str:
    name = import_name(step.routine, step.dtype)
    return f"  call void @{name}(i32 {ROW_MAJOR}, {', '.join(arguments)})\n"


def _layout(transposed: bool) -> str:
    return f"i32 {TRANSPOSED if transposed else PLAIN}"


def _gemm(step: Gemm, sizes: Mapping[str, str], one: str, zero: str) -> str:
    layouts = [_layout(step.a.transposed), _layout(step.b.transposed)]
    first = [*layouts, sizes["m"], sizes["n"], sizes["k"], one, "ptr %a.t", sizes["lda"]]
    last = ["ptr %b.t", sizes["ldb"], zero, "ptr %c.t", sizes["ldc"]]
    return _called(step, [*first, *last]) + "  br label %joined\n"


def _gemv(step: Gemm, sizes: Mapping[str, str], one: str, zero: str) -> str:
    """Multiply a matrix by a vector; nothing to sum is nothing to do for gemv, so zeros are set.

    A row times a matrix is the transposed matrix times a column.
    """
    if step.n == 1:
        matrix, rows, flag = ("a", "lda"), "m", step.a.transposed
        vector, apart = ("b", "ldb"), not step.b.transposed
    else:
        matrix, rows, flag = ("b", "ldb"), "n", not step.b.transposed
        vector, apart = ("a", "lda"), step.a.transposed
    shape = [sizes["k"], sizes[rows]] if flag else [sizes[rows], sizes["k"]]
    first = [_layout(flag), *shape, one, f"ptr %{matrix[0]}.t", sizes[matrix[1]]]
    second = [f"ptr %{vector[0]}.t", sizes[vector[1] if apart else "1"]]
    call = _called(step, [*first, *second, zero, "ptr %c.t", sizes["1"]])
    return f"""  %some = icmp sgt i64 %k, 0
  br i1 %some, label %sums, label %zeros
sums:
{call}  br label %joined
zeros:
  %bytes = mul i64 %{rows}, {step.dtype.itemsize}
  call void @llvm.memset.p0.i64(ptr %c.t, i8 0, i64 %bytes, i1 false)
  br label %joined
"""


def _syrk(step: Gemm, sizes: Mapping[str, str], one: str, zero: str) -> str:
    """Multiply a matrix by its transpose: one half is computed, the other one copied."""
    item = step.dtype.itemsize
    first = [f"i32 {UPPER}", _layout(step.a.transposed), sizes["m"], sizes["k"], one]
    call = _called(step, [*first, "ptr %a.t", sizes["lda"], zero, "ptr %c.t", sizes["ldc"]])
    return f"""{call}  br label %rows
rows:
  %i = phi i64 [0, %body], [%i.next, %row.end]
  %i.next = add i64 %i, 1
  %in.rows = icmp slt i64 %i, %m
  br i1 %in.rows, label %row, label %joined
row:
  %j = phi i64 [0, %rows], [%j.next, %copy]
  %before = icmp slt i64 %j, %i
  br i1 %before, label %copy, label %row.end
copy:
{_place("from", "j", "i", item)}{_place("to", "i", "j", item)}\
  %element = load i{8 * item}, ptr %from, align {step.dtype.alignment}
  store i{8 * item} %element, ptr %to, align {step.dtype.alignment}
  %j.next = add i64 %j, 1
  br label %row
row.end:
  br label %rows
"""


def _place(name: str, row: str, column: str, item: int) -> str:
    return f"""  %{name}.row = mul i64 %{row}, %ldc.1
  %{name}.element = add i64 %{name}.row, %{column}
  %{name}.byte = mul i64 %{name}.element, {item}
  %{name} = getelementptr i8, ptr %c.t, i64 %{name}.byte
"""


def _factors(dtype: DType) -> tuple[str, str, str]:
    """Return what makes the factors of the product and of the old values, and both as arguments.

    Complex ones are passed by their addresses.
    """
    if dtype in _LLVM_TYPES:
        real = _LLVM_TYPES[dtype]
        return "", f"{real} 1.0", f"{real} 0.0"
    pair = f"[2 x {_LLVM_TYPES[PART[dtype]]}]"
    lines = [
        f"  %one = alloca {pair}, align 16",
        f"  %zero = alloca {pair}, align 16",
        f"  store {pair} zeroinitializer, ptr %one",
        f"  store {pair} zeroinitializer, ptr %zero",
        f"  store {pair[5:-1]} 1.0, ptr %one",
    ]
    return "".join(f"{line}\n" for line in lines), "ptr %one", "ptr %zero"


def _element(name: str, item: int) -> str:
    return f"""  %{name}.elements = mul i64 %t, %{name}.step
  %{name}.bytes = mul i64 %{name}.elements, {item}
  %{name}.t = getelementptr i8, ptr %{name}, i64 %{name}.bytes
"""


def _narrowing(names: Iterable[str]) -> str:
    return "".join(f"  %{name}.n = trunc i64 %{name} to i32\n" for name in names)
