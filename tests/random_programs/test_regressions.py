"""What random programs have found, each in a few lines."""

from __future__ import annotations

from tests.random_programs.compare import check
from tests.random_programs.program import Parameter, Program, Sizes

Three = tuple[Sizes, Sizes, Sizes]
SIZES: Three = {"n": 5, "m": 3}, {"n": 7, "m": 4}, {"n": 9, "m": 6}
SMALL: Three = {"n": 2, "m": 3}, {"n": 1, "m": 3}, {"n": 0, "m": 2}
WIDE: Three = {"n": 4, "m": 33}, {"n": 4, "m": 70}, {"n": 6, "m": 129}
ONE: Three = ({"n": 1, "m": 1},) * 3


def agrees(result: str, *body: str, sizes: Three = SIZES, **params: str) -> None:
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


def test_the_real_part_of_real_numbers_is_the_array_itself() -> None:
    agrees("a.real[1:], np.transpose(a.real)", a="float64 n,m")
    agrees("a", "v = a.real", "v += 1", a="int32 n")


def test_sizes_that_are_constants() -> None:
    agrees("v, v[1:][::2]", "v = np.reshape(a.reshape(-1), (1, -1))", "v += v", a="float32 m")
    agrees("v", "v = np.expand_dims(a / a.shape[0], -1)[::-1]", "v += v", a="bool n,m", sizes=SMALL)


def test_reductions_of_numbers_over_their_only_axis() -> None:
    agrees("np.sum(v, axis=0), np.all(v, axis=-1), v.max(axis=0)", "v = a.sum()", a="float64 n")


def test_leading_axes_of_length_one_are_dropped_where_an_array_is_written() -> None:
    agrees("a", "np.copyto(a, np.max(b, axis=0, keepdims=True))", a="float64 n", b="float64 m,n")


def test_python_functions_of_numbers() -> None:
    agrees("round(0.5 * len(a)), sum(a.shape), abs(a.shape[0])", a="float64 n,m")
    agrees("max(a[0], 0.5), min(2.0, float(a.max()))", a="float64 n")


def test_adding_at_places_of_an_axis_of_length_one() -> None:
    agrees("v", "v = a * 2", "np.add.at(v, COUNTS * 0, 5.0)", a="float64 n", sizes=ONE)


def test_a_function_of_a_column_beside_a_row() -> None:
    agrees("np.tanh(c[:, None]) / (1 + abs(a))", a="float64 m,n", c="float64 m", sizes=WIDE)
    agrees("np.tanh((np.clip(c, -1, 1) * c)[:, None]) / (np.abs(a) + 1)",
           a="float32 m,n", c="float64 m", sizes=WIDE)  # fmt: skip


def test_a_product_of_a_reversed_array_with_its_transpose() -> None:
    agrees("np.dot(a, a.T) <= 1.5", a="float32 n,m back", sizes=WIDE)


def test_a_mask_of_the_different_elements() -> None:
    agrees("v", "v = np.unique(a)", "v[v > 0] = v[v > 0][::-1]", a="float64 ")
    agrees("np.sum(np.ones_like(np.unique(a)))", a="float64 n")


def test_what_is_known_of_a_diagonal_after_its_matrix_was_written() -> None:
    agrees("v.size, len(v), v.shape, v.ndim", "v = np.diag(a)", "a[...] = 1", a="float64 n,m")
