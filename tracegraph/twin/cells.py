"""The closure cells through which the rewritten code reaches its hooks.

A twin has free variables whose names no program can write. Most are hooks (`$call` is `hooks.call`,
see `hooks.Hooks`); the others are small helpers around them:

    $attribute(o, "n").value     the target `o.n`: set and deleted through setattr and delattr
    $item(o, i).value            the target `o[i]`
    $global("G").value           the target `G`, a global; stored through store_global
    $cell("c").value             the target `c` of a function around; stored through store_cell
    $augment_attribute(o, "n", "+=")(v)    `o.n += v`: reads at the first call, stores at the second
    $augment_item(o, i, "+=")(v)           `o[i] += v`
    $deferred(f)                 stands for f where Python itself makes the call
    $storing_global("G")         a decorator that stores what it decorates; $storing_cell likewise
    $in(item, container)         hooks.contains, in the order in which `in` evaluates
    $imported("m", "n", value)   what `from m import n` gave, read again through getattr to be seen
    $slice                       the builtin, whatever the module calls `slice`
    $exit("break", "return")     how the body of a loop may be left; notes how it was
    $visible(names)              the result of `locals()`, without `$` names
"""

import builtins
import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import resolve_name
from types import CellType, FunctionType, ModuleType
from typing import Any

from tracegraph.twin.hooks import Exit, Hooks


class AttributeTarget:
    """`o.n` where it is stored or deleted."""

    __slots__ = ("hooks", "name", "owner")

    def __init__(self, hooks: Hooks, owner: Any, name: str) -> None:
        self.hooks, self.owner, self.name = hooks, owner, name

    def _store(self, value: Any) -> None:
        self.hooks.setattr(self.owner, self.name, value)

    def _delete(self) -> None:
        self.hooks.delattr(self.owner, self.name)

    value = property(None, _store, _delete)


class ItemTarget:
    """`o[i]` where it is stored or deleted."""

    __slots__ = ("hooks", "index", "owner")

    def __init__(self, hooks: Hooks, owner: Any, index: Any) -> None:
        self.hooks, self.owner, self.index = hooks, owner, index

    def _store(self, value: Any) -> None:
        self.hooks.setitem(self.owner, self.index, value)

    def _delete(self) -> None:
        self.hooks.delitem(self.owner, self.index)

    value = property(None, _store, _delete)


class GlobalTarget:
    """A global name where it is stored."""

    __slots__ = ("hooks", "name", "namespace")

    def __init__(self, hooks: Hooks, namespace: dict[str, Any], name: str) -> None:
        self.hooks, self.namespace, self.name = hooks, namespace, name

    def _store(self, value: Any) -> None:
        # As STORE_GLOBAL: a subclass of dict is not asked.
        dict.__setitem__(self.namespace, self.name, self.hooks.store_global(self.name, value))

    value = property(None, _store)


class CellTarget:
    """A variable of a function around the user's function where it is stored."""

    __slots__ = ("cell", "hooks", "name")

    def __init__(self, hooks: Hooks, cells: Mapping[str, CellType], name: str) -> None:
        self.hooks, self.cell, self.name = hooks, cells[name], name

    def _store(self, value: Any) -> None:
        self.cell.cell_contents = self.hooks.store_cell(self.name, value)

    value = property(None, _store)


def _augment_attribute(hooks: Hooks, owner: Any, name: str, operator: str) -> Callable[[Any], None]:
    old = hooks.getattr(owner, name)
    return lambda value: hooks.setattr(owner, name, hooks.inplace(operator, old, value))


def _augment_item(hooks: Hooks, owner: Any, index: Any, operator: str) -> Callable[[Any], None]:
    old = hooks.getitem(owner, index)
    return lambda value: hooks.setitem(owner, index, hooks.inplace(operator, old, value))


class Deferred(partial[Any]):
    """A call of `$call` that Python makes: `Deferred(call, f)(*a)` is `call(f, *a)`.

    It answers every question as `f` does, since Python's errors about `*` and `**` name the callee.
    """

    def __getattribute__(self, name: str) -> Any:
        return getattr(super().__getattribute__("args")[0], name)

    def __str__(self) -> str:
        return str(super().__getattribute__("args")[0])


def _deferred(hooks: Hooks, function: Any) -> Any:
    # What cannot be called is left to raise Python's own error, ahead of any about its arguments.
    return Deferred(hooks.call, function) if callable(function) else function


def _visible(names: Any) -> Any:
    if isinstance(names, list):
        return [name for name in names if not name.startswith("$")]
    return {name: value for name, value in names.items() if not name.startswith("$")}


def _in(hooks: Hooks, item: Any, container: Any) -> Any:
    return hooks.contains(container, item)


_MADE_OF_HOOKS: dict[str, Callable[[Hooks], Any]] = {
    "attribute": lambda hooks: partial(AttributeTarget, hooks),
    "item": lambda hooks: partial(ItemTarget, hooks),
    "augment_attribute": lambda hooks: partial(_augment_attribute, hooks),
    "augment_item": lambda hooks: partial(_augment_item, hooks),
    "deferred": lambda hooks: partial(_deferred, hooks),
    "storing_global": lambda hooks: partial(partial, hooks.store_global),
    "storing_cell": lambda hooks: partial(partial, hooks.store_cell),
    "in": lambda hooks: partial(_in, hooks),
    "slice": lambda hooks: builtins.slice,
    "exit": lambda hooks: Exit,
    "visible": lambda hooks: _visible,
}

_HOOKS = (
    *("call", "getattr", "getitem", "inplace", "is_", "new", "iter", "format", "joined", "manager"),
    *("load_global", "load_cell", "store_global", "store_cell", "frame_access"),
    *("loop", "while_", "rebinds", "held", "used", "caught"),
)

NAMES = tuple(f"${name}" for name in (*_HOOKS, *_MADE_OF_HOOKS, "global", "cell", "imported"))


def _imported(hooks: Hooks, namespace: dict[str, Any], origin: str, name: str, value: Any) -> Any:
    try:
        module = sys.modules[resolve_name(origin, namespace.get("__package__"))]
    except (ImportError, KeyError):
        module = None
    if isinstance(module, ModuleType) and vars(module).get(name, _imported) is value:
        return hooks.getattr(module, name)
    hooks.frame_access(f"from {origin} import {name}")
    return value


def closure_of(
    names: tuple[str, ...], function: FunctionType, hooks: Hooks
) -> tuple[CellType, ...]:
    """The cells for a twin's free variables: the user's own, and new ones for the hooks."""
    own = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))

    def cell(name: str) -> CellType:
        return own.get(name) or CellType(_value(name[1:], function, hooks, own))

    return tuple(map(cell, names))


def _value(name: str, function: FunctionType, hooks: Hooks, own: Mapping[str, CellType]) -> Any:
    if name == "global":
        return partial(GlobalTarget, hooks, function.__globals__)
    if name == "imported":
        return partial(_imported, hooks, function.__globals__)
    if name == "cell":
        return partial(CellTarget, hooks, own)
    make = _MADE_OF_HOOKS.get(name)
    return make(hooks) if make is not None else getattr(hooks, name)
