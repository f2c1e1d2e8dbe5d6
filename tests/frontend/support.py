"""What tests of the front end share: a function run plainly and compiled, compared in all it does.

`agree(make, *calls)` makes the function twice, runs one plainly and one through `tg.compile`, call
by call, and compares results (types, dtypes, strides, flags, bits of zeros and NaNs), exceptions
with their words, what was printed, the arguments and the state afterwards, and what shares memory.
"""

import contextlib
import dataclasses
import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import tracegraph as tg

Function = Callable[..., Any]


@dataclasses.dataclass
class Call:
    """One call: arguments by position and by name, and what is done before it."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = dataclasses.field(default_factory=dict)
    before: Callable[[Any], None] | None = None


def call(*args: Any, **kwargs: Any) -> Call:
    return Call(args, kwargs)


class Counted:
    """A compiled function that counts the calls that no native code took."""

    def __init__(self, function: Function, **options: Any) -> None:
        self.compiled: Any = tg.compile(function, **options)
        self.slow = 0
        slow = self.compiled._slow

        def counting(*args: Any, **kwargs: Any) -> Any:
            self.slow += 1
            return slow(*args, **kwargs)

        self.compiled.__dict__["_slow"] = counting

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.compiled(*args, **kwargs)

    def is_native(self, *args: Any, **kwargs: Any) -> bool:
        """Whether a call runs natively; it is performed."""
        before = self.slow
        self.compiled(*args, **kwargs)
        return self.slow == before


# -- running --------------------------------------------------------------------------------------


@dataclasses.dataclass
class Outcome:
    """All that a call came to."""

    value: Any
    error: Any
    printed: str
    args: Any
    state: Any


def run(function: Function, one: Call, state: Any) -> Outcome:
    args, kwargs = duplicate((one.args, one.kwargs), {})
    if one.before is not None:
        one.before(state)
    value = error = None
    out = io.StringIO()
    with contextlib.redirect_stdout(out), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            value = function(*args, **kwargs)
        except Exception as raised:
            error = raised
    shown = state.state() if hasattr(state, "state") else state
    return Outcome(value, error, out.getvalue(), (args, kwargs), shown)


def duplicate(value: Any, memo: dict[int, Any]) -> Any:
    """A copy of nested arguments with the same strides and the same sharing of memory."""
    if id(value) in memo:
        return memo[id(value)]
    copy = value
    if type(value) is np.ndarray:
        copy = _duplicate_array(value, memo)
    elif type(value) in (tuple, list):
        copy = type(value)(duplicate(item, memo) for item in value)
    elif type(value) is dict:
        copy = {key: duplicate(item, memo) for key, item in value.items()}
    memo[id(value)] = copy
    return copy


def _duplicate_array(array: Any, memo: dict[int, Any]) -> Any:
    base = array.base
    if not isinstance(base, np.ndarray):
        return array.copy(order="A") if base is None else array
    owner = duplicate(base, memo)
    offset = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    if not base.flags.c_contiguous and not base.flags.f_contiguous:
        raise AssertionError("give arguments whose base is contiguous")
    if not array.size:
        return array.copy()
    flat = owner.reshape(-1, order="A").view(np.uint8)
    return np.ndarray(array.shape, array.dtype, flat, offset, array.strides)


def agree(make: Callable[[], Any], *calls: Any, native: int | None = None) -> Counted:
    """Check that a function and its compiled form agree call by call.

    ``make()`` returns the function, or (function, state). ``native``: how many of the last calls
    must run natively.
    """
    plain, plain_state = _made(make)
    function, state = _made(make)
    compiled = Counted(function)
    for number, one in enumerate(calls):
        one = one if isinstance(one, Call) else Call(tuple(one))
        before = compiled.slow
        expected, got = run(plain, one, plain_state), run(compiled, one, state)
        compare(expected, got, f"call {number}")
        if native is not None and number >= len(calls) - native:
            assert compiled.slow == before, (
                f"call {number} did not run natively: {compiled.compiled.fallbacks}"
            )
    return compiled


def _made(make: Callable[[], Any]) -> tuple[Any, Any]:
    made = make()
    return made if isinstance(made, tuple) else (made, None)


# -- comparing ------------------------------------------------------------------------------------


def compare(expected: Outcome, got: Outcome, where: str) -> None:
    assert type(expected.error) is type(got.error), (
        f"{where}: {expected.error!r} became {got.error!r}"
    )
    if expected.error is not None:
        assert str(expected.error) == str(got.error), where
        same(expected.error.args, got.error.args, f"{where}: the exception's arguments")
    assert expected.printed == got.printed, f"{where}: printed"
    same(expected.value, got.value, f"{where}: result")
    same(expected.args, got.args, f"{where}: arguments")
    same(expected.state, got.state, f"{where}: state")
    everything = [(o.value, o.args, o.state) for o in (expected, got)]
    assert sharing(everything[0]) == sharing(everything[1]), f"{where}: what shares memory"


def same(a: Any, b: Any, where: str) -> None:
    """Check that two values cannot be told apart, but for the last bits of floats."""
    kind: Any = type(a)
    assert same_type(kind, type(b)), f"{where}: {kind} became {type(b)}: {a!r} -> {b!r}"
    if isinstance(a, np.ndarray):
        same_arrays(a, b, where)
    elif isinstance(a, (np.generic, float, complex)):
        assert getattr(a, "dtype", None) == getattr(b, "dtype", None), where
        same_numbers(a, b, where)
    elif isinstance(a, (tuple, list)):
        assert len(a) == len(b), f"{where}: {a!r} -> {b!r}"
        for i, (x, y) in enumerate(zip(a, b, strict=True)):
            same(x, y, f"{where}[{i}]")
    elif isinstance(a, dict):
        assert list(a) == list(b), where
        for key in a:
            same(a[key], b[key], f"{where}[{key!r}]")
    elif isinstance(a, tg.Tensor):
        same(a.numpy(), b.numpy(), f"{where}.numpy()")
    elif hasattr(a, "__dict__") and not callable(a) and not isinstance(a, type(np)):
        same(vars(a), vars(b), f"{where}.__dict__")
    elif not callable(a) and kind.__eq__ is not object.__eq__:
        assert a == b, f"{where}: {a!r} -> {b!r}"


def same_arrays(a: Any, b: Any, where: str) -> None:
    assert (a.dtype, a.shape) == (b.dtype, b.shape), where
    moving = [i for i, n in enumerate(a.shape) if n > 1]
    strides = [tuple(x.strides[i] for i in moving) for x in (a, b)]
    assert strides[0] == strides[1], f"{where}: strides {a.strides} -> {b.strides}"
    assert a.flags.writeable == b.flags.writeable, f"{where}: writeable"
    if a.dtype != object:
        same_numbers(a, b, where)


def same_type(a: type, b: type) -> bool:
    """Whether two types are one, or come from the same line of two runs of a program."""
    made_by_a_program = a.__module__ == b.__module__ == "program"
    return a is b or (made_by_a_program and a.__qualname__ == b.__qualname__)


def same_numbers(a: Any, b: Any, where: str) -> None:
    if np.asarray(a).dtype.kind not in "fc":
        assert np.array_equal(a, b), f"{where}: {a!r} -> {b!r}"
        return
    width = np.asarray(a).dtype.itemsize // (2 if np.asarray(a).dtype.kind == "c" else 1)
    rtol = {2: 1e-3, 4: 3e-6}.get(width, 1e-13)
    np.testing.assert_allclose(b, a, rtol=rtol, atol=0 if width < 8 else 1e-300, err_msg=where)
    for part in (np.real, np.imag) if np.asarray(a).dtype.kind == "c" else (np.asarray,):
        x, y = part(a), part(b)
        known = ~np.isnan(x)
        assert np.array_equal(np.signbit(x)[known], np.signbit(y)[known]), f"{where}: signs"


def sharing(value: Any) -> list[tuple[int, int, bool]]:
    """Which mutable objects in a value are one, and which arrays overlap."""
    found: list[Any] = []
    _gather(value, found, set())
    pairs = []
    for i, a in enumerate(found):
        for j, b in enumerate(found[:i]):
            arrays = isinstance(a, np.ndarray) and isinstance(b, np.ndarray)
            if a is b or (arrays and np.shares_memory(a, b)):
                pairs.append((i, j, a is b))
    return pairs


def _gather(value: Any, found: list[Any], inside: set[int]) -> None:
    if isinstance(value, (np.ndarray, list, dict)):
        found.append(value)
    if id(value) in inside:
        return
    inside = inside | {id(value)}
    if isinstance(value, (tuple, list)):
        for item in value:
            _gather(item, found, inside)
    elif isinstance(value, dict):
        for item in value.values():
            _gather(item, found, inside)


def made(function: Function) -> Callable[[], Function]:
    """A maker of a function that has no state."""
    return lambda: function
