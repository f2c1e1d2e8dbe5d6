"""The plain meaning: Python's own loops and branches, on real values.

Functions get copies. What they write into an array that they are given is theirs, and changes
neither what the caller passed nor what was returned before.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tracegraph.control.leaves import Form, Leaf, copied, leaf_of, real_leaf
from tracegraph.ir.types import BOOL, ArrayType

Function = Callable[..., Any]


def truth(what: str, value: Any) -> bool:
    """Return a condition as a Python bool, if it is one bool."""
    check_truth(what, value)
    return bool(real_leaf(value))


def check_truth(what: str, value: Any) -> None:
    """Raise unless a condition is one bool."""
    leaf = leaf_of(value)
    if leaf.type != ArrayType(BOOL):
        raise TypeError(
            f"{what} is {leaf}, but one bool decides; compare, or take np.any or np.all of it"
        )


class State:
    """What is carried from one iteration to the next."""

    def __init__(self, what: str, init: Any) -> None:
        self.form, values = Form.of(what, init)
        self.leaves = copied(self.form, values)

    def tree(self) -> Any:
        """Return it as it comes out."""
        return self.form.tree(self.leaves)

    def handed_over(self) -> Any:
        """Return it as the function gets it."""
        return self.form.handed_over(self.leaves)

    def replace(self, whole: Any) -> None:
        """Take what the function returned."""
        self.leaves = copied(self.form, self.form.check(whole), self.leaves)


def while_loop(test: Function, body: Function, init: Any) -> Any:
    """``tg.while_loop`` in plain Python."""
    state = State("the carry of tg.while_loop", init)
    while truth("the condition of tg.while_loop", test(state.handed_over())):
        state.replace(body(state.handed_over()))
    return state.tree()


def fori_loop(lower: int, upper: int, body: Function, init: Any) -> Any:
    """``tg.fori_loop`` in plain Python."""
    state = State("the carry of tg.fori_loop", init)
    for index in range(lower, upper):
        state.replace(body(index, state.handed_over()))
    return state.tree()


def scan(what: str, f: Function, init: Any, xs: Any, length: int, reverse: bool) -> Any:
    """``tg.scan`` in plain Python."""
    state = State(f"the carry of {what}", init)
    form, arrays = Form.of(f"the xs of {what}", xs)
    rows = Form(form.what, form.treedef, tuple(map(row_of, form.leaves)))
    stacks = Stacks(what, length)

    def row(index: int) -> Any:
        values = [real_leaf(array)[index] for array in arrays]
        return rows.handed_over(copied(rows, values))

    order = range(length)
    for index in reversed(order) if reverse else order:
        carry, y = f(state.handed_over(), row(index))
        state.replace(carry)
        stacks.store(index, y)
    if not length:  # what the results would be is learnt from an example
        with np.errstate(all="ignore"):
            carry, y = f(state.handed_over(), rows.handed_over(_zeros(rows)))
        state.form.check(carry)
        stacks.begin(y)
    return state.tree(), stacks.tree()


def common_length(what: str, xs: Any, length: Any) -> int:
    """Return how many rows arrays have; ``length`` says it too if it is not None."""
    shapes = [np.shape(real_leaf(x)) for x in Form.of(f"the xs of {what}", xs)[1]]
    if () in shapes:
        raise ValueError(f"{what} goes along the first axis of xs, but a number has none")
    lengths = [shape[0] for shape in shapes]
    if length is not None:
        lengths.insert(0, operator.index(real_leaf(length)))
    if not lengths:
        raise ValueError(f"{what} needs arrays in xs, or a length")
    if len(set(lengths)) > 1:
        raise ValueError(f"{what} needs xs of one length, got {', '.join(map(str, lengths))}")
    if lengths[0] < 0:
        raise ValueError(f"{what} needs a length that is not negative, got {lengths[0]}")
    return int(lengths[0])


def _zeros(form: Form) -> list[Any]:
    return [leaf.made(np.zeros(leaf.type.shape, leaf.type.dtype)) for leaf in form.leaves]


def row_of(leaf: Leaf) -> Leaf:
    """Return what the rows of an array are."""
    shape = leaf.type.shape[1:]
    return Leaf(leaf.type.with_shape(shape), np.ndarray if shape else np.generic)


class Stacks:
    """The results of all iterations, in arrays with one row for each."""

    def __init__(self, what: str, length: int) -> None:
        self.what, self.length = f"the y of {what}", length
        self.form: Form | None = None
        self.arrays: list[Any] = []

    def begin(self, y: Any) -> Form:
        """Make the arrays, for results like the first one."""
        self.form, _ = Form.of(self.what, y)
        self.arrays = [
            np.zeros((self.length, *leaf.type.shape), leaf.type.dtype) for leaf in self.form.leaves
        ]
        return self.form

    def store(self, index: int, y: Any) -> None:
        """Keep the result of one iteration."""
        form = self.form or self.begin(y)
        for array, value in zip(self.arrays, form.check(y), strict=True):
            array[index] = real_leaf(value)

    def tree(self) -> Any:
        """Return the stacks in the structure of the results."""
        assert self.form is not None
        return self.form.tree(
            stack_of(leaf, self.length).made(array)
            for leaf, array in zip(self.form.leaves, self.arrays, strict=True)
        )


def stack_of(leaf: Leaf, length: Any) -> Leaf:
    """Return what a stack of such leaves is."""
    return Leaf(leaf.type.with_shape((length, *leaf.type.shape)), np.ndarray)


def branch(what: str, function: Function, operands: Sequence[Any]) -> Any:
    """Call one of several branches; numbers that it returns become NumPy scalars."""
    state = State(f"the operands of {what}", tuple(operands))
    given = state.handed_over()
    form, values = Form.of(f"the result of {what}", function(*given))
    form = Form(form.what, form.treedef, tuple(map(result_of, form.leaves)))
    return form.tree(copied(form, values))


def result_of(leaf: Leaf) -> Leaf:
    """Return what a branch's result comes out as: an array or a NumPy scalar."""
    return Leaf(leaf.type, np.ndarray if leaf.type.shape else np.generic)
