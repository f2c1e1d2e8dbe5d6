"""Real and imaginary parts are views: read, returned, written and assigned as NumPy's are."""

import numpy as np
import pytest

from tests.frontend.programs import agrees

Z = np.arange(12.0).reshape(3, 4) + 1j * np.arange(12.0)[::-1].reshape(3, 4)
CALLS = [
    Z, Z * 1j, np.asfortranarray(Z), np.repeat(Z, 2, axis=1)[:, ::2], Z.astype("complex64"),
    (Z * 2).astype("complex64"), Z[::-1] - 1, Z.T.copy().T,
]  # fmt: skip

PARTS = {
    "of a result": "return (a * 2).real, (a + 1).imag",
    "of an argument": "return a.real, a.imag, np.real(a), np.imag(a)",
    "of a view": "return a[1:, ::2].imag.T, a.T.real[0]",
    "and views of them": "return (a * 2).real[::-1, 1:], a.imag[None], a.real.T",
    "and the whole": "b = a * 2; return b, b.real, b.imag, b[0].real",
    "reshaped": "return (a * 2).real.reshape(-1), a.imag.ravel()",
    "of real numbers": "b = np.abs(a); b.real[0] = 5; return b.real, b",
    "computed with": "return (a.real * a.imag).sum(), a.real @ a.imag.T",
    "written": "a.real[1:] = 5; a.imag += 1; a.imag[:, 0] *= 2; return a.real * 2",
    "assigned": "o = np.empty(a.shape, complex); o.real = a.imag; o.imag = a.real * 2; return o",
    "assigned to an argument": "a.real = 7; a.imag = a.real[::-1] * 2; return a",
    "assigned to real numbers": "b = np.abs(a); b.real = 3; return b",
    "seen before a write": "b = a * 1; v = b.real; b[0] = 7; return v, b",
    "written through views": "b = a * 1; v = b.imag[1]; v[...] = 3; v *= 2; return b, v",
    "written through a transpose": "a.T.real[...] = np.arange(3); return a * 1",
    "a gradient's": "b = a * 1; b.real[0] = a.imag[0]; return (b * b.conj()).real.sum()",
}


@pytest.mark.parametrize("what", PARTS)
def test_parts(what: str) -> None:
    agrees(f"def f(a):\n    {PARTS[what]}\n", *[(z,) for z in CALLS])


def test_parts_are_native() -> None:
    for what in ("of a result", "of an argument", "written", "assigned", "reshaped"):
        agrees(f"def f(a):\n    {PARTS[what]}\n", (Z,), (Z + 1,), (Z * 2,), native=2)


def test_the_imaginary_part_of_real_numbers_is_not_assigned() -> None:
    agrees("def f(a):\n    a.imag = 3\n    return a\n", (np.ones(3),), (np.ones(3),))
