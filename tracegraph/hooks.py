"""What the twin of a user's function does at each call, load and store while it is recorded."""

from __future__ import annotations

import builtins
import functools
import inspect
import math
import operator
import sys
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from tracegraph.externals import Place, cell_place, fixed_place, global_place
from tracegraph.ir.graph import Site
from tracegraph.numpy.table import RULES
from tracegraph.dispatch import as_real
from tracegraph.recording import Effect, Method, Recording, active, is_numpy, paused, real_of, stand_ins
from tracegraph.standin import ArrayHolder, Text, Traced, TracedSize
from tracegraph.tensor import Tensor
from tracegraph.twin import PlainHooks, TwinError, is_generator_like, is_twin_code, make_twin
from tracegraph.twin.plain import INPLACE

Inlined = Callable[[Recording, Any, tuple[Any, ...], dict[str, Any]], Any]

PURE_MODULES = frozenset({"math", "cmath", "operator", "_operator", "itertools", "numpy"})
"""Modules whose functions have no effects: called on values that are not recorded they are known."""

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
    range, slice, str.join, getattr, hasattr, callable, id, issubclass, type, isinstance, len,
    functools.partial, object, staticmethod, classmethod, property, super,
)  # fmt: skip
"""Builtins that only rearrange what they are given, or ask it in ways that stand-ins answer."""

PASSING_SET = dict.fromkeys(PASSING, True)

OUR_USER_CODE = ("tracegraph.module", "tracegraph.optimizers", "tracegraph.demo")
"""Our modules that are plain NumPy code, recorded as a user's is."""


class RecordingHooks(PlainHooks):
    """The hooks of one function; they are plain where nothing is being recorded."""

    def __init__(self, function: types.FunctionType) -> None:
        self.namespace = function.__globals__
        names = function.__code__.co_freevars
        self.cells = dict(zip(names, function.__closure__ or (), strict=True))

    # -- loads ----------------------------------------------------------------------------------

    def load_global(self, name: str, value: Any, /) -> Any:
        recording = active()
        if recording is None or not recording.is_noting:
            return value
        return load(recording, global_place(self.namespace, name), value)

    def load_cell(self, name: str, value: Any, /) -> Any:
        recording = active()
        if recording is None or not recording.is_noting or name not in self.cells:
            return value
        return load(recording, cell_place(self.cells[name]), value)

    def getattr(self, owner: Any, name: str, /) -> Any:  # type: ignore[override]  # PlainHooks has the builtin itself
        recording = active()
        if recording is None or not recording.is_noting:
            return builtins.getattr(owner, name)
        return get_attribute(recording, owner, name)

    def getitem(self, owner: Any, index: Any, /) -> Any:  # type: ignore[override]  # as above
        recording = active()
        if recording is None:
            return owner[index]
        return get_item(recording, owner, index)

    # -- stores ---------------------------------------------------------------------------------

    def setattr(self, owner: Any, name: str, value: Any, /) -> None:  # type: ignore[override]  # as above
        recording = active()
        if recording is None:
            builtins.setattr(owner, name, value)
        else:
            set_attribute(recording, owner, name, value)

    def setitem(self, owner: Any, index: Any, value: Any, /) -> None:  # type: ignore[override]  # as above
        recording = active()
        if recording is None:
            owner[index] = value
        else:
            set_item(recording, owner, index, value)

    def delattr(self, owner: Any, name: str, /) -> None:  # type: ignore[override]  # as above
        give_up("an attribute is deleted")
        builtins.delattr(owner, name)

    def delitem(self, owner: Any, index: Any, /) -> None:  # type: ignore[override]  # as above
        recording = active()
        if recording is not None and recording.externals.copy_of(owner) is not None:
            recording.give_up("an item of an outside container is deleted")
        del owner[index]

    def store_global(self, name: str, value: Any, /) -> Any:
        give_up(f"the global {name} is assigned; return the value instead")
        return released(value)

    def store_cell(self, name: str, value: Any, /) -> Any:
        give_up(f"the outer variable {name} is assigned; return the value instead")
        return released(value)

    def inplace(self, operator: str, left: Any, right: Any, /) -> Any:
        recording = active()
        function = INPLACE[operator]
        if recording is not None and recording.externals.copy_of(left) is not None:
            recording.give_up("an outside container is changed in place")
        return function(left, right)

    # -- the rest -------------------------------------------------------------------------------

    def call(self, function: Any, /, *args: Any, **kwargs: Any) -> Any:  # type: ignore[override]  # as above
        recording = active()
        if recording is None:
            return function(*args, **kwargs)
        return call(recording, function, args, kwargs)

    def is_(self, left: Any, right: Any, /) -> Any:  # type: ignore[override]  # as above
        if type(left) is Traced and type(right) is Traced:
            return left.real is right.real
        return left is right

    def format(self, value: Any, conversion: str, spec: Any, /) -> Any:
        if not holds_recorded((value, spec)):
            return super().format(value, conversion, spec)
        return text_of(_formatted, value, conversion, spec)

    def joined(self, /, *parts: Any) -> Any:
        if any(type(part) is Text for part in parts):
            return text_of(_joined, *parts)
        return "".join(parts)

    def frame_access(self, name: str, /) -> None:
        give_up(f"{name} looks into the running function; pass the values as arguments")


