"""Executables over time: threads, forks, the cache, the end of the process."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.codegen.native_kit import F4, F8, Counting, N, affine, array, executable, n, signature
from tracegraph.codegen import cpython
from tracegraph.codegen.executable import Executable
from tracegraph.codegen.plan import Slot
from tracegraph.codegen.signature import ArrayOutput
from tracegraph.ir.errors import TracegraphError

ROOT = Path(__file__).parents[2]


def entry(dtype: Any) -> Executable:
    """``4 * x + 3`` through memory of the arena."""
    return executable(
        signature([array(0, (n,), "x", dtype)], [ArrayOutput("y", (n,))]),
        {name: (dtype, n) for name in "xty"},
        [affine("first", "x", "t", dtype), affine("second", "t", "y", dtype)],
        [Slot(0, n * 64, ("t",))],
    )


def test_threads_call_while_others_link_and_clear() -> None:
    f = Counting(lambda x: x * 4 + 3)
    stop = time.monotonic() + 2
    wrong: list[Any] = []

    def call(number: int) -> None:
        x = np.arange(3.0 + number).astype((F4, F8)[number % 2])
        while time.monotonic() < stop:
            for _ in range(50):
                if not np.array_equal(f(x), x * 4 + 3):
                    wrong.append(x)

    def change() -> None:
        while time.monotonic() < stop:
            double, single = entry(F8), entry(F4)
            f.run(double)
            for _ in range(20):
                double.link(0, single)
                time.sleep(0.0005)
                double.unlink(0)
                double.trim()
            f.run(None)

    threads = [threading.Thread(target=call, args=(k,)) for k in range(8)]
    threads.append(threading.Thread(target=change))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_processes_call_and_compile() -> None:
    f = Counting(lambda x: x, entry(F8))
    x = np.arange(5.0)
    f(x)
    child = os.fork()
    if child == 0:
        g = Counting(lambda x: x, entry(F4))
        right = np.array_equal(f(x), x * 4 + 3) and np.array_equal(g(x.astype(F4)), x * 4 + 3)
        os._exit(0 if right and not f.slow_calls and not g.slow_calls else 1)
    assert os.waitpid(child, 0)[1] == 0
    np.testing.assert_array_equal(f(x), x * 4 + 3)


def test_executables_are_freed_with_the_callable() -> None:
    first, second = entry(F8), entry(F4)
    first.link(0, second)
    references = [weakref.ref(e) for e in (first, second)]
    f = Counting(lambda x: x, first)
    f.itself = f
    first.unlink(0)
    f.run(None)
    del first, second
    gc.collect()
    assert all(r() is not None for r in references)
    del f
    gc.collect()
    assert all(r() is None for r in references)


def test_compiling_often_does_not_grow() -> None:
    def resident() -> int:
        pages = Path("/proc/self/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    if not Path("/proc/self/statm").exists():
        pytest.skip("no /proc here")
    for _ in range(20):
        entry(F8)
    before = resident()
    for _ in range(100):
        entry(F8)
    gc.collect()
    assert resident() - before < 20 << 20


def test_a_second_process_loads_what_the_first_compiled(tmp_path: Path) -> None:
    program = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import numpy as np
from tests.codegen.test_executable import entry, Counting, F8
e = entry(F8)
f = Counting(None, e)
x = np.arange(5.0)
assert np.array_equal(f(x), x * 4 + 3)
print(e.code.from_cache)
"""
    said = [
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "TRACEGRAPH_CACHE_DIR": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for _ in range(2)
    ]
    assert said == ["False", "True"]


def test_the_process_ends_well_with_code_in_memory() -> None:
    program = f"""
import sys, threading, time
sys.path.insert(0, {str(ROOT)!r})
import numpy as np
from tests.codegen.test_executable import entry, Counting, F8
f = Counting(None, entry(F8))
x = np.arange(100.0)
def forever():
    while True:
        f(x)
for _ in range(3):
    threading.Thread(target=forever, daemon=True).start()
time.sleep(0.2)
sys.last = f
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_interpreter_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cpython.layout_problem() is None
    monkeypatch.setattr(cpython, "layout_problem", lambda: "unknown memory layout of ndarray.data")
    with pytest.raises(TracegraphError, match="run eagerly"):
        entry(F8)


@pytest.mark.parametrize(
    "change",
    [
        {"ARRAY_DATA": 24},
        {"ARRAY_FLAGS": 60},
        {"DESCR_NUMBER": 32},
        {"DESCR_METADATA": 64},
        {"VALUE": 24},
    ],
    ids=str,
)
def test_wrong_offsets_are_noticed(change: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, offset in change.items():
        monkeypatch.setattr(cpython, name, offset)
    problem = cpython.layout_problem.__wrapped__()
    assert problem is not None
    assert "layout" in problem


def test_the_text_is_readable() -> None:
    one = entry(F8)
    assert "define ptr @tg_entry" in one.text
    assert one.cells == 1
    assert N.name == "n"
