"""``python -m tracegraph demo``: a small network learns handwritten digits, in three ways.

The loss is plain NumPy and is written once. It is trained eagerly with Variables and a
GradientTape, eagerly with ``tg.grad`` on arrays, and with that same step compiled; all three take
the same batches through the same rule, so that only their times differ.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tracegraph.codegen import schedule
from tracegraph.codegen.plan import Gemm
from tracegraph.compile import Compiled, compile
from tracegraph.ir.loops import scalars
from tracegraph.optimizers import Adam
from tracegraph.tape import GradientTape
from tracegraph.transforms import value_and_grad
from tracegraph.variable import Variable

Params = dict[str, Any]
Batch = tuple[Any, Any]
Step = Callable[[Any, Any], Any]

SEED = 7
HIDDEN, BATCH, HELD_OUT = 64, 64, 360
LEARNING_RATE = 0.003
NOT_OPERATIONS = {"load", "const", "result", "size", "cast"}


# -- the model: plain NumPy ---------------------------------------------------------------------


def scores(params: Params, images: Any) -> Any:
    """Return how well each image fits each digit."""
    hidden = np.tanh(images @ params["w1"] + params["b1"])
    return hidden @ params["w2"] + params["b2"]


def loss(params: Params, images: Any, labels: Any) -> Any:
    """Return the mean cross entropy of softmax."""
    fit = scores(params, images)
    fit = fit - np.max(fit, axis=1, keepdims=True)
    right = np.take_along_axis(fit, labels[:, np.newaxis], axis=1)[:, 0]
    return np.mean(np.log(np.sum(np.exp(fit), axis=1)) - right)


def first_params(features: int) -> Params:
    """Return random weights, the same each time."""
    random = np.random.default_rng(SEED)
    return {
        "w1": random.normal(scale=features**-0.5, size=(features, HIDDEN)),
        "b1": np.zeros(HIDDEN),
        "w2": random.normal(scale=HIDDEN**-0.5, size=(HIDDEN, 10)),
        "b2": np.zeros(10),
    }


# -- the three ways -----------------------------------------------------------------------------


class Tape:
    """Eager: Variables, a GradientTape, and an optimizer that assigns."""

    def __init__(self, params: Params) -> None:
        self.params = {name: Variable(value, name=name) for name, value in params.items()}
        self.optimizer = Adam(LEARNING_RATE)

    def step(self, images: Any, labels: Any) -> Any:
        with GradientTape() as tape:
            value = loss(self.params, images, labels)
        grads = tape.gradient(value, self.params)
        self.optimizer.apply_gradients(
            [(grads[name], variable) for name, variable in self.params.items()]
        )
        return value


def descend(
    optimizer: Adam, params: Params, state: Any, images: Any, labels: Any
) -> tuple[Params, Any, Any]:
    """Return parameters and state after one step, and the loss before it."""
    value, grads = value_and_grad(loss)(params, images, labels)
    params, state = optimizer.update(grads, state, params)
    return params, state, value


class Functional:
    """Arrays and ``tg.grad``; ``descend`` may be compiled."""

    def __init__(self, params: Params, descend: Callable[..., Any]) -> None:
        self.optimizer = Adam(LEARNING_RATE)
        self.params, self.state = params, self.optimizer.init(params)
        self.descend = descend

    def step(self, images: Any, labels: Any) -> Any:
        self.params, self.state, value = self.descend(
            self.optimizer, self.params, self.state, images, labels
        )
        return value


@dataclass
class Run:
    """One training run."""

    name: str
    params: Params
    losses: list[float] = field(default_factory=list)
    seconds: float = 0.0
    first: float = 0.0

    def accuracy(self, images: Any, labels: Any) -> float:
        """Return which part of the images is recognised."""
        arrays = {name: np.asarray(value) for name, value in self.params.items()}
        return float(np.mean(np.argmax(scores(arrays, images), axis=1) == labels))


def train(name: str, way: Tape | Functional, batches: list[Batch], progress: Any) -> Run:
    """Train in one of the ways, and time its steps."""
    run = Run(name, way.params)
    for images, labels in progress(batches, desc=f"{name:24}", unit="step"):
        start = time.perf_counter()
        value = way.step(images, labels)
        spent = time.perf_counter() - start
        run.seconds += spent
        run.first = run.first or spent
        run.losses.append(float(value))
    run.params = way.params
    return run


def time_of_loss(params: Params, batches: list[Batch]) -> float:
    """Return how long NumPy takes for the loss alone, without any derivative."""
    start = time.perf_counter()
    for images, labels in batches:
        loss(params, images, labels)
    return time.perf_counter() - start


# -- what is shown ------------------------------------------------------------------------------


def report_times(runs: list[Run], numpy_seconds: float) -> Iterable[str]:
    """Yield the times, as ratios to the first run."""
    steps = len(runs[0].losses)
    yield f"Time of {steps} training steps:"
    for run in runs:
        line = f"  {run.name:24} {run.seconds:8.3f} s {runs[0].seconds / run.seconds:7.1f}x"
        first = f"  ({run.first:.2f} s of it the first step, which compiles)"
        yield line + (first if run.name == "compiled" else "")
    last = runs[-1]
    rest = (last.seconds - last.first) / max(steps - 1, 1)
    eager = (runs[0].seconds - runs[0].first) / max(steps - 1, 1)
    alone = numpy_seconds / steps
    yield f"Once compiled, a step is {eager / rest:.0f}x as fast as an eager one, and takes"
    yield f"{rest / alone:.2f} of the time in which NumPy computes the loss alone, no gradient."


def report_graph(compiled: Compiled) -> Iterable[str]:
    """Yield what the compiled step consists of."""
    trace = compiled.traces[-1]
    plan = schedule.plan(trace.graph, trace.destinations, trace.layouts)
    kernels = list(plan.kernels())
    products = sum(isinstance(step, Gemm) for step in plan.steps)
    yield (
        f"Graph: {len(trace.recorded.nodes)} operations recorded, {len(trace.graph.nodes)} after "
        f"the passes; fused into {len(kernels)} loops, and {products} matrix products (BLAS)."
    )
    fused = sorted(kernels, key=lambda kernel: -len(scalars(kernel.program)))
    for kernel in fused[:4]:
        found = Counter(scalar.op for scalar in scalars(kernel.program))
        names = [
            f"{count} {op}" if count > 1 else op
            for op, count in found.most_common()
            if op not in NOT_OPERATIONS
        ]
        yield f"  {kernel.name}: {', '.join(names)}"
    for fallback in compiled.fallbacks:
        yield f"  ran eagerly: {fallback}"


def draw(runs: list[Run], images: Any, labels: Any, path: str) -> None:
    """Write a picture of the loss curves and of a few predictions."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4), layout="constrained")
    FigureCanvasAgg(figure)
    halves: Any = figure.subfigures(1, 2)
    axes = halves[0].subplots()
    for run, style in zip(runs, ("-", "--", ":"), strict=True):
        axes.semilogy(run.losses, style, label=run.name, linewidth=4 - 1.5 * len(style))
    axes.set(xlabel="step", ylabel="loss", title="three ways, one curve")
    axes.legend()
    arrays = {name: np.asarray(value) for name, value in runs[-1].params.items()}
    guesses = np.argmax(scores(arrays, images), axis=1)
    for i, place in enumerate(halves[1].subplots(3, 6).flat):
        place.imshow(images[i].reshape(8, 8), cmap="gray_r")
        color = "black" if guesses[i] == labels[i] else "red"
        place.set_title(f"{guesses[i]}", color=color)
        place.axis("off")
    figure.savefig(path, dpi=120)


