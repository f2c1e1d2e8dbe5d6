"""What `test_native_stress.py` runs: small functions of many kinds, and arguments of every kind."""

import collections
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tracegraph as tg

Array = Any
Make = Callable[[], tuple[Any, ...]]

SCALE = np.linspace(0.5, 2.0, 4)
FACTOR = 3.0
TABLE: dict[str, Any] = {"w": np.arange(4.0), "b": 0.5}

# -- functions ------------------------------------------------------------------------------------


def affine(x: Array, y: Array) -> Any:
    return 2.0 * x + y


def several(x: Array, y: Array) -> Any:
    return x + y, x - y, x


def views(x: Array, y: Array) -> Any:
    return x[1:], x.T, x.reshape(-1), y[::-1]


def view_of_fresh(x: Array, y: Array) -> Any:
    return (x * 2)[1:3], y[..., None]


def twice_the_same(x: Array, y: Array) -> Any:
    z = x * 2
    return z, z, z[0], x, {"y": y, "z": [z]}


def softmax(x: Array, y: Array) -> Any:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def product(x: Array, y: Array) -> Any:
    return x @ y.T


def in_place(x: Array, y: Array) -> Any:
    x += y
    return x


def in_place_part(x: Array, y: Array) -> None:
    x[1:] = y[:-1] * 2


def in_place_both(x: Array, y: Array) -> Any:
    x *= 2
    y -= x
    return x.sum()


def swap(x: Array, y: Array) -> None:
    kept = x.copy()
    x[...] = y
    y[...] = kept


def branch(x: Array, y: Array) -> Any:
    if x.sum() > y.sum():
        return x - y
    return y * 3


def branch_and_write(x: Array, y: Array) -> Any:
    if x[0].sum() > 1:
        x[0] = 0
    else:
        x[1] = 5
    return y + x


def globals_of_it(x: Array, y: Array) -> Any:
    return x * SCALE * FACTOR + TABLE["w"] + TABLE["b"]


def make_closure() -> Any:
    weights, bias = np.arange(4.0) + 1, 2.5

    def closure(x: Array, y: Array) -> Any:
        return x * weights + bias

    return closure


def lengths(x: Array, y: Array) -> Any:
    return x.shape[0] + len(y), x.size * 2.0


def numbers(x: Array, y: Array) -> Any:
    return float(x.sum()), int(y.size), bool((x > y).any())


def masked(x: Array, y: Array) -> Any:
    x[x > y] = 0
    return np.where(x > 0, x, y)


def callout(x: Array, y: Array) -> Any:
    """Complex arithmetic has no native code."""
    z = x * (1 + 2j) + y
    return z, z.sum(), np.abs(z)


def casts(x: Array, y: Array) -> Any:
    return x.astype(np.float32), (x > 0).sum(), np.floor(y).astype(np.int64)


def divisions(x: Array, y: Array) -> Any:
    return x // 3, x % 3, x / y


def loop(x: Array, y: Array) -> Any:
    for k in range(3):
        x = x + y * k
    return x


def loop_over_rows(x: Array, y: Array) -> Any:
    total = 0.0
    for k in range(len(x)):
        total = total + x[k].sum()
    return total


def stencil(x: Array, y: Array) -> Any:
    z = x.copy()
    z[1:-1] = (x[:-2] + x[2:]) / 2
    return z


def positions(x: Array, y: Array) -> Any:
    return np.argmax(x), np.cumsum(y), np.concatenate([x, y])


def constants(x: Array, y: Array) -> Any:
    return None, 3, "text", (1, 2.0)


def spread(x: Array, y: Array) -> Any:
    return np.broadcast_to(x[0], x.shape)


def gathered(x: Array, y: Array) -> Any:
    return x[[0, 2, 2]] + y[np.array([1, 1, 0])]


def scattered(x: Array, y: Array) -> Any:
    x[[0, 0, 1]] += 1
    np.add.at(x, [0, 0], 1.0)
    return x + y


def guarded(x: Array, y: Array) -> Any:
    try:
        return x[[0, len(y) - 1]]
    except IndexError:
        return y


FUNCTIONS: tuple[Callable[..., Any], ...] = (
    affine, several, views, view_of_fresh, twice_the_same, softmax, product, in_place,
    in_place_part, in_place_both, swap, branch, branch_and_write, globals_of_it, make_closure(),
    lengths, numbers, masked, callout, casts, divisions, loop, loop_over_rows, stencil, positions,
    constants, spread, gathered, scattered, guarded,
)  # fmt: skip


def of_a_dict(p: Any, x: Array) -> Any:
    out = x
    for name, value in p.items():
        out = out + value if name.startswith("b") else out * value
    return {"out": out, "same": p["w"]}


# -- arguments ------------------------------------------------------------------------------------


class Sub(np.ndarray[Any, Any]):
    """Any subclass."""


def plain(shape: Any = (4, 4)) -> Array:
    """Eighths: their sums are exact in any order and width."""
    return np.arange(int(np.prod(shape))).reshape(shape) % 13 / 8 + 0.5


