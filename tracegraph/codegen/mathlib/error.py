"""erf: an odd polynomial up to 1, beyond it ``1 - exp(p(x)) / 8`` where p is log(8 erfc(x)).

The second form is N. Juffa's: log(erfc) is smooth, and as erfc falls quickly the polynomial need be
accurate only near 1. There it is centred, and there the 8 makes its value, and so its rounding
error, small. No division, and both forms are computed for every lane.
"""

from __future__ import annotations

from tracegraph.codegen.mathlib.exponential import add_exponent, exp_without_one, reduce_by_ln2
from tracegraph.codegen.mathlib.value import Value, fma, polynomial, where


def erf(x: Value) -> Value:
    """The error function; 1 from where that is the nearest float."""
    form = x.format
    a = abs(x)
    small = fma(a, polynomial(a * a, form.table["erf"]), a)
    beyond = a.at_most(form.choose(5.95, 3.95)) - 1.0
    r = reduce_by_ln2(polynomial(beyond, form.table["log_erfc"]))
    large = fma(add_exponent(exp_without_one(r.high) + 1.0, r.shifted), -0.125, 1.0)
    return where(a < 1.0, small, large).with_sign_of(x)
