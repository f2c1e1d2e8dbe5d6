"""Gives each loop of a function its iteration as a function, so that one run of it tells all.

The loop itself stays where it is, in the frame in which the user wrote it. Before it stand

    def $body0($each):      # one iteration, rewritten; a loop inside is run through its $body1
        nonlocal a, b       # every name that the target or the body bind
        target = $each
        BODY                # left by `return`, as told in `exits`
    def $plain0($each): ... # the same in the user's words: no hook is called

with those of the loops inside it, so that entering these again makes nothing new. Then follows

    $exit0 = $exit("break", "return")       # where the body has such; None is passed otherwise
    for target in $loop(e, $body0, $plain0, (("a",), ("b",), ("c",)), $exit0):
        BODY
    else:
        if $exit0.value is None: ORELSE
        elif $exit0.value is not True: return $exit0.value[0]

where an iteration binds a, b and c, somebody may read a behind the loop, only further iterations
read b, and nobody c. And `while t` becomes, with functions `$test0` and `$plain_test0` for t,

    $asked0 = $while_($test0, $body0, $plain_test0, $plain0, (("a",), ("b",), ("c",)), $exit0)
    while $asked0() and t: ...

A rewritten body stands in two places, whatever the depth of the loop: here and in its function.
"""

import ast
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any

from tracegraph.twin.exits import Iteration, Loop, loop_test
from tracegraph.twin.expressions import FRAME_BUILTINS, Expressions, hook
from tracegraph.twin.lists import Lists
from tracegraph.twin.liveness import Live, Liveness
from tracegraph.twin.scopes import Home, Kind, Names, Scope
from tracegraph.twin.syntax import FunctionNode, in_scope, with_type_params

_LoopNode = ast.For | ast.While


