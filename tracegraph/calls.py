"""Calls on behalf of a recorded function: what is recorded, what is followed, what ends it."""

from __future__ import annotations

import functools
import inspect
import math
import types
from typing import Any

import numpy as np

from tracegraph import made
from tracegraph.along_axis import FORMS as CALLING_FORMS
from tracegraph.assumptions import is_library
from tracegraph.attributes import Method
from tracegraph.builtin_calls import SPECIAL
from tracegraph.dispatch import held
from tracegraph.follow import call_twin
from tracegraph.generators import form_of, is_drawn_from, may_draw
from tracegraph.ir.streams import is_stream
from tracegraph.library_calls import GETTERS, LIBRARY, named_tuple_method
from tracegraph.numpy.followed import IMPLEMENTATIONS, PURE_OF_NUMPY, is_about_dtypes
from tracegraph.numpy.table import RULES
from tracegraph.objects import get_attribute, leaving, load, property_of
from tracegraph.places import fixed_place
from tracegraph.recording import Effect, Recording
from tracegraph.release import release, settle_made
from tracegraph.standin import Traced
from tracegraph.tensor import wrap
from tracegraph.text import holds_recorded, text_method, text_of
from tracegraph.twin import is_generator_like, is_twin_code
from tracegraph.values import are_floats, has_holder, is_abstract, is_numpy, real_of, stand_ins

PURE_MODULES = frozenset({"math", "cmath", "operator", "_operator", "itertools", "numpy"})
"""Modules whose functions have no effects: what they give for plain values is known."""

READS = {
    list: {"index", "count", "copy", "__len__"},
    tuple: {"index", "count"},
    dict: {"get", "keys", "values", "items", "copy"},
    str: None,
    bytes: None,
    int: None,
    float: None,
    bool: None,
    range: None,
    slice: None,
}
"""Methods of builtin types that change nothing; None: all of them."""

PASSING = (
    list, tuple, dict, set, zip, enumerate, map, filter, reversed, sorted, iter, next, all, any,
    frozenset, range, slice, str.join, callable, id, issubclass, type, isinstance, len,
    sum, min, max, abs, round, divmod,
    functools.partial, object, staticmethod, classmethod, property, super,
)  # fmt: skip
"""Builtins that only rearrange what they are given, or ask it in ways that stand-ins answer."""

PASSING_SET = dict.fromkeys(PASSING, True)

MAKES_ARRAYS = (np.array, np.asarray, np.asanyarray, np.ascontiguousarray)
"""NumPy functions that ask a Tensor for its array instead of handing over to it."""

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
    special = _lookup(FORMS, function) or form_of(escape, function)
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
    has_rule = _lookup(RULES, function) is not None
    code = _lookup(IMPLEMENTATIONS, function)
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


def _lookup(table: Any, function: Any) -> Any:
    try:
        return table.get(function)
    except TypeError:  # an unhashable callable stands in no table
        return None


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
    externals = recording.externals
    recording.side_effects += not is_harmless(function)
    externals.write_back(real_of)
    if not recording.is_noting:
        settle_made(recording)
    copy = externals.copy_of(getattr(function, "__self__", None))
    if copy is not None:
        function = getattr(copy.actual, function.__name__)
    real_args = tuple(release(recording, arg) for arg in args)
    real_kwargs = {name: release(recording, arg) for name, arg in kwargs.items()}
    try:
        return function(*real_args, **real_kwargs)
    finally:
        externals.refresh()


def is_harmless(function: Any) -> bool:
    """Return whether a call surely changes nothing outside of what it is given."""
    owner = getattr(function, "__self__", None)
    if isinstance(owner, (np.ndarray, np.generic, str, int, float)):
        return True
    return bool(_lookup(PASSING_SET, function)) or _lookup(RULES, function) is not None


