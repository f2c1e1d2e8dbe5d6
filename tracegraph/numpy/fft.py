"""``numpy.fft``: transforms of one axis or several, cut or padded to lengths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracegraph.ir.graph import Op, Value
from tracegraph.ir.ops.complexes import conjugate
from tracegraph.ir.ops.compose import take_axis
from tracegraph.ir.ops.fourier import OTHER_WAY, fft, ifft, irfft, rfft
from tracegraph.ir.sizes import Dim, floordiv
from tracegraph.ir.types import FLOAT64
from tracegraph.numpy.arguments import array, axis_argument, dim_argument, no_out
from tracegraph.numpy.emit import Emitter, Sym, Unsupported
from tracegraph.numpy.joining import padded, roll

Rule = Callable[..., Sym]


def _inexact(e: Emitter, a: Any) -> Value:
    x = array(e, a)
    return e.cast(x, FLOAT64) if x.dtype.kind in "biu" else x


def _fitted(e: Emitter, x: Value, axis: int, length: Dim) -> Value:
    """Return an axis cut, or filled up with zeros, to a length."""
    old = x.shape[axis]
    if old == length:
        return x
    _positive(e, old)
    if e.holds(length, "<=", old):
        return take_axis(x, axis, 0, length)
    extra = length - old
    widths: list[tuple[Dim, Dim]] = [(0, extra if at == axis else 0) for at in range(x.ndim)]
    return padded(e, x, widths, e.literal(0, x.dtype))


def _transformed(e: Emitter, op: Op, x: Value, n: Any, axis: Any, norm: Any) -> Value:
    """Return one transform of an axis to ``n`` numbers."""
    at, name = axis_argument(axis, x.ndim), norm or "backward"
    out: Value
    if op is irfft:
        length = 2 * (x.shape[at] - 1) if n is None else dim_argument(n)
        _positive(e, length)
        x = _fitted(e, x, at, floordiv(length, 2) + 1)
        return op(x, axis=at, length=length, norm=name)  # type: ignore[no-any-return]  # ops are untyped calls
    length = x.shape[at] if n is None else dim_argument(n)
    _positive(e, length)
    fitted = _fitted(e, x, at, length)
    out = op(fitted, axis=at, norm=name)
    return out


def _positive(e: Emitter, length: Dim) -> None:
    if not e.holds(1, "<=", length):
        raise Unsupported("a transform of nothing")


def _one_axis(op: Op) -> Rule:
    """Return the rule of the transform of one axis."""

    def rule(
        e: Emitter, a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None
    ) -> Sym:
        no_out(out)
        return Sym(_transformed(e, op, _real_if(op, _inexact(e, a)), n, axis, norm))

    return rule


def _real_if(op: Op, x: Value) -> Value:
    if op is rfft and x.dtype.kind == "c":
        raise Unsupported("a real transform of complex numbers")
    return x


def hfft(
    e: Emitter, a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None
) -> Sym:
    """The rule of ``np.fft.hfft``."""
    no_out(out)
    x = conjugate(_inexact(e, a))
    return Sym(_transformed(e, irfft, x, n, axis, OTHER_WAY[norm or "backward"]))


def ihfft(
    e: Emitter, a: Any, n: Any = None, axis: Any = -1, norm: Any = None, out: Any = None
) -> Sym:
    """The rule of ``np.fft.ihfft``."""
    no_out(out)
    x = _real_if(rfft, _inexact(e, a))
    return Sym(conjugate(_transformed(e, rfft, x, n, axis, OTHER_WAY[norm or "backward"])))


def _lengths(
    e: Emitter, x: Value, s: Any, axes: Any, inverse_real: bool
) -> tuple[list[Any], list[int]]:
    """Return lengths and axes as NumPy does; a length of -1 is that of the axis."""
    del e
    if axes is None:
        axes = range(-len(s), 0) if s is not None else range(x.ndim)
    elif not isinstance(axes, Sequence):
        raise Unsupported("axes that are no sequence")
    places = [axis_argument(axis, x.ndim) for axis in axes]
    if s is None:
        lengths: list[Any] = [x.shape[at] for at in places]
        if inverse_real and lengths:
            lengths[-1] = 2 * (lengths[-1] - 1)
        return lengths, places
    lengths = [x.shape[at] if n == -1 else n for n, at in zip(s, places, strict=True)]
    return lengths, places


def _several_axes(op: Op, by_default: Any) -> Rule:
    """Return the rule of the transform of several axes, from the last to the first."""

    def rule(
        e: Emitter, a: Any, s: Any = None, axes: Any = by_default, norm: Any = None, out: Any = None
    ) -> Sym:
        no_out(out)
        x = _real_if(op, _inexact(e, a))
        lengths, places = _lengths(e, x, s, axes, op is irfft)
        if not places:
            raise Unsupported("a transform of no axis")
        last = (lengths.pop(), places.pop())
        rest = list(zip(lengths, places, strict=True))
        if op is irfft:
            for length, at in rest:
                x = _transformed(e, ifft, x, length, at, norm)
            return Sym(_transformed(e, irfft, x, *last, norm))
        x = _transformed(e, op, x, *last, norm)
        others = fft if op is rfft else op
        for length, at in reversed(rest):
            x = _transformed(e, others, x, length, at, norm)
        return Sym(x)

    return rule


def _shift(direction: int) -> Rule:
    """Return the rule of ``np.fft.fftshift`` or its inverse."""

    def rule(e: Emitter, x: Any, axes: Any = None) -> Sym:
        value = array(e, x)
        places = tuple(range(value.ndim)) if axes is None else axes
        places = places if isinstance(places, (tuple, list)) else (places,)
        halves = [floordiv(value.shape[at], 2) for at in places]
        return roll(e, Sym(value), tuple(direction * half for half in halves), tuple(places))

    return rule


RULES: dict[Any, Rule] = {
    np.fft.fft: _one_axis(fft),
    np.fft.ifft: _one_axis(ifft),
    np.fft.rfft: _one_axis(rfft),
    np.fft.irfft: _one_axis(irfft),
    np.fft.hfft: hfft,
    np.fft.ihfft: ihfft,
    np.fft.fft2: _several_axes(fft, (-2, -1)),
    np.fft.ifft2: _several_axes(ifft, (-2, -1)),
    np.fft.rfft2: _several_axes(rfft, (-2, -1)),
    np.fft.irfft2: _several_axes(irfft, (-2, -1)),
    np.fft.fftn: _several_axes(fft, None),
    np.fft.ifftn: _several_axes(ifft, None),
    np.fft.rfftn: _several_axes(rfft, None),
    np.fft.irfftn: _several_axes(irfft, None),
    np.fft.fftshift: _shift(1),
    np.fft.ifftshift: _shift(-1),
}
