"""Numbers that may be Python's or NumPy's, as data decides: ``t = 0.0``, then ``t += x[i]`` or not.

Both are float64, but not all that is done to them gives the same. So an iteration is drawn for
either, and has to compute the same; which of them a number is at the end is carried as a bool.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tracegraph.control.drawing import Predicate, part_between, structure_of
from tracegraph.control.joins import End
from tracegraph.control.variables import NUMPYS, kind_of, may_be_carried, start_value
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.graph import Graph, Value, attrs_key
from tracegraph.ir.ops.choice import select
from tracegraph.ir.passes.carries import tidy_loops
from tracegraph.ir.passes.inner import everywhere
from tracegraph.recording import Recording
from tracegraph.standin import ABSENT


def flags_of(names: Mapping[str, Any], mixed: Iterable[str]) -> dict[str, bool]:
    """Return for each name that may be either what it is."""
    return {NUMPYS + name: kind_of(names[name]) is np.float64 for name in mixed}


def agreed(
    recording: Recording,
    numpys: End,
    pythons: End,
    given: Mapping[str, Any],
    sources: Sequence[Value],
    mixed: Iterable[str],
) -> End:
    """Return where an iteration ends, whichever its numbers are.

    Parameters
    ----------
    recording : Recording
        Where it is drawn.
    numpys, pythons : End
        Where it ends if all numbers that may be either are NumPy's, or Python's.
    given : mapping of str to object
        What the flags are at its beginning.
    sources : sequence of Value
        What stands for all that is given to an iteration.
    mixed : iterable of str
        The names of those numbers.

    Raises
    ------
    AbstractValueError
        It computes other values.
    """
    flags = {NUMPYS + name for name in mixed}
    computed = [name for name in numpys.names if name not in flags]
    pairs = [_both(name, numpys, pythons) for name in computed]
    pairs += zip(numpys.memory.values(), pythons.memory.values(), strict=True)
    values = [_values(recording, *pair) for pair in pairs]
    if None in values or not _compute_alike(recording, sources, [v for v in values if v]):
        raise AbstractValueError(
            "a loop computes something else with a Python float than with NumPy's, and which of "
            "them a name holds depends on data; start with np.float64(0)"
        )
    chosen = {
        flag: _chosen(recording, given[flag], *_both(flag, numpys, pythons)) for flag in flags
    }
    return End(numpys.names | chosen, numpys.memory, _united(numpys.assumed, pythons.assumed))


def _both(name: str, numpys: End, pythons: End) -> tuple[Any, Any]:
    return numpys.names.get(name), pythons.names.get(name)


def _values(recording: Recording, one: Any, other: Any) -> tuple[Value, ...] | None:
    """Return the values of two things; none if they have none, None if they are different."""
    if type(one) is Value:
        return one, other
    if may_be_carried(one) and may_be_carried(other):
        return start_value(recording, one), start_value(recording, other)
    return () if one is other or type(one) is type(other) else None


def _compute_alike(
    recording: Recording, sources: Sequence[Value], pairs: Sequence[tuple[Value, ...]]
) -> bool:
    """Return whether the two of each pair are computed in the same way.

    Loops inside may carry flags besides: these are left out.
    """
    if all(one.node is other.node for one, other in pairs):
        return True
    parts = [part_between(recording, sources, [pair[k] for pair in pairs], None) for k in (0, 1)]
    frontiers = [part.frontier for part in parts]
    one, other = (_structure(everywhere(tidy_loops, part.graph)) for part in parts)
    return bool(frontiers[0] == frontiers[1] and one == other)


def _structure(graph: Graph) -> Any:
    """Return the structure of a graph and of those inside."""

    def key(value: Any) -> Any:
        if type(value) is tuple:
            return tuple(map(key, value))
        return _structure(value) if isinstance(value, Graph) else attrs_key(value)

    return structure_of(graph, key)


def _chosen(recording: Recording, given: Any, numpys: Any, pythons: Any) -> Any:
    """Return what a flag is after an iteration, by what it was before."""
    if type(given) is bool:
        return numpys if given else pythons
    values = (start_value(recording, one) for one in (given, numpys, pythons))
    return recording.fresh(ABSENT, select(*values), bool)


def _united(one: list[Predicate], other: list[Predicate]) -> list[Predicate]:
    known = {predicate.node for predicate, _ in one}
    return [*one, *(each for each in other if each[0].node not in known)]
