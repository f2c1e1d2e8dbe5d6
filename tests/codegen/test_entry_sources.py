"""Objects that entries find outside their arguments, and the guards on them."""

from __future__ import annotations

import builtins
import collections
import sys
import types
from typing import Any

import numpy as np
import pytest

from tests.codegen.native_kit import (
    F8,
    MISSED,
    N,
    array,
    elementwise,
    executable,
    n,
    native,
    signature,
)
from tracegraph.codegen.entry_sources import same_value
from tracegraph.codegen.signature import (
    Applied,
    Argument,
    ArrayInput,
    ArrayOutput,
    Attribute,
    Cell,
    ConstantOutput,
    Entry,
    ExactObject,
    Fixed,
    Global,
    Input,
    InputOutput,
    Key,
    Length,
    Missing,
    OtherObject,
    ScalarInput,
    Source,
    Structure,
    argument,
)
from tracegraph.ir.errors import GraphError
from tracegraph.ir.types import ArrayType

ADD = elementwise("add", ["x", "w"], "y", "  %out = fadd double %v0, %v1", count=N)
BUFFERS = {name: (F8, n) for name in "xwy"}


def add_external(source: Source) -> Any:
    """``x + w`` where w comes from elsewhere."""
    external = ArrayInput(source=source, type=ArrayType(F8, (n,)), buffer="w")
    return native(
        executable(
            signature([array(0, (n,), "x"), external], [ArrayOutput("y", (n,))]), BUFFERS, [ADD]
        )
    )


X = np.ones(3)


def test_a_global_is_read_at_each_call() -> None:
    space: dict[str, Any] = {"w": np.arange(3.0)}
    f = add_external(Source(Global(space, "w", vars(builtins))))
    np.testing.assert_array_equal(f(X), [1, 2, 3])
    space["w"] = np.zeros(3)
    np.testing.assert_array_equal(f(X), [1, 1, 1])
    space["w"] = np.zeros(3, "f4")
    assert f(X) is MISSED
    del space["w"]
    assert f(X) is MISSED
    assert sys.exc_info() == (None, None, None)
    space["w"] = np.zeros(3)
    assert f(X) is not MISSED


def test_builtins_stand_behind_globals() -> None:
    space: dict[str, Any] = {}
    f = add_external(Source(Global(space, "w", {"w": np.arange(3.0)})))
    np.testing.assert_array_equal(f(X), [1, 2, 3])
    space["w"] = np.zeros(3)
    np.testing.assert_array_equal(f(X), [1, 1, 1])
    alone = add_external(Source(Global(space, "other")))
    assert alone(X) is MISSED


def test_what_a_function_gives_of_a_checked_object() -> None:
    asked: list[Any] = []

    def doubled(given: list[Any]) -> Any:
        asked.append(given)
        return given[0] * 2

    found = argument(1)
    w = ArrayInput(
        source=Source(Argument(1), (Applied(doubled), Key(slice(None)))),
        type=ArrayType(F8, (n,)),
        buffer="w",
    )
    inputs: list[Input] = [array(0, (n,), "x"), Structure(source=found, type=list), w]
    f = native(executable(signature(inputs, [ArrayOutput("y", (n,))], arguments=2), BUFFERS, [ADD]))
    given = [np.arange(3.0)]
    np.testing.assert_array_equal(f(X, given), [1, 3, 5])
    assert asked == [given]
    assert f(X, (np.arange(3.0),)) is MISSED
    assert asked == [given], "it is not given what is of another type"
    assert f(X, []) is MISSED
    assert len(asked) == 2
    assert sys.exc_info() == (None, None, None)


def test_closure_cells() -> None:
    cell = types.CellType(np.arange(3.0))
    f = add_external(Source(Cell(cell)))
    np.testing.assert_array_equal(f(X), [1, 2, 3])
    cell.cell_contents = np.zeros(3)
    np.testing.assert_array_equal(f(X), [1, 1, 1])
    del cell.cell_contents
    assert f(X) is MISSED


class Model:
    def __init__(self) -> None:
        self.layers = [{"w": np.arange(3.0)}]

    @property
    def broken(self) -> Any:
        raise ValueError("broken")

    @property
    def interrupted(self) -> Any:
        raise KeyboardInterrupt


def test_attributes_and_items() -> None:
    model = Model()
    path = (Attribute("layers"), Key(0), Key("w"))
    f = add_external(Source(Fixed(model), path))
    np.testing.assert_array_equal(f(X), [1, 2, 3])
    model.layers[0]["w"] = np.zeros(3)
    np.testing.assert_array_equal(f(X), [1, 1, 1])
    del model.layers[0]["w"]
    assert f(X) is MISSED
    model.layers.clear()
    assert f(X) is MISSED
    del model.layers
    assert f(X) is MISSED


