"""Modules: their Variables in order, as trees, and seen by compiled functions when they change."""

import copy
import doctest
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tracegraph import module
from tracegraph.ir.errors import TreeError
from tracegraph.tree import flatten, leaf_paths, tree_map, unflatten


class Dense(tg.Module):
    def __init__(self, weight: Any, bias: Any, activation: str = "tanh") -> None:
        self.activation = activation
        self.weight = tg.Variable(weight, name="weight")
        self.bias = tg.Variable(bias, name="bias")

    def __call__(self, x: Any) -> Any:
        return np.tanh(x @ self.weight + self.bias)


class Net(tg.Module):
    def __init__(self) -> None:
        self.scale = 2.0
        self.layers = [Dense(np.eye(2), np.zeros(2)), Dense(np.ones((2, 2)), np.ones(2))]
        self.mean = np.array([1.0, 2.0])
        self.heads: dict[str, Any] = {"a": tg.Variable(3.0, name="a"), "kept": None}

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return self.scale * x * self.heads["a"] + self.mean


def names(variables: list[tg.Variable]) -> list[str | None]:
    return [variable.name for variable in variables]


# -- Variables ------------------------------------------------------------------------------------


def test_variables_come_in_the_order_of_attributes() -> None:
    assert names(Net().variables) == ["weight", "bias", "weight", "bias", "a"]


def test_shared_variables_come_once() -> None:
    net = Net()
    net.layers[1].weight = net.layers[0].weight
    assert len(net.variables) == 4


def test_variables_of_modules_that_know_each_other() -> None:
    parent, child = tg.Module(), tg.Module()
    parent.child, child.parent = child, parent  # type: ignore[attr-defined]  # any attribute will do
    child.value = tg.Variable(1.0, name="value")  # type: ignore[attr-defined]
    assert names(parent.variables) == names(child.variables) == ["value"]


def test_counters_are_not_trainable() -> None:
    net = Net()
    net.steps = tg.Variable(np.int64(0), name="steps")  # type: ignore[attr-defined]
    assert "steps" in names(net.variables)
    assert "steps" not in names(net.trainable_variables)


# -- calls ----------------------------------------------------------------------------------------


class Doubling(tg.Module):
    def call(self, x: Any, *, times: int = 1) -> Any:
        return x * 2**times


def test_call_is_used_where_there_is_no_own_call_operator() -> None:
    assert Doubling()(3, times=2) == 12


def test_module_without_call_says_so() -> None:
    with pytest.raises(NotImplementedError, match="Module defines neither"):
        tg.Module()()


# -- trees ----------------------------------------------------------------------------------------


def test_children_are_what_holds_arrays() -> None:
    net = Net()
    leaves, structure = flatten(net)
    assert [leaf is net.mean for leaf in leaves] == [False] * 4 + [True, False]
    assert leaf_paths(structure, "net") == [
        "net.layers[0].weight",
        "net.layers[0].bias",
        "net.layers[1].weight",
        "net.layers[1].bias",
        "net.mean",
        "net.heads['a']",
    ]


def test_unflatten_makes_a_module_like_it() -> None:
    net = Net()
    leaves, structure = flatten(net)
    again = unflatten(structure, leaves)
    assert type(again) is Net
    assert list(vars(again)) == list(vars(net))
    assert again.scale == 2.0
    assert again.layers[1].activation == "tanh"
    assert again.variables == net.variables
    assert flatten(again)[1] == structure
    assert hash(flatten(again)[1]) == hash(structure)


@pytest.mark.parametrize(
    "change",
    [
        lambda net: setattr(net, "scale", 3.0),
        lambda net: setattr(net, "scale", 2),
        lambda net: setattr(net.layers[0], "activation", "relu"),
        lambda net: net.layers.append(Dense(np.eye(2), np.zeros(2))),
        lambda net: setattr(net, "more", None),
        lambda net: delattr(net, "mean"),
    ],
)
def test_other_structure(change: Callable[[Net], None]) -> None:
    net, other = Net(), Net()
    assert flatten(net)[1] == flatten(other)[1]
    change(other)
    assert flatten(net)[1] != flatten(other)[1]


def test_tree_map_over_a_module() -> None:
    doubled = tree_map(lambda leaf: np.asarray(leaf) * 2, Net())
    np.testing.assert_array_equal(doubled.layers[0].weight, 2 * np.eye(2))
    np.testing.assert_array_equal(doubled.heads["a"], 6.0)


