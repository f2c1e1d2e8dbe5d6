"""What native code knows of CPython and NumPy: offsets of fields, addresses of functions.

Offsets are those of a 64-bit CPython with the GIL and of NumPy 2's stable ABI. ``check_layout``
reads objects with known contents before the first compilation, so that a build which differs is
refused with a reason and never crashes.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import sys
from typing import Any

import numpy as np

from tracegraph.ir.errors import TracegraphError

OB_TYPE = 8
VALUE = 16
"""Where ``float``, ``complex``, NumPy scalars and the length of var-sized objects begin."""

TUPLE_ITEMS = 24
LIST_ITEMS = 24
"""A tuple's first item; a list's pointer to its items."""

ARRAY_DATA, ARRAY_NDIM, ARRAY_SHAPE, ARRAY_STRIDES = 16, 24, 32, 40
ARRAY_DESCR, ARRAY_FLAGS = 56, 64
DESCR_BYTEORDER, DESCR_NUMBER, DESCR_METADATA = 26, 28, 56

C_CONTIGUOUS, F_CONTIGUOUS, OWNS_DATA, ALIGNED, WRITEABLE = 0x1, 0x2, 0x4, 0x100, 0x400
FOREIGN_BYTEORDER = ord(">" if sys.byteorder == "little" else "<")

PYTHON_FUNCTIONS = {
    "Py_IncRef": "void (ptr)",
    "Py_DecRef": "void (ptr)",
    "PyBool_FromLong": "ptr (i64)",
    "PyCell_Get": "ptr (ptr)",
    "PyComplex_FromDoubles": "ptr (double, double)",
    "PyContextVar_Get": "i32 (ptr, ptr, ptr)",
    "PyDict_GetItemWithError": "ptr (ptr, ptr)",
    "PyDict_Contains": "i32 (ptr, ptr)",
    "PyDict_Next": "i32 (ptr, ptr, ptr, ptr)",
    "PyErr_CheckSignals": "i32 ()",
    "PyErr_Clear": "void ()",
    "PyErr_ExceptionMatches": "i32 (ptr)",
    "PyErr_Occurred": "ptr ()",
    "PyFloat_FromDouble": "ptr (double)",
    "PyList_New": "ptr (i64)",
    "PyList_SetItem": "i32 (ptr, i64, ptr)",
    "PyLong_AsLongLongAndOverflow": "i64 (ptr, ptr)",
    "PyLong_FromLongLong": "ptr (i64)",
    "PyLong_FromUnsignedLongLong": "ptr (i64)",
    "PyMem_RawFree": "void (ptr)",
    "PyMem_RawMalloc": "ptr (i64)",
    "PyObject_CallFunctionObjArgs": "ptr (ptr, ...)",
    "PyObject_GetAttr": "ptr (ptr, ptr)",
    "PyObject_GetItem": "ptr (ptr, ptr)",
    "PyObject_RichCompareBool": "i32 (ptr, ptr, i32)",
    "PyObject_HasAttr": "i32 (ptr, ptr)",
    "PyObject_Size": "i64 (ptr)",
    "PyObject_Vectorcall": "ptr (ptr, ptr, i64, ptr)",
    "PyTuple_New": "ptr (i64)",
    "PyTuple_SetItem": "i32 (ptr, i64, ptr)",
}
"""The C functions of CPython that entries call, with their LLVM types."""

NUMPY_FUNCTIONS = {
    "PyArray_DescrFromType": (45, "ptr (i32)"),
    "PyArray_NewCopy": (85, "ptr (ptr, i32)"),
    "PyArray_NewFromDescr": (94, "ptr (ptr, ptr, i32, ptr, ptr, ptr, i32, ptr)"),
    "PyArray_Scalar": (60, "ptr (ptr, ptr, ptr)"),
    "PyArray_SetBaseObject": (282, "i32 (ptr, ptr)"),
}
"""Those of NumPy: the place in its function table, which its ABI fixes, and the LLVM type."""

FUNCTIONS = PYTHON_FUNCTIONS | {name: type for name, (_, type) in NUMPY_FUNCTIONS.items()}


def declaration(name: str) -> str:
    """Return the LLVM line that declares one of ``FUNCTIONS``."""
    result, _, rest = FUNCTIONS[name].partition(" ")
    return f"declare {result} @{name}{rest}"


@functools.cache
def _numpy_table() -> Any:
    """Return NumPy's C function table, found as every C extension finds it."""
    capsule = importlib.import_module("numpy._core._multiarray_umath")._ARRAY_API
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    return ctypes.cast(get(capsule, None), ctypes.POINTER(ctypes.c_void_p))


@functools.cache
def function_address(name: str) -> int:
    """Return the address of one of ``FUNCTIONS`` in this process."""
    if name in NUMPY_FUNCTIONS:
        return int(_numpy_table()[NUMPY_FUNCTIONS[name][0]])
    return pointer_of(getattr(ctypes.pythonapi, name))


