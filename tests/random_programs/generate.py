"""Makes random programs: statement by statement, each kept only if NumPy runs it without a warning.

What is drawn is text. The program so far is run on all its arguments after each statement, so what
fits is not predicted but tried, and the types of the variables are known to the next statement.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.random_programs.expressions import Expressions
from tests.random_programs.program import Parameter, Program, leaves, run

Choose = Callable[[Sequence[Any]], Any]

DTYPES = ("float64", "float64", "float64", "float32", "float32", "int64", "int32", "bool",
          "float64", "float32", "int64", "uint8", "complex128")  # fmt: skip
SHAPES = (("n",), ("m",), ("n", "m"), ("n", "m"), ("m", "n"), ("n", "n"), (), ("one", "m"))
LAYOUTS = ("c", "c", "c", "f", "step", "back", "shifted")
SIZES = (
    ({"n": 5, "m": 3}, {"n": 7, "m": 4}, {"n": 9, "m": 6}),
    ({"n": 5, "m": 3}, {"n": 8, "m": 3}, {"n": 13, "m": 3}),
    ({"n": 4, "m": 33}, {"n": 4, "m": 70}, {"n": 6, "m": 129}),
    ({"n": 2, "m": 3}, {"n": 1, "m": 3}, {"n": 0, "m": 2}),
    ({"n": 3, "m": 3}, {"n": 4, "m": 4}, {"n": 3, "m": 5}),
)
LARGEST = 1e4


def make_program(choose: Choose) -> Program:
    """Return a program that runs on its arguments."""
    return Maker(choose).program()


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Draw a program."""
    return make_program(lambda things: draw(st.sampled_from(things)))


