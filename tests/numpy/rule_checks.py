"""Checks of NumPy rules without the recorder: the graph that a rule notes does what NumPy does.

``check(np.sum, x, axis=0)`` calls NumPy and the rule, interprets the graph, and compares values,
dtypes and shapes. With ``symbolic=True`` lengths become symbols, and the graph is run once more, on
arrays of other sizes and values: wherever its guards and size checks hold it must again do what
NumPy does, and where NumPy raises one of them must fail.
"""

from __future__ import annotations

import copy
import functools
import operator
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from tracegraph.ir.graph import Builder, Graph, Value
from tracegraph.ir.interpret import interpret
from tracegraph.ir.size_values import evaluate, hint
from tracegraph.ir.sizes import Dim, Size, Symbol, symbol
from tracegraph.ir.types import ArrayType
from tracegraph.numpy.emit import Emitter, Sym, Unsupported
from tracegraph.numpy.table import METHODS, RULES, WRITERS

RELATIONS: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
}  # fmt: skip


@dataclass(frozen=True)
class Number:
    """A number, Python's or NumPy's, that the recording holds as a symbolic value."""

    number: Any


@dataclass(frozen=True)
class Length:
    """A length of an array that the function is given as a number: ``x.shape[0]``."""

    number: int


@dataclass
class Noted:
    """What a rule noted for one call."""

    symbolic: bool
    builder: Builder = field(default_factory=Builder)
    arrays: list[Any] = field(default_factory=list)
    guards: list[tuple[Value, bool]] = field(default_factory=list)
    checks: list[tuple[Dim, str, Dim, bool]] = field(default_factory=list)

    @functools.cached_property
    def emitter(self) -> Emitter:
        return Emitter(self.builder, self.ask, self.guard)

    def guard(self, predicate: Value, expect: bool, seen: bytes = b"") -> None:
        self.guards.append((predicate, expect))

    def ask(self, a: Dim, relation: str, b: Dim) -> bool:
        left, right = hint(a), hint(b)
        assert left is not None
        assert right is not None
        answer = RELATIONS[relation](left, right)
        if isinstance(a, Size) or isinstance(b, Size):
            self.checks.append((a, relation, b, answer))
        return answer

    def dim(self, length: int) -> Dim:
        if not self.symbolic or length < 2:
            return length
        return symbol(f"n{length}", lower=2, hint=length)

    def operand(self, x: Any) -> Any:
        """Return an argument as the recorder hands it to a rule."""
        if isinstance(x, (np.ndarray, Number)):
            real = np.asarray(x.number if isinstance(x, Number) else x)
            self.arrays.append(real)
            type_ = ArrayType(real.dtype, tuple(map(self.dim, real.shape)))
            scalar = isinstance(x, Number) and isinstance(x.number, np.generic)
            weak = type(x.number) if isinstance(x, Number) and not scalar else None
            return Sym(self.builder.parameter(type_), weak, scalar)
        if isinstance(x, Length):
            return self.dim(x.number)
        if type(x) in (list, tuple):
            return type(x)(map(self.operand, x))
        if type(x) is dict:
            return {name: self.operand(item) for name, item in x.items()}
        if type(x) is slice:
            return slice(*map(self.operand, (x.start, x.stop, x.step)))
        return x


def plain(x: Any) -> Any:
    """Return an argument as NumPy gets it."""
    if isinstance(x, (Number, Length)):
        return x.number
    if type(x) in (list, tuple):
        return type(x)(map(plain, x))
    if type(x) is dict:
        return {name: plain(item) for name, item in x.items()}
    if type(x) is slice:
        return slice(*map(plain, (x.start, x.stop, x.step)))
    return x


def resized(x: Any, sizes: dict[int, int], rng: Any) -> Any:
    """Return an argument with other lengths and values."""
    if isinstance(x, np.ndarray):
        shape = tuple(sizes.get(n, n) for n in x.shape)
        picked = rng.integers(0, max(x.size, 1), size=shape)
        return np.array(x.ravel()[picked]) if x.size else np.zeros(shape, x.dtype)
    if isinstance(x, Length):
        return Length(sizes.get(x.number, x.number))
    if type(x) in (list, tuple):
        return type(x)(resized(item, sizes, rng) for item in x)
    if type(x) is dict:
        return {name: resized(item, sizes, rng) for name, item in x.items()}
    if type(x) is slice:
        return slice(*(resized(item, sizes, rng) for item in (x.start, x.stop, x.step)))
    return x


def run_numpy(function: Any, args: Any, kwargs: Any) -> Any:
    """Return what NumPy computes; of a function that writes, what it has written."""
    args = tuple(map(plain, args))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        if isinstance(function, str):
            if function == "fill":
                target = np.array(args[0])
                target.fill(*args[1:])
                return target
            return getattr(args[0], function)(*args[1:], **plain(kwargs))
        if function in WRITERS:
            target = copy.deepcopy(args[0])
            function(target, *args[1:], **plain(kwargs))
            return target
        return function(*args, **plain(kwargs))


