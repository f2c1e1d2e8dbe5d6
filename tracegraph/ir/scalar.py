"""The scalar language: straight-line programs on single elements, the target of every lowering.

A program is a graph of ``Scalar`` nodes; the ``ScalarBuilder`` shares equal ones. Operands have one
dtype unless the table says otherwise. Code generation turns it into vectors; before that complex
numbers become pairs of floats, and ``mathlib`` replaces the elementary functions by arithmetic.

=====================  =============================================================================
arithmetic             add subtract multiply negative absolute, integers wrap
float                  divide sqrt fma floor ceil trunc rint copysign fmod
integer                floor_divide remainder: NumPy's answers on every input, 0 divisors included
bits                   bitwise_and bitwise_or bitwise_xor invert; left_shift right_shift with
                       NumPy's answers past the width; shl lshr ashr for shifts inside it
order                  maximum minimum: NaN wins, signed zeros as NumPy's; equal not_equal less
                       less_equal greater greater_equal give bool
choice                 select(bool, a, b)
conversion             cast: NumPy's ``astype``; bitcast: the same bits in another dtype
complex                real imag conjugate; complex(float, float); COMPLEX names what else takes
                       complex numbers: NumPy's answers, NaN and infinite parts included
elementary             exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan arctan2
                       sinh cosh tanh arcsinh arccosh arctanh erf power cbrt
leaves                 const; size: the value of a symbolic integer as i64; load; result of a fold
``slow_path``          (bool, fast, *args): where the bool holds, the C library's function ``name``
                       of ``args`` instead of ``fast``, in a cold block
``shortcut``           (bool, short, full): ``full``; where the bool holds ``short`` is the same
                       and a lone scalar does not wait for more
=====================  =============================================================================
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tracegraph.ir.errors import GraphError
from tracegraph.ir.record import record
from tracegraph.ir.sizes import Dim, Size, Symbol, symbol
from tracegraph.ir.types import BOOL, INT64, PART, SHORT_NAMES, WHOLE, DType

ELEMENTARY = frozenset(
    "exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan arctan2 sinh cosh tanh "
    "arcsinh arccosh arctanh erf power cbrt".split()
)
FLOAT_ONLY = ELEMENTARY | frozenset("divide sqrt fma floor ceil trunc rint copysign fmod".split())
INTEGER_ONLY = frozenset("floor_divide remainder left_shift right_shift shl lshr ashr".split())
BITWISE = frozenset("bitwise_and bitwise_or bitwise_xor invert".split())
ANY_NUMBER = frozenset("add subtract multiply negative absolute maximum minimum".split())
COMPARE = frozenset("equal not_equal less less_equal greater greater_equal".split())
PARTS = frozenset("real imag conjugate".split())
COMPLEX = COMPARE | frozenset(
    "add subtract multiply divide negative maximum minimum exp expm1 log log1p log2 log10 "
    "sqrt power sin cos tan sinh cosh tanh".split()
)
"""Operations that take complex numbers besides floats."""
ARITY = {
    **dict.fromkeys(FLOAT_ONLY | INTEGER_ONLY | BITWISE | ANY_NUMBER | COMPARE, 2),
    **dict.fromkeys(ELEMENTARY - {"arctan2", "power"}, 1),
    **dict.fromkeys("negative absolute sqrt floor ceil trunc rint invert".split(), 1),
    **dict.fromkeys(PARTS, 1),
    "fma": 3,
    "complex": 2,
}
_KINDS = {
    **dict.fromkeys(FLOAT_ONLY, "f"),
    **dict.fromkeys(INTEGER_ONLY, "iu"),
    **dict.fromkeys(BITWISE, "biu"),
    **dict.fromkeys(ANY_NUMBER, "iuf"),
    **dict.fromkeys(COMPARE | {"maximum", "minimum"}, "biuf"),
    **dict.fromkeys(PARTS, "c"),
    "complex": "f",
}
KINDS = {op: kinds + "c" * (op in COMPLEX) for op, kinds in _KINDS.items()}
"""Kinds of dtypes that an operation takes."""

FOLDS = ("add", "multiply", "maximum", "minimum", "logical_or", "logical_and", "argmax", "argmin")


@record(slots=True)
class Scalar:
    """One value of a scalar program, compared by identity."""

    op: str
    args: tuple[Scalar, ...]
    dtype: DType
    attrs: tuple[tuple[str, Any], ...] = ()

    def attr(self, name: str) -> Any:
        return dict(self.attrs)[name]

    def __repr__(self) -> str:
        return f"<{self.op}: {SHORT_NAMES[self.dtype]}>"


def check(op: str, args: tuple[Scalar, ...]) -> DType:
    """Return the dtype of ``op(*args)``; raise GraphError where there is no such operation."""
    if op not in ARITY or len(args) != ARITY[op]:
        raise GraphError(f"the scalar language has no {op} of {len(args)} operands")
    dtype = args[0].dtype
    if any([a.dtype is not dtype and a.dtype != dtype for a in args]):
        got = ", ".join(SHORT_NAMES[a.dtype] for a in args)
        raise GraphError(f"scalar {op} needs operands of one dtype, got {got}")
    kinds = KINDS[op]
    if dtype.kind not in kinds:
        raise GraphError(f"scalar {op} needs one of the kinds {kinds!r}, got {SHORT_NAMES[dtype]}")
    return _result(op, dtype)


def _result(op: str, dtype: DType) -> DType:
    if op in COMPARE:
        return BOOL
    if op == "complex":
        return WHOLE[dtype]
    return PART.get(dtype, dtype) if op in ("real", "imag") else dtype


@dataclass(eq=False)
class ScalarBuilder:
    """Makes scalars, sharing equal ones. ``indices`` has the scalars that define symbols."""

    indices: dict[Symbol, Scalar] = field(default_factory=dict)
    _shared: dict[Any, Scalar] = field(default_factory=dict)
    _fresh: Iterator[int] = field(default_factory=itertools.count)

    def make(self, op: str, args: tuple[Scalar, ...], dtype: DType, **attrs: Any) -> Scalar:
        """Return a scalar without checking it; rules use the named methods below."""
        frozen = tuple(sorted(attrs.items())) if attrs else ()
        key = op, args, dtype, frozen
        found = self._shared.get(key)
        if found is None:
            found = self._shared[key] = Scalar(op, args, dtype, frozen)
        return found

    def apply(self, op: str, *args: Scalar) -> Scalar:
        """Return ``op(*args)`` for an operation of the table above."""
        return self.make(op, args, check(op, args))

    def const(self, value: Any, dtype: DType) -> Scalar:
        """Return a constant; it is kept by its bits, so ``-0.0`` and NaNs stay what they are."""
        return self.make("const", (), dtype, bits=np.asarray(value).astype(dtype).tobytes())

    def size(self, value: Dim) -> Scalar:
        """Return the value of a symbolic integer or loop index as an i64."""
        if isinstance(value, int):
            return self.const(value, INT64)
        return self.make("size", (), INT64, value=value)

    def load(self, buffer: str, offset: Dim, dtype: DType) -> Scalar:
        """Return element number ``offset`` of a buffer."""
        return self.make("load", (), dtype, buffer=buffer, offset=offset)

    def index(self, scalar: Scalar) -> Size:
        """Return an index whose value is computed: an i64 scalar, known to be inside its axis."""
        name = Symbol(f"at{next(self._fresh)}")
        self.indices[name] = scalar
        return symbol(name.name)

    def select(self, condition: Scalar, a: Scalar, b: Scalar) -> Scalar:
        if condition.dtype != BOOL or a.dtype != b.dtype:
            raise GraphError(f"select needs a bool and two of one dtype, got {condition}, {a}, {b}")
        return self.make("select", (condition, a, b), a.dtype)

    def cast(self, x: Scalar, dtype: DType) -> Scalar:
        return x if x.dtype == dtype else self.make("cast", (x,), dtype)

    def bitcast(self, x: Scalar, dtype: DType) -> Scalar:
        if x.dtype.itemsize != dtype.itemsize:
            raise GraphError(f"bitcast keeps the width, got {x} to {SHORT_NAMES[dtype]}")
        return x if x.dtype == dtype else self.make("bitcast", (x,), dtype)

    def shortcut(self, condition: Scalar, short: Scalar, full: Scalar) -> Scalar:
        """Return ``full``, for which ``short`` may stand where the condition holds."""
        if condition.dtype != BOOL or short.dtype != full.dtype:
            got = f"{condition}, {short}, {full}"
            raise GraphError(f"shortcut needs a bool and two of one dtype, got {got}")
        return self.make("shortcut", (condition, short, full), full.dtype)

    def slow_path(self, name: str, rare: Scalar, fast: Scalar, *args: Scalar) -> Scalar:
        """Return ``fast``, or where ``rare`` holds the C library's ``name(*args)``."""
        return self.make("slow_path", (rare, fast, *args), fast.dtype, name=name)


def constant_value(scalar: Scalar) -> np.generic:
    """Return the value of a ``const``."""
    value: np.generic = np.frombuffer(scalar.attr("bits"), scalar.dtype)[0]
    return value


def walk(*roots: Scalar, enter: Callable[[Scalar], bool] = lambda _: True) -> list[Scalar]:
    """Return the scalars that ``roots`` are computed from, operands first, without recursion."""
    order: list[Scalar] = []
    done: set[Scalar] = set()
    open_: list[Scalar] = []
    stack: list[Scalar | None] = list(reversed(roots))
    while stack:
        scalar = stack.pop()
        if scalar is None:  # the operands of the scalar that was opened last are done
            ready = open_.pop()
            done.add(ready)
            order.append(ready)
        elif scalar not in done and enter(scalar):
            open_.append(scalar)
            stack.append(None)
            stack.extend(reversed(scalar.args))
    return order
