"""Object code on disk: a private directory of files named by a hash of what made them.

A file is a digest followed by object code. It is used only when the digest agrees; a damaged,
foreign or unreadable file counts as absent and is written anew. Nothing is ever unpickled. A
directory that another user could write to is not used. ``TRACEGRAPH_CACHE_DIR`` names another
place; empty: no cache.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import tempfile
from pathlib import Path

VARIABLE = "TRACEGRAPH_CACHE_DIR"
_MAGIC = b"tracegraph object 1\n"
_DIGEST_BYTES = 32


def directory() -> Path | None:
    """Return where object code is kept, or None where it is not."""
    chosen = os.environ.get(VARIABLE)
    if chosen is not None:
        return Path(chosen) if chosen else None
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "tracegraph"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tracegraph"


def key(text: str, identity: str) -> str:
    """Return the name under which the object code of a module is kept."""
    content = "\0".join((identity, text)).encode()
    return hashlib.blake2b(content, digest_size=24).hexdigest()


def load(name: str) -> bytes | None:
    """Return the object code kept under a name, or None where there is none that can be trusted."""
    folder = directory()
    if folder is None or not _is_private(folder):
        return None
    try:
        content = (folder / name).read_bytes()
    except OSError:
        return None
    start = len(_MAGIC) + _DIGEST_BYTES
    image = content[start:]
    if not content.startswith(_MAGIC) or content[len(_MAGIC) : start] != _digest(name, image):
        return None
    return image


def store(name: str, image: bytes) -> None:
    """Keep object code under a name; do nothing where that is not possible."""
    folder = directory()
    if folder is None:
        return
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_private(folder):
            _write(folder / name, _MAGIC + _digest(name, image) + image)


def _digest(name: str, image: bytes) -> bytes:
    """The name takes part, so that a file renamed by hand is not believed."""
    return hashlib.blake2b(name.encode() + image, digest_size=_DIGEST_BYTES).digest()


def _is_private(folder: Path) -> bool:
    try:
        found = folder.stat()
    except OSError:
        return False
    owner = getattr(os, "getuid", lambda: found.st_uid)()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == owner and not found.st_mode & 0o022


def _write(path: Path, content: bytes) -> None:
    """Write a file that readers see whole or not at all."""
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
