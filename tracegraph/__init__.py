"""Write NumPy, run it as NumPy; ``compile`` makes it native, ``grad`` differentiates it."""

from tracegraph import optimizers, random
from tracegraph.compile import Compiled, compile
from tracegraph.control import cond, fori_loop, map, scan, switch, while_loop
from tracegraph.ir.errors import (
    AbstractValueError,
    DifferentiationError,
    FallbackWarning,
    GraphError,
    MissingRuleError,
    NotAFunctionError,
    OptionError,
    ParseError,
    RecordingError,
    TracegraphError,
    TreeError,
    VerificationError,
)
from tracegraph.module import Module
from tracegraph.numpy.public import *
from tracegraph.numpy.public import __all__ as PUBLIC
from tracegraph.tape import GradientTape
from tracegraph.tensor import Tensor, constant, convert_to_tensor
from tracegraph.transforms import (
    checkpoint,
    grad,
    hessian,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
    vmap,
)
from tracegraph.variable import Variable

__version__ = "0.1.0"

__all__ = [
    *PUBLIC,
    "AbstractValueError",
    "Compiled",
    "DifferentiationError",
    "FallbackWarning",
    "GradientTape",
    "GraphError",
    "MissingRuleError",
    "Module",
    "NotAFunctionError",
    "OptionError",
    "ParseError",
    "RecordingError",
    "Tensor",
    "TracegraphError",
    "TreeError",
    "Variable",
    "VerificationError",
    "checkpoint",
    "compile",
    "cond",
    "constant",
    "convert_to_tensor",
    "fori_loop",
    "grad",
    "hessian",
    "jacobian",
    "jvp",
    "map",
    "optimizers",
    "random",
    "scan",
    "switch",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]
