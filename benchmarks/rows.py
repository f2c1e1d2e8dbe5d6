"""The rows of the table: cases, and what is counted rather than raced."""

from __future__ import annotations

from typing import Any

import loop_growth
import numpy as np
from case import Case
from cases import CASES, softmax
from frameworks import FRAMEWORKS, Contender, contenders, inputs
from harness import check, in_a_process, interleaved, leaves

Line = dict[str, Any]
"""What is known of one contender: seconds, ratio, count or error, by name."""

PEERS = ("numpy", "jax", "numba")


def measure(name: str, *, quick: bool, first: bool) -> dict[str, Line]:
    """Return a line for each contender of a row."""
    if name in COUNTED:
        return COUNTED[name](quick)
    case = next(case for case in CASES if case.name == name)
    lines: dict[str, Line] = {}
    racers = _verified(case, lines)
    for racer, timing in interleaved(racers, 0.3 if quick else 1.5).items():
        lines[racer] = vars(timing).copy()
    if first:
        _add_first_calls(case, lines, 1 if quick else 3)
    _add_ratios(lines)
    return lines


def _verified(case: Case, lines: dict[str, Line]) -> list[Contender]:
    """Return the contenders whose results agree; the others get a line with the error."""
    reference: list[np.ndarray[Any, Any]] = []
    racers = []
    for framework in ("numpy", *FRAMEWORKS[1:], FRAMEWORKS[0]):
        for contender in contenders(case, framework):
            try:
                reference = reference or list(leaves(contender.result()))
                for _ in range(3):
                    check(contender, reference, case.tolerance)
                racers.append(contender)
            except Exception as error:
                lines[contender.name] = {"error": f"{type(error).__name__}: {error}"}
    if case.name == "small":
        racers.append(Contender("np.add(x, x)", np.add, inputs(case) * 2))
    return racers[::-1]


def _add_first_calls(case: Case, lines: dict[str, Line], processes: int) -> None:
    for framework in FRAMEWORKS:
        name = next((n for n in lines if n.split()[0] == framework and "best" in lines[n]), None)
        if name is None:
            continue
        for key, options in (("first", []), ("next", ["--started"])):
            call = ("first_call.py", case.name, framework, *options)
            runs = [tuple(map(float, in_a_process(*call).split())) for _ in range(processes)]
            lines[name][key] = min(first for first, _ in runs)
            if key == "first":
                lines[name]["from_import"] = min(map(sum, runs))


def _add_ratios(lines: dict[str, Line]) -> None:
    """Add how many times as fast as the best peer each contender is."""
    peers = {
        n: line["best"] for n, line in lines.items() if n.split()[0] in PEERS and "best" in line
    }
    if not peers:
        return
    best = min(peers, key=lambda name: peers[name])
    for line in lines.values():
        if "best" in line:
            line["ratio"], line["peer"] = peers[best] / line["best"], best


# -- rows that count ------------------------------------------------------------------------------


def import_time(quick: bool) -> dict[str, Line]:
    """``import tracegraph`` after ``import numpy``, in fresh processes."""
    program = (
        "import time, numpy; t = time.perf_counter(); import tracegraph; "
        "print(time.perf_counter() - t)"
    )
    times = [float(in_a_process("-c", program)) for _ in range(5 if quick else 15)]
    return {"tracegraph": {"best": min(times), "median": sorted(times)[len(times) // 2]}}


def symbolic_sizes(quick: bool) -> dict[str, Line]:
    """Traces after calls with 10, 20 and 30 rows: the third call must add none."""
    import tracegraph as tg

    def loss(x):
        return np.sum(softmax(x) ** 2)

    def one_row(x):
        return np.exp(x) / np.sum(np.exp(x))

    functions = {
        "function": tg.compile(softmax),
        "gradient": tg.compile(tg.grad(loss)),
        "vmap": tg.compile(tg.vmap(one_row)),
    }
    return {name: _count_traces(function) for name, function in functions.items()}


def _count_traces(function: Any) -> Line:
    counts = []
    try:
        for rows in (10, 20, 30):
            function(np.random.default_rng(rows).normal(size=(rows, 5)))
            counts.append(len(function.traces))
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {"traces": counts, "compiles_for_the_third": counts[2] - counts[1]}


COUNTED = {
    "symbolic_sizes": symbolic_sizes,
    "loop_growth": loop_growth.loop_growth,
    "import": import_time,
}
NAMES = (*(case.name for case in CASES), *COUNTED)


# -- printing ---------------------------------------------------------------------------------


def text(name: str, lines: dict[str, Line]) -> str:
    """Return a row as text."""
    title = next((case.title for case in CASES if case.name == name), name)
    return "\n".join([f"{name}: {title}", *(f"  {n:<28}{_line(v)}" for n, v in lines.items())])


def _line(line: Line) -> str:
    if "error" in line:
        return line["error"]
    if "few" in line:
        return loop_growth.text(line)
    if "traces" in line:
        return f"traces {line['traces']}, compiled for the third: {line['compiles_for_the_third']}"
    parts = [f"best {_time(line['best'])}  median {_time(line['median'])}"]
    if "ratio" in line:
        parts.append(f"{line['ratio']:6.2f}x {line['peer']}")
    if line.get("cores", 0) > 1.2:
        parts.append(f"on {line['cores']:.1f} cores")
    if "first" in line:
        parts.append(f"first call {_time(line['first'])}, with the import")
        parts.append(f"{_time(line['from_import'])}, compiler loaded {_time(line['next'])}")
    return "  ".join(parts)


def _time(seconds: float) -> str:
    for limit, unit, scale in ((1e-6, "ns", 1e9), (1e-3, "us", 1e6), (1, "ms", 1e3)):
        if seconds < limit:
            return f"{seconds * scale:7.1f} {unit}"
    return f"{seconds:7.2f} s "
