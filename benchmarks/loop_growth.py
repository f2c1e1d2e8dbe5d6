"""Whether a first call depends on how often a loop runs: 10 steps beside 10,000.

A first call runs the function eagerly, records that, compiles what was recorded, and computes by
machine code what the eager run left open (a gradient). It is measured how much longer a first call
takes than one eager run, for few steps and for many; how many times as long as an eager run its
recording takes; and how many traces there are after other numbers of steps. The eager run of a
gradient is one of the function and one later call, which computes the derivative.

Each figure is the median over repetitions, each of which takes the runs of few steps and of many
one after the other: they share what the machine does at that time.
"""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from loop_cases import rk4_step

FEW, OTHER, MANY = 10, 20, 10_000
CELLS = 1000
Line = dict[str, Any]
lorenz_step = rk4_step(np)


def lorenz(state, steps):
    for _ in range(steps):
        state = lorenz_step(state)
    return state


def heat_step(u):
    return u[1:-1] + 0.2 * (u[:-2] - 2 * u[1:-1] + u[2:])


def heat(u, steps):
    u = u.copy()
    for _ in range(steps):
        u[1:-1] = heat_step(u)
    return u


def with_fori_loops() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the same two programs with loops that are functions."""
    import tracegraph as tg

    def lorenz_fori(state, steps):
        return tg.fori_loop(0, steps, lambda _, state: lorenz_step(state), state)

    def heat_fori(u, steps):
        def body(_, u):
            u[1:-1] = heat_step(u)
            return u

        return tg.fori_loop(0, steps, body, u)

    return lorenz_fori, heat_fori


def loop_growth(quick: bool) -> dict[str, Line]:
    """Return a line for each kind of loop and its gradient."""
    import tracegraph as tg

    lorenz_fori, heat_fori = with_fori_loops()
    start, cells = np.array([1.0, 2.0, 1.5]), np.sin(np.arange(CELLS) * 0.1)
    programs = {
        "lorenz, for": (lorenz, start),
        "lorenz, fori_loop": (lorenz_fori, start),
        "heat, for": (heat, cells),
        "heat, fori_loop": (heat_fori, cells),
    }
    lines: dict[str, Line] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("error", tg.FallbackWarning)
        for name, (function, x) in programs.items():
            squared = sum_of_squares(function)
            repeats = 3 if quick else 15
            lines[name] = _line(function, function, x, repeats)
            lines[f"{name}, gradient"] = _line(tg.grad(squared), squared, x, repeats)
    return lines


def sum_of_squares(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, steps: np.sum(function(x, steps) ** 2)


def _line(function: Callable[..., Any], eager: Callable[..., Any], x: Any, repeats: int) -> Line:
    try:
        measured = [
            (_parts(function, eager, x, FEW), _parts(function, eager, x, MANY))
            for _ in range(repeats)
        ]
        few, many = (_medians(parts) for parts in zip(*measured, strict=True))
        return {
            "few": few["more"],
            "many": many["more"],
            "compiling": many["compiling"] / few["compiling"],
            "recording": many["recording"] / many["eager"],
            "traces": _traces(function, x),
        }
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def _parts(
    function: Callable[..., Any], eager: Callable[..., Any], x: Any, steps: int
) -> dict[str, float]:
    """Return the seconds of an eager run, of a first call's parts and of what it takes more."""
    took = _seconds(eager, x, steps)
    first, recording, later = _first_call(function, x, steps)
    run = 0.0 if function is eager else later
    return {
        "eager": took,
        "recording": recording,
        "compiling": first - recording - run,
        "more": first - took - run,
    }


def _medians(measured: Iterable[dict[str, float]]) -> dict[str, float]:
    parts = list(measured)
    return {name: statistics.median(part[name] for part in parts) for name in parts[0]}


def _seconds(function: Callable[..., Any], *args: Any) -> float:
    before = time.perf_counter()
    function(*args)
    return time.perf_counter() - before


def _first_call(function: Callable[..., Any], x: Any, steps: int) -> tuple[float, float, float]:
    """Return the seconds of a first call, of its recording alone, and of a later call."""
    import tracegraph as tg

    module = tg.compile.__globals__
    record, recorded = module["record_call"], []

    def timed(*args: Any) -> Any:
        before = time.perf_counter()
        result = record(*args)
        recorded.append(time.perf_counter() - before)
        return result

    module["record_call"] = timed
    try:
        compiled = tg.compile(function)
        first = _seconds(compiled, x, steps)
    finally:
        module["record_call"] = record
    return first, recorded[0], _seconds(compiled, x, steps)


def _traces(function: Callable[..., Any], x: Any) -> list[int]:
    import tracegraph as tg

    compiled, counts = tg.compile(function), []
    for steps in (FEW, OTHER, MANY):
        compiled(x, steps)
        counts.append(len(compiled.traces))
    return counts


def text(line: Line) -> str:
    """Return a line as text."""
    return (
        f"first call less an eager run: {line['few'] * 1e3:.0f} ms for {FEW} steps, "
        f"{line['many'] * 1e3:.0f} ms for {MANY:,} ({line['many'] / line['few']:.2f}x); "
        f"compiling {line['compiling']:.2f}x, recording {line['recording']:.2f}x an eager run; "
        f"traces {line['traces']}"
    )


if __name__ == "__main__":
    import environment

    environment.prepare()
    for name, line in loop_growth(quick=False).items():
        print(f"{name:<28}{line.get('error') or text(line)}", flush=True)
