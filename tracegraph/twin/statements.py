"""Rewrites the statements of a function. A statement becomes one statement, or a list of them."""

import ast
from types import CodeType
from typing import Any

from tracegraph.twin.expressions import at_name, hook
from tracegraph.twin.lists import Lists
from tracegraph.twin.loops import Loops
from tracegraph.twin.scopes import Home, Scope
from tracegraph.twin.source import Site
from tracegraph.twin.syntax import (
    FunctionNode,
    ScopeNode,
    captures,
    import_name,
    lookups,
    type_params,
    with_type_params,
)

_INPLACE: dict[type[ast.operator], str] = {
    ast.Add: "+=",
    ast.Sub: "-=",
    ast.Mult: "*=",
    ast.MatMult: "@=",
    ast.Div: "/=",
    ast.FloorDiv: "//=",
    ast.Mod: "%=",
    ast.Pow: "**=",
    ast.LShift: "<<=",
    ast.RShift: ">>=",
    ast.BitAnd: "&=",
    ast.BitOr: "|=",
    ast.BitXor: "^=",
}


def rewritten_body(site: Site, code: CodeType) -> Any:
    """The body of the function at `site`, compiled before as `code`, in terms of hooks."""
    scope = Scope.of_function(site.node, None, site.private, frozenset(code.co_freevars))
    return Statements(scope, Lists(site.node)).function_body(site.node)


