"""NPBench's NumPy kernels, unmodified and compiled: ``run_npbench.py --npbench PATH``.

PATH is a checkout of github.com/spcl/npbench. Each kernel runs in a process of its own. It is
called as NumPy code and compiled, on the data of its preset and again on other numbers; results and
changed arguments are compared. A line says whether it compiled, or the first reason why it runs
eagerly, whether it is equal, and how many times as fast as NumPy it is. With ``--ports`` NPBench's
own ports to Numba and JAX are measured beside it, each in a process of its own; see
`npbench_ports`.
"""

from __future__ import annotations

import argparse
import copy
import importlib
import json
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import environment
import npbench_ports

TOLERANCE = {"f4": 1e-4, "c8": 1e-4, "f8": 1e-9, "c16": 1e-9}
"""Allowed difference, relative to the largest value of an array."""

CONDITION = 10.0
"""A difference is also allowed up to so many times what NumPy's own results change by when each
input moves by one unit in the last place: nbody and durbin make 1e-9 of it."""

TIME_LIMIT = 300.0
SCALE = 0.75
"""What floats are multiplied by for the second set of data. It keeps positive definite matrices
what they are, and shows a number that was frozen into the graph."""


def main() -> int:
    options = parse()
    environment.prepare()
    if options.kernel:
        how = measure if options.port is None else measure_port
        print(json.dumps(how(options)))
        return 0
    names = options.only or [path.stem for path in sorted(info_folder(options.npbench).iterdir())]
    found = {}
    for name in names:
        found[name] = in_a_process(options, name, TIME_LIMIT)
        if options.ports:
            found[name]["ports"] = {
                port: in_a_process(options, name, options.port_limit, "--port", port)
                for port in npbench_ports.ports_of(options.npbench, info_of(options, name))
            }
        print(line(name, found[name]), flush=True)
    print(summary(found))
    if options.ports:
        ours = {n: one["numpy"] / one["compiled"] for n, one in found.items() if is_native(one)}
        print(npbench_ports.summary(found, ours))
    if options.json:
        options.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return int(any(one.get("equal") is False or "died" in one for one in found.values()))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--npbench", type=Path, required=True, help="a checkout of spcl/npbench")
    parser.add_argument("--preset", default="S", help="the size of the data: S, M, L or paper")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these benchmarks")
    parser.add_argument("--ports", action="store_true", help="measure NPBench's ports beside it")
    parser.add_argument("--port-limit", type=float, default=60.0, help="seconds for one port")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--kernel", help=argparse.SUPPRESS)
    parser.add_argument("--port", help=argparse.SUPPRESS)
    return parser.parse_args()


def info_folder(npbench: Path) -> Path:
    return npbench / "bench_info"


def info_of(options: argparse.Namespace, name: str) -> dict[str, Any]:
    text = (info_folder(options.npbench) / f"{name}.json").read_text("utf-8")
    info: dict[str, Any] = json.loads(text)["benchmark"]
    return info


def in_a_process(
    options: argparse.Namespace, name: str, limit: float, *more: str
) -> dict[str, Any]:
    """Return what is found of one kernel; a crash or a timeout is a finding."""
    command = [sys.executable, __file__, "--npbench", str(options.npbench)]
    command += ["--preset", options.preset, "--kernel", name, *more]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return {"died": f"took more than {limit:.0f} s"}
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        return {"died": f"exit {done.returncode}: {last}"}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


# -- one kernel -----------------------------------------------------------------------------------


def measure_port(options: argparse.Namespace) -> dict[str, Any]:
    """Return whether a port of a kernel is equal, and its times."""
    sys.path.insert(0, str(options.npbench.resolve()))
    info = info_of(options, options.kernel)
    warnings.simplefilter("ignore")
    data = arguments(info, options.preset)
    return npbench_ports.measure_port(info, options.port, data, kernel(info))


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Return whether a kernel compiles, is equal, and its times."""
    import tracegraph as tg

    sys.path.insert(0, str(options.npbench.resolve()))
    info = info_of(options, options.kernel)
    function = kernel(info)
    data = arguments(info, options.preset)
    warnings.simplefilter("ignore")
    compiled = tg.compile(function)
    equal = True
    # Twice each: the first call of a kind is recorded, the second runs what was made of it.
    for given in (data, data, scaled(data), scaled(data)):
        expected, moved = call(function, given), call(function, by_one_unit(given))
        equal = equal and same(expected, call(compiled, given), moved)
    contenders = [(function, npbench_ports.copies), (compiled, npbench_ports.copies)]
    numpy, ours = npbench_ports.fastest(contenders, data, 3.0)
    return {
        "fallbacks": [str(one) for one in compiled.fallbacks],
        "traces": len(compiled.traces),
        "equal": equal,
        "numpy": numpy,
        "compiled": ours,
    }


def kernel(info: Mapping[str, Any]) -> Callable[..., Any]:
    path = f"npbench.benchmarks.{info['relative_path'].replace('/', '.')}"
    module = importlib.import_module(f"{path}.{info['module_name']}_numpy")
    found: Callable[..., Any] = getattr(module, info["func_name"])
    return found


def arguments(info: Mapping[str, Any], preset: str) -> list[Any]:
    """Return the arguments of a kernel, made by the benchmark's own function."""
    values = dict(info["parameters"][preset])
    if info.get("init"):
        path = f"npbench.benchmarks.{info['relative_path'].replace('/', '.')}"
        module = importlib.import_module(f"{path}.{info['module_name']}")
        initialize = getattr(module, info["init"]["func_name"])
        made = initialize(*(values[one] for one in info["init"]["input_args"]))
        names = info["init"]["output_args"]
        values |= dict(zip(names, made if len(names) > 1 else (made,), strict=True))
    return [values[one] for one in info["input_args"]]


