"""The namespace ``array_api`` with every call compiled, for the public test suite.

``compiled.sin(x)`` gives what native code gives: a function that calls ``array_api.sin`` is
compiled and called until a call stays in native code, at most ``ATTEMPTS`` times. Operators,
indexing and conversions of its arrays do the same. The result is compared with the eager one,
because compiling changes no values, dtypes or shapes. ``CALLS`` counts what ran natively, and why
the others did not.
"""

from __future__ import annotations

import functools
import operator
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from tests.frontend.support import Counted
from tracegraph import FallbackWarning, Tensor, array_api
from tracegraph.operators import IN_PLACE, Operators

ATTEMPTS = 3
"""One call records; another does so again where lengths cannot be symbols."""

KEPT = 1000
"""So many compiled functions are kept, for calls of the same kind."""

MANY = 30
"""With more traces than this a function is compiled anew, before it reaches its limit."""

WRITING = IN_PLACE | {operator.setitem}
UNSAID: frozenset[Any] = frozenset({array_api.empty, array_api.empty_like})
"""Functions whose results hold what nobody knows."""

SUMMING: frozenset[Any] = frozenset({array_api.mean, array_api.std, array_api.sum, array_api.var})
"""Functions whose additions are ordered otherwise: the suite judges their values."""

CALLS: Counter[str] = Counter()
PROGRAMS: dict[Any, Counted] = {}


def run(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return what a function gives, from native code if it can be compiled."""
    tensors, named = unwrapped(args), unwrapped(kwargs)
    program = program_of(function, tensors, named)
    target = tensors[0].numpy() if function in WRITING else None
    before = None if target is None else target.copy()
    expected = function(*tensors, **named), None if target is None else target.copy()
    for _ in range(ATTEMPTS):
        if target is not None:
            target[...] = before
        slow = program.slow
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FallbackWarning)
            result = program(*tensors, **named)
        if program.slow == slow:
            break
    compare(expected, (result, target), are_equal=function not in UNSAID | SUMMING)
    CALLS["native" if program.slow == slow else why_eager(program, function)] += 1
    return args[0] if function in IN_PLACE else wrapped(result)


def why_eager(program: Counted, function: Callable[..., Any]) -> str:
    fallbacks = program.compiled.fallbacks
    why = fallbacks[-1].reason if fallbacks else "never the same twice"
    return f"{function.__name__}: {why}"


def program_of(function: Callable[..., Any], args: Any, kwargs: Any) -> Counted:
    """Return the compiled function for calls of a kind, in which numbers and lengths may vary."""
    options = [(name, fixed_kind_of(value)) for name, value in kwargs.items()]
    key = function, kind_of(args), tuple(options)
    program = PROGRAMS.get(key)
    if program is None or len(program.compiled.traces) > MANY:
        if len(PROGRAMS) > KEPT:
            PROGRAMS.clear()
        program = Counted(lambda *a, **k: function(*a, **k))
        PROGRAMS[key] = program
    return program


def kind_of(value: Any) -> Any:
    """Return the dtype and rank of a Tensor, the type of a number, the items of a container."""
    if isinstance(value, Tensor):
        return value.dtype.name, value.ndim
    if isinstance(value, (tuple, list)):
        return type(value), tuple(map(kind_of, value))
    return type(value) if isinstance(value, (int, float, complex)) else repr(value)


def fixed_kind_of(option: Any) -> Any:
    """Return the dtype and rank of a Tensor, else the value: most options must be constants."""
    return kind_of(option) if isinstance(option, Tensor) else repr(option)


def compare(eager: Any, native: Any, are_equal: bool) -> None:
    """Fail where native code gave something else than the eager run."""
    assert type(eager) is type(native), f"{eager!r}, natively {native!r}"
    if isinstance(eager, (tuple, list)):
        for one, other in zip(eager, native, strict=True):
            compare(one, other, are_equal)
    elif isinstance(eager, (Tensor, np.ndarray)):
        one, other = np.asarray(eager), np.asarray(native)
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        single = one.dtype in (np.float32, np.complex64)
        # NumPy's log1p of a complex number is the log of a rounded sum: wrong by so much near 0.
        atol = float(np.finfo(one.dtype).eps) if one.dtype.kind == "c" else 0.0
        with np.errstate(all="ignore"):
            near = np.isclose(other, one, rtol=1e-5 if single else 1e-12, atol=atol, equal_nan=True)
        assert not are_equal or near.all(), f"{eager!r}, natively {native!r}"
    else:
        assert repr(eager) == repr(native)


def reversed_axes(x: Tensor) -> Tensor:
    return x.T


def exchanged_axes(x: Tensor) -> Tensor:
    return x.mT


# -- arrays -------------------------------------------------------------------------------------


class Array(Operators):
    """A Tensor whose operations are compiled."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def _operate(self, function: Callable[..., Any], *operands: Any) -> Any:
        return run(function, *operands)

    def __getitem__(self, index: Any) -> Any:
        return run(operator.getitem, self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        run(operator.setitem, self, index, value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tensor, name)

    @property
    def T(self) -> Any:
        return run(reversed_axes, self)

    @property
    def mT(self) -> Any:
        return run(exchanged_axes, self)

    def __bool__(self) -> bool:
        return bool(run(bool, self))

    def __int__(self) -> int:
        return int(run(int, self))

    def __float__(self) -> float:
        return float(run(float, self))

    def __complex__(self) -> complex:
        return complex(run(complex, self))

    def __index__(self) -> int:
        return operator.index(self.tensor)

    def __len__(self) -> int:
        return len(self.tensor)

    def __repr__(self) -> str:
        return repr(self.tensor)

    def __array_namespace__(self, /, *, api_version: str | None = None) -> ModuleType:
        self.tensor.__array_namespace__(api_version=api_version)
        return sys.modules[__name__]

    def __dlpack__(
        self,
        /,
        *,
        stream: int | None = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        return self.tensor.__dlpack__(
            stream=stream, max_version=max_version, dl_device=dl_device, copy=copy
        )

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.tensor.__dlpack_device__()

    def to_device(self, device: str, /, *, stream: int | None = None) -> Array:
        return Array(self.tensor.to_device(device, stream=stream))


def unwrapped(value: Any) -> Any:
    """Return nested arguments with Tensors in the place of arrays."""
    if isinstance(value, Array):
        return value.tensor
    if type(value) in (tuple, list):
        return type(value)(map(unwrapped, value))
    if type(value) is dict:
        return {name: unwrapped(item) for name, item in value.items()}
    return value


def wrapped(value: Any) -> Any:
    """Return nested results with arrays in the place of Tensors."""
    if isinstance(value, Tensor):
        return Array(value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(wrapped, value))
    return type(value)(map(wrapped, value)) if type(value) in (tuple, list) else value


# -- names --------------------------------------------------------------------------------------


class Names:
    """A module whose functions are compiled."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module

    def __getattr__(self, name: str) -> Any:
        return member(self.module, name)


@functools.cache
def compiled(value: Any) -> Any:
    """Return what a name means here, from what it means in ``array_api``."""
    if isinstance(value, ModuleType):
        return Names(value)
    is_function = callable(value) and not isinstance(value, type)
    if not is_function or value is array_api.__array_namespace_info__:
        return value
    return functools.update_wrapper(functools.partial(run, value), value)


def member(module: ModuleType, name: str) -> Any:
    if name not in module.__all__:
        raise AttributeError(f"{module.__name__} exports no {name}")
    return compiled(getattr(module, name))


def __getattr__(name: str) -> Any:
    return member(array_api, name)
