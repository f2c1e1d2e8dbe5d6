"""First calls: the eager run that is recorded, and what of it is left to the machine code."""

from __future__ import annotations

import copy
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from tracegraph.calls import call
from tracegraph.codegen.executable import Executable
from tracegraph.codegen.native_type import NativeCallable
from tracegraph.codegen.plan import Fresh
from tracegraph.ir.bodies import calls_out
from tracegraph.ir.streams import is_stream
from tracegraph.places import argument_place, fixed_place
from tracegraph.recording import Recording
from tracegraph.release import release_exception, release_leaked
from tracegraph.tensor import Tensor
from tracegraph.trace import Trace


def record_call(recording: Recording, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """Run a function eagerly on real arguments while it is recorded; the result holds stand-ins."""
    with recording.activate():
        try:
            load = recording.externals.load
            owner = owner_of_call(function)
            if owner is not None:
                load(fixed_place(owner), owner)
            seen = [load(argument_place(i), a) for i, a in enumerate(args)]
            named = {
                name: load(argument_place(len(args) + i), a)
                for i, (name, a) in enumerate(kwargs.items())
            }
            return call(recording, function, tuple(seen), named)
        except BaseException as error:
            release_leaked(recording)
            release_exception(error)
            raise


def owner_of_call(function: Callable[..., Any]) -> Any:
    """Return the object whose attributes a callable may read, None for a function."""
    if isinstance(function, types.MethodType):
        return function.__self__
    return None if isinstance(function, types.FunctionType) else function


def copy_arrays(value: Any) -> Any:
    """Return nested arguments with their arrays copied."""
    if isinstance(value, (np.ndarray, Tensor)):
        return copy.copy(value)
    if is_stream(value):
        return copy.deepcopy(value)
    if type(value) in (tuple, list):
        return type(value)(map(copy_arrays, value))
    if type(value) is dict:
        return {key: copy_arrays(item) for key, item in value.items()}
    return value


MISSED = object()
"""What a call gives that machine code does not take."""


class _Once(NativeCallable):
    def _slow(self, *args: Any, **kwargs: Any) -> Any:
        return MISSED


def run_instead(
    recording: Recording, trace: Trace, executable: Executable, args: Any, kwargs: Any
) -> Any:
    """Return what the machine code of a first call gives, or ``MISSED``.

    It runs where some results were not computed yet, and nothing is done that cannot be done twice.
    """
    is_done_once = recording.side_effects or recording.effects
    computes_only = all(isinstance(one, Fresh) for one in trace.destinations)
    is_needed = recording.waiting is not None and len(recording.waiting)
    if is_done_once or not computes_only or not is_needed or any(map(calls_out, trace.graph)):
        return MISSED
    once = _Once()
    once.run(executable)
    return once(*args, **kwargs)
