"""``NativeCallable``: objects whose calls go straight to machine code once there is some.

CPython asks a type with the vectorcall flag for a function pointer inside the instance. While that
pointer is null CPython itself calls the class's ``__call__``, a Python method here, so that nothing
native is needed before the first trace exists; storing an address afterwards is all there is to do.

The base type is made by ``PyType_FromSpec``, because a class statement cannot say where the pointer
is. Subclasses written in Python lose the flag (CPython 3.11 never inherits it, later versions not
beside a ``__call__``), so it is set on each subclass again.
"""

from __future__ import annotations

import ctypes
import types
from typing import Any, Protocol

from tracegraph.codegen import cpython

_HEADER = 16
_FLAGS_OFFSET = 168
"""``tp_flags`` in ``PyTypeObject``; compared with ``__flags__`` before it is written."""

_BASETYPE, _HAVE_VECTORCALL, _METHOD_DESCRIPTOR = 1 << 10, 1 << 11, 1 << 17
_DEFAULT = 1 << 18  # Py_TPFLAGS_HAVE_VERSION_TAG
_TP_CALL, _TP_DESCR_GET, _TP_MEMBERS = 50, 54, 72
_T_PYSSIZET, _READONLY = 19, 1


class _Member(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("type", ctypes.c_int),
        ("offset", ctypes.c_ssize_t),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


class _Slot(ctypes.Structure):
    _fields_ = (("slot", ctypes.c_int), ("function", ctypes.c_void_p))


class _Spec(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("basicsize", ctypes.c_int),
        ("itemsize", ctypes.c_int),
        ("flags", ctypes.c_uint),
        ("slots", ctypes.POINTER(_Slot)),
    )


_members = (_Member * 3)(
    _Member(b"__vectorcalloffset__", _T_PYSSIZET, _HEADER, _READONLY, None),
    _Member(b"_entry", _T_PYSSIZET, _HEADER, 0, b"The address of the native entry, or 0."),
)
"""CPython keeps pointers into these names for as long as the type lives."""


def _binds_as_a_method() -> int:
    """Return CPython's own ``function.__get__``, which works on any callable."""
    get_slot = ctypes.pythonapi.PyType_GetSlot
    get_slot.restype, get_slot.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_int]
    return int(get_slot(types.FunctionType, _TP_DESCR_GET))


def _make_base() -> Any:
    slots = (_Slot * 4)(
        _Slot(_TP_CALL, cpython.pointer_of(ctypes.pythonapi.PyVectorcall_Call)),
        _Slot(_TP_DESCR_GET, _binds_as_a_method()),
        _Slot(_TP_MEMBERS, ctypes.addressof(_members)),
    )
    spec = _Spec(
        b"tracegraph.codegen.native_type.NativeBase",
        _HEADER + 8,
        0,
        _DEFAULT | _BASETYPE | _HAVE_VECTORCALL | _METHOD_DESCRIPTOR,
        slots,
    )
    make = ctypes.pythonapi.PyType_FromSpec
    make.restype, make.argtypes = ctypes.py_object, [ctypes.POINTER(_Spec)]
    return make(spec)


def _set_flags(cls: type, flags: int) -> None:
    """Promise to CPython that calls of instances look at the pointer first."""
    word = ctypes.c_ulong.from_address(id(cls) + _FLAGS_OFFSET)
    if word.value != cls.__flags__:
        raise SystemError("the layout of type objects is not the one that tracegraph knows")
    word.value |= flags


_NativeBase: Any = _make_base()


class Runnable(Protocol):
    """What has a native entry: an ``Executable``."""

    @property
    def address(self) -> int: ...


class NativeCallable(_NativeBase):  # type: ignore[misc]  # its base is made at run time
    """A callable that runs its native entry, or ``_slow`` where it has none.

    Subclasses define ``_slow(*args, **kwargs)``; entries call it too when they miss. Instances bind
    as methods, can have attributes and weak references. ``_entry`` is the address of the entry, 0
    for none: a call reads it once, so it may be stored at any time. The code it points to must
    outlive every call that may be running: keep executables alive as long as the callable.
    """

    _entry: int

    def run(self, executable: Runnable | None) -> None:
        """Let calls run an executable, or ``_slow`` again.

        What ran once is kept as long as the callable: a call in another thread may still be inside.
        """
        if executable is not None:
            self.__dict__.setdefault("_executables", {})[id(executable)] = executable
        self._entry = 0 if executable is None else executable.address

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        _set_flags(cls, _HAVE_VECTORCALL | _METHOD_DESCRIPTOR)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._slow(*args, **kwargs)

    def _slow(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define _slow")


_set_flags(NativeCallable, _HAVE_VECTORCALL | _METHOD_DESCRIPTOR)
