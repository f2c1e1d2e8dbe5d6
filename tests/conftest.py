"""Settings and fixtures shared by all tests.

Hypothesis: the profile `fast` draws the same few examples every time; HYPOTHESIS_PROFILE=deep draws
many new ones. Golden text: `golden(name, text)` compares with a file under tests/golden, and
`pytest --update-golden` writes it.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TESTS = Path(__file__).parent

_slow_is_fine = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile(
    "fast", max_examples=25, deadline=None, derandomize=True, suppress_health_check=_slow_is_fine
)
settings.register_profile(
    "deep", max_examples=1000, deadline=None, print_blob=True, suppress_health_check=_slow_is_fine
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fast"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden texts")


def golden_path(test_file: Path, name: str) -> Path:
    """`tests/ir/test_text.py`, "add" -> `tests/golden/ir/test_text/add.txt`."""
    return TESTS / "golden" / test_file.relative_to(TESTS).with_suffix("") / f"{name}.txt"


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the one kept for this test file under the given name."""

    def check(name: str, text: str) -> None:
        __tracebackhide__ = True
        path = golden_path(request.path, name)
        shown = path.relative_to(TESTS.parent).as_posix()
        text = text.rstrip("\n") + "\n"
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists():
            pytest.fail(
                f"no golden text {shown}: run pytest --update-golden, read it, commit it\n{text}"
            )
        else:
            expected = path.read_text(encoding="utf-8")
            assert text == expected, (
                f"differs from {shown}; if intended, run pytest --update-golden"
            )

    return check