def swapped(x: Array) -> Array:
    return x.astype(x.dtype.newbyteorder("S"))


def unaligned(x: Array) -> Array:
    made = np.zeros(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    made[...] = x
    return made


def readonly(x: Array) -> Array:
    x.flags.writeable = False
    return x


def strided(x: Array) -> Array:
    made = np.zeros(tuple(2 * n + 1 for n in x.shape))[
        tuple(slice(1, 2 * n + 1, 2) for n in x.shape)
    ]
    made[...] = x
    return made


def far_apart(x: Array) -> Array:
    made = np.zeros((len(x), 1 << 16))[:, :: 1 << 14]
    made[...] = x
    return made


KINDS: dict[str, Callable[[Array], Any]] = {
    "float32": lambda x: x.astype("f4"),
    "int64": lambda x: x.astype("i8"),
    "int32": lambda x: x.astype("i4"),
    "uint8": lambda x: x.astype("u1"),
    "bool": lambda x: x > 1,
    "complex": lambda x: x + 1j,
    "object": lambda x: x.astype(object),
    "float16": lambda x: x.astype("f2"),
    "longdouble": lambda x: x.astype("g"),
    "dates": lambda x: x.astype("i8").astype("M8[s]"),
    "text": lambda x: x.astype("U5"),
    "records": lambda x: np.zeros(x.shape, [("a", "f8")]),
    "metadata": lambda x: x.astype(np.dtype("f8", metadata={"a": 1})),
    "swapped": swapped,
    "unaligned": unaligned,
    "readonly": readonly,
    "strided": strided,
    "far apart": far_apart,
    "one row": lambda x: np.broadcast_to(x[:1], x.shape),
    "reversed": lambda x: x[::-1],
    "fortran": np.asfortranarray,
    "no rows": lambda x: x[:0],
    "nothing": lambda x: np.zeros((0, 0)),
    "one": lambda x: x[:1],
    "more": lambda x: np.tile(x, (3, 3)),
    "vector": lambda x: x.reshape(-1),
    "scalar array": lambda x: np.array(1.5),
    "stack": lambda x: np.stack([x, x]),
    "subclass": lambda x: x.view(Sub),
    "masked": lambda x: np.ma.masked_array(x, np.arange(x.size).reshape(x.shape) % 4 == 0),
    "matrix": lambda x: np.matrix(x),
    "nan": lambda x: x * np.nan,
    "inf": lambda x: x * np.inf,
    "list": lambda x: x.reshape(-1).tolist(),
    "float": lambda x: 1.5,
    "int": lambda x: 3,
    "huge int": lambda x: 10**30,
    "NumPy scalar": lambda x: np.float64(2.5),
    "None": lambda x: None,
    "Tensor": lambda x: tg.constant(x),
}


LAYOUTS = (
    "readonly", "strided", "far apart", "one row", "reversed", "fortran", "identical", "transposed",
    "overlapping by 0", "overlapping by 1", "metadata", "nan", "more", "one",
)  # fmt: skip


def usual() -> tuple[Any, ...]:
    return plain(), plain() + 1


def of_kind(kind: Callable[[Array], Any], place: int) -> Make:
    """Arguments of which the first, the second or both (2) are of a kind."""
    return lambda: tuple(
        kind(value) if place in (i, 2) else value for i, value in enumerate(usual())
    )


def overlapping(shift: int) -> tuple[Any, ...]:
    memory = plain((9, 4))
    return memory[:4], memory[shift : shift + 4]


def transposed() -> tuple[Any, ...]:
    x = plain()
    return x, x.T


def arguments(turn: int) -> Iterator[tuple[str, Make]]:
    """Yield arguments of each kind, at a place that changes with the turn."""
    for number, (name, kind) in enumerate(KINDS.items()):
        yield name, of_kind(kind, (number + turn) % 3)
    for shift in (0, 1, 4):
        yield f"overlapping by {shift}", functools.partial(overlapping, shift)
    yield "identical", lambda: (plain(),) * 2
    yield "transposed", transposed
    yield "too few", lambda: (plain(),)
    yield "too many", lambda: (*usual(), plain())


def keyed(order: list[str]) -> tuple[Any, ...]:
    return {key: plain() for key in order}, plain() - 1


def of_kind_in_a_dict(kind: Callable[[Array], Any]) -> tuple[Any, ...]:
    return {"w": kind(plain()), "b": plain()}, plain()


def dicts() -> Iterator[tuple[str, Make]]:
    """Yield arguments of ``of_a_dict``."""
    for order in (["w", "b"], ["b", "w"], ["w", "b", "b2"], ["b"], []):
        yield " ".join(order), functools.partial(keyed, order)
    made = "".join(["b", " long"])
    yield "not interned", lambda: ({"w": plain(), made[:1] + made[1:]: plain()}, plain())
    yield "other keys", lambda: ({"w": plain(), 3: plain()}, plain())
    yield "ordered", lambda: (collections.OrderedDict(w=plain(), b=plain()), plain())
    for name, kind in KINDS.items():
        yield name, functools.partial(of_kind_in_a_dict, kind)
