"""SciPy: minimisers, root finders, integrators and quadrature call compiled functions."""

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.support import Counted

optimize = pytest.importorskip("scipy.optimize", reason="pip install 'tracegraph[interop]'")
integrate = pytest.importorskip("scipy.integrate", reason="pip install 'tracegraph[interop]'")

START = np.array([-1.2, 1.0, 0.8])


def rosenbrock(x: Any) -> Any:
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()


def bounded(x: Any, shift: Any, scale: Any = 1.0) -> Any:
    return scale * np.sum(np.cosh(x - shift))


@pytest.mark.parametrize("wrap", [lambda f: f, tg.compile])
@pytest.mark.parametrize("method", ["BFGS", "L-BFGS-B", "CG", "SLSQP"])
def test_minimize_with_value_and_gradient(wrap: Any, method: str) -> None:
    found = optimize.minimize(wrap(tg.value_and_grad(rosenbrock)), START, jac=True, method=method)
    np.testing.assert_allclose(found.x, np.ones(3), atol=1e-3)


def test_minimize_calls_run_natively() -> None:
    function = Counted(tg.value_and_grad(rosenbrock), strict=True)
    found = optimize.minimize(function, START, jac=True, method="BFGS")
    assert found.nfev > 10
    assert function.slow == 1
    np.testing.assert_allclose(found.x, np.ones(3), atol=1e-5)


@pytest.mark.parametrize("method", ["Newton-CG", "trust-krylov", "trust-ncg", "trust-constr"])
def test_minimize_with_products_of_the_hessian(method: str) -> None:
    gradient = tg.compile(tg.grad(rosenbrock))

    @tg.compile
    def hessp(x: Any, p: Any) -> Any:
        return tg.jvp(tg.grad(rosenbrock), (x,), (p,))[1]

    found = optimize.minimize(
        tg.compile(rosenbrock), START, jac=gradient, hessp=hessp, method=method
    )
    np.testing.assert_allclose(found.x, np.ones(3), atol=1e-3)
    assert hessp.fallbacks == []


def test_minimize_with_a_hessian_and_arguments() -> None:
    found = optimize.minimize(
        tg.compile(bounded), np.zeros(2), args=(np.array([1.0, 2.0]), 3.0),
        jac=tg.compile(tg.grad(bounded)), hess=tg.compile(tg.hessian(bounded)),
        method="trust-exact",
    )  # fmt: skip
    np.testing.assert_allclose(found.x, [1, 2], atol=1e-6)


def circle(x: Any) -> Any:
    return np.stack([x[0] ** 2 + x[1] ** 2 - 2, x[0] - x[1]])


def test_root_with_a_jacobian() -> None:
    found = optimize.root(tg.compile(circle), [3.0, 0.5], jac=tg.compile(tg.jacobian(circle)))
    np.testing.assert_allclose(found.x, [1, 1], rtol=1e-8)


def test_least_squares_and_curve_fit() -> None:
    t = np.linspace(0, 1, 20)
    y = 2 * np.exp(-3 * t)

    def residual(p: Any) -> Any:
        return p[0] * np.exp(-p[1] * t) - y

    jacobian = Counted(tg.jacobian(residual))
    found = optimize.least_squares(tg.compile(residual), np.ones(2), jac=jacobian)
    np.testing.assert_allclose(found.x, [2, 3], rtol=1e-6)
    assert jacobian.slow == 1
    model = tg.compile(lambda t, a, b: a * np.exp(-b * t))
    fitted, _ = optimize.curve_fit(model, t, y)
    np.testing.assert_allclose(fitted, [2, 3], rtol=1e-6)


@pytest.mark.parametrize("solver", ["brentq", "bisect", "ridder", "toms748"])
def test_scalar_roots(solver: str) -> None:
    @tg.compile
    def f(x: Any) -> Any:
        return np.cos(x) - x

    assert getattr(optimize, solver)(f, 0.0, 1.0) == pytest.approx(0.7390851332151607)
    assert f.fallbacks == []


def test_newton_and_halley() -> None:
    @tg.compile
    def f(x: Any) -> Any:
        return x**3 - 2

    slope, curve = tg.compile(tg.grad(f)), tg.compile(tg.grad(tg.grad(f)))
    found = optimize.newton(f, 1.0, fprime=slope, fprime2=curve)
    assert found == pytest.approx(2 ** (1 / 3))
    assert optimize.minimize_scalar(tg.compile(lambda x: (x - 2) ** 2)).x == pytest.approx(2)


@pytest.mark.parametrize("method", ["RK45", "DOP853", "Radau", "BDF", "LSODA"])
def test_initial_value_problems(method: str) -> None:
    def rhs(t: Any, y: Any, rate: Any) -> Any:
        return np.array([y[1], rate * (1 - y[0] ** 2) * y[1] - y[0]])

    compiled = Counted(rhs)
    options: dict[str, Any] = {}
    if method in ("Radau", "BDF", "LSODA"):
        options["jac"] = tg.compile(tg.jacobian(rhs, argnums=1))
    given = {"t_span": (0, 5), "y0": [2.0, 0.0], "args": (2.0,), "method": method, "rtol": 1e-8}
    expected = integrate.solve_ivp(rhs, **given)
    found = integrate.solve_ivp(compiled, **given, **options)
    np.testing.assert_allclose(found.y[:, -1], expected.y[:, -1], rtol=1e-5)
    assert found.nfev > 50
    assert compiled.compiled.fallbacks == []
    assert compiled.slow <= 3


def test_events_of_initial_value_problems() -> None:
    @tg.compile
    def height(t: Any, y: Any) -> Any:
        return y[0]

    height.terminal = True
    fall = tg.compile(lambda t, y: np.array([y[1], -9.81]))
    found = integrate.solve_ivp(fall, (0, 10), [10.0, 0.0], events=height)
    assert found.t_events[0][0] == pytest.approx(np.sqrt(2 * 10 / 9.81))


def test_odeint_and_quad() -> None:
    decay = tg.compile(lambda y, t, k: -k * y)
    found = integrate.odeint(decay, [1.0], np.linspace(0, 1, 5), args=(2.0,))
    np.testing.assert_allclose(found[:, 0], np.exp(-2 * np.linspace(0, 1, 5)), rtol=1e-6)
    bell = Counted(lambda x, s: np.exp(-(x**2) / s))
    value, _ = integrate.quad(bell, -np.inf, np.inf, args=(2.0,))
    assert value == pytest.approx(np.sqrt(2 * np.pi))
    assert bell.slow == 1
    area, _ = integrate.dblquad(tg.compile(lambda y, x: x * y), 0, 1, 0, 2)
    assert area == pytest.approx(1)


def test_interpolated_and_filtered_arrays_go_in() -> None:
    from scipy import interpolate, sparse

    spline = interpolate.CubicSpline(np.arange(5.0), np.arange(5.0) ** 2)
    square = tg.compile(lambda x: np.sqrt(x))
    np.testing.assert_allclose(square(spline(2.5)), 2.5)
    system = sparse.csr_array(np.diag([1.0, 2.0]))
    np.testing.assert_allclose(square(system @ np.array([4.0, 2.0])), [2, 2])
    tensor = tg.Tensor([4.0, 2.0])
    np.testing.assert_allclose(system @ tensor, [4, 4])
