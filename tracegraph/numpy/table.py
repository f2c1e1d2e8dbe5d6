"""Every NumPy function, method and attribute that is recorded, by what the user calls."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from tracegraph.numpy import (
    assignments,
    callouts,
    choosing,
    covariance,
    creation,
    decompositions,
    fft,
    functions,
    histograms,
    indexing,
    interpolation,
    joining,
    linalg,
    manipulation,
    masks,
    nan_functions,
    operators,
    polynomials,
    powers,
    quantiles,
    reductions,
    scalars,
    selecting,
    sequences,
    signals,
    sorting,
    special,
    ufunc_methods,
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
    **masks.RULES,
    **sorting.RULES,
    **quantiles.RULES,
    **nan_functions.RULES,
    **choosing.RULES,
    **histograms.RULES,
    **interpolation.RULES,
    **signals.RULES,
    **sequences.RULES,
    **polynomials.RULES,
    **covariance.RULES,
    **functions.RULES,
    **linalg.RULES,
    **decompositions.RULES,
    **fft.RULES,
    **scalars.RULES,
    **special.RULES,
    **writing.RULES,
    **assignments.RULES,
    **ufunc_methods.RULES,
    **ufunc_methods.WRITING,
}
"""``rule(emitter, *args, **kwargs)`` for each function, operator and type."""

WRITERS = operators.WRITERS | assignments.WRITERS
WRITERS |= {operator.setitem, np.add.at, np.copyto, *ufunc_methods.WRITING, *writing.RULES}
"""Functions that write into their first argument: their rules return its complete new content."""

__all__ = ["METHODS", "RULES", "VIEW_ATTRIBUTES", "WRITERS", "WRITING_METHODS"]
