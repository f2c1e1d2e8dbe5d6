"""Loop and scalar programs as text, for reading: names of scalars are invented here.

::

    kernel k0(in0: f64, out0: f64)
    for i0 < n by 8:
      %0: f64 = load in0[i0]
      out0[i0] = add(%0, 1.0)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tracegraph.ir.loops import For, Program, Statement, Store
from tracegraph.ir.scalar import Scalar, constant_value, walk
from tracegraph.ir.sizes import Dim, symbols
from tracegraph.ir.types import SHORT_NAMES


def loop_text(program: Program) -> str:
    """Return a loop program as text."""
    printer = _Printer(program)
    buffers = ", ".join(
        f"{b.name}: {SHORT_NAMES[b.dtype]}" + (f"[{b.local}]" if b.local else "")
        for b in program.buffers
    )
    return "\n".join([f"kernel {program.name}({buffers})", *printer.body(program.body, "", {})])


def scalar_text(*roots: Scalar) -> str:
    """Return a scalar program as text: a line for each scalar, then the roots."""
    printer = _Printer(Program("", (), ()))
    names: dict[Scalar, str] = {}
    lines = [line for root in roots for line in printer.scalar(root, "", names)]
    return "\n".join([*lines, f"return {', '.join(names[r] for r in roots)}"])


class _Printer:
    def __init__(self, program: Program) -> None:
        self._program = program
        self._count = 0

    def body(
        self, body: Sequence[Statement], pad: str, names: dict[Scalar, str], loop: For | None = None
    ) -> Iterator[str]:
        """Yield the lines of statements; ``names`` are the scalars printed in blocks around."""
        names = dict(names)
        for statement in body:
            if isinstance(statement, Store):
                yield from self._behind(statement.offset, pad, names)
                yield from self.scalar(statement.value, pad, names)
                yield f"{pad}{statement.buffer}[{statement.offset}] = {names[statement.value]}"
            else:
                yield from self._loop(statement, pad, names)
        if loop is not None:
            yield from self._ends(loop, pad, names)

    def _loop(self, loop: For, pad: str, names: dict[Scalar, str]) -> Iterator[str]:
        for carry in loop.carries:
            yield from self.scalar(carry.start, pad, names)
            names[carry.state] = f"${carry.state.attr('name')}"
            yield f"{pad}{names[carry.state]} = {names[carry.start]}"
        by = f" by {loop.lanes}" if loop.lanes > 1 else ""
        yield f"{pad}for {loop.index} < {loop.extent}{by}:"
        yield from self.body(loop.body, pad + "  ", names, loop)
        for leaf in (*(f.result for f in loop.folds), *(c.result for c in loop.carries)):
            names[leaf] = f"${leaf.attr('name')}"

    def _ends(self, loop: For, pad: str, names: dict[Scalar, str]) -> Iterator[str]:
        for fold in loop.folds:
            given = [fold.value] if fold.place is None else [fold.value, fold.place]
            for scalar in given:
                yield from self.scalar(scalar, pad, names)
            word = f"careful {fold.combine}" if fold.careful else fold.combine
            passed = ", ".join(names[s] for s in given)
            yield f"{pad}${fold.result.attr('name')} <- {word}({passed})"
        for carry in loop.carries:
            yield from self.scalar(carry.next, pad, names)
            yield f"{pad}${carry.state.attr('name')} <- {names[carry.next]}"

    def scalar(self, root: Scalar, pad: str, names: dict[Scalar, str]) -> Iterator[str]:
        """Yield a line for each scalar that has no name yet."""
        for scalar in walk(root, enter=lambda s: s not in names):
            short = _leaf(scalar)
            if short is not None:
                names[scalar] = short
                continue
            if scalar.op == "load":
                yield from self._behind(scalar.attr("offset"), pad, names)
            names[scalar] = f"%{self._count}"
            self._count += 1
            yield f"{pad}{names[scalar]}: {SHORT_NAMES[scalar.dtype]} = {_call(scalar, names)}"

    def _behind(self, place: Dim, pad: str, names: dict[Scalar, str]) -> Iterator[str]:
        """Yield the lines that compute the symbols of a place that stand for data."""
        for symbol in dict.fromkeys(symbols(place)):
            scalar = self._program.indices.get(symbol)
            if scalar is not None and scalar not in names:
                yield from self.scalar(scalar, pad, names)
                yield f"{pad}{symbol} = {names[scalar]}"


def _leaf(scalar: Scalar) -> str | None:
    """Return what a scalar without operands is printed as, wherever it is used."""
    if scalar.op == "const":
        return str(constant_value(scalar))
    if scalar.op == "size":
        return str(scalar.attr("value"))
    return f"${scalar.attr('name')}" if scalar.op in ("state", "result") else None


def _call(scalar: Scalar, names: dict[Scalar, str]) -> str:
    if scalar.op == "load":
        return f"load {scalar.attr('buffer')}[{scalar.attr('offset')}]"
    return f"{scalar.op}({', '.join(_arguments(scalar, names))})"


def _arguments(scalar: Scalar, names: dict[Scalar, str]) -> Iterable[str]:
    yield from (names[a] for a in scalar.args)
    yield from (f"{name}={value}" for name, value in scalar.attrs)
