"""A random program: its source, and the arguments that it is called with."""

from __future__ import annotations

import itertools
import linecache
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Sizes = Mapping[str, int]
Call = tuple[Sizes, int]

HEAD = """\
import math
import numpy as np

def scaled(u, k=2):
    return u * k

def shifted(u, *, by=1):
    v = u + by
    return v, v.shape[0] if v.ndim else 1

def doubled(u):
    u += u
    return u

def tail(u):
    return u[1:] if u.ndim else u

def adder(k):
    def add(u):
        return u + k
    return add
"""
"""What every program can call. ``TABLE`` (floats, m long), ``COUNTS`` (int64, n long) and the
numbers ``RATE`` and ``STEPS`` are globals that change between calls."""

ODD = (np.nan, np.inf, -np.inf, -0.0, 0.0, 1e30, 3e9, -200.0)
_numbers = itertools.count()


@dataclass(frozen=True)
class Parameter:
    """An argument: an array of a dtype, of ``dims`` that name sizes, in a layout; or a number.

    Layouts: ``c``, ``f``, ``step`` (every other element), ``back`` (reversed), ``shifted`` (starts
    one element into its memory), ``number`` (a Python number), ``scalar`` (a NumPy number).
    """

    name: str
    dtype: str
    dims: tuple[str, ...] = ()
    layout: str = "c"

    def make(self, rng: np.random.Generator, sizes: Sizes, special: bool = False) -> Any:
        """Return an argument; with ``special`` some floats are no ordinary numbers."""
        made = self._made(rng, sizes)
        if special and isinstance(made, np.ndarray) and made.dtype.kind == "f":
            odd = np.array(ODD, made.dtype)
            made[...] = np.where(rng.random(made.shape) < 0.3, rng.choice(odd, made.shape), made)
        return made

    def _made(self, rng: np.random.Generator, sizes: Sizes) -> Any:
        shape = tuple(sizes[d] for d in self.dims)
        if self.layout in ("number", "scalar"):
            value = _draw(rng, self.dtype, ())[()]
            return value.item() if self.layout == "number" else value
        if self.layout == "f":
            return np.asfortranarray(_draw(rng, self.dtype, shape))
        if self.layout == "step" and shape:
            return _draw(rng, self.dtype, (*shape[:-1], 2 * shape[-1]))[..., ::2]
        if self.layout == "back" and shape:
            return _draw(rng, self.dtype, shape)[::-1]
        if self.layout == "shifted" and shape:
            return _draw(rng, self.dtype, (shape[0] + 1, *shape[1:]))[1:]
        return _draw(rng, self.dtype, shape)


def _draw(rng: np.random.Generator, dtype: str, shape: tuple[int, ...]) -> Array:
    if dtype == "bool":
        return np.asarray(rng.random(shape) < 0.5)
    if dtype == "uint8":
        return np.asarray(rng.integers(0, 256, shape)).astype(dtype)
    if dtype == "complex128":
        return np.asarray(rng.normal(0, 1.5, shape) + 1j * rng.normal(0, 1.5, shape))
    if dtype.startswith("int"):
        return np.asarray(rng.integers(-4, 9, shape)).astype(dtype)
    return np.asarray(rng.normal(0, 1.5, shape)).astype(dtype)


@dataclass(frozen=True)
class Program:
    """Source of a function ``program``, one string for each statement of its body.

    ``overlap``: the second argument is the memory of the first, from its second row on.
    ``special``: among the floats are NaN, infinities and the like.
    """

    params: tuple[Parameter, ...]
    body: tuple[str, ...]
    result: str
    sizes: tuple[Sizes, ...]
    seed: int
    overlap: bool = False
    special: bool = False

    @property
    def function(self) -> str:
        """The text of the function alone."""
        names = ", ".join(p.name for p in self.params)
        lines = [line for statement in self.body for line in statement.splitlines()]
        return "\n    ".join([f"def program({names}):", *lines, f"return {self.result}"])

    def __str__(self) -> str:
        kinds = (f"{p.name}: {p.dtype}[{','.join(p.dims)}] {p.layout}" for p in self.params)
        how = (
            f"sizes {self.sizes}; seed {self.seed}; overlap {self.overlap}; special {self.special}"
        )
        return f"# {', '.join(kinds)}; {how}\n{self.function}\n"

    def module(self) -> dict[str, Any]:
        """Return the globals of a new module with this source, which Python can find again."""
        text = f"{HEAD}\n\n{self.function}\n"
        filename = f"<random program {next(_numbers)}>"
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        namespace: dict[str, Any] = {"__name__": "random_program", "__file__": filename}
        exec(compile(text, filename, "exec"), namespace)
        return namespace

    def calls(self) -> list[Call]:
        """Return the sizes and seeds of the calls that are made, one after the other."""
        one, two, three = self.sizes
        return [(one, 0), (one, 0), (one, 1), (two, 2), (two, 3), (three, 4), (one, 5)]

    def arguments(self, sizes: Sizes, seed: int) -> list[Any]:
        rng = np.random.default_rng((self.seed, seed))
        args = [p.make(rng, sizes, self.special) for p in self.params]
        if self.overlap:
            rows, *rest = args[0].shape
            whole = _draw(rng, self.params[0].dtype, (rows + 1, *rest))
            args[:2] = whole[:-1], whole[1:]
        return args

    def prepare(self, namespace: dict[str, Any], sizes: Sizes, seed: int) -> None:
        """Give the globals the contents of one call: in place where the sizes are the same."""
        rng = np.random.default_rng((self.seed, seed, 1))
        for name, values in (
            ("TABLE", rng.normal(0, 1.5, sizes["m"])),
            ("COUNTS", rng.integers(-4, 9, sizes["n"])),
        ):
            old = namespace.get(name)
            if old is not None and old.shape == values.shape:
                old[...] = values
            else:
                namespace[name] = values
        namespace["RATE"] = round(float(rng.uniform(-2, 2)), 2)
        namespace["STEPS"] = int(rng.integers(1, 4))


def run(
    program: Program,
    namespace: dict[str, Any],
    call: Call,
    function: Callable[..., Any],
    moved: Callable[[Any], Any] = lambda value: value,
) -> tuple[Any, list[Any]]:
    """Return the result of one call, and all memory that it could have changed.

    ``moved`` is applied to every argument and global first.
    """
    program.prepare(namespace, *call)
    args = [moved(arg) for arg in program.arguments(*call)]
    for name in ("TABLE", "COUNTS", "RATE"):
        namespace[name] = moved(namespace[name])
    result = function(*args)
    return result, [*args, namespace["TABLE"], namespace["COUNTS"]]


def leaves(value: Any) -> Iterable[Any]:
    """Yield the arrays and numbers in nested containers."""
    if isinstance(value, dict):
        value = list(value.items())
    if isinstance(value, (tuple, list)):
        for item in value:
            yield from leaves(item)
    else:
        yield value