class Maker:
    """Grows one program.

    Parameters
    ----------
    choose : callable
        Draws one of some things.
    """

    def __init__(self, choose: Choose) -> None:
        self.choose = choose
        self.made = 0

    def program(self) -> Program:
        count = self.choose((1, 2, 2, 3))
        params = tuple(self.parameter(name) for name in "abc"[:count])
        sizes = self.choose(SIZES)
        sizes = tuple({**s, "one": 1} for s in sizes)
        overlap = count > 1 and bool(params[0].dims) and self.choose(range(24)) == 0
        if overlap:
            params = (params[0], replace(params[0], name="b"), *params[2:])
        special = self.choose(range(6)) == 0
        self.now = Program(params, (), "None", sizes, self.choose(range(1000)), overlap, special)
        self.env = self.variables(self.now) or {}
        for _ in range(self.choose((2, 3, 4, 5, 6, 8))):
            self.grow()
        return replace(self.now, result=self.result())

    def parameter(self, name: str) -> Parameter:
        kind = self.choose(range(8))
        if name != "a" and kind == 0:
            return Parameter(name, self.choose(("float64", "int64", "bool")), (), "number")
        if name != "a" and kind == 1:
            return Parameter(name, self.choose(("float64", "float32", "int64")), (), "scalar")
        return Parameter(name, self.choose(DTYPES), self.choose(SHAPES), self.choose(LAYOUTS))

    def grow(self) -> None:
        """Add one statement; of a few that do not run, none is added."""
        for _ in range(6):
            longer = replace(self.now, body=(*self.now.body, self.statement()))
            found = self.variables(longer)
            if found is not None:
                self.now, self.env = longer, found
                return

    def variables(self, program: Program) -> dict[str, Any] | None:
        """Return the variables at the end of the first call, None where a call does not run."""
        whole = replace(program, result="locals()")
        first: dict[str, Any] | None = None
        try:
            namespace = whole.module()
            how: Any = ("ignore", "ignore") if program.special else ("raise", "error")
            with np.errstate(all=how[0], under="ignore"), warnings.catch_warnings():
                warnings.simplefilter(how[1])
                for call in whole.calls()[1:]:
                    result, memory = run(whole, namespace, call, namespace["program"])
                    values = (*leaves(list(result.values())), *memory)
                    if not all(_is_tame(value, whole.special) for value in values):
                        return None
                    if first is None:
                        first = result
                    first = {name: value for name, value in first.items() if name in result}
        except Exception:
            return None
        return first

    # -- statements ---------------------------------------------------------------------------

    def statement(self) -> str:
        e = Expressions(self.choose, self.env)
        kinds = (
            self.assign, self.assign, self.assign, self.view, self.update, self.update,
            self.store, self.store, self.branch, self.rebind, self.loop, self.other,
        )  # fmt: skip
        text: str = self.choose(kinds)(e)
        return text

    def new_name(self) -> str:
        return f"v{len([n for n in self.env if n.startswith('v')])}"

    def assign(self, e: Expressions) -> str:
        return f"{self.new_name()} = {e.any()}"

    def rebind(self, e: Expressions) -> str:
        return f"{e.name()} = {e.any()}"

    def view(self, e: Expressions) -> str:
        return f"{self.new_name()} = {e.view(e.array())}"

    def update(self, e: Expressions) -> str:
        """An augmented assignment: in place on arrays, whoever else sees them."""
        op = self.choose(("+=", "-=", "*=", "+=", "*=", "/=", "//=", "%=", "**=", "&=", "|="))
        value = self.choose(("2", "3")) if op in ("//=", "%=", "**=") else e.any()
        return f"{e.name()} {op} {value}"

    def store(self, e: Expressions) -> str:
        target = e.array()
        mask = f"{target}[{target} > {e.threshold()}]"
        place = self.choose((
            lambda: f"{target}[{e.index(target)}] = {e.any()}",
            lambda: f"{target}[{e.index(target)}] = {e.any()}",
            lambda: f"{target}[{e.index(target)}] {self.choose(('+=', '*=', '-='))} {e.any()}",
            lambda: f"{mask} = {e.number()}",
            lambda: f"{mask} {self.choose(('+=', '*='))} {e.number()}",
            lambda: f"{mask} = {mask} * 2 - {e.number()}",
            lambda: f"{mask} = {mask}[::-1]",
            lambda: f"{mask} = {e.array()}[{target} > {e.threshold()}]",
            lambda: f"{target}[[0, -1]] += {e.number()}",
            lambda: f"{target}.T[...] = {e.any()}",
            lambda: f"{target}.fill({e.number()})",
            lambda: f"np.copyto({target}, {e.any()})",
            lambda: f"np.{self.choose(('add', 'multiply', 'maximum'))}"
            f"({e.any()}, {e.any()}, out={target})",
            lambda: f"np.tanh({e.array()}, out={target})",
        ))  # fmt: skip
        text: str = place()
        return text

    def branch(self, e: Expressions) -> str:
        name, other = self.new_name(), e.array()
        then, otherwise = self.choose((
            lambda: (f"{name} = {e.any()}", f"{name} = {e.any()}"),
            lambda: (f"{name} = {other}", f"{name} = {other} * 2"),
            lambda: (f"{name} = {e.any()}", f"{name} = 1.5"),
            lambda: (f"{other} *= 2", f"{other}[{e.index(other)}] = 1"),
            lambda: (f"{other} = {e.any()}", "pass"),
            lambda: ("pass", f"{other} += {e.number()}"),
        ))()  # fmt: skip
        return f"if {e.test()}:\n    {then}\nelse:\n    {otherwise}"

    def loop(self, e: Expressions) -> str:
        name, x = self.new_name(), e.array()
        text: str = self.choose((
            lambda: f"{name} = 0\nfor i in range(3):\n    {name} = {name} + {x} * i",
            lambda: f"for i in range(STEPS):\n    {x} += i",
            lambda: f"{name} = 0.0\nfor row in {x}:\n    {name} = {name} + row",
            lambda: f"{name} = [{x} * i for i in range(3)]\n{name} = {name}[1] - {name}[2]",
            lambda: f"{name} = np.zeros({x}.shape)\n"
                    f"for i in range(len({x})):\n    {name}[i] = {x}[i] * i",
            lambda: f"{name} = []\n"
                    f"for i in range(2):\n    {name}.append({x} + i)\n{name} = np.stack({name})",
            lambda: f"{name}, i = {x} * 1.0, 0\nwhile i < 3:\n    {name}, i = {name} * 0.5, i + 1",
        ))()  # fmt: skip
        return text

    def other(self, e: Expressions) -> str:
        name, x = self.new_name(), e.array()
        text: str = self.choose((
            lambda: f"{name} = scaled({e.any()})",
            lambda: f"{name} = scaled({e.any()}, k={e.number()})",
            lambda: f"{name} = shifted({x}, by={e.number()})[0]",
            lambda: f"{name}, length = shifted({x})\n{name} = {name} / length",
            lambda: f"{name} = doubled({x})",
            lambda: f"{name} = doubled({e.view(x)})",
            lambda: f"{name} = tail({x})",
            lambda: f"{name} = adder({e.number()})({x})",
            lambda: f"{name} = (lambda u: u * {e.number()} - u)({x})",
            lambda: f"{x}, {e.array()} = {e.array()}, {x}",
            lambda: f"{name} = {x} * TABLE",
            lambda: f"{name} = COUNTS + {x}",
            lambda: f"{name} = TABLE[{e.index('TABLE', 1)}]",
            lambda: f"TABLE[0] = {e.number()}",
            lambda: f"{name} = {x} * RATE + STEPS",
            lambda: f"{name} = {{'p': {x}, 'q': {e.any()}}}\n{name} = {name}['p'] + {name}['q']",
        ))()  # fmt: skip
        return text

    # -- results ------------------------------------------------------------------------------

    def result(self) -> str:
        names = [n for n in self.env if _is_leaf(self.env[n])]
        last = names[-1]
        e = Expressions(self.choose, self.env)
        arrays = e.arrays() or ["a"]
        drawn = [self.choose(names) for _ in range(2)]
        text: str = self.choose((
            lambda: last,
            lambda: f"{last}, {drawn[0]}",
            lambda: f"{last}, {drawn[0]}, {drawn[1]}, {drawn[0]}",
            lambda: f"[{last}, {drawn[0]}]",
            lambda: f"{{'x': {last}, 'y': ({drawn[0]}, {drawn[1]})}}",
            lambda: f"{last}, {e.view(self.choose(arrays))}",
            lambda: f"{last}, {e.view(self.choose(arrays))}, {e.view(self.choose(arrays))}",
            lambda: f"{last}, {e.any()}",
        ))()  # fmt: skip
        checked = replace(self.now, body=(*self.now.body, f"result_ = {text}"))
        return text if self.variables(checked) is not None else last


def _is_leaf(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic, int, float, bool))


def _is_tame(value: Any, special: bool) -> bool:
    """Return whether a value is no larger than what tolerances are made for, and not too big."""
    if isinstance(value, np.ndarray) and value.size > 100_000:
        return False
    if isinstance(value, (np.ndarray, np.generic, int, float)):
        array = np.asarray(value)
        if array.dtype == np.float16:
            return False
        if array.dtype.kind in "iufc" and not special:
            return bool(np.all(np.abs(array.astype("c16")) < LARGEST))
    return True
