"""Programs with TensorFlow's own names: the only lines that differ are the imports."""

import contextlib
import doctest
import io
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
import tracegraph.compat.tensorflow as tf

tfe = tf.contrib.eager
tf.enable_eager_execution()

Decorate = Callable[[Any], Any]
DECORATORS: dict[str, Decorate] = {"eager": lambda function: function, "compiled": tf.function}


@pytest.fixture(params=DECORATORS)
def decorate(request: pytest.FixtureRequest) -> Iterator[Decorate]:
    """Leave functions as they are, or compile them; those must not have fallen back."""
    made: list[Any] = []

    def remember(function: Any) -> Any:
        made.append(DECORATORS[request.param](function))
        return made[-1]

    yield remember
    assert [str(why) for f in made for why in getattr(f, "fallbacks", [])] == []


def printed(function: Callable[[], Any]) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as output:
        function()
    return output.getvalue()


# -- first steps ----------------------------------------------------------------------------------


def test_everything_is_eager() -> None:
    assert tf.executing_eagerly() is True


def test_product_of_lists(decorate: Decorate) -> None:
    @decorate
    def hello() -> None:
        x = [[2.0]]
        print(f"hello, {tf.matmul(x, x)}")

    assert [printed(hello) for _ in range(3)] == ["hello, [[4.]]\n"] * 3


def test_broadcasting_and_operators(decorate: Decorate) -> None:
    @decorate
    def compute(a: Any) -> Any:
        b = tf.add(a, 1)
        return b, a * b, np.multiply(a, b)

    a = tf.constant([[1, 2], [3, 4]])
    for _ in range(3):
        b, product, same = compute(a)
        assert b.numpy().tolist() == [[2, 3], [4, 5]]
        assert product.numpy().tolist() == same.numpy().tolist() == [[2, 6], [12, 20]]
        assert isinstance(same, tf.Tensor)


def fizzbuzz(max_num: Any) -> Any:
    counter = tf.constant(0)
    max_num = tf.convert_to_tensor(max_num)
    num: Any
    for num in range(1, max_num.numpy() + 1):
        num = tf.constant(num)
        if int(num % 3) == 0 and int(num % 5) == 0:
            print("FizzBuzz")
        elif int(num % 3) == 0:
            print("Fizz")
        elif int(num % 5) == 0:
            print("Buzz")
        else:
            print(num.numpy())
        counter += 1
    return counter


def test_fizzbuzz(decorate: Decorate) -> None:
    words = ("Fizz" * (n % 3 == 0) + "Buzz" * (n % 5 == 0) or str(n) for n in itertools.count(1))
    expected = "".join(f"{word}\n" for word in itertools.islice(words, 15))
    play = decorate(fizzbuzz)
    for _ in range(3):
        assert printed(lambda: play(15)) == expected


def test_line_search(decorate: Decorate) -> None:
    @decorate
    def line_search_step(init_x: Any, rate: float) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(init_x)
            value = tf.reduce_sum(init_x * init_x)
        grad = tape.gradient(value, init_x)
        grad_norm = tf.reduce_sum(grad * grad)
        init_value = value
        x = init_x
        while value > init_value - rate * grad_norm:
            x = init_x - rate * grad
            value = tf.reduce_sum(x * x)
            rate /= 2.0
        return x, value

    for start in ([3.0, 4.0], [3.0, 4.0], [1.0, 0.5]):
        x, value = line_search_step(tf.constant(start), 1.0)
        # At rate 1 the step mirrors the point, at 1/2 it reaches the minimum, then rate is 1/4.
        np.testing.assert_array_equal(x.numpy(), [0.0, 0.0])
        assert float(value) == 0.0


# -- training -------------------------------------------------------------------------------------


def test_gradient_of_a_variable(decorate: Decorate) -> None:
    w = tfe.Variable([[1.0]])

    @decorate
    def gradient() -> Any:
        with tf.GradientTape() as tape:
            loss = w * w
        return tape.gradient(loss, [w])

    assert [printed(lambda: print(gradient())) for _ in range(3)] == ["[Tensor([[2.]])]\n"] * 3


def test_a_tape_gives_one_gradient() -> None:
    w = tfe.Variable(1.0)
    with tf.GradientTape() as tape:
        loss = w * w
    tape.gradient(loss, w)
    with pytest.raises(RuntimeError):
        tape.gradient(loss, w)


NUM_EXAMPLES = 1000


@pytest.fixture
def points() -> Any:
    tf.set_random_seed(11)
    training_inputs = tf.random_normal([NUM_EXAMPLES])
    noise = tf.random_normal([NUM_EXAMPLES])
    return training_inputs, training_inputs * 3 + 2 + noise


def test_line_by_tape(decorate: Decorate, points: Any) -> None:
    training_inputs, training_outputs = points

    def loss(weight: Any, bias: Any) -> Any:
        error = training_inputs * weight + bias - training_outputs
        return tf.reduce_mean(tf.square(error))

    @decorate
    def grad(weight: Any, bias: Any) -> Any:
        with tf.GradientTape() as tape:
            loss_value = loss(weight, bias)
        return tape.gradient(loss_value, [weight, bias])

    learning_rate = 0.01
    W, B = tfe.Variable(5.0), tfe.Variable(10.0)
    for _ in range(200):
        dW, dB = grad(W, B)
        W.assign_sub(dW * learning_rate)
        B.assign_sub(dB * learning_rate)
    assert abs(W.numpy() - 3) < 0.3
    assert abs(B.numpy() - 2) < 0.3
    assert f"{loss(W, B):.3f}" == f"{loss(W, B).numpy():.3f}"


