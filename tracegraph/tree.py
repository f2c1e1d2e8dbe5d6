"""Trees: nested containers of arguments and results, taken apart into leaves and a structure.

What is no container (see `containers`) is a leaf. A structure is a flat tuple of nodes in
postorder: children stand before their parent, and a parent says how many it takes. It is compared
and hashed as a tuple, and no walk recurses, however deep the nesting:

    ([a, b], c)   ->   * * list/2 * tuple/2
"""

from collections.abc import Callable, Hashable, Iterable
from functools import lru_cache
from typing import Any

from tracegraph.containers import KINDS, TUPLE, Kind, register_node
from tracegraph.ir.errors import TreeError

__all__ = ["TreeDef", "flatten", "leaf_paths", "register_node", "tree_map", "unflatten"]


# A leaf, or the class of a container, what it holds beside its children, and their number.
_Node = tuple[type, Hashable, int] | None


class TreeDef:
    """The structure of a tree: what remains without the leaves. Hashable, equal by structure.

    Examples
    --------
    >>> leaves, treedef = flatten((1, {"w": 2, "b": 3}))
    >>> print(treedef)
    (*, {'w': *, 'b': *})
    >>> treedef == flatten((4, {"w": 5, "b": 6}))[1]
    True
    >>> treedef == flatten((4, {"b": 6, "w": 5}))[1]  # the order of keys is part of the structure
    False
    """

    __slots__ = ("_hash", "_nodes", "num_leaves")

    num_leaves: int

    def __init__(self, nodes: tuple[_Node, ...], num_leaves: int) -> None:
        self._nodes = nodes
        self._hash: int | None = None
        self.num_leaves = num_leaves

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return self._nodes == other._nodes if isinstance(other, TreeDef) else NotImplemented

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(self._nodes)
        return self._hash

    def __str__(self) -> str:
        texts: list[str] = []
        for node in self._nodes:
            if node is None:
                texts.append("*")
            else:
                cls, aux, arity = node
                texts.append(_kind(cls).show(aux, _pop(texts, arity)))
        return texts[0]

    def __repr__(self) -> str:
        return f"TreeDef({self})"


def flatten(tree: Any) -> tuple[list[Any], TreeDef]:
    """Take a tree apart.

    Parameters
    ----------
    tree : any object
        Nested containers of leaves; a leaf alone is a tree too.

    Returns
    -------
    leaves : list
        The leaves from left to right.
    treedef : TreeDef
        The structure, from which `unflatten` rebuilds the tree.

    Raises
    ------
    TreeError
        If a container contains itself.

    Examples
    --------
    >>> flatten({"w": [1.0, 2.0], "b": None})
    ([1.0, 2.0], TreeDef({'w': [*, *], 'b': None}))
    """
    kind = KINDS[type(tree)]
    if kind is None:
        return [tree], _LEAF
    if kind is TUPLE and _all_leaves(tree):
        return list(tree), _flat_tuple(len(tree))
    return _flatten_nested(tree)


def unflatten(treedef: TreeDef, leaves: Iterable[Any]) -> Any:
    """Put a tree together: the inverse of `flatten`.

    Containers are new objects of exactly the classes that were taken apart. Dataclass instances
    and named tuples are made without calling their constructors.

    Parameters
    ----------
    treedef : TreeDef
        The structure.
    leaves : iterable
        As many leaves as the structure has, from left to right.

    Returns
    -------
    tree : any object

    Raises
    ------
    TreeError
        If the number of leaves is not that of the structure.

    Examples
    --------
    >>> _, treedef = flatten((1, {"w": 2}))
    >>> unflatten(treedef, ["one", "two"])
    ('one', {'w': 'two'})
    """
    leaves = list(leaves)
    if len(leaves) != treedef.num_leaves:
        raise TreeError(
            f"{treedef} needs {treedef.num_leaves} leaves, one for each *, got {len(leaves)}"
        )
    if treedef is _flat_tuple(len(leaves)):
        return tuple(leaves)
    rest = iter(leaves)
    built: list[Any] = []
    for node in treedef._nodes:
        if node is None:
            built.append(next(rest))
        else:
            cls, aux, arity = node
            built.append(_kind(cls).build(aux, _pop(built, arity)))
    return built[0]


