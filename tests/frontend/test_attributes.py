"""Attributes of arrays that are assigned, `x.flat`, and methods that change an array itself."""

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import agrees
from tests.frontend.support import agree, made

M = np.arange(12.0).reshape(3, 4)
V = np.linspace(-1, 1, 6)
R = V[::-1].copy()
C = V + 1j

NATIVE: dict[str, tuple[str, Any]] = {
    "shape": ("a.shape = (4, 3); return a + 1", M),
    "shape of a result": ("b = a * 2; b.shape = (4, 3); b[0] = 1; return b, b.T, b[1:]", M),
    "shape by -1": ("a.shape = -1; a[0] = 9; return a, a.shape, len(a)", M),
    "shape by a number": ("a.shape = 12; return a", M),
    "shape twice": ("a.shape = (6, 2); b = a[1]; a.shape = (2, 6); b[0] = 7; return a, b", M),
    "shape of a view": ("b = a[1:]; b.shape = (8,); b[0] = 7; return b, a", M),
    "shape through a helper": ("g(a); return a.sum(axis=0)\n\ndef g(x): x.shape = (2, 6)", M),
    "shape after a view": ("b = a * 2; v = b[1]; b.shape = 12; b[4] = 0; return v, b", M),
    "resize": ("b = a * 2; b.resize((2, 3), refcheck=False); return b", V),
    "resize to less": ("b = a * 2; b.resize(2, 2); b[0] = 1; return b, b.T", V),
    "resize to more": ("b = a * 2; b.resize(9); return b, b[5:]", V),
    "flat read": ("return a.flat[3], a.flat[2:5], a.flat[[1, 2]], a.flat[-1], a.T.flat[1]", M),
    "flat iterated": ("return [v * 2 for v in a.flat][:3], len(a.flat), next(a.flat)", M),
    "flat summed": ("return sum(a.flat), max(a.flat), [*a.flat]", M),
    "flat copied": ("return a.flat.copy(), list(a.flat)[1], isinstance(a.flat, np.flatiter)", M),
    "flat items": ("a.flat[2] = 5; a.flat[1:3] = [7, 8]; a.flat[[0, 1]] = 1; return a", M),
    "flat items of a view": ("b = a.T; b.flat[1] = 50.0; return a, b.flat[1]", M),
    "flat assigned": ("a.flat = a.sum(); a[1:].flat = a[:2]; return a", M),
    "view": ("b = a.view(); b[0] = 1; return b, a", V),
    "view of the dtype": ("b = a.view(np.float64)[1:]; b[0] = 1; return b, a.view('f8')", V),
    "view of the class": ("return a.view(np.ndarray), a.view(type=np.ndarray)", V),
    "tolist": ("return a.tolist(), a[0].tolist(), (a * 2).tolist(), a[0, 0].tolist()", M),
    "tolist used": ("x = a.tolist(); return x[0][1] * a, sum(x[1])", M),
    "item": ("return a.item(3), a.item(1, 2), a[0, 0].item(), a.item((0, 1))", M),
    "fill": ("a.fill(3); a[0].fill(a[1, 1] * 2); return a", M),
    "put": ("a.put([0, 3], [5, 6]); a.put(1, a[0]); return a", V),
    "sort": ("a.sort(); return a", R),
    "sort an axis": ("a.sort(axis=0); return a", M[::-1].copy()),
    "sort views": ("a[1].sort(); a[:, 0].sort(); return a", M[::-1, ::-1].copy()),
    "partition": ("a.partition(2); return a[2]", R),
    "real": ("a.real = 3.0; return a", V),
    "real of complex": ("a.real = 3.0; a.real = a.imag + 1; return a", C),
    "imag": ("a.imag = a.real; return a", C),
    "unbound methods": ("np.ndarray.sort(a); np.ndarray.fill(a[:1], 2); return np.ndarray.sum(a), "
        "np.ndarray.mean(a, axis=0), np.ndarray.reshape(a, -1)", R),
    "Fortran order": ("return np.asfortranarray(a), np.asfortranarray(a * 2), a.copy('F'), "
        "np.array(a, order='F'), np.zeros((2, 3), order='F'), np.copy(a, order='F')", M),
    "Fortran order, then": ("b = np.asfortranarray(a); b[0] = 1; return b.T, b[1:], b + 1, "
        "b.ravel(), a.astype(int, order='F')", M),
    "shared memory": ("return np.may_share_memory(a, a[1:]), np.shares_memory(a, a * 2), "
        "np.shares_memory(a[::2], a[1::2])", V),
    "columns apart": ("return np.nonzero(a)", M),
    "columns apart, used": ("r = np.nonzero(a); r[0][0] = 7; return r, r[1][1:], r[0] + 1", M),
    "rows apart": ("return np.unravel_index(np.array([1, 5]), a.shape)", M),
    "read-only views": ("return np.broadcast_to(a, (2, 6)), np.broadcast_to(a * 2, (2, 6))", V),
    "one array twice": ("b = a * 2; return b, b[1:], b[::2], b, [b, (b[1:],)]", V),
    "views of hidden memory": ("b = a * 2; return b[1:], b[::2], b[1:][0:2]", V),
    "flags": ("b = a * 2; b.flags.writeable = False; b.T.flags['W']; c = b[1:]\n"
        "    return b, c, a.flags.c_contiguous, a.T.flags['C_CONTIGUOUS'], b.flags.owndata", M),
    "setflags": ("b = a * 2; b.setflags(write=False); return b, b[1:]", V),
    "strides": ("return a.strides, a[::2].T.strides, (a.T * 2).strides", M),
    "several outs": ("q, r = np.empty(6), np.empty(6); s = np.divmod(a, 0.3, out=(q, r)); "
        "np.modf(a, q, None); return q, r, s[0] is q, np.modf(a, out=(None, r))", V),
    "overlaps": ("a[1:] = a[:-1]; a[:-1] += a[1:]; np.add(a[1:], a[:-1], out=a[1:]); "
        "a[::-1] = a; return a", V),
    "views of views": ("b = a[1:][::-1]; c = b[::2]; c *= 10; d = c[:1]; d[:] = 0; "
        "return a, b, c, d", V),
}  # fmt: skip