def scaled(value: Any) -> Any:
    """Return data with other numbers: floats and arrays of floats scaled."""
    import numpy as np

    if isinstance(value, list):
        return [scaled(item) for item in value]
    if isinstance(value, np.ndarray) and value.dtype.kind in "fc":
        return value * value.dtype.type(SCALE)
    return copy.deepcopy(value)


def by_one_unit(value: Any) -> Any:
    """Return data in which every float has moved by one unit in the last place, up or down."""
    import numpy as np

    if isinstance(value, list):
        return [by_one_unit(item) for item in value]
    if isinstance(value, np.ndarray) and value.dtype.kind in "fc":
        signs = np.random.default_rng(0).choice([-1.0, 1.0], value.shape)
        return value * (1 + signs * np.finfo(value.dtype).eps).astype(value.dtype)
    return copy.deepcopy(value)


def call(function: Callable[..., Any], data: list[Any]) -> Any:
    """Return what a call returns, and its arguments after it; an exception is a result."""
    given = copy.deepcopy(data)
    try:
        return function(*given), given
    except Exception as error:
        return repr(error), given


def same(one: Any, other: Any, moved: Any) -> bool:
    """Return whether results agree; ``moved`` is ``one`` for inputs that moved a little."""
    import numpy as np

    if isinstance(one, (tuple, list)):
        return len(one) == len(other) and all(map(same, one, other, moved))
    if isinstance(one, (np.ndarray, np.generic)):
        arrays = map(np.asarray, (one, other, moved))
        return type(one) is type(other) and same_arrays(*arrays)
    return type(one) is type(other) and bool(one == other)


def same_arrays(one: Any, other: Any, moved: Any) -> bool:
    import numpy as np

    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    tolerance = TOLERANCE.get(one.dtype.str[1:])
    if tolerance is None or not one.size:
        return bool(np.array_equal(one, other))
    finite = np.isfinite(one)
    if not np.array_equal(one[~finite], other[~finite], equal_nan=True):
        return False
    allowed = tolerance * np.max(np.abs(one[finite]), initial=0.0)
    if moved.shape == one.shape:
        change = np.abs(one - moved)[finite]
        allowed += CONDITION * np.max(change, initial=0.0, where=np.isfinite(change))
    return bool(np.all(np.abs(one[finite] - other[finite]) <= allowed))


# -- printing -------------------------------------------------------------------------------------


def line(name: str, found: Mapping[str, Any]) -> str:
    ports = "  " + npbench_ports.line(found) if "ports" in found else ""
    if "died" in found:
        return f"{name:<26} DIED  {found['died']}{ports}"
    state = "eager" if found["fallbacks"] else "compiled"
    equal = "equal" if found["equal"] else "WRONG"
    ratio = found["numpy"] / found["compiled"]
    why = found["fallbacks"][0] if found["fallbacks"] else ""
    return f"{name:<26} {state:<9} {equal}  {ratio:7.2f}x{ports}  {why}"


def summary(found: Mapping[str, Mapping[str, Any]]) -> str:
    ran = [one for one in found.values() if "died" not in one]
    native = [one for one in ran if is_native(one)]
    product = 1.0
    for ratio in ratios(native):
        product *= ratio
    mean = product ** (1 / max(len(native), 1))
    return (
        f"{len(native)} of {len(found)} compiled, {sum(not one['equal'] for one in ran)} wrong, "
        f"{len(found) - len(ran)} died; geometric mean over the compiled {mean:.2f}x NumPy"
    )


def is_native(one: Mapping[str, Any]) -> bool:
    return "died" not in one and not one["fallbacks"]


def ratios(lines: list[Mapping[str, Any]]) -> Iterator[float]:
    return (one["numpy"] / one["compiled"] for one in lines)


if __name__ == "__main__":
    sys.exit(main())
