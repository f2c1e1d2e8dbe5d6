"""``numpy.linalg``: equations, inverses, determinants, decompositions and what is made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracegraph.ir.graph import Op, Value
from tracegraph.ir.ops import decompose, solve
from tracegraph.ir.ops.broadcast import full_like
from tracegraph.ir.ops.choice import select
from tracegraph.ir.ops.compare import isnan, logical_and, logical_not
from tracegraph.ir.ops.compose import take_axis
from tracegraph.ir.ops.compose_linalg import results_of
from tracegraph.ir.ops.contract import dot, permuted
from tracegraph.ir.ops.least_squares import lstsq
from tracegraph.ir.ops.linalg import matmul
from tracegraph.ir.ops.reduce import any_
from tracegraph.ir.sizes import Dim, product
from tracegraph.ir.types import FLOAT64
from tracegraph.numpy.arguments import array, integer, no_out, reshaped
from tracegraph.numpy.creation import eye
from tracegraph.numpy.emit import Emitter, Sym, Unsupported
from tracegraph.numpy.functions import apply_ufunc

Rule = Callable[..., Any]


def matrices(e: Emitter, *arrays: Any, least: int = 2) -> list[Value]:
    """Return matrices, or stacks of them, in the dtype in which ``numpy.linalg`` answers."""
    values = [array(e, x) for x in arrays]
    if any(value.ndim < least for value in values):
        raise Unsupported("it takes matrices")
    kinds = [FLOAT64 if value.dtype.kind in "biu" else value.dtype for value in values]
    common = np.result_type(*kinds)
    return [e.cast(value, common) for value in values]


def _of_matrices(op: Op) -> Rule:
    """Return the rule of a function of square matrices."""

    def rule(e: Emitter, a: Any) -> Any:
        (x,) = matrices(e, a)
        e.must_equal(x.shape[-1:], x.shape[-2:-1])
        found = op(x)
        return Sym(found) if op is not solve.slogdet else tuple(map(Sym, results_of(found)))

    return rule


def cholesky(e: Emitter, a: Any, /, *, upper: Any = False) -> Sym:
    """The rule of ``np.linalg.cholesky``."""
    return Sym(decompose.cholesky(*matrices(e, a), upper=bool(upper)))


def _symmetric(op: Op) -> Rule:
    """Return the rule of ``np.linalg.eigh`` or ``np.linalg.eigvalsh``."""

    def rule(e: Emitter, a: Any, UPLO: Any = "L") -> Any:
        found = op(*matrices(e, a), lower=str(UPLO).upper() == "L")
        if op is decompose.eigvalsh:
            return Sym(found)
        return tuple(map(Sym, results_of(found)))

    return rule


def qr(e: Emitter, a: Any, mode: Any = "reduced") -> Any:
    """The rule of ``np.linalg.qr``."""
    (x,) = matrices(e, a)
    is_reduced = mode == "reduced" or (
        mode == "complete" and e.holds(x.shape[-2], "<=", x.shape[-1])
    )
    if not (is_reduced or mode == "r"):
        raise Unsupported("another mode of QR")
    q, r = map(Sym, results_of(decompose.qr(x)))
    return r if mode == "r" else (q, r)


def svd(
    e: Emitter, a: Any, full_matrices: Any = True, compute_uv: Any = True, hermitian: Any = False
) -> Any:
    """The rule of ``np.linalg.svd``."""
    if hermitian:
        raise Unsupported("singular values of Hermitian matrices")
    (x,) = matrices(e, a)
    if not compute_uv:
        return Sym(decompose.svdvals(x))
    return tuple(map(Sym, results_of(decompose.svd(x, full=bool(full_matrices)))))


def svdvals(e: Emitter, x: Any, /) -> Sym:
    """The rule of ``np.linalg.svdvals``."""
    return Sym(decompose.svdvals(*matrices(e, x)))


def solve_rule(e: Emitter, a: Any, b: Any) -> Sym:
    """The rule of ``np.linalg.solve``; b may be one vector for every matrix."""
    x, y = matrices(e, a, b, least=1)
    is_vector = y.ndim == 1
    y = reshaped(y, (*y.shape, 1)) if is_vector else y
    batch = e.broadcast_shape(x.shape[:-2], y.shape[:-2])
    x, y = (e.broadcast(v, (*batch, *v.shape[-2:])) for v in (x, y))
    e.must_equal(x.shape[-1:], y.shape[-2:-1])
    found = solve.solve(x, y)
    return Sym(reshaped(found, found.shape[:-1]) if is_vector else found)


def pinv(
    e: Emitter, a: Any, rcond: Any = None, hermitian: Any = False, *, rtol: Any = np._NoValue
) -> Sym:
    """The rule of ``np.linalg.pinv``."""
    (x,) = matrices(e, a)
    if hermitian:
        raise Unsupported("the pseudo-inverse of Hermitian matrices")
    if rcond is None:
        rcond = 1e-15 if rtol is np._NoValue else rtol
    if rcond is None:
        rcond = max(_number(dim) for dim in x.shape[-2:]) * float(np.finfo(x.dtype).eps)
    if not isinstance(rcond, (int, float, np.floating)):
        raise Unsupported("a cutoff that depends on data")
    if not all(e.holds(1, "<=", dim) for dim in x.shape):
        raise Unsupported("matrices without elements")
    return Sym(solve.pinv(x, rcond=float(rcond)))


def _number(dim: Any) -> int:
    return integer(dim, "a size of the matrix")


def lstsq_rule(e: Emitter, a: Any, b: Any, rcond: Any = None) -> tuple[Sym, ...]:
    """The rule of ``np.linalg.lstsq``. How many residuals there are is guarded."""
    x, y = matrices(e, a, b, least=1)
    is_vector = y.ndim == 1
    y = reshaped(y, (*y.shape, 1)) if is_vector else y
    sizes = [_number(dim) for dim in (*x.shape, *y.shape)]
    if rcond is None:
        rcond = float(np.finfo(np.float64).eps) * max(sizes[:2])
    if not isinstance(rcond, (int, float, np.floating)) or not all(sizes):
        raise Unsupported("a cutoff that depends on data, or nothing to solve")
    residuals = len(e.given[1])
    found = lstsq(x, y, rcond=float(rcond), residuals=residuals)
    is_same, solution, *others = results_of(found)
    e.guard(is_same, True, str(residuals).encode())
    solution = reshaped(solution, solution.shape[:1]) if is_vector else solution
    return Sym(solution), *map(Sym, others)


# -- what is made of these ----------------------------------------------------------------------


def matrix_power(e: Emitter, a: Any, n: Any) -> Sym:
    """The rule of ``np.linalg.matrix_power``, by squares in NumPy's order."""
    x, power = array(e, a), integer(n, "the power")
    if x.ndim < 2:
        raise Unsupported("it takes matrices")
    if power == 0:
        unit = eye(e, x.shape[-1], dtype=x.dtype).value
        return Sym(e.broadcast(unit, x.shape))
    if power < 0:
        x, power = solve.inv(*matrices(e, Sym(x))), -power
    if power == 3:
        return Sym(matmul(matmul(x, x), x))
    result = None
    while power:
        if power % 2:
            result = x if result is None else matmul(result, x)
        power //= 2
        x = matmul(x, x) if power else x
    return Sym(result, fresh=True)  # type: ignore[arg-type]  # a positive power has a bit


