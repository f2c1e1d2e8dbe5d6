"""Types of values in a graph: dtype and shape, where a dimension may be a symbolic size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

import numpy as np

from tracegraph.ir.record import record
from tracegraph.ir.sizes import Dim, Symbol, product, symbols

DType: TypeAlias = "np.dtype[Any]"
Shape: TypeAlias = tuple[Dim, ...]

DTYPE_NAMES = {
    "bool": "bool", "i8": "int8", "i16": "int16", "i32": "int32", "i64": "int64",
    "u8": "uint8", "u16": "uint16", "u32": "uint32", "u64": "uint64",
    "f32": "float32", "f64": "float64", "c64": "complex64", "c128": "complex128",
}  # fmt: skip
"""The dtypes that graphs may hold, by the names that the printer uses."""

DTYPES: dict[str, DType] = {short: np.dtype(name) for short, name in DTYPE_NAMES.items()}
SHORT_NAMES: dict[DType, str] = {dtype: short for short, dtype in DTYPES.items()}

BOOL, INT64, FLOAT32, FLOAT64 = (DTYPES[n] for n in ("bool", "i64", "f32", "f64"))

PART: dict[DType, DType] = {DTYPES["c64"]: FLOAT32, DTYPES["c128"]: FLOAT64}
"""The dtype of the parts of a complex number."""
WHOLE: dict[DType, DType] = {part: whole for whole, part in PART.items()}


def canonical(dtype: DType) -> DType:
    """Return the dtype that graphs hold among equal ones: two C types may be one width."""
    known = SHORT_NAMES.get(dtype)
    return dtype if known is None else DTYPES[known]


def is_supported(dtype: DType) -> bool:
    """Return whether arrays of this dtype can be recorded: native byte order, no extras."""
    known = SHORT_NAMES.get(dtype)
    # Two C types may be one width: native code tells dtypes apart by their number.
    is_same = known is not None and DTYPES[known].num == dtype.num
    return is_same and dtype.isnative and dtype.metadata is None


@record(eq=True)
class ArrayType:
    """What is known of an array before it is computed; prints as ``f64[n,4]``.

    Parameters
    ----------
    dtype : np.dtype
        One of ``DTYPES``.
    shape : tuple of int or Size
        Its dimensions; ``()`` for a scalar.
    """

    dtype: DType
    shape: Shape = ()

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> Dim:
        return product(self.shape)

    def with_shape(self, shape: Iterable[Dim]) -> ArrayType:
        return ArrayType(self.dtype, tuple(shape))

    def with_dtype(self, dtype: DType) -> ArrayType:
        return ArrayType(dtype, self.shape)

    def __str__(self) -> str:
        return f"{SHORT_NAMES[self.dtype]}[{','.join(map(str, self.shape))}]"


@record(eq=True)
class TupleType:
    """The type of an operation with several results; ``item`` takes them apart."""

    items: tuple[ArrayType, ...]

    def __str__(self) -> str:
        return f"({', '.join(map(str, self.items))})"


Type: TypeAlias = ArrayType | TupleType


def type_symbols(types: Iterable[Type]) -> Iterator[Symbol]:
    """Yield the symbols of the shapes of some types, in order of appearance."""
    for one in types:
        for item in one.items if isinstance(one, TupleType) else (one,):
            for dim in item.shape:
                yield from symbols(dim)


def array_type(value: np.ndarray[Any, Any] | np.generic) -> ArrayType:
    """Return the type of an actual array."""
    return ArrayType(value.dtype, tuple(value.shape))


def is_differentiable(dtype: DType) -> bool:
    """Return whether values of a dtype have tangents: only inexact numbers do."""
    return dtype.kind in "fc"
