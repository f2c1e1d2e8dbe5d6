"""The documents are true: code in them runs and prints what they say, and the files they name exist."""

import contextlib
import io
import linecache
import re
import subprocess
import warnings
from pathlib import Path
from typing import Any

import pytest

from tracegraph import FallbackWarning

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/architecture.md")


def blocks(document: str) -> list[tuple[str, str]]:
    """Return the fenced blocks of a document: language and text."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def run(code: str, name: str, namespace: dict[str, Any]) -> str:
    """Execute code whose source can be found again, and return what it prints."""
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, name, "exec"), namespace)
    return printed.getvalue()


def test_code_of_the_readme_prints_what_it_says() -> None:
    namespace: dict[str, Any] = {"__name__": "readme"}
    found = [*blocks("README.md"), ("", "")]
    assert sum(language == "python" for language, _ in found) >= 3
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FallbackWarning)
        for number, (language, code) in enumerate(found):
            if language == "python":
                printed = run(code, f"<readme {number}>", namespace)
                following, expected = found[number + 1]
                name = f"<readme {number}>"
                assert printed.replace(name, "example.py") == expected * (following == "text")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_are_shell_and_name_scripts_that_exist(document: str) -> None:
    for language, code in blocks(document):
        if language == "sh":
            subprocess.run(["sh", "-n"], input=code, text=True, check=True)
            for script in re.findall(r"\S*scripts/\S+|\.ci/\S+", code):
                assert (ROOT / script).is_file(), script


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", text):
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        file = (ROOT / document).parent / path if path else ROOT / document
        assert file.exists(), target
        headings = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        assert not anchor or anchor in [h.lower().replace(" ", "-") for h in headings], target


def files_in_tables() -> list[str]:
    """Return the files that the architecture's tables name, each below the heading of its folder."""
    folder, found = "", []
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("#"):
            folder = "".join(re.findall(r"^### `(tracegraph/[\w/]*)`", line))
        elif folder and line.startswith("| `"):
            found += [folder + name for name in re.findall(r"`([^`]+)`", line.split("|")[1])]
    return found


def test_architecture_names_every_file_once() -> None:
    real = {path.relative_to(ROOT).as_posix() for path in (ROOT / "tracegraph").rglob("*.py")}
    named = files_in_tables()
    assert sorted(real - set(named)) == [], "files that docs/architecture.md does not name"
    assert sorted(set(named) - real) == [], "files that are not there any more"
    assert len(named) == len(set(named)), "files that are named twice"
