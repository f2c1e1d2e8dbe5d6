"""Operators of lists from outside: what NumPy takes over, and what a list does not have."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest

import tracegraph as tg

Y = np.arange(4.0)
OPERATORS = (
    "iadd add mul imul sub isub truediv floordiv ifloordiv mod pow matmul lshift or_".split()
)


def outcome(function: Any, *args: Any) -> str:
    try:
        result = function(*args)
    except Exception as error:
        return repr(error)
    return f"{type(result).__name__} {result!r}"


@pytest.mark.parametrize("name", OPERATORS)
def test_as_a_list_answers(name: str) -> None:
    function = getattr(operator, name)

    def used(x: Any, y: Any) -> Any:
        return function(x, y)

    compiled = tg.compile(used)
    for other in (Y, Y.reshape(2, 2), 2, 2.5, [1.0], np.float64(2.0)):
        for _ in range(3):
            ours, theirs = [1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]
            assert outcome(compiled, ours, other) == outcome(used, theirs, other)
            assert repr(ours) == repr(theirs)
