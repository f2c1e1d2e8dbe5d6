"""``Tensor``: an array for users who want one that records, with NumPy's semantics throughout."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tracegraph.codegen.signature import Structure
from tracegraph.containers import register_node
from tracegraph.dispatch import apply, as_real, current_data, held, seen_by_user
from tracegraph.externals import Externals
from tracegraph.operators import IN_PLACE, Operators
from tracegraph.places import Place
from tracegraph.standin import ArrayHolder, Traced


class Tensor(Operators, ArrayHolder):
    """An array, mutable as NumPy's are.

    Operations on Tensors give Tensors, of rank 0 too; so do NumPy functions called with them. A
    Tensor made from an ndarray shares its memory.

    Parameters
    ----------
    data : array_like
        What it holds.

    Examples
    --------
    >>> import numpy as np
    >>> import tracegraph as tg
    >>> x = tg.Tensor([1.0, 2.0])
    >>> x * 2 + np.ones(2)
    Tensor([3., 5.])
    >>> np.sum(x)
    Tensor(3.)
    """

    __slots__ = ("__weakref__", "_data")
    __hash__ = object.__hash__

    def __init__(self, data: Any) -> None:
        if isinstance(data, ArrayHolder):
            data = data._read()
        self._data = data if type(data) is Traced else np.asarray(data)

    # -- what it holds --------------------------------------------------------------------------

    def _read(self) -> Any:
        self._data = current_data(self._data)
        return self._data

    def numpy(self) -> Any:
        """Return the array itself, not a copy."""
        return seen_by_user(self._read())

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        data = self._read()
        return np.array(as_real(data) if type(data) is not Traced else data, dtype=dtype, copy=copy)

    @property
    def shape(self) -> tuple[int, ...]:
        shape: tuple[int, ...] = self._read().shape
        return shape

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = self._read().dtype
        return dtype

    @property
    def ndim(self) -> int:
        ndim: int = self._read().ndim
        return ndim

    @property
    def size(self) -> int:
        size: int = self._read().size
        return size

    # -- operations -----------------------------------------------------------------------------

    def _operate(self, function: Callable[..., Any], *operands: Any) -> Any:
        result = apply(function, *operands)
        return self if function in IN_PLACE else wrap(result)

    def __array_ufunc__(self, ufunc: Any, method: str, *args: Any, **kwargs: Any) -> Any:
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        result = apply(function, *args, **kwargs)
        out = kwargs.get("out")
        return wrap(result) if out is None else (out[0] if len(out) == 1 else out)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        del types
        return wrap(apply(function, *args, **kwargs))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self._read(), name)
        if not callable(found):
            return wrap(found)

        def method(*args: Any, **kwargs: Any) -> Any:
            return wrap(found(*held(args), **held(kwargs)))

        method.__name__ = name
        return method

    def __getitem__(self, index: Any) -> Any:
        return wrap(apply(operator.getitem, self, index))

    def __setitem__(self, index: Any, value: Any) -> None:
        apply(operator.setitem, self, index, value)

    def __iter__(self) -> Iterator[Any]:
        for position in range(len(self)):
            yield self[position]

    def __len__(self) -> int:
        return len(self._read())

    def __bool__(self) -> bool:
        return bool(self._read())

    def __float__(self) -> float:
        return float(self._read())

    def __int__(self) -> int:
        return int(self._read())

    def __complex__(self) -> complex:
        return complex(self._read())

    def __index__(self) -> int:
        return operator.index(self._read())

    def __contains__(self, item: Any) -> bool:
        return bool((self == item).any())

    # -- as text and as a value -----------------------------------------------------------------

    def _shown(self) -> Any:
        """Return the real array, for text."""
        data = self._read()
        return as_real(data.recording.escape(data, TEXT) if type(data) is Traced else data)

    def __repr__(self) -> str:
        name, array = type(self).__name__, self._shown()
        text = np.array2string(array, separator=", ", prefix=f"{name}(")
        default = array.dtype in (np.float64, np.int64, np.bool_)
        return f"{name}({text}{'' if default else f', dtype={array.dtype}'})"

    def __str__(self) -> str:
        return str(self._shown())

    def __format__(self, spec: str) -> str:
        array = self._shown()
        return format(array if array.ndim else array[()], spec)

    def __copy__(self) -> Tensor:
        return Tensor(apply(np.copy, self))

    def __deepcopy__(self, memo: Any) -> Tensor:
        return Tensor(apply(np.copy, self))

    def __reduce__(self) -> Any:
        return Tensor, (self._shown(),)

    @classmethod
    def __tracegraph_load__(cls, externals: Externals, place: Place, value: Tensor) -> Tensor:
        """Return the Tensor that a recorded function sees for one from outside."""
        externals.add(place, Structure(source=place.source, type=cls))
        made = Tensor(externals.load(place.attribute("_data"), as_real(value._data)))
        externals.note_stand_in(made, value, place)
        return made


TEXT = "it is turned into text"


def wrap(result: Any) -> Any:
    """Return a result with its arrays and NumPy scalars as Tensors."""
    if type(result) is Traced:
        return result if result.is_python_scalar else Tensor(result)
    if isinstance(result, (np.ndarray, np.generic)):
        return Tensor(result)
    if type(result) in (tuple, list):
        return type(result)(map(wrap, result))
    return result


def constant(value: Any, dtype: Any = None) -> Tensor:
    """Return a Tensor that holds a copy of ``value``.

    Examples
    --------
    >>> import tracegraph as tg
    >>> tg.constant([1, 2, 3])
    Tensor([1, 2, 3])
    """
    data = apply(np.array, value) if dtype is None else apply(np.array, value, dtype=dtype)
    return Tensor(data)


def convert_to_tensor(value: Any, dtype: Any = None) -> Tensor:
    """Return ``value`` as a Tensor, itself if it is one of the right dtype.

    Examples
    --------
    >>> import tracegraph as tg
    >>> tg.convert_to_tensor(3.0) + 1
    Tensor(4.)
    """
    if isinstance(value, Tensor) and dtype in (None, value.dtype):
        return value
    return constant(value, dtype)


def _children(tensor: Tensor) -> tuple[tuple[Any], None]:
    data = tensor._data
    return (data if type(data) is Traced else tensor._read(),), None


register_node(Tensor, _children, lambda aux, leaves: Tensor(leaves[0]))
