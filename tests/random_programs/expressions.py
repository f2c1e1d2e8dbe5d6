"""Random expressions of NumPy over the variables at hand, as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

NUMBERS = ("2", "-1", "3", "0.5", "1.5", "-0.25", "True", "np.float32(0.5)", "np.int64(3)", "1e-3")
SLICES = ("1:", ":-1", "::2", "::-1", "1:-1", ":", "-2:", ":2", "::-2", "1::2")

SMOOTH = "sin cos tanh arctan arcsinh square exp2 exp expm1 cbrt sinh".split()
ROUGH = ("abs", "negative", "sign", "positive")
UNARY = (
    *(f"np.{name}({{}})" for name in (*SMOOTH, *ROUGH)),
    "-{}", "np.sqrt(np.abs({}))", "np.log1p(np.abs({}))", "np.log(np.abs({}) + 1)", "{} ** 2",
    "np.exp(-np.abs({}))", "np.arcsin(np.tanh({}) * 0.9)", "abs({})", "~{}", "np.logical_not({})",
    "1 / (1 + np.abs({}))", "{} * 0.1", "{} + 1", "1 - {}", "2 * {}", "{} / 3", "np.isfinite({})",
    "np.clip({}, -1, 1)", "{} > 0.3", "np.nan_to_num({})", "np.where({} > 0.1, 1, 0)",
)  # fmt: skip
BINARY = (
    "{} + {}", "{} - {}", "{} * {}", "{} + {}", "{} * {}", "np.maximum({}, {})",
    "np.minimum({}, {})", "{} / (np.abs({}) + 1)", "np.hypot({}, {})", "np.arctan2({}, {})",
    "np.where({} > 0.2, {}, 0.5)", "{} < {}", "{} & {}", "{} ^ {}", "{} >= {}", "np.add({}, {})",
    "np.logaddexp({}, {})", "np.copysign({}, np.nan_to_num({}))",
    "np.power(np.abs({}) + 0.5, np.tanh({}))",
    "{} // (np.abs({}) + 1)", "{} % (np.abs({}) + 1)", "np.subtract({}, {})", "{} == {}",
)  # fmt: skip
REDUCE = (
    "np.sum({x}{o})", "{x}.sum({p})", "np.mean({x}{o})", "{x}.mean({p})", "np.max({x}{o})",
    "{x}.min({p})", "np.var({x}{o})", "np.std({x}{o})", "np.any({x} > 0.5{o})",
    "np.all({x} > -9{o})",
    "np.prod(np.tanh({x}){o})", "np.count_nonzero({x}{o})", "{x}.max({p})", "np.ptp({x}{o})",
)  # fmt: skip
MOVED = (
    "{x}.copy()", "np.flip({x})", "np.roll({x}, 1)", "np.concatenate([{x}, {x}])",
    "np.tile({x}, 2)", "np.repeat({x}, 2)", "np.cumsum({x}, axis=0)", "np.cumsum({x})",
    "np.take({x}, [0, 0])", "{x}[[0, -1, 0]]", "np.stack([{x}, {x} * 2])", "np.pad({x}, 1)",
    "np.diff({x})", "np.hstack([{x}, {x}])", "np.stack([{x}, {x}], axis=-1)", "np.array({x})",
    "np.ones_like({x})", "np.zeros({x}.shape)", "np.full_like({x}, 2)", "np.arange({x}.shape[0])",
    "np.full({x}.shape, 0.5)", "np.array([{x}.sum(), 1.0])", "np.outer({x}, {x})",
    "np.asarray({x})",
    "{x}.astype(np.float32)", "{x}.astype(np.float64)", "{x}.astype(int)", "{x}.astype(bool)",
    "{x} @ {x}.T", "np.dot({x}, {x}.T)", "np.eye(len({x}))",
    "np.einsum('i,i->', {x}.ravel(), {x}.ravel())", "np.vstack([{x}, {x}])", "np.triu({x})",
    "np.linspace(0.0, 1.0, {x}.shape[0])", "np.split({x}, [1])[0]",
    "np.broadcast_to({x}, (2,) + {x}.shape)",
    "np.append({x}, 1)", "np.trace({x})", "{x}.flatten()", "np.ascontiguousarray({x})",
    "np.diag({x})",
    "np.matmul({x}, np.tanh({x}.T))", "np.meshgrid({x}, {x})[0]",
)  # fmt: skip
SELECTED = (
    "{x}[{x} > {t}]", "{x}[{x} > {t}].sum()", "{x}[np.abs({x}) < {t}].mean()", "{x}[~({x} > {t})]",
    "np.flatnonzero({x} > {t})", "np.nonzero({x} > {t})[0]", "np.where({x} > {t})[-1]",
    "{x}[np.nonzero({x} > {t})]", "np.extract({x} > {t}, {x})", "np.argwhere({x} > {t})",
    "np.compress({x}.ravel() > {t}, {x})", "{x}[{x}[:, 0] > {t}]", "{x}[{x}[:, 0] > {t}, 1:]",
    "{x}[..., {x}[0] > {t}]", "len({x}[{x} > {t}])", "{x}[{x} > {t}].size / 2", "np.unique({x})",
    "{x}[{x} > {t}] * 2 - np.tanh({x})[{x} > {t}]", "{x}[{y} > {t}]", "np.sort({x})",
    "np.argsort({x}, kind='stable')", "np.sort({x}, axis=0)[::-1]", "np.sort({x}[{x} > {t}])",
    "np.concatenate([{x}[{x} > {t}], {x}[{x} <= {t}]])", "{x}[{x} > {t}][:1]", "np.median({x})",
    "np.zeros({x}[{x} > {t}].shape)", "{x}[{x} > {t}].max(initial=0)",
    "np.bincount(({x} > 0).ravel())",
)  # fmt: skip
VIEWS = (
    "{x}.T", "{x}.reshape(-1)", "{x}[None]", "{x}[..., None]", "{x}.ravel()", "{x}[::-1]",
    "{x}[1:]",
    "{x}.real", "{x}.reshape({x}.shape[::-1])", "np.swapaxes({x}, 0, -1)",
    "np.expand_dims({x}, -1)",
    "{x}[()]",
    "np.squeeze({x})", "{x}[::2]", "{x}[:, 1:]", "{x}[..., ::-1]", "{x}[:-1]", "{x}[0]",
    "{x}[..., -1]",
    "np.reshape({x}, (1, -1))", "np.transpose({x})", "{x}[:]", "{x}.T[1:]", "{x}[1:][::2]",
)  # fmt: skip
NUMERIC = (
    "{x}.shape[0]", "len({x})", "{x}.ndim", "float({x}.sum())", "int(np.sum({x} > 0))", "{x}.size",
    "math.sqrt(abs(float({x}.mean())))", "min(2.0, float({x}.max()))", "{x}.max() - {x}.min()",
    "round(0.5 * len({x}))", "{x}.sum().item()", "abs({x}.ravel()[0])", "max({x}.ravel()[0], 0.5)",
    "float({x}.ravel()[0]) ** 2", "{x}.ravel()[0] / 2", "sum({x}.shape)", "bool({x}.sum() > 0)",
)  # fmt: skip


class Expressions:
    """Draws expressions.

    Parameters
    ----------
    choose : callable
        Draws one of some things.
    env : mapping of str to value
        The variables, with the values that they have in the first call.
    """

    def __init__(self, choose: Callable[[Sequence[Any]], Any], env: Mapping[str, Any]) -> None:
        self.choose, self.env = choose, env

    def arrays(self) -> list[str]:
        return [n for n, v in self.env.items() if isinstance(v, np.ndarray)]

    def name(self) -> str:
        """Draw a variable, later ones more often."""
        kinds = (np.ndarray, np.generic, float, int)
        names = [n for n, v in self.env.items() if isinstance(v, kinds)]
        text: str = self.choose(names + names[-3:] + ["a"])
        return text

    def array(self) -> str:
        names = self.arrays() or ["a"]
        text: str = self.choose(names + names[-2:])
        return text

    def number(self) -> str:
        text: str = self.choose(NUMBERS)
        return text

    def threshold(self) -> str:
        text: str = self.choose(("0.3", "1", "-0.7", "0"))
        return text

    def alike(self, x: str) -> str:
        """Draw a variable that probably broadcasts with another."""
        shape = np.shape(self.env.get(x, 0))
        fits = [n for n in self.arrays() if _broadcasts(shape, np.shape(self.env[n]))]
        text: str = self.choose([*fits, *fits, self.name(), self.number()])
        return text

    def any(self) -> str:
        text: str = self.choose((
            self.name, self.number, self.unary, self.unary, self.binary, self.binary, self.binary,
            self.reduction, self.reduction, self.moved, self.numeric, self.nested, self.where,
            lambda: self.view(self.array()), lambda: f"{self.array()}.shape[0]", self.selected,
        ))()  # fmt: skip
        return text

    def unary(self) -> str:
        text: str = self.choose(UNARY).format(self.name())
        return text

    def binary(self) -> str:
        x = self.name()
        pair = self.choose(((x, self.alike(x)), (self.alike(x), x)))
        text: str = self.choose(BINARY).format(*pair)
        return text

    def nested(self) -> str:
        x = self.name()
        inner = self.choose(UNARY).format(x)
        text: str = self.choose(BINARY[:8]).format(f"({inner})", self.alike(x))
        return text

    def where(self) -> str:
        x = self.name()
        return f"np.where({x} > {self.threshold()}, {self.alike(x)}, {self.alike(x)})"

    def reduction(self) -> str:
        x = self.array()
        options = self.choose(("", "axis=0", "axis=-1", "axis=0, keepdims=True", "axis=(0, 1)",
                               "axis=1, keepdims=True", "keepdims=True"))  # fmt: skip
        text: str = self.choose(REDUCE).format(x=x, p=options, o=options and f", {options}")
        if "keepdims" in options and self.choose((True, False)):
            text = f"{x} - {text}"
        return text

    def moved(self) -> str:
        text: str = self.choose(MOVED).format(x=self.array())
        return text

    def selected(self) -> str:
        x = self.array()
        text: str = self.choose(SELECTED).format(x=x, y=self.alike(x), t=self.threshold())
        return text

    def view(self, x: str) -> str:
        text: str = self.choose(VIEWS).format(x=x)
        return text

    def numeric(self) -> str:
        text: str = self.choose(NUMERIC).format(x=self.array())
        return text

    def index(self, x: str, ndim: int | None = None) -> str:
        """Draw an index of an array: slices, numbers, an ellipsis."""
        rank = np.ndim(self.env[x]) if ndim is None else ndim
        parts = [self.choose((*SLICES, *SLICES, "0", "-1")) for _ in range(rank)]
        text: str = self.choose((", ".join(parts), parts[0] if parts else "...", "...",
                                 ", ".join(["...", *parts[-1:]])))  # fmt: skip
        return text or "()"

    def test(self) -> str:
        x = self.array()
        text: str = self.choose((
            f"{x}.sum() > {self.threshold()}", f"np.mean({x}) < 0.1", f"{x}.max() > 2",
            f"np.any({x} > 1.5)", f"{x}.shape[0] > 4", f"len({x}) % 2 == 0", f"{x}.ndim == 2",
            f"float({x}.min()) < -1", f"RATE > 0.5 and {x}.sum() > 0", f"not {x}.any()",
            "STEPS == 2", f"{x}.ravel()[0] > 0", f"{x}.dtype == np.float64",
        ))  # fmt: skip
        return text


def _broadcasts(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
    try:
        np.broadcast_shapes(a, b)
    except ValueError:
        return False
    return True