# -- the command --------------------------------------------------------------------------------


def load_digits() -> tuple[Batch, Batch]:
    """Return the images and labels to learn from, and those held out."""
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(SEED).permutation(len(labels))
    images, labels = images[order] / 16.0, labels[order].astype(np.int64)
    learn, held = slice(HELD_OUT, None), slice(HELD_OUT)
    return (images[learn], labels[learn]), (images[held], labels[held])


def draw_batches(images: Any, labels: Any, steps: int) -> list[Batch]:
    """Return random batches, the same each time."""
    random = np.random.default_rng(SEED)
    rows = [random.choice(len(labels), BATCH, replace=False) for _ in range(steps)]
    return [(images[chosen], labels[chosen]) for chosen in rows]


def run_demo(steps: int, output: str, progress: Any) -> None:
    """Train, print and draw."""
    learn, held = load_digits()
    batches = draw_batches(*learn, steps)
    params = first_params(learn[0].shape[1])
    compiled = compile(descend)
    ways: dict[str, Tape | Functional] = {
        "eager, GradientTape": Tape(params),
        "eager, tg.grad": Functional(params, descend),
        "compiled": Functional(params, compiled),
    }
    runs = [train(name, way, batches, progress) for name, way in ways.items()]
    shown = ", ".join(f"{100 * run.accuracy(*held):.1f} %" for run in runs)
    print(f"Accuracy on {HELD_OUT} held-out digits: {shown}")
    apart = max(float(np.ptp(values)) for values in zip(*(r.losses for r in runs), strict=True))
    print(f"Largest difference between the three loss curves: {apart:.1e}")
    print(*report_times(runs, time_of_loss(params, batches)), sep="\n")
    print(*report_graph(compiled), sep="\n")
    draw(runs, *held, output)
    print(f"Loss curves and predictions: {output}")


def main(argv: list[str] | None = None) -> int:
    """Run the demo.

    Parameters
    ----------
    argv : list of str, optional
        Arguments of the command line.

    Returns
    -------
    int
        The exit code: 0, or 1 if a package that only the demo needs is missing.
    """
    parser = argparse.ArgumentParser(prog="python -m tracegraph demo", description=__doc__)
    parser.add_argument("--output", default="./tracegraph-demo.png", help="where the picture goes")
    parser.add_argument("--steps", type=int, default=600, help="training steps of each way")
    options = parser.parse_args(argv)
    if options.steps < 1:
        parser.error("--steps must be at least 1")
    try:
        import matplotlib  # noqa: F401  # looked for before anything is trained
        import sklearn  # noqa: F401
        from tqdm import tqdm
    except ImportError as error:
        print(
            f"The demo needs scikit-learn, tqdm and matplotlib, and {error.name} is missing. "
            f"Install them: {sys.executable} -m pip install 'tracegraph[demo]'",
            file=sys.stderr,
        )
        return 1
    run_demo(options.steps, options.output, tqdm)
    return 0
