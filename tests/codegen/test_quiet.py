"""Calls where a floating-point event would be noticed run eagerly."""

import contextvars
import threading
import warnings
from typing import Any

import numpy as np
import pytest

from tests.codegen.native_kit import (
    F8,
    Counting,
    N,
    affine,
    array,
    executable,
    n,
    native,
    signature,
)
from tracegraph.codegen import quiet
from tracegraph.codegen.signature import ArrayOutput

X = np.ones(3)


@pytest.fixture(params=["read", "asked"])
def entry(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Counting:
    """An entry that reads NumPy's modes itself, and one that asks, as on an unknown NumPy."""
    if request.param == "asked":
        monkeypatch.setattr(quiet, "modes_are_known", lambda: False)
    made = executable(
        signature([array(0, (n,), "x")], [ArrayOutput("y", (n,))]),
        {"x": (F8, n), "y": (F8, n)},
        [affine(count=N)],
    )
    return native(made)


def is_native(entry: Counting) -> bool:
    before = entry.slow_calls
    entry(X)
    return entry.slow_calls == before


def test_the_modes_of_this_numpy_are_known() -> None:
    assert quiet.modes_are_known()


@pytest.mark.parametrize("event", ["divide", "over", "under", "invalid"])
def test_each_event_and_mode(entry: Counting, event: str) -> None:
    for mode in ("ignore", "warn", "raise", "call", "print", "log"):
        chosen: dict[str, Any] = {event: mode}
        with np.errstate(all="ignore"), np.errstate(**chosen):
            loud = mode in ("raise", "call")
            assert is_native(entry) is not loud
            assert (quiet.why_loud() is not None) is loud
    assert is_native(entry)


def test_seterr_is_seen(entry: Counting) -> None:
    old = np.seterr(over="raise")
    try:
        assert not is_native(entry)
    finally:
        np.seterr(**old)
    assert is_native(entry)


def test_modes_belong_to_a_context(entry: Counting) -> None:
    found: list[bool] = []
    context = contextvars.copy_context()
    context.run(np.seterr, all="raise")
    thread = threading.Thread(target=lambda: found.append(is_native(entry)))
    with np.errstate(all="raise"):
        thread.start()
        thread.join()
    assert found == [True]
    assert not context.run(is_native, entry)
    assert is_native(entry)


@pytest.mark.parametrize("category", [Warning, RuntimeWarning, np.exceptions.ComplexWarning])
def test_warnings_turned_into_errors(entry: Counting, category: type[Warning]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", category)
        assert not is_native(entry)
        assert quiet.why_loud() is not None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert is_native(entry)
            warnings.filterwarnings("error", "divide by zero")
            assert not is_native(entry)
        assert not is_native(entry)
    assert is_native(entry)


def test_other_filters_do_not_matter(entry: Counting) -> None:
    with warnings.catch_warnings():
        warnings.resetwarnings()
        assert is_native(entry)
        warnings.simplefilter("error", DeprecationWarning)
        assert is_native(entry)
        warnings.simplefilter("always")
        warnings.simplefilter("error", append=True)  # behind the one that takes everything
        assert is_native(entry)
        filters: Any = warnings.filters
        filters[-1:] = []
        filters[0] = ("error", None, RuntimeWarning, None, 0)
        assert not is_native(entry)


def test_unusual_filters(entry: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warnings, "filters", ())
    assert is_native(entry)
    monkeypatch.setattr(warnings, "filters", [("error", None, "no class", None, 0)])
    assert not is_native(entry)
    monkeypatch.delattr(warnings, "filters")
    assert not is_native(entry)


def test_an_interrupt_while_asking_is_raised(
    entry: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupting(tuple[()]):
        def __iter__(self) -> object:  # type: ignore[override]  # it never gives an iterator
            raise KeyboardInterrupt

    monkeypatch.setattr(warnings, "filters", Interrupting())
    with pytest.raises(KeyboardInterrupt):
        entry(X)
    assert entry.slow_calls == 0
