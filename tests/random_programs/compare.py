"""Runs a program plain and compiled, call by call, and compares everything that can be seen.

Values may differ by what section 9 of the design allows: nothing where only exact operations are
used, else a few units of rounding. What rounding does to a program is measured: it is run again
with its arguments moved by some rounding errors, and what moves more than that is not compared.
"""

from __future__ import annotations

import itertools
import re
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import tracegraph as tg
from tests.random_programs.program import Call, Program, leaves, run

INEXACT = re.compile(
    r"sin|cos|tan|exp|log|cbrt|hypot|power|\*\*|sum|mean|var|std|prod|trace|@|dot|einsum|matmul"
)
ULPS = 64
NUMBERS = (np.ndarray, np.generic, int, float, bool)


class DifferenceError(AssertionError):
    """The compiled program does something else."""


@dataclass
class Outcome:
    """What became of a program: why it was not compiled, and how many traces it has."""

    reasons: list[str] = field(default_factory=list)
    traces: int = 0
    unstable: bool = False

    @property
    def compiled(self) -> bool:
        return not self.reasons


def check(program: Program) -> Outcome:
    """Run a program both ways.

    Raises
    ------
    DifferenceError
        They differ; the message is the program and what differs.
    """
    outcome = Outcome()
    plain, module = program.module(), program.module()
    compiled = tg.compile(module["program"])
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.simplefilter("ignore", tg.FallbackWarning)
        for number, call in enumerate(program.calls()):
            expected = run(program, plain, call, plain["program"])
            fault = _fault(program, module, call, compiled, expected)
            if fault == UNSTABLE:
                outcome.unstable = True
            elif fault:
                raise DifferenceError(f"{program}\ncall {number}: {fault}")
    outcome.traces = len(compiled.traces)
    outcome.reasons = [str(why) for why in compiled.fallbacks]
    return outcome


UNSTABLE = "unstable"


def _fault(
    program: Program, module: dict[str, Any], call: Call, compiled: tg.Compiled, expected: Any
) -> str | None:
    """Return what is wrong with a compiled call."""
    try:
        got = run(program, module, call, compiled)
    except Exception as error:
        return repr(error)
    faults = (str(why) for why in compiled.fallbacks if "fault of tracegraph" in why.reason)
    return next(faults, None) or _differs(program, call, got, expected)


def _differs(program: Program, call: Call, got: Any, expected: Any) -> str | None:
    fault = _structure(got[0], expected[0], "result")
    if fault:
        return fault
    ours, theirs = (list(leaves(pair[0])) + pair[1] for pair in (got, expected))
    for position, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        fault = _form(a, b)
        if fault:
            return f"value {position}: {fault}"
    return _values(program, call, ours, theirs) or _aliases(ours, theirs)


def _structure(a: Any, b: Any, where: str) -> str | None:
    if type(a) is not type(b):
        return f"{where} is a {type(a).__name__}, expected {type(b).__name__}"
    if isinstance(b, dict):
        if list(a) != list(b):
            return f"{where} has the keys {list(a)}"
        return _structure(list(a.values()), list(b.values()), where)
    if isinstance(b, (tuple, list)):
        if len(a) != len(b):
            return f"{where} has {len(a)} items"
        pairs = enumerate(zip(a, b, strict=True))
        faults = (_structure(x, y, f"{where}[{i}]") for i, (x, y) in pairs)
        return next((fault for fault in faults if fault), None)
    return None


def _form(a: Any, b: Any) -> str | None:
    """Compare dtype, shape, strides and writeability."""
    if not isinstance(b, np.ndarray):
        return None
    for name in ("dtype", "shape"):
        if getattr(a, name) != getattr(b, name):
            return f"{name} {getattr(a, name)}, expected {getattr(b, name)}"
    if a.flags.writeable != b.flags.writeable:
        return f"writeable is {a.flags.writeable}"
    ours, theirs = (
        [s for s, n in zip(x.strides, x.shape, strict=True) if n > 1 and x.size] for x in (a, b)
    )
    return f"strides {a.strides}, expected {b.strides}" if ours != theirs else None


