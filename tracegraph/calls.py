"""Calls on behalf of a recorded function: what is recorded, what is followed, what ends it."""

from __future__ import annotations

import contextlib
import functools
import inspect
import types
from collections import deque
from typing import Any

import numpy as np

from tracegraph.assumptions import is_library, missing_globals
from tracegraph.attributes import Method
from tracegraph.builtin_calls import SPECIAL
from tracegraph.callables import (
    ASKING_NOTHING,
    CALLING_BACK,
    KEEPING,
    PASSING_SET,
    READS,
    is_harmless,
    is_ours,
    is_plain_class,
    is_pure,
    lookup,
)
from tracegraph.dispatch import held
from tracegraph.ir.graph import Site
from tracegraph.messages import LOGGING, log
from tracegraph.numpy.followed import IMPLEMENTATIONS, is_about_dtypes
from tracegraph.numpy.table import RULES
from tracegraph.objects import delete_attribute, get_attribute, load, property_of, set_attribute
from tracegraph.outside import OutsideContainer, opened
from tracegraph.places import fixed_place
from tracegraph.recording import Recording
from tracegraph.release import release, release_leaked
from tracegraph.standin import Traced
from tracegraph.text import holds_recorded, text_method, text_of
from tracegraph.twin import TwinError, is_generator_like, is_twin_code, make_twin
from tracegraph.values import (
    are_floats,
    as_user,
    has_holder,
    is_abstract,
    is_numpy,
    real_of,
    stand_ins,
)

MAKES_ARRAYS = (np.array, np.asarray, np.asanyarray, np.ascontiguousarray)
"""NumPy functions that ask a Tensor for its array instead of handing over to it."""

STAND_INS = ("tracegraph.outside", "tracegraph.inplace")
"""Our modules whose functions are methods of stand-ins."""

OUR_USER_CODE = ("tracegraph.module", "tracegraph.optimizers", "tracegraph.demo")
"""Our modules that are plain NumPy code, recorded as a user's is."""


