"""Whether anybody would notice NumPy's floating-point warnings: then a call runs eagerly.

Native code divides by zero without a word. It may do so only where NumPy would at most warn, so an
entry asks at every call, for some 15 ns, whether

- a mode of ``np.errstate`` is "raise" or "call". NumPy 2 keeps the modes in a context variable, as
  a capsule of a C structure that begins with three bits for each kind of event; ``modes_are_known``
  proves that on the NumPy that runs. Where it is not so, ``np.geterr`` is asked, for 1 us a call;
- a filter turns RuntimeWarning into an error. The filters are compared one by one with those that
  were last found harmless: ``warnings.simplefilter`` changes the list in place, and
  ``warnings.catch_warnings`` puts a copy in its place, but no filter ever changes. The module's
  ``defaultaction``, which no function of ``warnings`` sets, is not looked at.
"""

from __future__ import annotations

import contextvars
import ctypes
import functools
import importlib
import itertools
import warnings
from typing import Any

import numpy as np

from tracegraph.codegen import jit
from tracegraph.codegen.cpython import (
    LIST_ITEMS,
    OB_TYPE,
    TUPLE_ITEMS,
    VALUE,
    declaration,
    function_address,
)
from tracegraph.codegen.entry_text import Text

NAME, OBJECTS = "tg_quiet", "tg_objects"
LOUD_MODES = ("raise", "call")
_LOUD_BITS = 0o2222
"""The bit that "raise" (2) and "call" (3) share and no other mode has, for each of four events."""

_MODES = ("ignore", "warn", "raise", "call", "print", "log")
_EVENTS = ("divide", "over", "under", "invalid")

_kept: list[Any] = []
"""What native code knows the addresses of."""

_harmless: list[tuple[Any, ...]] = [()]
"""The filters that were last found to turn nothing into an error; native code reads this too."""


def why_loud() -> str | None:
    """Return why a call must run eagerly, None where native code may run."""
    if not modes_are_quiet():
        return "np.errstate turns floating-point events into errors or calls; native code has none"
    if not filters_are_quiet():
        return "a warnings filter turns RuntimeWarning into an error; native code emits no warnings"
    return None


def modes_are_quiet() -> bool:
    """Return whether NumPy would at most warn of floating-point events."""
    return not any(mode in LOUD_MODES for mode in np.geterr().values())


def filters_are_quiet() -> bool:
    """Return whether a RuntimeWarning stays a warning, whatever its text and module."""
    filters = tuple(warnings.filters)
    for action, message, category, module, line in filters:
        if action == "error" and _concerns(category):
            return False
        if issubclass(RuntimeWarning, category) and not (message or module or line):
            break  # it takes every RuntimeWarning, so that no later one matters
    _harmless[0] = filters
    return True


def _concerns(category: type[Warning] | tuple[type[Warning], ...]) -> bool:
    ones = category if isinstance(category, tuple) else (category,)
    return any(issubclass(RuntimeWarning, one) or issubclass(one, RuntimeWarning) for one in ones)


@functools.cache
def _variable() -> Any:
    """Return the context variable of ``np.errstate``, None where NumPy has none of that name."""
    umath = importlib.import_module("numpy._core.umath")
    found = getattr(umath, "_extobj_contextvar", None)
    return found if isinstance(found, contextvars.ContextVar) else None


@functools.cache
def modes_are_known() -> bool:
    """Return whether native code can read the modes: those that are set here are read back."""
    if _variable() is None:
        return False
    return contextvars.copy_context().run(_all_modes_are_read)


def _all_modes_are_read() -> bool:
    for event, mode in itertools.product(range(4), range(6)):
        chosen: dict[str, Any] = {_EVENTS[event]: _MODES[mode]}
        with np.errstate(all="ignore"), np.errstate(**chosen):
            capsule = _variable().get()
            if type(capsule).__name__ != "PyCapsule":
                return False
            state = ctypes.c_size_t.from_address(id(capsule) + VALUE).value
            if ctypes.c_int32.from_address(state).value != mode << 3 * event:
                return False
    return True


def address() -> int:
    """Return the address of ``i32 tg_quiet()``: 1 where native code may run, 0 where not, -1 for an
    error. It may run Python code. All entries share one."""
    with jit.LOCK:  # with two threads functools.cache alone would free the first one's code
        return _library(modes_are_known()).address(NAME)


@functools.cache
def _library(read_modes: bool) -> jit.Code:
    text = Text()
    functions = _functions_text(text, read_modes)
    objects = f"@{OBJECTS} = dso_local global [{len(text.objects)} x ptr] zeroinitializer"
    declarations = [declaration(name) for name in sorted(text.functions)]
    module = "\n".join([objects, functions, *declarations, ""])
    imports = {name: function_address(name) for name in text.functions}
    code = jit.compile_text("", (NAME, OBJECTS), imports, once=module)
    _kept.extend(text.objects)
    table = (ctypes.c_size_t * len(text.objects)).from_address(code.address(OBJECTS))
    table[:] = [id(one) for one in text.objects]
    return code


