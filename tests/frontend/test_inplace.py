"""Writes, views and shared memory: every array holds, shows and shares what NumPy's would."""

from typing import Any

import numpy as np
import pytest

from tests.frontend.programs import after, agrees
from tests.frontend.support import call

X = np.arange(1.0, 7)
M = np.arange(6.0).reshape(2, 3)
VECTORS = [X, X * 2, X - 3, X[::-1], np.arange(12.0)[::2], X, np.arange(12.0)[::3].repeat(2)[:6], X]
MATRICES = [
    M, M + 1, np.asfortranarray(M), np.arange(12.0).reshape(2, 6)[:, ::2], M, M[:, ::-1],
    np.asfortranarray(M) + 1, M[::-1], np.arange(12.0).reshape(2, 6)[:, 1::2], M.T.copy().T,
    np.arange(18.0).reshape(6, 3)[::3], M[:, ::-1], M,
]  # fmt: skip

WRITES = {
    "an item": "a[0] = 5; return a",
    "a negative item": "a[-1] = a[0]; return a",
    "a slice": "a[1:3] = 9; a[::2] = a[1::2]; return a",
    "augmented": "a += 1; a *= 2; a -= a[0]; a /= 3; return a",
    "augmented slices": "a[1:3] += 9; a[::2] *= a[1::2]; return a * 1",
    "augmented by itself": "a *= a; a += a[::-1]; return a",
    "overlapping forwards": "a[1:] = a[:-1]; return a",
    "overlapping backwards": "a[:-1] = a[1:]; return a",
    "overlapping sums": "a[1:] += a[:-1]; a[:-2] += a[2:]; return a * 1",
    "reversed onto itself": "a[:] = a[::-1]; return a",
    "two views": "b = a[1:]; c = a[:-1]; b += c; return c * 1, b",
    "a view of a view": "a[1:][1:][0] = 9; b = a[1:]; c = b[::2]; c[:] = 7; return b, c",
    "a view seen before": "b = a[1:]; s = b.sum(); a[2] = 50; return s, b.sum(), b",
    "a value kept before": "b = a * 1; v = a[0]; a[0] = 50; return b, v, a[0]",
    "a transposed reshape": "b = a.reshape(2, 3).T; b[0] += 1; return b, a * 1",
    "a ravelled copy": "b = a.reshape(2, 3).T.ravel(); b += 1; return b, a * 1",
    "a flattened copy": "b = a.flatten(); b += 1; return b, a * 1",
    "swapped items": "a[0], a[1] = a[1], a[0]; return a + 0",
    "swapped views": "u, v = a[:3], a[3:]; u[:], v[:] = v.copy(), u.copy(); return a",
    "swapped without copies": "u, v = a[:3], a[3:]; u[:], v[:] = v, u; return a",
    "a fancy index": "a[[0, 0, 1]] += 1; return a + 0",
    "np.add.at": "np.add.at(a, [0, 0, 2], 1.0); return a + 0",
    "a mask": "a[a > 2] = 0; return a + 0",
    "a mask of values": "m = a > 2; a[m] = a[m] ** 2; return a, a[~m].sum()",
    "where": "a[:] = np.where(a > 2, a, -a); return a",
    "out": "np.add(a, 1, out=a); np.sqrt(np.abs(a), a); return a + 0",
    "out of a slice": "np.add(a[:3], 1, out=a[3:]); return a",
    "out of a new array": "o = np.zeros(6); r = np.multiply(a, 2, out=o); o += 1; "
    "return r, o, r is o",
    "out of a reduction": "o = np.zeros(()); np.sum(a, out=o); return o",
    "out of a tuple": "o = np.empty(6); np.exp(a, out=(o,)); return o",
    "out with where": "return np.add(a, 1, out=np.full(6, 9.0), where=a > 2)",
    "out of another dtype": "o = np.zeros(6, np.float32); "
    "np.multiply(a, 2, out=o, casting='unsafe'); return o",
    "copyto": "np.copyto(a[1:3], 5.0); np.copyto(a, a[::-1].copy(), where=a > 2); return a",
    "fill": "a.fill(3.0); a[1:3].fill(4); return a",
    "sort": "a[1:].sort(); return a + 0",
    "put and place": "np.put(a, [0, 2], [7, 8]); np.place(a, a > 7, [1.0]); return a",
    "flat": "a.flat[1] = 3; return a + 0, a.flat[2]",
    "partition": "a.partition(2); return a[2]",
    "asarray": "b = np.asarray(a); b += 1; return a * 1, b is a",
    "array": "b = np.array(a); b += 1; return a * 1, b",
    "a copy": "b = a.copy(); b[:2] = 7; return a, b",
    "a list of views": "l = [a[i : i + 2] for i in range(5)]; l[1][:] = 9; l[2] += l[1]; "
    "return l, a * 1",
    "a dict of views": "d = {'u': a[:2], 'v': a[2:]}; d['u'] += 1; d['v'][0] = d['u'][1]; return d",
    "augmented attribute items": "d = {'w': a}; d['w'] += 1; d['w'][0] -= 5; return a * 1, d",
    "augmented names": "b = a; b += 1; b = b + 1; b += 1; return a, b",
    "augmented loop variable": "for v in a.reshape(3, 2): v += 1; v = v * 2\n    return a",
    "augmented scalars": "s = a[0]; s += 1; t = a.sum(); t *= 2; return a, s, t",
    "split": "x, y = np.split(a, 2); x += 1; return a + 0, y, x",
    "unpacked rows": "x, y = a.reshape(2, 3); x[:] = y; y += 1; return a * 1",
    "broadcast write": "a.reshape(2, 3)[:] = a[:3]; return a",
    "write of a scalar array": "a[0] = np.array(7.0); a[1:2] = [8.0]; return a",
    "write of another dtype": "a[:3] = np.arange(3); a[3:] = np.float32(0.1); return a",
    "write of a bool": "a[0] = a[1] > 1; a[1] = True; return a",
    "an empty write": "a[3:3] = 9; a[:0] += 1; return a",
    "ellipsis": "a[...] = a[..., ::-1]; a[...] += 1; return a",
    "a 0-d view": "v = a[2, ...]; v[...] = 50; return a * 1, v",
    "real and imag": "c = a + 1j; c.real[0] = 50; c.imag += 1; return c",
    "after a branch": "if a[0] > 0: a[1] = 9\n    else: a[1] = -9\n    a[2] += a[1]; return a",
    "before a branch": "a[1] = 9\n    if a.sum() > 10: a[0] = 7\n    return a * 1",
    "in a helper": "def h(v): v[0] = 9; v += 1; return v[1:]\n    b = h(a[2:]); b[:] = 0; return a",
    "through two arguments": "def h(u, v): u[:3] += v[:3]; return u * 1\n    return h(a, a[1:])",
    "in a closure": "b = a * 2\n    def h(): b[0] = 9; return b\n    h(); b += 1; return b, h()",
    "in a comprehension": "[a.__setitem__(i, i) for i in range(3)]; return a",
    "of a result of where": "b = np.where(a > 2, a, 0); b[0] = 9; return a, b",
    "of zeros": "o = np.zeros((3, 2)); o[:, 0] = a[:3]; o[:, 1] = np.arange(3) * a[3:]; return o",
    "of an empty": "o = np.empty(6); o[:] = a; o[2] += 1; return o",
    "of broadcast": "b = np.broadcast_to(a, (2, 6)); s = b.sum(); a[0] = 9; return s, b.sum()",
    "of a shape attribute": "b = a * 1; b.shape = (2, 3); b[0] = 0; return b",
    "a loop of shifts": "u, v = a, a * 0\n    for i in range(5): v[1:] = u[:-1] * 0.5; "
    "u, v = v, u\n    return u, v",
    "a carried name": "b = a\n    for i in range(3): b += 1; b = b * 1.5\n    return b, a + 0",
    "a read-only view": "b = np.broadcast_to(a, (2, 6)); return b, b.flags.writeable",
}  # fmt: skip


