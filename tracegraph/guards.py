"""Guards: where a recorded function looks at a value, the trace is bound to what it saw."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from tracegraph.ir.errors import UndecidedError
from tracegraph.ir.graph import Node, Value
from tracegraph.ir.ops.control import guard
from tracegraph.ir.rewrite import constant_of
from tracegraph.ir.types import DTYPES, FLOAT64, INT64
from tracegraph.numpy import whole_numbers
from tracegraph.numpy.emit import Sym, Unsupported
from tracegraph.numpy.table import RULES
from tracegraph.pen import Pen
from tracegraph.standin import ABSENT, Traced, TracedSize, no_value
from tracegraph.values import (
    all_python_scalars,
    examples,
    name_of,
    operands_of,
    real_of,
    stand_ins,
    user_site,
)

CONVERSIONS = frozenset(
    [(source, "f") for source in "biuf"]
    + [(source, "c") for source in "biufc"]
    + [("b", "i"), ("i", "i")]
)
"""Conversions to Python numbers that no value makes fail or leave int64."""

PYTHON_FLOAT = {
    operator.add, operator.sub, operator.mul, operator.truediv, operator.neg, operator.pos,
    operator.abs, operator.iadd, operator.isub, operator.imul, operator.itruediv,
    operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne,
}  # fmt: skip
"""Operators on Python floats that mean what they mean on float64, division by zero aside."""


DIVISIONS = frozenset(
    {
        operator.truediv, operator.itruediv, operator.mod, operator.imod,
        operator.floordiv, operator.ifloordiv,
    }
)  # fmt: skip
GUARDED_FLOAT = DIVISIONS | {operator.pow, operator.ipow}
"""Operators on Python floats that raise for some values, which guards exclude."""

PYTHON_COMPLEX = {
    operator.add, operator.sub, operator.mul, operator.neg, operator.pos, operator.abs,
    operator.iadd, operator.isub, operator.imul, operator.eq, operator.ne,
}  # fmt: skip
"""Operators on Python's complex numbers that mean what they mean on complex128; ``abs`` raises
where it leaves the range, which a guard excludes. Quotients are rounded otherwise."""

ROUNDING = {math.floor, math.ceil, math.trunc, round}
"""Operations where Python's numbers have no value; elsewhere the trace is bound to one."""

AS_OPERATOR: dict[Any, Any] = {abs: operator.abs, pow: operator.pow}
"""Builtins that are operators under another name."""

WHOLE_EXPONENTS = frozenset(np.float64(n) for n in range(-64, 65))

Decision = tuple[bool, bytes]
"""The answer of a guard, and the bits of the value that it compared with."""


