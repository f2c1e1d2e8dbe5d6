"""Fourier transforms along one axis, by the kernels of ``numpy.fft``. They are linear.

``norm`` is NumPy's: "backward", "ortho" or "forward". The matrix of a complex transform is
symmetric, so that it is its own transpose; those of real ones leave out half of the frequencies,
whose conjugates stand in for them. Transposes do not conjugate, as everywhere here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracegraph.ir.graph import Op, Tangent, Value
from tracegraph.ir.lowering import CALLOUT
from tracegraph.ir.ops.arithmetic import multiply, times
from tracegraph.ir.ops.broadcast import full_like, spread
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import equal, logical_or
from tracegraph.ir.ops.complexes import complex_, conjugate, real
from tracegraph.ir.ops.compose import iota_beside
from tracegraph.ir.ops.creation import size_value
from tracegraph.ir.ops.family import INEXACT, type_error
from tracegraph.ir.sizes import Dim, Size, floordiv
from tracegraph.ir.types import PART, WHOLE, ArrayType


def _along(x: ArrayType, axis: int, length: Dim) -> tuple[Dim, ...]:
    return (*x.shape[:axis], length, *x.shape[axis + 1 :])


def _check(name: str, x: ArrayType, kinds: str, axis: int) -> None:
    if x.dtype.kind not in kinds or not 0 <= axis < x.ndim:
        raise type_error(name, f"a dtype of the kinds {kinds!r} and an axis inside it: {axis}", x)


def _like(found: Value, x: Value) -> Value:
    """Return the cotangent of an operand, which may be real."""
    out: Value = real(found) if found.dtype.kind != x.dtype.kind else found
    return out


def _transform(
    name: str,
    eager: Callable[..., Any],
    type_rule: Callable[..., ArrayType],
    transpose: Callable[..., Value],
) -> Op:
    """Return a transform; ``transpose(ct, x, axis=, norm=)`` is its transpose."""

    def batch(
        operands: Sequence[Value], batched: Sequence[bool], size: Dim, *, axis: int, **attrs: Any
    ) -> Value:
        del batched, size
        out: Value = op(*operands, axis=axis + 1, **attrs)
        return out

    def pull(
        ct: Value, operands: Sequence[Value], linear: Sequence[bool], **attrs: Any
    ) -> list[Tangent]:
        del linear
        return [transpose(ct, operands[0], **attrs)]

    op = Op(
        name=name,
        type_rule=type_rule,
        eager=eager,
        lower=CALLOUT,
        jvp=lambda primals, tangents, out, **attrs: op(tangents[0], **attrs),
        transpose=pull,
        batch=batch,
    )
    return op


def _complex_type(name: str) -> Callable[..., ArrayType]:
    def rule(x: ArrayType, *, axis: int, norm: str) -> ArrayType:
        del norm
        _check(name, x, INEXACT, axis)
        return x.with_dtype(WHOLE.get(x.dtype, x.dtype))

    return rule


fft: Op = _transform(
    "fft",
    lambda x, *, axis, norm: np.fft.fft(x, axis=axis, norm=norm),
    _complex_type("fft"),
    lambda ct, x, *, axis, norm: _like(fft(ct, axis=axis, norm=norm), x),
)
"""``fft(x, axis=, norm=)``: the transform; NumPy takes real numbers of float32 in float64."""

ifft: Op = _transform(
    "ifft",
    lambda x, *, axis, norm: np.fft.ifft(x, axis=axis, norm=norm),
    _complex_type("ifft"),
    lambda ct, x, *, axis, norm: _like(ifft(ct, axis=axis, norm=norm), x),
)
"""``ifft(x, axis=, norm=)``: the inverse transform."""


def _rfft_type(x: ArrayType, *, axis: int, norm: str) -> ArrayType:
    del norm
    _check("rfft", x, "f", axis)
    return ArrayType(WHOLE[x.dtype], _along(x, axis, floordiv(x.shape[axis], 2) + 1))


def _weighted(x: Value, axis: int, length: Dim, inner: float) -> Value:
    """Return frequencies times ``inner``, save those that are their own conjugates."""
    place = iota_beside(x, x.shape, axis)
    is_end = logical_or(
        equal(place, full_like(place, 0)),
        # Of an odd length no frequency is twice its place.
        equal(times(place, 2), _filled(place, length)),
    )
    factors = select(is_end, full_like(real(x), 1.0), full_like(real(x), inner))
    out: Value = multiply(x, complex_(factors, full_like(factors, 0)))
    return out


def _filled(like: Value, length: Dim) -> Value:
    """Return a size repeated over an array of places."""
    if not isinstance(length, Size):
        return full_like(like, length)
    return spread(like.builder.emit(size_value, (), {"value": length}), like.shape)


OTHER_WAY = {"backward": "forward", "ortho": "ortho", "forward": "backward"}


def _rfft_transpose(ct: Value, x: Value, *, axis: int, norm: str) -> Value:
    """``sum(ct[k] w[j k])`` is a real inverse transform of half of each frequency's conjugate."""
    length = x.shape[axis]
    halves = conjugate(_weighted(ct, axis, length, 0.5))
    out: Value = irfft(halves, axis=axis, length=length, norm=OTHER_WAY[norm])
    return out


rfft: Op = _transform(
    "rfft",
    lambda x, *, axis, norm: np.fft.rfft(x, axis=axis, norm=norm),
    _rfft_type,
    _rfft_transpose,
)
"""``rfft(x, axis=, norm=)``: the frequencies of real numbers from 0 to half of the length."""


def _irfft_type(x: ArrayType, *, axis: int, length: Dim, norm: str) -> ArrayType:
    del norm
    _check("irfft", x, INEXACT, axis)
    if x.shape[axis] != floordiv(length, 2) + 1:
        raise type_error("irfft", f"{length} // 2 + 1 frequencies", x)
    return ArrayType(PART.get(x.dtype, x.dtype), _along(x, axis, length))


def _irfft_transpose(ct: Value, x: Value, *, axis: int, length: Dim, norm: str) -> Value:
    frequencies = conjugate(rfft(ct, axis=axis, norm=OTHER_WAY[norm]))
    return _like(_weighted(frequencies, axis, length, 2.0), x)


irfft: Op = _transform(
    "irfft",
    lambda x, *, axis, length, norm: np.fft.irfft(x, length, axis, norm),
    _irfft_type,
    _irfft_transpose,
)
"""``irfft(x, axis=, length=, norm=)``: the real numbers that have these frequencies."""

OPS = (fft, ifft, rfft, irfft)
