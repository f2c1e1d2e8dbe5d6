"""Random NumPy programs do the same compiled, and at least nine of ten run natively."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import Phase, given, seed, settings

from tests.random_programs.compare import check
from tests.random_programs.generate import programs
from tests.random_programs.hunt import program_of
from tests.random_programs.program import Program

SHARE = 0.9
Test = TypeVar("Test", bound=Callable[..., Any])


def seeded(group: int) -> Callable[[Test], Test]:
    """Return a decorator that gives each group programs of its own, the same ones every time."""
    return seed(group) if settings().derandomize else lambda test: test


@pytest.mark.parametrize("group", range(4))
def test_random_programs(group: int) -> None:
    # `hunt` reduces a program that fails, statement by statement: faster than hypothesis can.
    @settings(phases=(Phase.explicit, Phase.reuse, Phase.generate))
    @given(programs())
    @seeded(group)
    def run(program: Program) -> None:
        check(program)

    run()


def test_the_share_that_is_compiled() -> None:
    outcomes = [check(program_of(number)) for number in range(60)]
    reasons = [why for outcome in outcomes for why in outcome.reasons]
    assert sum(outcome.compiled for outcome in outcomes) >= SHARE * len(outcomes), reasons
