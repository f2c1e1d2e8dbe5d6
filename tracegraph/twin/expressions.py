"""Rewrites the expressions and targets of a function into calls of hooks.

Input trees are never changed: a visit returns a new node, or the old one where nothing differs.
What the `$names` are is told in `cells`.

Order of evaluation is kept without temporaries. A target `o.n` becomes an attribute of a helper,
`$attribute(o, "n").value`, whose setter calls the hook: Python then evaluates `o` and stores when
it would have, in assignments, unpackings, loops and `with` alike. A call with `*` or `**` becomes
`$deferred(f)(*a, **k)`, since `f(*a, k=v)` reads the star after the keyword.
"""

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, TypeVar

from tracegraph.twin.lists import Lists
from tracegraph.twin.scopes import Home, Kind, Scope
from tracegraph.twin.syntax import Comprehension, mangle

# Builtins that look at the frame they are called from; the flag: only when without arguments.
FRAME_BUILTINS = {
    "locals": False,
    "globals": False,
    "eval": False,
    "exec": False,
    "vars": True,
    "dir": True,
}
_NAMING_BUILTINS = frozenset({"locals", "vars", "dir"})  # their results would show our own names
_HOOKED_COMPARISONS = (ast.Is, ast.IsNot, ast.In, ast.NotIn)
_CONVERSIONS = {-1: "", ord("r"): "r", ord("s"): "s", ord("a"): "a"}

_Node = TypeVar("_Node", ast.Call, ast.Attribute)


def hook(name: str, *arguments: ast.expr) -> ast.Call:
    """The call of a hook, without a place yet."""
    return ast.Call(ast.Name(f"${name}", ast.Load()), list(arguments), [])


def at_name(node: ast.Attribute, new: _Node) -> _Node:
    """Place `new` where Python places the work of an attribute: on the line of its name."""
    ast.copy_location(new, node)
    end_line, end_column = node.end_lineno, node.end_col_offset
    if end_line is not None and end_column is not None and end_line != node.lineno:
        new.lineno = end_line
        new.col_offset = max(0, end_column - len(node.attr))
    return new


