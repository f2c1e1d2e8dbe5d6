"""What random programs have found, each in a few lines."""

from __future__ import annotations

from tests.random_programs.compare import check
from tests.random_programs.program import Parameter, Program

SIZES = {"n": 5, "m": 3}, {"n": 7, "m": 4}, {"n": 9, "m": 6}
SMALL = {"n": 2, "m": 3}, {"n": 1, "m": 3}, {"n": 0, "m": 2}


def agrees(
    result: str, *body: str, sizes: tuple[dict[str, int], ...] = SIZES, **params: str
) -> None:
    """Check a program; a parameter is written ``float64 n,m``, and a layout may follow."""
    made = []
    for name, text in params.items():
        dtype, dims, *layout = text.split(" ")
        made.append(Parameter(name, dtype, tuple(filter(None, dims.split(","))), *layout))
    outcome = check(Program(tuple(made), body, result, sizes, 0))
    assert outcome.compiled, outcome.reasons


def test_a_full_view_is_not_the_array_itself() -> None:
    agrees("a[:], a[...], a.T, np.transpose(a), a.reshape(-1), a.ravel()", a="float64 n")
    agrees("v, v.T, v[::-1]", "v = a * 2", a="float64 n")
    agrees("TABLE[...]", a="float64 n")


def test_the_array_itself_is_no_view() -> None:
    agrees("np.asarray(a), a, a.real", a="float64 n")


def test_sizes_that_are_constants() -> None:
    agrees("v, v[1:][::2]", "v = np.reshape(a.reshape(-1), (1, -1))", "v += v", a="float32 m")
    agrees("v", "v = np.expand_dims(a / a.shape[0], -1)[::-1]", "v += v", a="bool n,m", sizes=SMALL)


def test_reductions_of_numbers_over_their_only_axis() -> None:
    agrees("np.sum(v, axis=0), np.all(v, axis=-1)", "v = a.sum()", a="float64 n")