def test_rest_may_be_unhashable() -> None:
    one, other = tg.Module(), tg.Module()
    one.sizes, other.sizes = [1, 2], [1, 2]  # type: ignore[attr-defined]
    assert flatten(one)[1] == flatten(other)[1]
    other.sizes.append(3)  # type: ignore[attr-defined]
    assert flatten(one)[1] != flatten(other)[1]
    assert hash(flatten(one)[1]) == hash(flatten(other)[1])


def test_slots_are_refused() -> None:
    with pytest.raises(TreeError, match="Slotted has __slots__"):

        class Slotted(tg.Module):
            __slots__ = ("weight",)


def test_a_module_may_be_a_dataclass() -> None:
    @dataclass
    class Affine(tg.Module):
        weight: Any
        power: int = 2

    leaves, structure = flatten(Affine(np.ones(2)))
    assert len(leaves) == 1
    assert unflatten(structure, leaves).power == 2


@pytest.mark.parametrize("way", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])
def test_copies_have_variables_of_their_own(way: Callable[[Net], Net]) -> None:
    net = Net()
    other = way(net)
    other.layers[0].bias.assign([5.0, 5.0])
    np.testing.assert_array_equal(net.layers[0].bias, np.zeros(2))
    np.testing.assert_array_equal(other(np.ones(2)) != net(np.ones(2)), [True, True])


# -- gradients ------------------------------------------------------------------------------------


def test_gradient_by_a_module_is_a_module() -> None:
    def loss(net: Net, x: Any) -> Any:
        return np.sum(net(x) ** 2)

    net, x = Net(), np.array([0.3, -0.2])
    by_module = tg.grad(loss)(net, x)
    with tg.GradientTape() as tape:
        value = loss(net, x)
    by_tape = tape.gradient(value, net.variables)
    assert type(by_module) is Net
    found = [leaf for leaf in flatten(by_module)[0] if leaf is not by_module.mean]
    for one, other in zip(found, by_tape, strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-12)


# -- compiled -------------------------------------------------------------------------------------


def assert_follows(function: Any, *changes: Callable[[], Any]) -> None:
    """Compiled calls give what eager ones give, before and after each change, with no fallback."""
    compiled = tg.compile(function)
    for change in (lambda: None, *changes):
        change()
        for _ in range(2):
            np.testing.assert_allclose(np.asarray(compiled()), np.asarray(function()), rtol=1e-13)
    assert compiled.fallbacks == []


def test_compiled_call_sees_every_change() -> None:
    net, x = Net(), np.array([0.5, -1.0])
    assert_follows(
        lambda: net(x),
        lambda: net.heads["a"].assign(7.0),
        lambda: setattr(net, "scale", 0.25),
        lambda: setattr(net, "mean", np.array([3.0, 3.0])),
        lambda: net.mean.__setitem__(0, -1.0),
        lambda: setattr(net.layers[0], "weight", tg.Variable(np.full((2, 2), 0.5))),
        lambda: net.layers.append(Dense(np.eye(2), np.ones(2))),
        lambda: net.layers.reverse(),
    )


def test_compiled_walk_over_variables_sees_every_change() -> None:
    net = Net()

    def norm() -> Any:
        total = np.float64(0.0)
        for variable in net.variables:
            total = total + np.sum(np.square(variable))
        return total

    assert_follows(
        norm,
        lambda: net.heads["a"].assign(7.0),
        lambda: setattr(net, "scale", tg.Variable(5.0)),
        lambda: setattr(net, "scale", 5.0),
        lambda: setattr(net, "extra", tg.Variable(2.0)),
        lambda: net.layers.pop(),
        lambda: setattr(net, "layers", net.layers[0]),
    )


def test_attributes_that_hold_no_variables_do_not_matter_to_the_walk() -> None:
    net = Net()
    net.labels = np.array(["a", "b"])  # type: ignore[attr-defined]
    net.calls = 0  # type: ignore[attr-defined]
    compiled = tg.compile(lambda: np.sum(net.variables[0]))
    for calls in range(4):
        net.calls = calls  # type: ignore[attr-defined]
        assert float(compiled()) == 2.0
    assert compiled.fallbacks == []
    assert len(compiled.traces) == 1


def test_compiled_method_may_count_its_calls() -> None:
    class Counting(tg.Module):
        def __init__(self) -> None:
            self.calls = 0
            self.weight = tg.Variable(2.0)

        def __call__(self, x: Any) -> Any:
            self.calls = self.calls + 1
            return x * self.weight

    counting = Counting()
    compiled = tg.compile(counting)
    for i in range(5):
        assert float(compiled(np.float64(i))) == 2.0 * i
    assert counting.calls == 5


def test_examples() -> None:
    assert doctest.testmod(module).failed == 0
