"""NumPy functions that are recorded as calls of themselves: pure, of arrays, giving new arrays.

They compile, and run NumPy's own kernel between native code. What such a call gave when it was
recorded, dtypes and shapes, holds for the trace: a call that gives something else runs eagerly.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.control import item
from tracegraph.ir.ops.numpy_call import Tree, numpy_call
from tracegraph.ir.record import record
from tracegraph.ir.sizes import Size
from tracegraph.ir.types import is_supported
from tracegraph.numpy.emit import Emitter, Sym, Unsupported

FUNCTIONS = """
    argpartition argsort argwhere array_equiv bartlett bincount bitwise_count blackman block choose
    compress convolve corrcoef correlate cov cumulative_prod cumulative_sum delete diag_indices
    diag_indices_from diagflat digitize ediff1d extract flatnonzero frexp gcd geomspace hamming
    hanning histogram histogram2d histogram_bin_edges i0 insert interp intersect1d iscomplex isin
    isreal kaiser lcm ldexp lexsort logspace matvec median nanargmax nanargmin nancumprod nancumsum
    nanmax nanmean nanmedian nanmin nanpercentile nanprod nanquantile nanstd nansum nanvar nonzero
    packbits partition percentile poly polyadd polydiv polyfit polyint polymul polysub quantile
    ravel_multi_index resize roots searchsorted select setdiff1d setxor1d sort sort_complex spacing
    tril_indices tril_indices_from triu_indices triu_indices_from union1d unique unique_all
    unique_counts unique_inverse unique_values unpackbits unravel_index unwrap vander vecmat
    c_.__getitem__ mgrid.__getitem__ ogrid.__getitem__ r_.__getitem__

    linalg.cholesky linalg.cond linalg.cross linalg.det linalg.eig linalg.eigh linalg.eigvals
    linalg.eigvalsh linalg.inv linalg.lstsq linalg.matrix_power linalg.matrix_rank linalg.multi_dot
    linalg.pinv linalg.qr linalg.slogdet linalg.solve linalg.svd linalg.svdvals linalg.tensorinv
    linalg.tensorsolve linalg.trace linalg.vecdot

    fft.fft fft.fft2 fft.fftfreq fft.fftn fft.fftshift fft.hfft fft.ifft fft.ifft2 fft.ifftn
    fft.ifftshift fft.ihfft fft.irfft fft.irfft2 fft.irfftn fft.rfft fft.rfft2 fft.rfftfreq
    fft.rfftn
""".split()
"""The functions by their names below ``numpy``; those that the installed NumPy lacks are left out.

None of them changes an argument, calls a function that it is given or reads anything else.
"""

CHANGING = ("overwrite_input", "out")
"""Options by which they would change an argument after all."""

Results = Sequence[Any]


@record
class NumpyCall:
    """The rule of such a function; it needs to see what the function gave."""

    function: str

    def note(
        self, e: Emitter, results: Results, operands: Sequence[Any], options: dict[str, Any]
    ) -> list[Value]:
        """Add the call to the graph; return the values of its results."""
        if any(options.get(name) for name in CHANGING):
            raise Unsupported("it is told to change an argument; leave that to assignments")
        found: list[Value] = []
        arguments = tuple([_tree(x, found) for x in operands])
        named = tuple([(name, _tree(x, found)) for name, x in sorted(options.items())])
        if any(isinstance(dim, Size) for value in found for dim in value.shape):
            raise Unsupported("the shape of its result is known for known sizes only")
        arrays = [_result(each) for each in results]
        attrs = {
            "function": self.function,
            "arguments": arguments,
            "options": named,
            "dtypes": tuple([array.dtype for array in arrays]),
            "shapes": tuple([array.shape for array in arrays]),
        }
        whole = e.builder.emit(numpy_call, found, attrs)
        likeness = repr([(array.dtype.str, array.shape) for array in arrays])
        e.guard(item(whole, index=0), True, likeness.encode())
        return [item(whole, index=1 + k) for k in range(len(arrays))]


def sort_in_place(e: Emitter, x: Any, axis: int = -1, kind: Any = None, order: Any = None) -> Sym:
    """Return the content of an array after its method ``sort``."""
    if type(axis) is not int or order is not None:
        raise Unsupported("an axis that is no number; give an int")
    return _rearranged(e, x, "sort", axis, kind)


def partition_in_place(
    e: Emitter, x: Any, kth: Any, axis: int = -1, kind: Any = "introselect", order: Any = None
) -> Sym:
    """Return the content of an array after its method ``partition``."""
    if type(axis) is not int or type(kth) not in (int, tuple) or order is not None:
        raise Unsupported("a place or an axis that is no number; give ints")
    return _rearranged(e, x, "partition", kth, axis, kind)


def _rearranged(e: Emitter, x: Any, function: str, *given: Any) -> Sym:
    attrs = {
        "function": function,
        "arguments": (("array", 0), *(("value", each) for each in given)),
        "options": (),
        "dtypes": (x.dtype,),
        "shapes": (x.shape,),
    }
    return Sym(item(e.builder.emit(numpy_call, (x.value,), attrs), index=1))


def _tree(x: Any, operands: list[Value]) -> Tree:
    """Return an argument as the attributes of the operation have it; values become operands."""
    if isinstance(x, Sym):
        operands.append(x.value)
        kind = "number" if x.weak is not None else "scalar" if x.scalar else "array"
        return kind, len(operands) - 1
    if type(x) in (tuple, list):
        return type(x).__name__, tuple([_tree(each, operands) for each in x])
    if type(x) is slice:
        return "slice", tuple([_tree(each, operands) for each in (x.start, x.stop, x.step)])
    if x is None or type(x) in (bool, int, float, complex, str, Size):
        return "value", x
    if isinstance(x, np.generic) and is_supported(x.dtype):
        return "value", x
    if isinstance(x, (type, np.dtype)) and is_supported(np.dtype(x)):
        return "value", np.dtype(x)
    raise Unsupported(f"an argument of type {type(x).__name__} is not supported")


def _result(one: Any) -> np.ndarray[Any, Any]:
    array = np.asarray(one)
    plain = type(one) is np.ndarray or isinstance(one, (np.generic, bool, int, float, complex))
    if not plain or not is_supported(array.dtype) or not array.flags.writeable:
        raise Unsupported(f"a result of type {type(one).__name__} is not supported")
    return array


def shares_memory(results: Results, arguments: Sequence[np.ndarray[Any, Any]]) -> bool:
    """Return whether a result looks at memory of an argument, or of another result.

    A result may be an argument itself, or be given twice.
    """
    known = {id(each) for each in arguments}
    arrays = {id(each): each for each in results if isinstance(each, np.ndarray)}
    new = [each for key, each in arrays.items() if key not in known]
    pairs = [(one, other) for k, one in enumerate(new) for other in new[:k]]
    return any(np.may_share_memory(a, b) for a in new for b in arguments) or any(
        np.may_share_memory(a, b) and np.shares_memory(a, b) for a, b in pairs
    )


def _rules() -> Iterator[tuple[Any, NumpyCall]]:
    for name in FUNCTIONS:
        try:
            yield operator.attrgetter(name)(np), NumpyCall(name)
        except AttributeError:  # an older NumPy
            continue


RULES: dict[Any, Any] = dict(_rules())
