"""NPBench's own ports of a kernel to Numba and JAX, beside NumPy: for ``run_npbench.py --ports``.

Numba's are those in nopython mode, the parallel one on one thread too, and in object mode; JAX's
the default one and that with library functions. Of each framework the fastest counts whose values
are right. They are called as NPBench calls them: JAX with x64 enabled, with arrays of its device,
copies for each call, and waited for. It returns what others write into their arguments.
"""

from __future__ import annotations

import copy
import importlib
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

PORTS = {"numba": ("numba_n", "numba_np", "numba_o"), "jax": ("jax", "jax_lib")}
"""How the names of the files of each framework end."""

Fresh = Callable[[Sequence[Any]], list[Any]]
"""Makes arguments for one call."""

NORM_ERROR = 1e-5
"""Allowed relative difference where NPBench says nothing else: its own."""


def ports_of(npbench: Path, info: Mapping[str, Any]) -> Iterator[str]:
    """Yield the ports that there are of a kernel."""
    folder = npbench / "npbench" / "benchmarks" / info["relative_path"]
    for names in PORTS.values():
        yield from (
            name for name in names if (folder / f"{info['module_name']}_{name}.py").exists()
        )


def measure_port(
    info: Mapping[str, Any], port: str, data: Sequence[Any], function: Callable[..., Any]
) -> dict[str, Any]:
    """Return the times of a port and of the NumPy function, and whether they are equal."""
    call, fresh = _prepared(info, port)
    given = copies(data)
    expected = _returned(function(*given))
    ours = fresh(data)
    found = _returned(call(*ours))
    allowed = info.get("norm_error", NORM_ERROR)
    written = info.get("output_args") or info["array_args"]
    results = expected + _arguments(info, given, written)
    if port.startswith("jax"):  # it may leave out what is only written, or return more
        known = expected + _arguments(info, given, info["array_args"])
        equal = _all_among(results, found, allowed)
        equal = equal or (bool(found) and _all_among(found, known, allowed))
    else:
        equal = _all_among(results, found + _arguments(info, ours, written), allowed)
    numpy, port_time = fastest([(function, copies), (call, fresh)], data, 2.0)
    return {"equal": equal, "numpy": numpy, "port": port_time}


def copies(data: Sequence[Any]) -> list[Any]:
    return copy.deepcopy(list(data))


def _prepared(info: Mapping[str, Any], port: str) -> tuple[Callable[..., Any], Fresh]:
    """Return the function of a port, and what makes its arguments."""
    if not port.startswith("jax"):
        return _function(info, port), copies
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    function = _function(info, port)

    def fresh(data: Sequence[Any]) -> list[Any]:
        pairs = zip(info["input_args"], data, strict=True)
        is_array = info["array_args"]
        made = [jnp.array(x) if name in is_array else copy.deepcopy(x) for name, x in pairs]
        jax.block_until_ready(made)
        return made

    return lambda *args: jax.block_until_ready(function(*args)), fresh


def _function(info: Mapping[str, Any], port: str) -> Callable[..., Any]:
    path = f"npbench.benchmarks.{info['relative_path'].replace('/', '.')}"
    module = importlib.import_module(f"{path}.{info['module_name']}_{port}")
    found: Callable[..., Any] = getattr(module, info["func_name"])
    return found


def _returned(result: Any) -> list[Any]:
    """Return what a call returned as a list."""
    outputs = list(result) if isinstance(result, (tuple, list)) else [result]
    return [one for one in outputs if one is not None]


def _arguments(info: Mapping[str, Any], given: Sequence[Any], names: Sequence[str]) -> list[Any]:
    """Return some of the arguments of a call."""
    arguments = dict(zip(info["input_args"], given, strict=True))
    return [arguments[name] for name in names]


def _all_among(some: Sequence[Any], others: Sequence[Any], allowed: float) -> bool:
    """Return whether each of some arrays is close to one of others: ports change their order."""
    return all(any(_is_close(one, other, allowed) for other in others) for one in some)


def _is_close(one: Any, other: Any, allowed: float) -> bool:
    import numpy as np

    a, b = np.asarray(one), np.asarray(other)
    if a.shape != b.shape:
        return False
    finite = np.isfinite(a)
    if not np.array_equal(finite, np.isfinite(b)):
        return False
    kept, found = (np.where(finite, x, 0).ravel().astype(complex) for x in (a, b))
    error = np.linalg.norm(kept - found)
    return bool(error <= allowed * max(float(np.linalg.norm(kept)), 1e-8))


def fastest(
    contenders: Sequence[tuple[Callable[..., Any], Fresh]],
    data: Sequence[Any],
    seconds: float,
) -> list[float]:
    """Return the best time of each, on fresh arguments each time.

    They take turns, so that a change of the machine's speed meets all of them.
    """
    times: list[list[float]] = [[] for _ in contenders]
    end = time.perf_counter() + seconds
    while len(times[0]) < 2 or (time.perf_counter() < end and len(times[0]) < 200):
        for (function, fresh), found in zip(contenders, times, strict=True):
            given = fresh(data)
            before = time.perf_counter()
            function(*given)
            found.append(time.perf_counter() - before)
    return [min(found) for found in times]


# -- printing -------------------------------------------------------------------------------------


def best_ratio(found: Mapping[str, Any], framework: str) -> float | None:
    """Return how many times as fast as NumPy a framework is, None where no port is right."""
    lines = [found.get("ports", {}).get(port, {}) for port in PORTS[framework]]
    return max((one["numpy"] / one["port"] for one in lines if one.get("equal")), default=None)


def line(found: Mapping[str, Any]) -> str:
    """Return the ratios of the frameworks as text."""
    parts = []
    for framework in PORTS:
        ratio = best_ratio(found, framework)
        parts.append(
            f"{framework} {ratio:7.2f}x" if ratio else f"{framework} {_why(found, framework)}"
        )
    return "  ".join(parts)


def _why(found: Mapping[str, Any], framework: str) -> str:
    lines = [found.get("ports", {}).get(port) for port in PORTS[framework]]
    known = [one for one in lines if one is not None]
    return "no port" if not known else known[0].get("died", "wrong")


def summary(found: Mapping[str, Mapping[str, Any]], ours: Mapping[str, float]) -> str:
    """Return the geometric means over the kernels that we compile, ``ours`` by name."""
    ratios = {"tracegraph": dict(ours)}
    for framework in PORTS:
        pairs = {name: best_ratio(found[name], framework) for name in ours}
        ratios[framework] = {name: ratio for name, ratio in pairs.items() if ratio}
    common = set.intersection(*map(set, ratios.values()))
    lines = [f"of the {len(ours)} kernels that compile, times as fast as NumPy, geometric means:"]
    for framework, by_name in ratios.items():
        shared = [by_name[name] for name in common]
        lines.append(
            f"  {framework:<12}{_mean(list(by_name.values())):6.2f}x over its {len(by_name)}, "
            f"{_mean(shared):6.2f}x over the {len(common)} that all have"
        )
    return "\n".join(lines)


def _mean(ratios: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, ratios)) / max(len(ratios), 1))