def call(recording: Recording, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call something on behalf of a recorded function."""
    if isinstance(function, functools.partial) and type(function) is functools.partial:
        merged = {**function.keywords, **kwargs}
        return call(recording, function.func, (*function.args, *args), merged)
    if not recording.is_noting:
        return _call_plainly(recording, function, args, kwargs)
    inline = getattr(type(function), "__tracegraph_call__", None)
    if inline is not None:
        return inline(function, recording, args, kwargs)
    special = lookup(FORMS, function)
    if special is not None:
        return special(recording, *args, **kwargs)
    if type(function) is Method:
        return function(*args, **kwargs)
    if type(function) is Traced:
        return function.actual(*args, **kwargs)  # raises what the number or array raises
    return _call_by_rule(recording, function, args, kwargs)


def _call_by_rule(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    if any(function is one for one in (sum, min, max)) and not are_floats(args):
        return _call_with_callback(recording, function, args, kwargs)
    has_rule = lookup(RULES, function) is not None
    if (has_rule or is_numpy(function)) and has_holder((args, kwargs)):
        if function not in MAKES_ARRAYS:
            return function(*args, **kwargs)
        args, kwargs = held(args), held(kwargs)
    if has_rule and _concerns_arrays(recording, function, args, kwargs):
        return recording.call(function, args, kwargs)
    code = lookup(IMPLEMENTATIONS, function)
    if code is not None:
        return call_twin(recording, code, args, kwargs)
    return _call_other(recording, function, args, kwargs)


def _concerns_arrays(recording: Recording, function: Any, args: Any, kwargs: Any) -> bool:
    """Return whether a call is to be recorded; Python's own functions on plain values are not."""
    module = getattr(function, "__module__", "") or ""
    if module.startswith("numpy") or isinstance(function, np.ufunc):
        return True
    return bool(stand_ins((args, kwargs))) or any(type(a) is np.ndarray for a in args)


def _call_plainly(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    """Call with plain values, once the pen is down; the user's own code goes on as a twin."""
    code = getattr(function, "__code__", None)
    if code is not None and is_twin_code(code):
        return function(*args, **kwargs)
    return run_unfollowed(recording, function, args, kwargs)


def run_unfollowed(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    """Call code that is not followed: on the real containers, whose changes are then taken over."""
    recording.side_effects += not is_harmless(function)
    release_leaked(recording)
    real_args = tuple(release(recording, arg) for arg in args)
    real_kwargs = {name: release(recording, arg) for name, arg in kwargs.items()}
    try:
        return as_user()(function, *real_args, **real_kwargs)
    finally:
        recording.externals.resync()


def _call_other(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    if isinstance(function, types.FunctionType):
        return _call_function(recording, function, args, kwargs)
    if isinstance(function, types.MethodType):
        bound = (function.__self__, *args)
        return call(recording, function.__func__, bound, kwargs)
    if asks_outside_object(recording, function, args):
        return escape(recording, function, args, kwargs)
    if isinstance(function, type) and issubclass(function, BaseException):
        return _make_exception(recording, function, args, kwargs)
    if any(function is one for one in CALLING_BACK):
        return _call_with_callback(recording, function, args, kwargs)
    return _call_object(recording, function, args, kwargs)


def _call_object(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    """Call what is no function of Python: a class, a builtin, an object with ``__call__``."""
    if is_plain_class(function) or any(function is one for one in KEEPING):
        return function(*args, **kwargs)
    if lookup(PASSING_SET, function):
        return function(*map(_looked_at, args), **kwargs)
    if is_ours(function):
        return function(*opened(args), **opened(kwargs))
    if isinstance(function, types.MethodDescriptorType) and args and type(args[0]) is Traced:
        return getattr(args[0], function.__name__)(*args[1:], **kwargs)
    owner = getattr(function, "__self__", None)
    if isinstance(function, types.BuiltinMethodType) and not isinstance(owner, types.ModuleType):
        return _call_builtin_method(recording, function, owner, args, kwargs)
    method = inspect.getattr_static(type(function), "__call__", None)
    if isinstance(method, types.FunctionType) and not isinstance(function, type):
        load(recording, fixed_place(type(function)).attribute("__call__"), method)
        return call(recording, method, (function, *args), kwargs)
    look = opened if is_numpy(function) else _looked_at
    args = tuple(map(look, args))
    kwargs = {name: look(value) for name, value in kwargs.items()}
    if is_pure(function) and not stand_ins((args, kwargs)):
        return function(*args, **kwargs)
    return _ask_dtypes(recording, function, args, kwargs)


def _call_with_callback(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    if function in (map, filter, functools.reduce) and args and callable(args[0]):
        args = (followed(recording, args[0]), *args[1:])
    if callable(kwargs.get("key")):
        kwargs = {**kwargs, "key": followed(recording, kwargs["key"])}
    return function(*map(_looked_at, args), **kwargs)


def _looked_at(value: Any) -> Any:
    """Return what a builtin looks into; the containers within stay what they are."""
    return value.opened() if issubclass(type(value), OutsideContainer) else value


def followed(recording: Recording, function: Any) -> Any:
    """Return a function whose calls by code that is not ours are followed all the same."""
    return lambda *args, **kwargs: call(recording, function, args, kwargs)


def asks_outside_object(recording: Recording, function: Any, args: Any) -> bool:
    """Return whether a builtin looks into an object from outside that is no known container."""
    if function in ASKING_NOTHING or not isinstance(function, (type, types.BuiltinFunctionType)):
        return False
    place_of = recording.externals.place_of
    return any(place_of(arg) is not None and not callable(arg) for arg in args)


def _make_exception(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    if any(map(is_abstract, stand_ins((args, kwargs)))):
        return function(*args, **kwargs)
    if holds_recorded((args, kwargs)):
        recording.give_up("an exception is made of recorded values")
    return function(*real_of(args), **real_of(kwargs))


def _ask_dtypes(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    """Answer what depends on nothing recorded but dtypes, which are guarded; nothing else."""
    given = stand_ins((args, kwargs))
    if not is_about_dtypes(function) or any(x.is_python_scalar or is_abstract(x) for x in given):
        return escape(recording, function, args, kwargs)
    return function(*real_of(args), **real_of(kwargs))


def _call_function(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    module = function.__module__ or ""
    if is_twin_code(function.__code__):
        return function(*args, **kwargs)
    if function in LOGGING:
        return log(recording, function, args, kwargs)
    if is_library(module) and module not in OUR_USER_CODE:
        if module.startswith(STAND_INS):
            return function(*args, **kwargs)
        if module.startswith("tracegraph"):
            return function(*opened(args), **opened(kwargs))
        if module.startswith("numpy") and not stand_ins((args, kwargs)) and is_pure(function):
            return function(*args, **kwargs)
        return escape(recording, function, args, kwargs)
    if is_generator_like(function):
        return _call_generator(recording, function, args, kwargs)
    return call_twin(recording, function, args, kwargs)


def _call_generator(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return escape(recording, function, args, kwargs)
    return call_twin(recording, function, args, kwargs)


def call_twin(recording: Recording, function: types.FunctionType, args: Any, kwargs: Any) -> Any:
    """Call the twin of a user's function."""
    if recording.hooks_for is None:
        return function(*args, **kwargs)
    try:
        twin = make_twin(function, recording.hooks_for)
        missing = missing_globals(function)
        if missing:
            recording.give_up(
                f"the global {missing[0]} does not exist: whether it will is not known"
            )
        load(recording, fixed_place(function).attribute("__code__"), function.__code__)
    except TwinError as error:
        site = Site(error.filename, error.line)
        recording.give_up(f"it has no source to record: {error.reason}", site=site)
        return function(*real_of(args), **real_of(kwargs))
    twin.__defaults__ = _loaded_defaults(recording, function)
    twin.__kwdefaults__ = _loaded_kwdefaults(recording, function)
    return twin(*args, **kwargs)


def _loaded_defaults(recording: Recording, function: types.FunctionType) -> Any:
    defaults = function.__defaults__
    if not defaults:
        return defaults
    place = fixed_place(function).attribute("__defaults__")
    return tuple(load(recording, place.item(i), value) for i, value in enumerate(defaults))


def _loaded_kwdefaults(recording: Recording, function: types.FunctionType) -> Any:
    defaults = function.__kwdefaults__
    if not defaults:
        return defaults
    place = fixed_place(function).attribute("__kwdefaults__")
    return {k: load(recording, place.item(k), value) for k, value in defaults.items()}


def _call_builtin_method(
    recording: Recording, function: Any, owner: Any, args: Any, kwargs: Any
) -> Any:
    """A method of a list, dict, str ...: of an object made inside, or one that changes nothing."""
    name = function.__name__
    if isinstance(owner, (np.random.Generator, np.random.RandomState)):
        return escape(recording, function, args, kwargs)
    if isinstance(owner, (list, dict, set, tuple, deque)):
        return function(*args, **kwargs)
    for kind, names in READS.items():
        if type(owner) is kind and (names is None or name in names):
            if kind in (str, bytes):
                return _call_on_text(recording, function, args, kwargs)
            return function(*args, **kwargs)
    return escape(recording, function, args, kwargs)


def _call_on_text(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    if function.__name__ == "join" and len(args) == 1:
        args = (list(args[0]),)
    if not holds_recorded((args, kwargs)):
        return function(*args, **kwargs)
    name = function.__name__
    if name in ("format", "join"):
        return text_of(text_method, function.__self__, name, args, kwargs)
    recording.give_up(f"str.{name} looks at recorded values")
    return function(*real_of(args), **real_of(kwargs))


def escape(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    """Call code that cannot be followed, with real values; the recording ends."""
    name = getattr(function, "__qualname__", getattr(function, "__name__", repr(function)))
    module = getattr(function, "__module__", None)
    shown = f"{module}.{name}" if module and module != "builtins" else name
    recording.give_up(
        f"{shown} cannot be recorded: its effects and results are not known; use NumPy functions, "
        "or call it outside of the compiled function",
        lost=holds_recorded((args, kwargs, recording.leaked)),
    )
    return run_unfollowed(recording, function, args, kwargs)


# -- builtins with a recordable form ------------------------------------------------------------


def _getattr(recording: Recording, owner: Any, name: str, *default: Any) -> Any:
    try:
        return attribute_of(recording, owner, name)
    except AttributeError:
        if default:
            return default[0]
        raise


def attribute_of(recording: Recording, owner: Any, name: str) -> Any:
    """Return ``owner.name``; a property of an outside object is followed like a method."""
    found = property_of(recording, owner, name)
    if found is not None and found.fget is not None:
        return call(recording, found.fget, (owner,), {})
    return get_attribute(recording, owner, name)


def assign_attribute(recording: Recording, owner: Any, name: str, value: Any) -> None:
    """Assign ``owner.name``; a property of an outside object is followed like a method."""
    found = property_of(recording, owner, name) if recording.is_noting else None
    if found is not None and found.fset is not None:
        call(recording, found.fset, (owner, value), {})
    else:
        set_attribute(recording, owner, name, value)


def _hasattr(recording: Recording, owner: Any, name: str) -> bool:
    try:
        attribute_of(recording, owner, name)
    except AttributeError:
        return False
    return True


def _manager(recording: Recording, function: Any, *args: Any) -> Any:
    """Make what a function of ``contextlib.contextmanager`` returns; its generator is followed."""
    return contextlib._GeneratorContextManager(followed(recording, function), *args)


def _sharing(function: Any) -> Any:
    """Return the recordable form of a question whether two arrays share memory."""

    def answer(recording: Recording, *args: Any, **kwargs: Any) -> Any:
        pair = args if len(args) == 2 and not kwargs else ()
        memory = [x.storage for x in pair if type(x) is Traced and x.storage.shares is None]
        if len(memory) < 2 or any(one.origin is not None or one.owner is None for one in memory):
            return escape(recording, function, args, kwargs)
        if memory[0] is not memory[1] and not all(one.external for one in memory):
            return False
        if memory[0] is not memory[1] or recording.externals.has_symbols:
            return escape(recording, function, args, kwargs)
        return function(*real_of(args))

    return answer


def _errstate(recording: Recording, **modes: Any) -> Any:
    if not set(modes.values()) <= {"ignore", "warn"}:
        recording.give_up("np.errstate asks for more than warnings, which native code does not do")
    return np.errstate(**modes)


FORMS = {
    **SPECIAL,
    getattr: _getattr,
    hasattr: _hasattr,
    setattr: assign_attribute,
    delattr: delete_attribute,
    np.errstate: _errstate,
    np.may_share_memory: _sharing(np.may_share_memory),
    np.shares_memory: _sharing(np.shares_memory),
    contextlib._GeneratorContextManager: _manager,
}
"""Builtins with a recordable form."""
