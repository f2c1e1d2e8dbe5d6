"""Functions of functions: derivatives and batching, composable in any order."""

from tracegraph.transforms.batch import vmap
from tracegraph.transforms.checkpoint import checkpoint
from tracegraph.transforms.forward import jvp
from tracegraph.transforms.marking import Transformed
from tracegraph.transforms.reverse import (
    Pullback,
    grad,
    hessian,
    jacobian,
    value_and_grad,
    vjp,
)

__all__ = [
    "Pullback",
    "Transformed",
    "checkpoint",
    "grad",
    "hessian",
    "jacobian",
    "jvp",
    "value_and_grad",
    "vjp",
    "vmap",
]
