"""How folds are computed: their start, their step, and the fixed tree that joins vector lanes."""

from __future__ import annotations

from collections.abc import Sequence

from tracegraph.codegen.llvm_scalar import maximum, minimum
from tracegraph.codegen.llvm_scope import Result
from tracegraph.codegen.llvm_types import Writer, register
from tracegraph.ir.loops import PLACES, Fold, identity
from tracegraph.ir.types import BOOL, INT64, DType


def step(w: Writer, combine: str, dtype: DType, total: str, value: str) -> str:
    """Write one combination of what was gathered so far with a value."""
    if combine == "maximum":
        return maximum(w, dtype, total, value)
    if combine == "minimum":
        return minimum(w, dtype, total, value)
    if combine.startswith("logical"):
        return w.binary("or" if combine == "logical_or" else "and", BOOL, total, value)
    word = {"add": "add", "multiply": "mul"}[combine]
    return w.binary(("f" if dtype.kind == "f" else "") + word, dtype, total, value)


def careful_step(w: Writer, dtype: DType, total: tuple[str, str], value: str) -> tuple[str, str]:
    """Write one addition of a careful sum: pairs are (sum, what was lost)."""
    old, lost = total
    new = w.binary("fadd", dtype, old, value)
    taken = w.binary("fsub", dtype, new, old)
    first = w.binary("fsub", dtype, old, w.binary("fsub", dtype, new, taken))
    second = w.binary("fsub", dtype, value, taken)
    error = w.binary("fadd", dtype, first, second)
    return new, w.binary("fadd", dtype, lost, error)


def careful_end(w: Writer, dtype: DType, total: tuple[str, str]) -> str:
    """Write the end of a careful sum; what was lost is NaN where the sum is not finite."""
    known = w.compare("ord", dtype, total[1], total[1])
    return w.select(known, dtype, w.binary("fadd", dtype, *total), total[0])


def better(w: Writer, combine: str, dtype: DType, value: str, best: str) -> str:
    """Write whether ``value`` beats ``best``: NaN beats every number, and nothing beats NaN."""
    greater = combine == "argmax"
    if dtype.kind != "f":
        sign = "s" if dtype.kind == "i" else "u"
        return w.compare(sign + ("gt" if greater else "lt"), dtype, value, best)
    number = w.compare("ord", dtype, best, best)
    beats = w.compare("ugt" if greater else "ult", dtype, value, best)
    return w.binary("and", BOOL, beats, number)


def place_step(
    w: Writer, combine: str, dtype: DType, best: tuple[str, str], new: tuple[str, str]
) -> tuple[str, str]:
    """Write one step of argmax or argmin: pairs are (value, place)."""
    wins = better(w, combine, dtype, new[0], best[0])
    return w.select(wins, dtype, new[0], best[0]), w.select(wins, INT64, new[1], best[1])


def _halves(w: Writer, dtype: DType, a: str, lanes: int) -> tuple[str, str]:
    t = register(dtype, lanes)

    def part(first: int) -> str:
        mask = ", ".join(f"i32 {first + k}" for k in range(lanes // 2))
        return w.emit(f"shufflevector {t} {a}, {t} poison, <{lanes // 2} x i32> <{mask}>")

    return part(0), part(lanes // 2)


def _one(w: Writer, dtype: DType, a: str) -> str:
    return w.emit(f"extractelement <1 x {register(dtype, 1)}> {a}, i64 0")


def _narrow(w: Writer, lanes: int) -> Writer:
    return Writer(lanes, w.emit, w.declare)


def join(w: Writer, combine: str, dtype: DType, total: str) -> str:
    """Write the combination of all lanes, by halves."""
    lanes = w.lanes
    while lanes > 2:
        low, high = _halves(w, dtype, total, lanes)
        lanes //= 2
        total = step(_narrow(w, lanes), combine, dtype, low, high)
    a, b = (w.emit(f"extractelement {register(dtype, 2)} {total}, i64 {k}") for k in (0, 1))
    return step(_narrow(w, 1), combine, dtype, a, b)


def join_places(w: Writer, combine: str, dtype: DType, best: tuple[str, str]) -> tuple[str, str]:
    """Write the winner over all lanes; of equal values the one at the lowest place."""
    lanes = w.lanes
    while lanes > 1:
        values, places = _halves(w, dtype, best[0], lanes), _halves(w, INT64, best[1], lanes)
        lanes //= 2
        if lanes == 1:
            values = _one(w, dtype, values[0]), _one(w, dtype, values[1])
            places = _one(w, INT64, places[0]), _one(w, INT64, places[1])
        best = _earlier(_narrow(w, lanes), combine, dtype, values, places)
    return best


def _earlier(
    w: Writer, combine: str, dtype: DType, values: tuple[str, str], places: tuple[str, str]
) -> tuple[str, str]:
    wins = better(w, combine, dtype, values[1], values[0])
    loses = better(w, combine, dtype, values[0], values[1])
    sooner = w.compare("slt", INT64, places[1], places[0])
    tie = w.select(loses, BOOL, w.const(False, BOOL), sooner)
    take = w.select(wins, BOOL, w.const(True, BOOL), tie)
    return w.select(take, dtype, values[1], values[0]), w.select(take, INT64, places[1], places[0])


def fold_states(fold: Fold) -> list[tuple[DType, float]]:
    """Return dtype and start of what a fold keeps: a value, and a place or what a sum lost."""
    dtype = fold.value.dtype
    own = [(dtype, identity(fold.combine, dtype))]
    if fold.combine in PLACES:
        return [*own, (INT64, 0)]
    return [*own, (dtype, 0)] if fold.careful else own


def fold_step(w: Writer, fold: Fold, states: Sequence[str], new: Sequence[str]) -> list[Result]:
    """Write one step of a fold: ``new`` is the value, and the place if it has one."""
    dtype = fold.value.dtype
    if fold.combine in PLACES:
        after = place_step(w, fold.combine, dtype, (states[0], states[1]), (new[0], new[1]))
    elif fold.careful:
        after = careful_step(w, dtype, (states[0], states[1]), new[0])
    else:
        return [Result(w.type(dtype), step(w, fold.combine, dtype, states[0], new[0]))]
    types = [w.type(d) for d, _ in fold_states(fold)]
    return [Result(t, text) for t, text in zip(types, after, strict=True)]


def fold_join(w: Writer, fold: Fold, states: Sequence[str]) -> list[Result]:
    """Write the combination of all lanes."""
    dtype = fold.value.dtype
    if fold.combine in PLACES:
        value, place = join_places(w, fold.combine, dtype, (states[0], states[1]))
        return [Result(register(dtype, 1), value), Result(register(INT64, 1), place)]
    return [Result(register(dtype, 1), join(w, fold.combine, dtype, states[0]))]


def fold_end(w: Writer, fold: Fold, states: Sequence[Result]) -> Result:
    """Write what a fold gives after its loop."""
    if fold.careful:
        pair = states[0].text, states[1].text
        return Result(states[0].type, careful_end(w, fold.value.dtype, pair))
    return states[-1]
