"""Functions that NumPy lacks: they compute on arrays, and are recorded as NumPy's are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracegraph.ir.ops import special
from tracegraph.ir.ops.compose_reduce import logsumexp as compose_logsumexp
from tracegraph.ir.types import FLOAT32, FLOAT64
from tracegraph.numpy.arguments import array, axes_argument
from tracegraph.numpy.emit import Emitter, Sym, Unsupported
from tracegraph.numpy.reductions import inexact, kept, not_empty


def erf(x: Any) -> Any:
    """Return the error function of each element: of float32 in float32, else in float64."""
    if _is_foreign(x):
        return _hand_over(erf, x, {})
    values = np.asarray(x)
    out = special.erf(values.astype(FLOAT32 if values.dtype == FLOAT32 else FLOAT64, copy=False))
    return out if values.ndim else out[()]


def logsumexp(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Return the logarithm of the sum of exponentials over axes; it overflows nowhere."""
    if _is_foreign(a):
        return _hand_over(logsumexp, a, {"axis": axis, "keepdims": keepdims})
    top = np.max(a, axis=axis, keepdims=True)
    finite = np.where(np.isfinite(top), top, 0).astype(np.result_type(top, np.float32), copy=False)
    with np.errstate(divide="ignore"):
        total = np.sum(np.exp(a - finite), axis=axis, keepdims=True)
        out = np.log(total) + finite
    return out if keepdims else np.squeeze(out, axis)[()]


def _is_foreign(x: Any) -> bool:
    """Return whether an argument is a Tensor, or a stand-in for an array."""
    return not isinstance(x, np.generic) and type(x) is not np.ndarray and _protocol(x) is not None


def _protocol(x: Any) -> Callable[..., Any] | None:
    found: Callable[..., Any] | None = getattr(type(x), "__array_function__", None)
    return found


def _hand_over(function: Callable[..., Any], x: Any, options: dict[str, Any]) -> Any:
    """Let an argument's own class do the call, as NumPy does."""
    return x.__array_function__(function, (type(x),), (x,), options)


def erf_rule(e: Emitter, x: Any) -> Sym:
    """The rule of ``erf``."""
    value = array(e, x)
    if value.dtype.kind == "c":
        raise Unsupported("erf of complex numbers")
    return Sym(special.erf(value if value.dtype == FLOAT32 else e.cast(value, FLOAT64)))


def logsumexp_rule(e: Emitter, a: Any, axis: Any = None, keepdims: Any = False) -> Sym:
    """The rule of ``logsumexp``."""
    x = inexact(e, array(e, a))
    axes = axes_argument(axis, x.ndim)
    not_empty(e, x, axes)
    return Sym(kept(compose_logsumexp(x, axes), x, axes, keepdims))


RULES: dict[Any, Any] = {
    erf: erf_rule,
    logsumexp: logsumexp_rule,
}
