"""What is read and assigned through attributes of an array: ``x.flat[i]``, ``x.real = v``."""

from __future__ import annotations

from typing import Any

from tracegraph.ir.ops.complexes import complex_, imag, real
from tracegraph.numpy.arguments import array, reshaped
from tracegraph.numpy.emit import Emitter, Sym, Unsupported
from tracegraph.numpy.indexing import getitem, setitem


def read_flat(x: Any, index: Any) -> Any:
    """Return ``x.flat[index]``: a copy."""
    return x.flat[index]


def write_flat(x: Any, index: Any, new: Any) -> None:
    """Assign ``x.flat[index]``."""
    x.flat[index] = new


def assign_flat(x: Any, new: Any) -> None:
    """Assign ``x.flat``."""
    x.flat = new


def assign_real(x: Any, new: Any) -> None:
    """Assign ``x.real``."""
    x.real = new


def assign_imag(x: Any, new: Any) -> None:
    """Assign ``x.imag``."""
    x.imag = new


def _flattened(e: Emitter, x: Any) -> Sym:
    value = array(e, x)
    return Sym(reshaped(value, (value.type.size,)))


def _read_flat(e: Emitter, x: Any, index: Any) -> Sym:
    return Sym(getitem(e, _flattened(e, x), index).value, fresh=True)


def _write_flat(e: Emitter, x: Sym, index: Any, new: Any) -> Sym:
    flat = _flattened(e, x)
    old = getitem(e, flat, index).value
    if not old.ndim and not isinstance(new, (list, tuple)):
        new = Sym(e.stored(new, x.dtype))
    update = _as_many(e, new, x, old.type.size, old.shape)
    return Sym(reshaped(setitem(e, flat, index, update).value, x.shape))


def _assign_flat(e: Emitter, x: Sym, new: Any) -> Sym:
    update = _as_many(e, new, x, x.value.type.size, x.shape)
    return setitem(e, x, Ellipsis, update)


def _as_many(e: Emitter, new: Any, x: Sym, count: Any, shape: Any) -> Sym:
    """Return one value for all places, or one for each."""
    value = array(e, new, x.dtype)
    if value.type.size == 1:
        return Sym(reshaped(value, ()))
    if value.type.size != count:
        raise Unsupported("values that are repeated or left over; give one, or one for each place")
    return Sym(reshaped(value, shape))


def _assign_real(e: Emitter, x: Sym, new: Any) -> Sym:
    if x.dtype.kind != "c":
        return setitem(e, x, Ellipsis, new)
    return Sym(complex_(_part(e, x, new), imag(x.value)))


def _assign_imag(e: Emitter, x: Sym, new: Any) -> Sym:
    return Sym(complex_(real(x.value), _part(e, x, new)))


def _part(e: Emitter, x: Sym, new: Any) -> Any:
    old = real(x.value)
    return e.broadcast(e.cast(array(e, new), old.dtype), old.shape)


RULES: dict[Any, Any] = {
    read_flat: _read_flat,
    write_flat: _write_flat,
    assign_flat: _assign_flat,
    assign_real: _assign_real,
    assign_imag: _assign_imag,
}
WRITERS = frozenset({write_flat, assign_flat, assign_real, assign_imag})

for _function in RULES:
    _name = _function.__name__.partition("_")[2]
    _function.__module__, _function.__qualname__ = "numpy", f"ndarray.{_name}"
