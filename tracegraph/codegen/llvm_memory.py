"""Loads, stores and sizes in LLVM text, by how a place moves from lane to lane.

A place that moves by 1 is a vector in memory, by 0 one value for all lanes, by -1 a vector read
backwards. One that moves by 2 in a buffer of pairs is every other element of a vector twice as
long; others are read and written lane by lane.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tracegraph.codegen.llvm_place import Places, depends
from tracegraph.codegen.llvm_scope import Register, Scopes
from tracegraph.codegen.llvm_types import element, many, memory, register
from tracegraph.ir.loops import For, Program, Store, roots, statements, written
from tracegraph.ir.scalar import Scalar, walk
from tracegraph.ir.size_values import substitute
from tracegraph.ir.sizes import Dim, Symbol, coefficient, symbol, symbols
from tracegraph.ir.types import BOOL, INT64, DType


class Memory:
    """Reads and writes buffers, for one lane or many."""

    def __init__(
        self,
        scopes: Scopes,
        register_of: Callable[[Symbol], Register],
        declare: Callable[[str], None],
        program: Program,
    ) -> None:
        self.places = Places(scopes, register_of, declare)
        self._scopes, self._register_of, self._program = scopes, register_of, program
        self._written = written(program.body)
        self._dtypes = {b.name: b.dtype for b in program.buffers}
        self._paired = {b.name for b in program.buffers if b.paired}

    def is_written(self, load: Scalar) -> bool:
        """Return whether the program writes the buffer that a load reads."""
        return load.attr("buffer") in self._written

    def rereads(self, loop: For) -> bool:
        """Return whether a loop reads a buffer that it writes."""
        own = written(loop.body)
        tops = [r for s in statements((loop,)) for r in roots(s)]
        return any(s.op == "load" and s.attr("buffer") in own for s in walk(*tops))

    def motion(self, place: Dim, vector: Symbol | None) -> Dim | None:
        """Return how far a place moves from lane to lane; None where that is irregular."""
        if vector is None or isinstance(place, int):
            return 0
        for name in symbols(place):
            if name in self._program.indices and self._register_of(name).lanes > 1:
                return None
        return coefficient(place, vector)

    def lane(self, place: Dim, vector: Symbol, lane: int) -> Dim:
        """Return the place of one lane."""
        moved: dict[Symbol, Dim] = {}
        for name in symbols(place):
            if name == vector:
                moved[name] = symbol(name.name) + lane
            elif name in self._program.indices and self._register_of(name).lanes > 1:
                moved[name] = symbol(self._extracted(name, lane).name)
        return substitute(place, moved)

    def _extracted(self, name: Symbol, lane: int) -> Symbol:
        own = Symbol(f"{name.name}.lane{lane}")
        if self._scopes.find(own) is None:
            found = self._register_of(name)
            home = self._scopes.home((found.scope,))
            source = f"{register(INT64, found.lanes)} {found.text}"
            text = self._scopes.emit(home, f"extractelement {source}, i64 {lane}")
            self._scopes.keep(own, Register(text, 1, home))
        return own

    def size(self, value: Dim, vector: Symbol | None, lanes: int) -> Register:
        """Return the value of a size in an i64, or in a vector of them where it varies."""
        motion = self.motion(value, vector)
        if motion == 0:
            return self.places.size(value)
        if motion is None:
            assert vector is not None
            parts = [self.places.size(self.lane(value, vector, k)) for k in range(lanes)]
            return self._gathered(parts, INT64)
        first, step = self.places.size(value), self.places.size(motion)
        home = self._scopes.home((first.scope, step.scope))
        t = many("i64", lanes)
        ramp = ", ".join(f"i64 {k}" for k in range(lanes))
        emit = self._scopes.emit
        moved = emit(home, f"mul {t} <{ramp}>, {self._splat(step, 'i64', lanes, home)}")
        total = emit(home, f"add {t} {moved}, {self._splat(first, 'i64', lanes, home)}")
        return Register(total, lanes, home)

    def _splat(self, one: Register, type: str, lanes: int, home: int) -> str:
        t = many(type, lanes)
        text = self._scopes.emit(home, f"insertelement {t} poison, {type} {one.text}, i64 0")
        return self._scopes.emit(
            home, f"shufflevector {t} {text}, {t} poison, <{lanes} x i32> zeroinitializer"
        )

    def _gathered(self, parts: list[Register], dtype: DType) -> Register:
        home = self._scopes.home([p.scope for p in parts])
        one, t, total = element(dtype), register(dtype, len(parts)), "poison"
        for lane, part in enumerate(parts):
            total = self._scopes.emit(
                home, f"insertelement {t} {total}, {one} {part.text}, i64 {lane}"
            )
        return Register(total, len(parts), home)

    def load(self, scalar: Scalar, vector: Symbol | None, lanes: int) -> Register:
        """Read an element, or as many as there are lanes."""
        buffer, offset = scalar.attr("buffer"), scalar.attr("offset")
        motion = self.motion(offset, vector)
        pinned = self.is_written(scalar)
        if motion == 0:
            return self._read(buffer, offset, 1, pinned)
        assert vector is not None
        if motion == 1:
            return self._read(buffer, offset, lanes, pinned)
        if motion == -1:
            return self._reversed(self._read(buffer, offset - (lanes - 1), lanes, pinned), buffer)
        if motion == 2 and buffer in self._paired:
            return self._part(buffer, offset, lanes, pinned)
        places = [self.lane(offset, vector, k) for k in range(lanes)]
        parts = [self._read(buffer, place, 1, pinned) for place in places]
        return self._gathered(parts, self._dtypes[buffer])

    def _part(self, buffer: str, offset: Dim, lanes: int, pinned: bool) -> Register:
        """Read pairs, and of each pair the element that is asked for."""
        second = _is_second(offset)
        key = ("pairs", buffer, offset - second, lanes)
        pairs = self._scopes.find(key)
        if pairs is None:
            pairs = self._read(buffer, offset - second, 2 * lanes, pinned)
            self._scopes.keep(key, pairs, fleeting=pinned)
        places = range(second, 2 * lanes, 2)
        return self._shuffled(pairs.text, "poison", 2 * lanes, places, buffer, pairs.scope)

    def _shuffled(
        self, a: str, b: str, lanes: int, places: Iterable[int], buffer: str, scope: int
    ) -> Register:
        """Return the elements at some places of two vectors that follow each other."""
        t, places = register(self._dtypes[buffer], lanes), tuple(places)
        mask = ", ".join(f"i32 {k}" for k in places)
        text = f"shufflevector {t} {a}, {t} {b}, <{len(places)} x i32> <{mask}>"
        return Register(self._scopes.emit(scope, text), len(places), scope)

    def _read(self, buffer: str, offset: Dim, lanes: int, pinned: bool) -> Register:
        dtype = self._dtypes[buffer]
        place = self.places.address(buffer, memory(dtype), offset)
        home = self._scopes.top if pinned else self._scopes.home((place.scope,))
        t = many(memory(dtype), lanes)
        text = self._scopes.emit(home, f"load {t}, ptr {place.text}, align {dtype.itemsize}")
        if dtype == BOOL:
            text = self._scopes.emit(home, f"icmp ne {t} {text}, {_zero(lanes)}")
        return Register(text, lanes, home)

    def _reversed(self, found: Register, buffer: str) -> Register:
        places = reversed(range(found.lanes))
        return self._shuffled(found.text, "poison", found.lanes, places, buffer, found.scope)

    def store_all(
        self, run: Sequence[tuple[Store, Register]], vector: Symbol | None, lanes: int
    ) -> None:
        """Write values, both elements of a pair at once."""
        left = list(reversed(run))
        while left:
            store, value = left.pop()
            if left and lanes > 1 and self._are_pair(store, left[-1][0], vector):
                other = left.pop()[1]
                places = [k for lane in range(lanes) for k in (lane, lanes + lane)]
                top = self._scopes.top
                both = self._shuffled(value.text, other.text, lanes, places, store.buffer, top)
                self._write(store.buffer, store.offset, both)
            else:
                self._store(store, value, vector, lanes)

    def _are_pair(self, one: Store, other: Store, vector: Symbol | None) -> bool:
        follows = one.buffer == other.buffer and other.offset - one.offset == 1
        is_pair = follows and one.buffer in self._paired and not _is_second(one.offset)
        return is_pair and self.motion(one.offset, vector) == 2

    def _store(self, store: Store, value: Register, vector: Symbol | None, lanes: int) -> None:
        offset = store.offset
        motion = self.motion(offset, vector)
        if lanes == 1 or motion == 1:
            self._write(store.buffer, offset, value)
            return
        assert vector is not None
        if motion == -1:
            turned = self._reversed(value, store.buffer)
            self._write(store.buffer, offset - (lanes - 1), turned)
            return
        t = register(self._dtypes[store.buffer], lanes)
        for k in range(lanes):
            home = self._scopes.top
            part = self._scopes.emit(home, f"extractelement {t} {value.text}, i64 {k}")
            place = self.lane(offset, vector, k) if depends(offset, vector) or motion else offset
            self._write(store.buffer, place, Register(part, 1, home))

    def _write(self, buffer: str, offset: Dim, value: Register) -> None:
        dtype, text = self._dtypes[buffer], value.text
        place = self.places.address(buffer, memory(dtype), offset)
        t = many(memory(dtype), value.lanes)
        if dtype == BOOL:
            text = self._scopes.emit(
                self._scopes.top, f"zext {register(dtype, value.lanes)} {text} to {t}"
            )
        self._scopes.write(f"  store {t} {text}, ptr {place.text}, align {dtype.itemsize}")


def _is_second(offset: Dim) -> int:
    """Return 1 for the second element of a pair: the variable part of its place is even."""
    fixed = offset if isinstance(offset, int) else dict(offset.terms).get((), 0)
    return fixed % 2


def _zero(lanes: int) -> str:
    return "0" if lanes == 1 else "zeroinitializer"
