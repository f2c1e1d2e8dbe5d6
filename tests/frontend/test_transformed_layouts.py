"""What transformations give is C-contiguous, so views of it are the same whoever computed it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg

M = np.arange(9.0).reshape(3, 3)


def turned(x: Any) -> Any:
    return (x.T * M).sum()


RESULTS: dict[str, Callable[[Any], Any]] = {
    "grad": tg.grad(turned),
    "value_and_grad": lambda x: tg.value_and_grad(turned)(x)[1],
    "vjp": lambda x: tg.vjp(lambda y: y.T * 2, x)[1](x)[0],
    "jvp": lambda x: tg.jvp(lambda y: y.T * 2, (x,), (x,))[1],
    "jacobian": tg.jacobian(lambda x: x.T * M),
    "hessian": tg.hessian(lambda x: (x.T**3).sum()),
    "vmap to another axis": tg.vmap(lambda row: row * 2, out_axes=1),
    "vmap of a transposed batch": lambda x: tg.vmap(lambda row: row * 2)(x.T),
    "vmap of grad": lambda x: tg.vmap(tg.grad(turned))(np.stack([x, x + 1])),
}


def written_by_a_view(result: Any) -> Any:
    flat = result.reshape(-1)
    flat[1] = 77.0
    return result


def written_by_a_view_of_the_transposed(result: Any) -> Any:
    flat = result.T.reshape(-1)
    flat[1] = 77.0
    return result


@pytest.mark.parametrize("what", RESULTS)
@pytest.mark.parametrize(
    "use", [lambda r: r, written_by_a_view, written_by_a_view_of_the_transposed]
)
def test_plain_and_compiled_results_lie_alike(use: Callable[[Any], Any], what: str) -> None:
    def function(x: Any) -> Any:
        return use(RESULTS[what](x))

    expected = function(M / 2)
    assert expected.flags.c_contiguous
    assert (expected.reshape(-1)[1] == 77) == (use is written_by_a_view)
    call = tg.compile(function, strict=True)
    for _ in range(3):
        found = call(M / 2)
        np.testing.assert_allclose(found, expected, rtol=1e-12)
        assert found.strides == expected.strides


@pytest.mark.filterwarnings("ignore::tracegraph.FallbackWarning")
@pytest.mark.parametrize("what", RESULTS)
def test_they_are_read_in_the_order_of_memory_alike(what: str) -> None:
    def function(x: Any) -> Any:
        return RESULTS[what](x).ravel("K")

    call = tg.compile(function)
    for _ in range(2):
        np.testing.assert_allclose(call(M / 2), RESULTS[what](M / 2).reshape(-1), rtol=1e-12)
