"""Random draws: the state of a generator is a value, so a draw is an operation like any other.

``draw(state, *operands)`` gives whether the results are as promised, for a guard, the state
afterwards, and the results. Draws from one generator are put in order by the states that they hand
on. Nothing happens to a generator here: whoever has one gives its state in and takes the last one.

Arguments are written as in ``numpy_call``; operands are counted without the state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tracegraph.ir.errors import DifferentiationError
from tracegraph.ir.graph import Derivative, Op, Tangent, Value
from tracegraph.ir.lowering import CALLOUT
from tracegraph.ir.ops.arithmetic import add_tangents, chain, subtract
from tracegraph.ir.ops.broadcast import batched_alike, broadcast_to, full_like
from tracegraph.ir.ops.cast import convert
from tracegraph.ir.ops.control import item
from tracegraph.ir.ops.numpy_call import Tree, argument, each_example
from tracegraph.ir.ops.structural import reshape
from tracegraph.ir.sizes import Dim
from tracegraph.ir.streams import Handle, borrow, give_back, state_size
from tracegraph.ir.streams import stream as stream_named
from tracegraph.ir.types import BOOL, FLOAT64, ArrayType, DType, Shape, TupleType, is_differentiable

STATE = np.dtype(np.uint64)
OPERANDS = ("array", "scalar", "number")
"""The forms of an argument that is an operand."""

IN_PLACE = "shuffle"
"""The method that changes its argument; as an operation it gives the new content."""

Batched = tuple[tuple[bool, ...], ...]


def _draw_type(
    *operands: ArrayType,
    stream: str,
    method: str,
    arguments: tuple[Tree, ...],
    options: tuple[tuple[str, Tree], ...],
    dtypes: tuple[DType, ...],
    shapes: tuple[Shape, ...],
    batched: Batched = (),
) -> TupleType:
    del operands, method, arguments, options
    return TupleType(tuple(_types(stream, dtypes, shapes, len(batched))))


def _types(
    stream: str, dtypes: tuple[DType, ...], shapes: tuple[Shape, ...], levels: int
) -> Iterator[ArrayType]:
    """Yield the types of the flag, of the state and of the results, the batches' sizes first."""
    batches = shapes[0][:levels]
    yield ArrayType(BOOL, batches)
    yield ArrayType(STATE, (*batches, state_size(stream)))
    yield from map(ArrayType, dtypes, shapes)


def _draw_eager(
    state: Any,
    *operands: Any,
    stream: str,
    method: str,
    arguments: tuple[Tree, ...],
    options: tuple[tuple[str, Tree], ...],
    dtypes: tuple[DType, ...],
    shapes: tuple[tuple[int, ...], ...],
    batched: Batched = (),
) -> tuple[Any, ...]:
    if batched:
        return each_example(
            _draw_eager,
            (state, *operands),
            shapes,
            batched,
            tuple(_types(stream, dtypes, shapes, len(batched))),
            stream=stream,
            method=method,
            arguments=arguments,
            options=options,
            dtypes=dtypes,
        )
    args = [argument(tree, operands) for tree in arguments]
    named = {name: argument(tree, operands) for name, tree in options}
    if method == IN_PLACE:
        args[0] = np.array(args[0])
    handle = borrow(stream)
    try:
        if handle.left_at is not state:  # as it is for the second of two draws
            handle.write(state)
        handle.left_at = None
        found = getattr(handle.owner, method)(*args, **named)
        handle.left_at = after = handle.read()
    finally:
        give_back(stream, handle)
    result = np.asarray(args[0] if method == IN_PLACE else found)
    if (result.dtype, result.shape) == (dtypes[0], shapes[0]):
        return np.True_, after, result
    return np.False_, after, np.zeros(shapes[0], dtypes[0])


def _draw_batch(
    operands: Sequence[Value],
    flags: Sequence[bool],
    size: Dim,
    *,
    shapes: tuple[Shape, ...],
    batched: Batched = (),
    **attrs: Any,
) -> Any:
    """Return the batch of each result: each example draws from its own state."""
    whole = draw(
        *operands,
        shapes=tuple((size, *shape) for shape in shapes),
        batched=(tuple(flags), *batched),
        **attrs,
    )
    return [item(whole, index=k) for k in range(3)]


# -- derivatives --------------------------------------------------------------------------------

SCALED: dict[str, tuple[str | None, str | None]] = {
    "normal": ("loc", "scale"),
    "laplace": ("loc", "scale"),
    "logistic": ("loc", "scale"),
    "gumbel": ("loc", "scale"),
    "exponential": (None, "scale"),
    "rayleigh": (None, "scale"),
    "gamma": (None, "scale"),
    "uniform": ("low", "high"),
}
"""Methods whose draw is ``location + scale * z`` of a draw ``z`` that depends on neither; that of
``uniform`` is ``low + (high - low) * z``."""

PARAMETERS: dict[str, tuple[str, ...]] = {
    "exponential": ("scale", "size"),
    "rayleigh": ("scale", "size"),
    "gamma": ("shape", "scale", "size"),
    "uniform": ("low", "high", "size"),
}
"""The names of the parameters; ``loc``, ``scale``, ``size`` for the others."""


