"""The types of the standard's functions: what NumPy's own functions are for Tensors.

NumPy gives Tensors for Tensors through its protocols, which its type stubs do not know. A line
such as ``sin: Unary = of_tensors(np.sin)`` says it: the name is NumPy's object, with the type that
the standard gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

from numpy.typing import DTypeLike

from tracegraph.array_api.device import Device
from tracegraph.tensor import Tensor

Axes = int | tuple[int, ...]
DType = DTypeLike
Number = bool | int | float | complex
Operand = Tensor | Number
Shape = int | tuple[int, ...]
Norm = Literal["backward", "ortho", "forward"]


def of_tensors(function: Callable[..., Any]) -> Any:
    """Return a NumPy function itself, for a name that has the type it has for Tensors."""
    return function


class Unary(Protocol):
    """A function of one array."""

    def __call__(self, x: Tensor, /) -> Tensor: ...


class Binary(Protocol):
    """A function of two arrays, of which one may be a number."""

    def __call__(self, x1: Operand, x2: Operand, /) -> Tensor: ...


class Product(Protocol):
    """A function of two arrays."""

    def __call__(self, x1: Tensor, x2: Tensor, /) -> Tensor: ...


class Reduction(Protocol):
    """A function of the elements along some axes."""

    def __call__(
        self, x: Tensor, /, *, axis: Axes | None = None, keepdims: bool = False
    ) -> Tensor: ...


class Accumulation(Protocol):
    """A reduction that computes in a dtype."""

    def __call__(
        self,
        x: Tensor,
        /,
        *,
        axis: Axes | None = None,
        dtype: DType | None = None,
        keepdims: bool = False,
    ) -> Tensor: ...


class Deviation(Protocol):
    """A reduction that takes a correction from the number of elements."""

    def __call__(
        self,
        x: Tensor,
        /,
        *,
        axis: Axes | None = None,
        correction: float = 0.0,
        keepdims: bool = False,
    ) -> Tensor: ...


class Search(Protocol):
    """A function that gives the place of an element along one axis."""

    def __call__(
        self, x: Tensor, /, *, axis: int | None = None, keepdims: bool = False
    ) -> Tensor: ...


class Likeness(Protocol):
    """A new array of the shape of another."""

    def __call__(
        self, x: Tensor, /, *, dtype: DType | None = None, device: Device | None = None
    ) -> Tensor: ...


class Triangle(Protocol):
    """A part of a matrix on one side of a diagonal."""

    def __call__(self, x: Tensor, /, *, k: int = 0) -> Tensor: ...


class Vectors(Protocol):
    """A product of vectors along an axis."""

    def __call__(self, x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor: ...


class Contraction(Protocol):
    """A product over several axes."""

    def __call__(
        self,
        x1: Tensor,
        x2: Tensor,
        /,
        *,
        axes: int | tuple[Sequence[int], Sequence[int]] = 2,
    ) -> Tensor: ...


class Transform(Protocol):
    """A Fourier transform along one axis."""

    def __call__(
        self, x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: Norm = "backward"
    ) -> Tensor: ...


class TransformOfAxes(Protocol):
    """A Fourier transform along several axes."""

    def __call__(
        self,
        x: Tensor,
        /,
        *,
        s: Sequence[int] | None = None,
        axes: Sequence[int] | None = None,
        norm: Norm = "backward",
    ) -> Tensor: ...


class Shift(Protocol):
    """A rotation of axes that moves the frequency zero."""

    def __call__(self, x: Tensor, /, *, axes: int | Sequence[int] | None = None) -> Tensor: ...
