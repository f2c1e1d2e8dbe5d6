"""The rules that every loop program keeps."""

from __future__ import annotations

from collections.abc import Sequence

from tracegraph.ir.errors import GraphError
from tracegraph.ir.loops import (
    PLACES,
    Fold,
    For,
    Program,
    Statement,
    Store,
    place_of,
    roots,
    statements,
)
from tracegraph.ir.scalar import FOLDS, Scalar, walk
from tracegraph.ir.sizes import Dim, Symbol, symbols


def verify_loops(program: Program) -> None:
    """Check a loop program.

    Raises
    ------
    GraphError
        A buffer is unknown or of another dtype than what is stored or loaded; a loop index or the
        result of a fold is used outside its scope; a vector loop is inside another or carries a
        value; a fold has no such combination.
    """
    _Verifier(program).body(program.body, frozenset(), frozenset(), vector=False)


class _Verifier:
    def __init__(self, program: Program) -> None:
        self._program = program
        self._dtypes = {b.name: b.dtype for b in program.buffers}
        self._indices = {s.index for s in statements(program.body) if isinstance(s, For)}
        if len(self._dtypes) != len(program.buffers):
            raise self._fault("two buffers have one name")

    def _fault(self, what: str) -> GraphError:
        return GraphError(f"in the loop program {self._program.name}: {what}")

    def body(
        self,
        body: Sequence[Statement],
        indices: frozenset[Symbol],
        leaves: frozenset[Scalar],
        vector: bool,
    ) -> frozenset[Scalar]:
        """Check statements; return the leaves that are known after them."""
        for statement in body:
            if isinstance(statement, Store):
                self._store(statement, indices, leaves)
            else:
                leaves = self._loop(statement, indices, leaves, vector)
        return leaves

    def _store(self, store: Store, indices: frozenset[Symbol], leaves: frozenset[Scalar]) -> None:
        self._buffer(store.buffer, store.value)
        self._place(store.offset, indices, leaves)
        self._scalar(store.value, indices, leaves)

    def _loop(
        self, loop: For, indices: frozenset[Symbol], leaves: frozenset[Scalar], vector: bool
    ) -> frozenset[Scalar]:
        if loop.lanes > 1 and (vector or loop.carries or any(f.careful for f in loop.folds)):
            raise self._fault(f"the loop over {loop.index} cannot run as vectors")
        if loop.index in indices:
            raise self._fault(f"the loop over {loop.index} is inside another one over it")
        self._place(loop.extent, indices, leaves)
        for carry in loop.carries:
            self._scalar(carry.start, indices, leaves)
        inner = leaves | {c.state for c in loop.carries}
        inside = indices | {loop.index}
        known = self.body(loop.body, inside, inner, vector or loop.lanes > 1)
        for fold in loop.folds:
            self._fold(fold)
        ends = [c.start for c in loop.carries]
        for scalar in roots(loop):
            if scalar not in ends:
                self._scalar(scalar, inside, known)
        return leaves | {f.result for f in loop.folds} | {c.result for c in loop.carries}

    def _fold(self, fold: Fold) -> None:
        if fold.combine not in FOLDS or (fold.combine in PLACES) != (fold.place is not None):
            raise self._fault(f"no fold {fold.combine} with a place {fold.place}")
        if fold.careful and (fold.combine != "add" or fold.value.dtype.kind != "f"):
            raise self._fault(f"a careful {fold.combine}")

    def _buffer(self, name: str, scalar: Scalar) -> None:
        # `in` first: a dtype is equal to None, which NumPy takes for float64.
        if name not in self._dtypes or self._dtypes[name] != scalar.dtype:
            raise self._fault(f"the buffer {name} does not hold {scalar.dtype}")

    def _scalar(self, root: Scalar, indices: frozenset[Symbol], leaves: frozenset[Scalar]) -> None:
        for scalar in walk(root):
            if scalar.op in ("state", "result") and scalar not in leaves:
                raise self._fault(f"{scalar.attr('name')} is used where it is not known")
            if scalar.op == "load":
                self._buffer(scalar.attr("buffer"), scalar)
            self._place(place_of(scalar), indices, leaves)

    def _place(self, place: Dim, indices: frozenset[Symbol], leaves: frozenset[Scalar]) -> None:
        for symbol in symbols(place):
            if symbol in self._program.indices:
                self._scalar(self._program.indices[symbol], indices, leaves)
            elif symbol in self._indices and symbol not in indices:
                raise self._fault(f"{symbol} is used outside its loop")
