"""What this namespace is able to do: the standard's ``__array_namespace_info__``."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracegraph.array_api.device import CPU, Device, check_device

DTypes = dict[str, np.dtype[Any]]

SIGNED = ("int8", "int16", "int32", "int64")
UNSIGNED = ("uint8", "uint16", "uint32", "uint64")
FLOATING = ("float32", "float64")
COMPLEX = ("complex64", "complex128")
KINDS: dict[str, tuple[str, ...]] = {
    "bool": ("bool",),
    "signed integer": SIGNED,
    "unsigned integer": UNSIGNED,
    "integral": SIGNED + UNSIGNED,
    "real floating": FLOATING,
    "complex floating": COMPLEX,
    "numeric": SIGNED + UNSIGNED + FLOATING + COMPLEX,
}
"""The names of the dtypes of each kind."""

MOST_AXES = 64
"""NumPy's limit."""


class Info:
    """Answers of the namespace about itself.

    Examples
    --------
    >>> from tracegraph import array_api as xp
    >>> info = xp.__array_namespace_info__()
    >>> info.devices()
    ('cpu',)
    >>> info.dtypes(kind="real floating")
    {'float32': dtype('float32'), 'float64': dtype('float64')}
    """

    def capabilities(self) -> dict[str, Any]:
        """Return what optional behaviour there is, and how many axes an array may have."""
        return {
            "boolean indexing": True,
            "data-dependent shapes": True,
            "max dimensions": MOST_AXES,
        }

    def default_device(self) -> Device:
        """Return the device where new arrays are."""
        return CPU

    def devices(self) -> tuple[Device, ...]:
        """Return all devices."""
        return (CPU,)

    def default_dtypes(self, *, device: Device | None = None) -> DTypes:
        """Return the dtypes of new arrays, by kind."""
        check_device(device)
        return {
            "real floating": np.dtype(float),
            "complex floating": np.dtype(complex),
            "integral": np.dtype(int),
            "indexing": np.dtype(np.intp),
        }

    def dtypes(
        self, *, device: Device | None = None, kind: str | tuple[str, ...] | None = None
    ) -> DTypes:
        """Return the dtypes of some kinds, by name.

        Raises
        ------
        ValueError
            If there is no such kind.
        """
        check_device(device)
        kinds = ("bool", "numeric") if kind is None else (kind,) if isinstance(kind, str) else kind
        unknown = set(kinds) - KINDS.keys()
        if unknown:
            raise ValueError(f"expected kinds out of {', '.join(KINDS)}, got {unknown.pop()!r}")
        return {name: np.dtype(name) for one in kinds for name in KINDS[one]}


def __array_namespace_info__() -> Info:
    """Return what this namespace is able to do."""
    return Info()