def test_paths_that_raise() -> None:
    model = Model()
    assert add_external(Source(Fixed(model), (Attribute("broken"),)))(X) is MISSED
    with pytest.raises(KeyboardInterrupt):
        add_external(Source(Fixed(model), (Attribute("interrupted"),)))(X)


def test_paths_start_at_arguments_too() -> None:
    model = Model()
    path = Source(Argument(0), (Attribute("layers"), Key(0), Key("w")))
    inputs: list[Input] = [
        Structure(source=argument(0), type=Model),
        Structure(source=Source(Argument(0), (Attribute("layers"),)), type=list, length=1),
        ArrayInput(source=path, type=ArrayType(F8, (n,)), buffer="w"),
        array(1, (n,), "x"),
    ]
    f = native(executable(signature(inputs, [ArrayOutput("y", (n,))], 2), BUFFERS, [ADD]))
    np.testing.assert_array_equal(f(model, X), [1, 2, 3])
    assert f(object(), X) is MISSED
    assert f(None, X) is MISSED
    model.layers.append({})
    assert f(model, X) is MISSED


def test_structures_of_arguments() -> None:
    inputs: list[Input] = [
        Structure(source=argument(0), type=tuple, length=2),
        ScalarInput(source=Source(Argument(0), (Key(0),)), kind=float, buffer="a"),
        ExactObject(source=Source(Argument(0), (Key(1),)), value="mode"),
    ]
    f = native(executable(signature(inputs, [InputOutput(1)]), {"a": (F8, 1)}, []))
    assert f((1.5, "mode")) == 1.5
    for value in ((1.5,), (1.5, "mode", 3), [1.5, "mode"], (1.5, "other"), (1, "mode"), None):
        assert f(value) is MISSED


def keyed(*keys: Any) -> Any:
    """Return a callable that misses unless it is given a dict with just these keys in order."""
    inputs: list[Input] = [Structure(source=argument(0), type=dict, keys=keys)]
    return native(executable(signature(inputs, [ConstantOutput("right")]), {}, []))


def test_keys_in_their_order() -> None:
    f = keyed("a", "long key", 3, b"bytes")
    made_elsewhere = "".join(["long", " ", "key"])
    for key in ("long key", made_elsewhere):
        assert f({"a": 0, key: 0, 3: 0, b"bytes": 0}) == "right"
    others: list[Any] = [
        {},
        {"a": 0, "long key": 0, 3: 0},
        {"a": 0, "long key": 0, 3: 0, b"bytes": 0, "more": 0},
        {"long key": 0, "a": 0, 3: 0, b"bytes": 0},
        {"a": 0, "long key": 0, 3.0: 0, b"bytes": 0},
        {"a": 0, "long key": 0, 3: 0, "bytes": 0},
        collections.OrderedDict({"a": 0, "long key": 0, 3: 0, b"bytes": 0}),
        [("a", 0)],
    ]
    for other in others:
        assert f(other) is MISSED
    assert keyed()({}) == "right"
    assert keyed()({"a": 0}) is MISSED


def test_deleted_keys_leave_no_trace() -> None:
    f = keyed("a", "b")
    assert f({"x": 0, "a": 0, "b": 0}) is MISSED
    changed = {"x": 0, "a": 0, "b": 0}
    del changed["x"]
    assert f(changed) == "right"
    changed["a"] = changed.pop("a")
    assert f(changed) is MISSED


def test_keys_of_other_types_are_compared_as_constants_are() -> None:
    f = keyed(True, (1, -0.0), 10**30)
    assert f({True: 0, (1, -0.0): 0, 10**30: 0}) == "right"
    assert f({1: 0, (1, -0.0): 0, 10**30: 0}) is MISSED
    assert f({True: 0, (1, 0.0): 0, 10**30: 0}) is MISSED
    assert f({True: 0, (1, -0.0): 0, 10**30 + 1: 0}) is MISSED


