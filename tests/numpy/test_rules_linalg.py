"""Rules of ``numpy.linalg`` and ``numpy.fft``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.numpy.rule_checks import case_name, check, may_refuse, refuses

RNG = np.random.default_rng(11)
A = RNG.normal(size=(4, 4)) + 3 * np.eye(4)
STACK = RNG.normal(size=(2, 3, 3)) + 3 * np.eye(3)
TALL = RNG.normal(size=(5, 3))
WIDE = TALL.T.copy()
SPD = A @ A.T + np.eye(4)
WHOLE = RNG.integers(-5, 6, (4, 4)) + 9 * np.eye(4, dtype=int)
B = RNG.normal(size=(4, 2))
V = RNG.normal(size=6)
Z = RNG.normal(size=(4, 4)) + 1j * RNG.normal(size=(4, 4))
CUBE = RNG.normal(size=(3, 4, 5))
HOLE = np.where(np.arange(16).reshape(4, 4) == 5, np.nan, A)

LINALG: list[tuple[Any, ...]] = [
    *((np.linalg.inv, x) for x in (A, STACK, Z, WHOLE, A.astype("f4"))),
    *((np.linalg.det, x) for x in (A, STACK, Z, WHOLE)),
    *((np.linalg.slogdet, x) for x in (A, STACK, Z)),
    (np.linalg.solve, A, B),
    (np.linalg.solve, A, B[:, 0]),
    (np.linalg.solve, STACK, TALL[:3]),
    (np.linalg.solve, STACK, V[:3]),
    (np.linalg.solve, A, Z),
    (np.linalg.solve, WHOLE, [1, 2, 3, 4]),
    *((np.linalg.pinv, x) for x in (A, TALL, WIDE, Z, STACK)),
    (np.linalg.pinv, TALL, 0.5),
    (np.linalg.cholesky, SPD),
    (np.linalg.cholesky, A),
    *((np.linalg.eigh, x, uplo) for x in (A, Z, STACK) for uplo in "LU"),
    *((np.linalg.eigvalsh, x) for x in (A, Z, STACK)),
    *((np.linalg.qr, x, mode) for x in (A, TALL, WIDE, STACK) for mode in ("reduced", "r")),
    (np.linalg.qr, WIDE, "complete"),
    *((np.linalg.svd, x, full) for x in (A, TALL, WIDE, Z, STACK) for full in (True, False)),
    (np.linalg.svd, TALL, True, False),
    (np.linalg.svdvals, STACK),
    *((np.linalg.lstsq, x, y) for x in (TALL, TALL[:, :0:-1]) for y in (CUBE[0, 0], TALL)),
    (np.linalg.lstsq, WIDE, B[:3]),
    (np.linalg.lstsq, np.ones((5, 2)), TALL),
    (np.linalg.lstsq, TALL, TALL, 0.1),
    *((np.linalg.matrix_power, A, n) for n in (0, 1, 2, 3, 4, 7, -1, -3)),
    (np.linalg.matrix_power, WHOLE, 5),
    (np.linalg.multi_dot, [A, B]),
    (np.linalg.multi_dot, [V[:4], A, B]),
    (np.linalg.multi_dot, [TALL, WIDE, TALL, V[:3]]),
    (np.linalg.multi_dot, [V[:4], A, B, B.T, A[0]]),
    (np.linalg.tensorsolve, A.reshape(2, 2, 4), B[:2]),
    (np.linalg.tensorsolve, STACK.reshape(2, 9)[:1].reshape(3, 3), V[:3], (0,)),
    (np.linalg.tensorinv, A.reshape(2, 2, 4)),
    (np.linalg.tensorinv, A.reshape(4, 2, 2), 1),
    *((np.linalg.cond, x) for x in (A, TALL, STACK, WHOLE)),
    (np.linalg.cond, A, -2),
    (np.linalg.trace, CUBE),
    (np.linalg.cross, TALL, TALL[::-1]),
    (np.linalg.vecdot, Z, Z),
]

FFT: list[tuple[Any, ...]] = [
    *((f, x) for f in (np.fft.fft, np.fft.ifft) for x in (V, Z, CUBE, WHOLE, V.astype("f4"))),
    *((f, V, n) for f in (np.fft.fft, np.fft.rfft, np.fft.irfft, np.fft.hfft) for n in (4, 9)),
    *((f, CUBE, None, 1) for f in (np.fft.rfft, np.fft.irfft, np.fft.ihfft, np.fft.hfft)),
    *((np.fft.fft, V, None, -1, norm) for norm in ("ortho", "forward", "backward")),
    *((np.fft.irfft, Z, 7, 0, norm) for norm in ("ortho", "forward", "backward")),
    *((np.fft.hfft, Z, None, 0, norm) for norm in ("ortho", "forward", "backward")),
    *((f, CUBE) for f in (np.fft.fft2, np.fft.ifft2, np.fft.rfft2, np.fft.irfft2)),
    *((f, CUBE) for f in (np.fft.fftn, np.fft.ifftn, np.fft.rfftn, np.fft.irfftn)),
    *((f, CUBE, (2, 6), (0, 2)) for f in (np.fft.fftn, np.fft.rfftn, np.fft.irfftn)),
    (np.fft.fftn, CUBE, (-1, 3), (0, 1), "ortho"),
    *((f, CUBE) for f in (np.fft.fftshift, np.fft.ifftshift)),
    (np.fft.fftshift, CUBE, 1),
    (np.fft.ifftshift, CUBE, (0, -1)),
]

DEFINITE = {np.linalg.cholesky}
"""Functions that other elements would make raise."""

CLOSE = {"lstsq", "matrix_power", "multi_dot", "tensorsolve", "vecdot", "trace"}


@pytest.mark.parametrize("case", [*LINALG, *FFT], ids=case_name)
@pytest.mark.parametrize("symbolic", [False, True])
def test_what_numpy_gives(case: Any, symbolic: bool) -> None:
    function, *args = case
    close = function.__name__ in CLOSE
    with may_refuse(symbolic, "chance|fit|constant|shape|matrix|components"):
        check(function, *args, symbolic=symbolic and function not in DEFINITE, close=close)


def test_what_is_left_to_numpy() -> None:
    refuses(np.linalg.qr, TALL, "complete", match="mode")
    refuses(np.linalg.cond, A, 1, match="norm")
    refuses(np.linalg.pinv, SPD, hermitian=True, match="Hermitian")
    refuses(np.linalg.svd, SPD, hermitian=True, match="Hermitian")


def test_options() -> None:
    check(np.linalg.cholesky, SPD, upper=True)
    check(np.linalg.pinv, TALL, rtol=None)
    check(np.linalg.trace, CUBE, offset=1, close=True)
