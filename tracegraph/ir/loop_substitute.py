"""Rewriting the scalars and places of loop programs: the ground under their transformations."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tracegraph.ir.loops import Carry, Fold, Program, Statement, Store
from tracegraph.ir.record import replace
from tracegraph.ir.scalar import Scalar, walk
from tracegraph.ir.size_values import substitute
from tracegraph.ir.sizes import Dim, Size, Symbol


class Rewriter:
    """Rebuilds scalars from the leaves up, each once, with ``rule(scalar, new_args)``."""

    def __init__(self, rule: Callable[[Scalar, tuple[Scalar, ...]], Scalar]) -> None:
        self._rule = rule
        self._done: dict[Scalar, Scalar] = {}

    def __call__(self, root: Scalar) -> Scalar:
        for scalar in walk(root, enter=lambda s: s not in self._done):
            args = tuple(self._done[a] for a in scalar.args)
            self._done[scalar] = self._rule(scalar, args)
        return self._done[root]


def rebuilt(scalar: Scalar, args: tuple[Scalar, ...]) -> Scalar:
    """Return ``scalar`` with other operands; the same object when they are the same."""
    if all(a is b for a, b in zip(args, scalar.args, strict=True)):
        return scalar
    return Scalar(scalar.op, args, scalar.dtype, scalar.attrs)


def rewrite(
    body: tuple[Statement, ...],
    scalar: Callable[[Scalar], Scalar],
    place: Callable[[Dim], Dim] = lambda size: size,
) -> tuple[Statement, ...]:
    """Rebuild statements with ``scalar`` applied to each scalar and ``place`` to each size."""

    def one(s: Statement) -> Statement:
        if isinstance(s, Store):
            return replace(s, offset=place(s.offset), value=scalar(s.value))
        return replace(
            s,
            extent=place(s.extent),
            body=rewrite(s.body, scalar, place),
            folds=tuple(_fold(f, scalar) for f in s.folds),
            carries=tuple(_carry(c, scalar) for c in s.carries),
        )

    return tuple(one(s) for s in body)


def _fold(fold: Fold, scalar: Callable[[Scalar], Scalar]) -> Fold:
    place = None if fold.place is None else scalar(fold.place)
    return replace(fold, value=scalar(fold.value), place=place)


def _carry(carry: Carry, scalar: Callable[[Scalar], Scalar]) -> Carry:
    return replace(carry, start=scalar(carry.start), next=scalar(carry.next))


def substitute_symbols(
    program: Program, body: tuple[Statement, ...], values: Mapping[Symbol, Dim]
) -> Program:
    """Return ``program`` with ``body`` in which symbols are replaced by sizes.

    A computed index that depends on them has a new symbol in the body: other loops may share it.
    """
    replaced = dict(values)

    def place(size: Dim) -> Dim:
        return substitute(size, replaced)

    def rule(scalar: Scalar, args: tuple[Scalar, ...]) -> Scalar:
        if scalar.op not in ("load", "size"):
            return rebuilt(scalar, args)
        key = "offset" if scalar.op == "load" else "value"
        attrs = tuple((n, place(v) if n == key else v) for n, v in scalar.attrs)
        return scalar if attrs == scalar.attrs else Scalar(scalar.op, (), scalar.dtype, attrs)

    rewriter = Rewriter(rule)
    indices = dict(program.indices)
    for known, scalar in program.indices.items():  # each depends on earlier ones alone
        changed = rewriter(scalar)
        if changed is not scalar:
            fresh = Symbol(_unused(known.name, indices), known.lower, known.bound, known.hint)
            indices[fresh] = changed
            replaced[known] = Size((((fresh,), 1),))
    return replace(program, body=rewrite(body, rewriter, place), indices=indices)


def _unused(name: str, known: Mapping[Symbol, Scalar]) -> str:
    while Symbol(name) in known:
        name += "_"
    return name
