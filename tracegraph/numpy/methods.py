"""Methods and attributes of arrays, by name. They differ from the functions in their signatures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tracegraph.numpy import (
    callouts,
    functions,
    joining,
    linalg,
    manipulation,
    masks,
    reductions,
    selecting,
    sorting,
    writing,
)
from tracegraph.numpy.arguments import any_order, dtype_argument, integer, reshaped
from tracegraph.numpy.emit import Emitter, Sym, Unsupported
from tracegraph.numpy.indexing import getitem, setitem
from tracegraph.numpy.ufuncs import RULES as UFUNCS

Rule = Callable[..., Any]

PYTHON_TYPES: dict[str, type] = {
    "b": bool, "i": int, "u": int, "f": float, "c": complex,
}  # fmt: skip
"""The Python type that an element of a kind of dtype becomes."""


def reshape(e: Emitter, x: Sym, *shape: Any, order: Any = "C", copy: Any = None) -> Sym:
    """The rule of ``x.reshape``."""
    wanted = shape[0] if len(shape) == 1 else shape
    return manipulation.reshape(e, x, wanted, order, copy=copy)


def transpose(e: Emitter, x: Sym, *axes: Any) -> Sym:
    """The rule of ``x.transpose``."""
    return manipulation.transpose(
        e, x, axes[0] if len(axes) == 1 and _is_group(axes[0]) else axes or None
    )


def _is_group(x: Any) -> bool:
    return x is None or isinstance(x, (tuple, list))


def astype(
    e: Emitter,
    x: Sym,
    dtype: Any,
    order: Any = "K",
    casting: Any = "unsafe",
    subok: Any = True,
    copy: Any = True,
) -> Sym:
    """The rule of ``x.astype``."""
    del casting, subok  # NumPy has checked them
    any_order(order)
    wanted = dtype_argument(dtype) or np.dtype(float)
    return Sym(e.cast(x.value, wanted), fresh=bool(copy))


def copy(e: Emitter, x: Sym, order: Any = "C") -> Sym:
    """The rule of ``x.copy``."""
    del e
    any_order(order)
    return Sym(x.value, fresh=True)


def item(e: Emitter, x: Sym, *index: Any) -> Sym:
    """The rule of ``x.item``: a Python number."""
    if not index:
        e.must_equal(x.shape, (1,) * x.ndim)
        value = reshaped(x.value, ())
    elif len(index) == x.ndim or isinstance(index[0], tuple):
        value = getitem(e, x, index if len(index) == x.ndim else index[0]).value
    else:
        value = getitem(e, manipulation.ravel(e, x), integer(index[0], "an index")).value
    if value.dtype == np.dtype("uint64"):
        raise Unsupported("a uint64 as a Python int; cast it to int64")
    return Sym(
        e.cast(value, np.dtype(PYTHON_TYPES[value.dtype.kind])), PYTHON_TYPES[value.dtype.kind]
    )


def fill(e: Emitter, x: Sym, value: Any) -> Sym:
    """The rule of ``x.fill``: the new content of x."""
    return setitem(e, x, Ellipsis, value)


def view(e: Emitter, x: Sym, dtype: Any = None, type: Any = None) -> Sym:
    """The rule of ``x.view``: the same elements."""
    del e
    kinds = [kind for kind in (dtype, type) if kind is not None]
    if any(kind is not np.ndarray and np.dtype(kind) != x.dtype for kind in kinds):
        raise Unsupported("bits that are looked at as another dtype; use astype, or view outside")
    return Sym(x.value)


def clip(
    e: Emitter, x: Sym, min: Any = None, max: Any = None, out: Any = None, **options: Any
) -> Sym:
    """The rule of ``x.clip``."""
    return functions.clip(e, x, min, max, out, **options)


def compress(e: Emitter, x: Sym, condition: Any, axis: Any = None, out: Any = None) -> Sym:
    """The rule of ``x.compress``."""
    return masks.compress(e, condition, x, axis, out)


def conjugate(e: Emitter, x: Sym) -> Sym:
    """The rule of ``x.conj``: a real array itself."""
    result: Sym = UFUNCS[np.conjugate](e, x) if x.dtype.kind == "c" else Sym(x.value)
    return result


def matrix_transpose(e: Emitter, x: Sym) -> Sym:
    """The rule of ``x.mT``."""
    return manipulation.swapaxes(e, x, -1, -2)


METHODS: dict[str, Rule | callouts.NumpyCall] = {
    "all": reductions.all_rule,
    "any": reductions.any_rule,
    "argmax": reductions.argmax_rule,
    "argmin": reductions.argmin_rule,
    "argpartition": sorting.RULES[np.argpartition],
    "argsort": sorting.RULES[np.argsort],
    "astype": astype,
    "choose": callouts.NumpyCall("choose"),
    "clip": clip,
    "compress": compress,
    "conj": conjugate,
    "conjugate": conjugate,
    "copy": copy,
    "cumprod": reductions.cumprod_rule,
    "cumsum": reductions.cumsum_rule,
    "diagonal": selecting.diagonal,
    "dot": linalg.RULES[np.dot],
    "fill": fill,
    "flatten": manipulation.flatten,
    "item": item,
    "max": reductions.max_rule,
    "mean": reductions.mean_rule,
    "min": reductions.min_rule,
    "nonzero": masks.nonzero,
    "prod": reductions.prod_rule,
    "put": writing.put,
    "ravel": manipulation.ravel,
    "repeat": joining.repeat,
    "reshape": reshape,
    "round": functions.round_,
    "searchsorted": sorting.RULES[np.searchsorted],
    "sort": sorting.sort_rule,
    "partition": sorting.RULES[np.partition],
    "squeeze": manipulation.squeeze,
    "std": reductions.std_rule,
    "sum": reductions.sum_rule,
    "swapaxes": manipulation.swapaxes,
    "take": selecting.take,
    "trace": selecting.trace,
    "transpose": transpose,
    "var": reductions.var_rule,
    "view": view,
}
WRITING_METHODS = frozenset({"fill", "partition", "put", "sort"})
"""Methods whose rule returns the new content of the array."""

VIEW_ATTRIBUTES: dict[str, Rule] = {
    "T": manipulation.transpose,
    "mT": matrix_transpose,
    "real": functions.real_part,
    "imag": functions.imaginary_part,
}
