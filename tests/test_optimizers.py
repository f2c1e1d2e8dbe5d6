"""Optimizers: the published update rules, on Variables and on trees, eager and compiled alike."""

import copy
import doctest
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tracegraph import optimizers
from tracegraph.ir.errors import TreeError
from tracegraph.optimizers import SGD, Adam, Momentum, Optimizer, RMSProp

Rule = Callable[[Any, list[Any]], Any]
STEPS = 6


# -- the rules as they were published, for one parameter and all of its gradients ------------------


def gradient_descent(w: Any, gradients: list[Any]) -> Any:
    for g in gradients:
        w = w - 0.1 * g
    return w


def heavy_ball(w: Any, gradients: list[Any]) -> Any:
    velocity = 0.0
    for g in gradients:
        velocity = 0.9 * velocity + g
        w = w - 0.1 * velocity
    return w


def nesterov(w: Any, gradients: list[Any]) -> Any:
    velocity = 0.0
    for g in gradients:
        velocity = 0.8 * velocity + g
        w = w - 0.1 * (g + 0.8 * velocity)
    return w


def rmsprop(w: Any, gradients: list[Any]) -> Any:
    square = 0.0
    for g in gradients:
        square = 0.9 * square + 0.1 * g**2
        w = w - 0.1 * g / (np.sqrt(square) + 1e-6)
    return w


def adam(w: Any, gradients: list[Any]) -> Any:
    m, v = 0.0, 0.0
    for t, g in enumerate(gradients, start=1):
        m = 0.9 * m + (1 - 0.9) * g
        v = 0.99 * v + (1 - 0.99) * g**2
        w = w - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.99**t)) + 1e-8)
    return w


RULES: dict[str, tuple[Callable[[], Optimizer], Rule]] = {
    "sgd": (lambda: SGD(0.1), gradient_descent),
    "momentum": (lambda: Momentum(0.1), heavy_ball),
    "nesterov": (lambda: Momentum(0.1, momentum=0.8, nesterov=True), nesterov),
    "rmsprop": (lambda: RMSProp(0.1, epsilon=1e-6), rmsprop),
    "adam": (lambda: Adam(0.1, beta2=0.99), adam),
}
every_rule = pytest.mark.parametrize("name", RULES)


def start() -> dict[str, Any]:
    random = np.random.default_rng(1)
    return {"matrix": random.normal(size=(3, 2)), "number": np.array(0.5)}


def gradients_of(step: int) -> dict[str, Any]:
    random = np.random.default_rng(100 + step)
    return {"matrix": random.normal(size=(3, 2)), "number": random.normal(size=())}


def expected(rule: Rule) -> dict[str, Any]:
    return {
        key: rule(value, [gradients_of(step)[key] for step in range(STEPS)])
        for key, value in start().items()
    }


