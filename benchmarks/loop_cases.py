"""What is measured of loops: a for statement as it stands, and ``jax.lax`` loops beside it.

JAX would unroll the statement, so it gets a function of its own, with ``np`` bound to ``jax.numpy``
and ``lax`` to ``jax.lax``. NumPy, Numba and tracegraph run the statement.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from case import Case

lax: Any = None
STEPS, DT = 500, 0.01
SWEEPS = 10


def rk4_step(np: Any) -> Callable[[Any], Any]:
    """Return a step of the classical Runge-Kutta method for the Lorenz system.

    Lorenz, *Deterministic nonperiodic flow*, J. Atmos. Sci. 20 (1963), 130-141.
    """

    def rate(state):
        x, y, z = state[0], state[1], state[2]
        return np.array([10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z])

    def step(state):
        k1 = rate(state)
        k2 = rate(state + DT / 2 * k1)
        k3 = rate(state + DT / 2 * k2)
        k4 = rate(state + DT * k3)
        return state + DT / 6 * (k1 + 2 * k2 + 2 * k3 + k4)

    return step


step = rk4_step(np)


def lorenz(state):
    for _ in range(STEPS):
        state = step(state)
    return state


def lorenz_scan(np, lax, state):
    advance = rk4_step(np)
    return lax.scan(lambda s, _: (advance(s), None), state, None, length=STEPS)[0]


def lorenz_lax(state):
    return lorenz_scan(np, lax, state)


def lorenz_loops(state):
    x, y, z = state[0], state[1], state[2]
    for _ in range(STEPS):
        u, v, w = x, y, z
        dx, dy, dz = 0.0, 0.0, 0.0
        for weight, ahead in ((1.0, DT / 2), (2.0, DT / 2), (2.0, DT), (1.0, 0.0)):
            a, b, c = 10.0 * (v - u), u * (28.0 - w) - v, u * v - 8.0 / 3.0 * w
            dx, dy, dz = dx + weight * a, dy + weight * b, dz + weight * c
            u, v, w = x + ahead * a, y + ahead * b, z + ahead * c
        x, y, z = x + DT / 6 * dx, y + DT / 6 * dy, z + DT / 6 * dz
    return np.array([x, y, z])


def lorenz_norm(state):
    return np.sum(lorenz(state) ** 2)


def lorenz_norm_lax(state):
    return np.sum(lorenz_scan(np, lax, state) ** 2)


def seidel(grid):
    grid = grid.copy()
    rows, columns = grid.shape
    for _ in range(SWEEPS):
        for i in range(1, rows - 1):
            for j in range(1, columns - 1):
                around = grid[i - 1, j] + grid[i + 1, j] + grid[i, j - 1] + grid[i, j + 1]
                grid[i, j] = 0.25 * around
    return grid


def seidel_lax(grid):
    rows, columns = grid.shape

    def cell(i, j, grid):
        around = grid[i - 1, j] + grid[i + 1, j] + grid[i, j - 1] + grid[i, j + 1]
        return grid.at[i, j].set(0.25 * around)

    def row(i, grid):
        return lax.fori_loop(1, columns - 1, lambda j, g: cell(i, j, g), grid)

    def sweep(_, grid):
        return lax.fori_loop(1, rows - 1, row, grid)

    return lax.fori_loop(0, SWEEPS, sweep, grid)


ECCENTRICITY, CLOSE = 0.6, 1e-12


def kepler(mean):
    """Solve Kepler's equation ``x - e sin(x) = mean`` for each element by Newton's method."""
    found = np.empty_like(mean)
    for i in range(len(mean)):
        x = mean[i]
        while abs(x - ECCENTRICITY * np.sin(x) - mean[i]) > CLOSE:
            slope = 1.0 - ECCENTRICITY * np.cos(x)
            x = x - (x - ECCENTRICITY * np.sin(x) - mean[i]) / slope
        found[i] = x
    return found


def kepler_map(np, lax, mean):
    def one(goal):
        def off(x):
            return x - ECCENTRICITY * np.sin(x) - goal

        def step(x):
            return x - off(x) / (1.0 - ECCENTRICITY * np.cos(x))

        return lax.while_loop(lambda x: abs(off(x)) > CLOSE, step, goal)

    return lax.map(one, mean)


def kepler_lax(mean):
    return kepler_map(np, lax, mean)


def kepler_sum(mean):
    return np.sum(kepler(mean) ** 2)


def kepler_sum_lax(mean):
    return np.sum(kepler_map(np, lax, mean) ** 2)


LOOP_CASES = (
    Case(
        name="lorenz",
        title="500 Runge-Kutta steps of the Lorenz system, 3 float64",
        function=lorenz,
        lax=lorenz_lax,
        inputs=lambda rng: (rng.random(3) + 1.0,),
        loops=lorenz_loops,
        arithmetic=True,
        tolerance=1e-9,
    ),
    Case(
        name="lorenz_gradient",
        title="gradient through 500 Runge-Kutta steps, 3 float64",
        function=lorenz_norm,
        lax=lorenz_norm_lax,
        inputs=lambda rng: (rng.random(3) + 1.0,),
        gradient=True,
        arithmetic=True,
        tolerance=1e-8,
    ),
    Case(
        name="seidel",
        title="10 Gauss-Seidel sweeps element by element, 100 x 100 float64",
        function=seidel,
        lax=seidel_lax,
        inputs=lambda rng: (rng.random((100, 100)),),
        arrays=True,
    ),
    Case(
        name="kepler",
        title="Newton's method until it is close, for 1,000 float64",
        function=kepler,
        lax=kepler_lax,
        inputs=lambda rng: (rng.random(1000) * 3.0 + 0.05,),
        arrays=True,
        tolerance=1e-11,
    ),
    Case(
        name="kepler_gradient",
        title="gradient through Newton's method, 1,000 float64",
        function=kepler_sum,
        lax=kepler_sum_lax,
        inputs=lambda rng: (rng.random(1000) * 3.0 + 0.05,),
        gradient=True,
        tolerance=1e-8,
    ),
)
