"""What is carried: trees of arrays and numbers, which come out as they went in.

An array without axes is handed to functions as a NumPy scalar, as NumPy's own functions return it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np

from tracegraph import tree
from tracegraph.ir.record import record
from tracegraph.ir.types import INT64, ArrayType
from tracegraph.outside import opened
from tracegraph.standin import PYTHON_SCALARS, ArrayHolder, Traced, TracedSize, no_value
from tracegraph.values import is_abstract, real_of

Kind: TypeAlias = type[Any]


@record(eq=True)
class Leaf:
    """What one leaf of a tree is.

    Parameters
    ----------
    type : ArrayType
        Its dtype and shape.
    kind : type
        ``np.ndarray``, ``np.generic``, or the type of a Python number.
    """

    type: ArrayType
    kind: Kind

    def __str__(self) -> str:
        if self.is_number:
            return f"a Python {self.kind.__name__}"
        dims = ", ".join(map(str, self.type.shape))
        return f"{self.type.dtype}[{dims}]"

    @property
    def is_number(self) -> bool:
        """Whether it is a Python number."""
        return self.kind in PYTHON_SCALARS

    def takes(self, other: Leaf) -> bool:
        """Return whether another leaf can become this one without losing anything.

        A Python number gives way to what is carried, as it does in NumPy's operators.
        """
        if other.type == self.type:
            return True
        if not other.is_number or other.kind is bool or self.type.shape:
            return False
        dtype = self.type.dtype
        return dtype.kind != "b" and np.result_type(other.kind(0), dtype) == dtype

    def made(self, value: Any) -> Any:
        """Return a real value as what this leaf is, with memory of its own."""
        if self.kind is np.ndarray:
            return np.array(value, self.type.dtype, order="C")
        return self.kind(value) if self.is_number else self.type.dtype.type(value)

    def handed_over(self, value: Any) -> Any:
        """Return a value of this leaf as a function gets it."""
        return value if self.type.shape or self.kind is not np.ndarray else value[()]


def leaf_of(value: Any) -> Leaf:
    """Return what a leaf is, of real values or of stand-ins."""
    if isinstance(value, ArrayHolder):
        return leaf_of(value._read())
    if type(value) is TracedSize:
        return Leaf(ArrayType(INT64), int)
    if type(value) is Traced and not value.recording.is_noting:
        return leaf_of(real_leaf(value))
    if type(value) is Traced:
        kind = value.kind
        return Leaf(value.value.type, np.generic if issubclass(kind, np.generic) else kind)
    if type(value) in PYTHON_SCALARS:
        return Leaf(ArrayType(np.asarray(value).dtype), type(value))
    if isinstance(value, np.generic):
        return Leaf(ArrayType(value.dtype), np.generic)
    if isinstance(value, np.ndarray):
        return Leaf(ArrayType(value.dtype, value.shape), np.ndarray)
    raise TypeError(f"a {type(value).__name__}; use arrays and numbers, in tuples, lists and dicts")


@record
class Form:
    """The structure of a tree, and what its leaves are.

    Parameters
    ----------
    what : str
        The tree and the function that it is for, for messages.
    treedef : TreeDef
        The structure.
    leaves : tuple of Leaf
        What the leaves are.
    """

    what: str
    treedef: tree.TreeDef
    leaves: tuple[Leaf, ...]

    @staticmethod
    def of(what: str, whole: Any) -> tuple[Form, list[Any]]:
        """Return the form of a tree, and its leaves."""
        values, treedef = tree.flatten(opened(whole))
        leaves = []
        for place, value in enumerate(values):
            try:
                leaves.append(leaf_of(value))
            except TypeError as why:
                path = tree.leaf_paths(treedef, what)[place]
                raise TypeError(f"{path} is {why}") from None
        return Form(what, treedef, tuple(leaves)), values

    def tree(self, leaves: Iterable[Any]) -> Any:
        """Return a tree of this structure."""
        return tree.unflatten(self.treedef, leaves)

    def handed_over(self, leaves: Sequence[Any]) -> Any:
        """Return a tree of this structure as a function gets it."""
        pairs = zip(self.leaves, leaves, strict=True)
        return self.tree([leaf.handed_over(value) for leaf, value in pairs])

    def check(self, whole: Any) -> list[Any]:
        """Return the leaves of a tree that a function gives in the place of one of this form.

        The keys of dicts may stand in another order; that of this form is kept.

        Raises
        ------
        TypeError
            It has another structure, or a leaf is not of the same dtype and shape.
        """
        found, values = Form.of(self.what, whole)
        pairs = list(zip(found.leaves, values, strict=True))
        ordered = tree.leaves_in_order(pairs, found.treedef, self.treedef)
        if ordered is None:
            raise TypeError(
                f"{self.what} has the structure {self.treedef}, but the function returns "
                f"{found.treedef}; return the same containers"
            )
        for place, (old, (new, _)) in enumerate(zip(self.leaves, ordered, strict=True)):
            if not old.takes(new):
                path = tree.leaf_paths(self.treedef, self.what)[place]
                raise TypeError(f"{path} is {old}, but the function returns {_advice(old, new)}")
        return [value for _, value in ordered]


def _advice(old: Leaf, new: Leaf) -> str:
    """Return what a function gives, and what to write instead."""
    if new.type.shape != old.type.shape:
        return f"{new} for it; return an array of the same shape"
    if old.is_number:
        return f"{new} for it; start with a number of that type, or convert the result"
    return f"{new} for it; convert the result, as by .astype(np.{old.type.dtype})"


def real_leaf(value: Any) -> Any:
    """Return the real value of a leaf."""
    if isinstance(value, ArrayHolder):
        value = value._read()
    if type(value) is Traced and is_abstract(value):
        no_value("what is carried")
    return real_of(value)


def copied(form: Form, values: Sequence[Any], given: Sequence[Any] = ()) -> list[Any]:
    """Return leaves with memory of their own; those that were ``given`` have it already.

    Parameters
    ----------
    form : Form
        What they are to be.
    values : sequence
        The leaves that a function returned.
    given : sequence, optional
        The leaves that it got.
    """
    own = dict(enumerate(given))
    return [
        value if own.get(place) is value else leaf.made(real_leaf(value))
        for place, (leaf, value) in enumerate(zip(form.leaves, values, strict=True))
    ]