class Text(str):
    """Compared by code of its own."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise AssertionError("a guard must not run this")

    __hash__ = str.__hash__


def test_keys_of_users_types_are_known_by_identity() -> None:
    key = Text("a")
    f = keyed(key, "b")
    assert f({key: 0, "b": 0}) == "right"
    for other in (Text("a"), "a"):
        assert f({other: 0, "b": 0}) is MISSED


def test_references_of_keys_stay() -> None:
    parts = (1, "x" * 50)
    f, key = keyed(parts), (1, "".join(["x"] * 50))
    given = {key: 0}
    before = sys.getrefcount(key), sys.getrefcount(given)
    for _ in range(100):
        assert f(given) == "right"
    assert (sys.getrefcount(key), sys.getrefcount(given)) == before


def test_keys_need_a_dict() -> None:
    inputs: list[Input] = [Structure(source=argument(0), type=list, keys=("a",))]
    with pytest.raises(GraphError, match="no keys"):
        executable(signature(inputs, [ConstantOutput(None)]), {}, [])


def guarded(value: Any) -> Any:
    inputs: list[Input] = [ExactObject(source=argument(0), value=value)]
    return native(executable(signature(inputs, [ConstantOutput("same")]), {}, []))


def test_exact_objects() -> None:
    for value in (7, 10**30, 2.5, True, "text", b"bytes", None, (1, "a", (2.0,)), np.dtype("f8")):
        assert guarded(value)(value) == "same"
    assert guarded(10**30)(10**30 + 0) == "same"
    assert guarded("one two")(" ".join(["one", "two"])) == "same"
    assert guarded((1, 2.5))(tuple([1, 2.5])) == "same"
    nan = float("nan")
    assert guarded(nan)(float("nan")) == "same"


@pytest.mark.parametrize(
    ("expected", "other"),
    [
        (1, True),
        (1, 1.0),
        (1, 2),
        (0.0, -0.0),
        (0j, -0j),
        ((1, 2), (1, True)),
        ((1, 2), (1, 2, 3)),
        ((1, 2), [1, 2]),
        ("a", "b"),
        (np.dtype("f8"), np.dtype("f4")),
        ([1], [1]),
        (np.float64(1), np.float64(2)),
        (np.float64(1), 1.0),
        (slice(1, 2), slice(1, 3)),
        (Model, object),
    ],
    ids=repr,
)
def test_other_objects_miss(expected: Any, other: Any) -> None:
    assert guarded(expected)(other) is MISSED
    assert guarded(expected)(expected) == "same"


def test_same_value_does_not_ask_strangers() -> None:
    class Rude:
        def __eq__(self, other: object) -> bool:
            raise AssertionError

        __hash__ = None  # type: ignore[assignment]  # as a class with __eq__ has it

    assert not same_value(Rude(), Rude())
    assert same_value(slice(1, None), slice(1, None))
    assert same_value(np.float32(1), np.float32(1))


def test_references_of_externals_are_balanced() -> None:
    model, space = Model(), {"w": np.zeros(3)}
    weights = model.layers[0]["w"]
    by_path = add_external(Source(Fixed(model), (Attribute("layers"), Key(0), Key("w"))))
    by_name = add_external(Source(Global(space, "w", vars(builtins))))
    missing = add_external(Source(Global(space, "gone", vars(builtins))))
    failing = add_external(Source(Fixed(model), (Attribute("broken"),)))
    wrong = np.ones(4)
    watched = [model, model.layers, model.layers[0], weights, space, space["w"], wrong, X]
    before = [sys.getrefcount(o) for o in watched]
    for _ in range(20_000):
        for f in (by_path, by_name):
            assert f(X) is not MISSED
            assert f(wrong) is MISSED
        assert missing(X) is MISSED
        assert failing(X) is MISSED
    after = [sys.getrefcount(o) for o in watched]
    assert max(abs(a - b) for a, b in zip(before, after, strict=True)) < 5


def checked(*inputs: Input, count: int = 1) -> Any:
    """Return a callable that gives "right" where its inputs are what they should be."""
    return native(executable(signature(list(inputs), [ConstantOutput("right")], count), {}, []))


def test_entries_of_dicts_make_no_missing_items() -> None:
    made = collections.defaultdict(float, a=1.5)
    of_dict = Structure(source=argument(0), type=collections.defaultdict)
    entry = Structure(source=Source(Argument(0), (Entry("a"),)), type=float)
    f = checked(of_dict, entry)
    assert f(made) == "right"
    del made["a"]
    assert f(made) is MISSED
    assert not made
    assert f({"a": 1.5}) is MISSED


def test_lengths_are_ints() -> None:
    length = ExactObject(source=Source(Argument(0), (Length(),)), value=2)
    f = checked(length)
    assert f([1, 2]) == f({"a": 1, "b": 2}) == f("ab") == "right"
    assert f([1]) is MISSED
    assert f(3) is MISSED


def test_what_is_missing() -> None:
    of_dict = Structure(source=argument(0), type=dict)
    f = checked(of_dict, Missing(source=Source(Argument(0), (Entry("a"),))))
    assert f({}) == f({"b": 1}) == "right"
    assert f({"a": None}) is MISSED
    g = checked(Missing(source=Source(Argument(0), (Attribute("w"),))))
    model = Model()
    assert g(model) == "right"
    model.w = 1  # type: ignore[attr-defined]  # it appears
    assert g(model) is MISSED
    unhashable = checked(of_dict, Missing(source=Source(Argument(0), (Entry([]),))))
    assert unhashable({}) is MISSED
    assert sys.exc_info() == (None, None, None)


def test_other_objects() -> None:
    first = Structure(source=argument(0), type=list)
    f = checked(first, OtherObject(source=argument(1), other=0), count=2)
    one: list[int] = []
    assert f(one, []) == f(one, None) == "right"
    assert f(one, one) is MISSED
    with pytest.raises(GraphError):
        checked(OtherObject(source=argument(0), other=3))
