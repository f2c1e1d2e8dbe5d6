"""What an installed tracegraph must do, run outside of the checkout with its dependencies only."""

import importlib.util
from pathlib import Path

import numpy as np

import tracegraph as tg


@tg.compile
def line(x):
    return x * 2 + 1


def main():
    site = Path(tg.__file__).parent.parent
    assert (site / "tracegraph" / "py.typed").is_file(), "py.typed is missing from the wheel"
    for name in ("ir", "codegen"):
        assert importlib.util.find_spec(name) is None, f"the wheel installs a top-level {name}"
    x = np.arange(10.0)
    for _ in range(3):  # recorded, then native
        got = line(x)
        assert type(got) is np.ndarray, type(got)
        np.testing.assert_array_equal(got, np.arange(10.0) * 2 + 1)
    assert not line.fallbacks, line.fallbacks
    print(f"tracegraph from {site.name}: import and compiled call are good")


if __name__ == "__main__":
    main()
