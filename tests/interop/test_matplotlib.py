"""matplotlib draws Tensors, and calls compiled functions."""

from typing import Any

import numpy as np
import pytest

import tracegraph as tg

matplotlib = pytest.importorskip("matplotlib", reason="pip install 'tracegraph[interop]'")
matplotlib.use("Agg")
from matplotlib import animation, figure, ticker  # noqa: E402  # after the backend


def axes() -> Any:
    return figure.Figure().add_subplot()


def test_tensors_are_drawn() -> None:
    x, y = tg.Tensor(np.linspace(0, 1, 5)), tg.Tensor(np.arange(5.0))
    (line,) = axes().plot(x, y)
    np.testing.assert_array_equal(line.get_xdata(), x.numpy())
    np.testing.assert_array_equal(line.get_ydata(), y.numpy())
    dots = axes().scatter(x, y, c=y)
    np.testing.assert_array_equal(dots.get_offsets(), np.stack([x.numpy(), y.numpy()], 1))
    counts, edges, _ = axes().hist(y, bins=2)
    assert counts.sum() == 5
    assert len(edges) == 3
    image = axes().imshow(tg.Tensor(np.eye(3)))
    np.testing.assert_array_equal(image.get_array(), np.eye(3))
    axes().fill_between(x, y, y * 2)
    axes().errorbar(x, y, yerr=y)
    axes().bar(x, y)
    axes().contour(tg.Tensor(np.outer(np.arange(3.0), np.arange(3.0))))


def test_results_of_compiled_functions_are_drawn(tmp_path: Any) -> None:
    wave = tg.compile(lambda x: np.sin(x))
    one = figure.Figure()
    x = np.linspace(0, 1, 50)
    for _ in range(2):
        one.add_subplot().plot(x, wave(x))
    one.savefig(tmp_path / "wave.png")
    assert (tmp_path / "wave.png").stat().st_size > 1000


def test_compiled_functions_as_callbacks() -> None:
    log = tg.compile(lambda x: np.log10(np.maximum(x, 1e-9)))
    power = tg.compile(lambda x: 10.0**x)
    ax = axes()
    ax.set_yscale("function", functions=(log, power))
    ax.plot([1, 10, 100], [1, 10, 100])
    ax.figure.canvas.draw()
    label = tg.compile(lambda value, position: f"{value:.1f}")
    assert ticker.FuncFormatter(label)(0.5, 0) == "0.5"
    assert ticker.FuncFormatter(label)(1.5, 1) == "1.5"
    (line,) = ax.plot([1, 2, 3], [1, 2, 3])
    move = tg.compile(lambda n: np.arange(3.0) + n)
    moving: Any = animation.FuncAnimation(
        ax.figure, lambda n: line.set_ydata(move(n)) or (line,), 3
    )
    moving._draw_frame(2)
    np.testing.assert_array_equal(line.get_ydata(), [2, 3, 4])