def multi_dot(e: Emitter, arrays: Any, *, out: Any = None) -> Sym:
    """The rule of ``np.linalg.multi_dot``: in the order that takes the fewest products."""
    no_out(out)
    values = [array(e, x) for x in arrays]
    common = np.result_type(*(value.dtype for value in values))
    values = [e.cast(value, common) for value in values]
    if len(values) == 2:
        return Sym(dot(*values))
    first, last = values[0].ndim, values[-1].ndim
    if first == 1:
        values[0] = reshaped(values[0], (1, *values[0].shape))
    if last == 1:
        values[-1] = reshaped(values[-1], (*values[-1].shape, 1))
    sizes = [_number(value.shape[0]) for value in values] + [_number(values[-1].shape[1])]
    whole = _chain(values, sizes)
    kept = (whole.shape[:1] if first == 2 else ()) + (whole.shape[1:] if last == 2 else ())
    return Sym(reshaped(whole, kept))


def _chain(values: Sequence[Value], sizes: Sequence[int]) -> Value:
    """Return a product of matrices, by the least number of multiplications (Cormen et al.)."""
    count = len(values)
    if count == 3:
        a, b, c = values
        m, k, n, p = sizes
        left = m * n * (k + p) < k * p * (m + n)
        return dot(dot(a, b), c) if left else dot(a, dot(b, c))
    costs: dict[tuple[int, int], float] = {(i, i): 0.0 for i in range(count)}
    best = {(i, i): values[i] for i in range(count)}
    splits: dict[tuple[int, int], int] = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            options = [
                costs[i, k] + costs[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                for k in range(i, j)
            ]
            costs[i, j] = min(options)
            splits[i, j] = i + options.index(costs[i, j])
    return _parenthesised(best, splits, 0, count - 1)


def _parenthesised(best: Any, splits: Any, i: int, j: int) -> Value:
    if i == j:
        found: Value = best[i, i]
        return found
    k = splits[i, j]
    return dot(_parenthesised(best, splits, i, k), _parenthesised(best, splits, k + 1, j))


def tensorsolve(e: Emitter, a: Any, b: Any, axes: Any = None) -> Sym:
    """The rule of ``np.linalg.tensorsolve``."""
    x, y = matrices(e, a, b, least=0)
    if axes is not None:
        order = list(range(x.ndim))
        for axis in axes:
            order.remove(integer(axis, "an axis"))
            order.insert(x.ndim, integer(axis, "an axis"))
        x = permuted(x, tuple(order))
    shape = x.shape[y.ndim :]
    side = product(shape)
    found = solve_rule(e, Sym(_squared(e, x, side)), Sym(reshaped(y, (y.type.size,))))
    return Sym(reshaped(found.value, shape))


def _squared(e: Emitter, x: Value, side: Dim) -> Value:
    """Return an array of several axes as the square matrix that it stands for."""
    e.must_equal((side * side,), (x.type.size,))
    return reshaped(x, (side, side))


def tensorinv(e: Emitter, a: Any, ind: Any = 2) -> Sym:
    """The rule of ``np.linalg.tensorinv``."""
    (x,) = matrices(e, a)
    at = integer(ind, "ind")
    side = product(x.shape[at:])
    found = solve.inv(_squared(e, x, side))
    return Sym(reshaped(found, (*x.shape[at:], *x.shape[:at])))


def cond(e: Emitter, x: Any, p: Any = None) -> Sym:
    """The rule of ``np.linalg.cond``, by singular values."""
    given = array(e, x)
    if isinstance(p, Sym) or p not in (None, 2, -2):
        raise Unsupported("a condition number by another norm, where NumPy ignores errors")
    values = decompose.svdvals(*matrices(e, Sym(given)))
    count, last = values.shape[-1], values.ndim - 1
    large, small = (take_axis(values, last, at, 1) for at in (0, count - 1))
    large, small = (reshaped(v, v.shape[:-1]) for v in (large, small))
    ratio = apply_ufunc(
        e, np.divide, *map(Sym, (small, large) if p == -2 else (large, small))
    ).value
    is_endless = isnan(ratio)
    if given.dtype.kind in "fc":
        has_nan = any_(isnan(given), axes=(given.ndim - 2, given.ndim - 1))
        is_endless = logical_and(is_endless, logical_not(has_nan))
    return Sym(select(is_endless, full_like(ratio, np.inf), ratio))


RULES: dict[Any, Rule] = {
    np.linalg.inv: _of_matrices(solve.inv),
    np.linalg.det: _of_matrices(solve.det),
    np.linalg.slogdet: _of_matrices(solve.slogdet),
    np.linalg.solve: solve_rule,
    np.linalg.pinv: pinv,
    np.linalg.lstsq: lstsq_rule,
    np.linalg.cholesky: cholesky,
    np.linalg.eigh: _symmetric(decompose.eigh),
    np.linalg.eigvalsh: _symmetric(decompose.eigvalsh),
    np.linalg.qr: qr,
    np.linalg.svd: svd,
    np.linalg.svdvals: svdvals,
    np.linalg.matrix_power: matrix_power,
    np.linalg.multi_dot: multi_dot,
    np.linalg.tensorsolve: tensorsolve,
    np.linalg.tensorinv: tensorinv,
    np.linalg.cond: cond,
}
