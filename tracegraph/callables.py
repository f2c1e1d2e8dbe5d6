"""What is known of functions and classes by themselves: which are pure, which only rearrange."""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import numpy as np

from tracegraph.numpy.followed import PURE_OF_NUMPY, is_about_dtypes
from tracegraph.numpy.table import RULES
from tracegraph.operators import IN_PLACE

PURE_MODULES = frozenset({"math", "cmath", "operator", "_operator", "itertools", "numpy"})
"""Modules whose functions have no effects: what they give for plain values is known."""

READS = {
    list: {"index", "count", "copy", "__len__"},
    tuple: {"index", "count"},
    dict: {"get", "keys", "values", "items", "copy"},
    str: None,
    bytes: None,
    int: None,
    float: None,
    bool: None,
    range: None,
    slice: None,
}
"""Methods of builtin types that change nothing; None: all of them."""

PASSING = (
    list, tuple, dict, set, zip, enumerate, map, filter, reversed, sorted, iter, next, all, any,
    frozenset, range, slice, str.join, callable, id, issubclass, type, isinstance, len,
    sum, min, max, abs, round, divmod,
    functools.partial, object, staticmethod, classmethod, property, super,
)  # fmt: skip
"""Builtins that only rearrange what they are given, or ask it in ways that stand-ins answer."""

PASSING_SET = dict.fromkeys(PASSING, True)

KEEPING = (functools.partial, type, super, staticmethod, classmethod, property)
"""Builtins that keep what they are given, and do not look into it."""

WRITING_OPERATORS = dict.fromkeys((*IN_PLACE, operator.setitem, operator.delitem), True)
"""Functions that change their first argument by a special method of its own."""

CALLING_BACK = (map, filter, sorted, min, max, functools.reduce, iter)
"""Builtins that call a function they are given."""

ASKING_NOTHING = frozenset(
    {isinstance, type, callable, id, issubclass, object, super, property, staticmethod, classmethod}
)
"""Builtins that ask no object anything that it answers by itself."""


def lookup(table: Any, function: Any) -> Any:
    """Return what a table has for a function, or None."""
    try:
        return table.get(function)
    except TypeError:  # an unhashable callable stands in no table
        return None


def is_harmless(function: Any) -> bool:
    """Return whether a call surely changes nothing outside of what it is given."""
    owner = getattr(function, "__self__", None)
    if isinstance(owner, (np.ndarray, np.generic, str, int, float)):
        return True
    return bool(lookup(PASSING_SET, function)) or lookup(RULES, function) is not None


def is_ours(function: Any) -> bool:
    """Return whether a class is tracegraph's own, made for being used in recorded code."""
    module = getattr(function, "__module__", None) or ""
    return isinstance(function, type) and module.partition(".")[0] == "tracegraph"


def is_pure(function: Any) -> bool:
    """Return whether a function has no effect and its result is known for plain values."""
    module = getattr(function, "__module__", None) or ""
    if isinstance(function, type) and issubclass(function, (np.generic, np.dtype)):
        return True
    if module.startswith("numpy"):
        return function in PURE_OF_NUMPY or is_about_dtypes(function)
    return module in PURE_MODULES or function in (
        math.prod, divmod, pow, hash, repr, str, bytes, chr, ord, hex, bool, int, float, complex,
    )  # fmt: skip
