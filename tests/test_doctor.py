"""``python -m tracegraph``: its commands, and what the doctor says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tracegraph import __main__, __version__, demo, doctor
from tracegraph.codegen import blas, cpython, jit, object_cache

ROOT = Path(__file__).parent.parent


def test_a_healthy_machine() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tracegraph", "doctor"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert lines["tracegraph"] == __version__
    assert {"Python", "NumPy", "llvmlite", "LLVM", "CPU", "features", "lanes", "BLAS", "cache"} <= {
        *lines
    }
    assert done.stdout.endswith("native code works\n")


def test_findings_agree_with_their_sources() -> None:
    import llvmlite

    found = dict(doctor.findings())
    assert found["llvmlite"] == llvmlite.__version__
    assert found["LLVM"].count(".") == 2
    library = blas.find()
    assert library is None or found["BLAS"].startswith(library.path)


def test_a_machine_without_native_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cpython, "layout_problem", lambda: "native code needs a 64-bit CPython")
    assert doctor.main() == 1
    assert capsys.readouterr().out.endswith("native code needs a 64-bit CPython\n")


def test_a_compiler_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> str:
        raise OSError("libllvmlite.so: not found")

    monkeypatch.setattr(jit, "identity", broken)
    assert dict(doctor.compiler()) == {"llvmlite": "cannot be loaded: libllvmlite.so: not found"}


def test_a_failing_self_test_is_the_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("no memory may be executed")

    monkeypatch.setattr(jit, "compile_text", broken)
    assert "RuntimeError('no memory may be executed')" in str(doctor.self_test())


def test_no_blas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blas, "find", lambda: None)
    assert doctor.blas_found() == "none that can be called: np.matmul is used"


def test_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(object_cache.VARIABLE, "")
    assert doctor.cache() == f"none: {object_cache.VARIABLE} is empty"
    place = tmp_path / "objects"
    monkeypatch.setenv(object_cache.VARIABLE, str(place))
    assert doctor.cache() == f"{place}, not there yet"
    place.mkdir()
    (place / "one").write_bytes(bytes(2**19))
    assert doctor.cache() == f"{place}, 1 files, 0.5 MiB"


def test_a_cache_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "file"
    place.touch()
    monkeypatch.setenv(object_cache.VARIABLE, str(place))
    assert doctor.cache() == f"{place}, not readable: Not a directory"


def test_the_demo_gets_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Any] = []

    def main(arguments: list[str]) -> int:
        given.extend(arguments)
        return 7

    monkeypatch.setattr(demo, "main", main)
    assert __main__.main(["demo", "--steps", "3", "--help"]) == 7
    assert given == ["--steps", "3", "--help"]


@pytest.mark.parametrize("arguments", [[], ["cure"], ["doctor", "x"]])
def test_a_command_line_that_is_not_understood(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        __main__.main(arguments)
    assert stopped.value.code == 2
    assert "usage: python -m tracegraph" in capsys.readouterr().err
