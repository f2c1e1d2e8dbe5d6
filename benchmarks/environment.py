"""Environment variables that must be set before NumPy or a framework is imported."""

from __future__ import annotations

import os

ONE_THREAD = {
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "NPROC": "1",  # JAX's own pool, which the flags above leave as large as the machine
    "JAX_PLATFORMS": "cpu",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "TRACEGRAPH_NUM_THREADS": "1",
}
NO_CACHE = {"TRACEGRAPH_CACHE_DIR": ""}


def prepare() -> None:
    """Let this process and its children use one thread and compile everything anew."""
    os.environ.update(ONE_THREAD)
    os.environ.update(NO_CACHE)
