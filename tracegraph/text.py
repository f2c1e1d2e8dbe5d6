"""Text made of recorded values: what is printed or returned is made again at each compiled call."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

from tracegraph.dispatch import as_real
from tracegraph.outside import opened
from tracegraph.recording import Recording, active, paused
from tracegraph.standin import ArrayHolder, Storage, Traced
from tracegraph.tensor import Tensor
from tracegraph.text_standin import Text
from tracegraph.twin import PlainHooks
from tracegraph.values import real_of


def holds_recorded(value: Any) -> bool:
    """Return whether text made of a value would be made of recorded values."""
    value = opened(value)
    kind = type(value)
    if kind in (tuple, list):
        return any(map(holds_recorded, value))
    if kind is dict:
        return any(map(holds_recorded, value.values()))
    if issubclass(kind, ArrayHolder):
        return type(value._read()) is Traced
    return kind in (Traced, Text)


def is_asked_itself(value: Any) -> bool:
    """Return whether text is made by an outside object's own method; then the recording ends."""
    recording = active()
    if recording is None or recording.externals.place_of(value) is None:
        return False
    if not isinstance(value, (type, FunctionType, ModuleType)):
        recording.give_up(f"the text of an outside {type(value).__name__} is used")
    return True


def text_of(function: Callable[..., str], *args: Any) -> Any:
    """Return text that is made of recorded values: now, and again at each compiled call."""
    recording = active()
    parts = [real_text_part(arg) for arg in args]
    with paused():
        real = function(*parts)
    if recording is None or not recording.is_noting:
        return real
    return Text(recording, function, frozen(recording, args), real)


def frozen(recording: Recording, value: Any) -> Any:
    """Return what text is made of, with arrays as they are now: a later write must not show."""
    value = opened(value)
    if issubclass(type(value), ArrayHolder):
        value = Tensor(value._read())
        return Tensor(frozen(recording, value._read()))
    if type(value) is Traced:
        content = recording.present_value(value)
        if content is None:
            return value.actual
        return Traced(recording, value.actual, Storage(content, None, array=value.actual))
    if type(value) in (tuple, list):
        return type(value)(frozen(recording, item) for item in value)
    if type(value) is dict:
        return {key: frozen(recording, item) for key, item in value.items()}
    return value


def real_text_part(value: Any) -> Any:
    """Return what text is made of, with real arrays in the Tensors too."""
    if isinstance(value, ArrayHolder):
        data = as_real(value._read())
        with paused():
            return Tensor(data) if type(value) is Tensor else value
    if type(value) in (tuple, list):
        return type(value)(map(real_text_part, value))
    return real_of(value)


def formatted(value: Any, conversion: str, spec: str) -> str:
    """Return the text of one replacement field of an f-string."""
    text: str = PlainHooks().format(value, conversion, spec)
    return text


def joined(*parts: str) -> str:
    """Return the text of an f-string from its parts."""
    return "".join(parts)


def text_method(owner: str, name: str, args: Any, kwargs: Any) -> str:
    """Return what a method of ``str`` makes of its arguments."""
    text: str = getattr(owner, name)(*args, **kwargs)
    return text


def call_on_text(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    """Call a method of ``str``: where it only makes text of recorded values, that is recorded."""
    if function.__name__ == "join" and len(args) == 1:
        args = (list(args[0]),)
    if not holds_recorded((args, kwargs)):
        return function(*args, **kwargs)
    name = function.__name__
    if name in ("format", "join"):
        return text_of(text_method, function.__self__, name, args, kwargs)
    recording.give_up(f"str.{name} looks at recorded values")
    return function(*real_of(args), **real_of(kwargs))
