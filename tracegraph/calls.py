"""Calls on behalf of a recorded function: what is recorded, what is followed, what ends it."""

from __future__ import annotations

import contextlib
import functools
import inspect
import operator
import types
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from tracegraph import made
from tracegraph.along_axis import FORMS as CALLING_FORMS
from tracegraph.assumptions import is_library
from tracegraph.attributes import Method
from tracegraph.builtin_calls import SPECIAL
from tracegraph.callables import (
    ASKING_NOTHING,
    CALLING_BACK,
    KEEPING,
    PASSING_SET,
    READS,
    WRITING_OPERATORS,
    is_ours,
    is_pure,
    lookup,
)
from tracegraph.dispatch import held
from tracegraph.follow import call_twin
from tracegraph.generators import form_of, is_drawn_from, may_draw
from tracegraph.images import root_of
from tracegraph.ir.streams import is_stream
from tracegraph.library_calls import GETTERS, LIBRARY, named_tuple_method
from tracegraph.messages import LOGGING, log
from tracegraph.numpy.followed import IMPLEMENTATIONS, is_about_dtypes
from tracegraph.numpy.table import RULES
from tracegraph.objects import delete_attribute, get_attribute, load, property_of, set_attribute
from tracegraph.outside import looked_at, opened
from tracegraph.places import fixed_place
from tracegraph.recording import Recording
from tracegraph.release import release, release_leaked
from tracegraph.standin import ContainerStandIn, Traced
from tracegraph.tensor import wrap
from tracegraph.text import call_on_text, holds_recorded
from tracegraph.twin import is_generator_like, is_twin_code
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

OUR_USER_CODE = (
    "tracegraph.module", "tracegraph.optimizers", "tracegraph.random", "tracegraph.demo",
)  # fmt: skip
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
    special = lookup(FORMS, function) or form_of(escape, function)
    if special is not None:
        return special(recording, *args, **kwargs)
    is_own = lookup(WRITING_OPERATORS, function) and issubclass(type(args[0]), ContainerStandIn)
    if type(function) is Method or is_own:
        return function(*args, **kwargs)
    if type(function) is Traced:
        return function.actual(*args, **kwargs)  # raises what the number or array raises
    return _call_by_rule(recording, function, args, kwargs)