def _call_other(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    form = _lookup(LIBRARY, function) or GETTERS.get(type(function))
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
    if _lookup(PASSING_SET, function):
        return function(*args, **kwargs)
    if isinstance(function, type):
        return _call_class(recording, function, args, kwargs)
    return _call_object(recording, function, args, kwargs)


def _call_class(recording: Recording, kind: Any, args: Any, kwargs: Any) -> Any:
    if issubclass(kind, BaseException):
        return _make_exception(recording, kind, args, kwargs)
    if made.is_plain_class(kind):
        return made.plain_object(recording, kind, args, kwargs)
    if is_ours(kind):
        return kind(*args, **kwargs)
    if made.can_be_made(kind):
        return _make_object(recording, kind, args, kwargs)
    return _call_unknown(recording, kind, args, kwargs)


def _call_object(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    owner = getattr(function, "__self__", None)
    if isinstance(function, types.BuiltinMethodType) and not isinstance(owner, types.ModuleType):
        return _call_builtin_method(recording, function, owner, args, kwargs)
    method = inspect.getattr_static(type(function), "__call__", None)
    if isinstance(method, types.FunctionType):
        load(recording, fixed_place(type(function)).attribute("__call__"), method)
        return call(recording, method, (function, *args), kwargs)
    return _call_unknown(recording, function, args, kwargs)


def _call_unknown(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    if _is_pure(function) and not stand_ins((args, kwargs)):
        return function(*args, **kwargs)
    return _ask_dtypes(recording, function, args, kwargs)


CALLING_BACK = (map, filter, sorted, min, max)
"""Builtins that call a function they are given."""


def _call_with_callback(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    if function in (map, filter) and args and callable(args[0]):
        args = (followed(recording, args[0]), *args[1:])
    if callable(kwargs.get("key")):
        kwargs = {**kwargs, "key": followed(recording, kwargs["key"])}
    return function(*args, **kwargs)


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


ASKING_NOTHING = frozenset(
    {isinstance, type, callable, id, issubclass, object, super, property, staticmethod, classmethod}
)


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


def is_ours(function: Any) -> bool:
    """Return whether a class is tracegraph's own, made for being used in recorded code."""
    module = getattr(function, "__module__", None) or ""
    return isinstance(function, type) and module.partition(".")[0] == "tracegraph"


def _ask_dtypes(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    """Answer what depends on nothing recorded but dtypes, which are guarded; nothing else."""
    given = stand_ins((args, kwargs))
    if not is_about_dtypes(function) or any(x.is_python_scalar or is_abstract(x) for x in given):
        return escape(recording, function, args, kwargs)
    return function(*real_of(args), **real_of(kwargs))


def _is_pure(function: Any) -> bool:
    module = getattr(function, "__module__", None) or ""
    if isinstance(function, type) and issubclass(function, (np.generic, np.dtype)):
        return True
    if module.startswith("numpy"):
        return function in PURE_OF_NUMPY or is_about_dtypes(function)
    return module in PURE_MODULES or function in (
        math.prod, divmod, pow, hash, repr, str, bytes, chr, ord, hex, bool, int, float, complex,
    )  # fmt: skip


def _call_function(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    module = function.__module__ or ""
    if is_twin_code(function.__code__):
        return function(*args, **kwargs)
    if is_library(module) and not module.startswith(OUR_USER_CODE):
        if module.startswith("tracegraph"):
            return function(*args, **kwargs)
        if module.startswith("numpy") and not stand_ins((args, kwargs)) and _is_pure(function):
            return function(*args, **kwargs)
        if named_tuple_method(function, args):
            return function(*args, **kwargs)
        return escape(recording, function, args, kwargs)
    if is_generator_like(function):
        return _call_generator(recording, function, args, kwargs)
    return call_twin(recording, function, args, kwargs)


def _call_generator(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return escape(recording, function, args, kwargs)
    return call_twin(recording, function, args, kwargs)


def _call_builtin_method(
    recording: Recording, function: Any, owner: Any, args: Any, kwargs: Any
) -> Any:
    """A method of a list, dict, str ...: of an object made inside, or one that changes nothing."""
    name = function.__name__
    copy = recording.externals.copy_of(owner)
    if is_stream(owner):
        return call(recording, getattr(type(owner), name), (owner, *args), kwargs)
    if copy is None and isinstance(owner, (list, dict, set, tuple)):
        return function(*args, **kwargs)
    for kind, names in READS.items():
        if type(owner) is kind and (names is None or name in names):
            if kind in (str, bytes):
                return _call_on_text(recording, function, args, kwargs)
            return function(*args, **kwargs)
    if copy is not None and name == "append" and isinstance(owner, list):
        return _append(recording, copy, args[0])
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


def _append(recording: Recording, copy: Any, value: Any) -> None:
    """Append to an outside list: now, and in compiled calls after the computation."""
    place = copy.place
    if recording.externals.has_varied(place, len(copy.actual)):
        reason = "an outside list grows from call to call; return the values instead"
        recording.give_up(reason, lost=False)
    stored = leaving(recording, value)
    recording.externals.places.setdefault(id(copy.actual), place)
    recording.effects.append(Effect(list.append, (copy.actual, value), {}))
    copy.actual.append(stored)
    copy.copy.append(value)
    copy.items.append(value)


def escape(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    """Call code that cannot be followed, with real values; the recording ends."""
    name = getattr(function, "__qualname__", getattr(function, "__name__", repr(function)))
    module = getattr(function, "__module__", None)
    shown = f"{module}.{name}" if module and module != "builtins" else name
    recording.give_up(
        f"{shown} cannot be recorded: its effects and results are not known; use NumPy functions, "
        "or call it outside of the compiled function",
        lost=holds_recorded((args, kwargs))
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
    getter = property_of(recording, owner, name)
    if getter is not None:
        return call(recording, getter, (owner,), {})
    return get_attribute(recording, owner, name)


def _hasattr(recording: Recording, owner: Any, name: str) -> bool:
    try:
        attribute_of(recording, owner, name)
    except AttributeError:
        return False
    return True


FORMS = {**SPECIAL, getattr: _getattr, hasattr: _hasattr} | {
    function: functools.partial(form, call) for function, form in CALLING_FORMS.items()
}
"""Builtins with a recordable form."""