def _formatted(value: Any, conversion: str, spec: str) -> str:
    return PlainHooks().format(value, conversion, spec)


def _joined(*parts: str) -> str:
    return "".join(parts)


def holds_recorded(value: Any) -> bool:
    """Return whether text made of a value would be made of recorded values."""
    kind = type(value)
    if kind in (tuple, list):
        return any(map(holds_recorded, value))
    if kind is dict:
        return any(map(holds_recorded, value.values()))
    if isinstance(value, ArrayHolder):
        return type(value._read()) is Traced
    return kind in (Traced, Text)


def text_of(function: Callable[..., str], *args: Any) -> Any:
    """Return text that is made of recorded values: now, and again at each compiled call."""
    recording = active()
    parts = [real_text_part(arg) for arg in args]
    with paused():
        real = function(*parts)
    if recording is None or not recording.is_noting:
        return real
    return Text(recording, function, args, real)


def real_text_part(value: Any) -> Any:
    """Return what text is made of, with real arrays in the Tensors too."""
    if isinstance(value, ArrayHolder):
        data = as_real(value._read())
        with paused():
            return Tensor(data) if type(value) is Tensor else value
    if type(value) in (tuple, list):
        return type(value)(map(real_text_part, value))
    return real_of(value)


def hooks_for(function: types.FunctionType) -> RecordingHooks:
    """Return the hooks that a twin of ``function`` is bound to."""
    return RecordingHooks(function)


def give_up(reason: str) -> None:
    """Drop the pen of the active recording, if there is one."""
    recording = active()
    if recording is not None:
        recording.give_up(reason)


def released(value: Any) -> Any:
    """Return a value as it may leave: no stand-ins in it."""
    return real_of(value)


# -- loads and stores on objects ----------------------------------------------------------------


def load(recording: Recording, place: Place, value: Any) -> Any:
    """Return what the function sees of an outside value."""
    if type(value) in (Traced, TracedSize):
        return value
    return recording.externals.load(place, value)


def get_attribute(recording: Recording, owner: Any, name: str) -> Any:
    if type(owner) in (Traced, TracedSize, Method) or isinstance(owner, ArrayHolder):
        return builtins.getattr(owner, name)
    if isinstance(owner, types.ModuleType):
        return _module_attribute(recording, owner, name)
    place = recording.externals.place_of(owner)
    if place is None:
        return builtins.getattr(owner, name)
    was_stored, value = recording.externals.stored(owner, name)
    if was_stored:
        return value
    static = inspect.getattr_static(type(owner), name, None)
    if isinstance(static, property) and static.fget is not None:
        return call(recording, static.fget, (owner,), {})
    value = builtins.getattr(owner, name)
    if isinstance(value, types.MethodType) and value.__self__ is owner:
        recording.externals.load(fixed_place(type(owner)).attribute(name), value.__func__)
        return value
    return load(recording, place.attribute(name), value)