@pytest.mark.parametrize("what", NATIVE)
def test_natively(what: str) -> None:
    body, x = NATIVE[what]
    calls = [(x.copy(),), (x * 2,), (x * 3,), (x.copy(),)]
    compiled = agrees(f"def f(a):\n    {body}\n", *calls, native=1)
    assert not compiled.compiled.fallbacks


@pytest.mark.parametrize("what", ["shape", "shape by -1", "flat read", "flat assigned", "view"])
def test_other_sizes(what: str) -> None:
    body, x = NATIVE[what]
    calls = [(np.arange(12.0 * k).reshape(-1, x.shape[-1]),) for k in (1, 2, 3, 4, 2)]
    agrees(f"def f(a):\n    {body}\n", *calls)


STATED: dict[str, tuple[str, Any]] = {
    "strides": ("b = a * 2; b.strides = (8, 24); return b.sum()", M[:3, :3].copy()),
    "dtype": ("b = a * 2; b.dtype = np.int64; return b.sum()", V),
    "another dtype": ("return a.view(np.int64) + 1, (a * 2).view(np.uint8).sum()", V),
    "repeated values": ("a.flat = [1, 2]; a.flat[1:4] = [7, 8]; return a", M),
    "flat to an array": ("b = np.array(a.flat); b[0] = 9; return np.sum(a.flat), b, a", M),
    "bytes": ("return a.tobytes(), a.byteswap()", V),
    "a long list": ("return (a[:, None] + np.zeros(90)).tolist()", V),
    "resize with views": ("b = a * 2; v = b[1:]\n    try: b.resize(9)\n"
        "    except ValueError: return v, b\n    return b", V),
    "resize an argument": ("a.resize((4, 3), refcheck=False); return a", M),
    "shape that does not fit": ("\n    try: a.shape = (5, 5)\n"
        "    except ValueError as e: return str(e)", M),
    "shape that needs a copy": ("b = a.T\n    try: b.shape = -1\n"
        "    except AttributeError: b = a\n    return b", M),
    "imag of floats": ("\n    try: a.imag = 1\n    except TypeError as e: return str(e)", V),
    "out of bounds": ("\n    try: a.flat[99] = 1\n    except IndexError as e: return str(e)", V),
    "flags of an argument": ("return a.flags.writeable, a.flags.f_contiguous, str(a.flags)", M),
    "a flag of an argument": ("a.flags.writeable = False; return a", V.copy()),
    "a write that is refused": ("b = a * 2; b.flags.writeable = False\n    try: b[0] = 1\n"
        "    except ValueError as e: return str(e), b", V),
    "an attribute that there is not": ("\n    try: a.flags.zz, a.zz\n"
        "    except AttributeError as e: return str(e)", V),
}  # fmt: skip


@pytest.mark.parametrize("what", STATED)
def test_with_a_reason(what: str) -> None:
    body, x = STATED[what]
    compiled = agrees(f"def f(a):\n    {body}\n", (x.copy(),), (x * 2,), (x * 3,))
    reasons = [one.reason for one in compiled.compiled.fallbacks]
    assert all("fault of tracegraph" not in reason for reason in reasons)


def test_memory_that_two_arguments_share() -> None:
    def f(a: Any, b: Any) -> Any:
        a[0] = 5
        b[-1] = 6
        return a + 1, a.sum() * b.sum()

    x = V.copy()
    agree(made(f), (V, R), (x, x), (x[:3], x[3:]), (x[:4], x[2:]), (x[::-1], x), (V, R), (x, x))


def test_the_callers_array_has_the_new_shape() -> None:
    @tg.compile(strict=True)
    def flatten(a: Any) -> Any:
        a.shape = -1
        return a

    for n in (2, 3, 4, 5):
        x = np.ones((n, n + 1))
        view = x[0]
        assert flatten(x) is x
        assert x.shape == (n * n + n,)
        assert np.shares_memory(x, view)
