"""TensorFlow's names, for programs in its eager style: 1.x with ``tf.contrib.eager``, and 2.x.

Only names and argument orders are TensorFlow's. Values are NumPy's: a Python float makes a float64
Tensor, operands of two dtypes are promoted, and random numbers come from NumPy's global state.

Examples
--------
>>> import tracegraph.compat.tensorflow as tf
>>> w = tf.contrib.eager.Variable(3.0)
>>> with tf.GradientTape() as tape:
...     loss = tf.reduce_mean(tf.square(w * [1.0, 2.0]))
>>> print(tape.gradient(loss, w))
15.0
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from tracegraph.calls import call
from tracegraph.compile import compile
from tracegraph.dispatch import apply, held
from tracegraph.module import Module
from tracegraph.optimizers import SGD, Adam, Momentum, RMSProp
from tracegraph.recording import active
from tracegraph.tape import GradientTape
from tracegraph.tensor import Tensor, constant, convert_to_tensor, wrap
from tracegraph.variable import Variable

__all__ = [
    "GradientTape", "Module", "Tensor", "Variable", "abs", "add", "argmax", "bool", "cast",
    "complex64", "complex128", "constant", "contrib", "convert_to_tensor", "divide",
    "enable_eager_execution", "equal", "executing_eagerly", "exp", "float32", "float64",
    "function", "greater", "int32", "int64", "keras", "less", "linalg", "log", "math", "matmul",
    "maximum", "minimum", "multiply", "negative", "newaxis", "ones", "ones_like", "optimizers",
    "pow", "random", "random_normal", "random_uniform", "range", "reduce_max", "reduce_mean",
    "reduce_min", "reduce_prod", "reduce_sum", "reshape", "set_random_seed", "shape", "sqrt",
    "square", "subtract", "tanh", "train", "transpose", "where", "zeros", "zeros_like",
]  # fmt: skip


# -- operations: NumPy's functions, with results that are always Tensors --------------------------


def _named(operation: Callable[..., Any], numpy_function: Callable[..., Any]) -> Callable[..., Any]:
    operation.__name__ = operation.__qualname__ = getattr(numpy_function, "__name__", "operation")
    operation.__doc__ = f"NumPy's ``{operation.__name__}``; the result is a Tensor."
    return operation


def _operation(numpy_function: Callable[..., Any]) -> Callable[..., Any]:
    def operation(*operands: Any, name: str | None = None, **options: Any) -> Any:
        return wrap(apply(numpy_function, *map(_operand, operands), **options))

    return _named(operation, numpy_function)


def _reduction(numpy_function: Callable[..., Any]) -> Callable[..., Any]:
    def reduction(
        input_tensor: Any,
        axis: Any = None,
        keepdims: builtins.bool = False,
        name: str | None = None,
    ) -> Any:
        axes = tuple(axis) if isinstance(axis, list) else axis
        return wrap(apply(numpy_function, _operand(input_tensor), axis=axes, keepdims=keepdims))

    return _named(reduction, numpy_function)


def _operand(value: Any) -> Any:
    """Return nested numbers as one Tensor; a number stays, so that it does not decide the dtype."""
    return convert_to_tensor(value) if isinstance(value, (list, tuple)) else value


abs = _operation(np.abs)
add = _operation(np.add)
divide = _operation(np.divide)
equal = _operation(np.equal)
exp = _operation(np.exp)
greater = _operation(np.greater)
less = _operation(np.less)
log = _operation(np.log)
matmul = _operation(np.matmul)
maximum = _operation(np.maximum)
minimum = _operation(np.minimum)
multiply = _operation(np.multiply)
negative = _operation(np.negative)
ones_like = _operation(np.ones_like)
pow = _operation(np.power)
range = _operation(np.arange)
sqrt = _operation(np.sqrt)
square = _operation(np.square)
subtract = _operation(np.subtract)
tanh = _operation(np.tanh)
where = _operation(np.where)
zeros_like = _operation(np.zeros_like)
reduce_max = _reduction(np.max)
reduce_mean = _reduction(np.mean)
reduce_min = _reduction(np.min)
reduce_prod = _reduction(np.prod)
reduce_sum = _reduction(np.sum)


def argmax(input: Any, axis: int = 0) -> Any:
    """Return the indices of the largest elements along an axis, the first by default."""
    return wrap(apply(np.argmax, _operand(input), axis=axis))


def cast(x: Any, dtype: Any) -> Any:
    """Return a tensor converted to another dtype."""
    return convert_to_tensor(x).astype(dtype)


def ones(shape: Sequence[int], dtype: Any = np.float64) -> Any:
    """Return a tensor of ones."""
    return wrap(apply(np.ones, shape, dtype=dtype))


def zeros(shape: Sequence[int], dtype: Any = np.float64) -> Any:
    """Return a tensor of zeros."""
    return wrap(apply(np.zeros, shape, dtype=dtype))


def reshape(tensor: Any, shape: Sequence[int]) -> Any:
    """Return a tensor in another shape."""
    return wrap(apply(np.reshape, _operand(tensor), tuple(shape)))


def shape(input: Any) -> Any:
    """Return the shape of a tensor, as a tensor."""
    return wrap(apply(np.array, np.shape(input)))


def transpose(a: Any, perm: Sequence[int] | None = None) -> Any:
    """Return a tensor with its axes in another order, reversed by default."""
    return wrap(apply(np.transpose, _operand(a), perm))


# -- random numbers -------------------------------------------------------------------------------


def random_normal(
    shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: Any = np.float64
) -> Any:
    """Return normally distributed random numbers."""
    return wrap(_drawn(np.random.normal, mean, stddev, tuple(shape))).astype(dtype)


def random_uniform(
    shape: Sequence[int], minval: float = 0.0, maxval: float = 1.0, dtype: Any = np.float64
) -> Any:
    """Return random numbers that are distributed evenly."""
    return wrap(_drawn(np.random.uniform, minval, maxval, tuple(shape))).astype(dtype)


def set_random_seed(seed: int) -> None:
    """Seed NumPy's global state."""
    _drawn(np.random.seed, seed)


