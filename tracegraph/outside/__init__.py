"""Stand-ins for mutable containers from outside: lists, dicts, sets and deques.

Only what a function looks at is assumed of a container: an item that is read guards this item,
``len`` the length, iteration everything. A change is made at once, and noted as an effect that each
compiled call performs in order. What the function has written it reads from here, so that nothing
has to be assumed of it: a list that grows from call to call needs no new trace.

Once the recording has ended a stand-in forwards to the container itself.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict, deque

from tracegraph.outside.base import OutsideContainer, looked_at, opened
from tracegraph.outside.mappings import OutsideDict
from tracegraph.outside.sequences import OutsideDeque, OutsideList, OutsideSet

__all__ = ["CONTAINERS", "OutsideContainer", "looked_at", "opened"]

CONTAINERS: dict[type, type[OutsideContainer]] = {
    list: OutsideList,
    deque: OutsideDeque,
    set: OutsideSet,
    dict: OutsideDict,
    OrderedDict: OutsideDict,
    defaultdict: OutsideDict,
    Counter: OutsideDict,
}
"""What stands for containers, by their exact class."""
