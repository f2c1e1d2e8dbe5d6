"""Compiles one function of a file in the surroundings that Python's compiler needs to see.

The module compiled for `m` in `class C: def m(self): return super().f(x)` inside `def around(x)` is

    import numpy, ...                   # never run; the compiler calls `numpy.f` otherwise
    def $twin($call, $getattr, ...):    # the hooks, free variables of everything below
        global around                   # as it is for the user's function
        def around(x):                  # its parameters: what the function takes from outside
            class C:                    # gives `__class__`, and mangles private names
                def m(self): ...

Nothing of it ever runs: the code object of `m` is taken out, and bound to the user's own cells.
"""

import __future__

import ast
from collections.abc import Iterable
from types import CodeType
from typing import Any

from tracegraph.twin.cells import NAMES
from tracegraph.twin.scopes import Scope
from tracegraph.twin.source import Site
from tracegraph.twin.syntax import (
    FunctionNode,
    ScopeNode,
    mangle,
    private_of,
    type_params,
    with_type_params,
)

_FUTURE = __future__.annotations.compiler_flag | __future__.barry_as_FLUFL.compiler_flag


def compile_at(site: Site, body: Any, original: CodeType) -> CodeType:
    """The code of the function at `site`, with another body."""
    module = _module(site, body, [name for name in original.co_freevars if name.isidentifier()])
    code: CodeType = compile(
        ast.fix_missing_locations(module),
        original.co_filename,
        "exec",
        flags=original.co_flags & _FUTURE,
        dont_inherit=True,
    )
    for _ in range(len(site.path) + 2):  # the wrapper, what is around the function, the function
        code = _child(code)
    return code


def _child(code: CodeType) -> CodeType:
    (child,) = [const for const in code.co_consts if isinstance(const, CodeType)]
    return _child(child) if child.co_name.startswith("<generic parameters of ") else child


def _module(site: Site, body: Any, free: list[str]) -> ast.Module:
    node: Any = _bare(site.node, site.node.args, body)
    functions = [each for each in site.path if not isinstance(each, ast.ClassDef)]
    for depth in reversed(range(len(site.path))):
        around = site.path[depth]
        taken = free if functions and around is functions[-1] else []
        node = _around(around, node, taken, private_of(site.path[:depth]))
    head = [] if isinstance(node, ast.Lambda) else [ast.Global([node.name])]
    wrapper = ast.FunctionDef(
        "$twin", _parameters([*NAMES, *([] if functions else free)]), [*head, _statement(node)], []
    )
    return ast.Module([*site.preamble, with_type_params(wrapper, [])], [])


def _around(scope: ScopeNode, node: Any, free: list[str], private: str | None) -> Any:
    """The definition `scope` with nothing in it but `node`."""
    new: Any
    if isinstance(scope, ast.Lambda):
        new = ast.Lambda(_parameters(free), node)
    elif isinstance(scope, ast.ClassDef):
        new = ast.ClassDef(scope.name, [], [], [_statement(node)], [])
    else:
        body = [*_global(scope, node, private), _statement(node)]
        new = ast.FunctionDef(scope.name, _parameters(free), body, [])
    if not isinstance(new, ast.Lambda):
        with_type_params(new, _bare_type_params(scope))
    return ast.copy_location(new, scope)


def _global(scope: FunctionNode, node: Any, private: str | None) -> list[ast.stmt]:
    """The declaration, in the function `scope`, that makes the name of `node` a global."""
    declared = Scope.of_function(scope, None, private).globals
    is_global = not isinstance(node, ast.Lambda) and mangle(node.name, private) in declared
    return [ast.Global([node.name])] if is_global else []


def _statement(node: Any) -> ast.stmt:
    return node if isinstance(node, ast.stmt) else ast.copy_location(ast.Expr(node), node)


def _bare(node: FunctionNode, arguments: ast.arguments, body: Any) -> Any:
    """The function without what is evaluated around it; the first decorator keeps its line."""
    new: Any
    if isinstance(node, ast.Lambda):
        new = ast.Lambda(_bare_arguments(arguments), body)
    else:
        decorators: list[ast.expr] = [
            ast.copy_location(ast.Constant(None), each) for each in node.decorator_list[:1]
        ]
        new = type(node)(node.name, _bare_arguments(arguments), body, decorators)
        with_type_params(new, _bare_type_params(node))
    return ast.copy_location(new, node)


def _bare_arguments(arguments: ast.arguments) -> ast.arguments:
    def bare(each: ast.arg | None) -> ast.arg | None:
        return None if each is None else ast.arg(each.arg)

    return ast.arguments(
        posonlyargs=[ast.arg(each.arg) for each in arguments.posonlyargs],
        args=[ast.arg(each.arg) for each in arguments.args],
        vararg=bare(arguments.vararg),
        kwonlyargs=[ast.arg(each.arg) for each in arguments.kwonlyargs],
        kw_defaults=[None] * len(arguments.kwonlyargs),
        kwarg=bare(arguments.kwarg),
        defaults=[],
    )


def _bare_type_params(node: ast.AST) -> list[Any]:
    return [ast.copy_location(type(each)(each.name), each) for each in type_params(node)]


def _parameters(names: Iterable[str]) -> ast.arguments:
    return ast.arguments([], [ast.arg(name) for name in names], None, [], [], None, [])
