"""Trees: flatten and unflatten are inverse, structures are told apart exactly, cycles are named."""

import doctest
import enum
from collections import OrderedDict, UserDict, defaultdict, namedtuple
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tracegraph import containers, tree
from tracegraph.ir.errors import TreeError
from tracegraph.tree import flatten, leaf_paths, leaves_in_order, register_node, tree_map, unflatten


class Point(NamedTuple):
    x: Any
    y: Any


class Labelled(namedtuple("Labelled", ["value"])):  # a subclass with a __dict__
    def __new__(cls, value: Any, label: str) -> "Labelled":
        self = super().__new__(cls, value)
        self.label = label
        return self

    label: str


@dataclass
class Layer:
    weight: Any
    bias: Any = None


@dataclass(frozen=True, slots=True)
class Frozen:
    a: Any
    b: Any = field(default=0, init=False)


@dataclass
class Counted:
    a: Any
    start: InitVar[int] = 0
    made = 0

    def __post_init__(self, start: int) -> None:
        Counted.made += 1
        self.extra = [self.a, start]

    @cached_property
    def twice(self) -> Any:
        return (self.a, self.a)


class Opaque:
    """A class that nobody registered."""


class Pair:
    def __init__(self, a: Any, b: Any) -> None:
        self.a, self.b = a, b

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pair) and (self.a, self.b) == (other.a, other.b)

    __hash__ = None  # type: ignore[assignment]


register_node(Pair, lambda p: ((p.a, p.b), None), lambda _, children: Pair(*children))


class Named(Pair):
    pass


register_node(
    Named,
    lambda p: (iter([p.a, p.b]), ("a", "b")),
    lambda _, children: Named(*children),
    names_fn=lambda aux: aux,
)

LEAVES = st.integers() | st.floats(allow_nan=False) | st.text(max_size=2) | st.booleans()
# The text of a structure has a star for each leaf, so that keys have none.
TEXTS = st.text(st.characters(exclude_characters="*"), max_size=2)
KEYS = TEXTS | st.integers(-2, 2) | st.booleans() | st.just((1, "a"))


def _containers(children: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        st.lists(children, max_size=3),
        st.lists(children, max_size=3).map(tuple),
        st.dictionaries(KEYS, children, max_size=3),
        st.dictionaries(KEYS, children, max_size=3).map(OrderedDict),
        st.dictionaries(KEYS, children, max_size=3).map(partial(defaultdict, list)),
        st.builds(Point, children, children),
        st.builds(Layer, children, children),
        st.builds(Frozen, children),
        st.builds(Pair, children, children),
        st.builds(Named, children, children),
    )


TREES = st.recursive(LEAVES | st.none(), _containers, max_leaves=12)


@given(TREES)
def test_unflatten_inverts_flatten(t: Any) -> None:
    leaves, treedef = flatten(t)
    again = unflatten(treedef, leaves)
    assert type(again) is type(t)
    assert again == t
    assert treedef.num_leaves == len(leaves) == len(leaf_paths(treedef))
    assert str(treedef).count("*") == len(leaves)
    leaves_again, treedef_again = flatten(again)
    assert all(a is b for a, b in zip(leaves, leaves_again, strict=True))
    assert treedef_again == treedef
    assert hash(treedef_again) == hash(treedef)


@given(TREES)
def test_paths_lead_to_the_leaves(t: Any) -> None:
    leaves, treedef = flatten(t)
    assume("Pair(" not in str(treedef))  # it has no names, so its children are only counted
    for path, leaf in zip(leaf_paths(treedef, "t"), leaves, strict=True):
        assert eval(path, {"t": t}) is leaf


@given(TREES, TREES)
def test_structures_are_equal_exactly_if_their_texts_are(t: Any, other: Any) -> None:
    # repr of the keys tells 1 and True apart, and so must the structures
    a, b = flatten(t)[1], flatten(other)[1]
    assert (a == b) == (str(a) == str(b))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((1,), [1]),
        ((1, 2), Point(1, 2)),
        ({"a": 1}, OrderedDict(a=1)),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        ({1: 0}, {True: 0}),
        ({1: 0}, {1.0: 0}),
        ({0.0: 0}, {-0.0: 0}),
        ({(1, 0.0): 0}, {(True, 0.0): 0}),
        (defaultdict(int, a=1), defaultdict(None, a=1)),
        ((), None),
        ((), []),
        (Layer(1, 2), Layer(1)),
        (((1, 2), 3), (1, (2, 3))),
        (1, (1,)),
    ],
)
def test_structures_told_apart(one: Any, other: Any) -> None:
    assert flatten(one)[1] != flatten(other)[1]


