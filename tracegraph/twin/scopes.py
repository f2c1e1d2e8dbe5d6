"""Where the names of a function live, by Python's own rules (symtable.c)."""

import ast
import enum
from collections.abc import Iterable
from typing import Any

from tracegraph.twin.syntax import (
    Comprehension,
    FunctionNode,
    ScopeNode,
    captures,
    import_name,
    inner_parts,
    mangle,
    outer_parts,
    parameters,
    type_params,
)

# What Python itself puts into the namespace of every class body.
_OF_EVERY_CLASS = frozenset({"__module__", "__qualname__", "__annotations__", "__firstlineno__"})


class Kind(enum.Enum):
    """The kinds of scopes that differ in how names are found."""

    FUNCTION = enum.auto()
    COMPREHENSION = enum.auto()
    TYPE_PARAMS = enum.auto()
    CLASS = enum.auto()


class Home(enum.Enum):
    """Where a name lives, seen from the twin."""

    INSIDE = enum.auto()  # a local of the twin, or of a scope inside it
    CELL = enum.auto()  # a variable of a function around the user's function
    GLOBAL = enum.auto()  # the module's globals, or builtins


class Scope:
    """One scope of the twin. The outermost, which has no parent, is the user's function."""

    def __init__(
        self,
        kind: Kind,
        parent: "Scope | None",
        private: str | None,
        names: "Names",
        free: frozenset[str] = frozenset(),
    ) -> None:
        self.kind = kind
        self.parent = parent
        self.private = private
        self.free = free
        self.bound = names.bound - names.globals - names.nonlocals
        self.globals = names.globals
        self.nonlocals = names.nonlocals

    @classmethod
    def of_function(
        cls,
        node: FunctionNode,
        parent: "Scope | None",
        private: str | None,
        free: frozenset[str] = frozenset(),
    ) -> "Scope":
        """The scope of a function; `free` holds the names it takes from around the twin."""
        names = Names(private)
        names.bind(each.arg for each in parameters(node.args))
        names.collect(inner_parts(node))
        return cls(Kind.FUNCTION, parent, private, names, free)

    @classmethod
    def of_class(cls, node: ast.ClassDef, parent: "Scope") -> "Scope":
        """The scope of a class body."""
        names = Names(node.name)
        names.collect(node.body)
        names.bound |= _OF_EVERY_CLASS
        return cls(Kind.CLASS, parent, node.name, names)

    @classmethod
    def of_comprehension(cls, node: Comprehension, parent: "Scope") -> "Scope":
        """The scope of a comprehension, a function of its own even where 3.12 inlines it."""
        names = Names(parent.private)
        names.collect(generator.target for generator in node.generators)
        return cls(Kind.COMPREHENSION, parent, parent.private, names)

    @classmethod
    def of_type_params(cls, node: ScopeNode, parent: "Scope") -> "Scope":
        """The scope between a generic definition and its surroundings."""
        names = Names(parent.private)
        names.bind(each.name for each in type_params(node))
        return cls(Kind.TYPE_PARAMS, parent, parent.private, names)

    def find(self, name: str) -> Home:
        """Where the mangled `name`, used in this scope, lives."""
        scope: Scope | None = self
        while scope is not None:
            if scope is self or scope.kind is not Kind.CLASS:
                if name in scope.globals:
                    return Home.GLOBAL
                if name in scope.bound:
                    return Home.INSIDE
            elif name == "__class__":
                return Home.INSIDE
            outermost, scope = scope, scope.parent
        return Home.CELL if name in outermost.free else Home.GLOBAL

    def owner(self) -> "Scope":
        """The scope in which a walrus binds."""
        scope = self
        while scope.kind is Kind.COMPREHENSION and scope.parent is not None:
            scope = scope.parent
        return scope


class Names(ast.NodeVisitor):
    """Collects what the statements of one scope bind and declare."""

    def __init__(self, private: str | None) -> None:
        self.private = private
        self.bound: set[str] = set()
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        self.iterated: set[str] = set()  # what comprehensions bind for themselves
        self._in_comprehension = False

    def collect(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def bind(self, names: Iterable[str]) -> None:
        self.bound.update(mangle(name, self.private) for name in names)

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load):
            names = self.iterated if self._in_comprehension else self.bound
            names.add(mangle(node.id, self.private))

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.bind([node.target.id])
        self.visit(node.value)

    def _visit_comprehension(self, node: ast.AST) -> None:
        before, self._in_comprehension = self._in_comprehension, True
        self.generic_visit(node)
        self._in_comprehension = before

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _visit_comprehension

    def _visit_definition(self, node: Any) -> None:
        if not isinstance(node, ast.Lambda):
            self.bind([node.name])
        self.collect(outer_parts(node))

    visit_FunctionDef = visit_AsyncFunctionDef = _visit_definition
    visit_ClassDef = visit_Lambda = _visit_definition

    def _visit_import(self, node: ast.Import | ast.ImportFrom) -> None:
        self.bind(import_name(alias) for alias in node.names)

    visit_Import = visit_ImportFrom = _visit_import

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name is not None:
            self.bind([node.name])
        self.generic_visit(node)

    def visit_match_case(self, node: ast.match_case) -> None:
        self.bind(captures(node.pattern))
        self.generic_visit(node)

    def visit_TypeAlias(self, node: Any) -> None:
        self.bind([node.name.id])  # its value is lazy: a scope of its own

    def visit_Global(self, node: ast.Global) -> None:
        self.globals.update(mangle(name, self.private) for name in node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.nonlocals.update(mangle(name, self.private) for name in node.names)
