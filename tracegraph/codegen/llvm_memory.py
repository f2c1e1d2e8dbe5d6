"""Loads, stores and sizes in LLVM text, by how a place moves from lane to lane.

A place that moves by 1 is a vector in memory, by 0 one value for all lanes, by -1 a vector read
backwards; others are read and written lane by lane.
"""

from __future__ import annotations

from collections.abc import Callable

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
        places = [self.lane(offset, vector, k) for k in range(lanes)]
        parts = [self._read(buffer, place, 1, pinned) for place in places]
        return self._gathered(parts, self._dtypes[buffer])

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
        t = register(self._dtypes[buffer], found.lanes)
        mask = ", ".join(f"i32 {k}" for k in reversed(range(found.lanes)))
        text = self._scopes.emit(
            found.scope,
            f"shufflevector {t} {found.text}, {t} poison, <{found.lanes} x i32> <{mask}>",
        )
        return Register(text, found.lanes, found.scope)

    def store(self, store: Store, value: Register, vector: Symbol | None, lanes: int) -> None:
        """Write an element, or as many as there are lanes."""
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


def _zero(lanes: int) -> str:
    return "0" if lanes == 1 else "zeroinitializer"
