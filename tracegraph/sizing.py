"""Sizes as a recorded function sees them: ints that may be symbolic, and questions about them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracegraph.codegen.signature import SizeCheck
from tracegraph.guards import PYTHON_FLOAT
from tracegraph.ir.errors import UndecidedError
from tracegraph.ir.graph import Value
from tracegraph.ir.ops.compare import equal, less, less_equal, not_equal
from tracegraph.ir.size_values import hint, substitute
from tracegraph.ir.sizes import Dim, Size, Symbol, coefficient, symbols
from tracegraph.ir.types import INT64
from tracegraph.pen import Pen
from tracegraph.standin import ABSENT, Traced, TracedSize, dim_of, is_size, no_value
from tracegraph.values import real_of, user_site

RELATIONS: dict[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
}
COMPARED: dict[str, Callable[[Value, Value], Value]] = {
    "==": equal,
    "!=": not_equal,
    "<": less,
    "<=": less_equal,
}
NUMBERS = (bool, int, float, complex, np.generic, np.ndarray)
ORDERS = ("<", "<=")
POWERS = (operator.pow, operator.ipow)
SYMBOLIC_SIZE: dict[Any, Callable[..., Dim]] = {
    operator.add: operator.add, operator.sub: operator.sub, operator.mul: operator.mul,
    operator.iadd: operator.add, operator.isub: operator.sub, operator.imul: operator.mul,
    operator.pos: operator.pos, operator.neg: operator.neg,
}  # fmt: skip
SIZE_QUESTIONS = {  # function: (relation, operands swapped, answer negated)
    operator.eq: ("==", False, False),
    operator.ne: ("==", False, True),
    operator.lt: ("<", False, False),
    operator.le: ("<=", False, False),
    operator.gt: ("<", True, False),
    operator.ge: ("<=", True, False),
}


class Sizing(Pen):
    """The part of a recording that answers questions about sizes."""

    def __init__(self, *, permissive: bool) -> None:
        super().__init__(permissive=permissive)
        self.size_checks: list[SizeCheck] = []

    def size(self, dim: Dim) -> Any:
        """Return a size as the user sees it."""
        if not isinstance(dim, Size):
            return dim
        real = hint(dim)
        if real is None:
            no_value("a size that depends on data")
        return TracedSize(self, dim, real) if self.is_noting else real

    def ask_size(self, a: Dim, relation: str, b: Dim) -> bool:
        """Answer a question about sizes with the values seen; the compiled call checks the answer.

        The entry does, or a guard where a size is known only on the way. A question about the
        number of an iteration may be answered differently on the ways that a body is drawn.
        """
        answer = self._answer(a, relation, b)
        if answer is not None:
            return answer
        if self.paths is not None and relation in ORDERS:
            least = b - a - (relation == "<")
            return self.paths.decide_size(least, self._is_natural(least))
        raise UndecidedError(
            f"a size or the number of an iteration is looked at, and whether {a} {relation} {b} "
            "differs between the iterations of the loop: use tg.cond or np.where, slices of one "
            "length, and an array in the place of a list"
        )

    def _answer(self, a: Dim, relation: str, b: Dim) -> bool | None:
        """Answer a question about sizes; None if it differs between the iterations of a loop."""
        asked = {*symbols(a), *symbols(b)}
        index = next((s for s in reversed(self.indices) if s in asked), None)
        if index is not None:  # the innermost, whose bounds may be others
            return self._in_every_iteration(index, a, relation, b)
        left, right = hint(a), hint(b)
        if left is None or right is None:
            no_value("a size that depends on data")
        answer = bool(RELATIONS[relation](left, right))
        if self.emitter.is_counted(a) or self.emitter.is_counted(b):
            values = [self.emitter.value(x, INT64) for x in (a, b)]
            question = f"{a} {relation} {b}".encode()
            self.emitter.guard(COMPARED[relation](*values), answer, question)
        elif isinstance(a, Size) or isinstance(b, Size):
            self.size_checks.append(SizeCheck(a, relation, b, answer))  # type: ignore[arg-type]  # a key of RELATIONS
        return answer

    def _in_every_iteration(self, index: Symbol, a: Dim, relation: str, b: Dim) -> bool | None:
        """Answer a question about the number of an iteration, if the answer is the same in each.

        A difference that is linear is largest and smallest at the ends, and so it has one sign in
        all iterations if it has that sign in the first and the last.
        """
        before = len(self.size_checks)
        factor = coefficient(b - a, index)
        if factor is not None and index not in symbols(factor):
            ends = [{index: end} for end in (0, self.indices[index] - 1)]
            pairs = [(substitute(a, end), substitute(b, end)) for end in ends]
            first, last = (self._answer(x, relation, y) for x, y in pairs)
            if first == last and (relation in ORDERS or self._have_one_sign(pairs)):
                return first
        del self.size_checks[before:]
        return None

    def _have_one_sign(self, pairs: Sequence[tuple[Dim, Dim]]) -> bool:
        """Return whether the same of two sizes is the smaller one, if any is, in each pair."""
        first, last = ([self._answer(a, "<", b), self._answer(b, "<", a)] for a, b in pairs)
        return None not in first and first == last

    def _is_natural(self, size: Dim) -> Value:
        """Return whether a size is at least zero, as a bool of the graph."""
        self.builder.site = user_site()
        natural: Value = less_equal(self.emitter.value(0, INT64), self.emitter.value(size, INT64))
        self.naturals[natural.node] = size
        return natural

    def observe_size(self, size: TracedSize) -> int:
        if self.is_noting:
            self.ask_size(size.size, "==", size.actual)
        return size.actual

    def operate_size(self, function: Any, *operands: Any) -> Any:
        """Return an operator's result where an operand is a size."""
        if not self.is_noting:
            return function(*real_of(operands))
        if all(map(is_size, operands)) and function in SYMBOLIC_SIZE:
            dim = SYMBOLIC_SIZE[function](*map(dim_of, operands))
            if fits_int64(dim):
                return self.size(dim)
        varies = any(map(self.varies, operands))
        if all(map(is_size, operands)) and function in SIZE_QUESTIONS:
            relation, swap, negate = SIZE_QUESTIONS[function]
            a, b = map(dim_of, operands[::-1] if swap else operands)
            answer = self._answer(a, relation, b) if varies else self.ask_size(a, relation, b)
            if answer is not None:
                return answer is not negate
            if relation in ORDERS:
                return self.fresh(ABSENT, self._is_natural(b - a - (relation == "<")), bool)
        if varies and all(isinstance(x, NUMBERS) for x in operands):
            operands = self._powers(*operands) if function in POWERS else operands
            return self.call(function, tuple(map(self._size_as_scalar, operands)), {})
        if any(type(x) is Traced for x in operands):
            return self.call(function, operands, {})
        if any(type(x) in (float, np.float64) for x in operands) and function in PYTHON_FLOAT:
            return self.call(function, tuple(map(self._size_as_scalar, operands)), {})
        return function(*(operator.index(x) if type(x) is TracedSize else x for x in operands))

    def _powers(self, base: Any, exponent: Any) -> tuple[Any, ...]:
        """Return operands of a power; Python's whole numbers as floats where it is a float."""
        is_whole = isinstance(base, int) and is_size(exponent)
        if not is_whole or self.ask_size(0, "<=", dim_of(exponent)):
            return base, exponent
        pair = (base, exponent)
        return tuple(float(x) if type(x) is int else self.convert(float, x) for x in pair)

    def convert(self, kind: type, x: Any) -> Any:
        """Return ``kind(x)``, symbolic where it can be."""
        raise AssertionError("a recording converts")

    def varying_as_numbers(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return arguments of Python's functions with the numbers of iterations without values."""
        return tuple(self._size_as_scalar(x) if self.varies(x) else x for x in args)

    def _size_as_scalar(self, x: Any) -> Any:
        if type(x) is not TracedSize:
            return x
        real = ABSENT if self.varies(x) else x.actual
        return self.fresh(real, self.emitter.value(x.size, INT64), int)


def fits_int64(dim: Dim) -> bool:
    """Return whether arithmetic with ints that vary stays within int64, whatever they become.

    Sizes of arrays are bounded by memory, and so are products of them.
    """
    total = 0
    for monomial, factor in dim.terms if isinstance(dim, Size) else ():
        bounds = [atom.bound for atom in monomial if isinstance(atom, Symbol)]
        if any(bound is not None for bound in bounds):
            total += abs(factor) * LARGEST ** len(monomial)
        else:
            total += abs(factor)
    return total < 2**62


LARGEST = 2**31
"""Above what a size or int is in a product."""
