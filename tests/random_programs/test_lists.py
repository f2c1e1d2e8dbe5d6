"""A few random programs of loops that append to lists; ``lists.py`` hunts for more."""

import pytest

from tests.random_programs.lists import ListWriter
from tests.random_programs.loops import check


@pytest.mark.parametrize("first", range(0, 30, 10))
def test_random_loops_with_lists(first: int) -> None:
    for seed in range(first, first + 10):
        fault, text, why = check(seed, ListWriter)
        assert fault is None, f"{fault}\n{text}"
        assert not any("fault of tracegraph" in one for one in why), f"{why}\n{text}"