def assert_close(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        np.testing.assert_allclose(np.asarray(found[key]), value, rtol=1e-12)


# -- on Variables ---------------------------------------------------------------------------------


@every_rule
@pytest.mark.parametrize("is_compiled", [False, True], ids=["eager", "compiled"])
def test_variables_follow_the_rule(name: str, is_compiled: bool) -> None:
    make, rule = RULES[name]
    optimizer = make()
    variables = {key: tg.Variable(value) for key, value in start().items()}
    counter = tg.Variable(np.int64(0))

    def change(gradients: dict[str, Any]) -> None:
        pairs = zip(gradients.values(), variables.values(), strict=True)
        optimizer.apply_gradients(pairs, global_step=counter)

    step = tg.compile(change, strict=True) if is_compiled else change
    for i in range(STEPS):
        step(gradients_of(i))
    assert_close(variables, expected(rule))
    assert int(counter) == int(optimizer.iterations) == STEPS


def test_compiled_steps_are_native() -> None:
    optimizer, weight = Adam(), tg.Variable([1.0, 2.0])
    step = tg.compile(lambda g: optimizer.apply_gradients([(g, weight)]))
    for i in range(STEPS):
        step(np.array([1.0, i]))
    assert step.fallbacks == []
    assert len(step.traces) == 1


def test_changed_settings_are_seen_by_compiled_steps() -> None:
    def weights(is_compiled: bool) -> Iterator[Any]:
        optimizer, weight = Momentum(0.1), tg.Variable([1.0, 2.0])

        def change(g: Any) -> None:
            optimizer.apply_gradients([(g, weight)])

        step = tg.compile(change, strict=True) if is_compiled else change
        for rate, momentum, ahead in ((0.1, 0.9, False), (0.5, 0.9, False), (0.5, 0.5, True)) * 2:
            optimizer.learning_rate, optimizer.momentum = rate, momentum
            optimizer.nesterov = ahead
            step(np.array([1.0, -3.0]))
            yield weight.numpy().copy()

    np.testing.assert_array_equal(list(weights(True)), list(weights(False)))


def test_learning_rate_may_be_a_variable() -> None:
    rate, weight = tg.Variable(0.5), tg.Variable(4.0)
    optimizer = SGD(rate)
    step = tg.compile(lambda: optimizer.apply_gradients([(1.0, weight)]), strict=True)
    step()
    rate.assign(0.25)
    step()
    assert float(weight) == 3.25


def test_compiled_step_with_another_optimizer() -> None:
    weight = tg.Variable(1.0)
    step = tg.compile(lambda optimizer, g: optimizer.apply_gradients([(g, weight)]), strict=True)
    one, other = Momentum(1.0, momentum=1.0), Momentum(1.0, momentum=1.0)
    for optimizer in (one, one, other, one, other):
        step(optimizer, np.float64(1.0))
    # Velocities: 1 and 2 of the first, 1 of the second, 3 of the first, 2 of the second.
    assert float(weight) == 1.0 - (1 + 2 + 1 + 3 + 2)
    assert [int(o.iterations) for o in (one, other)] == [3, 2]


@every_rule
def test_dtype_of_variables_stays(name: str) -> None:
    optimizer, weight = RULES[name][0](), tg.Variable(np.ones(2, np.float32))
    for _ in range(2):
        optimizer.apply_gradients([(np.ones(2, np.float32), weight)])
    assert {v.dtype for v in optimizer.variables[1:]} <= {np.dtype(np.float32)}
    assert weight.dtype == np.float32


def test_memory_is_kept_apart() -> None:
    optimizer = Momentum(1.0, momentum=0.5)
    one, other = tg.Variable(0.0), tg.Variable(0.0)
    optimizer.apply_gradients([(1.0, one)])
    optimizer.apply_gradients([(1.0, one), (4.0, other)])
    assert [float(v) for v in optimizer.variables] == [2, 1.5, 4.0]


def test_copied_with_its_model() -> None:
    model = tg.Module()
    model.weight = tg.Variable(0.0)  # type: ignore[attr-defined]  # any attribute will do
    optimizer = Momentum(1.0, momentum=1.0)
    optimizer.apply_gradients([(1.0, model.variables[0])])
    twin_model, twin = copy.deepcopy((model, optimizer))
    twin.apply_gradients([(1.0, twin_model.variables[0])])
    assert float(twin_model.variables[0]) == -3.0
    assert float(model.variables[0]) == -1.0


def test_none_changes_nothing() -> None:
    weight, other = tg.Variable(1.0), tg.Variable(1.0)
    SGD(0.5).apply_gradients([(None, other), (1.0, weight)])
    assert (float(weight), float(other)) == (0.5, 1.0)


def test_no_gradient_at_all() -> None:
    with pytest.raises(ValueError, match="no gradient"):
        SGD().apply_gradients([(None, tg.Variable(1.0))])


def test_gradient_of_another_shape_changes_nothing() -> None:
    weight, other = tg.Variable(1.0), tg.Variable(np.ones((2, 2)), name="w")
    with pytest.raises(ValueError, match=r"gradient of w needs its shape \(2, 2\), got \(2,\)"):
        SGD().apply_gradients([(1.0, weight), (np.ones(2), other)])
    assert float(weight) == 1.0


def test_rule_is_needed() -> None:
    with pytest.raises(NotImplementedError, match="Optimizer defines no rule"):
        Optimizer(0.1).apply_gradients([(1.0, tg.Variable(1.0))])


# -- on trees -------------------------------------------------------------------------------------


@every_rule
@pytest.mark.parametrize("is_compiled", [False, True], ids=["eager", "compiled"])
def test_trees_follow_the_rule(name: str, is_compiled: bool) -> None:
    make, rule = RULES[name]
    optimizer, params = make(), start()
    update = tg.compile(optimizer.update, strict=True) if is_compiled else optimizer.update
    state = optimizer.init(params)
    for i in range(STEPS):
        params, state = update(gradients_of(i), state, params)
    assert_close(params, expected(rule))
    assert state[0] == STEPS
    assert len(state[1]) == len(optimizer.slots)


def test_nothing_given_is_changed() -> None:
    optimizer, params = Adam(0.1), start()
    state = optimizer.init(params)
    optimizer.update(gradients_of(0), state, params)
    assert_close(params, start())
    assert_close(state[1][0], {key: np.zeros_like(value) for key, value in start().items()})


def test_training_with_grad() -> None:
    def loss(params: dict[str, Any]) -> Any:
        return np.sum((params["w"] - np.array([3.0, -1.0])) ** 2) + params["b"] ** 2

    optimizer = Adam(0.1)

    @tg.compile(strict=True)
    def step(params: dict[str, Any], state: Any) -> Any:
        return optimizer.update(tg.grad(loss)(params), state, params)

    params: dict[str, Any] = {"w": np.zeros(2), "b": np.array(5.0)}
    state = optimizer.init(params)
    for _ in range(300):
        params, state = step(params, state)
    np.testing.assert_allclose(params["w"], [3.0, -1.0], atol=1e-2)
    np.testing.assert_allclose(params["b"], 0.0, atol=1e-2)


def test_structure_of_gradients() -> None:
    optimizer, params = SGD(), {"w": 1.0}
    with pytest.raises(TreeError, match="grads need the structure of params"):
        optimizer.update([1.0], optimizer.init(params), params)


def test_shape_of_gradients() -> None:
    optimizer, params = SGD(), [np.ones(3)]
    with pytest.raises(ValueError, match=r"needs its shape \(3,\), got \(\)"):
        optimizer.update([1.0], optimizer.init(params), params)


def test_examples() -> None:
    assert doctest.testmod(optimizers).failed == 0
