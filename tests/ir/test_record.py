"""Records behave as frozen-for-the-type-checker data classes do."""

from __future__ import annotations

import copy
from dataclasses import field
from typing import Any

import pytest

from tracegraph.ir.record import record, record_class, replace


@record(eq=True)
class Point:
    x: int
    y: int = 0
    label: str = field(default="", compare=False, repr=False)


@record
class Plain:
    x: int


@record(kw_only=True)
class Named:
    x: int = 1
    y: int


@record(slots=True)
class Slotted:
    x: int
    y: int = 2

    @property
    def total(self) -> int:
        return self.x + self.y


@record(eq=True)
class Nothing:
    pass


@record(eq=True)
class Own:
    x: int

    def __hash__(self) -> int:
        return 7

    def __repr__(self) -> str:
        return "own"


def test_fields_are_given_by_position_and_by_name() -> None:
    for point in (Point(1, 2, "a"), Point(1, y=2, label="a"), Point(label="a", y=2, x=1)):
        assert (point.x, point.y, point.label) == (1, 2, "a")
    assert (Point(1).y, Point(1).label) == (0, "")
    assert (Named(y=3).x, Named(y=3).y) == (1, 3)


def test_wrong_arguments_are_named() -> None:
    wrong: Any = Point
    with pytest.raises(TypeError, match=r"Point.__init__\(\) missing 1 required .* 'x'"):
        wrong()
    with pytest.raises(TypeError, match="unexpected keyword argument 'z'"):
        wrong(1, z=2)
    with pytest.raises(TypeError, match="from 2 to 4 positional arguments but 5 were given"):
        wrong(1, 2, "a", 4)
    named: Any = Named
    with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given"):
        named(1)
    with pytest.raises(TypeError, match="missing 1 required keyword-only argument: 'y'"):
        named()


def test_a_field_without_default_after_one_with_a_default_is_refused() -> None:
    class Bad:
        x: int = 0
        y: int

    with pytest.raises(TypeError, match="Bad: a field without default"):
        record_class(Bad, eq=False, kw_only=False, slots=False)


def test_a_default_that_is_made_for_each_record_is_refused() -> None:
    class Bad:
        x: list[int] = field(default_factory=list)

    with pytest.raises(TypeError, match="one immutable value"):
        record_class(Bad, eq=False, kw_only=False, slots=False)


def test_equality_and_hash() -> None:
    assert Point(1, 2, "a") == Point(1, 2, "b")
    assert hash(Point(1, 2, "a")) == hash(Point(1, 2, "b"))
    assert Point(1, 2) != Point(2, 1)
    other: Any = (1, 0)
    assert Point(1) != other
    assert Plain(1) != Plain(1)
    assert Nothing() == Nothing()
    assert Own(1) == Own(1)
    assert hash(Own(1)) == 7


def test_text() -> None:
    assert repr(Point(1, 2, "a")) == "Point(x=1, y=2)"
    assert repr(Nothing()) == "Nothing()"
    assert repr(Own(1)) == "own"


def test_slots() -> None:
    slotted: Any = Slotted(1)
    assert (slotted.y, slotted.total) == (2, 3)
    assert not hasattr(slotted, "__dict__")
    with pytest.raises(AttributeError):
        slotted.z = 1


def test_replace_copy_and_match() -> None:
    changed = replace(Point(1, 2, "a"), y=5)
    assert (changed.x, changed.y, changed.label) == (1, 5, "a")
    assert replace(Named(y=2), x=3).y == 2
    assert copy.copy(Slotted(4)).x == 4
    match Point(1, 2):
        case Point(x, y):
            assert (x, y) == (1, 2)