def _module_attribute(recording: Recording, module: types.ModuleType, name: str) -> Any:
    value = builtins.getattr(module, name)
    if is_library(module.__name__):
        return value
    return load(recording, global_place(vars(module), name), value)


def is_library(module: str) -> bool:
    """Return whether nobody is expected to change a module's names: NumPy's, Python's and ours."""
    top = module.partition(".")[0]
    return top in ("numpy", "tracegraph") or top in sys.stdlib_module_names


def get_item(recording: Recording, owner: Any, index: Any) -> Any:
    if type(owner) is Traced or isinstance(owner, ArrayHolder) or not recording.is_noting:
        return owner[index]
    if isinstance(owner, np.ndarray) and type(owner) is np.ndarray:
        return recording.call(operator.getitem, (owner, index), {})
    is_outside = recording.externals.place_of(owner) is not None
    if isinstance(owner, (list, tuple, dict, str)) and not is_outside:
        if type(index) is Traced:
            index = recording.observe(index)
        return owner[index]
    if RULES.get(owner) is not None:
        return recording.call(owner, (index,), {})
    if recording.externals.place_of(owner) is not None or stand_ins(index):
        recording.give_up(f"an item of a {type(owner).__name__} is read")
    return owner[real_of(index)]


def set_item(recording: Recording, owner: Any, index: Any, value: Any) -> None:
    if type(owner) is Traced or isinstance(owner, ArrayHolder):
        owner[index] = value
        return
    if type(owner) is np.ndarray and recording.is_noting:
        recording.call(operator.setitem, (owner, index, value), {})
        return
    copy = recording.externals.copy_of(owner)
    if copy is not None:
        recording.give_up("an item of an outside container is assigned; return the value instead")
    if copy is None and not isinstance(owner, (list, dict)):
        recording.give_up(f"an item of a {type(owner).__name__} is assigned")
        index, value = real_of(index), real_of(value)
    owner[index] = value


def set_attribute(recording: Recording, owner: Any, name: str, value: Any) -> None:
    if type(owner) is Traced:
        setattr(owner, name, value)
        return
    place = recording.externals.place_of(owner)
    static = inspect.getattr_static(type(owner), name, None)
    if place is None or hasattr(static, "__set__"):
        recording.give_up(f"the attribute {name!r} of an object is assigned; return the value instead")
    if recording.is_noting:
        recording.externals.store(owner, name, value)
        recording.effects.append(Effect(builtins.setattr, (owner, name, value), {}))
    builtins.setattr(owner, name, real_of(value))


# -- calls --------------------------------------------------------------------------------------


