"""Calls of NumPy functions that have no native form.

The graph says what such a call gave when it was recorded: dtypes and shapes are attributes. The
first result is whether it gave the like again, for a guard; where it did not, the others are zeros.

The arguments are written as a tree: ``("array", 0)`` is operand 0, ``("scalar", 0)`` the NumPy
scalar and ``("number", 0)`` the Python number that it holds, ``("tuple", (...))`` and
``("list", (...))`` hold trees, ``("slice", (...))`` three of them, ``("value", x)`` is x.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from tracegraph.ir.errors import AbstractValueError, DifferentiationError
from tracegraph.ir.graph import Op, Value
from tracegraph.ir.lowering import CALLOUT
from tracegraph.ir.ops.control import item
from tracegraph.ir.sizes import Dim, Size
from tracegraph.ir.types import BOOL, ArrayType, DType, Shape, TupleType, is_differentiable

Tree = tuple[str, Any]


def _call_type(
    *operands: ArrayType,
    function: str,
    arguments: tuple[Tree, ...],
    options: tuple[tuple[str, Tree], ...],
    dtypes: tuple[DType, ...],
    shapes: tuple[Shape, ...],
    batched: tuple[tuple[bool, ...], ...] = (),
) -> TupleType:
    del operands, function, arguments, options
    return TupleType(tuple(_types(dtypes, shapes, len(batched))))


def _types(
    dtypes: tuple[DType, ...], shapes: tuple[Shape, ...], levels: int
) -> Iterator[ArrayType]:
    """Yield the types of the flag and of the results, the batches' sizes first in all shapes."""
    yield ArrayType(BOOL, shapes[0][:levels])
    yield from map(ArrayType, dtypes, shapes)


def _call_eager(
    *operands: Any,
    function: str,
    arguments: tuple[Tree, ...],
    options: tuple[tuple[str, Tree], ...],
    dtypes: tuple[DType, ...],
    shapes: tuple[tuple[int, ...], ...],
    batched: tuple[tuple[bool, ...], ...] = (),
) -> tuple[Any, ...]:
    if not batched:
        args = [argument(tree, operands) for tree in arguments]
        named = {name: argument(tree, operands) for name, tree in options}
        found = operator.attrgetter(function)(np)(*args, **named)
        results = found if isinstance(found, (tuple, list)) else (found,)
        pairs = zip(map(np.asarray, results), dtypes, shapes, strict=True)
        if all(one.dtype == dtype and _has_shape(one, shape) for one, dtype, shape in pairs):
            return np.True_, *results
        none = [tuple(0 if isinstance(n, Size) else n for n in shape) for shape in shapes]
        return np.False_, *map(np.zeros, none, dtypes)
    return each_example(
        _call_eager,
        operands,
        shapes,
        batched,
        tuple(_types(dtypes, shapes, len(batched))),
        function=function,
        arguments=arguments,
        options=options,
        dtypes=dtypes,
    )


def _has_shape(array: Any, shape: Shape) -> bool:
    """Return whether an array has a shape, of which lengths that are counted may be any."""
    pairs = zip(array.shape, shape, strict=False)
    return array.ndim == len(shape) and all(isinstance(n, Size) or n == m for m, n in pairs)


def each_example(
    eager: Callable[..., Any],
    operands: Sequence[Any],
    shapes: tuple[tuple[int, ...], ...],
    batched: tuple[tuple[bool, ...], ...],
    types: Sequence[ArrayType],
    **attrs: Any,
) -> tuple[Any, ...]:
    """Compute one example of a batch after the other; ``types`` are those of all results."""
    flags, inner = batched[0], batched[1:]
    results = [
        eager(
            *(x[k] if flag else x for x, flag in zip(operands, flags, strict=True)),
            shapes=tuple(shape[1:] for shape in shapes),
            batched=inner,
            **attrs,
        )
        for k in range(shapes[0][0])
    ]
    if not results:
        return tuple(np.empty(t.shape, t.dtype) for t in types)
    return tuple(map(np.stack, zip(*results, strict=True)))


def argument(tree: Tree, operands: Sequence[Any]) -> Any:
    """Return what a tree stands for."""
    kind, content = tree
    if kind == "value":
        return content
    if kind == "tuple":
        return tuple(argument(one, operands) for one in content)
    if kind == "list":
        return [argument(one, operands) for one in content]
    if kind == "slice":
        return slice(*(argument(one, operands) for one in content))
    array = np.asarray(operands[content])
    if kind == "scalar":
        return array[()]
    return array.item() if kind == "number" else array


def _call_jvp(
    primals: Sequence[Value], tangents: Any, out: Any, *, function: str, **attrs: Any
) -> Any:
    """Return the tangent of each result: all are zero, or there is no rule."""
    del primals, tangents
    if any(map(is_differentiable, attrs["dtypes"])):
        place = f" ({out.node.site})" if out.node.site else ""
        raise DifferentiationError(
            f"numpy.{function} has no derivative here{place}; write it with functions that have "
            "one, or give it what does not depend on the differentiated argument"
        )
    return [None] * (1 + len(attrs["dtypes"]))


def _call_batch(
    operands: Sequence[Value],
    flags: Sequence[bool],
    size: Dim,
    *,
    shapes: tuple[Shape, ...],
    batched: tuple[tuple[bool, ...], ...] = (),
    **attrs: Any,
) -> Any:
    """Return the batch of each result."""
    if any(isinstance(dim, Size) for shape in shapes for dim in shape):
        raise AbstractValueError(
            f"numpy.{attrs['function']} gives as many elements as data decides, another number for "
            "each example of a batch: call it on single examples"
        )
    whole = numpy_call(
        *operands,
        shapes=tuple((size, *shape) for shape in shapes),
        batched=(tuple(flags), *batched),
        **attrs,
    )
    return [item(whole, index=k) for k in range(1 + len(shapes))]


numpy_call: Op = Op(
    name="numpy_call",
    type_rule=_call_type,
    eager=_call_eager,
    lower=CALLOUT,
    jvp=_call_jvp,
    transpose=None,
    batch=_call_batch,
    counts="shapes",
)
"""``numpy_call(*operands, function=, arguments=, options=, dtypes=, shapes=)``: a call of NumPy."""

OPS = (numpy_call,)
