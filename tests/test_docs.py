"""The documents are true: code in them prints what they say, and the files they name exist."""

import contextlib
import doctest
import importlib
import io
import linecache
import re
import subprocess
import tomllib
import warnings
from pathlib import Path
from typing import Any

import pytest

from tracegraph import FallbackWarning, __version__

ROOT = Path(__file__).parents[1]
FILES = {p.relative_to(ROOT).as_posix(): p for p in (ROOT / "tracegraph").rglob("*.py")}
WITH_EXAMPLES = sorted(name for name, p in FILES.items() if ">>> " in p.read_text("utf-8"))
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


@pytest.mark.parametrize("file", WITH_EXAMPLES)
def test_examples_in_docstrings(file: str) -> None:
    module = importlib.import_module(file.removesuffix(".py").replace("/", "."))
    assert doctest.testmod(module).failed == 0


def test_version_is_said_alike() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert project["version"] == __version__
    assert f"\n## {__version__}" in changes


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
    """Return the files that the architecture's tables name, each in the folder of its heading."""
    folder, found = "", []
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line.startswith("#"):
            folder = "".join(re.findall(r"^### `(tracegraph/[\w/]*)`", line))
        elif folder and line.startswith("| `"):
            found += [folder + name for name in re.findall(r"`([^`]+)`", line.split("|")[1])]
    return found


def test_architecture_names_every_file_once() -> None:
    named = files_in_tables()
    assert sorted(FILES.keys() - set(named)) == [], "files that docs/architecture.md does not name"
    assert sorted(set(named) - FILES.keys()) == [], "files that are not there any more"
    assert len(named) == len(set(named)), "files that are named twice"
