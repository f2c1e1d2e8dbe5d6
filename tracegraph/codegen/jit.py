"""LLVM text -> verified module -> light passes -> object code -> addresses.

The only file that imports llvmlite, and only when something is compiled or loaded. Fresh and cached
code take the same way: object bytes are linked by LLJIT (measured: 0.4 ms a reload, against 1.5 ms
for an MCJIT engine). Memory of a linked library stays valid as long as its ``Code`` lives.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import itertools
import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import Any, TypeAlias

from tracegraph.ir.errors import GraphError
from tracegraph.ir.record import record

_DECLARED = re.compile(r"^declare\b[^@]*@\"?([\w.$]+)\"?\(", re.MULTILINE)
_Passes: TypeAlias = Callable[[Any], None]
_library_numbers = itertools.count()

LOCK = threading.RLock()
"""Held while code is compiled, and while the process forks: LLVM's own locks are free then, and the
child can compile. Who waits for it must hold no lock that a compilation needs."""


@record
class Code:
    """Machine code in memory. Whoever may still run it must hold this object."""

    library: Any = field(repr=False)
    names: tuple[str, ...]
    size: int
    from_cache: bool

    def address(self, name: str) -> int:
        """Return the address of one of the exported functions or variables."""
        return int(self.library[name])


@record
class _Toolchain:
    """llvmlite, started: one target machine and one linker for the process."""

    llvm: Any
    machine: Any
    fast_machine: Any
    linker: Any
    identity: str


@functools.cache
def _toolchain() -> _Toolchain:
    import llvmlite
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    cpu, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    target = llvm.Target.from_default_triple()
    machine, fast_machine = (
        target.create_target_machine(cpu=cpu, features=features, opt=level, reloc="pic")
        for level in (2, 0)
    )
    linker = llvm.create_lljit_compiler(target.create_target_machine(cpu=cpu, features=features))
    # Code may still run while the interpreter shuts down: the linker is never taken apart.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(linker))
    versions = (llvmlite.__version__, *llvm.llvm_version_info)
    identity = f"{versions} {machine.triple} {cpu} {features}"
    return _Toolchain(llvm, machine, fast_machine, linker, identity)


def _before_fork() -> None:
    LOCK.acquire()
    if _toolchain.cache_info().currsize:
        _llvmlite_lock().__enter__()


def _after_fork() -> None:
    if _toolchain.cache_info().currsize:
        _llvmlite_lock().__exit__()
    LOCK.release()


def _llvmlite_lock() -> Any:
    """Return the lock of all calls into LLVM: code that is freed takes it without ``LOCK``."""
    found = getattr(_toolchain().llvm.ffi.lib, "_lock", None)
    return found if hasattr(found, "__enter__") else contextlib.ExitStack()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork
    )


def start() -> None:
    """Load llvmlite now; it takes some 0.2 s, once."""
    # functools.cache alone would let two threads make a linker each.
    with LOCK:
        _toolchain()


def identity() -> str:
    """Return the compiler's versions, the target and the CPU: what object code depends on."""
    start()
    return _toolchain().identity


def host_features() -> frozenset[str]:
    """Return the names of the CPU's features, such as ``avx2``."""
    start()
    found = _toolchain().llvm.get_host_cpu_features()
    return frozenset(name for name, present in found.items() if present)


