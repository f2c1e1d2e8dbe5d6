"""``einsum``: a subscript string taken apart, and its contraction pair by pair.

A label is a letter. The axes that ``...`` stands for get the labels ``.0``, ``.1``, ... counted
from the last one, so that ellipses of different length broadcast as NumPy's do.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from string import ascii_lowercase, ascii_uppercase
from typing import Any, TypeAlias

import numpy as np

from tracegraph.ir.graph import Value
from tracegraph.ir.ops.compose import iota_beside, take_axis
from tracegraph.ir.ops.contract import dot_general, permuted, reshaped, summed
from tracegraph.ir.ops.index import gather
from tracegraph.ir.record import record
from tracegraph.ir.size_values import hint
from tracegraph.ir.sizes import Dim

Labels: TypeAlias = "tuple[str, ...]"
LETTERS = ascii_uppercase + ascii_lowercase
"""The labels in the order that NumPy gives them: the integers of its list form are places here."""


@record(eq=True)
class Term:
    """A factor, and the label of each of its axes."""

    value: Value
    labels: Labels

    @property
    def lengths(self) -> dict[str, Dim]:
        return dict(zip(self.labels, self.value.shape, strict=True))


def einsum(subscripts: str, *operands: Value) -> Value:
    """Return ``np.einsum(subscripts, *operands)``.

    Parameters
    ----------
    subscripts : str
        Any that NumPy takes: with or without ``->``, with ``...``, repeated and lone labels.
    *operands : Value
        Arrays of one dtype; lengths may be symbols.

    Raises
    ------
    ValueError
        The subscripts are not well formed, or do not fit the operands.
    """
    inputs, output = parse(subscripts, [x.ndim for x in operands])
    terms = [Term(x, labels) for x, labels in zip(operands, inputs, strict=True)]
    terms = [_diagonal(term) for term in terms]
    lengths = _joint_lengths(terms)
    terms = [_without_ones(term, lengths) for term in terms]
    for positions in _order(terms, output):
        picked = [terms[i] for i in positions]
        terms = [term for i, term in enumerate(terms) if i not in positions]
        terms.append(_contract(picked, {*output, *_labels_of(terms)}))
    return _arranged(terms[0], output)


def parse(subscripts: str, ranks: Sequence[int]) -> tuple[list[Labels], Labels]:
    """Return the labels of each operand and of the result.

    >>> parse("...ij,jk", [3, 2])
    ([('.0', 'i', 'j'), ('j', 'k')], ('.0', 'i', 'k'))
    """
    left, arrow, right = "".join(subscripts.split()).partition("->")
    parts = left.split(",")
    if len(parts) != len(ranks):
        raise ValueError(
            f"einsum subscripts {subscripts!r} name {len(parts)} operands, got {len(ranks)}"
        )
    inputs = [_labels(part, rank) for part, rank in zip(parts, ranks, strict=True)]
    spread = max((_ellipsis_rank(labels) for labels in inputs), default=0)
    if arrow:
        output = _labels(right, len(right.replace("...", "")) + ("..." in right) * spread)
    else:
        output = _implicit_output(inputs, spread)
    _check_output(output, inputs, spread)
    return inputs, output


def _labels(part: str, rank: int) -> Labels:
    """Return the labels of the axes of one operand."""
    if not re.fullmatch(r"[A-Za-z]*(\.\.\.)?[A-Za-z]*", part):
        raise ValueError(f"einsum subscripts are letters and at most one '...', got {part!r}")
    before, dots, after = part.partition("...")
    extra = rank - len(before) - len(after)
    if extra < 0 or (extra and not dots):
        raise ValueError(f"einsum subscripts {part!r} do not fit an operand of {rank} axes")
    return (*before, *_ellipsis(extra), *after)


def _ellipsis(rank: int) -> Labels:
    return tuple(f".{i}" for i in range(rank - 1, -1, -1))


def _ellipsis_rank(labels: Labels) -> int:
    return sum(label.startswith(".") for label in labels)


def _implicit_output(inputs: Iterable[Labels], spread: int) -> Labels:
    """Return the ellipsis, then the letters that occur once, in alphabetical order."""
    counts = Counter(label for labels in inputs for label in labels if not label.startswith("."))
    return (*_ellipsis(spread), *sorted(label for label, count in counts.items() if count == 1))


def _check_output(output: Labels, inputs: Sequence[Labels], spread: int) -> None:
    known = {label for labels in inputs for label in labels}
    if len(set(output)) != len(output) or not known.issuperset(output):
        raise ValueError(f"einsum's result needs distinct labels of its operands, got {output}")
    if _ellipsis_rank(output) != spread:
        raise ValueError("einsum's result needs '...' where the operands' '...' stand for axes")


def from_sublists(*arguments: Any) -> tuple[str, list[Any]]:
    """Return subscripts and operands of the list form ``einsum(x, [0, 1], y, [1, 2], [0, 2])``."""
    count = len(arguments) // 2
    names = [_sublist_text(sublist) for sublist in arguments[1 : 2 * count : 2]]
    given = arguments[2 * count :]
    output = f"->{_sublist_text(given[0])}" if given else ""
    return ",".join(names) + output, list(arguments[: 2 * count : 2])


def _sublist_text(sublist: Sequence[Any]) -> str:
    return "".join("..." if item is Ellipsis else LETTERS[item] for item in sublist)


def _diagonal(term: Term) -> Term:
    """Return a term with each label once: the diagonal of axes that have the same label."""
    value, labels = term.value, term.labels
    while len(set(labels)) < len(labels):
        label = next(one for one in labels if labels.count(one) > 1)
        first = labels.index(label)
        second = labels.index(label, first + 1)
        value = diagonal(value, first, second)
        labels = (label, *(one for i, one in enumerate(labels) if i not in (first, second)))
    return Term(value, labels)


def diagonal(x: Value, first: int, second: int) -> Value:
    """Return the elements where two axes have the same index, as the first axis."""
    n = x.shape[first]
    if x.shape[second] != n:
        raise ValueError(f"a diagonal needs axes of one length, got {n} and {x.shape[second]}")
    if isinstance(n, int):
        others = tuple(axis for axis in range(x.ndim) if axis not in (first, second))
        square = permuted(x, (first, second, *others))
        return take_axis(reshaped(square, (n * n, *square.shape[2:])), 0, 0, n, n + 1)
    # The step of a slice is a number, so a symbolic length takes computed places.
    places = iota_beside(x, (n,), 0)
    out: Value = gather(x, places, places, axes=(first, second))
    return out


def _joint_lengths(terms: Iterable[Term]) -> dict[str, Dim]:
    """Return the length of each label: that of the axes that are not to be stretched."""
    joint: dict[str, Dim] = {}
    for term in terms:
        for label, length in term.lengths.items():
            known = joint.setdefault(label, length)
            if known == 1:
                joint[label] = length
            elif length not in (1, known):
                raise ValueError(f"einsum's label {label!r} has the lengths {known} and {length}")
    return joint


def _without_ones(term: Term, lengths: Mapping[str, Dim]) -> Term:
    """Drop axes of length 1 that would be stretched: their one element serves every index."""
    kept = {label: n for label, n in term.lengths.items() if n == lengths[label]}
    return Term(reshaped(term.value, tuple(kept.values())), tuple(kept))


def _order(terms: Sequence[Term], output: Labels) -> list[tuple[int, ...]]:
    """Return which terms to contract at each step; the result of a step comes last.

    NumPy's greedy search on the lengths seen while recording, or all in order where there are none.
    """
    numbers = {label: i for i, label in enumerate(dict.fromkeys(_labels_of(terms)))}
    hints = [[hint(n) for n in term.value.shape] for term in terms]
    if len(terms) <= 2 or len(numbers) > len(LETTERS) or any(None in shape for shape in hints):
        return [tuple(range(len(terms)))]
    arguments: list[Any] = []
    for term, shape in zip(terms, hints, strict=True):
        stand_in = np.broadcast_to(0.0, [n or 0 for n in shape])
        arguments += [stand_in, [numbers[label] for label in term.labels]]
    arguments.append([numbers[label] for label in output])
    path = np.einsum_path(*arguments, optimize="greedy")[0]
    return [tuple(step) for step in path[1:]]


def _labels_of(terms: Iterable[Term]) -> list[str]:
    return [label for term in terms for label in term.labels]


def _contract(terms: Sequence[Term], keep: set[str]) -> Term:
    """Return the product of some terms, summed over every label that is not kept."""
    result = terms[0]
    for i, term in enumerate(terms[1:], 2):
        result = _pair(result, term, keep.union(_labels_of(terms[i:])))
    return _summed_out(result, keep)


def _summed_out(term: Term, keep: Collection[str]) -> Term:
    axes = tuple(i for i, label in enumerate(term.labels) if label not in keep)
    return Term(summed(term.value, axes), tuple(label for label in term.labels if label in keep))


def _pair(x: Term, y: Term, keep: set[str]) -> Term:
    x, y = _summed_out(x, keep | set(y.labels)), _summed_out(y, keep | set(x.labels))
    shared = [label for label in x.labels if label in y.labels]
    batch = [label for label in shared if label in keep]
    contract = [label for label in shared if label not in keep]
    sums, runs = ((_axes(x, some), _axes(y, some)) for some in (contract, batch))
    free = (label for label in (*x.labels, *y.labels) if label not in shared)
    return Term(dot_general(x.value, y.value, sums, runs), (*batch, *free))


def _axes(term: Term, labels: Iterable[str]) -> tuple[int, ...]:
    return tuple(term.labels.index(label) for label in labels)


def _arranged(term: Term, output: Labels) -> Value:
    return permuted(term.value, _axes(term, output))
