"""NumPy functions that are recorded as calls of themselves: pure, of arrays, giving new arrays.

They compile, and run NumPy's own kernel between native code. What such a call gave when it was
recorded, dtypes and shapes, holds for the trace: a call that gives something else runs eagerly.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from tracegraph.ir.graph import Value, attrs_key
from tracegraph.ir.ops.control import item
from tracegraph.ir.ops.numpy_call import Tree, numpy_call
from tracegraph.ir.record import record
from tracegraph.ir.size_values import hint
from tracegraph.ir.sizes import Size
from tracegraph.ir.types import ArrayType, Shape, is_supported
from tracegraph.numpy.emit import Emitter, Sym, Unsupported

FUNCTIONS = """
    argpartition argsort array_equiv bartlett bincount bitwise_count blackman block choose
    convolve corrcoef correlate cov cumulative_prod cumulative_sum delete diagflat digitize
    ediff1d frexp gcd hamming hanning histogram histogram2d histogram_bin_edges
    i0 insert interp intersect1d iscomplex isin isreal kaiser lcm ldexp lexsort logspace matvec
    median nanargmax nanargmin nancumprod nancumsum nanmax nanmean nanmedian nanmin nanpercentile
    nanprod nanquantile nanstd nansum nanvar packbits partition percentile poly polyadd
    polyint polymul polysub quantile ravel_multi_index roots searchsorted select setdiff1d setxor1d
    sort spacing tril_indices tril_indices_from triu_indices triu_indices_from union1d unique
    unique_all unique_counts unique_inverse unique_values unpackbits unravel_index unwrap vander
    vecmat c_.__getitem__ mgrid.__getitem__ ogrid.__getitem__ r_.__getitem__

    linalg.cholesky linalg.cond linalg.cross linalg.det linalg.eig linalg.eigh linalg.eigvals
    linalg.eigvalsh linalg.inv linalg.lstsq linalg.matrix_power linalg.multi_dot linalg.pinv
    linalg.qr linalg.slogdet linalg.solve linalg.svd linalg.svdvals linalg.tensorinv
    linalg.tensorsolve linalg.trace

    fft.fft fft.fft2 fft.fftfreq fft.fftn fft.fftshift fft.hfft fft.ifft fft.ifft2 fft.ifftn
    fft.ifftshift fft.ihfft fft.irfft fft.irfft2 fft.irfftn fft.rfft fft.rfft2 fft.rfftfreq
    fft.rfftn
""".split()
"""The functions by their names below ``numpy``; those that the installed NumPy lacks are left out.

None of them changes an argument, calls a function that it is given or reads anything else.
"""

UFUNC_METHODS = [
    f"{name}.{method}"
    for name, ufunc in vars(np).items()
    if isinstance(ufunc, np.ufunc) and name == ufunc.__name__ and ufunc.signature is None
    if (ufunc.nin, ufunc.nout) == (2, 1)
    for method in ("reduce", "accumulate", "reduceat", "outer")
]
"""The methods of ufuncs, likewise."""

CHANGING = ("overwrite_input", "out")
"""Options by which they would change an argument after all."""

LENGTH_DEPENDS_ON_DATA = frozenset(
    """
    bincount delete digitize histogram_bin_edges intersect1d
    poly polyadd polymul polysub roots setdiff1d setxor1d union1d unique unique_all
    unique_counts unique_inverse unique_values linalg.eig linalg.eigvals linalg.lstsq
    """.split()
)
"""Functions whose results' shapes or dtypes an example of their arguments does not tell."""

COUNTED = {
    "intersect1d": "ccc", "setdiff1d": "c", "setxor1d": "c", "union1d": "c",
    "unique": "c", "unique_all": "ccic", "unique_counts": "cc", "unique_inverse": "ci",
    "unique_values": "c",
}  # fmt: skip
"""Functions that count: which of their results have the counted length (c), or that of the argument
(i). One trace serves all counts."""

UNIQUE_OPTIONS = ("return_index", "return_inverse", "return_counts", "axis")

Results = Sequence[Any]