def _draw_jvp(
    primals: Sequence[Value],
    tangents: Sequence[Tangent],
    out: Value,
    *,
    method: str,
    arguments: tuple[Tree, ...],
    options: tuple[tuple[str, Tree], ...],
    **attrs: Any,
) -> Any:
    """Return the tangents of flag, state and result.

    The standard draw ``z`` is drawn again, from the same state: so the draw itself stays NumPy's.
    """
    if not is_differentiable(attrs["dtypes"][0]):
        return [None, None, None]
    names = PARAMETERS.get(method, ("loc", "scale", "size"))
    given = {**dict(zip(names, arguments, strict=False)), **dict(options)}
    moved = {
        name: tangents[1 + tree[1]]
        for name, tree in given.items()
        if tree[0] in OPERANDS and tangents[1 + tree[1]] is not None
    }
    location, scale = SCALED.get(method, (None, None))
    is_all = len(moved) == sum(tangent is not None for tangent in tangents)
    if not is_all or not moved.keys() <= {location, scale} or attrs.get("batched"):
        raise DifferentiationError(_no_derivative(method, out))
    result = ArrayType(FLOAT64, attrs["shapes"][0])
    z = _standard_draw(primals, {**given, "size": ("value", result.shape)}, method, attrs)
    factors: dict[str | None, Value | None] = {location: None, scale: z}
    if method == "uniform":
        factors = {location: subtract(full_like(z, 1), z), scale: z}
    total: Tangent = None
    for name, tangent in moved.items():
        assert tangent is not None
        wide, factor = _spread(convert(tangent, FLOAT64), result.shape), factors[name]
        total = add_tangents(total, wide if factor is None else chain(wide, factor))
    return [None, None, total]


def _standard_draw(
    primals: Sequence[Value], given: Mapping[str, Tree], method: str, attrs: Mapping[str, Any]
) -> Value:
    """Return a draw from the same state with location zero and scale one."""
    location, scale = SCALED[method]
    standard: dict[str | None, Tree] = {location: ("value", 0.0), scale: ("value", 1.0)}
    needed: list[Value] = []
    trees = {**given, **{name: tree for name, tree in standard.items() if name}}
    options = tuple([(n, _renumbered(t, primals[1:], needed)) for n, t in sorted(trees.items())])
    whole = draw(primals[0], *needed, method=method, arguments=(), options=options, **attrs)
    found: Value = item(whole, index=2)
    return found


def _renumbered(tree: Tree, operands: Sequence[Value], needed: list[Value]) -> Tree:
    """Return an argument for the operands that are needed, and add those that it needs."""
    kind, content = tree
    if kind in OPERANDS:
        needed.append(operands[content])
        return kind, len(needed) - 1
    if kind in ("tuple", "list", "slice"):
        return kind, tuple([_renumbered(one, operands, needed) for one in content])
    return tree


def _spread(x: Value, shape: Shape) -> Value:
    """Return a parameter's tangent spread over the shape of the result by NumPy's rules."""
    offset = len(shape) - x.ndim
    kept = [a for a, dim in enumerate(x.shape) if dim != 1 or shape[offset + a] == 1]
    if len(kept) < x.ndim:
        x = reshape(x, shape=tuple(x.shape[a] for a in kept))
    spread: Value = broadcast_to(x, shape=shape, axes=tuple(offset + a for a in kept))
    return spread


def _no_derivative(method: str, out: Value) -> str:
    place = f" ({out.node.site})" if out.node.site else ""
    instead = "draw with standard_normal or random, and compute the rest with NumPy"
    if method in ("choice", "permutation", "permuted", IN_PLACE):
        instead = "draw the indices, and index the array with them"
    return f"the draw {method!r} has no derivative by what it is given here{place}; {instead}"


draw: Op = Op(
    name="draw",
    type_rule=_draw_type,
    eager=_draw_eager,
    lower=CALLOUT,
    jvp=_draw_jvp,
    transpose=None,
    batch=_draw_batch,
)
"""``draw(state, *operands, stream=, method=, arguments=, options=, dtypes=, shapes=)``."""


# -- seeding ------------------------------------------------------------------------------------


def _seed_type(
    *operands: ArrayType, stream: str, arguments: tuple[Tree, ...], batched: tuple[Dim, ...] = ()
) -> ArrayType:
    del operands, arguments
    return ArrayType(STATE, (*batched, state_size(stream)))


def _seed_eager(
    *operands: Any, stream: str, arguments: tuple[Tree, ...], batched: tuple[int, ...] = ()
) -> Any:
    if batched:
        states = [
            _seed_eager(*each, stream=stream, arguments=arguments, batched=batched[1:])
            for each in zip(*operands, strict=True)
        ]
        return np.array(states, STATE).reshape(*batched, state_size(stream))
    seed = [argument(tree, operands) for tree in arguments]
    return Handle(stream_named(stream).new(*seed)).read()


def _seed_batch(
    operands: Sequence[Value],
    flags: Sequence[bool],
    size: Dim,
    *,
    batched: tuple[Dim, ...] = (),
    **attrs: Any,
) -> Value:
    whole = batched_alike(operands, flags, size)
    seeded: Value = seed(*whole, batched=(size, *batched), **attrs)
    return seeded


seed: Op = Op(
    name="seed",
    type_rule=_seed_type,
    eager=_seed_eager,
    lower=CALLOUT,
    jvp=Derivative.ZERO,
    transpose=None,
    batch=_seed_batch,
)
"""``seed(*operands, stream=, arguments=)``: the state of a newly seeded generator."""

OPS = (draw, seed)
