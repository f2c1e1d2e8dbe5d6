"""Names that are not bound where a loop reads them: what Python raises, and what catches that."""

from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import program
from tests.frontend.support import agree, made

X = np.arange(1.0, 4)

UNBOUND = {
    "a name that the loop binds": (
        "def f(x):\n    for i in range(20):\n        if i > 30: p = x\n        x = x + p\n"
        "    return x, p\n",
        UnboundLocalError,
    ),
    "a name that the loop binds later": (
        "def f(x):\n    i = 0\n    while i < 20:\n        x = x * 2\n        if i > 3: x = x + p\n"
        "        i += 1\n        if i > 30: p = i\n    return x\n",
        UnboundLocalError,
    ),
    "the condition": (
        "def f(x):\n    while x[0] < bound:\n        bound = 3\n        x = x + 1\n    return x\n",
        UnboundLocalError,
    ),
    "a name of a function around": (
        "def f(x):\n    def read(): return p\n    for i in range(20):\n        x = x + read()\n"
        "        p = x\n    return x\n",
        NameError,
    ),
    "a name of nobody": (
        "def f(x):\n    for i in range(20):\n        x = x + nothing\n    return x\n",
        NameError,
    ),
}


@pytest.mark.parametrize("name", UNBOUND)
def test_names_that_are_not_bound_in_a_loop(name: str) -> None:
    source, kind = UNBOUND[name]
    make = program(source)
    agree(make, (X,), (X,))
    with pytest.raises(kind) as caught:
        tg.compile(make()[0])(X)
    assert type(caught.value) is kind


CAUGHT = {
    "its own words": "raise NameError('t is bad', name='t')\n        t = t * 0.9",
    "in a handler": "try: x = x * t\n        except UnboundLocalError: x = x + 1\n        t = 0.5",
    "in any": "try: x = x * t[0]\n        except Exception: x = x + 1\n        t = [0.5, x.sum()]",
    "suppressed": "with contextlib.suppress(NameError): x = x * t\n        t = 0.5",
}


@pytest.mark.parametrize("what", CAUGHT)
@pytest.mark.parametrize("first", ["", "t = [1.0]", "t = 2.0"])
def test_what_catches_that_a_name_is_not_bound(what: str, first: str) -> None:
    source = f"import contextlib\ndef f(x):\n    {first or 'pass'}\n    for i in range(9):\n"
    make = program(source + f"        {CAUGHT[what]}\n    return x\n")
    agree(make, (X,), (X * 2,), (X,))


def test_the_context_of_a_name_that_is_not_bound() -> None:
    make = program(
        "def f(x):\n    try: raise KeyError('a')\n    except KeyError:\n"
        "        for i in range(20):\n            x = x * t\n            t = 0.5\n"
    )
    for function in (make()[0], tg.compile(make()[0])):
        with pytest.raises(UnboundLocalError) as caught:
            function(X)
        assert type(caught.value.__context__) is KeyError
        assert caught.value.__cause__ is None


def test_a_name_that_an_inner_loop_may_bind() -> None:
    def last(x: Any) -> Any:
        t = x * 1
        for i in range(len(x)):
            for _ in range(i):
                found = t
            t = t + x[i]
        return t, found

    agree(made(last), *((np.arange(1.0, n),) for n in (21, 21, 30)))
