"""Looks for programs that differ: ``python -m tests.random_programs.hunt first count [known]``.

Each is reduced to few statements and printed. Then the share that was compiled, and why others
were not.
"""

from __future__ import annotations

import collections
import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tests.random_programs.compare import DifferenceError, Outcome, check
from tests.random_programs.generate import make_program
from tests.random_programs.program import Program

MANY = 8
"""So many traces are worth a look: there are seven calls of three sizes."""


def program_of(seed: int) -> Program:
    """Return the random program of a seed."""
    rng = np.random.default_rng(seed)
    return make_program(lambda things: things[int(rng.integers(len(things)))])


def shrink(program: Program) -> DifferenceError | None:
    """Return the fault of the smallest program found that has one."""
    fault = fault_of(program)
    smaller = program if fault else None
    while smaller is not None:
        program = smaller
        smaller = next((p for p in _smaller(program) if fault_of(p)), None)
    return fault_of(program)


def fault_of(program: Program) -> DifferenceError | None:
    """Return in what a program differs."""
    try:
        check(program)
    except DifferenceError as fault:
        return fault
    except Exception:  # it is no program
        return None
    return None


def _smaller(program: Program) -> Iterator[Program]:
    for i, statement in enumerate(program.body):
        rest = program.body[:i], program.body[i + 1 :]
        yield replace(program, body=(*rest[0], *rest[1]))
        for part in re.split(r"^\S.*:\n", statement, flags=re.M)[1:]:
            yield replace(program, body=(*rest[0], textwrap.dedent(part).rstrip(), *rest[1]))
    names = re.findall(r"\w+", program.result)
    parts = program.result.strip("[]").split(", ")
    for part in (*parts, *names) if len(program.result) > 3 else ():
        if part != program.result:
            yield replace(program, result=part)
    if program.params[-1].layout != "c" and not program.overlap:
        for i, p in enumerate(program.params):
            plain = (*program.params[:i], replace(p, layout="c"), *program.params[i + 1 :])
            if p.layout != "c":
                yield replace(program, params=plain)


def main(first: int, count: int, known: str = "") -> None:
    """Try some seeds; a fault whose text contains ``known`` is passed over."""
    found: list[Outcome] = []
    reasons: collections.defaultdict[str, list[int]] = collections.defaultdict(list)
    for seed in range(first, first + count):
        program = program_of(seed)
        try:
            found.append(check(program))
            if found[-1].traces >= MANY:
                print(f"==== seed {seed} has {found[-1].traces} traces\n{program}", flush=True)
        except DifferenceError as fault:
            if known and known in str(fault):
                continue
            print(f"==== seed {seed}\n{shrink(program) or fault}\n", flush=True)
            continue
        for why in found[-1].reasons:
            reasons[re.sub(r"<random program \d+>:\d+: ", "", why)].append(seed)
    for why, seeds in sorted(reasons.items(), key=lambda pair: -len(pair[1])):
        print(len(seeds), why, seeds[:3])
    share = sum(o.compiled for o in found) / max(1, len(found))
    traces = collections.Counter(o.traces for o in found)
    unstable = sum(o.unstable for o in found)
    print(f"{len(found)} of {count} agree; {share:.1%} compiled; unstable {unstable}; {traces}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:4])