class Statements(Loops):
    """The whole rewriter."""

    def function_body(self, node: FunctionNode) -> Any:
        """The rewritten body, a list of statements, or the one expression of a lambda."""
        with self.loops_of(node):
            body = self._field(node.body)
        return body if isinstance(node, ast.Lambda) else self._rebinding(node.body, body)

    def _rebinding(self, original: list[ast.stmt], body: list[ast.stmt]) -> list[ast.stmt]:
        """The body of a definition in the twin, which tells that it stores in variables around."""
        inside = [name for name in self.scope.nonlocals if self.scope.find(name) is Home.INSIDE]
        if self.scope.parent is None or not inside:
            return body
        names = ast.Tuple([ast.Constant(name) for name in sorted(inside)], ast.Load())
        told = ast.copy_location(ast.Expr(hook("rebinds", names)), original[0])
        docstring = original[:1] if _is_text(original[0]) else []
        return [*docstring, told, *body[len(docstring) :]]

    # ---- assignment ----

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        value = None if node.value is None else self.visit(node.value)
        target = self.visit(node.target)
        return ast.copy_location(ast.AnnAssign(target, node.annotation, value, node.simple), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        operator = ast.Constant(_INPLACE[type(node.op)])
        target, value = node.target, self.visit(node.value)
        if isinstance(target, ast.Name):
            old = self.asked(ast.copy_location(ast.Name(target.id, ast.Load()), target))
            result = ast.copy_location(hook("inplace", operator, old, value), node)
            return ast.copy_location(ast.Assign([self.visit(target)], result), node)
        owner = self.visit(target.value)
        if isinstance(target, ast.Attribute):
            name = ast.Constant(self.mangled(target.attr))
            update = at_name(target, hook("augment_attribute", owner, name, operator))
        else:
            update = hook("augment_item", owner, self.visit(target.slice), operator)
            ast.copy_location(update, target)
        call = ast.copy_location(ast.Call(update, [value], []), node)
        return ast.copy_location(ast.Expr(call), node)

    def visit_Delete(self, node: ast.Delete) -> list[ast.stmt]:
        names = [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and _is_deleted(n)]
        return [*self._announced("del", names, node), self.generic_visit(node)]

    def _announced(self, what: str, names: list[str], node: ast.stmt) -> list[ast.stmt]:
        """Statements that tell the owner of bindings outside the twin that no hook sees."""
        outside = [name for name in names if self.home(name) is not Home.INSIDE]
        calls = [hook("frame_access", ast.Constant(f"{what} {name}")) for name in outside]
        return [ast.copy_location(ast.Expr(ast.copy_location(c, node)), node) for c in calls]

    # ---- statements that bind names otherwise ----

    def visit_Import(self, node: ast.Import) -> list[ast.stmt]:
        names = [import_name(alias) for alias in node.names]
        outside = [name for name in names if self.home(name) is not Home.INSIDE]
        return [node, *(self._again(name, ast.Name(name, ast.Load()), node) for name in outside)]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> list[ast.stmt]:
        """`from m import n as k`, then `k = $imported("m", "n", k)`."""
        module = ast.Constant("." * node.level + (node.module or ""))
        again: list[ast.stmt] = []
        for alias in node.names:
            name = import_name(alias)
            value = hook("imported", module, ast.Constant(alias.name), ast.Name(name, ast.Load()))
            again.append(self._again(name, value, node))
        return [node, *again]

    def _again(self, name: str, value: ast.expr, node: ast.stmt) -> ast.stmt:
        """A second store of what a statement has already stored by itself."""
        target = ast.Name(name, ast.Store())
        return ast.copy_location(ast.Assign([target], self.stored(name, value)), node)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        new: ast.ExceptHandler = self.generic_visit(node)
        if node.name is not None:
            new.body = [*self._announced("except as", [node.name], node.body[0]), *new.body]
        return new

    def visit_Match(self, node: ast.Match) -> list[ast.stmt]:
        bound = [name for case in node.cases for name in captures(case.pattern)]
        read = [name for case in node.cases for name in lookups(case.pattern)]
        announced = self._announced("case", bound, node) + self._announced("case of", read, node)
        return [*announced, self.generic_visit(node)]

    def visit_match_case(self, node: ast.match_case) -> ast.match_case:
        guard = None if node.guard is None else self.visit(node.guard)
        return ast.match_case(node.pattern, guard, self._list(node.body))

    def visit_TypeAlias(self, node: Any) -> list[ast.stmt]:
        return [*self._announced("type", [node.name.id], node), node]

    # ---- contexts ----

    def visit_With(self, node: ast.With) -> ast.stmt:
        items = [self.managed(item) for item in node.items]
        body = self._told(self._list(node.body), node)
        return ast.copy_location(ast.With(items, [body]), node)

    def managed(self, item: ast.withitem) -> ast.withitem:
        """`with e as t`  ->  `with $manager(e) as t`."""
        entered = ast.copy_location(
            hook("manager", self.visit(item.context_expr)), item.context_expr
        )
        target = None if item.optional_vars is None else self.visit(item.optional_vars)
        return ast.withitem(entered, target)

    # ---- exceptions ----

    def visit_Try(self, node: ast.Try) -> ast.Try:
        """`except E: ...`  ->  `except $caught(): pass`, which catches nothing, ahead of it."""
        new: ast.Try = self.generic_visit(node)
        if new.handlers:
            new.handlers.insert(0, self._telling(node))
        return new

    def visit_TryStar(self, node: ast.TryStar) -> ast.TryStar:
        new: ast.TryStar = self.generic_visit(node)
        new.body = [self._told(new.body, node)]
        return new

    def _told(self, body: list[ast.stmt], node: ast.stmt) -> ast.stmt:
        return ast.copy_location(ast.Try(body, [self._telling(node)], [], []), node)

    def _telling(self, node: ast.stmt) -> ast.ExceptHandler:
        nothing = ast.copy_location(ast.Pass(), node)
        caught = ast.copy_location(hook("caught"), node)
        return ast.copy_location(ast.ExceptHandler(caught, None, [nothing]), node)

    # ---- definitions ----

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.stmt:
        decorators, arguments = self._decorators(node), self.visit(node.args)
        scope = Scope.of_function(node, self._around(node), self.scope.private)
        with self.inside(scope):
            body = self.function_body(node)
        new = type(node)(node.name, arguments, body, decorators, node.returns)
        return self._placed(new, node)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        decorators, around = self._decorators(node), self._around(node)
        with self.inside(around):
            bases, keywords = self._list(node.bases), self._list(node.keywords)
        with self.inside(Scope.of_class(node, around)):
            body = self._rebinding(node.body, self._list(node.body))
        return self._placed(ast.ClassDef(node.name, bases, keywords, body, decorators), node)

    def _decorators(self, node: Any) -> list[ast.expr]:
        """Decorators as calls of `$call`, and the store of a name outside as the last of them."""
        decorators = [self.deferred(each) for each in node.decorator_list]
        home = self.home(node.name)
        if home is not Home.INSIDE:
            name = ast.Constant(self.mangled(node.name))
            storing = hook(f"storing_{home.name.lower()}", name)
            place = node.decorator_list[0] if decorators else node
            decorators.insert(0, ast.copy_location(storing, place))
        return decorators

    def _around(self, node: ScopeNode) -> Scope:
        """The scope around the body of a definition."""
        return Scope.of_type_params(node, self.scope) if type_params(node) else self.scope

    def _placed(self, new: Any, node: Any) -> ast.stmt:
        with_type_params(new, type_params(node))
        return ast.copy_location(new, node)  # type: ignore[no-any-return]


def _is_text(node: ast.stmt) -> bool:
    """Whether a statement is a docstring where it is the first."""
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


def _is_deleted(node: ast.Name) -> bool:
    return isinstance(node.ctx, ast.Del)