@pytest.mark.parametrize("what", WRITES)
def test_writes(what: str) -> None:
    agrees(f"def f(a):\n    {WRITES[what]}\n", *[(v,) for v in VECTORS])


def test_writes_into_arguments_are_native() -> None:
    for what in ("a slice", "augmented", "overlapping sums", "a view of a view", "of zeros", "out"):
        agrees(f"def f(a):\n    {WRITES[what]}\n", (X,), (X + 1,), (X * 2,), native=2)


VIEWS = [
    "a", "a[:]", "a[...]", "a[()]", "a[0:2]", "a[:, :]", "a[1:]", "a[::-1]", "a[:, ::2]", "a[None]",
    "a[:0]",
    "a[0]", "a[0, 1]", "a[0, 1, ...]", "a[..., 1]", "a[:, None]", "a[-1:]", "a[1:][0]",
    "a[::-1][::-1]",
    "a.T", "a.T.T", "np.transpose(a)", "np.transpose(a, (0, 1))", "np.swapaxes(a, 0, 1)",
    "np.swapaxes(a, 0, 0)",
    "np.moveaxis(a, 0, 1)", "np.moveaxis(a, 0, 0)", "a.reshape(3, 2)", "a.reshape(a.shape)",
    "a.reshape(-1)",
    "a.reshape(3, 2, order='F')", "a.T.reshape(3, 2)", "a.T.reshape(-1)", "a.ravel()",
    "a.ravel('F')", "a.T.ravel()",
    "np.ravel(a)", "a.flatten()", "a.squeeze()", "np.squeeze(a[None])", "np.expand_dims(a, 1)",
    "np.atleast_1d(a)",
    "np.atleast_2d(a)", "np.atleast_3d(a)", "np.broadcast_to(a, (2, 3))",
    "np.broadcast_to(a, (2, 2, 3))",
    "np.broadcast_arrays(a, a[0])", "np.diagonal(a)", "a.diagonal()", "np.diag(a)", "np.flip(a)",
    "np.flip(a, 0)",
    "np.fliplr(a)", "np.flipud(a)", "np.rot90(a)", "np.split(a, 3, 1)", "np.hsplit(a, 3)",
    "np.array_split(a, 2)",
    "np.vsplit(a, 2)", "list(a)", "[v for v in a]", "tuple(a.T)", "a.real", "np.real(a)", "a.imag",
    "a.conj()", "a.view()",
    "np.asarray(a)", "np.asanyarray(a)", "np.ascontiguousarray(a)", "np.asfortranarray(a)",
    "np.array(a)",
    "np.array(a, copy=None)", "a.copy()", "a.copy('F')", "np.copy(a)", "a.astype(float)",
    "a.astype(float, copy=False)",
    "np.require(a)", "np.real_if_close(a)", "np.nan_to_num(a, copy=False)",
    "np.lib.stride_tricks.sliding_window_view(a, 2, 1)",
    "(a, a)", "[a, a[0], a]", "{'x': a, 'y': [a.T, a]}", "(lambda b: (b, b[0], b))(a * 2)",
    "(lambda b: [b[::-1], b.T, b])(a + 1)",
    "(lambda b, c: (c, b, c[0]))(a * 2, a * 3)", "(lambda b: (b, b.ravel(), b.reshape(-1)))(a * 2)",
    "a if a.size else a * 2",
    "np.meshgrid(a[0], a[1])", "np.ix_([0, 1], [2])", "a * 1, a[0] * 1", "a[[0, 1]]", "a[a > 100]",
    "np.take(a, [0], 0)",
]  # fmt: skip