def _drawn(function: Callable[..., Any], *args: Any) -> Any:
    """Draw from NumPy's global state, as a recorded function does it where one is recorded."""
    recording = active()
    if recording is None:
        return apply(function, *args)
    return call(recording, function, held(args), {})


# -- settings and state ---------------------------------------------------------------------------


def enable_eager_execution(*args: Any, **kwargs: Any) -> None:
    """Do nothing: everything is eager."""


def executing_eagerly() -> builtins.bool:
    """Return True: compiled functions too mean what they mean eagerly."""
    return True


def get_or_create_global_step() -> Variable:
    """Return the one counter of training steps; ``assign(0)`` starts it anew."""
    return _global_step


_global_step = Variable(np.int64(0), name="global_step")


# -- plain names and namespaces -------------------------------------------------------------------

bool = np.bool_
float32, float64, int32, int64 = np.float32, np.float64, np.int32, np.int64
complex64, complex128 = np.complex64, np.complex128
newaxis = None
function = compile

train = SimpleNamespace(
    AdamOptimizer=Adam,
    GradientDescentOptimizer=SGD,
    MomentumOptimizer=Momentum,
    RMSPropOptimizer=RMSProp,
    get_or_create_global_step=get_or_create_global_step,
)
optimizers = SimpleNamespace(Adam=Adam, RMSprop=RMSProp, SGD=SGD)
keras = SimpleNamespace(Model=Module, optimizers=optimizers)
contrib = SimpleNamespace(
    eager=SimpleNamespace(
        GradientTape=GradientTape,
        Variable=Variable,
        enable_eager_execution=enable_eager_execution,
        executing_eagerly=executing_eagerly,
    )
)
random = SimpleNamespace(normal=random_normal, set_seed=set_random_seed, uniform=random_uniform)
linalg = SimpleNamespace(matmul=matmul)
math = SimpleNamespace(
    abs=abs, add=add, argmax=argmax, divide=divide, equal=equal, exp=exp, greater=greater,
    less=less, log=log, maximum=maximum, minimum=minimum, multiply=multiply, negative=negative,
    pow=pow, reduce_max=reduce_max, reduce_mean=reduce_mean, reduce_min=reduce_min,
    reduce_prod=reduce_prod, reduce_sum=reduce_sum, sqrt=sqrt, square=square, subtract=subtract,
    tanh=tanh,
)  # fmt: skip