@record
class NumpyCall:
    """The rule of such a function; it needs to see what the function gave."""

    function: str
    can_write = False
    writes_first = False

    def note(
        self,
        e: Emitter,
        results: Results,
        operands: Sequence[Any],
        options: dict[str, Any],
        *,
        guess: bool = False,
    ) -> list[Value]:
        """Add the call to the graph; return the values of its results.

        Parameters
        ----------
        guess : bool
            Whether ``results`` are those of examples, as inside vmap.
        """
        if guess and self.function in LENGTH_DEPENDS_ON_DATA:
            raise Unsupported(
                "its result is not known before it is called; call it on the whole batch, with its "
                "axis argument where it has one"
            )
        if any(options.get(name) for name in CHANGING):
            raise Unsupported("it is told to change an argument; leave that to assignments")
        found: list[Value] = []
        arguments = tuple([tree_of(x, found) for x in operands])
        named = tuple([(name, tree_of(x, found)) for name, x in sorted(options.items())])
        arrays = [result_of(each) for each in results]
        key = (self.function, arguments, named, *(value.node for value in found))
        shapes = self._counted_shapes(e, key, arrays, operands, options)
        if shapes is None:
            if any(isinstance(dim, Size) for value in found for dim in value.shape):
                raise Unsupported("the shape of its result is known for known sizes only")
            shapes = tuple([array.shape for array in arrays])
        attrs = {
            "function": self.function,
            "arguments": arguments,
            "options": named,
            "dtypes": tuple([array.dtype for array in arrays]),
            "shapes": shapes,
        }
        whole = e.builder.emit(numpy_call, found, attrs)
        likeness = repr([(a.dtype.str, shape) for a, shape in zip(arrays, shapes, strict=True)])
        e.guard(item(whole, index=0), True, likeness.encode())
        return [item(whole, index=1 + k) for k in range(len(arrays))]

    def _counted_shapes(
        self, e: Emitter, key: Any, arrays: Results, operands: Sequence[Any], options: Any
    ) -> tuple[Shape, ...] | None:
        """Return the shapes of results that are counted, None where they are not."""
        kinds = COUNTED.get(self.function)
        if self.function == "unique":
            given = dict(zip(UNIQUE_OPTIONS, operands[1:], strict=False)) | options
            if given.get("axis") is not None:
                return None
            kinds = "c" + "".join(
                kind for kind, name in zip("cic", UNIQUE_OPTIONS, strict=False) if given.get(name)
            )
        if kinds is None or not operands or not isinstance(operands[0], Sym):
            return None
        count = e.counted(attrs_key(key), len(arrays[0]))
        shapes = {"c": (count,), "i": operands[0].shape}
        return tuple([shapes[kind] for kind in kinds[: len(arrays)]])


def tree_of(x: Any, operands: list[Value]) -> Tree:
    """Return an argument as the attributes of the operation have it; values become operands."""
    if isinstance(x, Sym):
        operands.append(x.value)
        kind = "number" if x.weak is not None else "scalar" if x.scalar else "array"
        return kind, len(operands) - 1
    if type(x) in (tuple, list):
        return type(x).__name__, tuple([tree_of(each, operands) for each in x])
    if type(x) is slice:
        return "slice", tuple([tree_of(each, operands) for each in (x.start, x.stop, x.step)])
    if x is None or type(x) in (bool, int, float, complex, str, Size):
        return "value", x
    if isinstance(x, np.generic) and is_supported(x.dtype):
        return "value", x
    if isinstance(x, (type, np.dtype)) and is_supported(np.dtype(x)):
        return "value", np.dtype(x)
    raise Unsupported(f"an argument of type {type(x).__name__} is not supported")


def result_of(one: Any) -> np.ndarray[Any, Any]:
    """Return a result as an array, where it is one that the graph can have."""
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
    for name in (*FUNCTIONS, *UFUNC_METHODS):
        try:
            yield operator.attrgetter(name)(np), NumpyCall(name)
        except AttributeError:  # an older NumPy
            continue


RULES: dict[Any, NumpyCall] = dict(_rules())


def example_of(type: ArrayType) -> np.ndarray[Any, Any]:
    """Return an array that functions of any kind take: ones, and matrices of full rank.

    Square ones are positive definite, also those that stand in more than two axes.
    """
    # A length that depends on data has no value: 1 fits whatever it meets.
    shape = tuple(1 if (known := hint(dim)) is None else known for dim in type.shape)
    example = np.ones(shape, type.dtype)
    if type.dtype.kind not in "fc" or example.ndim < 2:
        return example
    rows, columns = example.shape[-2:]
    side = math.isqrt(example.size)
    if rows != columns and side**2 == example.size:
        example += side * np.eye(side, dtype=type.dtype).reshape(example.shape)
    else:
        example += rows * np.eye(rows, columns, dtype=type.dtype)
    return example