def compile_text(
    text: str,
    exports: tuple[str, ...],
    imports: Mapping[str, int],
    *,
    loops: str = "",
    once: str = "",
    optimised: bool = True,
) -> Code:
    """Compile a module, or several that make one library, and load it.

    Parameters
    ----------
    text : str
        LLVM assembly, without target lines. It may be empty.
    exports : tuple of str
        Names of the functions and variables whose addresses are wanted.
    imports : mapping of str to int
        Addresses of declared functions. Those that are not listed are looked for in the process.
    loops : str
        LLVM assembly of functions that others are merged with: optimised as a whole.
    once : str
        LLVM assembly of what runs once in a call. It is compiled as quickly as possible: on
        branches and calls optimisation takes three times as long and gains next to nothing.
    optimised : bool
        Whether ``text`` and ``loops`` are; otherwise they are compiled as ``once`` is.
    """
    start()
    declared = set(_DECLARED.findall(text + loops + once))
    used = {name: address for name, address in imports.items() if name in declared}
    with LOCK:
        modules = (text, _run_passes), (loops, _run_all_passes), (once, None)
        parts = [
            _image(module, passes if optimised else None) for module, passes in modules if module
        ]
        images = [image for image, _ in parts]
        library = _link(images, exports, used)
    return Code(library, exports, sum(map(len, images)), all(cached for _, cached in parts))


def _image(text: str, passes: _Passes | None) -> tuple[bytes, bool]:
    """Return the object code of a module, and whether it was on disk."""
    # Imported with the first compilation only: what it imports takes longer than ours in all.
    from tracegraph.codegen import object_cache

    how = "once" if passes is None else passes.__name__
    key = object_cache.key(text, f"{_toolchain().identity} {how}")
    found = object_cache.load(key)
    if found is not None:
        return found, True
    image = _object_code(text, passes)
    object_cache.store(key, image)
    return image, False


def _object_code(text: str, passes: _Passes | None) -> bytes:
    """Compile a module; without passes as quickly as possible."""
    tools = _toolchain()
    module = _parsed(text)
    if passes is None:
        return bytes(tools.fast_machine.emit_object(module))
    passes(module)
    return bytes(tools.machine.emit_object(module))


def _parsed(text: str) -> Any:
    tools = _toolchain()
    try:
        # A context of its own: types and constants of the module are freed together with it.
        module = tools.llvm.parse_assembly(text, tools.llvm.create_context())
        module.verify()  # passes on an unverified module can abort the process
    except RuntimeError as error:
        raise GraphError(f"invalid LLVM text: {error}\n{text}") from error
    return module


def _run_passes(module: Any) -> None:
    """Only clean up: vectors, hoisting and unrolling are the work of the text's author."""
    tools = _toolchain()
    options = tools.llvm.create_pipeline_tuning_options(speed_level=2)
    passes = tools.llvm.create_new_module_pass_manager()
    passes.add_instruction_combine_pass()
    passes.add_simplify_cfg_pass()
    passes.add_dead_code_elimination_pass()
    passes.run(module, tools.llvm.create_pass_builder(tools.machine, options))


def _run_all_passes(module: Any) -> None:
    """Merge functions and optimise what comes of it; vectors remain the work of the author.

    Loops are unrolled where the text says so.
    """
    tools = _toolchain()
    options = tools.llvm.create_pipeline_tuning_options(speed_level=2)
    options.loop_vectorization = options.slp_vectorization = options.loop_interleaving = False
    options.loop_unrolling = False
    builder = tools.llvm.create_pass_builder(tools.machine, options)
    builder.getModulePassManager().run(module, builder)


def _link(images: Sequence[bytes], exports: tuple[str, ...], imports: Mapping[str, int]) -> Any:
    tools = _toolchain()
    builder = tools.llvm.JITLibraryBuilder().add_current_process()
    for image in images:
        builder.add_object_img(image)
    for name, address in imports.items():
        builder.import_symbol(name, address)
    for name in exports:
        builder.export_symbol(name)
    return builder.link(tools.linker, f"tracegraph{next(_library_numbers)}")


def optimised_text(text: str, *, loops: bool = False) -> str:
    """Return a module as it is after the passes, for reading."""
    return str(_optimised(text, loops))


def assembly(text: str, *, loops: bool = False) -> str:
    """Return the machine code of a module as assembly, for reading."""
    return str(_toolchain().machine.emit_assembly(_optimised(text, loops)))


def _optimised(text: str, loops: bool) -> Any:
    start()
    module = _parsed(text)
    (_run_all_passes if loops else _run_passes)(module)
    return module
