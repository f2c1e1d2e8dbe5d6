"""Random NumPy programs do the same compiled, and at least nine of ten run natively."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, given, seed, settings

from tests.random_programs.compare import Outcome, check
from tests.random_programs.generate import programs
from tests.random_programs.program import Program

SHARE = 0.9


@pytest.mark.parametrize("group", range(6))
def test_random_programs(group: int) -> None:
    outcomes: list[Outcome] = []

    def chosen(test: Any) -> Any:
        return seed(group)(test) if settings().derandomize else test

    # `hunt` reduces a program that fails, statement by statement: faster than hypothesis can.
    @settings(phases=(Phase.explicit, Phase.reuse, Phase.generate))
    @given(programs())
    def run(program: Program) -> None:
        outcomes.append(check(program))

    chosen(run)()
    reasons = [why for outcome in outcomes for why in outcome.reasons]
    compiled = sum(outcome.compiled for outcome in outcomes)
    assert compiled >= SHARE * len(outcomes), reasons
