"""Stand-ins for what calls return: new arrays, and views of those that are known."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tracegraph.geometry import concrete, is_writeable, lies_as
from tracegraph.inplace import InPlace
from tracegraph.ir.graph import Node, Value
from tracegraph.ir.size_values import hint
from tracegraph.layouts import Order, lay_like
from tracegraph.numpy.emit import Emitter, Sym, Unsupported
from tracegraph.pending import like_of
from tracegraph.standin import ABSENT, PYTHON_SCALARS, Storage, Traced
from tracegraph.values import check_type, remake, stand_ins
from tracegraph.views import owner_of, structural_ancestors, view_path


class Results(InPlace):
    """The part of a recording that makes stand-ins.

    ``lent`` are the examples that NumPy was last given in the place of arrays without values.
    """

    emitter: Emitter
    kept: list[Traced] | None
    lent: Sequence[Any] = ()
    _alive: dict[Node, weakref.ref[Traced]]

    def wrap(self, real: Any, sym: Any, args: Any = ()) -> Any:
        """Return the stand-in for what a call returned."""
        if real is ABSENT:
            return self._wrap_abstract(self.emitter.given, sym, args)
        if isinstance(sym, (tuple, list)):
            return remake(real, [self.wrap(r, s, args) for r, s in zip(real, sym, strict=True)])
        if not isinstance(sym, Sym):
            return real
        if isinstance(real, np.ndarray):
            check_type(sym.value.type, real)
            return self._wrap_array(real, sym.value, args)
        return self._new(real, sym.value)

    def _new(self, real: Any, value: Value) -> Traced:
        like = like_of(real)
        check_type(value.type, like)
        traced = Traced(self, real, Storage(value, owner_of(like), array=like))
        self._alive[value.node] = weakref.ref(traced)
        if self.kept is not None:
            self.kept.append(traced)
        return traced

    def _wrap_array(self, real: Any, value: Value, args: Any) -> Traced:
        arrays = [x for x in stand_ins(args) if isinstance(x.actual, np.ndarray)]
        for traced in arrays:
            if traced.actual is real:
                return traced
        owner = owner_of(real)
        for traced in arrays:
            if owner_of(traced.actual) is owner:
                return self._view(real, value, traced)
        return self._new(real, value) if owner is real else self._view_of_hidden(real, value, owner)

    def _view_of_hidden(self, real: Any, value: Value, owner: Any) -> Traced:
        """Return a stand-in for a view of memory that the function has no name for."""
        for node in structural_ancestors(value.node):
            path = view_path(value.node, node)
            same_shape = tuple(map(hint, node.array_type.shape)) == owner.shape
            if same_shape and path is not None and lies_as(real, owner, concrete(path)):
                return Traced(self, real, Storage(Value(self.builder, node), owner), path)
        return self._new(real, value)

    def _view(self, real: Any, value: Value, traced: Traced) -> Traced:
        path = view_path(value.node, self.value_of(traced).node)
        if path is not None:
            return Traced(self, real, traced.storage, (*traced.path, *path))
        storage = Storage(value, owner_of(real), array=real)  # good until its memory is written
        storage.shares, storage.seen = traced.storage, traced.storage.version
        return Traced(self, real, storage)

    def _wrap_abstract(self, like: Any, sym: Any, args: Any) -> Any:
        """Return a stand-in without value; it is a view where ``like`` is one, of an example."""
        if isinstance(sym, (tuple, list)):
            pairs = zip(like, sym, strict=True)
            return tuple([self._wrap_abstract(each, one, args) for each, one in pairs])
        if not isinstance(sym, Sym):
            return ABSENT
        if not isinstance(like, np.ndarray):
            number = type(like) if type(like) in PYTHON_SCALARS else None
            return self.fresh(ABSENT, sym.value, number)
        is_lent = self.is_lent([like])
        if is_lent or (not like.size and not sym.fresh):
            for traced in stand_ins(args):
                path = view_path(sym.value.node, self.value_of(traced).node)
                if path is not None and traced.kind is np.ndarray:
                    found = Traced(self, ABSENT, traced.storage, (*traced.path, *path))
                    return found if is_writeable(like) else self._read_only(found, like)
        if is_lent:
            raise Unsupported("it gives a view of single elements; copy what it gives")
        found = self.fresh(ABSENT, sym.value)
        lay_like(found.storage, like)
        found.storage.is_read_only = not is_writeable(like)
        return found

    def _read_only(self, view: Traced, like: Any) -> Traced:
        """Return a stand-in for a view that NumPy does not let anybody write into."""
        found = self.fresh(ABSENT, view.value)
        lay_like(found.storage, like)
        memory = view.storage.shares or view.storage
        found.storage.shares, found.storage.seen = memory, memory.version
        found.storage.is_read_only = True
        return found

    def is_lent(self, results: Iterable[Any]) -> bool:
        """Return whether a result looks at memory of an example that NumPy was given."""
        arrays = [each for each in results if isinstance(each, np.ndarray)]
        return any(np.may_share_memory(each, lent) for each in arrays for lent in self.lent)

    def fresh(
        self, real: Any, value: Value, number: type | None = None, order: Order | None = None
    ) -> Traced:
        """Return a stand-in for a new array, or a number; without value of the type ``number``."""
        if real is ABSENT:
            storage = Storage(value, None)
            storage.number, storage.order = number, order
            return Traced(self, ABSENT, storage)
        return self._new(real, value)
