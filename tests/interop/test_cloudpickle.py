"""cloudpickle: compiled functions that no module has, with what they refer to."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.interop import helpers

cloudpickle = pytest.importorskip("cloudpickle", reason="pip install 'tracegraph[interop]'")
X = np.linspace(0.1, 1, 5)


def again(value: Any) -> Any:
    return cloudpickle.loads(cloudpickle.dumps(value))


def test_lambdas_and_closures_find_their_source_again() -> None:
    weight = np.arange(5.0)
    function = tg.compile(lambda x: np.exp(x) @ weight)
    made = again(function)
    for _ in range(2):
        np.testing.assert_allclose(made(X), function(X), rtol=1e-14)
    assert made is not function
    assert made.fallbacks == []
    assert len(made.traces) == 1


def test_a_function_whose_file_is_gone_runs_eagerly(tmp_path: Any) -> None:
    file = tmp_path / "module.py"
    file.write_text("import numpy as np\ndef f(x): return np.sin(x) * 2\n")
    namespace: dict[str, Any] = {"__name__": "gone"}
    exec(compile(file.read_text(), str(file), "exec"), namespace)
    data = cloudpickle.dumps(tg.compile(namespace["f"]))
    file.unlink()
    made = cloudpickle.loads(data)
    with pytest.warns(tg.FallbackWarning, match="source"):
        np.testing.assert_array_equal(made(X), np.sin(X) * 2)


def test_a_function_of_a_module_is_its_name() -> None:
    assert again(helpers.decorated) is helpers.decorated


SCRIPT = """
import cloudpickle, numpy as np, sys, tracegraph as tg

SCALE = 3.0

@tg.compile
def power(x, n):
    return x * SCALE if n < 2 else power(x * x, n - 1)

if len(sys.argv) > 1:
    open(sys.argv[1], "wb").write(cloudpickle.dumps(power))
else:
    sys.stdout.buffer.write(cloudpickle.dumps(power))
"""


def test_functions_of_main_are_taken_along(tmp_path: Any) -> None:
    script, file = tmp_path / "script.py", tmp_path / "power.pickle"
    script.write_text(SCRIPT)
    subprocess.run([sys.executable, script, file], check=True)
    power = cloudpickle.loads(file.read_bytes())
    assert isinstance(power, tg.Compiled)
    assert power.eager.__globals__["power"] is power
    np.testing.assert_allclose(power(X, 3), X**4 * 3)
    assert power.fallbacks == []
