"""Messages: what is printed, warned and logged is said again by each compiled call.

``warnings.warn`` and the functions of ``logging`` look at who calls them: that is the user's line.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable
from typing import Any

from tracegraph.places import fixed_place
from tracegraph.recording import Recording, paused
from tracegraph.standin import no_value
from tracegraph.text import frozen, real_text_part
from tracegraph.values import as_user, is_abstract, stand_ins

LEVELS = ("debug", "info", "warning", "error", "critical", "log")
LOGGING: frozenset[Any] = frozenset(
    getattr(owner, name)
    for owner in (logging, logging.Logger, logging.LoggerAdapter)
    for name in LEVELS
)
"""Functions and methods that log; those that also look at the present exception are not here."""


def say(recording: Recording, *args: Any, **kwargs: Any) -> None:
    """Take the part of ``print``."""
    file = kwargs.get("file")
    if file is not None and not isinstance(file, io.IOBase):
        recording.give_up("print writes to an object that is no file; print to a file")
    recording.note_effect(print, frozen(recording, args), kwargs=kwargs, by_value=True)
    shown = real_text_part(args)
    with paused():
        print(*shown, **kwargs)


def warn(recording: Recording, *args: Any, **kwargs: Any) -> None:
    """Take the part of ``warnings.warn``."""
    place = fixed_place(FILTERS).attribute("raise_some")
    recording.externals.load(place, FILTERS.raise_some)
    _tell(recording, warnings.warn, args, kwargs, how=len(args) > 2 or bool(set(kwargs) & DEEPER))


def log(recording: Recording, function: Callable[..., Any], args: Any, kwargs: Any) -> None:
    """Take the part of a function or method that logs."""
    looks = bool(set(kwargs) & DEEPER) or bool(kwargs.get("exc_info"))
    _tell(recording, function, args, kwargs, how=looks)


def logger_of(recording: Recording, *name: Any) -> Any:
    """Take the part of ``logging.getLogger``: there is one logger of each name, for good."""
    logger = logging.getLogger(*name)
    return recording.externals.load(fixed_place(logger), logger)


DEEPER = frozenset({"stacklevel", "source", "skip_file_prefixes", "stack_info"})
"""Options by which a message looks at callers further up."""


def _tell(recording: Recording, function: Any, args: Any, kwargs: Any, *, how: bool) -> None:
    if any(map(is_abstract, stand_ins((args, kwargs)))):
        no_value("a message")
    recording.no_effect_in_drawn("a message")
    if how:
        name = getattr(function, "__name__", "a message")
        recording.give_up(f"{name} looks at its callers or at an exception; leave that option out")
    relay = as_user()
    shown, named = frozen(recording, args), frozen(recording, kwargs)
    real, real_named = real_text_part(args), real_text_part(kwargs)
    with recording.giving_up_if_raised(function), paused():
        relay(function, *real, **real_named)
    recording.note_effect(relay, (function, *shown), kwargs=named, by_value=True)


class _Filters:
    """The filters of warnings, as something to be guarded."""

    @property
    def raise_some(self) -> bool:
        """Whether any warning would be an exception."""
        return any(action == "error" for action, *_ in warnings.filters)


FILTERS = _Filters()