class Expressions(ast.NodeVisitor):
    """Expressions and targets; `statements.Statements` adds the rest."""

    def __init__(self, scope: Scope, lists: Lists) -> None:
        self.scope, self.lists = scope, lists
        self._temporaries = count()
        self._walrus_forbidden = False

    def generic_visit(self, node: ast.AST) -> Any:
        """A copy of the node with its children rewritten."""
        fields = {name: self._field(value) for name, value in ast.iter_fields(node)}
        return ast.copy_location(type(node)(**fields), node)

    def _field(self, value: Any) -> Any:
        if isinstance(value, list):
            return self._list(value)
        return self.visit(value) if isinstance(value, ast.AST) else value

    def _list(self, values: list[Any]) -> list[Any]:
        new: list[Any] = []
        for value in values:
            result = self._field(value)
            new += result if isinstance(result, list) else [result]
        return new

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return node

    @contextmanager
    def inside(self, scope: Scope) -> Iterator[None]:
        """Visit what stands in another scope."""
        before, self.scope = self.scope, scope
        try:
            yield
        finally:
            self.scope = before

    # ---- names, attributes, subscripts ----

    def mangled(self, name: str) -> str:
        return mangle(name, self.scope.private)

    def home(self, name: str) -> Home:
        return self.scope.find(self.mangled(name))

    def visit_Name(self, node: ast.Name) -> ast.expr:
        home = self.home(node.id)
        if isinstance(node.ctx, ast.Del):
            return node
        if home is Home.INSIDE:
            may_hold_list = isinstance(node.ctx, ast.Load) and node.id in self.lists.names
            return ast.copy_location(hook("used", node), node) if may_hold_list else node
        kind, name = home.name.lower(), ast.Constant(self.mangled(node.id))
        new: ast.expr
        if isinstance(node.ctx, ast.Load):
            new = hook(f"load_{kind}", name, node)
        else:
            new = ast.Attribute(hook(kind, name), "value", ast.Store())
        return ast.copy_location(new, node)

    def stored(self, name: str, value: ast.expr) -> ast.expr:
        """The value to store in `name`, by a plain store, where the name may live outside."""
        home = self.home(name)
        if home is Home.INSIDE:
            return value
        return hook(f"store_{home.name.lower()}", ast.Constant(self.mangled(name)), value)

    def asked(self, node: ast.expr) -> ast.expr:
        """An expression that hooks are given, who see by themselves if it is a list."""
        is_variable = isinstance(node, ast.Name) and self.home(node.id) is Home.INSIDE
        return node if is_variable else self.visit(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        owner, name = self.asked(node.value), ast.Constant(self.mangled(node.attr))
        if isinstance(node.ctx, ast.Load):
            return at_name(node, hook("getattr", owner, name))
        target = at_name(node, hook("attribute", owner, name))
        return at_name(node, ast.Attribute(target, "value", node.ctx))

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        is_read = isinstance(node.ctx, ast.Load)
        owner = self.asked(node.value) if is_read else self.visit(node.value)
        index = self.visit(node.slice)
        new: ast.expr
        if is_read:
            new = hook("getitem", owner, index)
        else:
            target = ast.copy_location(hook("item", owner, index), node)
            new = ast.Attribute(target, "value", node.ctx)
        ast.copy_location(new, node)
        if isinstance(new, ast.Attribute) and node.end_lineno != node.lineno:
            # Python places the work of an attribute on its last line, that of an item on its first.
            new.end_lineno, new.end_col_offset = node.lineno, node.col_offset
        return new

    def visit_Slice(self, node: ast.Slice) -> ast.expr:
        parts = [node.lower, node.upper, node.step]
        values = [ast.Constant(None) if part is None else self.visit(part) for part in parts]
        return ast.copy_location(hook("slice", *values), node)

    # ---- calls ----

    def visit_Call(self, node: ast.Call) -> ast.expr:
        special = self._frame_call(node)
        if special is not None:
            return special
        function = self.visit(node.func)
        if _has_star(node):
            arguments, keywords = self._list(node.args), self._list(node.keywords)
            stand_in = ast.copy_location(hook("deferred", function), node.func)
            new = ast.Call(stand_in, arguments, keywords)
        else:
            new = hook("call", function, *map(self.asked, node.args))
            new.keywords = self._list(node.keywords)
        if isinstance(node.func, ast.Attribute):
            return _at_method(node, node.func, new)
        return ast.copy_location(new, node)

    def _frame_call(self, node: ast.Call) -> ast.expr | None:
        """`super()` and the builtins that must be called from this very frame."""
        function, has_arguments = node.func, bool(node.args or node.keywords)
        if not isinstance(function, ast.Name) or self.home(function.id) is not Home.GLOBAL:
            return None
        name = function.id
        if name == "super":
            return None if has_arguments else node
        if name not in FRAME_BUILTINS or (FRAME_BUILTINS[name] and has_arguments):
            return None
        call: ast.expr = ast.Call(function, self._list(node.args), self._list(node.keywords))
        ast.copy_location(call, node)
        if name in _NAMING_BUILTINS and self.scope.kind is not Kind.CLASS:
            call = hook("visible", call)
        return self.frame_access(name, call, node)

    def frame_access(self, what: str, value: ast.expr, node: ast.AST) -> ast.expr:
        """`value`, announced; the hook returns None, so `or` goes on to the value."""
        announced = ast.BoolOp(ast.Or(), [hook("frame_access", ast.Constant(what)), value])
        return ast.copy_location(announced, node)

    def deferred(self, function: ast.expr) -> ast.expr:
        """What Python may call in place of the function, for `$call` to be reached."""
        return ast.copy_location(hook("deferred", self.visit(function)), function)

    # ---- comparisons ----

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        if not any(isinstance(each, _HOOKED_COMPARISONS) for each in node.ops):
            return self.generic_visit(node)  # type: ignore[no-any-return]
        operands = [self.visit(node.left), *self._list(node.comparators)]
        if len(node.ops) == 1:
            return _comparison(operands[0], node.ops[0], operands[1], node)
        if self._walrus_forbidden or self.scope.owner().kind is not Kind.FUNCTION:
            chain = ast.Compare(operands[0], node.ops, operands[1:])
            return self.frame_access("chained comparison", ast.copy_location(chain, node), node)
        return self._chain(operands, node)

    def _chain(self, operands: list[ast.expr], node: ast.Compare) -> ast.expr:
        """`a < b in c`  ->  `a < ($0 := b) and $contains(c, $0)`."""
        links: list[ast.expr] = []
        left = operands[0]
        for operator, operand in zip(node.ops[:-1], operands[1:-1], strict=True):
            name = f"${next(self._temporaries)}"
            kept = ast.NamedExpr(ast.Name(name, ast.Store()), operand)
            links.append(_comparison(left, operator, ast.copy_location(kept, operand), node))
            left = ast.copy_location(ast.Name(name, ast.Load()), operand)
        links.append(_comparison(left, node.ops[-1], operands[-1], node))
        return ast.copy_location(ast.BoolOp(ast.And(), links), node)

    # ---- displays, comprehensions, f-strings ----

    def visit_List(self, node: ast.List) -> ast.expr:
        new = self.generic_visit(node)
        return self._new(new, node) if isinstance(node.ctx, ast.Load) else new

    def visit_Set(self, node: ast.Set | ast.Dict) -> ast.expr:
        return self._new(self.generic_visit(node), node)

    visit_Dict = visit_Set

    def _new(self, value: ast.expr, node: ast.expr) -> ast.expr:
        names = self.lists.bound.get(node, ())
        is_held = self.scope.kind is Kind.FUNCTION and bool(names)
        is_held = is_held and all(self.home(name) is Home.INSIDE for name in names)
        return ast.copy_location(hook("held" if is_held else "new", value), value)

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.DictComp) -> ast.expr:
        return self._new(self._comprehension(node), node)

    visit_SetComp = visit_DictComp = visit_ListComp

    def visit_GeneratorExp(self, node: ast.GeneratorExp) -> ast.expr:
        return self._comprehension(node)

    def _comprehension(self, node: Comprehension) -> ast.expr:
        first = self._iterable(node.generators[0])
        with self.inside(Scope.of_comprehension(node, self.scope)):
            generators = [self.visit(each) for each in node.generators[1:]]
            generators.insert(0, self._generator(node.generators[0], first))
            parts = [name for name in ("elt", "key", "value") if name in node._fields]
            fields = {name: self.visit(getattr(node, name)) for name in parts}
        return ast.copy_location(type(node)(generators=generators, **fields), node)

    def visit_comprehension(self, node: ast.comprehension) -> ast.comprehension:
        return self._generator(node, self._iterable(node))

    def _generator(self, node: ast.comprehension, iterable: ast.expr) -> ast.comprehension:
        target, conditions = self.visit(node.target), self._list(node.ifs)
        return ast.comprehension(target, iterable, conditions, node.is_async)

    def _iterable(self, node: ast.comprehension) -> ast.expr:
        before, self._walrus_forbidden = self._walrus_forbidden, True
        iterable: ast.expr = self.visit(node.iter)
        self._walrus_forbidden = before
        return iterable if node.is_async else self.iterated(iterable)

    def iterated(self, iterable: ast.expr) -> ast.expr:
        """What a loop runs over."""
        return ast.copy_location(hook("iter", iterable), iterable)

    def visit_FormattedValue(self, node: ast.FormattedValue) -> ast.expr:
        value, conversion = self.visit(node.value), ast.Constant(_CONVERSIONS[node.conversion])
        spec = ast.Constant("") if node.format_spec is None else self.visit(node.format_spec)
        return ast.copy_location(hook("format", value, conversion, spec), node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.expr:
        if all(isinstance(part, ast.Constant) for part in node.values):
            return node
        # Python 3.12 puts empty constants into format specifications.
        values = [v for v in node.values if not (isinstance(v, ast.Constant) and v.value == "")]
        return ast.copy_location(hook("joined", *self._list(values)), node)

    # ---- walrus, lambda ----

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.expr:
        value = ast.copy_location(self.stored(node.target.id, self.visit(node.value)), node.value)
        return ast.copy_location(ast.NamedExpr(node.target, value), node)

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        arguments = self.visit(node.args)
        with self.inside(Scope.of_function(node, self.scope, self.scope.private)):
            body = self.visit(node.body)
        return ast.copy_location(ast.Lambda(arguments, body), node)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return node  # its annotation stays plain: `from __future__ import annotations` prints it


def _has_star(node: ast.Call) -> bool:
    starred = any(isinstance(each, ast.Starred) for each in node.args)
    return starred or any(keyword.arg is None for keyword in node.keywords)


def _at_method(node: ast.Call, method: ast.Attribute, new: ast.Call) -> ast.expr:
    """Python places a method call on the line of the method's name."""
    at_name(method, new)
    new.end_lineno, new.end_col_offset = node.end_lineno, node.end_col_offset
    return new


def _comparison(left: ast.expr, operator: ast.cmpop, right: ast.expr, node: ast.expr) -> ast.expr:
    new: ast.expr
    if isinstance(operator, ast.Is | ast.IsNot):
        new = hook("is_", left, right)
    elif isinstance(operator, ast.In | ast.NotIn):
        new = hook("in", left, right)
    else:
        new = ast.Compare(left, [operator], [right])
    if isinstance(operator, ast.IsNot | ast.NotIn):
        new = ast.UnaryOp(ast.Not(), ast.copy_location(new, node))
    return ast.copy_location(new, node)
