"""One first call, in this process: ``first_call.py CASE FRAMEWORK [--started]``.

It prints the seconds of the first call, and those of the framework's import before it: JAX loads
its compiler while it is imported and starts it in the first call, tracegraph loads llvmlite there.
With ``--started`` another function was compiled before. NumPy has run the function before, for each
framework: its memory is warm. tracegraph's first call is also the function's eager run, which is
subtracted.
"""

from __future__ import annotations

import importlib
import statistics
import sys
import time
from typing import Any

import numpy as np
from case import Case
from cases import CASES
from frameworks import contenders, inputs, unstarted


def main(name: str, framework: str, *options: str) -> None:
    case = next(case for case in CASES if case.name == name)
    before = time.perf_counter()
    importlib.import_module(framework)
    importing = time.perf_counter() - before
    if "--started" in options:
        start(framework)
        contender = next(contenders(case, framework))
    else:
        contender = unstarted(case, framework)
    arrays = inputs(case)
    case.function(*arrays)
    before = time.perf_counter()
    contender.result()
    seconds = time.perf_counter() - before
    if framework == "tracegraph":
        seconds -= eager_seconds(case, arrays)
    print(seconds, importing)


def start(framework: str) -> None:
    """Compile some other function."""
    other = Case(name="", title="", function=other_function, inputs=lambda rng: (rng.random(7),))
    next(contenders(other if framework != "numba" else with_arrays(other), framework)).result()


def other_function(x):
    return np.abs(x) - 3


def with_arrays(case: Case) -> Case:
    return Case(**{**vars(case), "arrays": True})


def eager_seconds(case: Case, arrays: tuple[Any, ...]) -> float:
    """Return the median time of an eager run; of a gradient, that of the function."""
    times = []
    for _ in range(5):
        before = time.perf_counter()
        case.function(*arrays)
        times.append(time.perf_counter() - before)
    return statistics.median(times)


if __name__ == "__main__":
    main(*sys.argv[1:])
