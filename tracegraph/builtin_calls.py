"""Python's builtins that have a recordable form."""

from __future__ import annotations

import logging
import operator
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from tracegraph import messages
from tracegraph.ir.errors import UndecidedError
from tracegraph.iterables import backwards, enumerated, zipped
from tracegraph.numpy.scalars import compensated_total
from tracegraph.outside import OutsideContainer, opened
from tracegraph.ranges import DataRange, SizeRange
from tracegraph.recording import Recording
from tracegraph.standin import (
    ABSENT,
    ArrayHolder,
    Traced,
    TracedSize,
    dim_of,
    is_size,
    no_value,
)
from tracegraph.text import holds_recorded, is_asked_itself, text_of
from tracegraph.text_standin import Text
from tracegraph.values import examples, real_of


def _isinstance(recording: Recording, value: Any, kinds: Any) -> bool:
    del recording
    return isinstance(value, kinds)


def _type(recording: Recording, *args: Any) -> Any:
    del recording
    if len(args) == 1 and type(args[0]) is Traced:
        return args[0].kind
    if len(args) == 1 and issubclass(type(args[0]), OutsideContainer):
        return type(args[0].actual)
    return int if len(args) == 1 and type(args[0]) is TracedSize else type(*args)


def _len(recording: Recording, value: Any) -> Any:
    if issubclass(type(value), OutsideContainer):
        return value.length()
    return recording.length(value) if type(value) is Traced else recording.lists.length(value)


def _as_text(kind: Callable[..., str]) -> Any:
    """Return the recordable form of ``str(x)``, ``repr(x)`` and ``format(x, spec)``."""

    def make(recording: Recording, *args: Any) -> Any:
        del recording
        if args and is_asked_itself(args[0]):
            return kind(*args)
        return text_of(kind, *args) if holds_recorded(args) else kind(*args)

    return make


def _convert(kind: type) -> Any:
    """Return the recordable form of ``float(x)``, ``int(x)``, ``bool(x)``, ``complex(x)``."""

    def convert(recording: Recording, *args: Any) -> Any:
        if len(args) == 1 and isinstance(args[0], ArrayHolder):
            args = (args[0]._read(),)
        elif len(args) == 1 and type(args[0]) is Text:
            recording.give_up("text made of recorded values is turned into a number")
            args = (args[0].actual,)
        if len(args) != 1 or type(args[0]) not in (Traced, TracedSize):
            return kind(*args)
        return recording.convert(kind, args[0])

    return convert


def _index(recording: Recording, value: Any) -> Any:
    """Return the recordable form of ``operator.index(x)``."""
    value = value._read() if isinstance(value, ArrayHolder) else value
    if type(value) is not Traced:
        return value if type(value) is TracedSize else operator.index(value)
    with recording.giving_up_if_raised(operator.index):
        operator.index(examples(recording, value))  # of what is no whole number it raises
    return recording.convert(int, value)


def _range(recording: Recording, *args: Any) -> Any:
    """Return the recordable form of ``range``: with a size it runs over sizes, or over data."""
    if any(map(_is_data, args)):
        return _data_range(recording, *(_index(recording, arg) for arg in args))
    is_known = all(is_size(arg) for arg in args) and any(type(arg) is TracedSize for arg in args)
    step = args[2] if len(args) == 3 else 1
    if not is_known or not recording.is_noting or type(step) is not int or not step:
        return range(*args)
    start, stop = (0, args[0]) if len(args) == 1 else args[:2]
    return SizeRange(recording, dim_of(start), dim_of(stop), step, range(*real_of(args)))


def _is_data(value: Any) -> bool:
    """Return whether a value is a whole number that has no value."""
    is_absent = type(value) is Traced and value.actual is ABSENT
    return is_absent and issubclass(value.kind, (int, np.integer))


def _data_range(recording: Recording, *args: Any) -> Any:
    """Return what stands for a range of which a bound has no value."""
    if recording.paths is None:
        no_value("a range of a number that is computed", UndecidedError)
    start, stop, step = {1: (0, *args, 1), 2: (*args, 1), 3: args}[len(args)]
    bounds = [bound for bound in (start, stop) if not _is_data(bound)]
    if not all(map(is_size, bounds)) or type(step) is not int or not step:
        return range(*args)
    return DataRange(start, stop, step)


def is_array(value: Any) -> bool:
    """Return whether a value has NumPy's attributes: not a stand-in of a Python number."""
    if issubclass(type(value), ArrayHolder):
        return True
    return type(value) is Traced and not value.is_python_scalar


def _size(recording: Recording, value: Any, *axis: Any) -> Any:
    del recording
    value = opened(value)
    return value.size if is_array(value) and not axis else np.size(real_of(value), *axis)


def _shape(recording: Recording, value: Any) -> Any:
    value = opened(value)
    return value.shape if is_array(value) else np.shape(real_of(value))


def _ndim(recording: Recording, value: Any) -> Any:
    value = opened(value)
    return value.ndim if is_array(value) else np.ndim(real_of(value))


def _errstate(recording: Recording, **modes: Any) -> Any:
    if not set(modes.values()) <= {"ignore", "warn"}:
        recording.give_up("np.errstate asks for more than warnings, which native code does not do")
    return np.errstate(**modes)


def _sum(recording: Recording, iterable: Any, /, start: Any = 0) -> Any:
    """Since Python 3.12 a sum of floats is more than additions from left to right."""
    items = list(iterable)
    is_compensated = sys.version_info >= (3, 12) and _has_float(items)
    if not is_compensated or not all(map(_is_float_or_int, [start, *items])):
        return sum(items, start)
    return recording.call(sum, (items, start), {}, compensated_total)


def _has_float(items: list[Any]) -> bool:
    return any(type(item) is Traced and item.kind is float for item in items)


def _is_float_or_int(item: Any) -> bool:
    return item.kind is float if type(item) is Traced else type(item) in (float, int, bool)


SPECIAL: dict[Any, Callable[..., Any]] = {
    isinstance: _isinstance,
    type: _type,
    len: _len,
    range: _range,
    zip: zipped,
    enumerate: enumerated,
    reversed: backwards,
    sum: _sum,
    print: messages.say,
    warnings.warn: messages.warn,
    logging.getLogger: messages.logger_of,
    str: _as_text(str),
    repr: _as_text(repr),
    format: _as_text(format),
    float: _convert(float),
    int: _convert(int),
    bool: _convert(bool),
    complex: _convert(complex),
    operator.truth: _convert(bool),
    operator.index: _index,
    np.shape: _shape,
    np.ndim: _ndim,
    np.size: _size,
    np.errstate: _errstate,
}
