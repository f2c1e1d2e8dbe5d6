"""Native code that finds where a mask holds: one function counts the places, one writes them.

A bool of NumPy is a byte; any byte but 0 is true, as it is for NumPy. ``@tg_find`` never writes
more places than it is told there are, also where the mask changes in between.
"""

from __future__ import annotations

COUNT, FIND = "tg_count", "tg_find"

DECLARATIONS = (
    f"declare hidden i64 @{COUNT}(ptr, i64)",
    f"declare hidden void @{FIND}(ptr, ptr, i64, i64)",
)

TEXT = f"""
declare i32 @llvm.ctpop.i32(i32)

define hidden i64 @{COUNT}(ptr noalias %mask, i64 %length) {{
entry:
  %whole = and i64 %length, -32
  br label %vectors
vectors:
  %at = phi i64 [ 0, %entry ], [ %at.next, %vector ]
  %sum = phi i64 [ 0, %entry ], [ %sum.next, %vector ]
  %more = icmp slt i64 %at, %whole
  br i1 %more, label %vector, label %rest
vector:
  %bytes.at = getelementptr i8, ptr %mask, i64 %at
  %bytes = load <32 x i8>, ptr %bytes.at, align 1
  %true = icmp ne <32 x i8> %bytes, zeroinitializer
  %bits = bitcast <32 x i1> %true to i32
  %ones = call i32 @llvm.ctpop.i32(i32 %bits)
  %wide = zext i32 %ones to i64
  %sum.next = add i64 %sum, %wide
  %at.next = add i64 %at, 32
  br label %vectors
rest:
  %i = phi i64 [ %at, %vectors ], [ %i.next, %single ]
  %total = phi i64 [ %sum, %vectors ], [ %total.next, %single ]
  %left = icmp slt i64 %i, %length
  br i1 %left, label %single, label %done
single:
  %byte.at = getelementptr i8, ptr %mask, i64 %i
  %byte = load i8, ptr %byte.at
  %is.true = icmp ne i8 %byte, 0
  %one = zext i1 %is.true to i64
  %total.next = add i64 %total, %one
  %i.next = add i64 %i, 1
  br label %rest
done:
  ret i64 %total
}}

define hidden void @{FIND}(ptr noalias %mask, ptr noalias %places, i64 %count, i64 %length) {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %i.next, %step ]
  %found = phi i64 [ 0, %entry ], [ %found.next, %step ]
  %inside = icmp slt i64 %i, %length
  %wanted = icmp slt i64 %found, %count
  %go = and i1 %inside, %wanted
  br i1 %go, label %step, label %done
step:
  %place.at = getelementptr i64, ptr %places, i64 %found
  store i64 %i, ptr %place.at
  %byte.at = getelementptr i8, ptr %mask, i64 %i
  %byte = load i8, ptr %byte.at
  %is.true = icmp ne i8 %byte, 0
  %one = zext i1 %is.true to i64
  %found.next = add i64 %found, %one
  %i.next = add i64 %i, 1
  br label %loop
done:
  ret void
}}
"""
