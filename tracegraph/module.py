"""``Module``: what belongs together in a model, as an object with attributes.

A Module's Variables, arrays, Modules and containers of them are its children as a tree, so that
``tree_map`` and the transformations take it apart and put it together; all else that it holds
(numbers, names, functions) belongs to its structure.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tracegraph.calls import attribute_of
from tracegraph.codegen.signature import Structure
from tracegraph.containers import KINDS, register_node
from tracegraph.ir.errors import TreeError
from tracegraph.outside import opened
from tracegraph.places import Place
from tracegraph.recording import Recording
from tracegraph.standin import ArrayHolder, Traced
from tracegraph.tree import flatten
from tracegraph.variable import Variable


class Module:
    """Base class of models: attributes that are Variables, Modules, or containers of them.

    A subclass sets its attributes in ``__init__`` and defines ``__call__`` (or ``call``, which
    ``__call__`` then calls). It is a container as far as trees are concerned.

    Raises
    ------
    TreeError
        A subclass has ``__slots__``, where no attribute of a tree can be found.

    Examples
    --------
    >>> import numpy as np
    >>> import tracegraph as tg
    >>> class Line(tg.Module):
    ...     def __init__(self):
    ...         self.slope, self.offset = tg.Variable(3.0), tg.Variable(2.0)
    ...     def __call__(self, x):
    ...         return self.slope * x + self.offset
    >>> line = Line()
    >>> line(np.array([0.0, 1.0]))
    Tensor([2., 5.])
    >>> line.variables
    [Variable(3.), Variable(2.)]
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if cls.__dict__.get("__slots__"):
            raise TreeError(
                f"{cls.__qualname__} has __slots__; a Module keeps its attributes without"
            )
        register_node(cls, _take, _builder(cls), names_fn=lambda aux: aux.children)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Return ``self.call(*args, **kwargs)``; subclasses define one or the other."""
        call = getattr(self, "call", None)
        if call is None:
            raise NotImplementedError(f"{type(self).__name__} defines neither __call__ nor call")
        return call(*args, **kwargs)

    @property
    def variables(self) -> list[Variable]:
        """Its Variables and those of what it holds, each once, in the order of the attributes."""
        found: list[Variable] = find_variables(self)
        return found

    @property
    def trainable_variables(self) -> list[Variable]:
        """The Variables that have a derivative: those of float or complex dtype."""
        return [v for v in self.variables if v.dtype.kind in "fc" and getattr(v, "trainable", True)]


# -- a Module as a tree ---------------------------------------------------------------------------


class _Aux(NamedTuple):
    """What a Module holds beside its children, and how its attributes are ordered."""

    children: tuple[str, ...]
    names: tuple[str, ...]
    rest: tuple[Any, ...]

    def __hash__(self) -> int:  # what is held need not be hashable
        return hash((self.children, self.names))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Aux) or self[:2] != other[:2]:
            return False
        pairs = zip(self.rest, other.rest, strict=True)
        return all(a is b or (type(a) is type(b) and bool(a == b)) for a, b in pairs)

    def __ne__(self, other: object) -> bool:  # a tuple has its own
        return not self == other


def _take(module: Module) -> tuple[list[Any], _Aux]:
    attributes = vars(module)
    children = {name: value for name, value in attributes.items() if _is_child(value)}
    rest = tuple(value for name, value in attributes.items() if name not in children)
    return list(children.values()), _Aux(tuple(children), tuple(attributes), rest)


def _builder(cls: type[Module]) -> Callable[[_Aux, list[Any]], Module]:
    """Return what makes a module of a class without calling its constructor."""

    def build(aux: _Aux, children: list[Any]) -> Module:
        module = object.__new__(cls)
        held = dict(zip(aux.children, children, strict=True))
        rest = iter(aux.rest)
        vars(module).update(
            {name: held[name] if name in held else next(rest) for name in aux.names}
        )
        return module

    return build


def _is_child(value: Any) -> bool:
    if KINDS[type(value)] is None:
        return _is_array(value)
    return isinstance(value, Module) or any(map(_is_array, flatten(value)[0]))


def _is_array(value: Any) -> bool:
    return type(value) is Traced or isinstance(value, (np.ndarray, np.generic, ArrayHolder))


register_node(Module, _take, _builder(Module), names_fn=lambda aux: aux.children)


# -- the Variables of a Module --------------------------------------------------------------------


class _FindVariables:
    """Walks over a Module; in a recording it notes what the answer depends on, and no more."""

    def __call__(self, module: Module) -> list[Variable]:
        return _walk(module, _parts)

    def __tracegraph_call__(self, recording: Recording, args: Any, kwargs: Any) -> list[Variable]:
        """Take part in a recording: attributes that hold no Variables are guarded by class only."""
        del kwargs
        return _walk(args[0], lambda item: _noted_parts(recording, item))


find_variables = _FindVariables()


def _walk(root: Any, parts: Callable[[Any], list[Any]]) -> list[Variable]:
    found: list[Variable] = []
    seen: dict[int, Any] = {}  # what was met, kept so that the ids stay theirs
    pending = [root]
    while pending:
        item = pending.pop()
        if id(item) in seen:
            continue
        seen[id(item)] = item
        if isinstance(item, Variable):
            found.append(item)
        else:
            pending.extend(reversed(parts(item)))
    return found


def _parts(item: Any) -> list[Any]:
    if isinstance(item, Module):
        return list(vars(item).values())
    kind = KINDS[type(item)]
    return [] if kind is None or isinstance(item, ArrayHolder) else list(kind.flatten(item)[0])


def _noted_parts(recording: Recording, item: Any) -> list[Any]:
    item = opened(item)
    if isinstance(item, Module):
        place = recording.externals.place_of(item)
        return _parts(item) if place is None else _noted_attributes(recording, item, place)
    parts = _parts(item)
    if type(item) not in (tuple, list, dict) and _walk(parts, _parts):
        recording.give_up(
            f"the variables of a Module are asked for, and a {type(item).__name__} holds some; "
            "keep them in attributes, lists, tuples or dicts"
        )
    return parts


def _noted_attributes(recording: Recording, module: Module, place: Place) -> list[Any]:
    externals = recording.externals
    attributes = vars(module)
    names = place.attribute("__dict__")
    if names.key not in externals.positions:
        keys = tuple(attributes)
        spec = Structure(source=names.source, type=dict, length=len(attributes), keys=keys)
        externals.add(names, spec)
    parts = []
    for name, value in list(attributes.items()):
        if isinstance(value, (Variable, Module)) or KINDS[type(value)] is not None:
            parts.append(attribute_of(recording, module, name))
        elif not externals.stored(module, name)[0]:
            externals.load(place.attribute(name).attribute("__class__"), type(value))
    return parts
