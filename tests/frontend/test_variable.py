"""Variables: identity, assignment, and both inside compiled functions."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.support import Counted

X = np.array([1.0, 2.0, 3.0])
pytestmark = pytest.mark.filterwarnings("ignore::tracegraph.FallbackWarning")


def test_a_variable_copies_its_first_value() -> None:
    memory = X.copy()
    variable = tg.Variable(memory, name="w", dtype=np.float32)
    memory[0] = 9
    np.testing.assert_array_equal(variable.numpy(), X)
    assert variable.dtype == np.float32
    assert (variable.name, variable.trainable, variable.shape) == ("w", True, (3,))
    assert repr(tg.Variable(3.0)) == "Variable(3.)"


def test_assignments() -> None:
    variable = tg.Variable(X)
    assert variable.assign(X * 2) is variable
    assert variable.assign_add(1.0) is variable
    assert variable.assign_sub(tg.Tensor(X)) is variable
    np.testing.assert_array_equal(variable.numpy(), X + 1)
    variable.assign(5)
    np.testing.assert_array_equal(variable.numpy(), [5.0, 5.0, 5.0])
    assert variable.dtype == np.float64
    with pytest.raises(ValueError, match="broadcast"):
        variable.assign(np.ones(4))
    np.testing.assert_array_equal(variable.numpy(), [5.0, 5.0, 5.0])


def test_an_assigned_value_is_a_copy() -> None:
    variable, memory = tg.Variable(X), X * 2
    old = variable.numpy()
    variable.assign(memory)
    memory[0] = 99
    np.testing.assert_array_equal(variable.numpy(), X * 2)
    np.testing.assert_array_equal(old, X)
    value = variable.value()
    variable.assign_add(1.0)
    np.testing.assert_array_equal(value.numpy(), X * 2)


def test_operators_give_tensors() -> None:
    variable = tg.Variable(X)
    for result in (
        variable + 1,
        1 + variable,
        variable * X,
        X * variable,
        np.sin(variable),
        variable[0],
        variable.sum(),
    ):
        assert type(result) is tg.Tensor


@pytest.mark.parametrize("how", ["closure", "global", "argument", "attribute", "list", "dict"])
def test_reads_and_assignments_in_a_compiled_function(how: str) -> None:
    class Box:
        v: Any

    variables = []
    for compiled in (False, True):
        variable = tg.Variable(X)
        box, items, names = Box(), [variable], {"v": variable}
        box.v = variable

        def step(
            a: Any,
            given: Any,
            variable: Any = variable,
            box: Any = box,
            items: Any = items,
            names: Any = names,
        ) -> Any:
            w = {"closure": variable, "global": variable, "argument": given, "attribute": box.v,
                 "list": items[0], "dict": names["v"]}[how]  # fmt: skip
            before = w * 1.0
            w.assign_sub(0.1 * a)
            middle = w.sum()
            w.assign(w * 2.0)
            return before, middle, w + 0.0

        function: Any = tg.compile(step) if compiled else step
        seen = [[part.numpy() for part in function(X + n, variable)] for n in range(4)]
        variable.assign(X * 7)
        seen += [[part.numpy() for part in function(X, variable)] for n in range(2)]
        variables.append((variable.numpy(), seen))
    np.testing.assert_allclose(variables[0][0], variables[1][0], rtol=1e-13)
    for plain, fast in zip(variables[0][1], variables[1][1], strict=True):
        for one, two in zip(plain, fast, strict=True):
            np.testing.assert_allclose(two, one, rtol=1e-13)


def test_training_steps_are_native() -> None:
    w, b = tg.Variable(0.0), tg.Variable(0.0)
    x = np.linspace(-1, 1, 50)
    y = 3 * x + 2

    def step() -> Any:
        with tg.GradientTape() as tape:
            loss = np.mean((w * x + b - y) ** 2)
        dw, db = tape.gradient(loss, [w, b])
        w.assign_sub(0.1 * dw)
        b.assign_sub(0.1 * db)
        return loss

    compiled = Counted(step)
    losses = [float(compiled()) for _ in range(300)]
    assert compiled.slow == 1, compiled.compiled.fallbacks
    assert losses[-1] < 1e-6 < losses[0]
    assert abs(float(w) - 3) < 1e-2
    assert abs(float(b) - 2) < 1e-2


def test_assignment_before_a_guard_that_fails_happens_once() -> None:
    count, total = tg.Variable(0), tg.Variable(0.0)

    @tg.compile
    def step(a: Any) -> Any:
        count.assign_add(1)
        if a.sum() > 0:
            total.assign_add(a.sum())
            return a * 2
        total.assign_sub(1.0)
        if a[0] < -5:
            raise ValueError("low")
        return a * 3

    expected = 0.0
    for n, value in enumerate([X, -X, X, -X, X * 2, -X * 9, X, -X], start=1):
        expected += value.sum() if value.sum() > 0 else -1.0
        if value[0] < -5:
            with pytest.raises(ValueError, match="low"):
                step(value)
        else:
            np.testing.assert_array_equal(step(value), value * (2 if value.sum() > 0 else 3))
        assert int(count) == n
        assert float(total) == expected


def test_another_variable_of_another_shape_is_another_call() -> None:
    @tg.compile
    def double(v: Any) -> Any:
        v.assign(v * 2.0)
        return v.sum()

    for shape in [(3,), (4,), (2, 2), (), (5,), (3,)]:
        variable = tg.Variable(np.ones(shape))
        for n in range(3):
            assert float(double(variable)) == 2.0 ** (n + 1) * max(1.0, float(np.prod(shape)))


def test_a_variable_rebound_to_another_is_seen() -> None:
    class Model:
        w = tg.Variable(1.0)

    model = Model()
    compiled = tg.compile(lambda a: model.w * a)
    for value in (1.0, 2.0, 3.0):
        model.w = tg.Variable(value)
        for _ in range(2):
            np.testing.assert_array_equal(compiled(X).numpy(), value * X)
    model.w = 5.0  # type: ignore[assignment]
    np.testing.assert_array_equal(compiled(X), 5 * X)


def test_a_variable_returned_is_itself() -> None:
    variable = tg.Variable(X)
    compiled = tg.compile(lambda a: (variable, variable.assign_add(a), [variable]))
    for n in range(3):
        first, second, (third,) = compiled(X)
        assert first is second is third is variable
        np.testing.assert_array_equal(variable.numpy(), X * (n + 2))


def test_a_variable_made_inside() -> None:
    compiled = tg.compile(lambda a: (lambda v: v.assign_add(1.0) + a)(tg.Variable(a * 2)))
    for n in range(3):
        np.testing.assert_array_equal(compiled(X + n).numpy(), (X + n) * 3 + 1)


def test_copies_and_pickles() -> None:
    variable = tg.Variable(X, name="w", trainable=False)
    for twin in (
        copy.copy(variable),
        copy.deepcopy(variable),
        pickle.loads(pickle.dumps(variable)),
    ):
        assert type(twin) is tg.Variable
        assert (twin.name, twin.trainable) == ("w", False)
        twin.assign(X * 0)
        np.testing.assert_array_equal(variable.numpy(), X)


def test_items_of_a_variable() -> None:
    for compiled in (False, True):
        variable = tg.Variable(X)

        def write(a: Any, variable: Any = variable) -> Any:
            variable[0] = a[0]
            variable[1:] *= 2.0
            return variable.sum()

        function: Any = tg.compile(write) if compiled else write
        for n in range(3):
            assert float(function(X * 10)) == 10 + 5 * 2.0 ** (n + 1)
        np.testing.assert_array_equal(variable.numpy(), [10.0, 16.0, 24.0])