@pytest.mark.parametrize("nan", [float("nan"), np.float64("nan")])
def test_nan_key_equals_itself(nan: float) -> None:
    assert flatten({nan: 1})[1] == flatten({nan: 2})[1]


def test_structure_is_not_equal_to_other_things() -> None:
    assert flatten((1,))[1] != "(*,)"


@pytest.mark.parametrize(
    "leaf",
    [
        1,
        "text",
        b"bytes",
        range(3),
        {1, 2},
        np.arange(3),
        np.float64(1),
        Opaque(),
        Point,
        Layer,
        UserDict(a=1),
        type("MyList", (list,), {})([1]),
        np.zeros(2, [("a", int)]),
        type("Failure", (Exception,), {})(),
        enum.Enum("Colour", "red").red,  # type: ignore[attr-defined]
    ],
)
def test_leaves(leaf: Any) -> None:
    leaves, treedef = flatten(leaf)
    assert leaves[0] is leaf
    assert len(leaves) == 1
    assert unflatten(treedef, leaves) is leaf


def test_members_of_a_dataclass_enum_are_leaves() -> None:
    class Size(Layer, enum.Enum):
        small = (1, 2)

    assert flatten(Size.small)[0] == [Size.small]


def test_dataclass_exception_is_a_leaf() -> None:
    @dataclass
    class Failed(Exception):
        code: int

    failure = Failed(3)
    assert flatten(failure)[0] == [failure]


def test_dataclass_is_rebuilt_without_its_constructor() -> None:
    original = Counted(1.0, 5)
    assert original.twice == (1.0, 1.0)  # from now on in __dict__
    made = Counted.made
    leaves, treedef = flatten(original)
    again = unflatten(treedef, leaves)
    assert Counted.made == made
    assert type(again) is Counted
    assert again.__dict__ == original.__dict__
    assert leaf_paths(treedef, "c") == [
        "c.a",
        "c.extra[0]",
        "c.extra[1]",
        "c.twice[0]",
        "c.twice[1]",
    ]


def test_missing_field_stays_missing() -> None:
    layer = Layer(1, 2)
    del layer.weight
    leaves, treedef = flatten(layer)
    assert leaves == [2]
    assert not hasattr(unflatten(treedef, leaves), "weight")


def test_namedtuple_subclass_keeps_class_and_attributes() -> None:
    leaves, treedef = flatten(Labelled(1, label="one"))
    again = unflatten(treedef, leaves)
    assert type(again) is Labelled
    assert (again.value, again.label) == (1, "one")


def test_numpy_results_are_named_tuples() -> None:
    result = np.linalg.eigh(np.eye(2))
    leaves, treedef = flatten(result)
    assert str(treedef) == "EighResult(eigenvalues=*, eigenvectors=*)"
    assert type(unflatten(treedef, leaves)) is type(result)


def test_defaultdict_keeps_its_factory() -> None:
    again = tree_map(lambda x: x + 1, defaultdict(list, a=1))
    assert again == {"a": 2}
    assert again["b"] == []


def test_texts_of_structures(golden: Callable[[str, str], None]) -> None:
    shown = [
        1,
        (),
        (1,),
        (1, [2, None]),
        {"w": 1, 2: {}},
        OrderedDict(a=1),
        defaultdict(int, a=1),
        Point(1, (2,)),
        Layer({"w": 1}),
        Pair(1, Named(2, [3])),
    ]
    defs = [flatten(t)[1] for t in shown]
    golden("structures", "\n".join(f"{d}   {' '.join(leaf_paths(d, 't'))}" for d in defs))


