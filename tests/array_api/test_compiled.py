"""The compiled namespace, with which the public suite is run, tells what became of its calls."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.array_api import compiled, run
from tests.array_api.compiled import CALLS, Array, compare
from tracegraph import Tensor, array_api


def test_calls_run_natively_and_are_counted() -> None:
    CALLS.clear()
    x = compiled.asarray([1.0, 4.0, 9.0])
    assert type(x) is Array
    y = compiled.sqrt(x) + x[1]
    y *= 2
    y[0] = compiled.linalg.vector_norm(x)
    assert (float(y[1]), bool(y[2] == 14.0), y.T.shape) == (12.0, True, (3,))
    assert float(y[0]) == np.linalg.norm([1.0, 4.0, 9.0])
    assert set(CALLS) == {"native"}
    assert CALLS["native"] > 10


def test_calls_that_ran_eagerly_are_counted_by_reason() -> None:
    CALLS.clear()
    x = compiled.asarray([1.0, 2.0])
    assert type(compiled.from_dlpack(x)) is Array
    assert CALLS == {"native": 1, "from_dlpack: numpy.from_dlpack cannot be recorded": 1}


def test_native_results_are_compared_with_eager_ones() -> None:
    x = Tensor([1.0, np.nan])
    compare((x, 1), (Tensor([1.0, np.nan]), 1), are_equal=True)
    for other in (Tensor([2.0, np.nan]), Tensor([1.0, 2.0])):
        compare(x, other, are_equal=False)
        with pytest.raises(AssertionError, match="natively"):
            compare(x, other, are_equal=True)
    for unlike in (Tensor(np.ones(2, "f4")), Tensor([1.0]), np.ones(2)):
        with pytest.raises(AssertionError):
            compare(x, unlike, are_equal=False)
    with pytest.raises(AssertionError):
        compare(1, 1.0, are_equal=True)


def test_the_namespace_has_the_names_and_signatures_of_ours() -> None:
    assert compiled.pi is array_api.pi
    assert compiled.float32 is array_api.float32
    assert compiled.sort.__wrapped__ is array_api.sort
    assert compiled.asarray([1]).__array_namespace__() is compiled
    with pytest.raises(AttributeError, match="sinus"):
        compiled.sinus  # noqa: B018  # reading it is what is tested


def test_each_failure_that_is_expected_has_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = run.expected_failures()
    assert len(set(names)) == len(names)
    assert all(name.startswith("array_api_tests/") for name in names)
    unexplained = tmp_path / "expected.txt"
    unexplained.write_text("array_api_tests/test_it.py::test\n", encoding="utf-8")
    monkeypatch.setattr(run, "EXPECTED", unexplained)
    with pytest.raises(ValueError, match=r"expected 'test  # reason' in expected\.txt"):
        run.expected_failures()
