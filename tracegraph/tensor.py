"""``Tensor``: an array for users who want one that records, with NumPy's semantics throughout."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import numpy as np

from tracegraph.codegen.signature import Structure
from tracegraph.containers import register_node
from tracegraph.dispatch import apply, as_real, current_data, held, seen_by_user
from tracegraph.externals import Externals
from tracegraph.operators import IN_PLACE, Operators
from tracegraph.places import Place
from tracegraph.standin import ArrayHolder, Traced
from tracegraph.values import remake


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

    # -- what the Array API standard asks of it -------------------------------------------------

    def __array_namespace__(self, /, *, api_version: str | None = None) -> ModuleType:
        """Return the namespace of functions of the Array API standard, ``tracegraph.array_api``.

        Parameters
        ----------
        api_version : str, optional
            The version of the standard that is wanted.

        Raises
        ------
        ValueError
            If that is not a version that the namespace follows.

        Examples
        --------
        >>> import tracegraph as tg
        >>> x = tg.Tensor([1.0, 4.0])
        >>> x.__array_namespace__().sqrt(x)
        Tensor([1., 2.])
        """
        # An array knows its namespace, which makes arrays: the standard ties this knot. The
        # namespace is loaded when it is asked for.
        namespace = import_module("tracegraph.array_api")
        if api_version not in (None, *namespace.VERSIONS):
            raise ValueError(
                f"expected one of the versions {', '.join(namespace.VERSIONS)} of the Array API "
                f"standard, got {api_version!r}; leave it out for the newest"
            )
        return namespace

    def __dlpack__(
        self,
        /,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """Return a DLPack capsule of the memory, for ``from_dlpack`` of any array library.

        Parameters
        ----------
        stream : None
            The CPU has no streams.
        max_version : tuple of int, optional
            The newest version of DLPack that the other side understands.
        dl_device : tuple of int, optional
            Where the memory is to be: on the CPU.
        copy : bool, optional
            Whether the memory must be, or must not be, a copy.

        Raises
        ------
        BufferError
            If the memory cannot be exported so.
        """
        options = {
            "stream": stream,
            "max_version": max_version,
            "dl_device": dl_device,
            "copy": copy,
        }
        given = {name: value for name, value in options.items() if value is not None}
        return self._real("its memory is handed to another library").__dlpack__(**given)

    def __dlpack_device__(self) -> tuple[int, int]:
        """Return DLPack's name of the CPU."""
        device: tuple[int, int] = as_real(self._data).__dlpack_device__()
        return device

    @property
    def device(self) -> str:
        """Where the array is: always ``"cpu"``."""
        return "cpu"

    def to_device(self, device: str, /, *, stream: int | None = None) -> Tensor:
        """Return the Tensor itself: there is one device.

        Raises
        ------
        ValueError
            If that is not ``"cpu"``, or for a stream, which it has none of.
        """
        if device != "cpu" or stream is not None:
            raise ValueError(f"expected the device 'cpu' and no stream, got {device!r}, {stream!r}")
        return self

    @property
    def T(self) -> Tensor:
        """The view with all axes in reverse order."""
        transposed: Tensor = wrap(self._read().T)
        return transposed

    @property
    def mT(self) -> Tensor:
        """The view with the last two axes exchanged."""
        transposed: Tensor = wrap(self._read().mT)
        return transposed

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
        return iter(self._read()) if self.ndim == 0 else self._items()  # without axes that raises

    def _items(self) -> Iterator[Any]:
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

    def _real(self, use: str) -> Any:
        """Return the real array for a use that is not recorded."""
        data = self._read()
        return as_real(data.recording.escape(data, use) if type(data) is Traced else data)

    def _shown(self) -> Any:
        return self._real("it is turned into text")

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


def wrap(result: Any) -> Any:
    """Return a result with its arrays and NumPy scalars as Tensors."""
    if type(result) is Traced:
        return result if result.is_python_scalar else Tensor(result)
    if isinstance(result, (np.ndarray, np.generic)):
        return Tensor(result)
    is_named = isinstance(result, tuple) and hasattr(result, "_fields")
    if is_named or type(result) in (tuple, list):
        return remake(result, list(map(wrap, result)))
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