class Model(tf.keras.Model):  # type: ignore[misc, name-defined]  # a namespace's names are not known to mypy
    def __init__(self) -> None:
        super().__init__()
        self.W = tfe.Variable(5.0, name="weight")
        self.B = tfe.Variable(10.0, name="bias")

    def call(self, inputs: Any) -> Any:
        return inputs * self.W + self.B


def test_line_by_model_and_optimizer(decorate: Decorate, points: Any) -> None:
    training_inputs, training_outputs = points
    tf.train.get_or_create_global_step().assign(0)

    def loss(model: Any, inputs: Any, targets: Any) -> Any:
        error = model(inputs) - targets
        return tf.reduce_mean(tf.square(error))

    @decorate
    def train_step(model: Any, optimizer: Any, inputs: Any, targets: Any) -> Any:
        with tf.GradientTape() as tape:
            loss_value = loss(model, inputs, targets)
        grads = tape.gradient(loss_value, [model.W, model.B])
        optimizer.apply_gradients(
            zip(grads, [model.W, model.B], strict=True),
            global_step=tf.train.get_or_create_global_step(),
        )
        return loss_value

    model = Model()
    optimizer = tf.train.GradientDescentOptimizer(learning_rate=0.01)
    losses = [
        float(train_step(model, optimizer, training_inputs, training_outputs)) for _ in range(300)
    ]
    assert losses == sorted(losses, reverse=True)
    assert abs(model.W.numpy() - 3) < 0.15
    assert abs(model.B.numpy() - 2) < 0.15
    assert tf.train.get_or_create_global_step().numpy() == 300


# -- names ----------------------------------------------------------------------------------------


def test_classes_are_tracegraphs_own() -> None:
    assert tf.Tensor is tg.Tensor
    assert tf.Variable is tfe.Variable is tg.Variable
    assert tf.keras.Model is tf.Module is tg.Module
    assert tf.train.AdamOptimizer is tf.optimizers.Adam is tg.optimizers.Adam
    assert tf.function is tg.compile


@pytest.mark.parametrize("name", tf.__all__)
def test_every_name_is_there(name: str) -> None:
    assert hasattr(tf, name)


ONE = ("abs", "exp", "log", "negative", "sqrt", "square", "tanh", "ones_like", "zeros_like")
TWO = ("add", "divide", "equal", "greater", "less", "maximum", "minimum", "multiply", "subtract")
NUMPY_NAMES = {"pow": "power", "range": "arange"}


@pytest.mark.parametrize("name", [*ONE, *TWO, "pow", "matmul"])
def test_operations_are_those_of_numpy(name: str) -> None:
    operands = [np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[2.0, 2.0], [1.0, 5.0]])]
    used = operands[: 1 if name in ONE else 2]
    expected = getattr(np, NUMPY_NAMES.get(name, name))(*used)
    for arguments in (used, [x.tolist() for x in used], [tf.constant(x) for x in used]):
        found = getattr(tf, name)(*arguments, name="label")
        assert isinstance(found, tf.Tensor)
        np.testing.assert_array_equal(found.numpy(), expected)


@pytest.mark.parametrize("name", ["max", "mean", "min", "prod", "sum"])
def test_reductions_are_those_of_numpy(name: str) -> None:
    x = np.arange(1.0, 7.0).reshape(2, 3)
    reduce = getattr(tf, f"reduce_{name}")
    for axis in (None, 0, [0, 1]):
        axes = tuple(axis) if isinstance(axis, list) else axis
        expected = getattr(np, name)(x, axis=axes)
        np.testing.assert_array_equal(reduce(x, axis).numpy(), expected)
    assert reduce(x.tolist(), 1, True).shape == (2, 1)
    assert reduce(x, axis=1, keepdims=True, name="label").dtype == np.float64


def test_makers_and_movers() -> None:
    assert tf.zeros([2], tf.int32).numpy().tolist() == [0, 0]
    assert tf.ones((1, 2)).numpy().tolist() == [[1.0, 1.0]]
    assert tf.range(3).numpy().tolist() == [0, 1, 2]
    assert tf.reshape([1, 2, 3, 4], [2, 2]).numpy().tolist() == [[1, 2], [3, 4]]
    assert tf.transpose([[1, 2], [3, 4]]).numpy().tolist() == [[1, 3], [2, 4]]
    assert tf.shape([[1, 2, 3]]).numpy().tolist() == [1, 3]
    assert tf.cast([1.7], tf.int64).numpy().tolist() == [1]
    assert tf.argmax([[1, 5], [7, 2]]).numpy().tolist() == [1, 0]
    assert tf.argmax([[1, 5], [7, 2]], 1).numpy().tolist() == [1, 0]
    assert tf.where([True, False], [1, 2], [3, 4]).numpy().tolist() == [1, 4]


def test_random_numbers_follow_the_seed() -> None:
    def draw() -> Any:
        tf.random.set_seed(5)
        return tf.random.normal([3], mean=10.0, stddev=0.1), tf.random.uniform([2], 5, 6)

    (normal, uniform), (again, _) = draw(), draw()
    np.testing.assert_array_equal(normal.numpy(), again.numpy())
    assert bool(np.all(abs(normal.numpy() - 10) < 1))
    assert bool(np.all((uniform.numpy() >= 5) & (uniform.numpy() < 6)))


@pytest.mark.filterwarnings("ignore::tracegraph.FallbackWarning")
def test_random_numbers_are_drawn_at_each_call() -> None:
    drawn = tf.function(lambda: tf.random_normal([2]))
    values = [drawn().numpy().tolist() for _ in range(3)]
    assert len({tuple(value) for value in values}) == 3


def test_examples() -> None:
    assert doctest.testmod(tf).failed == 0