def pointer_of(function: Any) -> int:
    """Return the address of a function that ctypes found."""
    address = ctypes.cast(function, ctypes.c_void_p).value
    if address is None:
        raise TracegraphError(f"{function} has no address")
    return address


def _read(kind: Any, owner: object, *offsets: int) -> int:
    """Read a field of an object; offsets before the last one are pointers to follow."""
    address = id(owner)
    for offset in offsets[:-1]:
        address = ctypes.c_size_t.from_address(address + offset).value
    return int(kind.from_address(address + offsets[-1]).value)


def _interpreter_problem() -> str | None:
    if sys.implementation.name != "cpython" or ctypes.sizeof(ctypes.c_void_p) != 8:
        return "native code needs a 64-bit CPython"
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return "native code needs a CPython with the GIL"
    if int(np.__version__.split(".")[0]) < 2:
        return f"native code needs NumPy 2, got {np.__version__}"
    return None


def _array_fields(array: np.ndarray[Any, Any]) -> dict[str, bool]:
    """Compare the fields that native code reads with what NumPy says they are."""
    flags = _read(ctypes.c_int32, array, ARRAY_FLAGS)
    said = array.flags
    expected = (
        (C_CONTIGUOUS, said.c_contiguous),
        (F_CONTIGUOUS, said.f_contiguous),
        (OWNS_DATA, said.owndata),
        (ALIGNED, said.aligned),
        (WRITEABLE, said.writeable),
    )
    word = ctypes.c_int64
    return {
        "type": _read(word, array, OB_TYPE) == id(np.ndarray),
        "data": _read(word, array, ARRAY_DATA) == array.ctypes.data,
        "ndim": _read(ctypes.c_int32, array, ARRAY_NDIM) == array.ndim,
        "shape": _read(word, array, ARRAY_SHAPE, 8) == array.shape[1],
        "strides": _read(word, array, ARRAY_STRIDES, 8) == array.strides[1],
        "flags": all(bool(flags & bit) == value for bit, value in expected),
        "dtype number": _read(ctypes.c_int32, array, ARRAY_DESCR, DESCR_NUMBER) == array.dtype.num,
        "byte order": _read(ctypes.c_uint8, array, ARRAY_DESCR, DESCR_BYTEORDER)
        == ord(array.dtype.byteorder),
        "metadata": bool(_read(word, array, ARRAY_DESCR, DESCR_METADATA))
        == (array.dtype.metadata is not None),
    }


def _value_fields() -> dict[str, bool]:
    number, pair, single, integer, names = 1.5, 2.5j, np.float32(1.5), np.int64(-7), ("a", "b")
    letters = [*names, "c"]
    return {
        "float": ctypes.c_double.from_address(id(number) + VALUE).value == number,
        "complex": ctypes.c_double.from_address(id(pair) + VALUE + 8).value == pair.imag,
        "float32": ctypes.c_float.from_address(id(single) + VALUE).value == number,
        "int64": _read(ctypes.c_int64, integer, VALUE) == integer,
        "bool": _read(ctypes.c_uint8, np.True_, VALUE) == 1,
        "tuple": _read(ctypes.c_int64, names, VALUE) == 2
        and _read(ctypes.c_int64, names, TUPLE_ITEMS + 8) == id(names[1]),
        "list": _read(ctypes.c_int64, letters, VALUE) == 3
        and _read(ctypes.c_int64, letters, LIST_ITEMS, 16) == id(letters[2]),
    }


def _numpy_functions_work() -> bool:
    make = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_int)(
        function_address("PyArray_DescrFromType")
    )
    return make(12) is np.dtype(np.float64)


@functools.cache
def layout_problem() -> str | None:
    """Return why this interpreter cannot run native code, or None where it can."""
    problem = _interpreter_problem()
    if problem is not None:
        return problem
    swapped = np.dtype(np.float32).newbyteorder("S")
    noted = np.dtype(np.int16, metadata={"note": 1})
    checks = {f"a {name}": right for name, right in _value_fields().items()}
    for array in (
        np.zeros((2, 3)),
        np.zeros((2, 3), swapped).T,
        np.broadcast_to(np.zeros((), noted), (4, 5)),
    ):
        for name, right in _array_fields(array).items():
            checks[f"ndarray.{name}"] = checks.get(f"ndarray.{name}", True) and right
    checks["the function table"] = _numpy_functions_work()
    wrong = [name for name, right in checks.items() if not right]
    return f"unknown memory layout of {', '.join(wrong)}" if wrong else None


def check_layout() -> None:
    """Raise TracegraphError where native code cannot run here."""
    problem = layout_problem()
    if problem is not None:
        raise TracegraphError(f"{problem}; functions run eagerly here")
