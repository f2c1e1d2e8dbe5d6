"""Run the public test suite of the Array API standard, https://github.com/data-apis/array-api-tests.

    python -m tests.array_api.run CHECKOUT [--mode eager|compiled|numpy] [--examples N] [PYTEST ...]

CHECKOUT is a clone of the suite with its submodule. The mode ``eager`` tests ``array_api``,
``compiled`` the same with every call compiled, and ``numpy`` bare NumPy, for comparison. Failures
that are expected stand in ``expected_failures.txt``, each with its reason; NumPy has them all too.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import pytest

from tests.array_api import compiled
from tracegraph import array_api

EXPECTED = Path(__file__).parent / "expected_failures.txt"
MODULES = {
    "eager": "tracegraph.array_api",
    "compiled": "tests.array_api.compiled",
    "numpy": "numpy",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("checkout", type=Path, help="a clone of the suite, submodule included")
    parser.add_argument("--mode", choices=MODULES, default="eager", help="what is tested")
    parser.add_argument("--examples", type=int, default=20, help="examples of each property")
    options, others = parser.parse_known_args()
    os.environ["ARRAY_API_TESTS_MODULE"] = MODULES[options.mode]
    os.environ["ARRAY_API_TESTS_VERSION"] = array_api.__array_api_version__
    os.chdir(options.checkout)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
        listed.writelines(f"{name}\n" for name in expected_failures())
        listed.flush()
        status = pytest.main(
            [
                *("--rootdir", ".", "-p", "no:cacheprovider", "-q", "--tb=short"),
                *("--disable-warnings", "--disable-deadline"),
                *("--max-examples", str(options.examples)),
                *(() if options.mode == "numpy" else ("--xfails-file", listed.name)),
                *("array_api_tests", *others),
            ]
        )
    for what, count in compiled.CALLS.most_common():
        print(f"{count:9,} {what}")
    return int(status)


def expected_failures() -> list[str]:
    """Return the tests that are expected to fail; the suite takes no reasons beside them.

    Raises
    ------
    ValueError
        A line has no reason.
    """
    found = []
    for line in EXPECTED.read_text("utf-8").splitlines():
        name, _, reason = line.partition("  # ")
        if not reason:
            raise ValueError(f"expected 'test  # reason' in {EXPECTED.name}, got {line!r}")
        found.append(name)
    return found


if __name__ == "__main__":
    sys.exit(main())
