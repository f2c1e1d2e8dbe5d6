"""From a code object to the places in its file where it may have been written."""

import ast
import linecache
from functools import lru_cache
from types import FunctionType
from typing import Any

from tracegraph.ir.record import record
from tracegraph.twin.errors import TwinError
from tracegraph.twin.syntax import (
    FunctionNode,
    ScopeNode,
    first_line,
    import_name,
    in_scope,
    inner_parts,
    name_of,
    outer_parts,
    private_of,
)


@record(eq=True, slots=True)
class Site:
    """A function in its file: its node, and the definitions around it, outermost first.

    `preamble` says of the module what else the compiler looks at: how a function calls `a.b()` or
    `super().b()` depends on whether the module imports `a`, or speaks of `super`.
    """

    node: FunctionNode
    path: tuple[ScopeNode, ...]
    preamble: tuple[ast.stmt, ...]

    @property
    def private(self) -> str | None:
        """The class whose name mangles private names here."""
        return private_of(self.path)


def candidates(function: FunctionType) -> list[Site]:
    """The functions of the file with this name and first line: one, unless they are lambdas."""
    code = function.__code__
    filename, line = code.co_filename, code.co_firstlineno
    source = _read(filename, function.__globals__)
    if not source:
        raise TwinError(f"the source of {code.co_qualname} is not available", filename, line)
    try:
        found = _defined_at(*_parsed(source, filename), code.co_name, line)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise TwinError(f"the source cannot be parsed: {error}", filename, line) from error
    if not found:
        raise TwinError(f"{code.co_qualname} is not on this line of its file", filename, line)
    return found


def _read(filename: str, module_globals: dict[str, Any]) -> str:
    linecache.checkcache(filename)
    return "".join(linecache.getlines(filename, module_globals))


@lru_cache(maxsize=16)  # a file usually holds many functions; its tree is large
def _parsed(source: str, filename: str) -> tuple[ast.Module, tuple[ast.stmt, ...]]:
    module = ast.parse(source, filename)
    return module, _preamble(module)


def _defined_at(
    module: ast.Module, preamble: tuple[ast.stmt, ...], name: str, line: int
) -> list[Site]:
    found: list[Site] = []
    pending: list[tuple[ast.AST, tuple[ScopeNode, ...]]] = [(module, ())]
    while pending:
        node, path = pending.pop()
        if not _may_hold(node, line):
            continue
        if not isinstance(node, ScopeNode):
            pending += [(child, path) for child in ast.iter_child_nodes(node)]
            continue
        if not isinstance(node, ast.ClassDef) and (name_of(node), first_line(node)) == (name, line):
            found.append(Site(node, path, preamble))
        pending += [(part, path) for part in outer_parts(node)]
        pending += [(part, (*path, node)) for part in inner_parts(node)]
    return found


def _may_hold(node: ast.AST, line: int) -> bool:
    """Whether a line is one of the node's, so that only a small part of a file is looked at."""
    start = first_line(node) if isinstance(node, ScopeNode) else getattr(node, "lineno", line)
    return start <= line <= getattr(node, "end_lineno", line)


def _preamble(module: ast.Module) -> tuple[ast.stmt, ...]:
    imported: set[str] = set()
    mentions_super = False
    for node in in_scope([module]):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imported.update(import_name(alias) for alias in node.names)
        elif isinstance(node, ast.Name):
            mentions_super |= node.id == "super"
    lines = [f"import {name}" for name in sorted(imported - {"*"})] + ["super"] * mentions_super
    return tuple(ast.parse("\n".join(lines)).body)
