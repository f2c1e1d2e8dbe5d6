"""Which lists of a function only variables hold, so that hooks learn of all else that uses them.

`ys = []` binds a new list to nothing but a name. From then on whoever looks at it reads a name, and
each name that such a list may have been bound to is read through a hook, in the whole function.
"""

import ast
from collections.abc import Iterator

from tracegraph.twin.syntax import FunctionNode

_DISPLAYS = (ast.List, ast.ListComp)


class Lists:
    """The displays of a function that are bound to names alone, and all these names.

    Attributes
    ----------
    bound : dict of ast.expr to list of str
        The names that each such display is bound to.
    names : set of str
        All of them, whatever they mean elsewhere in the function.
    """

    def __init__(self, node: FunctionNode) -> None:
        self.bound: dict[ast.expr, list[str]] = {}
        for each in ast.walk(node):
            for display, name in _bindings(each):
                self.bound.setdefault(display, []).append(name)
        self.names = {name for names in self.bound.values() for name in names}


def _bindings(node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        yield from _pairs(node.target, node.value)
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        yield from _pairs(node.targets[0], node.value)
    elif isinstance(node, ast.Assign) and all(isinstance(t, ast.Name) for t in node.targets):
        for target in node.targets:
            yield from _pairs(target, node.value)


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, str]]:
    """What an assignment binds by itself, part by part: `xs, ys = [], []`."""
    if isinstance(target, ast.Name) and isinstance(value, _DISPLAYS):
        yield value, target.id
    elif isinstance(target, ast.Tuple | ast.List) and isinstance(value, ast.Tuple):
        parts = [*target.elts, *value.elts]
        is_starred = any(isinstance(part, ast.Starred) for part in parts)
        if len(target.elts) == len(value.elts) and not is_starred:
            for one, other in zip(target.elts, value.elts, strict=True):
                yield from _pairs(one, other)
