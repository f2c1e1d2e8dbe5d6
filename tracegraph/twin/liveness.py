"""Which names somebody may still read when an iteration of a loop is over.

The others are scratch: what they hold is not carried to the next iteration, nor left by the loop.

This is liveness, a data flow that runs backwards (Aho, Lam, Sethi and Ullman, *Compilers*, 9.2.5),
over statements in place of basic blocks. Where it is not sure, a name is live: only an assignment
ends the life of what was there before, and names of scopes inside the function live everywhere.
"""

import ast
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tracegraph.ir.record import record, replace
from tracegraph.twin.syntax import FunctionNode, ScopeNode, mangle

Live = frozenset[str]

_NONE: Live = frozenset()

_INNER = (ScopeNode, ast.Lambda, ast.GeneratorExp)
"""What runs at another time than it stands there."""


@record
class _Around:
    """What is live where a statement may go on that does not end: by which way it is left."""

    broken: Live = _NONE
    continued: Live = _NONE
    raised: Live = _NONE

    def also(self, live: Live) -> "_Around":
        """What is live if some statements run first on each of these ways."""
        return _Around(self.broken | live, self.continued | live, self.raised | live)


class Liveness:
    """The names that are live at the end of an iteration of each loop of a function.

    Attributes
    ----------
    ends : dict of ast.stmt to tuple of frozenset of str
        These, mangled, and those of them that are live behind the loop, by the loop; not of loops
        in functions inside.
    """

    def __init__(self, node: FunctionNode, private: str | None) -> None:
        self.private = private
        self.ends: dict[ast.stmt, tuple[Live, Live]] = {}
        body = [] if isinstance(node, ast.Lambda) else node.body
        inner = (each for part in body for each in ast.walk(part) if isinstance(each, _INNER))
        self._shared = self._names(inner)
        self._block(body, _NONE, _Around())

    # ---- statements: what is live before them, given what is live behind ----

    def _block(self, statements: Iterable[ast.stmt], after: Live, around: _Around) -> Live:
        for node in reversed([*statements]):
            after = self._statement(node, after, around) | around.raised
        return after

    def _statement(self, node: ast.stmt, after: Live, around: _Around) -> Live:
        for kinds, before in _COMPOUND.items():
            if isinstance(node, kinds):
                return before(self, node, after, around)
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            after -= self._stored(targets)
        elif isinstance(node, ast.AugAssign):
            after |= self._names([node.target])
        return after | self._read(node)

    def _left(self, node: Any, after: Live, around: _Around) -> Live:
        if isinstance(node, ast.Break):
            return around.broken
        return around.continued if isinstance(node, ast.Continue) else self._read(node)

    def _if(self, node: Any, after: Live, around: _Around) -> Live:
        sides = [self._block(side, after, around) for side in (node.body, node.orelse)]
        return self._read(node.test).union(*sides)

    def _match(self, node: Any, after: Live, around: _Around) -> Live:
        found = after | self._read(node.subject)
        for case in node.cases:
            asked = [part for part in (case.pattern, case.guard) if part is not None]
            found |= self._block(case.body, after, around).union(*map(self._read, asked))
        return found

    def _with(self, node: Any, after: Live, around: _Around) -> Live:
        """A context manager may swallow what is raised."""
        inner = replace(around, raised=around.raised | after)
        body = self._block(node.body, after, inner)
        return body.union(*map(self._read, node.items))

    def _try(self, node: Any, after: Live, around: _Around) -> Live:
        if node.finalbody:
            after = self._block(node.finalbody, after | around.broken | around.continued, around)
            around = around.also(after)
        handled = around.raised
        for handler in node.handlers:
            handled |= self._block(handler.body, after, around)
            handled |= _NONE if handler.type is None else self._read(handler.type)
        ended = self._block(node.orelse, after, around)
        return self._block(node.body, ended, replace(around, raised=handled)) | handled

    def _loop(self, node: Any, after: Live, around: _Around) -> Live:
        is_for = not isinstance(node, ast.While)
        ended = self._block(node.orelse, after, around)
        head = ended if is_for else ended | self._read(node.test)
        known = None
        while head != known:
            known = head
            inner = _Around(after, head, around.raised)
            body = self._block(node.body, head, inner)
            if is_for:
                body = (body - self._stored([node.target])) | self._read(node.target)
            head |= body
        behind = ended | after | around.raised | self._shared
        self.ends[node] = head | behind, behind
        return head | self._read(node.iter) if is_for else head

    # ---- names ----

    def _names(self, nodes: Iterable[ast.AST]) -> Live:
        return frozenset(
            mangle(each.id, self.private)
            for node in nodes
            for each in ast.walk(node)
            if isinstance(each, ast.Name)
        )

    def _read(self, node: ast.AST) -> Live:
        """The names that a node reads or deletes, wherever in it."""
        return frozenset(
            mangle(each.id, self.private)
            for each in ast.walk(node)
            if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Store)
        )

    def _stored(self, targets: Iterable[ast.expr]) -> Live:
        """The names that an assignment to these targets binds for sure."""
        found: set[str] = set()
        for target in targets:
            if isinstance(target, ast.Name):
                found.add(mangle(target.id, self.private))
            elif isinstance(target, ast.Tuple | ast.List):
                found |= self._stored(target.elts)
            elif isinstance(target, ast.Starred):
                found |= self._stored([target.value])
        return frozenset(found) - self._shared


_Rule = Callable[[Liveness, Any, Live, _Around], Live]

_COMPOUND: Mapping[Any, _Rule] = {
    ast.If: Liveness._if,
    ast.For | ast.AsyncFor | ast.While: Liveness._loop,
    ast.With | ast.AsyncWith: Liveness._with,
    ast.Try | ast.TryStar: Liveness._try,
    ast.Match: Liveness._match,
    ast.Return | ast.Raise | ast.Break | ast.Continue: Liveness._left,
}