@pytest.mark.parametrize("view", VIEWS)
def test_results_share_memory_as_numpys_do(view: str) -> None:
    agrees(f"def f(a): return {view}", *[(m,) for m in MATRICES])


LAYOUTS = [
    "a * 2", "-a", "a + a", "a + a.T.copy().T", "a + a[0]", "a[0] + a[:, :1]", "np.exp(a)", "a > 0",
    "~(a > 0)", "(a > 0) & (a < 3)",
    "a.T * 2", "a.T + a.T", "a[::-1] * 2", "a[:, ::-1] + 1", "a[None] * 2", "a[:, None] + a[None]",
    "np.broadcast_to(a, (2, 2, 3)) * 1",
    "np.where(a > 0, a, 0)", "np.where(a > 0, a, a)", "np.where(a[0] > 0, a, 0)",
    "np.clip(a, 0, 1)", "a.clip(0, 1)", "a.round(1)",
    "np.stack([a, a])", "np.stack([a, a], -1)", "np.concatenate([a, a])",
    "np.concatenate([a, a], 1)", "np.hstack([a, a])",
    "np.vstack([a, a])", "np.concatenate([a, a[:1]])", "np.array([a, a])", "np.array([a[0], a[1]])",
    "np.array([[a[0, 0], 1], [2, 3]])",
    "np.zeros_like(a)", "np.ones_like(a)", "np.full_like(a, 2)", "np.ones_like(a, order='C')",
    "np.zeros_like(a.T)", "np.zeros_like(a, int)",
    "a.astype(np.float32)", "a.astype(int)", "a.astype(float, order='C')",
    "np.asarray(a, np.float32)", "np.array(a, int)", "np.array(a, order='F')",
    "np.array(a, ndmin=3)", "a.sum(0)", "a.sum(1, keepdims=True)", "a.mean(0)", "a.max(1)",
    "a.cumsum(0)", "a.cumsum()", "np.cumprod(a, 1)", "a.std(0)",
    "np.argmax(a, 0)", "np.sort(a, 0)", "a @ a.T", "a.T @ a", "np.dot(a, a.T)", "np.outer(a, a)",
    "np.einsum('ij->ji', a)", "np.einsum('ij,kj->ik', a, a)",
    "np.tensordot(a, a, 2)", "a[[0, 1]]", "a[:, [0, 1]]", "a[:, [0, 1]] * 2", "a[[0, 1], [1, 2]]",
    "a[[0, 1]][:, [1, 2]]", "a[np.array([[0, 1]])]", "a[None, [0], 1:]",
    "a[..., [0], :]", "np.take(a, [0, 1], 1)", "np.take_along_axis(a, np.zeros((2, 1), int), 1)",
    "a.repeat(2, 0)", "np.tile(a, 2)", "np.tile(a, (2, 1))",
    "np.roll(a, 1)", "np.roll(a, 1, 0)", "np.pad(a, 1)", "np.diff(a)", "np.tril(a)",
    "np.kron(a, a)", "np.cross(a, a)", "np.round(a, 1)", "a ** 2", "a ** 0.5",
    "2 ** a", "a // 2", "a % 2", "divmod(a, 2)", "np.modf(a)", "abs(a)", "np.maximum(a, 1)",
    "np.add.outer(a[0], a[1])", "np.nan_to_num(a)", "np.isnan(a)",
    "np.isclose(a, a)", "np.logical_and(a, a)", "np.linalg.norm(a, axis=0)",
    "np.vstack([a.T, a.T]).T", "np.expand_dims(a, 1) * 1", "np.moveaxis(a[None], 0, 2) * 2",
    "a.copy().T.copy()", "np.copy(a, order='C')", "np.select([a > 1, a > 2], [a, a * 2], 0)",
    "np.linspace(a[0], a[1], 4)", "np.meshgrid(a[0], a[1])[0] * 1",
    "a.strides", "a.flags.c_contiguous, a.flags.f_contiguous",
    "a.flags['C_CONTIGUOUS'], a.flags.owndata", "a.base is None", "a.nbytes",
    "a.T.strides, a.T.flags.forc",
    "a.ctypes.data > 0", "np.isfortran(a)", "np.shares_memory(a, a[0])",
    "np.may_share_memory(a[0], a[1])", "a.__array_interface__['strides']", "(a * 2).strides",
    "a[0].strides",
]  # fmt: skip