def _call_by_rule(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    if any(function is one for one in (min, max)) and not are_floats(args):
        run = functools.partial(_call_with_callback, recording, function, args, kwargs)
        return _joined(recording, function, args, run)
    has_rule = lookup(RULES, function) is not None
    code = lookup(IMPLEMENTATIONS, function)
    if has_rule and not is_numpy(function):
        args = recording.varying_as_numbers(args)
    if (has_rule or is_numpy(function)) and has_holder((args, kwargs)):
        if code is not None or is_about_dtypes(function):
            return wrap(call(recording, function, held(args), held(kwargs)))
        is_draw = is_stream(getattr(function, "__self__", None))
        if function not in MAKES_ARRAYS and not is_draw:
            return function(*args, **kwargs)
        args, kwargs = held(args), held(kwargs)
    if has_rule and _concerns_arrays(recording, function, args, kwargs):
        return recording.call(function, args, kwargs)
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
    recording.leave_to(function)
    release_leaked(recording, made=not recording.is_noting)
    real_args = tuple(release(recording, arg) for arg in args)
    real_kwargs = {name: release(recording, arg) for name, arg in kwargs.items()}
    try:
        return as_user()(function, *real_args, **real_kwargs)
    finally:
        recording.externals.resync()


def _call_other(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    form = lookup(LIBRARY, function) or GETTERS.get(type(function))
    if form is not None:
        return _call_library(recording, form, function, args, kwargs)
    if isinstance(function, types.FunctionType):
        return _call_function(recording, function, args, kwargs)
    if isinstance(function, types.MethodType):
        bound = (function.__self__, *args)
        return call(recording, function.__func__, bound, kwargs)
    if asks_outside_object(recording, function, args):
        return escape(recording, function, args, kwargs)
    if any(function is one for one in CALLING_BACK):
        return _call_with_callback(recording, function, args, kwargs)
    if any(function is one for one in KEEPING):
        return function(*args, **kwargs)
    if lookup(PASSING_SET, function):
        return function(*map(looked_at, args), **kwargs)
    if isinstance(function, type):
        return _call_class(recording, function, args, kwargs)
    return _call_object(recording, function, args, kwargs)


def _call_class(recording: Recording, kind: Any, args: Any, kwargs: Any) -> Any:
    if issubclass(kind, BaseException):
        return _make_exception(recording, kind, args, kwargs)
    if kind in (contextlib.suppress, contextlib.nullcontext):
        return kind(*args, **kwargs)
    if made.is_plain_class(kind):
        return made.plain_object(recording, kind, args, kwargs)
    if is_ours(kind):
        return kind(*opened(args), **opened(kwargs))
    if made.can_be_made(kind):
        return _make_object(recording, kind, args, kwargs)
    return _call_unknown(recording, kind, args, kwargs)


def _call_object(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    """Call what is no function of Python and no class: a builtin, an object with ``__call__``."""
    if isinstance(function, types.MethodDescriptorType) and args and type(args[0]) is Traced:
        return getattr(args[0], function.__name__)(*args[1:], **kwargs)
    owner = getattr(function, "__self__", None)
    if isinstance(function, types.BuiltinMethodType) and not isinstance(owner, types.ModuleType):
        return _call_builtin_method(recording, function, owner, args, kwargs)
    method = inspect.getattr_static(type(function), "__call__", None)
    if isinstance(method, types.FunctionType):
        load(recording, fixed_place(type(function)).attribute("__call__"), method)
        return call(recording, method, (function, *args), kwargs)
    return _call_unknown(recording, function, args, kwargs)


def _call_unknown(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    look = opened if is_numpy(function) else looked_at
    args = tuple(map(look, args))
    kwargs = {name: look(value) for name, value in kwargs.items()}
    if is_pure(function) and not stand_ins((args, kwargs)):
        return function(*args, **kwargs)
    return _ask_dtypes(recording, function, args, kwargs)


def _call_with_callback(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    if function is iter and len(args) != 2:  # with two arguments the first is called
        return function(*map(looked_at, args))
    if function in (map, filter, functools.reduce, iter) and args and callable(args[0]):
        args = (followed(recording, args[0]), *args[1:])
    if callable(kwargs.get("key")):
        kwargs = {**kwargs, "key": followed(recording, kwargs["key"])}
    return function(*map(looked_at, args), **kwargs)


def followed(recording: Recording, function: Any) -> Any:
    """Return a function whose calls by code that is not ours are followed all the same."""
    return lambda *args, **kwargs: call(recording, function, args, kwargs)


def asks_outside_object(recording: Recording, function: Any, args: Any) -> bool:
    """Return whether C code looks unseen into an outside object, or draws from a generator."""
    if function not in ASKING_NOTHING and may_draw(function) and any(map(is_drawn_from, args)):
        return True
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


def _call_library(recording: Recording, form: Any, function: Any, args: Any, kwargs: Any) -> Any:
    """Call a function of the standard library that only rearranges what it is given."""
    place_of = recording.externals.place_of
    if any(place_of(arg) is not None and not callable(arg) for arg in args):
        return escape(recording, function, args, kwargs)
    own = (function,) if type(function) in GETTERS else ()
    result = form(functools.partial(followed, recording), *own, *args, **kwargs)
    return made.note_object(recording, result)


def _make_object(recording: Recording, kind: Any, args: Any, kwargs: Any) -> Any:
    """Make an instance of a user's class as ``type`` does, following its ``__init__``."""
    instance, init = made.new_object(recording, kind)
    if init is object.__init__ and (args or kwargs):
        return kind(*args, **kwargs)  # raises
    if init is not object.__init__ and call(recording, init, (instance, *args), kwargs) is not None:
        raise TypeError("__init__() should return None")
    return instance


def _ask_dtypes(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    """Answer what depends on nothing recorded but dtypes, which are guarded; nothing else."""
    given = stand_ins((args, kwargs))
    if not is_about_dtypes(function) or any(x.is_python_scalar or is_abstract(x) for x in given):
        return escape(recording, function, args, kwargs)
    return function(*real_of(args), **real_of(kwargs))


def _call_function(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    module = function.__module__ or ""
    if is_twin_code(function.__code__):
        return _joined(recording, function, args, lambda: function(*args, **kwargs))
    if function in LOGGING:
        return log(recording, function, args, kwargs)
    if is_library(module) and not module.startswith(OUR_USER_CODE):
        if module.startswith(STAND_INS):
            return function(*args, **kwargs)
        if module.startswith("tracegraph"):
            return function(*opened(args), **opened(kwargs))
        if module.startswith("numpy") and not stand_ins((args, kwargs)) and is_pure(function):
            return function(*args, **kwargs)
        if named_tuple_method(function, args):
            return function(*args, **kwargs)
        return escape(recording, function, args, kwargs)
    if is_generator_like(function):
        return _call_generator(recording, function, args, kwargs)
    followed = functools.partial(call_twin, recording, function, args, kwargs)
    return _joined(recording, function, args, followed)


def _joined(recording: Recording, function: Any, args: Any, run: Callable[[], Any]) -> Any:
    """Make a call; where it may go several ways, they meet behind it."""
    if recording.paths is None:
        return run()
    return recording.paths.joined((function, *args), run)


def _call_generator(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return escape(recording, function, args, kwargs)
    return call_twin(recording, function, args, kwargs)


def _call_builtin_method(
    recording: Recording, function: Any, owner: Any, args: Any, kwargs: Any
) -> Any:
    """A method of a list, dict, str ...: of an object made inside, or one that changes nothing."""
    name = function.__name__
    if is_stream(owner):
        return call(recording, getattr(type(owner), name), (owner, *args), kwargs)
    if isinstance(owner, (list, dict, set, tuple, deque)):
        return function(*args, **kwargs)
    for kind, names in READS.items():
        if type(owner) is kind and (names is None or name in names):
            if kind in (str, bytes):
                return call_on_text(recording, function, args, kwargs)
            return function(*args, **kwargs)
    return escape(recording, function, args, kwargs)


def escape(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    """Call code that cannot be followed, with real values; the recording ends."""
    name = getattr(function, "__qualname__", getattr(function, "__name__", repr(function)))
    module = getattr(function, "__module__", None)
    shown = f"{module}.{name}" if module and module != "builtins" else name
    recording.give_up(
        f"{shown} cannot be recorded: its effects and results are not known; use NumPy functions, "
        "or call it outside of the compiled function",
        lost=holds_recorded((args, kwargs, recording.leaked))
        or made.holds_made(recording, (*args, *kwargs.values())),
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
        memory = [root_of(x.storage) for x in pair if type(x) is Traced and not x.storage.shares]
        if len(memory) < 2 or any(one.owner is None for one in memory):
            return escape(recording, function, args, kwargs)
        if memory[0] is not memory[1] and not all(one.external for one in memory):
            return False
        if memory[0] is not memory[1] or recording.externals.has_symbols:
            return escape(recording, function, args, kwargs)
        return function(*real_of(args))

    return answer


FORMS = {
    **SPECIAL,
    getattr: _getattr,
    operator.call: lambda recording, f, *args, **kwargs: call(recording, f, args, kwargs),
    hasattr: _hasattr,
    setattr: assign_attribute,
    delattr: delete_attribute,
    np.may_share_memory: _sharing(np.may_share_memory),
    np.shares_memory: _sharing(np.shares_memory),
    contextlib._GeneratorContextManager: _manager,
    **{f: functools.partial(form, call) for f, form in CALLING_FORMS.items()},
}
"""Builtins with a recordable form."""
