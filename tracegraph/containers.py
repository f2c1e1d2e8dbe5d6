"""Containers: which classes are taken apart into children, and how: `KINDS[cls]`, None for leaves.

Known from the start are tuple, list, dict, OrderedDict, defaultdict and None (an empty container);
named tuples and dataclasses are recognised; any other class is one after `register_node`. Classes
count exactly: a subclass of a builtin container is not one itself, since what it adds is unknown.
"""

import dataclasses
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from enum import Enum
from typing import Any, NamedTuple

from tracegraph.ir.errors import TreeError

__all__ = ["KINDS", "TUPLE", "Kind", "register_node"]


class _Style(NamedTuple):
    """How a child and its key are shown: in a path, and within the text of the container."""

    in_path: str
    in_text: str


_POSITIONS = _Style("[{key}]", "{text}")
_ITEMS = _Style("[{key!r}]", "{key!r}: {text}")
_ATTRIBUTES = _Style(".{key}", "{key}={text}")


class Kind(NamedTuple):
    """How one class of containers is taken apart, put together and shown.

    What a container holds beside its children is its `aux`, hashable and compared by ``==``.
    """

    flatten: Callable[[Any], tuple[Iterable[Any], Hashable]]  # container -> (children, aux)
    build: Callable[[Any, list[Any]], Any]  # (aux, children) -> container
    keys: Callable[[Any, int], Iterable[Any]]  # (aux, number of children) -> what tells them apart
    style: _Style
    brackets: tuple[str, str]

    def paths(self, path: str, aux: Any, arity: int) -> list[str]:
        """Return the paths of the children, given that of the container."""
        return [path + self.style.in_path.format(key=key) for key in self.keys(aux, arity)]

    def show(self, aux: Any, texts: list[str]) -> str:
        """Return the container as text, given the texts of its children."""
        pairs = zip(self.keys(aux, len(texts)), texts, strict=True)
        items = [self.style.in_text.format(key=key, text=text) for key, text in pairs]
        comma = "," if self is TUPLE and len(items) == 1 else ""
        return self.brackets[0] + ", ".join(items) + comma + self.brackets[1]


def register_node(
    cls: type,
    flatten_fn: Callable[[Any], tuple[Iterable[Any], Hashable]],
    unflatten_fn: Callable[[Any, list[Any]], Any],
    *,
    names_fn: Callable[[Any], Sequence[str]] | None = None,
) -> None:
    """Make a class a container, and not its subclasses: `__init_subclass__` may register each.

    Parameters
    ----------
    cls : type
        The class, for good: there is no way to take it back.
    flatten_fn : callable
        ``flatten_fn(obj) -> (children, aux)``; `aux` is hashable and holds everything else.
    unflatten_fn : callable
        ``unflatten_fn(aux, children) -> obj``.
    names_fn : callable, optional
        ``names_fn(aux) -> names``: the attributes that hold the children. Without it messages
        count the children.

    Raises
    ------
    TreeError
        If the class is a container already.

    Examples
    --------
    >>> from tracegraph.tree import flatten, leaf_paths
    >>> class Pair:
    ...     def __init__(self, a, b):
    ...         self.a, self.b = a, b
    >>> def take(pair):
    ...     return (pair.a, pair.b), None
    >>> register_node(Pair, take, lambda _, ab: Pair(*ab), names_fn=lambda _: ("a", "b"))
    >>> treedef = flatten(Pair(1, [2]))[1]
    >>> treedef, leaf_paths(treedef, "pair")
    (TreeDef(Pair(a=*, b=[*])), ['pair.a', 'pair.b[0]'])
    """
    if cls in _REGISTERED:
        raise TreeError(
            f"{cls.__qualname__} is a container already: register a class once, where it is defined"
        )
    if names_fn is not None:
        kind = _attribute_kind(cls, flatten_fn, unflatten_fn, names_fn)
    else:
        kind = Kind(flatten_fn, unflatten_fn, _count, _POSITIONS, _call(cls))
    _REGISTERED[cls] = kind
    KINDS.clear()


def _count(aux: object, arity: int) -> range:
    return range(arity)


def _call(cls: type) -> tuple[str, str]:
    return (f"{cls.__name__}(", ")")


# What a dict holds beside its values: the keys; what tells them apart where `==` does not (1, True
# and 1.0; 0.0 and -0.0), empty if all are strings; the factory of missing values.
_DictAux = tuple[tuple[Any, ...], tuple[Hashable, ...], Callable[[], Any] | None]


def _take_dict(tree: dict[Any, Any]) -> tuple[Iterable[Any], _DictAux]:
    exact = () if _STR.issuperset(map(type, tree)) else tuple(map(_exact, tree))
    return tree.values(), (tuple(tree), exact, getattr(tree, "default_factory", None))