@pytest.mark.parametrize("expression", LAYOUTS)
def test_results_are_laid_out_as_numpys_are(expression: str) -> None:
    with np.errstate(all="ignore"):
        agrees(f"def f(a): return {expression}", *[(m,) for m in MATRICES])


# -- several arguments and captures ---------------------------------------------------------------


def pairs() -> list[Any]:
    x, y = np.arange(6.0), np.arange(6.0) * 2
    whole = np.arange(12.0)
    return [
        call(x, y), call(x, x), call(x, x[:]), call(x[:], x), call(x, x[::-1]),
        call(whole[:6], whole[6:]),
        call(whole[:6], whole[3:9]), call(whole[::2], whole[1::2]), call(x, y), call(x, x),
        call(whole[:6], whole[:6]), call(x[::-1], x), call(x, np.broadcast_to(1.0, 6)),
    ]  # fmt: skip


ALIASED = {
    "write one, read the other": "a += 1; return b * 2",
    "read one, write the other": "c = a * 2; b += 1; return c, a * 1",
    "write both": "a += 1; b *= 2; return a + b",
    "write into one from the other": "a[:] = b[::-1]; return a",
    "shift between": "a[1:] = b[:-1]; return b * 1",
    "return both": "return a, b, a is b",
    "return views of both": "return a[1:], b[:3], [a, b]",
    "out": "np.add(a, b, out=a); return b * 1",
    "compare and write": "a[0] = 9\n    return 1 if b[0] == 9 else 2",
    "a branch after the write": "a[0] = b[1] + 10\n    if b[0] > 5: b[2] = 7\n"
    "    return a * 1, b * 1",
}


