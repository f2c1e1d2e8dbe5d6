"""Complex numbers become pairs of floats, which lie side by side in memory.

::

    for i < n:                         for i < n:
        z[i] = x[i] + y[i]      -->        z[2*i] = x[2*i] + y[2*i]
                                           z[2*i+1] = x[2*i+1] + y[2*i+1]

A sum is two sums; other folds, of which each part depends on both before, are carried along. This
comes before every other transformation, so that those see real numbers alone.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from tracegraph.codegen.mathlib.complex_functions import FUNCTIONS
from tracegraph.codegen.mathlib.complexes import ARITHMETIC, Complex
from tracegraph.codegen.mathlib.value import Value
from tracegraph.ir.loops import Carry, Fold, For, Program, Statement, Store, identity, scalars
from tracegraph.ir.record import replace
from tracegraph.ir.scalar import Scalar, ScalarBuilder, constant_value, walk
from tracegraph.ir.types import BOOL, PART, DType

Pair: TypeAlias = "tuple[Scalar, Scalar]"

PROGRAMS = ARITHMETIC | FUNCTIONS
"""What every operation of the scalar language that takes complex numbers does to their parts."""


def parts(program: Program) -> Program:
    """Rewrite a program without complex numbers."""
    if all(s.dtype.kind != "c" for s in scalars(program)):
        return program
    return _Parts(program).run()


class _Parts:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.b = ScalarBuilder()
        self._real: dict[Scalar, Scalar] = {}
        self._pairs: dict[Scalar, Pair] = {}
        self._sums: dict[Scalar, Pair] = {}

    def run(self) -> Program:
        program = self.program
        buffers = tuple(
            replace(b, dtype=PART[b.dtype], paired=True) if b.dtype in PART else b
            for b in program.buffers
        )
        indices = {symbol: self.scalar(scalar) for symbol, scalar in program.indices.items()}
        return replace(program, buffers=buffers, body=self._body(program.body), indices=indices)

    # ---- statements

    def _body(self, body: tuple[Statement, ...]) -> tuple[Statement, ...]:
        found: list[Statement] = []
        for statement in body:
            if isinstance(statement, For):
                found.append(self._loop(statement))
            else:
                found += self._stores(statement)
        return tuple(found)

    def _stores(self, store: Store) -> list[Store]:
        if store.value.dtype.kind != "c":
            return [replace(store, value=self.scalar(store.value))]
        re, im = self.pair(store.value)
        place = 2 * store.offset
        return [Store(store.buffer, place, re), Store(store.buffer, place + 1, im)]

    def _loop(self, loop: For) -> For:
        # States and results first: what is inside the loop and behind it reads them.
        split = [c for c in loop.carries if c.state.dtype.kind == "c"]
        carried = [f for f in loop.folds if f.value.dtype.kind == "c" and f.combine != "add"]
        states = [self._leaf(c.state) for c in split] + [self._new_state(f) for f in carried]
        body = self._body(loop.body)
        carries = [self._carry(c) for c in loop.carries if c not in split]
        wholes: list[Carry | Fold] = [*split, *carried]
        for whole, state in zip(wholes, states, strict=True):
            carries += self._carried(whole, state)
        folds = [f for fold in loop.folds if fold not in carried for f in self._folds(fold)]
        return replace(loop, body=body, folds=tuple(folds), carries=tuple(carries))

    def _carry(self, carry: Carry) -> Carry:
        return replace(carry, start=self.scalar(carry.start), next=self.scalar(carry.next))

    def _carried(self, whole: Carry | Fold, state: Pair) -> list[Carry]:
        """Return the carries of both parts of a carry, or of a fold that is no sum."""
        if isinstance(whole, Carry):
            start, following = self.pair(whole.start), self.pair(whole.next)
        else:
            start = self._constant(identity(whole.combine, whole.value.dtype), whole.value.dtype)
            following = self._combined(whole.combine, state, self.pair(whole.value))
        ends = zip(state, start, following, self._leaf(whole.result), strict=True)
        return [Carry(*one) for one in ends]

    def _combined(self, combine: str, state: Pair, value: Pair) -> Pair:
        program = Complex.plain_product if combine == "multiply" else PROGRAMS[combine]
        return self._scalars(program(self._complex(state), self._complex(value)))

    def _folds(self, fold: Fold) -> list[Fold]:
        if fold.value.dtype.kind != "c":
            place = None if fold.place is None else self.scalar(fold.place)
            return [replace(fold, value=self.scalar(fold.value), place=place)]
        # A sum of sums takes them as they are.
        values = self._sums.get(fold.value) or self.pair(fold.value)
        results = self._sums[fold.result] = self._leaf(fold.result)
        # A sum of floats starts from -0, one of complex numbers from 0.
        zero = self.b.const(0, results[0].dtype)
        re, im = (self.b.apply("add", result, zero) for result in results)
        self._pairs[fold.result] = re, im
        return [replace(fold, value=v, result=r) for v, r in zip(values, results, strict=True)]

    def _new_state(self, fold: Fold) -> Pair:
        name = f"{fold.result.attr('name')}state"
        return self._leaves("state", name, PART[fold.value.dtype])

    def _leaf(self, leaf: Scalar) -> Pair:
        """Return the parts of a state or a result."""
        if leaf not in self._pairs:
            self._pairs[leaf] = self._leaves(leaf.op, leaf.attr("name"), PART[leaf.dtype])
        return self._pairs[leaf]

    def _leaves(self, op: str, name: str, dtype: DType) -> Pair:
        make = self.b.make
        return make(op, (), dtype, name=f"{name}re"), make(op, (), dtype, name=f"{name}im")

    # ---- scalars

    def scalar(self, root: Scalar) -> Scalar:
        """Return a scalar that is no complex number."""
        self._prepare(root)
        return self._real[root]

    def pair(self, root: Scalar) -> Pair:
        """Return the parts of a complex number."""
        self._prepare(root)
        return self._pairs[root]

    def _prepare(self, root: Scalar) -> None:
        for scalar in walk(root, enter=lambda s: s not in self._real and s not in self._pairs):
            if scalar.dtype.kind == "c":
                self._pairs[scalar] = self._pair(scalar)
            else:
                self._real[scalar] = self._float(scalar)

    def _pair(self, s: Scalar) -> Pair:
        if s.op == "const":
            return self._constant(constant_value(s), s.dtype)
        if s.op == "load":
            name, place, dtype = s.attr("buffer"), 2 * s.attr("offset"), PART[s.dtype]
            return self.b.load(name, place, dtype), self.b.load(name, place + 1, dtype)
        if s.op == "complex":
            return self._real[s.args[0]], self._real[s.args[1]]
        if s.op == "select":
            condition, a, b = self._real[s.args[0]], self._pairs[s.args[1]], self._pairs[s.args[2]]
            return self.b.select(condition, a[0], b[0]), self.b.select(condition, a[1], b[1])
        if s.op == "cast":
            return self._cast(s.args[0], PART[s.dtype])
        return self._leaf(s) if not s.args else self._applied(s)

    def _constant(self, value: Any, dtype: DType) -> Pair:
        number, part = complex(value), PART[dtype]
        return self.b.const(number.real, part), self.b.const(number.imag, part)

    def _cast(self, x: Scalar, dtype: DType) -> Pair:
        if x.dtype.kind != "c":
            return self.b.cast(self._real[x], dtype), self.b.const(0, dtype)
        re, im = self._pairs[x]
        return self.b.cast(re, dtype), self.b.cast(im, dtype)

    def _float(self, s: Scalar) -> Scalar:
        """Return what is no complex number, though its operands may be."""
        if all(a.dtype.kind != "c" for a in s.args):
            args = tuple(self._real[a] for a in s.args)
            return self.b.make(s.op, args, s.dtype, **dict(s.attrs))
        if s.op == "cast":
            re, im = self._pairs[s.args[0]]
            either = self.b.apply("bitwise_or", *(self.b.cast(part, BOOL) for part in (re, im)))
            return either if s.dtype == BOOL else self.b.cast(re, s.dtype)
        if s.op in ("real", "imag"):
            return self._pairs[s.args[0]][s.op == "imag"]
        found = PROGRAMS[s.op](*(self._complex(self._pairs[a]) for a in s.args))
        assert isinstance(found, Value)
        return found.scalar

    def _applied(self, s: Scalar) -> Pair:
        return self._scalars(PROGRAMS[s.op](*(self._complex(self._pairs[a]) for a in s.args)))

    def _complex(self, pair: Pair) -> Complex:
        return Complex(Value(self.b, pair[0]), Value(self.b, pair[1]))

    def _scalars(self, number: Complex | Value) -> Pair:
        assert isinstance(number, Complex)
        return number.re.scalar, number.im.scalar