class Loops(Expressions):
    """The rewriter of `for` and `while`; `statements.Statements` adds the rest."""

    def __init__(self, scope: Scope, lists: Lists) -> None:
        super().__init__(scope, lists)
        self._numbers = count()
        self._loops: dict[ast.stmt, Loop] = {}
        self._frame_is_seen = False
        self._live: Mapping[ast.stmt, tuple[Live, Live]] = {}
        # The functions of the outermost loop around, and of the loops in it that were met so far.
        self._functions: list[ast.stmt] | None = None

    @contextmanager
    def loops_of(self, node: FunctionNode) -> Iterator[None]:
        """Visit the body of a function."""
        before = self._functions, self._frame_is_seen, self._live
        self._functions, self._frame_is_seen = None, self._sees_its_frame(node)
        self._live = Liveness(node, self.scope.private).ends
        try:
            yield
        finally:
            self._functions, self._frame_is_seen, self._live = before

    def _sees_its_frame(self, node: FunctionNode) -> bool:
        """Whether names that become cells would show, or the body of a loop may not be moved.

        `locals()` and its kin tell cells from other names by their order.
        """
        if not isinstance(node, ast.FunctionDef):
            return True
        names = {each.id for each in in_scope(node.body) if isinstance(each, ast.Name)}
        return any(self.home(name) is Home.GLOBAL for name in names & FRAME_BUILTINS.keys())

    # ---- which loops have functions ----

    def _names(self, node: _LoopNode) -> Names | None:
        """The names that an iteration binds; None if it cannot be a function of its own."""
        if self._frame_is_seen or self.scope.kind is not Kind.FUNCTION:
            return None
        parts: list[ast.AST] = [node.target if isinstance(node, ast.For) else node.test, *node.body]
        names = self._collected(parts)
        if names.globals or names.nonlocals or not names.bound <= self.scope.bound:
            return None
        # Of a loop inside one that has functions this was asked before.
        if self._functions is None and any(map(_needs_its_frame, in_scope(parts))):
            return None
        return names

    def _collected(self, parts: list[ast.AST]) -> Names:
        names = Names(self.scope.private)
        names.collect(parts)
        return names

    # ---- the loops ----

    def visit_For(self, node: ast.For) -> Any:
        iterable, target = self.visit(node.iter), self.visit(node.target)
        names = self._names(node)
        if names is None:
            iterable = self.iterated(iterable)
            body, orelse = self._list(node.body), self._list(node.orelse)
            return ast.copy_location(ast.For(target, iterable, body, orelse), node)
        with self._in_loop() as functions:
            body = self._list(node.body)
        loop = self._loop(node, body, names, functions, target)
        arguments = [loop.name("body"), loop.name("plain"), *self._described(node, loop, names)]
        header = ast.copy_location(hook("loop", iterable, *arguments), iterable)
        orelse = loop.ended(_first(loop), loop.orelse)
        return self._placed_loop(node, loop, functions, [], ast.For(target, header, body, orelse))

    def visit_While(self, node: ast.While) -> Any:
        test, names = self.visit(node.test), self._names(node)
        if names is None:
            body, orelse = self._list(node.body), self._list(node.orelse)
            return ast.copy_location(ast.While(test, body, orelse), node)
        with self._in_loop() as functions:
            body = self._list(node.body)
        loop = self._loop(node, body, names, functions, None)
        tested = self._collected([node.test])
        for what, value in (("test", test), ("plain_test", node.test)):
            returned = ast.copy_location(ast.Return(value), node.test)
            functions.append(self._function(loop.name(what), [], tested, [returned]))
        parts = [loop.name(what) for what in ("test", "body", "plain_test", "plain")]
        asked = hook("while_", *parts, *self._described(node, loop, names))
        ask = ast.Assign([ast.Name(loop.name("asked").id, ast.Store())], asked)
        orelse = loop.ended(_first(loop), loop.orelse)
        tests = ast.copy_location(loop_test(loop, test), node.test)
        return self._placed_loop(node, loop, functions, [ask], ast.While(tests, body, orelse))

    def _described(self, node: _LoopNode, loop: Loop, names: Names) -> list[ast.expr]:
        """The arguments that every hook of a loop ends with."""
        live, behind = self._live[node]
        parts = (names.bound & behind, (names.bound & live) - behind, names.bound - live)
        bound = [
            ast.Tuple([ast.Constant(name) for name in sorted(part)], ast.Load()) for part in parts
        ]
        exit = loop.name("exit") if loop.exits else ast.Constant(None)
        return [ast.Tuple([*bound], ast.Load()), exit]

    @contextmanager
    def _in_loop(self) -> Iterator[list[ast.stmt]]:
        """Visit the body of a loop; gives the list for its functions."""
        before = self._functions
        self._functions = [] if before is None else before
        try:
            yield self._functions
        finally:
            self._functions = before

    def _loop(
        self,
        node: _LoopNode,
        body: list[ast.stmt],
        names: Names,
        functions: list[ast.stmt],
        target: ast.expr | None,
    ) -> Loop:
        """The loop with this rewritten body, for which two functions are added."""
        plain, hooked = Iteration({}), Iteration(self._loops)
        plain_block, block = plain.block(node.body), hooked.block(body)
        orelse = self._list(node.orelse)
        loop = Loop(next(self._numbers), tuple(sorted(plain.exits)), orelse)
        items: list[str] = []
        if isinstance(node, ast.For):
            items = ["$each"]
            plain_block.insert(0, _item_stored(node.target))
            block.insert(0, _item_stored(target or node.target))
        functions.append(self._function(loop.name("body"), items, names, block))
        functions.append(self._function(loop.name("plain"), items, names, plain_block))
        return loop

    def _function(
        self, name: ast.Name, items: list[str], names: Names, body: list[ast.stmt]
    ) -> ast.stmt:
        arguments = ast.arguments([], [ast.arg(each) for each in items], None, [], [], None, [])
        # A variable that one comprehension shadows and another reads is not found by CPython 3.12
        # and 3.13, unless the function itself speaks of it, as the user's does.
        shared = sorted(names.bound | (names.iterated & self.scope.bound))
        declared: list[ast.stmt] = [ast.Nonlocal(shared)] if shared else []
        new = ast.FunctionDef(name.id, arguments, [*declared, *body], [])
        return with_type_params(new, [])  # type: ignore[no-any-return]

    def _placed_loop(
        self,
        node: _LoopNode,
        loop: Loop,
        functions: list[ast.stmt],
        head: list[ast.stmt],
        new: ast.For | ast.While,
    ) -> list[ast.stmt]:
        """The loop and what stands before it, all on the line of the loop."""
        self._loops[new] = loop
        if loop.exits:
            ways = (*loop.exits, "else") if loop.orelse else loop.exits
            kinds = [ast.Constant(kind) for kind in ways]
            made = ast.Name(loop.name("exit").id, ast.Store())
            head.insert(0, ast.Assign([made], hook("exit", *kinds)))
        if self._functions is None:
            head = [*functions, *head]
        return [ast.copy_location(each, node) for each in (*head, new)]


def _needs_its_frame(node: ast.AST) -> bool:
    if isinstance(node, ast.Name):
        return node.id == "super"  # without arguments it looks for the method's first parameter
    return isinstance(node, ast.Yield | ast.YieldFrom)


def _item_stored(target: ast.expr) -> ast.stmt:
    stored = ast.Assign([target], ast.Name("$each", ast.Load()))
    return ast.copy_location(stored, target)


def _first(loop: Loop) -> ast.expr:
    """`$exit0.value[0]`, what the user's `return` returned."""
    return ast.Subscript(loop.exit(), ast.Constant(0), ast.Load())