@pytest.mark.parametrize("what", ALIASED)
def test_arguments_that_share_memory(what: str) -> None:
    source = f"def f(a, b):\n    {ALIASED[what]}\n"
    agrees(source, *pairs())
    agrees(source, *pairs()[::-1])


def test_arguments_that_share_memory_by_keyword() -> None:
    calls = [call(a=p.args[0], b=p.args[1]) for p in pairs()]
    agrees("def f(a, b):\n    a += 1; return b * 2, a", *calls)


def test_a_capture_that_is_also_an_argument() -> None:
    source = """
        W = np.arange(6.0)
        V = [W[2:], np.ones(4)]
        def f(a):
            V[0][1] = a[0] + 50
            W[0] += 1
            a[1] = W[3]
            return W.sum(), V[0], a * 1
        """
    agrees(source, (X,), (X,), after("V.reverse()", X), (X,), after("W = W[::-1]", X), (X,))


def test_a_capture_passed_in() -> None:
    source = """
        W = np.arange(6.0)
        def g(a):
            W[0] += 1; a[1] = 7
            return W * 1, a is W, a
        def f(k): return g(W if k else W.copy())
        """
    agrees(source, *[(k,) for k in (1, 0, 1, 1, 0)])


def test_writes_where_nothing_may_be_written() -> None:
    locked = np.arange(6.0)
    locked.flags.writeable = False

    def write(a: Any) -> Any:
        a[0] = 9
        return a * 1

    from tests.frontend.support import Counted

    compiled = Counted(write)
    for value in (X.copy(), locked, X.copy(), locked, np.broadcast_to(1.0, 6)):
        if value.flags.writeable:
            assert compiled(value)[0] == 9
        else:
            with pytest.raises(ValueError, match="read-only"):
                compiled(value)
    assert locked[0] == 0


def test_dtypes_of_written_arrays() -> None:
    for dtype in (
        bool,
        np.int8,
        np.uint8,
        np.int64,
        np.float32,
        np.float64,
        np.complex64,
        np.complex128,
    ):
        a = np.arange(6).astype(dtype)
        agrees(
            "def f(a):\n    a[1:3] = 1; a[0] = a[5]; a[3:] *= a[:3]; return a",
            (a,),
            (a,),
            (a[::-1],),
        )
        agrees("def f(a):\n    a += 1.5; return a", (a,), (a,))
        agrees("def f(a):\n    a[0] = 2.7; a[1] = -1; return a", (a,), (a,))


USES = (
    "v.size, len(v), v.shape, v.dtype", "float(v[0])", "bool(v.any())", "1 if v[:1] else 2",
    "1.0 in v", "v.tolist()", "[x for x in v]", "v.item(0)", "f'{v}'", "v.T + 1", "v.copy()",
    "list(v.flat)", "max(v), sum(v)", "sorted(v)", "v @ v", "v", "v[v > 1]", "a[v.astype(int) % 2]",
    "print(v)",
)  # fmt: skip


@pytest.mark.parametrize("use", USES)
def test_uses_of_a_diagonal_after_its_matrix_was_written(use: str) -> None:
    """No step of other memory leads to it, so its content is not followed any more."""
    source = f"def f(a):\n    v = np.diagonal(a)\n    a[0, 0] += 1.0\n    return {use}\n"
    calls = [(np.arange(float(n * m)).reshape(n, m),) for n, m in ((2, 3), (1, 1), (4, 5), (2, 3))]
    agrees(source, *calls)