def _values(program: Program, call: Call, ours: list[Any], theirs: list[Any]) -> str | None:
    # The absolute value of a complex number is a hypotenuse.
    is_complex = any(p.dtype == "complex128" for p in program.params)
    exact = not is_complex and not INEXACT.search(program.function)
    pairs = [(np.asarray(a), np.asarray(b)) for a, b in zip(ours, theirs, strict=True)]
    eps = max((_eps(v) for v in theirs), default=0.0)
    eps = max(eps, 1e-7 if "float32" in program.function else 0.0)
    wrong = [i for i, (a, b) in enumerate(pairs) if not _close(a, b, 0 if exact else ULPS * eps)]
    if not wrong:
        return None
    moved = [_moved(program, call, eps, seed) for seed in range(4)]
    for i in wrong:
        a, b = pairs[i]
        others = [np.asarray(values[i]) for values in moved]
        if any(o.dtype != b.dtype or o.shape != b.shape for o in others):
            return UNSTABLE
        if b.dtype.kind not in "fc":
            if any((o != b).any() for o in others) and not exact:
                return UNSTABLE
            return f"value {i}: {a!r}, expected {b!r}"
        reach = 0 if exact else max(_reach(o, b) for o in others)
        if reach > 1e-2:
            return UNSTABLE
        if not _close(a, b, 0 if exact else ULPS * eps, 4 * reach):
            return f"value {i}: {a!r}, expected {b!r}"
    return None


def _reach(moved: Any, value: Any) -> float:
    """Return how far a value has moved: infinitely where it became one that is not finite."""
    if not np.array_equal(np.isfinite(moved), np.isfinite(value)):
        return np.inf
    finite = np.isfinite(value)
    return float(np.max(np.abs(moved[finite] - value[finite]), initial=0))


def _eps(value: Any) -> float:
    dtype = np.asarray(value).dtype
    return float(np.finfo(dtype).eps) if dtype.kind in "fc" else 0.0


def _close(a: Any, b: Any, tolerance: float, reach: float = 0.0) -> bool:
    if b.dtype.kind not in "fc":
        return bool(np.array_equal(a, b))
    if not tolerance:
        return _same_bits(a.real, b.real) and _same_bits(a.imag, b.imag)
    # One part of a complex number may be infinite, and the other one inexact.
    a, b = (np.ravel([x.real, x.imag]) if b.dtype.kind == "c" else x for x in (a, b))
    finite = np.isfinite(a) & np.isfinite(b)
    if not ((a == b) | (np.isnan(a) & np.isnan(b)) | finite).all():
        return False
    a, b = a[finite], b[finite]
    scale = max(1.0, float(np.max(np.abs(b), initial=0)))
    return bool(np.allclose(a, b, rtol=0, atol=tolerance * scale + reach))


def _same_bits(a: Any, b: Any) -> bool:
    """Compare bits, except for which NaN it is."""
    if not np.array_equal(a, b, equal_nan=True):
        return False
    number = ~np.isnan(a)
    return bool(np.array_equal(np.signbit(a[number]), np.signbit(b[number])))


def _moved(program: Program, call: Call, eps: float, seed: int) -> list[Any]:
    """Return the values where all floats have been moved a little first."""
    rng = np.random.default_rng(seed)

    def move(value: Any) -> Any:
        if isinstance(value, np.ndarray) and value.dtype.kind in "fc":
            factors: Any = 1 + ULPS * eps * rng.uniform(-1, 1, value.shape)
            value *= factors.astype(value.dtype)
        elif isinstance(value, (float, complex, np.inexact)):
            kind: Any = type(value)
            value = kind(value * (1 + ULPS * eps * rng.uniform(-1, 1)))
        return value

    module = program.module()
    result, memory = run(program, module, call, module["program"], move)
    return [*leaves(result), *memory]


def _aliases(ours: list[Any], theirs: list[Any]) -> str | None:
    """Compare which values are one object, and which share memory, and where."""
    arrays = [i for i, v in enumerate(theirs) if isinstance(v, np.ndarray)]
    for i, j in itertools.combinations(arrays, 2):
        if (ours[i] is ours[j]) != (theirs[i] is theirs[j]):
            return f"values {i} and {j}: one object: {ours[i] is ours[j]}"
        got, expected = _offset(ours[i], ours[j]), _offset(theirs[i], theirs[j])
        if got != expected:
            return f"values {i} and {j} share memory at {got}, expected {expected}"
    return None


def _offset(a: Any, b: Any) -> int | None:
    """Return the distance of two arrays that share memory."""
    if not np.shares_memory(a, b):
        return None
    return int(a.ctypes.data - b.ctypes.data)
