"""The house rules that no linter knows: short files, documented names, examples that run."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import tracegraph

ROOT = Path(__file__).parent.parent
LONGEST = 400
NOT_IMPORTED = ("tracegraph.__main__",)


def sources() -> list[Path]:
    folders = ("tracegraph", "tests", "examples", "benchmarks", "scripts", "tools")
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def modules() -> Iterator[ModuleType]:
    for info in pkgutil.walk_packages(tracegraph.__path__, "tracegraph."):
        if info.name not in NOT_IMPORTED:
            yield importlib.import_module(info.name)


def test_files_are_short() -> None:
    found = {
        path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
        for path in sources()
    }
    assert not {name: n for name, n in found.items() if n > LONGEST}


def own_names(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield the public functions and classes that a module defines."""
    for name, value in vars(module).items():
        mine = getattr(value, "__module__", None) == module.__name__
        # What a function made is described by that function.
        made = "<locals>" in getattr(value, "__qualname__", "")
        kind = inspect.isclass(value) or inspect.isfunction(value)
        if mine and kind and not made and not name.startswith("_"):
            yield name, value


def test_public_functions_and_classes_say_what_they_are() -> None:
    silent = [
        f"{module.__name__}.{name}"
        for module in modules()
        for name, value in own_names(module)
        if not inspect.getdoc(value)
    ]
    assert not silent


def test_modules_say_what_they_are() -> None:
    assert not [module.__name__ for module in modules() if not module.__doc__]


def test_exported_names_exist_and_are_documented() -> None:
    for name in tracegraph.__all__:
        value = getattr(tracegraph, name)
        assert isinstance(value, ModuleType) or inspect.getdoc(value), name


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.__name__)
def test_examples_in_docstrings(module: ModuleType) -> None:
    flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    assert doctest.testmod(module, optionflags=flags).failed == 0
