"""Python's operators, each as one call of a method: shared by Tensor and by the stand-ins."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any


class Operators:
    """A class whose operators all go through ``_operate(function, *operands)``.

    ``function`` is the member of the ``operator`` module; operands stand as in the expression.
    """

    __slots__ = ()

    def _operate(self, function: Callable[..., Any], *operands: Any) -> Any:
        raise AssertionError("a class with operators says what they do")

    def __add__(self, other: Any) -> Any:
        return self._operate(operator.add, self, other)

    def __radd__(self, other: Any) -> Any:
        return self._operate(operator.add, other, self)

    def __iadd__(self, other: Any) -> Any:
        return self._operate(operator.iadd, self, other)

    def __sub__(self, other: Any) -> Any:
        return self._operate(operator.sub, self, other)

    def __rsub__(self, other: Any) -> Any:
        return self._operate(operator.sub, other, self)

    def __isub__(self, other: Any) -> Any:
        return self._operate(operator.isub, self, other)

    def __mul__(self, other: Any) -> Any:
        return self._operate(operator.mul, self, other)

    def __rmul__(self, other: Any) -> Any:
        return self._operate(operator.mul, other, self)

    def __imul__(self, other: Any) -> Any:
        return self._operate(operator.imul, self, other)

    def __truediv__(self, other: Any) -> Any:
        return self._operate(operator.truediv, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._operate(operator.truediv, other, self)

    def __itruediv__(self, other: Any) -> Any:
        return self._operate(operator.itruediv, self, other)

    def __floordiv__(self, other: Any) -> Any:
        return self._operate(operator.floordiv, self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return self._operate(operator.floordiv, other, self)

    def __ifloordiv__(self, other: Any) -> Any:
        return self._operate(operator.ifloordiv, self, other)

    def __mod__(self, other: Any) -> Any:
        return self._operate(operator.mod, self, other)

    def __rmod__(self, other: Any) -> Any:
        return self._operate(operator.mod, other, self)

    def __imod__(self, other: Any) -> Any:
        return self._operate(operator.imod, self, other)

    def __pow__(self, other: Any) -> Any:
        return self._operate(operator.pow, self, other)

    def __rpow__(self, other: Any) -> Any:
        return self._operate(operator.pow, other, self)

    def __ipow__(self, other: Any) -> Any:
        return self._operate(operator.ipow, self, other)

    def __matmul__(self, other: Any) -> Any:
        return self._operate(operator.matmul, self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return self._operate(operator.matmul, other, self)

    def __imatmul__(self, other: Any) -> Any:
        return self._operate(operator.imatmul, self, other)

    def __and__(self, other: Any) -> Any:
        return self._operate(operator.and_, self, other)

    def __rand__(self, other: Any) -> Any:
        return self._operate(operator.and_, other, self)

    def __iand__(self, other: Any) -> Any:
        return self._operate(operator.iand, self, other)

    def __or__(self, other: Any) -> Any:
        return self._operate(operator.or_, self, other)

    def __ror__(self, other: Any) -> Any:
        return self._operate(operator.or_, other, self)

    def __ior__(self, other: Any) -> Any:
        return self._operate(operator.ior, self, other)

    def __xor__(self, other: Any) -> Any:
        return self._operate(operator.xor, self, other)

    def __rxor__(self, other: Any) -> Any:
        return self._operate(operator.xor, other, self)

    def __ixor__(self, other: Any) -> Any:
        return self._operate(operator.ixor, self, other)

    def __lshift__(self, other: Any) -> Any:
        return self._operate(operator.lshift, self, other)

    def __rlshift__(self, other: Any) -> Any:
        return self._operate(operator.lshift, other, self)

    def __ilshift__(self, other: Any) -> Any:
        return self._operate(operator.ilshift, self, other)

    def __rshift__(self, other: Any) -> Any:
        return self._operate(operator.rshift, self, other)

    def __rrshift__(self, other: Any) -> Any:
        return self._operate(operator.rshift, other, self)

    def __irshift__(self, other: Any) -> Any:
        return self._operate(operator.irshift, self, other)

    def __lt__(self, other: Any) -> Any:
        return self._operate(operator.lt, self, other)

    def __le__(self, other: Any) -> Any:
        return self._operate(operator.le, self, other)

    def __gt__(self, other: Any) -> Any:
        return self._operate(operator.gt, self, other)

    def __ge__(self, other: Any) -> Any:
        return self._operate(operator.ge, self, other)

    def __eq__(self, other: Any) -> Any:
        return self._operate(operator.eq, self, other)

    def __ne__(self, other: Any) -> Any:
        return self._operate(operator.ne, self, other)

    def __neg__(self) -> Any:
        return self._operate(operator.neg, self)

    def __pos__(self) -> Any:
        return self._operate(operator.pos, self)

    def __abs__(self) -> Any:
        return self._operate(operator.abs, self)

    def __invert__(self) -> Any:
        return self._operate(operator.invert, self)

    def __divmod__(self, other: Any) -> Any:
        return self._operate(divmod, self, other)

    def __rdivmod__(self, other: Any) -> Any:
        return self._operate(divmod, other, self)


IN_PLACE = frozenset(
    {
        operator.iadd, operator.isub, operator.imul, operator.itruediv, operator.ifloordiv,
        operator.imod, operator.ipow, operator.imatmul, operator.iand, operator.ior, operator.ixor,
        operator.ilshift, operator.irshift,
    }
)  # fmt: skip
"""The operators that write into their first operand, where it is an array."""
