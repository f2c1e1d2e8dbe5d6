"""Python's complex numbers stay symbolic: one trace for all values, with Python's own rounding."""

import numpy as np
import pytest

from tests.frontend.programs import agrees

NUMBERS = [
    (1.5 - 2.25j, 0.1 + 0.7j), (0.3 + 1e-8j, -2.7j), (-1.1 + 0.2j, 5.3 + 0j), (3.7 - 1j, -0.9j),
    (complex(np.inf, 1), 1j), (complex(0.0, -0.0), complex(-0.0, 0.0)),
    (complex(np.nan, 1), 2 + 0j),
]  # fmt: skip

SYMBOLIC = {
    "products": "return z * w, z * z * w, -z * 2, 2.5 * z",
    "sums": "return z + w, z - w, z + 1, 1.5 - z, +z",
    "comparisons": "return z == w, z != w, z == 2",
    "parts": "return z.real, z.imag * 2, (z * w).real + 1",
    "with arrays": "return np.arange(3.0) * z + w, np.exp(1j * np.arange(3.0) * w.real)",
    "in place": "z *= w; z += 1j; z -= 2; return z",
}


@pytest.mark.parametrize("what", SYMBOLIC)
def test_one_trace_serves_all_values(what: str) -> None:
    found = agrees(f"def f(z, w):\n    {SYMBOLIC[what]}\n", *NUMBERS, *NUMBERS)
    assert len(found.compiled.traces) == 1
    assert not found.compiled.fallbacks


BOUND = {
    "quotients": "return z / w if w else z",
    "powers": "return z ** 2, z ** 3",
    "truth": "return 1 if z else 2",
    "text": "return f'{z}'",
    "the size of a number": "return abs(z)",
    "decisions": "return z if abs(z) > 2 else w",
}


@pytest.mark.parametrize("what", BOUND)
def test_what_looks_at_the_value_agrees(what: str) -> None:
    exact = [
        (3 + 4j, 1j),
        (-4 + 3j, 2 + 0j),
        (0j, 1 + 1j),
        (5 - 12j, -1j),
        (complex(np.inf, 2), 1j),
    ]
    agrees(f"def f(z, w):\n    {BOUND[what]}\n", *exact, *exact)


def test_a_size_out_of_range_raises_as_in_python() -> None:
    big = complex(1.7e308, 1.7e308)
    agrees("def f(z):\n    return abs(z) * 2\n", (3 + 4j,), (6 + 8j,), (big,), (3 - 4j,), (big,))


def test_an_orbit_of_complex_numbers_is_native() -> None:
    source = "def f(z, c):\n    for _ in range(6):\n        z = z * z + c\n    return z\n"
    found = agrees(source, (0j, 0.2 + 0.1j), (0.1j, -0.4 + 0.6j), (0.5 + 0j, 0.3 - 0.2j))
    assert len(found.compiled.traces) == 1
