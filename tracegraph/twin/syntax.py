"""Facts about Python's syntax trees that the rest of the package shares."""

import ast
from collections.abc import Iterator, Sequence
from typing import Any

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
ScopeNode = FunctionNode | ast.ClassDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


def mangle(name: str, private: str | None) -> str:
    """The name that Python uses for `__name` inside the class `private`."""
    if private is None or not name.startswith("__") or name.endswith("__") or "." in name:
        return name
    stripped = private.lstrip("_")
    return f"_{stripped}{name}" if stripped else name


def name_of(node: FunctionNode) -> str:
    """The co_name of the function's code."""
    return "<lambda>" if isinstance(node, ast.Lambda) else node.name


def first_line(node: ScopeNode) -> int:
    """The co_firstlineno of the definition's code: decorators belong to it."""
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return decorators[0].lineno if decorators else node.lineno


def parameters(arguments: ast.arguments) -> list[ast.arg]:
    """All parameters of a function, whatever their kind."""
    found = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return found + [each for each in (arguments.vararg, arguments.kwarg) if each is not None]


def outer_parts(node: ScopeNode) -> Iterator[ast.AST]:
    """What is evaluated in the scope around a definition."""
    if not isinstance(node, ast.Lambda):
        yield from node.decorator_list
    if isinstance(node, ast.ClassDef):
        yield from (*node.bases, *node.keywords)
        return
    yield from node.args.defaults
    yield from (default for default in node.args.kw_defaults if default is not None)
    yield from (each.annotation for each in parameters(node.args) if each.annotation is not None)
    if not isinstance(node, ast.Lambda) and node.returns is not None:
        yield node.returns


def inner_parts(node: ScopeNode) -> list[Any]:
    """What is evaluated in the scope that a definition makes."""
    return [node.body] if isinstance(node, ast.Lambda) else node.body


def in_scope(nodes: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """The nodes and all in them that is evaluated in the same scope, or in comprehensions there."""
    pending = [*nodes]
    while pending:
        node = pending.pop()
        yield node
        pending += outer_parts(node) if isinstance(node, ScopeNode) else ast.iter_child_nodes(node)


def import_name(alias: ast.alias) -> str:
    """The name that `import` binds: `a` for `a.b`, `c` for `a.b as c`."""
    return alias.asname or alias.name.partition(".")[0]


def private_of(path: Sequence[ScopeNode]) -> str | None:
    """The class whose name mangles private names inside these definitions."""
    classes = [each.name for each in path if isinstance(each, ast.ClassDef)]
    return classes[-1] if classes else None


def captures(pattern: ast.AST) -> Iterator[str]:
    """The names that a `case` pattern binds."""
    for node in ast.walk(pattern):
        name = node.rest if isinstance(node, ast.MatchMapping) else getattr(node, "name", None)
        if isinstance(node, ast.MatchAs | ast.MatchStar | ast.MatchMapping) and name is not None:
            yield name


def lookups(pattern: ast.AST) -> list[str]:
    """The names that a `case` pattern reads, such as its classes."""
    return list(dict.fromkeys(n.id for n in ast.walk(pattern) if isinstance(n, ast.Name)))


def type_params(node: ast.AST) -> list[Any]:
    """The `[T, *Ts]` of a definition, empty before Python 3.12."""
    return getattr(node, "type_params", None) or []


def with_type_params(node: Any, params: list[Any]) -> Any:
    """Python 3.12 cannot compile a definition that lacks the field; 3.11 does not know it."""
    if "type_params" in node._fields:
        node.type_params = params
    return node
