"""Questions about nested arguments that hold stand-ins, and about functions and places of calls."""

from __future__ import annotations

import sys
import types
from typing import Any, Protocol

import numpy as np

from tracegraph.ir.graph import Site, Value
from tracegraph.ir.size_values import hint
from tracegraph.ir.types import ArrayType, is_supported
from tracegraph.numpy.callouts import example_of
from tracegraph.numpy.emit import Sym, Unsupported
from tracegraph.standin import (
    ABSENT,
    PYTHON_SCALARS,
    ArrayHolder,
    ContainerStandIn,
    Traced,
    TracedSize,
)
from tracegraph.text_standin import Text


def real_of(value: Any) -> Any:
    """Return a value with every stand-in in its containers replaced by what it stands for."""
    kind = type(value)
    if kind is Traced or kind is TracedSize or kind is Text or issubclass(kind, ContainerStandIn):
        return value.actual
    if kind in (tuple, list):
        return kind(map(real_of, value))
    if kind is dict:
        return {key: real_of(item) for key, item in value.items()}
    if kind is slice:
        return slice(real_of(value.start), real_of(value.stop), real_of(value.step))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return kind(*map(real_of, value))
    return value


def stand_ins(value: Any) -> list[Traced]:
    """Return the stand-ins of arrays and numbers in nested arguments."""
    found: list[Traced] = []
    stack = [value]
    while stack:
        item = stack.pop()
        if type(item) is Traced:
            found.append(item)
        elif type(item) in (tuple, list):
            stack.extend(reversed(item))
        elif type(item) is dict:
            stack.extend(reversed(item.values()))
        elif type(item) is slice:
            stack.extend((item.step, item.stop, item.start))
    return found


def is_numpy(function: Any) -> bool:
    """Return whether a function is NumPy's, whose results are arrays or NumPy scalars."""
    module = getattr(function, "__module__", None) or ""
    return isinstance(function, np.ufunc) or module.partition(".")[0] == "numpy"


def is_abstract(traced: Traced) -> bool:
    """Return whether a stand-in has a type but no value, as inside ``vmap``."""
    return traced.held is ABSENT


def all_python_scalars(args: tuple[Any, ...], *, sizes: bool = False) -> bool:
    """Return whether all arguments are Python numbers, stand-ins included, those of sizes if so."""
    kinds = (*PYTHON_SCALARS, TracedSize) if sizes else PYTHON_SCALARS
    return bool(args) and all(
        (type(x) is Traced and x.is_python_scalar) or type(x) in kinds for x in args
    )


def check_type(type_: ArrayType, real: Any) -> None:
    """Raise Unsupported where the graph's type is not that of the real result."""
    array = np.asarray(real)
    if not is_supported(array.dtype):
        raise Unsupported(f"the dtype {array.dtype} is not supported; use float64")
    if array.dtype != type_.dtype or tuple(map(hint, type_.shape)) != array.shape:
        raise Unsupported(
            f"its result {array.dtype}{list(array.shape)} was recorded as {type_}; this is a fault "
            "of tracegraph"
        )


def remake(real: Any, items: list[Any]) -> Any:
    """Return items in a container like the real one."""
    if hasattr(real, "_fields"):
        return type(real)(*items)
    return type(real)(items) if type(real) in (tuple, list) else tuple(items)


def name_of(function: Any) -> str:
    """Return a function's name for messages."""
    name = getattr(function, "__qualname__", getattr(function, "__name__", repr(function)))
    module = getattr(function, "__module__", None)
    return f"{module}.{name}" if module and module not in ("builtins", "_operator") else str(name)


def is_ours(namespace: dict[str, Any]) -> bool:
    """Return whether a module is none of the user's, where a line of the user's is looked for."""
    top = str(namespace.get("__name__", "")).partition(".")[0]
    return top in ("tracegraph", "numpy", "contextlib")


