"""Where source comes from: notebook cells, pytest's rewritten tests, and where there is none."""

import linecache
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tracegraph as tg

X = np.linspace(0.1, 1, 5)


def run_cell(number: int, text: str, namespace: dict[str, Any]) -> None:
    """Run text as notebooks do: compiled under a name that only ``linecache`` knows."""
    name = f"<ipython-input-{number}-0123456789ab>"
    lines = [line + "\n" for line in text.splitlines()]
    linecache.cache[name] = len(text), None, lines, name
    exec(compile(text, name, "exec"), namespace)


def test_cells_of_notebooks() -> None:
    namespace: dict[str, Any] = {"__name__": "__main__"}
    run_cell(1, "import numpy as np\nimport tracegraph as tg\nSCALE = 2.0", namespace)
    cell = "@tg.compile\ndef f(x):\n    y = np.sin(x)\n    return helper(y) * SCALE"
    run_cell(2, "def helper(v):\n    return v + 1", namespace)
    run_cell(3, cell, namespace)
    f = namespace["f"]
    for _ in range(2):
        np.testing.assert_allclose(f(X), (np.sin(X) + 1) * 2)
    assert f.fallbacks == []
    assert len(f.traces) == 1
    run_cell(4, "def helper(v):\n    return v - 1\nSCALE = 5.0", namespace)
    for _ in range(2):
        np.testing.assert_allclose(f(X), (np.sin(X) - 1) * 5)
    run_cell(5, cell.replace("np.sin", "np.cos"), namespace)
    np.testing.assert_allclose(namespace["f"](X), (np.cos(X) - 1) * 5)
    assert namespace["f"].fallbacks == []


def test_a_cell_that_falls_back_names_its_line() -> None:
    namespace: dict[str, Any] = {"tg": tg}
    run_cell(6, "import time\n\n@tg.compile\ndef f(x):\n    return x + time.time()", namespace)
    with pytest.warns(tg.FallbackWarning) as caught:
        namespace["f"](X)
    assert [(w.filename, w.lineno) for w in caught] == [("<ipython-input-6-0123456789ab>", 5)]


def test_a_shell_of_ipython() -> None:
    module = pytest.importorskip("IPython.core.interactiveshell", reason="IPython is not installed")
    shell = module.InteractiveShell()
    shell.run_cell("import numpy as np, tracegraph as tg")
    shell.run_cell("@tg.compile\ndef f(x):\n    return np.sin(x) + 1")
    shell.run_cell("f(np.ones(3)); result = f(np.ones(3))")
    np.testing.assert_allclose(shell.user_ns["result"], np.sin(np.ones(3)) + 1)
    assert shell.user_ns["f"].fallbacks == []


def test_without_source_it_runs_eagerly_and_says_so_once() -> None:
    namespace: dict[str, Any] = {"tg": tg, "np": np}
    exec("@tg.compile\ndef f(x):\n    return np.sin(x) * 2", namespace)
    with pytest.warns(tg.FallbackWarning, match="source") as caught:
        results = [namespace["f"](X) for _ in range(3)]
    np.testing.assert_array_equal(results, [np.sin(X) * 2] * 3)
    assert len(caught) == 1
    made = tg.compile(eval("lambda x: x + 1"))
    with pytest.warns(tg.FallbackWarning):
        np.testing.assert_array_equal(made(X), X + 1)


COMMAND = """
import numpy as np, tracegraph as tg
f = tg.compile(lambda x: np.cos(x) + 1)
print(f(np.zeros(2)), f(np.zeros(2)), *f.fallbacks)
"""


def test_a_command_line() -> None:
    run = [sys.executable, "-c", COMMAND]
    done = subprocess.run(run, check=True, capture_output=True, text=True)
    assert done.stdout.startswith("[2. 2.] [2. 2.]")
    assert done.stderr.count("FallbackWarning") <= 1
    # From Python 3.13 on the source of a command is kept, and the function compiles.
    assert sys.version_info >= (3, 13) or "no source to record" in done.stdout


def test_a_program_from_standard_input() -> None:
    run = [sys.executable, "-"]
    done = subprocess.run(run, check=True, capture_output=True, text=True, input=COMMAND)
    assert done.stdout.startswith("[2. 2.] [2. 2.]")


TESTS = """
import numpy as np
import tracegraph as tg

@tg.compile
def checked(x):
    total = x.sum()
    assert total > 0, f"the sum is {total}"
    assert np.isfinite(x).all()
    return x / total

def test_compiled():
    for k in (1.0, 2.0, 3.0):
        np.testing.assert_allclose(checked(np.full(4, k)), 0.25)
    assert checked.fallbacks == []
    assert len(checked.traces) == 1

@tg.compile
def test_that_is_compiled_itself():
    x = np.arange(3.0)
    assert x.sum() == 3

def test_an_assertion_that_fails():
    try:
        checked(np.full(4, -1.0))
    except AssertionError as error:
        assert str(error).startswith("the sum is -4.0")
    else:
        raise RuntimeError("no assertion failed")
"""


def test_asserts_that_pytest_rewrites(tmp_path: Any) -> None:
    (tmp_path / "test_users.py").write_text(textwrap.dedent(TESTS))
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_users.py"]
    env = {**os.environ, "PYTHONPATH": str(Path(tg.__file__).parent.parent)}  # this tracegraph
    done = subprocess.run(run, cwd=tmp_path, env=env, check=False, capture_output=True, text=True)
    assert "3 passed" in done.stdout, done.stdout
