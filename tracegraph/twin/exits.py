"""Makes the statements of a loop's body those of a function that runs one iteration.

What leaves the iteration leaves the function, and says how:

    continue    ->  return None, as at the end of the body
    break       ->  return True
    return e    ->  return (e,)

The names that the body binds are `nonlocal` there, and may not be annotated: `x: T = e` is `x = e`,
as annotations inside a function are never evaluated.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tracegraph.ir.record import record
from tracegraph.twin.syntax import ScopeNode


@record(slots=True)
class Loop:
    """A loop that has functions of its own: their number, the ways out of its body, its `else`."""

    number: int
    exits: tuple[str, ...]
    orelse: list[ast.stmt]

    def name(self, what: str) -> ast.Name:
        """One of the loop's own variables, such as `$exit0`."""
        return ast.Name(f"${what}{self.number}", ast.Load())

    def ended(self, returned: ast.expr, orelse: list[ast.stmt]) -> list[ast.stmt]:
        """What follows the last iteration, which may have left the loop: see `hooks.Exit`."""
        otherwise: list[ast.stmt] = []
        if "return" in self.exits:
            is_value = ast.Compare(self.exit(), [ast.IsNot()], [ast.Constant(True)])
            otherwise = [ast.If(is_value, [ast.Return(returned)], [])]
        if not self.exits or not (orelse or otherwise):
            return orelse
        is_over = ast.Compare(self.exit(), [ast.Is()], [ast.Constant(None)])
        return [ast.If(is_over, orelse or [ast.Pass()], otherwise)]

    def exit(self, context: ast.expr_context | None = None) -> ast.expr:
        """`$exit0.value`"""
        return ast.Attribute(self.name("exit"), "value", context or ast.Load())


class Iteration:
    """Turns bodies into functions, and notes in `exits` by which ways they are left.

    Loops inside that have functions of their own, which are given by their statements, are run by
    calls of these: their rewritten bodies stand in no other function.
    """

    def __init__(self, loops: Mapping[ast.stmt, Loop]) -> None:
        self.loops = loops
        self.exits: set[str] = set()

    def block(self, statements: Iterable[ast.stmt], nested: bool = False) -> list[ast.stmt]:
        """The statements; those of a `nested` loop keep their `break` and `continue`."""
        return [new for each in statements for new in self._statement(each, nested)]

    def _statement(self, node: ast.stmt, nested: bool) -> Iterator[ast.stmt]:
        if isinstance(node, ast.Return):
            self.exits.add("return")
            value = node.value or ast.Constant(None)
            yield _returning(ast.Tuple([value], ast.Load()), node)
        elif isinstance(node, ast.Break | ast.Continue):
            yield node if nested else self._left(node)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield _without_annotation(node, node.target)
        elif node in self.loops and isinstance(node, ast.For | ast.While):
            yield from self._called(node, self.loops[node], nested)
        elif isinstance(node, ScopeNode):
            yield node
        else:
            yield self._compound(node, nested)

    def _left(self, node: ast.Break | ast.Continue) -> ast.stmt:
        is_break = isinstance(node, ast.Break)
        if is_break:
            self.exits.add("break")
        return _returning(ast.Constant(True if is_break else None), node)

    def _compound(self, node: Any, nested: bool) -> Any:
        """A copy of a statement, or of a part of one, with what stands in it changed."""
        fields = dict(ast.iter_fields(node))
        is_loop = isinstance(node, ast.For | ast.While)
        for name, value in fields.items():
            if not isinstance(value, list):
                continue
            if name in ("handlers", "cases"):
                fields[name] = [self._compound(each, nested) for each in value]
            elif value and isinstance(value[0], ast.stmt):
                fields[name] = self.block(value, nested or (is_loop and name == "body"))
        return ast.copy_location(type(node)(**fields), node)

    def _called(self, node: ast.For | ast.While, loop: Loop, nested: bool) -> list[ast.stmt]:
        """The loop, in which one iteration is a call of its function."""
        item = [ast.Name("$each", ast.Load())] if isinstance(node, ast.For) else []
        call = ast.Call(loop.name("body"), [*item], [])
        body: list[ast.stmt] = [ast.Expr(call)]
        if loop.exits:
            is_left = ast.Compare(loop.exit(), [ast.IsNot()], [ast.Constant(None)])
            left = ast.If(is_left, [ast.Break()], [])
            body = [ast.Assign([loop.exit(ast.Store())], call), left]
        new: ast.stmt
        if isinstance(node, ast.For):
            new = ast.For(ast.Name("$each", ast.Store()), node.iter, body, [])
        else:
            new = ast.While(loop_test(loop, ast.Call(loop.name("test"), [], [])), body, [])
        after = loop.ended(loop.exit(), self.block(loop.orelse, nested))
        if "return" in loop.exits:
            self.exits.add("return")
        if loop.exits:
            after = [ast.copy_location(each, node) for each in after]  # one `if`, if anything
        return [ast.copy_location(new, node), *after]


def loop_test(loop: Loop, test: ast.expr) -> ast.expr:
    """`$asked0() and test`"""
    return ast.BoolOp(ast.And(), [ast.Call(loop.name("asked"), [], []), test])


def _returning(value: ast.expr, node: ast.stmt) -> ast.stmt:
    return ast.copy_location(ast.Return(ast.copy_location(value, node)), node)


def _without_annotation(node: ast.AnnAssign, target: ast.Name) -> ast.stmt:
    bare = ast.Pass() if node.value is None else ast.Assign([target], node.value)
    return ast.copy_location(bare, node)
