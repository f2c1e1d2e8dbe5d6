"""Copies and pickles: a compiled function is treated as a function is."""

import copy
import io
import pickle
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.interop import helpers

X = np.linspace(0.1, 1, 5)


def again(value: Any, protocol: int = pickle.DEFAULT_PROTOCOL) -> Any:
    return pickle.loads(pickle.dumps(value, protocol))


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", ["decorated", "slope", "factorial"])
def test_a_decorated_function_is_pickled_by_its_name(name: str, protocol: int) -> None:
    function = getattr(helpers, name)
    assert again(function, protocol) is function
    assert again([function, function], protocol) == [function, function]


def test_a_compiled_function_under_another_name_is_its_function_and_options() -> None:
    for _ in range(2):
        helpers.fast(X)
    made = again(helpers.fast)
    assert isinstance(made, tg.Compiled)
    assert made is not helpers.fast
    assert made.eager is helpers.plain
    assert made._fp == "contract"
    assert made.traces == []
    np.testing.assert_allclose(made(X), helpers.plain(X))
    np.testing.assert_allclose(made(X), helpers.plain(X))
    assert len(made.traces) == 1


def test_transformations_of_a_function() -> None:
    for made in (
        tg.grad(helpers.decorated),
        tg.value_and_grad(helpers.decorated),
        tg.jacobian(helpers.plain),
        tg.hessian(helpers.decorated),
        tg.vmap(helpers.decorated, in_axes=0),
        tg.compile(tg.grad(helpers.decorated), strict=True),
        tg.compile(tg.value_and_grad(helpers.decorated), verify="first"),
    ):
        argument = X[:, None] if "vmap" in repr(made) else X
        expected, got = made(argument), again(made)(argument)
        pairs = zip(expected, got, strict=True) if type(got) is tuple else [(expected, got)]
        for one, other in pairs:
            np.testing.assert_allclose(one, other, rtol=1e-14)


def test_methods() -> None:
    model = helpers.Model(np.ones(5))
    bound = again(model.predict)
    np.testing.assert_allclose(bound(X), X.sum())
    assert again(helpers.Model.static) is helpers.Model.static
    assert again(helpers.Model.predict) is helpers.Model.predict
    assert again(helpers.Model.made)(X).weight[0] == np.sqrt(X[0])
    np.testing.assert_allclose(again(model).norm, np.sqrt(5))


def test_a_partial() -> None:
    made = again(helpers.scaled)
    assert made.func is helpers.decorated
    np.testing.assert_allclose(made(X), (X**3).sum())


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_of_a_function_is_the_function(copied: Any) -> None:
    local = tg.compile(lambda x: x + 1)
    for function in (helpers.decorated, helpers.slope, local, tg.grad(local)):
        assert copied(function) is function
    assert copied({"f": local})["f"] is local


def test_what_pickle_refuses_of_functions_it_refuses_here() -> None:
    def inside(x: Any) -> Any:
        return x

    for function in (inside, lambda x: x):
        with pytest.raises((pickle.PicklingError, AttributeError)):
            pickle.dumps(function)
        with pytest.raises((pickle.PicklingError, AttributeError)):
            pickle.dumps(tg.compile(function))


def test_the_pure_python_pickler() -> None:
    file = io.BytesIO()
    pickle._Pickler(file).dump([helpers.decorated, helpers.fast])
    decorated, fast = pickle.loads(file.getvalue())
    assert decorated is helpers.decorated
    assert fast.eager is helpers.plain


def test_tensors_and_variables() -> None:
    tensor, variable = tg.Tensor(X), tg.Variable(X, name="w", trainable=False)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        one, other = again(tensor, protocol), again(variable, protocol)
        assert type(one) is tg.Tensor
        np.testing.assert_array_equal(one.numpy(), X)
        assert (type(other), other.name, other.trainable) == (tg.Variable, "w", False)
        np.testing.assert_array_equal(other.numpy(), X)
    for copied in (copy.copy, copy.deepcopy):
        twin = copied(tensor)
        twin[0] = 9
        assert tensor[0] == X[0]
        changed = copied(variable)
        changed.assign(X + 1)
        np.testing.assert_array_equal(variable.numpy(), X)
        assert changed.name == "w"
    first, second = copy.deepcopy([tensor, tensor])
    assert first is second
    first, second = again([variable, variable])
    assert first is second
