"""Hooks that mean exactly what Python means."""

import builtins
import operator
from collections.abc import Callable
from typing import Any

from tracegraph.twin.hooks import Exit

INPLACE: dict[str, Callable[[Any, Any], Any]] = {
    "+=": operator.iadd,
    "-=": operator.isub,
    "*=": operator.imul,
    "@=": operator.imatmul,
    "/=": operator.itruediv,
    "//=": operator.ifloordiv,
    "%=": operator.imod,
    "**=": operator.ipow,
    "<<=": operator.ilshift,
    ">>=": operator.irshift,
    "&=": operator.iand,
    "|=": operator.ior,
    "^=": operator.ixor,
}

CONVERSIONS: dict[str, Callable[[Any], str]] = {"r": repr, "s": str, "a": ascii}


def _go_on() -> bool:
    return True


_call: Callable[..., Any] = operator.call


class PlainHooks:
    """The twin with these hooks behaves as the function itself.

    Wherever C offers the function it is taken: it adds no frame, so that `sys._getframe()`,
    `warnings.warn(stacklevel=...)` and an alias of `locals` find what they find in the original.
    """

    call = staticmethod(_call)
    getattr = staticmethod(builtins.getattr)
    getitem = staticmethod(operator.getitem)
    setattr = staticmethod(builtins.setattr)
    setitem = staticmethod(operator.setitem)
    delattr = staticmethod(builtins.delattr)
    delitem = staticmethod(operator.delitem)
    is_ = staticmethod(operator.is_)
    contains = staticmethod(operator.contains)

    def load_global(self, name: str, value: Any, /) -> Any:
        return value

    def load_cell(self, name: str, value: Any, /) -> Any:
        return value

    def store_global(self, name: str, value: Any, /) -> Any:
        return value

    def store_cell(self, name: str, value: Any, /) -> Any:
        return value

    def inplace(self, operator: str, left: Any, right: Any, /) -> Any:
        return INPLACE[operator](left, right)

    def new(self, value: Any, /) -> Any:
        return value

    def held(self, value: Any, /) -> Any:
        return value

    def used(self, value: Any, /) -> Any:
        return value

    def manager(self, value: Any, /) -> Any:
        return value

    def iter(self, iterable: Any, /) -> Any:
        return iterable

    def loop(self, iterable: Any, body: Any, plain: Any, names: Any, exit: Exit | None, /) -> Any:
        return self.iter(iterable)

    def while_(
        self, test: Any, body: Any, plain_test: Any, plain: Any, names: Any, exit: Exit | None, /
    ) -> Callable[[], bool]:
        return _go_on

    def rebinds(self, names: tuple[str, ...], /) -> None:
        pass

    def joined(self, /, *parts: Any) -> Any:
        return "".join(parts)

    def format(self, value: Any, conversion: str, spec: Any, /) -> Any:
        return builtins.format(CONVERSIONS[conversion](value) if conversion else value, spec)

    def caught(self) -> tuple[()]:
        return ()

    def frame_access(self, name: str, /) -> None:
        pass
