"""A tour of the eager face: small programs, each run as plain Python and then compiled.

Run it with ``python examples/eager_tour.py``. A program takes `decorate`, which either leaves its
functions as they are or is ``tg.compile``; what it prints and returns is the same both ways.
"""

import contextlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np

import tracegraph as tg

Decorate = Callable[[Any], Any]


# -- Tensors --------------------------------------------------------------------------------------


def show_constants() -> tg.Tensor:
    number, matrix = tg.constant(7.5), tg.constant([[1, 2], [3, 4]])
    print(number)
    print(matrix)
    return matrix


def constants(decorate: Decorate) -> Any:
    """Constants have a dtype and a shape, and print as arrays do."""
    return decorate(show_constants)()


def add_one(table: Any) -> Any:
    return np.add(table, 1)


def broadcasting_add(decorate: Decorate) -> Any:
    """One number is added to every element."""
    raised = decorate(add_one)(tg.constant([[1, 2], [3, 4]]))
    print(raised)
    return raised


def combine(a: tg.Tensor, b: tg.Tensor) -> tuple[tg.Tensor, ...]:
    return a * b, a - b, a @ b, a > b


def operators(decorate: Decorate) -> Any:
    """Python's operators work on Tensors."""
    a = tg.constant([[1.0, 2.0], [3.0, 4.0]])
    results = decorate(combine)(a, a.T - 0.5)
    for result in results:
        print(result)
    return results


def mean_of_product(array: Any, tensor: tg.Tensor) -> Any:
    return np.mean(np.multiply(array, tensor), axis=0)


def numpy_both_ways(decorate: Decorate) -> Any:
    """NumPy functions take Tensors, and a Tensor gives its array back."""
    means = decorate(mean_of_product)(np.arange(4.0).reshape(2, 2), tg.constant([10.0, 100.0]))
    array = means.numpy()
    print(type(array).__name__, array, np.sqrt(array).round(3))
    return array


# -- Python's control flow ------------------------------------------------------------------------


def fizzbuzz(limit: int) -> tg.Tensor:
    counter = tg.constant(0)
    last = tg.convert_to_tensor(limit)
    for value in range(1, last.numpy() + 1):
        number = tg.constant(value)
        if int(number % 3) == 0 and int(number % 5) == 0:
            print("FizzBuzz")
        elif int(number % 3) == 0:
            print("Fizz")
        elif int(number % 5) == 0:
            print("Buzz")
        else:
            print(number)
        counter += 1
    return counter


def count_and_call_out(decorate: Decorate) -> Any:
    """Conditions that depend on data are plain Python conditions."""
    return decorate(fizzbuzz)(15)


def collatz_steps(number: tg.Tensor) -> int:
    steps = 0
    while number > 1:
        number = number * 3 + 1 if number % 2 == 1 else number // 2
        steps += 1
    return steps


def count_steps(decorate: Decorate) -> Any:
    """How often a loop runs may depend on data too."""
    counted = decorate(collatz_steps)
    steps = [counted(tg.constant(start)) for start in (6, 7, 6, 1)]
    print(steps)
    return steps


# -- gradients ------------------------------------------------------------------------------------

weight = tg.Variable([[3.0]])


def gradient_of_square() -> Any:
    with tg.GradientTape() as tape:
        loss = weight * weight
    return tape.gradient(loss, [weight])


def two_gradients() -> None:
    with tg.GradientTape() as tape:
        loss = weight * weight
    tape.gradient(loss, [weight])
    tape.gradient(loss, [weight])


def one_gradient_per_tape(decorate: Decorate) -> Any:
    """A tape follows Variables, and gives one gradient unless it is persistent."""
    gradients = decorate(gradient_of_square)()
    print(gradients)
    try:
        decorate(two_gradients)()
    except RuntimeError as error:
        print("RuntimeError:", error)
    return gradients


# -- a line through noisy points ------------------------------------------------------------------

POINTS = 1000
_random = np.random.default_rng(2018)
INPUTS = _random.normal(size=POINTS)
OUTPUTS = 3 * INPUTS + 2 + _random.normal(size=POINTS)


def squared_error(slope: Any, offset: Any, inputs: Any, outputs: Any) -> Any:
    return np.mean(np.square(inputs * slope + offset - outputs))


def descend(slope: tg.Variable, offset: tg.Variable, inputs: Any, outputs: Any, rate: float) -> Any:
    with tg.GradientTape() as tape:
        loss = squared_error(slope, offset, inputs, outputs)
    by_slope, by_offset = tape.gradient(loss, [slope, offset])
    slope.assign_sub(rate * by_slope)
    offset.assign_sub(rate * by_offset)
    return loss


def line_by_tape(decorate: Decorate) -> Any:
    """Gradient descent by hand: 200 steps."""
    slope, offset = tg.Variable(5.0), tg.Variable(10.0)
    step = decorate(descend)
    for i in range(200):
        loss = step(slope, offset, INPUTS, OUTPUTS, 0.01)
        if i % 40 == 0:
            print(f"loss before step {i:03d}: {float(loss):.3f}")
    print(f"slope {float(slope):.3f}, offset {float(offset):.3f}")
    return slope.numpy(), offset.numpy()


class Line(tg.Module):
    """A line: what is trained, and what it predicts."""

    def __init__(self) -> None:
        self.slope = tg.Variable(5.0, name="slope")
        self.offset = tg.Variable(10.0, name="offset")

    def __call__(self, inputs: Any) -> Any:
        return inputs * self.slope + self.offset


def improve(
    line: Line, optimizer: tg.optimizers.Optimizer, step: tg.Variable, inputs: Any, outputs: Any
) -> Any:
    with tg.GradientTape() as tape:
        loss = np.mean(np.square(line(inputs) - outputs))
    gradients = tape.gradient(loss, line.variables)
    optimizer.apply_gradients(zip(gradients, line.variables, strict=True), global_step=step)
    return loss


def line_by_module(decorate: Decorate) -> Any:
    """The same with a Module and an optimizer: 300 steps, counted."""
    line, optimizer = Line(), tg.optimizers.SGD(learning_rate=0.01)
    counter = tg.Variable(np.int64(0))
    step = decorate(improve)
    for i in range(300):
        loss = step(line, optimizer, counter, INPUTS, OUTPUTS)
        if i % 60 == 0:
            print(f"loss before step {i:03d}: {float(loss):.3f}")
    print(f"slope {float(line.slope):.3f}, offset {float(line.offset):.3f}, steps {int(counter)}")
    return line.slope.numpy(), line.offset.numpy(), counter.numpy()


PROGRAMS: tuple[Callable[[Decorate], Any], ...] = (
    constants,
    broadcasting_add,
    operators,
    numpy_both_ways,
    count_and_call_out,
    count_steps,
    one_gradient_per_tape,
    line_by_tape,
    line_by_module,
)


def plain(function: Any) -> Any:
    """Leave a function as it is."""
    return function


def printed(program: Callable[[Decorate], Any], decorate: Decorate) -> str:
    """Run a program and return what it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        program(decorate)
    return output.getvalue()


def main() -> None:
    for program in PROGRAMS:
        print(f"-- {program.__name__}: {program.__doc__}")
        expected = printed(program, plain)
        print(expected, end="")
        same = printed(program, tg.compile) == expected
        print(f"   compiled: {'the same' if same else 'NOT THE SAME'}")


if __name__ == "__main__":
    main()
