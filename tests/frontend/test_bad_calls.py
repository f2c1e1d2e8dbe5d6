"""Calls that raise, before and after good calls have compiled the function: the exception, its
words and what was changed before it came are those of the function itself."""

import re
from typing import Any

import numpy as np
import pytest

from tests.frontend.programs import agrees
from tests.frontend.support import call

X = np.linspace(1, 2, 6)
M = np.arange(12.0).reshape(3, 4)
S = np.array([[2.0, 1.0], [1.0, 3.0]])
I = np.arange(6)  # noqa: E741  # integers


def frozen(x: Any) -> Any:
    copy = np.array(x)
    copy.flags.writeable = False
    return copy


CASES: dict[str, tuple[str, tuple[Any, ...], list[tuple[Any, ...]]]] = {
    # What is returned, or the statements; arguments of a good call; arguments of bad ones. The
    # parameters are those of a, b, c, n and m that stand in the text.
    "broadcasting": ("a + b", (X, X), [(X, X[:4]), (M, X), (X, "x"), (X, None), ([1.0], {})]),
    "a product": ("a @ b", (S, S), [(S, M), (S, X), (X, 2.0), (S, "x"), (S, np.ones(3))]),
    "dot": ("np.dot(a, b)", (S, S), [(S, M), (S, X), (S, np.ones((2, 3, 3)))]),
    "a matrix product into out": ("np.matmul(a, b, out=c)", (S, S, S * 0),
        [(S, S, np.zeros(3)), (S, S, np.zeros((2, 2), int)), (S, S, frozen(S))]),
    "an axis": ("a.sum(axis=n)", (M, 1), [(M, 2), (M, -3), (M, 0.5), (M, "x"),
        (X, 1), (M, (0, 0))]),
    "an axis of a sort": ("np.sort(a, axis=n)", (M, 1), [(M, 2), (X, 1), (M, "x")]),
    "a reduction of nothing": ("a.max(), a.min()", (X,), [(X[:0],), (np.zeros((0, 3)),)]),
    "argmax": ("np.argmax(a)", (X,), [(X[:0],)]),
    "a mean of text": ("np.mean(a)", (X,), [("x",), (None,), ([1, "a"],), ([[1], [2, 3]],)]),
    "reshape": ("a.reshape(n)", (M, (4, 3)), [(M, (5, 5)), (M, (-1, -1)), (M, "x"), (M, (7, -1)),
        (X, (4, 3)), (M, 2.5)]),
    "transpose": ("a.transpose(n)", (M, (1, 0)), [(M, (0, 0)), (M, (0, 1, 2)), (X, (1, 0))]),
    "concatenate": ("np.concatenate([a, b])", (X, X), [(X, M), (M, M[:, :2]), (X, 1.0)]),
    "stack": ("np.stack([a, b], axis=n)", (X, X, 0), [(X, X[:2], 0), (X, X, 5), (X, X, "x")]),
    "split": ("np.split(a, n)", (X, 2), [(X, 4), (X, 0), (X, "x")]),
    "repeat": ("np.repeat(a, n)", (X, 2), [(X, -1), (X, "x"), (X, [1, 2])]),
    "broadcast_to": ("np.broadcast_to(a, n)", (X, (2, 6)), [(X, (2, 5)), (X, (6, 2)), (X, -1)]),
    "an integer index": ("a[n]", (X, 2), [(X, 6), (X, -7), (X, 2.0), (X, "x"),
        (X, (0, 0)), (X, 9)]),
    "an index beyond the middle": ("a[1, n]", (M, 2), [(M, 4), (M, -5), (X, 2), (M, 1.0)]),
    "an index by a value": ("a[int(b[0])]", (X, X), [(X, X * 9), (X, X * np.nan), (X, -X * 9)]),
    "an array of indices": ("a[n]", (X, np.array([1, 5])), [(X, np.array([1, 6])),
        (X, np.array([-7, 0])), (X, np.array([1.0])), (X[:3], np.array([1, 5]))]),
    "two arrays of indices": ("a[n, m]", (M, np.array([0, 2]), np.array([3, 1])),
        [(M, np.array([0, 3]), np.array([3, 1])), (M, np.array([0, 2]), np.array([4, 1])),
         (M, np.array([0, 1, 2]), np.array([3, 1]))]),
    "take": ("np.take(a, n), a.take(n)", (X, np.array([1, 5])), [(X, np.array([6])), (X, 17)]),
    "take_along_axis": ("np.take_along_axis(a, n, axis=0)", (X, np.array([1, 5])),
        [(X, np.array([6])), (X, np.array([[1]])), (X, np.array([1.5]))]),
    "a mask": ("np.where(n, a, 0.0)", (X, X > 1.5), [(X, np.array([True, False]))]),
    "a slice": ("a[::n]", (X, 2), [(X, 0), (X, 1.5), (X, "x")]),
    "an item assigned": ("a[n] = 7.0; return a", (X, 2), [(X, 6), (X, -7), (X, 1.5),
        (frozen(X), 2)]),
    "items assigned": ("a[1:3] = b; return a", (X, X[:2]), [(X, X[:3]), (X, "x"), (X, M)]),
    "items of an array": ("a[n] = 5.0; return a", (X, np.array([1, 5])), [(X, np.array([1, 6]))]),
    "a write, then an error": ("a[0] = 9.0; r = a[n]; a[1] = 8.0; return r", (X, 2), [(X, 6)]),
    "two writes, then an error": ("a += 1; b[n] = a[n]; return a", (X, X * 2, 2), [(X, X, 6),
        (X, frozen(X), 2), (X, X[:3], 4)]),
    "an effect, then an error": ("L.append(a[0]); D['k'] = a.sum(); r = a[n]; L.append(1); "
        "return r", (X, 2), [(X, 6), (X, -7)]),
    "fill and sort": ("a.fill(n); a.sort(); return a", (X, 2.0), [(frozen(X), 2.0), (X, "x")]),
    "a read-only argument": ("a += 1; return a", (X,), [(frozen(X),), (frozen(I),)]),
    "a read-only out": ("np.add(a, 1, out=b)", (X, X * 0), [(X, frozen(X)), (X, X[:2] * 0),
        (X, np.zeros(6, int))]),
    "a cast in place": ("a += b; return a", (X, X), [(I, X), (I, X * 1j), (X > 1, X), (X, X * 1j)]),
    "a division in place": ("a /= b; return a", (X, X), [(I, I + 1), (I, 2)]),
    "ints to a negative power": ("a ** b", (I, I), [(I, -I), (I, -1), (I, np.array([1, -1] * 3))]),
    "a power of ints": ("a ** n", (I, 2), [(I, -1), (I, "x"), (I, None)]),
    "integer division": ("a // b, a % b", (I, I + 1), [(I, "x"), (I, None)]),
    "Python's division": ("int(a[0]) // int(b[0]), float(a[0]) / float(b[0])", (X, X),
        [(X, X * 0)]),
    "Python's numbers": ("n // m, n % m, n / m", (7, 2), [(7, 0), (7.0, 0.0), (7, "x"), (None, 2)]),
    "bits": ("a & b, a << b", (I, I), [(I, X), (X, I), (I, "x")]),
    "bools": ("a - b", (X, X), [(X > 1, X > 1)]),
    "negative": ("-a", (X,), [(X > 1,), ("x",), (None,)]),
    "dtypes of ufuncs": ("np.sin(a)", (X,), [("x",), (None,), (np.array([None]),), ({},)]),
    "logical shapes": ("np.logical_and(a, b)", (X, X), [(X, X[:3])]),
    "clip": ("np.clip(a, n, m)", (X, 0.0, 1.0), [(X, X[:2], 1.0), (X, "x", 1.0)]),
    "solve": ("np.linalg.solve(a, b)", (S, S), [(S * 0, S), (M, S), (S, X), (X, X)]),
    "inverse": ("np.linalg.inv(a)", (S,), [(S * 0,), (M,), (X,), (np.zeros((3, 3)),)]),
    "cholesky": ("np.linalg.cholesky(a)", (S,), [(-S,), (M,), (S * np.nan,)]),
    "eigh": ("np.linalg.eigh(a)", (S,), [(M,), (X,), (S * np.nan,)]),
    "eigvals": ("np.linalg.eigvals(a)", (S,), [(M,), (S * np.inf,)]),
    "svd": ("np.linalg.svd(a)", (S,), [(X,), (S * np.nan,)]),
    "det": ("np.linalg.det(a)", (S,), [(M,), (X,)]),
    "norm": ("np.linalg.norm(a, n)", (S, 2), [(S, "x"), (X, "fro"), (S, 7)]),
    "einsum": ("np.einsum('ij,jk->ik', a, b)", (S, S), [(S, M), (X, S), (S, np.ones((3, 2)))]),
    "fft": ("np.fft.fft(a, n)", (X, 6), [(X, 0), (X, -1), (X, "x")]),
    "interp": ("np.interp(a, b, c)", (X, X, X), [(X, X, X[:2]), (X, X[:0], X[:0])]),
    "searchsorted": ("np.searchsorted(a, b, side=n)", (X, X, "left"), [(X, X, "x"),
        (M, X, "left")]),
    "a conversion": ("float(a)", (X[:1],), [(X,), ("x",), (None,), (X[:0],)]),
    "an int": ("int(a[0])", (X,), [(X * np.nan,), (X * np.inf,), (X[:0],)]),
    "truth": ("1 if a > 1 else 2", (X[1],), [(X,), (X[:0],)]),
    "an item": ("a.item()", (X[:1],), [(X,), (X[:0],)]),
    "unpacking": ("p, q = a; return p + q", (X[:2],), [(X,), (X[:1],), (np.array(1.0),)]),
    "iteration": ("[v for v in a]", (X,), [(1.0,), (np.float64(1),), (np.array(1.0),)]),
    "length": ("len(a) * a", (X,), [(1.0,), (np.array(1.0),)]),
    "a size": ("np.zeros(n) + 1", (3,), [(-1,), (2.5,), ("x",)]),
    "linspace": ("np.linspace(0, n, m)", (1.0, 3), [(1.0, -1), (1.0, 2.5), ("x", 3)]),
    "arange": ("np.arange(n, m)", (0, 3), [(0, "x"), (0, 1j), (None, None)]),
    "a dtype": ("a.astype(n)", (X, "f4"), [(X, "zz"), (X, 7), (X, "f99")]),
    "a keyword": ("np.sum(a, **n)", (X, {"axis": 0}), [(X, {"zzz": 1}), (X, {"axis": 9})]),
    "a list's item": ("n[m] * a", (X, [1.0, 2.0], 1), [(X, [1.0], 1), (X, [], 0), (X, [1.0], "x")]),
    "a dict's item": ("n['k'] * a", (X, {"k": 2.0}), [(X, {}), (X, {"j": 1}), (X, []), (X, None)]),
    "an attribute": ("a.T", (X,), [(None,), ([1],), (1.0,), ("x",)]),
    "an assertion": ("\n    assert a.sum() > 0, f'bad {a[0]}'\n    return a", (X,), [(-X,)]),
    "an exception of its own": ("\n    if a.sum() < 0: raise ValueError('neg', float(a[0]))\n"
        "    return a * 2", (X,), [(-X,)]),
    "an exception in finally": ("\n    try: r = a[n]\n    finally: a[0] = -1.0\n    return r",
        (X, 1), [(X, 9)]),
    "an exception in a helper": ("g(a, n)\n\ndef g(a, n):\n    L.append(0)\n    return a[n]",
        (X, 1), [(X, 9)]),
    "a wrong call of a helper": ("g(*n)\n\ndef g(a): return a", ((X,),), [((),), ((X, X),), (1,)]),
    "itemset of shapes": ("a.shape = n; return a", (M, (4, 3)), [(M, (5, 5)), (M, "x"),
        (M, (-1, -1))]),
    "flat": ("a.flat[n] = 1; return a.flat[n]", (M, 3), [(M, 12), (M, "x"), (frozen(M), 3)]),
    "put": ("a.put(n, 1.0); return a", (X, [1, 2]), [(X, [9]), (frozen(X), [1])]),
    "fill_diagonal": ("np.fill_diagonal(a, n); return a", (M, 1.0), [(X, 1.0), (M, "x"),
        (frozen(M), 1.0)]),
    "copyto": ("np.copyto(a, b); return a", (X, X), [(X, X[:2]), (I, X), (frozen(X), X)]),
}  # fmt: skip


def source_of(body: str) -> str:
    first = body.partition("\n\ndef")[0]
    names = [name for name in "abcnm" if re.search(rf"\b{name}\b", first)]
    statement = body if "return" in first else f"return {body}"
    return f"L, D = [], {{}}\ndef f({', '.join(names)}):\n    {statement}\n"


@pytest.mark.parametrize("what", CASES)
def test_exceptions_are_those_of_the_function(what: str) -> None:
    body, good, bad = CASES[what]
    calls = [good, good, good, *bad, good, *bad, good]
    compiled = agrees(source_of(body), *bad, good, *bad, good)
    compiled = agrees(source_of(body), *calls)
    assert not [one for one in compiled.compiled.fallbacks if "fault" in one.reason]


@pytest.mark.parametrize("what", CASES)
def test_a_wrong_number_of_arguments(what: str) -> None:
    body, good, _ = CASES[what]
    calls = [call(*good), call(*good), call(), call(*good, 1), call(*good, zzz=1), call(*good)]
    agrees(source_of(body), *calls)
