"""Polynomials by their coefficients, the highest power first."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.arithmetic import negative
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.compare import equal
from tracegraph.ir.ops.compose import take_axis
from tracegraph.ir.ops.convolve import convolve
from tracegraph.numpy.arguments import array, integer, join, reshaped
from tracegraph.numpy.creation import positions
from tracegraph.numpy.emit import Emitter, Sym, Unsupported
from tracegraph.numpy.functions import apply_ufunc
from tracegraph.numpy.signals import convolve_rule

MOST_ROOTS = 64
"""How many roots ``np.poly`` takes one by one; more are left to NumPy."""


def _coefficients(e: Emitter, p: Any) -> Value:
    if isinstance(p, np.poly1d):
        raise Unsupported("an object of numpy.poly1d; give its coefficients")
    x = array(e, p)
    if x.ndim > 1:
        raise Unsupported("coefficients in several axes")
    return x if x.ndim else reshaped(x, (1,))


def _sum(ufunc: np.ufunc) -> Any:
    """Return the rule of ``np.polyadd`` or ``np.polysub``."""

    def rule(e: Emitter, a1: Any, a2: Any) -> Sym:
        values = [_coefficients(e, a) for a in (a1, a2)]
        lengths = [value.shape[0] for value in values]
        longest = lengths[0] if e.holds(lengths[1], "<=", lengths[0]) else lengths[1]
        filled = [
            value
            if value.shape[0] == longest
            else join([e.full((longest - value.shape[0],), 0, value.dtype), value], 0)
            for value in values
        ]
        found: Sym = apply_ufunc(e, ufunc, *map(Sym, filled))
        return found

    return rule


def polymul(e: Emitter, a1: Any, a2: Any) -> Sym:
    """The rule of ``np.polymul``; NumPy leaves leading zeros out, so there must be none."""
    values = [_coefficients(e, a) for a in (a1, a2)]
    whole = convolve_rule(e, *map(Sym, values))
    if isinstance(whole.shape[0], int) and whole.shape[0] != np.shape(e.given)[0]:
        raise Unsupported("leading coefficients that are zero")
    for value in values:
        first = reshaped(take_axis(value, 0, 0, 1), ())
        e.guard(equal(first, full_like(first, 0)), False)
    return whole


def polyint(e: Emitter, p: Any, m: Any = 1, k: Any = None) -> Sym:
    """The rule of ``np.polyint``."""
    order = integer(m, "m")
    found = Sym(_coefficients(e, p))
    constants = _constants(e, k, order)
    do = partial(apply_ufunc, e)
    for constant in constants:
        length = found.shape[0]
        rising = positions(e, (length,), 0)
        powers = do(np.subtract, length, Sym(rising))
        divided = do(np.true_divide, found, powers).value
        common = np.result_type(divided.dtype, constant.dtype)
        found = Sym(join([e.cast(divided, common), e.cast(constant, common)], 0))
    return found


def _constants(e: Emitter, k: Any, order: int) -> list[Value]:
    """Return the constants of integration, as vectors of one element."""
    if k is None:
        return [e.full((1,), 0.0, np.dtype(float))] * order
    given = array(e, k)
    given = given if given.ndim else reshaped(given, (1,))
    is_one = given.shape[0] == 1
    if not isinstance(given.shape[0], int) or (given.shape[0] < order and not is_one):
        raise Unsupported("a number of constants that varies")
    if is_one and order > 1:
        given = e.cast(given, np.result_type(given.dtype, float))
    return [take_axis(given, 0, 0 if is_one else at, 1) for at in range(order)]


def poly(e: Emitter, seq_of_zeros: Any) -> Sym:
    """The rule of ``np.poly``, of real roots: one factor after the other."""
    roots = _coefficients(e, seq_of_zeros)
    count = roots.shape[0]
    if roots.dtype.kind == "c" or not isinstance(count, int) or not 0 < count <= MOST_ROOTS:
        raise Unsupported("complex roots, none, or many")
    roots = roots if roots.dtype == np.float32 else e.cast(roots, np.dtype(float))
    one = e.full((1,), 1, roots.dtype)
    found = one
    for at in range(count):
        factor = join([one, negative(take_axis(roots, 0, at, 1))], 0)
        pair = (found, factor) if at else (factor, found)
        found = convolve(*pair, full=True)
    return Sym(found)


RULES: dict[Any, Any] = {
    np.polyadd: _sum(np.add),
    np.polysub: _sum(np.subtract),
    np.polymul: polymul,
    np.polyint: polyint,
    np.poly: poly,
}
