"""Timing: interleaved runs in one process, first calls in processes of their own."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
import timeit
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from frameworks import Contender

BATCH_SECONDS = 0.004


@dataclass(frozen=True)
class Timing:
    """Seconds of one call: the best and the median of many batches; CPU seconds in a second."""

    best: float
    median: float
    cores: float


def interleaved(contenders: Sequence[Contender], seconds: float) -> dict[str, Timing]:
    """Time contenders in turn, so that a change of the machine's speed meets all of them.

    Parameters
    ----------
    contenders : sequence of Contender
        Compiled and warm already.
    seconds : float
        How long to measure each of them.
    """
    timers = {c.name: _timer(c) for c in contenders}
    numbers = {name: _calls_in_a_batch(timer) for name, timer in timers.items()}
    times: dict[str, list[float]] = {name: [] for name in timers}
    cores = {name: _cores(timer, numbers[name]) for name, timer in timers.items()}
    end = time.perf_counter() + seconds * len(timers)
    while time.perf_counter() < end or min(map(len, times.values())) < 5:
        for name, timer in timers.items():
            times[name].append(timer.timeit(numbers[name]) / numbers[name])
    return {n: Timing(min(ts), statistics.median(ts), cores[n]) for n, ts in times.items()}


def _timer(contender: Contender) -> timeit.Timer:
    names = [f"a{i}" for i in range(len(contender.args))]
    call = f"call({', '.join(names)})"
    scope: dict[str, Any] = dict(zip(names, contender.args, strict=True))
    scope |= {"call": contender.call, "wait": contender.wait}
    return timeit.Timer(call if contender.wait is None else f"wait({call})", globals=scope)


def _calls_in_a_batch(timer: timeit.Timer) -> int:
    number = 1
    while timer.timeit(number) < BATCH_SECONDS and number < 1_000_000:
        number *= 2
    return number


def _cores(timer: timeit.Timer, number: int) -> float:
    """Return how many cores a contender keeps busy: the race is for one."""
    wall, cpu = time.perf_counter(), time.process_time()
    timer.repeat(8, number)
    return (time.process_time() - cpu) / (time.perf_counter() - wall)


def leaves(result: Any) -> Iterator[np.ndarray[Any, Any]]:
    """Yield the arrays of a result, whatever framework made it."""
    if isinstance(result, (tuple, list)):
        for item in result:
            yield from leaves(item)
    else:
        yield np.asarray(result)


def check(
    contender: Contender, reference: Sequence[np.ndarray[Any, Any]], tolerance: float
) -> None:
    """Raise AssertionError where a contender's results are not the reference's."""
    found = list(leaves(contender.result()))
    assert len(found) == len(reference), f"{contender.name} gives {len(found)} arrays"
    for ours, theirs in zip(found, reference, strict=True):
        assert ours.shape == theirs.shape, f"{contender.name} gives {ours.shape}"
        assert ours.dtype == theirs.dtype, f"{contender.name} gives {ours.dtype}"
        error = np.max(np.abs(ours - theirs)) / max(float(np.max(np.abs(theirs))), 1e-300)
        assert error <= tolerance, f"{contender.name} is off by {error:.1e}"


def in_a_process(*arguments: str) -> str:
    """Return what a fresh Python prints."""
    place = str(Path(__file__).parent)
    path = os.pathsep.join([str(Path(place).parent), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as users have it: imports read bytecode
    command = [sys.executable, *arguments]
    done = subprocess.run(command, env=environment, cwd=place, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1] if done.stderr else "died")
    return done.stdout