def user_site() -> Site | None:
    """Return the innermost line of the stack that is not ours, NumPy's or contextlib's."""
    frame = sys._getframe(1)
    while frame is not None:
        if not is_ours(frame.f_globals):
            return Site(frame.f_code.co_filename, frame.f_lineno)
        frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
    return None


def site_of(error: BaseException) -> Site | None:
    """Return the innermost line of the user's from which an exception comes."""
    found: Site | None = None
    cause = error.__cause__
    step = (cause or error).__traceback__
    while step is not None:
        if not is_ours(step.tb_frame.f_globals):
            found = Site(step.tb_frame.f_code.co_filename, step.tb_lineno)
        step = step.tb_next
    return found


class Knows(Protocol):
    """What turning arguments into operands asks of a recording."""

    drawn: str | None

    def value_of(self, traced: Traced) -> Value: ...

    def array_of_unknown_origin(self, array: Any) -> Traced: ...


def examples(recording: Knows, value: Any) -> Any:
    """Return arguments with examples in the place of values that there are none of."""
    kind = type(value)
    if kind is Traced and value.actual is ABSENT:
        example = example_of(recording.value_of(value).type)
        number = value.storage.number
        # What has no axes is a number: so it is where a body runs on real values, almost always.
        return example[()] if number is None else number(example)
    if kind is Traced and isinstance(value.actual, np.ndarray):
        # In a branch that is not taken a real one may be what NumPy raises for.
        drawn = recording.drawn is not None
        return example_of(recording.value_of(value).type) if drawn else value.actual.copy()
    if kind in (tuple, list):
        return kind(examples(recording, item) for item in value)
    if kind is dict:
        return {key: examples(recording, item) for key, item in value.items()}
    if kind is slice:
        return slice(*(examples(recording, x) for x in (value.start, value.stop, value.step)))
    return real_of(value)


def operands_of(recording: Knows, value: Any) -> Any:
    """Return nested arguments as rules see them."""
    kind = type(value)
    if kind is Traced:
        weak = value.kind if value.is_python_scalar else None
        is_scalar = weak is None and value.kind is not np.ndarray
        return Sym(recording.value_of(value), weak, is_scalar)
    if kind is TracedSize:
        return value.size
    if kind in (tuple, list):
        return kind(operands_of(recording, item) for item in value)
    if kind is dict:
        return {key: operands_of(recording, item) for key, item in value.items()}
    if kind is slice:
        return slice(*(operands_of(recording, x) for x in (value.start, value.stop, value.step)))
    if isinstance(value, np.ndarray):
        return operands_of(recording, recording.array_of_unknown_origin(value))
    return value


def holds_stand_ins(part: slice) -> bool:
    """Return whether a bound of a slice is recorded."""
    return any(type(x) in (Traced, TracedSize) for x in (part.start, part.stop, part.step))


def are_floats(args: Any) -> bool:
    """Return whether all arguments are Python floats, or stand for them."""
    return len(args) > 1 and all(
        type(x) is float or (type(x) is Traced and x.kind is float) for x in args
    )


def has_holder(value: Any) -> bool:
    """Return whether a Tensor is among arguments: NumPy and Python then ask it what to do."""
    kind = type(value)
    if kind in (tuple, list):
        return any(map(has_holder, value))
    if kind is dict:
        return any(map(has_holder, value.values()))
    return isinstance(value, ArrayHolder)


_RELAY = (lambda function, /, *args, **kwargs: function(*args, **kwargs)).__code__


def as_user() -> types.FunctionType:
    """Return a function that calls another one as if the user's present line did.

    Its frame has the user's file, line, function and globals, for code that looks at its caller.
    """
    frame: types.FrameType = sys._getframe(1)
    while is_ours(frame.f_globals) and frame.f_back is not None:
        frame = frame.f_back
    code = _RELAY.replace(
        co_filename=frame.f_code.co_filename,
        co_name=frame.f_code.co_name,
        co_qualname=frame.f_code.co_qualname,
        co_firstlineno=frame.f_lineno,
    )
    return types.FunctionType(code, frame.f_globals)
