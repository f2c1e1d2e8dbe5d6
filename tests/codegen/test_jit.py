"""LLVM text to machine code, and the cache of object code on disk."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tracegraph.codegen import jit, object_cache
from tracegraph.ir.errors import GraphError

TEXT = """
@counter = dso_local global i64 40
declare double @sin(double)
declare i64 @given(i64)
define i64 @count() {
  %a = load i64, ptr @counter
  %b = add i64 %a, 1
  store i64 %b, ptr @counter
  ret i64 %b
}
define double @sine(double %x) {
  %y = call double @sin(double %x)
  ret double %y
}
define i64 @ask(i64 %x) {
  %y = call i64 @given(i64 %x)
  ret i64 %y
}
"""

Unary = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)


given = Unary(lambda x: x * 3)
IMPORTS = {"given": ctypes.cast(given, ctypes.c_void_p).value or 0, "unused": 1}
EXPORTS = ("counter", "count", "sine", "ask")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a cache of its own."""
    place = tmp_path / "objects"
    monkeypatch.setenv(object_cache.VARIABLE, str(place))
    return place


def use(code: jit.Code) -> None:
    """Check that every export works."""
    count = ctypes.CFUNCTYPE(ctypes.c_int64)(code.address("count"))
    sine = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(code.address("sine"))
    assert count() == 41
    assert ctypes.c_int64.from_address(code.address("counter")).value == 41
    assert sine(0.0) == 0.0
    assert Unary(code.address("ask"))(14) == 42


def test_compiles_and_finds_functions() -> None:
    use(jit.compile_text(TEXT, EXPORTS, IMPORTS))


def test_two_modules_are_one_library() -> None:
    kernel = "define hidden i64 @half(i64 %x) {\n  %y = ashr i64 %x, 1\n  ret i64 %y\n}\n"
    entry = """declare hidden i64 @half(i64)
define i64 @quarter(i64 %x) {
  %a = call i64 @half(i64 %x)
  %b = call i64 @half(i64 %a)
  ret i64 %b
}
"""
    for cached in (False, True):
        code = jit.compile_text(kernel, ("quarter",), {}, once=entry)
        assert code.from_cache is cached
        assert Unary(code.address("quarter"))(40) == 10


def test_functions_are_merged_with_loops_where_they_say_so() -> None:
    loops = """define internal i64 @half(i64 %x) alwaysinline {
  %y = ashr i64 %x, 1
  ret i64 %y
}
declare hidden i64 @third(i64)
define i64 @sixth(i64 %x) {
  %a = call i64 @half(i64 %x)
  %b = call i64 @third(i64 %a)
  ret i64 %b
}
"""
    kernel = "define hidden i64 @third(i64 %x) {\n  %y = sdiv i64 %x, 3\n  ret i64 %y\n}\n"
    code = jit.compile_text(kernel, ("sixth",), {}, loops=loops)
    assert Unary(code.address("sixth"))(42) == 7
    assert "@half" not in jit.optimised_text(loops, loops=True)
    assert "@half" in jit.optimised_text(loops)


def test_each_load_has_its_own_memory() -> None:
    first, second = (jit.compile_text(TEXT, EXPORTS, IMPORTS) for _ in range(2))
    use(first)
    use(second)
    assert first.address("counter") != second.address("counter")


def test_invalid_text_is_refused() -> None:
    with pytest.raises(GraphError, match="invalid LLVM text"):
        jit.compile_text("define i64 @f() { ret i32 0 }", ("f",), {})
    with pytest.raises(GraphError, match="invalid LLVM text"):
        jit.compile_text("nonsense", ("f",), {})


def test_readable_forms() -> None:
    assert "add i64" in jit.optimised_text(TEXT)
    assert "count" in jit.assembly(TEXT)
    assert jit.identity() == jit.identity()
    assert all(isinstance(name, str) for name in jit.host_features())


def test_the_second_time_comes_from_disk(folder: Path) -> None:
    assert not jit.compile_text(TEXT, EXPORTS, IMPORTS).from_cache
    assert folder.stat().st_mode & 0o777 == 0o700
    (file,) = folder.iterdir()
    code = jit.compile_text(TEXT, EXPORTS, IMPORTS)
    assert code.from_cache
    use(code)
    assert not jit.compile_text(TEXT + "\n", EXPORTS, IMPORTS).from_cache
    assert len(list(folder.iterdir())) == 2
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "foreign", "renamed"])
def test_damaged_files_are_ignored_and_rewritten(folder: Path, damage: str) -> None:
    jit.compile_text(TEXT, EXPORTS, IMPORTS)
    (file,) = folder.iterdir()
    content = file.read_bytes()
    other = object_cache.key("other text", jit.identity())
    object_cache.store(other, b"other")
    damaged = {
        "truncate": content[:-10],
        "flip": content[:-10] + bytes([content[-10] ^ 1]) + content[-9:],
        "empty": b"",
        "foreign": b"not an object at all",
        "renamed": (folder / other).read_bytes(),
    }
    file.write_bytes(damaged[damage])
    code = jit.compile_text(TEXT, EXPORTS, IMPORTS)
    assert not code.from_cache
    use(code)
    assert file.read_bytes() == content
    assert jit.compile_text(TEXT, EXPORTS, IMPORTS).from_cache


def test_empty_variable_means_no_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(object_cache.VARIABLE, "")
    for _ in range(2):
        assert not jit.compile_text(TEXT, EXPORTS, IMPORTS).from_cache
    assert not folder.exists()
    assert object_cache.directory() is None


def test_the_usual_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(object_cache.VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(sys, "platform", "linux")
    assert object_cache.directory() == tmp_path / "tracegraph"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert object_cache.directory() == tmp_path / ".cache" / "tracegraph"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert object_cache.directory() == tmp_path / "Library" / "Caches" / "tracegraph"


def test_folders_that_others_can_write_are_not_used(folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    for _ in range(2):
        assert not jit.compile_text(TEXT, EXPORTS, IMPORTS).from_cache
    assert not list(folder.iterdir())


def test_a_place_that_cannot_be_made_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    monkeypatch.setenv(object_cache.VARIABLE, str(file / "objects"))
    use(jit.compile_text(TEXT, EXPORTS, IMPORTS))
    monkeypatch.setenv(object_cache.VARIABLE, str(file))
    use(jit.compile_text(TEXT, EXPORTS, IMPORTS))


def test_a_failed_write_leaves_no_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", refuse)
    use(jit.compile_text(TEXT, EXPORTS, IMPORTS))
    assert not list(folder.iterdir())


def test_threads_compile_at_once() -> None:
    found: list[jit.Code] = []

    def work(number: int) -> None:
        for _ in range(3):
            found.append(jit.compile_text(TEXT.replace("40", str(number)), EXPORTS, IMPORTS))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({code.address("count") for code in found}) == 24


def test_importing_does_not_load_llvmlite() -> None:
    program = (
        "import sys, tracegraph.codegen.executable, tracegraph.codegen.native_type;"
        "sys.exit('llvmlite' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])
