"""Ways through loops that raise when they are drawn, without values, and not in fact."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.support import agree, made
from tracegraph import evaluate
from tracegraph.control import running

X, ONE = np.linspace(0.3, 0.9, 12), np.ones(1)

# -- nobody catches: as an example an index is 1, and `y` has one element --------------------------


def reads(x: Any, y: Any) -> Any:
    s = x.sum()
    for i in range(len(x)):
        k = int(x[i])
        if k < 1:
            s = s + y[k]
    return s


def writes(x: Any, y: Any) -> Any:
    s = x.sum()
    for i in range(len(x)):
        k = int(x[i])
        if k < 1:
            y[k] = s
            s = s + 1
    return s, y


def counts(x: Any, y: Any) -> Any:
    n = 0
    for i in range(len(x)):
        k = int(x[i])
        if k < 1:
            n += 1
            y[k] += 1
    return n, y


def leaves(x: Any, y: Any) -> Any:
    for i in range(len(x)):
        k = int(x[i])
        if k < 1 and y[k] > 0:
            break
    else:
        return "none", i
    return "found", i


def returns(x: Any, y: Any) -> Any:
    for i in range(len(x)):
        k = int(x[i])
        if k < 1:
            return y[k] + i
    return x


def appends(x: Any, y: Any) -> Any:
    found = []
    for i in range(len(x)):
        k = int(x[i])
        if k < 1:
            found.append(y[k] + i)
    return np.array(found)


# -- the function itself catches ------------------------------------------------------------------


def index_error(x: Any, y: Any) -> Any:
    s = x.sum()
    for i in range(len(x)):
        try:
            z = y[int(x[i])]
        except IndexError:
            z = 7
        s = s + z
    return s


def inner_loop(x: Any, y: Any) -> Any:
    s = x.sum()
    for i in range(len(x)):
        last: Any = None
        for j in range(i):
            last = x[j]
        try:
            s = s + last
        except Exception:
            s = s - y[0]
    return s


def suppressed(x: Any, y: Any) -> Any:
    s = x.sum()
    for i in range(len(x)):
        last: Any = "a"
        for j in range(i):
            last = x[j]
        with contextlib.suppress(TypeError, NameError):
            s = s + last
        s = s - y[0]
    return s


def function_inside(x: Any, y: Any) -> Any:
    s = x.sum()

    def held() -> Any:
        try:
            return z
        except NameError:
            return 100.0

    for i in range(len(x)):
        s = s + held()
        z = x[i] * y
    return s


def own(x: Any, y: Any) -> Any:
    s = x.sum()
    for i in range(len(x)):
        try:
            if x[i] > 0.5:
                raise ValueError("too large")
            s = s + y[0]
        except ValueError:
            s = s * 0.5
    return s


PROGRAMS = [
    reads, writes, counts, leaves, returns, appends, index_error, inner_loop, suppressed,
    function_inside, own,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_values(program: Any) -> None:
    calls = [(X * k, y) for k in (1, 1, 0.5) for y in (ONE, ONE * 2)]
    agree(made(program), *calls, (X, np.ones(3)), (X * 2, np.ones(3)), (X, ONE))


def test_what_a_function_raises_itself_is_a_way_as_any() -> None:
    compiled = tg.compile(own)
    for k in (1.0, 0.5, 2.0):
        compiled(X * k, ONE)
    assert len(compiled.traces) == 1
    assert not compiled.fallbacks


def test_what_is_missing_is_not_caught_in_functions_that_loops_are_given() -> None:
    def body(s: Any, v: Any) -> Any:
        k = 0
        try:
            k = 1 if v > 0.5 else 2
        except Exception:
            k = 5
        return s * 0.5 + k, s

    def program(x: Any) -> Any:
        return tg.scan(body, x[0], x)

    agree(made(program), (X,), (X,), (X * 0.5,))


# -- the last item of a list ----------------------------------------------------------------------


def in_another_list(x: Any, y: Any) -> Any:
    a = x + y
    ys, zs = [a], []
    for i in range(len(x)):
        zs.append(ys[-1])
        ys.append(x * i)
        a *= 0.5
    return ys, zs, np.array(zs)


def until_data_says(x: Any, y: Any) -> Any:
    ys, zs = [x * 2], []
    while True:
        zs.append(ys[-1])
        ys.append(ys[-1] * 0.5)
        if ys[-1][0] < y[0] * 0.01:
            break
    return ys, zs


@pytest.mark.parametrize("program", [in_another_list, until_data_says])
def test_a_last_item_that_is_appended_again(program: Any) -> None:
    agree(made(program), *((X * k, ONE) for k in (1, 2, 0.5)))


# -- what else such a way does: `t` has one element, and is found at 0 ----------------------------

TABLE = np.full(1, 9.0)


def binds_from_none(x: Any, t: Any) -> Any:
    label = None
    for i in range(len(x)):
        k = np.searchsorted(t, x[i])
        if k < len(t):
            label = t[k]
    return label


def binds_unbound(x: Any, t: Any) -> Any:
    for i in range(len(x)):
        k = np.searchsorted(t, x[i])
        if k < len(t):
            label = t[k]
    return label


def binds_a_function(x: Any, t: Any) -> Any:
    function: Any = np.sin
    for i in range(len(x)):
        k = np.searchsorted(t, x[i])
        if k < len(t):
            t[k]
            function = np.cos
    return function(x)


def binds_a_list(x: Any, t: Any) -> Any:
    found: Any = []
    for i in range(len(x)):
        k = np.searchsorted(t, x[i])
        if k < len(t):
            found = [t[k], i]
    return found


def changes_a_dict(x: Any, t: Any) -> Any:
    found = {"a": 0.0}
    for i in range(len(x)):
        k = np.searchsorted(t, x[i])
        if k < len(t):
            found["a"] = t[k] + i
    return found


def changes_an_item_of_a_list(x: Any, t: Any) -> Any:
    held: Any = [[]]
    for i in range(len(x)):
        k = np.searchsorted(t, x[i])
        if k < len(t):
            held[0].append(t[k] + i)
    return held


def moves_the_index(x: Any, t: Any) -> Any:
    for i in range(len(x)):
        k = int(np.searchsorted(t, x[i]))
        if k < len(t):
            i = i + 10
            t[k]
    return i


EFFECTS = (
    binds_from_none, binds_unbound, binds_a_function, binds_a_list, changes_a_dict,
    changes_an_item_of_a_list, moves_the_index,
)  # fmt: skip


@pytest.mark.parametrize("program", EFFECTS, ids=lambda one: one.__name__)
def test_what_else_a_way_does_that_raised_without_values(program: Any) -> None:
    agree(made(program), (X, TABLE), (X, TABLE), (X * 20, TABLE), (X, np.array([0.1, 0.5, 9.0])))


def test_what_a_way_that_raised_without_values_does_outside() -> None:
    log: dict[str, list[Any]] = {"n": []}

    def counts_found(x: Any, t: Any) -> Any:
        for i in range(len(x)):
            k = np.searchsorted(t, x[i])
            if k < len(t):
                log["n"].append(t[k] + i)
        return len(log["n"])

    compiled = tg.compile(counts_found)
    assert [compiled(X, TABLE), compiled(X, TABLE)] == [12, 24]
    assert [float(one) for one in log["n"]] == [9.0 + i for i in range(12)] * 2


def test_what_the_graph_raises_behind_such_a_way_is_not_the_users() -> None:
    """There it goes on with zeros, of which no inverse exists."""

    def moved(x: Any, y: Any) -> Any:
        for _ in range(20):
            x = x + y[int(x[0])] * 0.01 if x[0] > 0 else np.linalg.inv(np.outer(x, x)) @ x
        return x

    x = np.full(3, 0.1)
    agree(made(moved), (x, ONE * 0.5), (x, ONE * 0.5), (-x, ONE))


def test_a_way_that_a_statement_ends_is_no_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each loop with an `assert` were computed twice at the first call."""
    asked = []

    def holds(recording: Any, value: Any) -> bool:
        asked.append(value)
        return evaluate.holds(recording, value)

    monkeypatch.setattr(running, "holds", holds)

    def checked(x: Any, t: Any) -> Any:
        s = 0.0
        for i in range(len(x)):
            s += x[i]
            assert s < 50, "too large"
            if x[i] > 5:
                raise ValueError(x[i])
        return s

    agree(made(checked), (X, TABLE), (X, TABLE), (X * 10, TABLE))
    assert not asked
    agree(made(binds_from_none), (X, TABLE * 0))
    assert asked


# -- functions that are mapped --------------------------------------------------------------------


def test_a_mapped_function_that_catches_what_asks_for_a_value_is_drawn_on_all_ways() -> None:
    def doubled(v: Any) -> Any:
        try:
            if v > 0:
                return v * 2
        except Exception:
            return v * 0
        return v

    for mapped in (tg.vmap(doubled), tg.compile(tg.vmap(doubled))):
        assert mapped(X - 0.5).tolist() == [doubled(v) for v in X - 0.5]


def test_a_mapped_function_does_not_catch_what_comes_of_examples() -> None:
    def looked_up(v: Any) -> Any:
        try:
            return TABLE[np.searchsorted(TABLE, v)] * v
        except IndexError:
            return v * 0

    for mapped in (tg.vmap(looked_up), tg.compile(tg.vmap(looked_up))):
        with pytest.raises(tg.TracegraphError, match="may be caught"):
            mapped(X)
