"""The page about NumPy's functions is what the tables say, and leaves none out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.numpy.coverage import MODULES, REASONS, functions, state, table

PAGE = Path(__file__).parents[2] / "docs" / "numpy.md"


def test_every_function_has_a_state() -> None:
    unknown = [n for m in MODULES for n, f in functions(m) if state(n, f) == "?"]
    assert unknown == []


def test_no_function_with_a_reason_to_run_eagerly_compiles() -> None:
    given = {name for names in REASONS.values() for name in names.split()}
    found = {n: state(n, f) for m in MODULES for n, f in functions(m) if n in given}
    assert [name for name, what in found.items() if what in ("native", "callout")] == []


def test_the_page_is_not_stale() -> None:
    page = PAGE.read_text(encoding="utf-8")
    version = ".".join(np.__version__.split(".")[:2])
    if f"NumPy {version} " not in page:
        pytest.skip("the page is about another version of NumPy, with other functions")
    assert page == table()