def test_leaves_in_the_order_of_other_dicts() -> None:
    one, leaves = {"a": 1, "b": [2, {1: 3, True + 1: 4}]}, [1, 2, 3, 4]
    other = {"b": [0, {2: 0, 1: 0}], "a": 0}
    found = leaves_in_order(leaves, flatten(one)[1], flatten(other)[1])
    assert found == [2, 4, 3, 1]
    assert leaves_in_order(leaves, flatten(one)[1], flatten(one)[1]) == leaves


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "c": 2}),
        ({"a": 1, "b": 2}, {"a": 1}),
        ({"a": 1, 1: 2}, {True: 2, "a": 1}),
        ({"a": 1, "b": [2]}, {"b": (2,), "a": 1}),
        ({"a": 1, "b": [2]}, {"b": 2, "a": 1}),
        (OrderedDict(a=1, b=2), OrderedDict(b=2, a=1)),
        ({"a": 1, "b": 2}, [1, 2]),
    ],
)
def test_no_order_of_leaves_for_other_structures(one: Any, other: Any) -> None:
    for first, second in ((one, other), (other, one)):
        leaves, treedef = flatten(first)
        assert leaves_in_order(leaves, treedef, flatten(second)[1]) is None


def test_tree_map_takes_several_trees() -> None:
    assert tree_map(lambda a, b, c: a + b * c, (1, [2]), (3, [4]), (5, [6])) == (16, [26])


def test_tree_map_names_both_structures() -> None:
    with pytest.raises(TreeError, match=r"got \(\*, \*\) and, as tree 3, \(\*,\)"):
        tree_map(max, (1, 2), (1, 2), (1,))


@pytest.mark.parametrize("leaves", [[], [1], [1, 2, 3]])
def test_wrong_number_of_leaves(leaves: list[int]) -> None:
    with pytest.raises(TreeError, match=rf"\(\*, \*\) needs 2 leaves.* got {len(leaves)}"):
        unflatten(flatten((0, 0))[1], leaves)


def test_registering_twice() -> None:
    for cls in (Pair, dict):
        with pytest.raises(TreeError, match="is a container already"):
            register_node(cls, lambda p: ((), None), lambda _, children: None)


def test_registering_makes_a_known_leaf_a_container() -> None:
    class Late(list[Any]):
        pass

    assert flatten(Late([1, 2]))[0] == [[1, 2]]
    register_node(Late, lambda t: (t, None), lambda _, children: Late(children))
    assert flatten(Late([1, 2]))[0] == [1, 2]


def test_cycles_are_named() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    with pytest.raises(TreeError, match=r"tree\[1\] is tree again"):
        flatten(loop)
    inner: dict[str, Any] = {"w": 0}
    inner["self"] = Layer(1, (2, inner, 3))
    with pytest.raises(TreeError, match=r"tree\[1\]\['self'\].bias\[1\] is tree\[1\] again"):
        flatten((0, inner, 4))


def test_shared_containers_are_no_cycles() -> None:
    shared = [1]
    leaves, treedef = flatten((shared, [shared], (), (), None, None))
    assert leaves == [1, 1]
    assert unflatten(treedef, leaves) == ([1], [[1]], (), (), None, None)


def test_fresh_children_are_no_cycles() -> None:
    """A container made by flatten_fn must not be freed while its id stands for it."""

    class Fresh:
        pass

    register_node(Fresh, lambda _: ([[[[1]]], [[[2]]]], None), lambda _, children: Fresh())
    assert flatten([Fresh() for _ in range(50)])[0] == [1, 2] * 50


def test_depth_is_not_limited() -> None:
    nested: Any = 1
    for _ in range(100_000):
        nested = [nested]
    leaves, treedef = flatten(nested)
    assert leaves == [1]
    assert hash(treedef) == hash(flatten(nested)[1])
    assert treedef == flatten(nested)[1]
    assert len(str(treedef)) == 200_001
    while isinstance(
        nested, list
    ):  # freed one by one: Python itself frees nested lists recursively
        nested = nested[0]


def test_many_classes_are_not_kept() -> None:
    for i in range(3000):
        flatten([type(f"C{i}", (), {})()])
    assert len(containers.KINDS) <= 1024
    assert flatten((1, [2]))[0] == [1, 2]


@pytest.mark.parametrize("module", [tree, containers])
def test_examples_in_docstrings(module: Any) -> None:
    assert doctest.testmod(module).failed == 0