def check(
    function: Any, *args: Any, symbolic: bool = False, close: bool = False, **kwargs: Any
) -> None:
    """Check that a rule notes what NumPy computes, and raise Unsupported if it says so."""
    rule: Any = METHODS[function] if isinstance(function, str) else RULES[function]
    expected = run_numpy(function, args, kwargs)
    noted = Noted(symbolic)
    operands, options = noted.operand(args), noted.operand(kwargs)
    noted.emitter.seen = None if function in WRITERS else expected
    syms = rule(noted.emitter, *operands, **options)
    values = [sym.value for sym in (syms if isinstance(syms, (tuple, list)) else [syms])]
    if not isinstance(expected, (tuple, list)):
        expected = [expected]
    results = run_graph(noted, values, noted.arrays)
    assert results is not None, "a guard does not hold for the values that were recorded"
    compare(function, values, results, expected, close)
    if function not in WRITERS and type(expected) in (tuple, list):
        check_memory(
            function, noted, args, syms if isinstance(syms, (tuple, list)) else [syms], expected
        )
    if symbolic:
        _check_other_sizes(function, args, kwargs, noted, values, close)


def _check_other_sizes(
    function: Any, args: Any, kwargs: Any, noted: Noted, values: list[Value], close: bool
) -> None:
    rng = np.random.default_rng(0)
    lengths = sorted({n for array in noted.arrays for n in array.shape if n >= 2})
    for shift in (-1, 1, 2):
        sizes = {n: max(n + shift * (1 + i % 2), 2) for i, n in enumerate(lengths)}
        others, options = resized(args, sizes, rng), resized(kwargs, sizes, rng)
        known = {Symbol(f"n{n}"): size for n, size in sizes.items()}
        if not all(RELATIONS[r](evaluate(a, known), evaluate(b, known)) is w
                   for a, r, b, w in noted.checks):  # fmt: skip
            continue
        arrays = Noted(False)
        arrays.operand(others), arrays.operand(options)
        results = run_graph(noted, values, arrays.arrays)
        if results is not None:
            expected = run_numpy(function, others, options)
            expected = expected if isinstance(expected, (tuple, list)) else [expected]
            compare(function, None, results, expected, close)


BY_LAYOUT = (np.reshape, np.ravel, np.ascontiguousarray, "reshape", "ravel")
"""Functions that copy or not by the layout of memory, which a rule does not know."""


def check_memory(function: Any, noted: Noted, args: Any, syms: Any, results: Any) -> None:
    """Check that what is noted as a path from an operand is a view of it, or said to be fresh."""
    for sym, real in zip(syms, results, strict=True):
        if not isinstance(real, np.ndarray) or not real.size:
            continue
        base = sym.value.node
        while base.op.name in ("reshape", "transpose", "slice", "broadcast_to"):
            (base,) = base.operands
        shares = any(isinstance(a, np.ndarray) and np.shares_memory(a, real) for a in args)
        if shares:
            assert base.op.name in ("parameter", "gather", "real", "imag"), base
        elif base in noted.builder.params and real.ndim and function not in BY_LAYOUT:
            assert sym.fresh, "a copy is noted as if it were a view"


def run_graph(noted: Noted, values: list[Value], arrays: list[Any]) -> list[Any] | None:
    """Return the results of a graph, or None where a guard does not hold."""
    builder = noted.builder
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for predicate, expect in noted.guards:
            graph = _up_to(builder, predicate)
            if bool(interpret(graph, *arrays, sizes=_sizes(noted, arrays))[0]) is not expect:
                return None
        return interpret(builder.build(values), *arrays, sizes=_sizes(noted, arrays))


def _sizes(noted: Noted, arrays: list[Any]) -> dict[Symbol, int]:
    found: dict[Symbol, int] = {}
    for param, array in zip(noted.builder.params, arrays, strict=True):
        for dim, n in zip(param.array_type.shape, array.shape, strict=True):
            if isinstance(dim, Size):
                found[dim.terms[0][0][0]] = n  # type: ignore[index]  # a lone symbol
    return found


def _up_to(builder: Builder, value: Value) -> Graph:
    """Return the graph of one value, without the nodes that came after it."""
    last = builder.nodes.index(value.node) + 1 if value.node in builder.nodes else 0
    return Graph(tuple(builder.params), tuple(builder.nodes[:last]), (value.node,))


def compare(
    function: Any, values: list[Value] | None, results: list[Any], expected: Any, close: bool
) -> None:
    """Compare results with NumPy's: bits, dtypes and shapes; ``close``: up to rounding."""
    assert len(results) == len(expected)
    for i, (got, want) in enumerate(zip(results, expected, strict=True)):
        want = np.asarray(want)
        got = np.asarray(got)
        assert got.dtype == want.dtype, (function, got.dtype, want.dtype)
        assert got.shape == want.shape, (function, got.shape, want.shape)
        if values is not None:
            assert values[i].dtype == want.dtype
            assert tuple(map(hint, values[i].shape)) == want.shape
        if close:
            # Not-a-number and infinities agree too: a rule must not depend on what it cannot see.
            np.testing.assert_allclose(
                got, want, rtol=1e-4 if want.dtype.char in "fF" else 1e-9, atol=1e-12
            )
        else:
            np.testing.assert_array_equal(got, want, strict=True)
            if want.dtype.kind == "f":
                signs = np.isnan(want) | (np.signbit(got) == np.signbit(want))
                assert signs.all(), (function, got, want)


@contextmanager
def may_refuse(allowed: bool, match: str = "") -> Iterator[None]:
    """Let a rule give up, where that is allowed and the reason is this one."""
    try:
        yield
    except Unsupported as why:
        if not (allowed and re.search(match, str(why))):
            raise


def refuses(function: Any, *args: Any, match: str = "", **kwargs: Any) -> None:
    """Check that a rule says that it cannot note a call which NumPy can do."""
    run_numpy(function, args, kwargs)
    with pytest.raises(Unsupported, match=match):
        check(function, *args, **kwargs)