def _functions_text(text: Text, read_modes: bool) -> str:
    text.functions.update(("PyDict_GetItemWithError", "PyObject_CallFunctionObjArgs", "Py_DecRef"))
    modes = _modes_text(text) if read_modes else _asking_for_modes_text(text)
    return f"""define internal i32 @tg_ask(ptr %question) noinline {{
  %answer = call ptr (ptr, ...) @PyObject_CallFunctionObjArgs(ptr %question, ptr null)
  %none = icmp eq ptr %answer, null
  br i1 %none, label %fail, label %decide
decide:
{_object(text, "true", True)}
  %quiet = icmp eq ptr %answer, %true
  call void @Py_DecRef(ptr %answer)
  %code = zext i1 %quiet to i32
  ret i32 %code
fail:
  ret i32 -1
}}

define i32 @{NAME}() {{
{modes}
filters:
{_object(text, "module", vars(warnings))}
{_object(text, "name", "filters")}
{_object(text, "list.type", list)}
{_object(text, "harmless", _harmless)}
  %list = call ptr @PyDict_GetItemWithError(ptr %module, ptr %name)
  %missing = icmp eq ptr %list, null
  br i1 %missing, label %ask, label %there
there:
  %type.at = getelementptr i8, ptr %list, i64 {OB_TYPE}
  %type = load ptr, ptr %type.at
  %is.list = icmp eq ptr %type, %list.type
  br i1 %is.list, label %look, label %ask
look:
  %harmless.at = getelementptr i8, ptr %harmless, i64 {LIST_ITEMS}
  %harmless.items = load ptr, ptr %harmless.at
  %known = load ptr, ptr %harmless.items
  %known.items = getelementptr i8, ptr %known, i64 {TUPLE_ITEMS}
  %known.count.at = getelementptr i8, ptr %known, i64 {VALUE}
  %known.count = load i64, ptr %known.count.at
  %items.at = getelementptr i8, ptr %list, i64 {LIST_ITEMS}
  %items = load ptr, ptr %items.at
  %count.at = getelementptr i8, ptr %list, i64 {VALUE}
  %count = load i64, ptr %count.at
  %as.many = icmp eq i64 %count, %known.count
  br i1 %as.many, label %test, label %ask
test:
  %i = phi i64 [0, %look], [%next, %same]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %compare, label %quiet
compare:
  %item.at = getelementptr ptr, ptr %items, i64 %i
  %item = load ptr, ptr %item.at
  %known.at = getelementptr ptr, ptr %known.items, i64 %i
  %known.item = load ptr, ptr %known.at
  %equal = icmp eq ptr %item, %known.item
  br i1 %equal, label %same, label %ask
same:
  %next = add i64 %i, 1
  br label %test
quiet:
  ret i32 1
ask:
{_object(text, "filters.question", filters_are_quiet)}
  %found = call i32 @tg_ask(ptr %filters.question)
  ret i32 %found
}}
"""


def _object(text: Text, name: str, value: Any) -> str:
    """Return lines that load an object of the table."""
    offset = 8 * text.object_number(value)
    return f"""  %{name}.at.0 = getelementptr i8, ptr @tg_objects, i64 {offset}
  %{name} = load ptr, ptr %{name}.at.0"""


def _modes_text(text: Text) -> str:
    text.functions.add("PyContextVar_Get")
    return f"""  %value = alloca ptr
{_object(text, "variable", _variable())}
  %failed = call i32 @PyContextVar_Get(ptr %variable, ptr null, ptr %value)
  %refused = icmp ne i32 %failed, 0
  br i1 %refused, label %fail, label %read
fail:
  ret i32 -1
loud:
  ret i32 0
read:
  %capsule = load ptr, ptr %value
  %state.at = getelementptr i8, ptr %capsule, i64 {VALUE}
  %state = load ptr, ptr %state.at
  %modes = load i32, ptr %state
  call void @Py_DecRef(ptr %capsule)
  %bits = and i32 %modes, {_LOUD_BITS}
  %is.quiet = icmp eq i32 %bits, 0
  br i1 %is.quiet, label %filters, label %loud"""


def _asking_for_modes_text(text: Text) -> str:
    return f"""{_object(text, "modes.question", modes_are_quiet)}
  %answer = call i32 @tg_ask(ptr %modes.question)
  %is.quiet = icmp eq i32 %answer, 1
  br i1 %is.quiet, label %filters, label %loud
loud:
  ret i32 %answer"""
