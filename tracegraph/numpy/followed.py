"""NumPy functions that are recorded as a user's are: by what NumPy's own Python code does.

They are compositions of functions that have rules, so that they compile, fuse and have derivatives
without a rule of their own.
"""

from __future__ import annotations

import operator
from types import FunctionType
from typing import Any

import numpy as np

NAMES = """
    apply_over_axes astype diag_indices diag_indices_from fromfunction geomspace gradient indices
    iscomplexobj isrealobj isscalar iterable ix_ linalg.diagonal linalg.matrix_rank
    linalg.matrix_transpose polyder polydiv polyfit polyval real_if_close require resize
    sort_complex trapezoid unstack
""".split()
"""The functions by their names below ``numpy``, except for those that the installed NumPy lacks."""


def _implementations() -> dict[Any, FunctionType]:
    found = {}
    for name in NAMES:
        try:
            function = operator.attrgetter(name)(np)
        except AttributeError:  # an older NumPy
            continue
        code = getattr(function, "__wrapped__", function)
        if isinstance(code, FunctionType):
            found[function] = code
    return found


IMPLEMENTATIONS = _implementations()
"""The Python function behind each."""

ABOUT_DTYPES = (np.result_type, np.can_cast, np.promote_types, np.common_type, np.isdtype)

PURE_OF_NUMPY = (
    np.dtype, np.finfo, np.iinfo, np.issubdtype, np.errstate, np.broadcast_shapes, np.ndindex,
    np.lib.array_utils.normalize_axis_index, np.lib.array_utils.normalize_axis_tuple,
)  # fmt: skip
"""Further functions that depend on their arguments alone, of which none is an array."""


def is_about_dtypes(function: Any) -> bool:
    """Return whether a function's answer depends on dtypes alone where it asks of arrays."""
    return any(function is one for one in ABOUT_DTYPES)