def call(recording: Recording, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call something on behalf of a recorded function."""
    if isinstance(function, functools.partial) and type(function) is functools.partial:
        merged = {**function.keywords, **kwargs}
        return call(recording, function.func, (*function.args, *args), merged)
    if not recording.is_noting:
        return _call_plainly(function, args, kwargs)
    inline = getattr(type(function), "__tracegraph_call__", None)
    if inline is not None:
        return inline(function, recording, args, kwargs)
    special = _lookup(SPECIAL, function)
    if special is not None:
        return special(recording, *args, **kwargs)
    if type(function) is Method:
        return function(*args, **kwargs)
    has_rule = _lookup(RULES, function) is not None
    if (has_rule or is_numpy(function)) and _has_holder((args, kwargs)):
        return function(*args, **kwargs)
    if has_rule and _concerns_arrays(recording, function, args, kwargs):
        return recording.call(function, args, kwargs)
    return _call_other(recording, function, args, kwargs)


def _has_holder(value: Any) -> bool:
    """Return whether a Tensor is among arguments: NumPy and Python then ask it what to do."""
    kind = type(value)
    if kind in (tuple, list):
        return any(map(_has_holder, value))
    if kind is dict:
        return any(map(_has_holder, value.values()))
    return isinstance(value, ArrayHolder)


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


def _call_plainly(function: Any, args: Any, kwargs: Any) -> Any:
    """Call with plain values, once the pen is down; the user's own code goes on as a twin."""
    code = getattr(function, "__code__", None)
    if code is not None and is_twin_code(code):
        return function(*args, **kwargs)
    return function(*real_of(args), **real_of(kwargs))


def _call_other(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    if isinstance(function, types.FunctionType):
        return _call_function(recording, function, args, kwargs)
    if isinstance(function, types.MethodType):
        bound = (function.__self__, *args)
        return call(recording, function.__func__, bound, kwargs)
    if _lookup(PASSING_SET, function) or is_plain_class(function) or is_ours(function):
        return function(*args, **kwargs)
    owner = getattr(function, "__self__", None)
    if isinstance(function, types.BuiltinMethodType) and not isinstance(owner, types.ModuleType):
        return _call_builtin_method(recording, function, owner, args, kwargs)
    method = inspect.getattr_static(type(function), "__call__", None)
    if isinstance(method, types.FunctionType) and not isinstance(function, type):
        return call(recording, method, (function, *args), kwargs)
    if _is_pure(function) and not stand_ins((args, kwargs)):
        return function(*args, **kwargs)
    return escape(recording, function, args, kwargs)


def is_plain_class(function: Any) -> bool:
    """Return whether making an instance of a class only stores what it is given."""
    if not isinstance(function, type):
        return False
    if issubclass(function, BaseException):
        return True
    if issubclass(function, tuple) and hasattr(function, "_fields"):
        return function.__init__ is object.__init__
    is_dataclass = "__dataclass_fields__" in vars(function)
    return is_dataclass and not hasattr(function, "__post_init__")


def is_ours(function: Any) -> bool:
    """Return whether a class is tracegraph's own, made for being used in recorded code."""
    module = getattr(function, "__module__", None) or ""
    return isinstance(function, type) and module.partition(".")[0] == "tracegraph"


def _is_pure(function: Any) -> bool:
    module = getattr(function, "__module__", None) or ""
    if isinstance(function, type) and issubclass(function, (np.generic, np.dtype)):
        return True
    if module.startswith("numpy"):
        return function in (np.dtype, np.finfo, np.iinfo, np.result_type, np.issubdtype, np.errstate)
    return module in PURE_MODULES or function in (
        math.prod, divmod, pow, hash, repr, str, bytes, chr, ord, hex, bool, int, float, complex,
    )  # fmt: skip


def _call_function(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    module = function.__module__ or ""
    if is_twin_code(function.__code__):
        return function(*args, **kwargs)
    if is_library(module) and module not in OUR_USER_CODE:
        if module.startswith("tracegraph"):
            return function(*args, **kwargs)
        if module.startswith("numpy") and not stand_ins((args, kwargs)) and _is_pure(function):
            return function(*args, **kwargs)
        return escape(recording, function, args, kwargs)
    if is_generator_like(function):
        return _call_generator(recording, function, args, kwargs)
    return call_twin(recording, function, args, kwargs)


def _call_generator(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        return escape(recording, function, args, kwargs)
    return call_twin(recording, function, args, kwargs)


def call_twin(
    recording: Recording, function: types.FunctionType, args: Any, kwargs: Any
) -> Any:
    """Call the twin of a user's function."""
    try:
        twin = make_twin(function, hooks_for)
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
    copy = recording.externals.copy_of(owner)
    if isinstance(owner, (np.random.Generator, np.random.RandomState)):
        return escape(recording, function, args, kwargs)
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
    if not holds_recorded((args, kwargs)):
        return function(*args, **kwargs)
    name = function.__name__
    if name in ("format", "join"):
        return text_of(_text_method, function.__self__, name, args, kwargs)
    recording.give_up(f"str.{name} looks at recorded values")
    return function(*real_of(args), **real_of(kwargs))


def _text_method(owner: str, name: str, args: Any, kwargs: Any) -> str:
    text: str = builtins.getattr(owner, name)(*args, **kwargs)
    return text


def _append(recording: Recording, copy: Any, value: Any) -> None:
    """Append to an outside list: now to the real one, and in compiled calls after the computation."""
    place = copy.place
    if recording.externals.has_varied(place, len(copy.real)):
        recording.give_up("an outside list grows from call to call; return the values instead")
        copy.real.append(real_of(value))
        return
    recording.externals.places.setdefault(id(copy.real), place)
    recording.effects.append(Effect(list.append, (copy.real, value), {}))
    copy.real.append(real_of(value))
    copy.copy.append(value)
    copy.items.append(value)


def escape(recording: Recording, function: Any, args: Any, kwargs: Any) -> Any:
    """Call code that cannot be followed, with real values; the recording ends."""
    name = getattr(function, "__qualname__", getattr(function, "__name__", repr(function)))
    module = getattr(function, "__module__", None)
    shown = f"{module}.{name}" if module and module != "builtins" else name
    recording.give_up(
        f"{shown} cannot be recorded: its effects and results are not known; use NumPy functions, "
        "or call it outside of the compiled function"
    )
    return function(*real_of(args), **real_of(kwargs))


# -- builtins with a recordable form ------------------------------------------------------------


def _isinstance(recording: Recording, value: Any, kinds: Any) -> bool:
    del recording
    return isinstance(value, kinds)


def _type(recording: Recording, *args: Any) -> Any:
    del recording
    if len(args) == 1 and type(args[0]) is Traced:
        return args[0].kind
    return int if len(args) == 1 and type(args[0]) is TracedSize else type(*args)


def _len(recording: Recording, value: Any) -> Any:
    return recording.length(value) if type(value) is Traced else len(value)


def _print(recording: Recording, *args: Any, **kwargs: Any) -> None:
    if kwargs.get("file") is not None:
        recording.give_up("print writes to a file; print to the standard output")
    recording.effects.append(Effect(print, args, kwargs))
    shown = real_text_part(args)
    with paused():
        print(*shown, **kwargs)


def _as_text(kind: Callable[..., str]) -> Any:
    """Return the recordable form of ``str(x)``, ``repr(x)`` and ``format(x, spec)``."""

    def make(recording: Recording, *args: Any) -> Any:
        del recording
        return text_of(kind, *args) if holds_recorded(args) else kind(*args)

    return make


def _convert(kind: type) -> Any:
    """Return the recordable form of ``float(x)``, ``int(x)``, ``bool(x)``, ``complex(x)``."""

    def convert(recording: Recording, *args: Any) -> Any:
        if len(args) != 1 or type(args[0]) not in (Traced, TracedSize):
            return kind(*args)
        return recording.convert(kind, args[0])

    return convert


def _shape(recording: Recording, value: Any) -> Any:
    return value.shape if type(value) is Traced else np.shape(value)


def _ndim(recording: Recording, value: Any) -> Any:
    return value.ndim if type(value) is Traced else np.ndim(value)


def _getattr(recording: Recording, owner: Any, name: str, *default: Any) -> Any:
    try:
        return get_attribute(recording, owner, name)
    except AttributeError:
        if default:
            return default[0]
        raise


def _setattr(recording: Recording, owner: Any, name: str, value: Any) -> None:
    set_attribute(recording, owner, name, value)


def _super(recording: Recording, *args: Any) -> Any:
    del recording
    return super(*args)


SPECIAL: dict[Any, Callable[..., Any]] = {
    isinstance: _isinstance,
    type: _type,
    len: _len,
    print: _print,
    str: _as_text(str),
    repr: _as_text(repr),
    format: _as_text(format),
    float: _convert(float),
    int: _convert(int),
    bool: _convert(bool),
    complex: _convert(complex),
    np.shape: _shape,
    np.ndim: _ndim,
    getattr: _getattr,
    setattr: _setattr,
}

