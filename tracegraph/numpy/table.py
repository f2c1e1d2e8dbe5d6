"""Every NumPy function, method and attribute that is recorded, by what the user calls."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tracegraph.numpy import (
    creation,
    indexing,
    linalg,
    manipulation,
    operators,
    powers,
    reductions,
    ufuncs,
)
from tracegraph.numpy.methods import METHODS, VIEW_ATTRIBUTES

RULES: dict[Any, Any] = {
    **ufuncs.RULES,
    **powers.RULES,
    **operators.RULES,
    **reductions.RULES,
    **manipulation.RULES,
    **indexing.RULES,
    **creation.RULES,
    **linalg.RULES,
}
WRITERS = operators.WRITERS | {operator.setitem, np.add.at, np.copyto}

__all__ = ["METHODS", "RULES", "VIEW_ATTRIBUTES", "WRITERS"]