def _exact(key: Any) -> Hashable:
    if isinstance(key, tuple):
        return (type(key), tuple(map(_exact, key)))
    return (type(key), repr(key) if isinstance(key, (float, complex)) else key)


def _dict_kind(build: Callable[[_DictAux, list[Any]], Any], brackets: tuple[str, str]) -> Kind:
    return Kind(_take_dict, build, lambda aux, _: aux[0], _ITEMS, brackets)


def _attribute_kind(
    cls: type,
    take: Callable[[Any], tuple[Iterable[Any], Hashable]],
    build: Callable[[Any, list[Any]], Any],
    names: Callable[[Any], Sequence[str]] = lambda aux: aux,
) -> Kind:
    """Return the kind of a class whose children are attributes, `names(aux)`."""
    return Kind(take, build, lambda aux, _: names(aux), _ATTRIBUTES, _call(cls))


def _set_attributes(obj: Any, names: Iterable[str], values: Iterable[Any]) -> Any:
    for name, value in zip(names, values, strict=True):
        object.__setattr__(obj, name, value)  # also if the class is frozen
    return obj


def _namedtuple_kind(cls: Any) -> Kind:
    """Return the kind of a named tuple; a subclass may hold attributes beside its fields."""
    size = len(cls._fields)

    def take(tree: Any) -> tuple[list[Any], tuple[str, ...]]:
        beside = getattr(tree, "__dict__", {})
        return [*tuple.__iter__(tree), *beside.values()], (*cls._fields, *beside)

    def build(names: tuple[str, ...], children: list[Any]) -> Any:
        tree = tuple.__new__(cls, children[:size])
        return _set_attributes(tree, names[size:], children[size:])

    return _attribute_kind(cls, take, build)


def _dataclass_kind(cls: Any) -> Kind:
    """Return the kind of a dataclass: its fields, then what else an instance holds."""
    fields = tuple(field.name for field in dataclasses.fields(cls))

    def take(tree: Any) -> tuple[list[Any], tuple[str, ...]]:
        state: Any = object.__getstate__(tree)  # __dict__ or None, or (__dict__ or None, slots)
        if type(state) is dict and tuple(state) == fields:
            return list(state.values()), fields
        parts = state if isinstance(state, tuple) else (state,)
        beside = [name for part in parts for name in part or () if name not in fields]
        names = (*(name for name in fields if hasattr(tree, name)), *beside)
        return [getattr(tree, name) for name in names], names

    def build(names: tuple[str, ...], children: list[Any]) -> Any:
        return _set_attributes(object.__new__(cls), names, children)

    return _attribute_kind(cls, take, build)


def _classify(cls: type) -> Kind | None:
    """Return the kind of a class of containers, None for a class of leaves."""
    if cls in _REGISTERED:
        return _REGISTERED[cls]
    if issubclass(cls, Enum):
        return None
    if issubclass(cls, tuple) and isinstance(getattr(cls, "_fields", None), tuple):
        return _namedtuple_kind(cls)
    if dataclasses.is_dataclass(cls) and _has_plain_layout(cls):
        return _dataclass_kind(cls)
    return None


def is_dataclass(cls: type) -> bool:
    """Return whether instances of a class are taken apart into what a dataclass holds."""
    is_own = cls not in _REGISTERED and not issubclass(cls, tuple)
    return is_own and KINDS[cls] is not None


def _has_plain_layout(cls: type) -> bool:
    """Say whether `object.__new__` may make instances: no base is a builtin (exception, dict)."""
    heap_type = 1 << 9  # Py_TPFLAGS_HEAPTYPE: not a static type of C code
    return all(base is object or base.__flags__ & heap_type for base in cls.__mro__)


class _Kinds(dict[type, Kind | None]):
    """`_classify`, remembered. Bounded, so that classes made at run time are not kept for good."""

    def __missing__(self, cls: type) -> Kind | None:
        if len(self) >= 1024:
            self.clear()
        kind = self[cls] = _classify(cls)
        return kind


_STR = frozenset({str})
TUPLE = Kind(lambda t: (t, None), lambda _, c: tuple(c), _count, _POSITIONS, ("(", ")"))
_REGISTERED = {  # `register_node` adds to these
    tuple: TUPLE,
    list: Kind(lambda t: (t, None), lambda _, c: c, _count, _POSITIONS, ("[", "]")),
    type(None): Kind(lambda _: ((), None), lambda *_: None, _count, _POSITIONS, ("None", "")),
    dict: _dict_kind(lambda a, c: dict(zip(a[0], c, strict=True)), ("{", "}")),
    OrderedDict: _dict_kind(
        lambda a, c: OrderedDict(zip(a[0], c, strict=True)), ("OrderedDict({", "})")
    ),
    defaultdict: _dict_kind(
        lambda a, c: defaultdict(a[2], zip(a[0], c, strict=True)), ("defaultdict({", "})")
    ),
}
KINDS = _Kinds()