class Guards(Pen):
    """The part of a recording that answers questions about values."""

    def __init__(self, *, permissive: bool) -> None:
        super().__init__(permissive=permissive)
        self.guards: list[Node] = []
        self.decisions: list[Decision] = []
        self.cuts: list[Node] = []

    def guard(self, predicate: Value, expect: bool, seen: bytes = b"") -> None:
        """Make the trace hold only where ``predicate`` is ``expect``.

        ``seen`` tells apart decisions that compare with different values.
        """
        number = len(self.guards)
        attrs = {"expect": bool(expect), "number": number}
        self.guards.append(self.builder.emit(guard, (predicate,), attrs).node)
        self.decisions.append((bool(expect), seen))

    def take_guards(self, start: int) -> list[tuple[Node, bool]]:
        """Remove the guards from number ``start`` on, and return them with their answers."""
        answers = [expect for expect, _ in self.decisions[start:]]
        taken = list(zip(self.guards[start:], answers, strict=True))
        del self.guards[start:], self.decisions[start:]
        dropped = {node for node, _ in taken}
        self.builder.nodes[:] = [n for n in self.builder.nodes if n not in dropped]
        return taken

    def observe_truth(self, traced: Traced) -> Any:
        """Return the truth of a value, which the trace is then bound to."""
        if traced.actual is ABSENT:
            return self._decided(traced)
        truth = bool(traced.actual)
        if self.is_noting:
            self.builder.site = user_site()
            value = self.present_value(traced)
            if value is not None:
                self.guard(self._truth(value), truth)
        return truth

    def _decided(self, traced: Traced) -> bool:
        """Return the truth of what has no value, on the way that is drawn."""
        if self.paths is None:
            no_value("the truth of an array", UndecidedError)
        truth = self.truth_of(traced)
        known = constant_of(truth)
        return self.paths.decide(truth) if known is None else bool(known)

    def truth_of(self, traced: Traced) -> Value:
        """Return the truth of what has no value, as a bool of the graph."""
        bool(examples(self, traced))  # NumPy's own exception where there are several elements
        self.builder.site = user_site()
        return self._truth(self.value_of(traced))

    def _truth(self, value: Value) -> Value:
        number = self.emitter_reshape(value) if value.shape else value
        truth: Value = self.emitter.cast(number, np.dtype(bool))
        return truth

    def emitter_reshape(self, value: Value) -> Value:
        sym = RULES[np.reshape](self.emitter, Sym(value), ())
        result: Value = sym.value
        return result

    def observe(self, traced: Traced, what: str = "", *, cuts: bool = False) -> Any:
        """Return the real value of a scalar, which the trace is then bound to, bit by bit.

        ``what`` asks for it, for messages. ``cuts`` says that the number goes on as data: a
        derivative through it would be lost.
        """
        if traced.actual is ABSENT:
            no_value(what or "the value of an array")
        if self.is_noting:
            self.builder.site = user_site()
            try:
                value = self.value_of(traced)
                if value.shape:
                    value = self.emitter_reshape(value)
                self._bind(value, traced.actual)
                if cuts:
                    self.cuts.append(value.node)
            except Unsupported as why:
                self.give_up(f"the value of an array is used: {why}")
        return traced.actual

    def _bind(self, value: Value, real: Any) -> None:
        seen = np.asarray(real).reshape(())[()]
        if seen.dtype.kind == "f" and seen == 0:
            sign = RULES[np.signbit](self.emitter, Sym(value)).value
            self.guard(sign, bool(np.signbit(seen)), seen.tobytes())
        elif seen != seen:
            self.guard(RULES[np.isnan](self.emitter, Sym(value)).value, True, b"nan")
            return
        equal = RULES[np.equal](self.emitter, Sym(value), self._literal(seen)).value
        self.guard(equal, True, seen.tobytes())

    def _literal(self, number: Any) -> Sym:
        return Sym(self.emitter.literal(number, number.dtype))

    def escape(self, traced: Traced, why: str) -> Any:
        """Return the real value for code that is not recorded; for an array the recording ends."""
        if traced.actual is ABSENT:
            no_value("code that is not recorded")
        self.give_up(f"an array reaches code that cannot be recorded: {why}")
        return traced.actual

    def with_numbers(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return arguments with sizes as numbers beside Python's numbers that have no value."""
        sizes = [x for x in args if type(x) is TracedSize]
        numbers = [x for x in args if type(x) is Traced and x.storage.number is not None]
        if not sizes or not numbers or not all_python_scalars(args, sizes=True):
            return args
        as_number = self.emitter.value
        return tuple(
            self.fresh(ABSENT, as_number(x.size, INT64), int) if type(x) is TracedSize else x
            for x in args
        )

    def call_on_python_scalars(self, function: Any, args: Any, kwargs: Any) -> Any:
        """Return what Python's own arithmetic gives, recorded if it can be."""
        try:
            return self._on_python_scalars(function, args, kwargs)
        except Unsupported as why:
            self.give_up(f"{name_of(function)}: {why}")
            return function(*real_of(args), **real_of(kwargs))

    def _on_python_scalars(self, function: Any, args: Any, kwargs: Any) -> Any:
        """Python's own arithmetic: inexact numbers stay symbolic, others are bound to a value.

        Where numbers have no value, whole ones stay symbolic too, and so do in what is drawn those
        that floats are rounded to.
        """
        function = AS_OPERATOR.get(function, function)
        has_values = all(x.actual is not ABSENT for x in stand_ins(args))
        is_rounded = function in ROUNDING and (self.drawn is not None or not has_values)
        has_values = has_values and not is_rounded
        with self.giving_up_if_raised(function):
            real = function(*(real_of if has_values else self.examples)(args), **real_of(kwargs))
        if function is divmod and not has_values:
            parts = (operator.floordiv, operator.mod)
            return tuple(self._on_python_scalars(part, args, kwargs) for part in parts)
        if self._is_whole(function, real, args) and not kwargs:
            self.builder.site = user_site()
            operands = [operands_of(self, x) for x in args]
            value = whole_numbers.computed(self.emitter, function, operands, type(real))
            return self.fresh(real if has_values else ABSENT, value, type(real))
        rule = RULES.get(function)
        is_symbolic = is_rounded or stays_symbolic(function, real, args)
        if rule is None or kwargs or not is_symbolic:
            for traced in stand_ins(args):
                self.observe(traced, name_of(function), cuts=type(real) not in (bool, int, str))
            return real
        self.builder.site = user_site()
        operands = [operands_of(self, x) for x in args]
        if function not in PYTHON_FLOAT and function not in GUARDED_FLOAT:
            return self._by_rule(rule, operands, args, real, has_values)
        value = self._of_floats(function, rule, operands, args, real)
        return self.fresh(real if has_values else ABSENT, value, type(real))

    def _is_whole(self, function: Any, real: Any, args: Any) -> bool:
        """Return whether whole numbers stay symbolic; those with values are small ones."""
        if not whole_numbers.is_followed(function, types_of(args)):
            return False
        values = [real_of(x) for x in args]
        has_values = ABSENT not in values
        return not has_values or all(map(whole_numbers.is_small, [real, *values]))

    def examples(self, args: Any) -> Any:
        """Return arguments with examples in the place of values that there are none of."""
        return examples(self, args)

    def _of_floats(self, function: Any, rule: Any, operands: Any, args: Any, real: Any) -> Value:
        """Return what an operator of inexact Python numbers gives, and guard that it raises not."""
        wide = DTYPES["c128"] if complex in types_of(args) else FLOAT64
        values = [Sym(self.emitter.value(x, wide)) for x in operands]
        if function in (operator.pow, operator.ipow):
            return self._power(values, real)
        if function in DIVISIONS:
            self._guard_zero(values[1])
        result: Sym = rule(self.emitter, *values)
        if function is operator.abs and wide.kind == "c":
            in_range = RULES[np.isfinite](self.emitter, result).value
            self.guard(in_range, bool(np.isfinite(real)))
        return result.value

    def _guard_zero(self, divisor: Sym) -> None:
        known = constant_of(divisor.value)
        if known is not None and known != 0:
            return
        zero = self._literal(np.float64(0))
        self.guard(RULES[np.equal](self.emitter, divisor, zero).value, False)

    def _power(self, values: list[Sym], real: float) -> Value:
        """Python's power of floats: raises at infinity and zero, is complex below zero."""
        base, exponent = values
        zero = self._literal(np.float64(0))
        known = constant_of(exponent.value)
        if known is None or known not in WHOLE_EXPONENTS:
            self.guard(RULES[np.less](self.emitter, zero, base).value, True)
        elif int(known.item()) < 0:
            self._guard_zero(base)
        result: Value = RULES[np.power](self.emitter, base, exponent).value
        self.guard(RULES[np.isfinite](self.emitter, Sym(result)).value, bool(np.isfinite(real)))
        return result

    def _by_rule(self, rule: Any, operands: Any, args: Any, real: Any, has_values: bool) -> Any:
        try:
            value = rule(self.emitter, *operands).value
            return self.fresh(real if has_values else ABSENT, value, type(real))
        except Unsupported:
            if not has_values:
                raise
            for traced in stand_ins(args):
                self.observe(traced)
            return real

    def convert(self, kind: type, x: Any) -> Any:
        """Return ``kind(x)`` for float, int, bool or complex, symbolic where it can be."""
        has_value = x.actual is not ABSENT and not self.varies(x)
        if not has_value and not self.is_noting:
            no_value(f"{kind.__name__}()")
        with self.giving_up_if_raised(kind):
            real = kind(x.actual if has_value else self.examples(x))
        if not self.is_noting:
            return real
        if kind is bool:
            return self.observe_truth(x) if type(x) is Traced else bool(x)
        if type(x) is TracedSize and kind is int:
            return x
        self.builder.site = user_site()
        value = operands_of(self, x)
        value = value.value if isinstance(value, Sym) else self.emitter.value(value, INT64)
        source, target = value.dtype.kind, np.dtype(kind)
        is_symbolic = (source, target.kind) in CONVERSIONS
        if not is_symbolic and has_value and self.drawn is None:
            return kind(self.observe(x, cuts=kind in (float, complex)))
        if value.shape:
            value = self.emitter_reshape(value)
        if not is_symbolic:
            return self._assuming(kind, value)
        return self.fresh(real if has_value else ABSENT, self.emitter.cast(value, target), kind)

    def _assuming(self, kind: type, value: Value) -> Any:
        """Return a number without a value; values that make it fail are assumed away."""
        try:
            converted: Sym = RULES[kind](self.emitter, Sym(value))
        except Unsupported as why:
            self.give_up(f"{kind.__name__}: {why}")
            return no_value(f"{kind.__name__}()")
        return self.fresh(ABSENT, converted.value, kind)


def types_of(args: Any) -> set[type]:
    """Return the types of numbers, those that stand-ins stand for."""
    return {x.kind if type(x) is Traced else type(x) for x in args}


def stays_symbolic(function: Any, real: Any, args: Any) -> bool:
    """Return whether a function of Python numbers is one that the graph can compute."""
    kinds = types_of(args)
    if any(type(x) is int and abs(x) > 2**53 for x in args):
        return False
    if complex in kinds:
        return function in PYTHON_COMPLEX and kinds <= {complex, float, int, bool}
    if type(real) not in (float, bool) or not kinds <= {float, int, bool}:
        return False
    known = function in PYTHON_FLOAT or function in GUARDED_FLOAT or function in (min, max)
    return known or getattr(function, "__module__", None) == "math"
