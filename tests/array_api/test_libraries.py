"""Libraries that ask an array for its namespace compute with Tensors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SCIPY = """
import numpy as np
import scipy.special, scipy.stats, scipy.integrate, scipy.signal
from tracegraph import Tensor

array = np.random.default_rng(1).normal(size=(3, 8))
for function in (
    lambda x: scipy.special.logsumexp(x, axis=1),
    lambda x: scipy.special.erf(x),
    lambda x: scipy.stats.zscore(x, axis=1),
    lambda x: scipy.stats.skew(x, axis=1),
    lambda x: scipy.stats.ttest_ind(x[0, :], x[1, :]).pvalue,
    lambda x: scipy.integrate.trapezoid(x, axis=1),
    lambda x: scipy.signal.detrend(x),
):
    found = function(Tensor(array))
    assert type(found) is Tensor, found
    np.testing.assert_allclose(found.numpy(), function(array), rtol=1e-12)
"""

SKLEARN = """
import numpy as np
import sklearn
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from tracegraph import Tensor

array = np.random.default_rng(1).normal(size=(20, 3))
for function in (
    lambda x: PCA(2, svd_solver="full").fit_transform(x),
    lambda x: Ridge(solver="svd").fit(x, x[:, 0]).predict(x),
):
    with sklearn.config_context(array_api_dispatch=True):
        found = function(Tensor(array))
    assert type(found) is Tensor, found
    np.testing.assert_allclose(found.numpy(), function(array), rtol=1e-10)
"""


@pytest.mark.parametrize(("library", "program"), [("scipy", SCIPY), ("sklearn", SKLEARN)])
def test_a_library_computes_with_tensors(library: str, program: str) -> None:
    pytest.importorskip(library, reason=f"{library} is no dependency")
    # SciPy reads the switch when it is imported.
    environment = {**os.environ, "SCIPY_ARRAY_API": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
