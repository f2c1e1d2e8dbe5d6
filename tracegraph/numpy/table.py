"""Every NumPy function, method and attribute that is recorded, by what the user calls."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tracegraph.numpy import (
    assignments,
    callouts,
    creation,
    functions,
    indexing,
    joining,
    linalg,
    manipulation,
    operators,
    powers,
    reductions,
    scalars,
    selecting,
    special,
    ufuncs,
    writing,
)
from tracegraph.numpy.methods import METHODS, VIEW_ATTRIBUTES, WRITING_METHODS

RULES: dict[Any, Any] = {
    **callouts.RULES,
    **ufuncs.RULES,
    **powers.RULES,
    **operators.RULES,
    **reductions.RULES,
    **manipulation.RULES,
    **indexing.RULES,
    **creation.RULES,
    **joining.RULES,
    **selecting.RULES,
    **functions.RULES,
    **linalg.RULES,
    **scalars.RULES,
    **special.RULES,
    **writing.RULES,
    **assignments.RULES,
}
"""``rule(emitter, *args, **kwargs)`` for each function, operator and type."""

WRITERS = operators.WRITERS | assignments.WRITERS
WRITERS |= {operator.setitem, np.add.at, np.copyto, *writing.RULES}
"""Functions that write into their first argument: their rules return its complete new content."""

__all__ = ["METHODS", "RULES", "VIEW_ATTRIBUTES", "WRITERS", "WRITING_METHODS"]