def tree_map(f: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    """Apply a function to each leaf, or to the leaves at the same place of several trees.

    Parameters
    ----------
    f : callable
        Takes one leaf of each tree, in the order of the trees.
    tree, *rest : any objects
        Trees of one structure.

    Returns
    -------
    tree : any object
        The same structure with the results as leaves.

    Raises
    ------
    TreeError
        If the trees differ in structure.

    Examples
    --------
    >>> tree_map(lambda p, g: p - 0.5 * g, {"w": 3.0, "b": [1.0]}, {"w": 2.0, "b": [4.0]})
    {'w': 2.0, 'b': [-1.0]}
    """
    leaves, treedef = flatten(tree)
    columns = [leaves]
    for position, other in enumerate(rest, start=2):
        other_leaves, other_def = flatten(other)
        if other_def != treedef:
            raise TreeError(
                f"tree_map needs trees of one structure, got {treedef} and, as tree {position},"
                f" {other_def}: pass the same containers and keys in the same order"
            )
        columns.append(other_leaves)
    return unflatten(treedef, map(f, *columns))


def leaf_paths(treedef: TreeDef, root: str = "tree") -> list[str]:
    """Name the place of each leaf as a user would write it, for messages.

    Parameters
    ----------
    treedef : TreeDef
        The structure.
    root : str
        What the tree itself is called.

    Returns
    -------
    paths : list of str
        One for each leaf, from left to right.

    Examples
    --------
    >>> leaf_paths(flatten((1, {"w": [2, 3]}))[1], "args")
    ['args[0]', "args[1]['w'][0]", "args[1]['w'][1]"]
    """
    paths: list[str] = []
    pending = [root]
    for node in reversed(treedef._nodes):  # parents first, the last child next
        path = pending.pop()
        if node is None:
            paths.append(path)
        else:
            cls, aux, arity = node
            pending += _kind(cls).paths(path, aux, arity)
    return paths[::-1]


def leaves_in_order(leaves: list[Any], treedef: TreeDef, like: TreeDef) -> list[Any] | None:
    """Return the leaves of one structure in the order of another, equal but for dicts' order.

    Returns
    -------
    leaves : list or None
        None if the structures differ by more than the order of keys.

    Examples
    --------
    >>> treedef, like = flatten({"a": 1, "b": 2})[1], flatten({"b": 3, "a": 4})[1]
    >>> leaves_in_order([1, 2], treedef, like)
    [2, 1]
    """
    if treedef == like:
        return leaves
    ones, others = _children(treedef), _children(like)
    are_leaves = (number for number, node in enumerate(treedef._nodes) if node is None)
    place = {number: k for k, number in enumerate(are_leaves)}
    found: list[Any] = []
    pending = [(len(ones) - 1, len(others) - 1)]
    while pending:
        one, other = pending.pop()
        if treedef._nodes[one] is like._nodes[other] is None:
            found.append(leaves[place[one]])
            continue
        order = _order_like(treedef._nodes[one], like._nodes[other])
        if order is None:
            return None
        pairs = zip(order, others[other], strict=True)
        pending += reversed([(ones[one][k], child) for k, child in pairs])
    return found


def _children(treedef: TreeDef) -> list[list[int]]:
    """Return which nodes the children of each node are."""
    found: list[list[int]] = []
    stack: list[int] = []
    for number, node in enumerate(treedef._nodes):
        found.append([] if node is None else _pop(stack, node[2]))
        stack.append(number)
    return found


def _order_like(one: _Node, other: _Node) -> list[int] | None:
    """Return which children of one container stand in the places of those of another."""
    if one is None or other is None:
        return None
    if one == other:
        return list(range(one[2]))
    if one[0] is not dict or other[0] is not dict:
        return None
    names, wanted = map(_exact_keys, (one[1], other[1]))
    if len(names) != len(wanted) or {*names} != {*wanted}:
        return None
    place = {name: k for k, name in enumerate(names)}
    return [place[name] for name in wanted]


def _exact_keys(aux: Any) -> tuple[Hashable, ...]:
    keys, exact, _ = aux
    return exact or tuple((str, key) for key in keys)


class _Close:
    """On the stack of `_flatten_nested`: the children of the container below it are done."""


_CLOSE = _Close()


def _flatten_nested(tree: Any) -> tuple[list[Any], TreeDef]:
    leaves: list[Any] = []
    nodes: list[_Node] = []
    pending = [tree]
    # The containers around the item and their places in pending; held, so that the ids stay theirs.
    opened: dict[int, tuple[Any, int]] = {}
    while pending:
        item = pending.pop()
        if item is _CLOSE:
            nodes.append(pending.pop())
            opened.popitem()
        elif (kind := KINDS[type(item)]) is None:
            nodes.append(None)
            leaves.append(item)
        elif id(item) in opened:
            raise TreeError(_describe_cycle(pending, opened, item))
        else:
            parts, aux = kind.flatten(item)
            children = list(parts)
            node = (type(item), aux, len(children))
            if _all_leaves(children):
                nodes += [None] * len(children)
                nodes.append(node)
                leaves += children
            else:
                opened[id(item)] = (item, len(pending))
                pending += (node, _CLOSE, *reversed(children))
    return leaves, TreeDef(tuple(nodes), len(leaves))


def _describe_cycle(pending: list[Any], opened: dict[int, tuple[Any, int]], item: Any) -> str:
    """Name both places of a container that is met again."""
    starts = [start for _, start in opened.values()]
    path = first = "tree"
    for start, end in zip(starts, [*starts[1:], len(pending)], strict=True):
        if start == opened[id(item)][1]:
            first = path
        cls, aux, arity = pending[start]
        later = end - start - 2  # children still pending
        path = _kind(cls).paths(path, aux, arity)[arity - later - 1]
    return f"{path} is {first} again: a tree must not contain itself, pass only the parts needed"


def _all_leaves(children: Iterable[Any]) -> bool:
    return not any(map(KINDS.__getitem__, map(type, children)))


def _kind(cls: type) -> Kind:
    kind = KINDS[cls]
    assert kind is not None  # a node is of a class of containers, and such a class remains one
    return kind


def _pop(stack: list[Any], count: int) -> list[Any]:
    start = len(stack) - count
    taken = stack[start:]
    del stack[start:]
    return taken


_LEAF = TreeDef((None,), 1)


@lru_cache(maxsize=256)
def _flat_tuple(size: int) -> TreeDef:
    return TreeDef((*[None] * size, (tuple, None, size)), size)
