"""What is assumed of objects by type: which stay what they are, which answer by themselves."""

from __future__ import annotations

import builtins
import dis
import functools
import sys
import types
from typing import Any

import numpy as np

CONSTANTS = (bool, int, str, bytes, type(None), type(Ellipsis), slice, range, np.dtype)
IDENTITIES = (
    types.FunctionType, types.BuiltinFunctionType, types.ModuleType, type, np.ufunc,
    types.MethodType, types.CodeType, type(np.sum), property, staticmethod, classmethod,
)  # fmt: skip
CYTHON_FUNCTION = "cython_function_or_method"
"""The name of the class of functions that Cython makes; each version of it has one of its own."""


def belongs_to_library(value: Any) -> bool:
    """Return whether nobody is expected to change a function's or class's attributes."""
    if isinstance(value, types.ModuleType):
        return is_library(value.__name__)
    module = getattr(value, "__module__", None) or getattr(type(value), "__module__", "")
    return is_library(str(module))


def is_library(module: str) -> bool:
    """Return whether a module is NumPy's, Python's or ours."""
    top = module.partition(".")[0]
    return top in ("numpy", "tracegraph") or top in sys.stdlib_module_names


def operators_of(kind: type) -> list[str]:
    """Return the special methods by which instances answer Python unseen by the recording."""
    found: list[str] = []
    for one in kind.__mro__[:-1] if kind not in STATELESS else ():
        if one.__module__.partition(".")[0] == "tracegraph":
            continue
        made = DATACLASS_MADE if "__dataclass_fields__" in vars(one) else frozenset()
        if one is not types.SimpleNamespace:
            found += [name for name in vars(one) if name in ANSWERS and name not in made]
    return found


STATELESS = frozenset(map(type, (np.mgrid, np.ogrid, np.r_, np.c_, np.s_)))
"""Classes of NumPy's objects that are indexed; what they answer depends on the index alone."""

ANSWERS = frozenset(
    "__bool__ __len__ __eq__ __ne__ __lt__ __le__ __gt__ __ge__ __contains__ __iter__ __next__ "
    "__enter__ __exit__ __neg__ __pos__ __invert__ __abs__ __float__ __int__ __index__ __complex__ "
    "__round__ __trunc__ __floor__ __ceil__ __reversed__ __getitem__ __array__ __array_ufunc__ "
    "__array_function__ __getattribute__ __getattr__".split()
) | {
    f"__{prefix}{name}__"
    for prefix in ("", "r", "i")
    for name in (
        "add sub mul matmul truediv floordiv mod divmod pow lshift rshift and or xor".split()
    )
}
"""What Python asks an object directly: no hook sees it."""

DATACLASS_MADE = frozenset({"__eq__"})


def missing_globals(function: types.FunctionType) -> list[str]:
    """Return the names that a function would look for in vain."""
    namespace = function.__globals__
    known = namespace.get("__builtins__", builtins)
    provided = known if isinstance(known, dict) else vars(known)
    names = global_names(function.__code__)
    return [name for name in names if name not in namespace and name not in provided]


@functools.cache
def global_names(code: types.CodeType) -> tuple[str, ...]:
    """Return the global names that code loads, that of nested functions included."""
    names = {i.argval: None for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            names.update(dict.fromkeys(global_names(const)))
    return tuple(names)
