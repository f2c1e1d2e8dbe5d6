"""Bad input: NumPy's own exceptions at the user's line, named ones for what is ours, and nothing
that leaves a function unusable."""

import traceback
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import program
from tests.frontend.support import agree, made
from tracegraph.recording import active

X = np.arange(1.0, 4)
Function = Callable[..., Any]
NP: Any = np  # for what type checkers would refuse
BOTH = pytest.mark.parametrize("transform", [lambda f: f, tg.compile], ids=["eager", "compiled"])


# -- NumPy's own ----------------------------------------------------------------------------------

NUMPYS: dict[str, tuple[Function, Any]] = {
    "shapes that do not broadcast": (lambda a: a + np.ones(4), X),
    "matmul": (lambda a: a @ np.ones(4), X),
    "matmul of numbers": (lambda a: a @ 2.0, X),
    "an index": (lambda a: a[7], X),
    "too many indices": (lambda a: a[0, 0], X),
    "an index of floats": (lambda a: a[1.5], X),
    "an index of text": (lambda a: a["k"], X),
    "an array of indices": (lambda a: a[np.array([0, 9])], X),
    "a mask of another length": (lambda a: a[np.array([True, False])], X),
    "an item": (lambda a: a.__setitem__(9, 1), X),
    "an item's shape": (lambda a: a.__setitem__(slice(0, 2), [1, 2, 3]), X),
    "an axis": (lambda a: a.sum(axis=3), X),
    "an axis twice": (lambda a: a.sum(axis=(0, 0)), X),
    "a transposition": (lambda a: a.transpose(1, 0), X),
    "reshape": (lambda a: a.reshape(2, 2), X),
    "reshape with two unknowns": (lambda a: a.reshape(-1, -1), X),
    "concatenate": (lambda a: np.concatenate([a, np.ones((2, 2))]), X),
    "concatenate nothing": (lambda a: np.concatenate([]), X),
    "stack": (lambda a: np.stack([a, a[:2]]), X),
    "split": (lambda a: np.split(a, 2), X),
    "einsum": (lambda a: np.einsum("ij->i", a), X),
    "squeeze": (lambda a: np.squeeze(a, 0), X),
    "broadcast_to": (lambda a: np.broadcast_to(a, (2, 2)), X),
    "max of nothing": (lambda a: a[:0].max(), X),
    "argmax of nothing": (lambda a: np.argmax(a[:0]), X),
    "truth of an array": (lambda a: 1 if a > 2 else 2, X),
    "number of an array": (lambda a: float(a), X),
    "item of an array": (lambda a: a.item(), X),
    "an unknown attribute": (lambda a: a.zzz, X),
    "an unknown method": (lambda a: a.sum().zzz(), X),
    "an unknown function": (lambda a: NP.zzz(a), X),
    "an unknown keyword": (lambda a: NP.sum(a, zzz=1), X),
    "too few arguments": (lambda a: np.add(*[a]), X),
    "a ufunc of text": (lambda a: np.sin("x"), X),
    "adding text": (lambda a: a + "x", X),
    "adding None": (lambda a: a + None, X),
    "adding a dict": (lambda a: a * {}, X),
    "casting in place": (lambda a: np.arange(3).__iadd__(a), X),
    "out's dtype": (lambda a: np.add(a, 1, out=np.zeros(3, int)), X),
    "out's shape": (lambda a: np.add(a, 1, out=np.zeros(2)), X),
    "negative powers of ints": (lambda a: np.arange(3) ** -1, X),
    "invert floats": (lambda a: ~a, X),
    "shift floats": (lambda a: a << 1, X),
    "subtract bools": (lambda a: (a > 1) - (a > 2), X),
    "negative of bools": (lambda a: -(a > 1), X),
    "an int of a nan": (lambda a: int(a[0] * np.nan), X),
    "an int of an infinity": (lambda a: int(a[0] * np.inf), X),
    "Python's division": (lambda a: 1.0 / float(a[0] - 1), X),
    "Python's integer division": (lambda a: 1 // int(a[0] - 1), X),
    "an item of a number": (lambda a: a.sum()[0], X),
    "iterating a number": (lambda a: list(a.sum()), X),
    "len of a number": (lambda a: len(a.sum()), X),
    "unpacking": (lambda a: (lambda p, q: p)(*a), X),
    "an array as a key": (lambda a: {a: 1}, X),
    "an array in a set": (lambda a: {a}, X),
    "hash of an array": (lambda a: hash(a), X),
    "arange of a bad dtype": (lambda a: np.zeros(3, "zz"), X),
    "a negative size": (lambda a: np.zeros(-1), X),
    "linspace of a negative number": (lambda a: np.linspace(0, 1, -2), X),
    "a float size": (lambda a: np.zeros(a[0]), X),
    "sorting text and numbers": (lambda a: sorted(["a", a[0]]), X),
    "math's domain": (lambda a: __import__("math").sqrt(-a[0]), X),
    "a list's index": (lambda a: [1, 2][int(a[2])], X),
    "a dict's key": (lambda a: dict[float, Any]()[float(a[2])], X),
    "an attribute of None": (lambda a: None.zzz, X),  # type: ignore[attr-defined]
    "calling a number": (lambda a: a[0](), X),
    "a missing argument": (lambda a, b: a, X),
}


@pytest.mark.parametrize("what", NUMPYS)
def test_errors_are_those_of_numpy_and_python(what: str) -> None:
    function, argument = NUMPYS[what]
    compiled = agree(made(function), (argument,), (argument,), (argument + 0,))
    assert active() is None
    for fallback in compiled.compiled.fallbacks:
        assert "fault" not in fallback.reason


@pytest.mark.parametrize("what", ["matmul", "an index", "reshape", "a dict's key"])
def test_the_innermost_line_of_the_users_file_is_the_one_that_failed(what: str) -> None:
    function = NUMPYS[what][0]
    for used in (function, tg.compile(function)):
        for _ in range(2):
            with pytest.raises(Exception) as caught:  # noqa: PT011
                used(X)
            lines = [
                frame.lineno
                for frame in traceback.extract_tb(caught.value.__traceback__)
                if frame.filename == __file__
            ]
            assert lines[-1] == function.__code__.co_firstlineno


def test_an_error_of_a_native_call_is_at_the_users_line() -> None:
    def pick(a: Any, i: Any) -> Any:
        b = a * 2
        return b[i] + 1

    compiled = tg.compile(pick)
    for index in (np.array([0]), np.array([1])):
        compiled(X, index)
    with pytest.raises(
        IndexError, match="index 9 is out of bounds for axis 0 with size 3"
    ) as caught:
        compiled(X, np.array([9]))
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert [f.line for f in frames if f.filename == __file__][-1] == "return b[i] + 1"
    np.testing.assert_array_equal(compiled(X, np.array([2])), [7.0])


def test_nothing_is_read_at_a_place_before_the_place_is_checked() -> None:
    """Numbers of one shape share a kernel; the guard between them must keep them apart."""
    compiled = tg.compile(lambda a, i: a[i[0]] * 2.0 + a[i[1] + 1])
    for index in (np.array([0, 1]), np.array([1, 0])):
        compiled(X, index)
    for bad in (10**13, -(10**13)):
        with pytest.raises(IndexError, match=f"index {bad} is out of bounds"):
            compiled(X, np.array([bad, 0]))


def test_errors_keep_their_cause_and_notes() -> None:
    def fail(a: Any) -> Any:
        try:
            return a[9]
        except IndexError as error:
            raised = KeyError(float(a[0]))
            raised.add_note(f"note {a[1]}")
            raise raised from error

    for used in (fail, tg.compile(fail)):
        for _ in range(2):
            with pytest.raises(KeyError) as caught:
                used(X)
            assert type(caught.value.args[0]) is float
            assert caught.value.__notes__ == ["note 2.0"]
            assert isinstance(caught.value.__cause__, IndexError)


def test_exceptions_carry_values_not_stand_ins() -> None:
    class Problem(Exception):
        def __init__(self, where: Any, **more: Any) -> None:
            super().__init__(where)
            self.where, self.more = where, more

    def fail(a: Any) -> Any:
        raise Problem(a * 2, first=a[0], size=a.shape[0], items=[a[1], (a,)])

    compiled = tg.compile(fail)
    for n in (3, 4, 5):
        with pytest.raises(Problem) as caught:
            compiled(np.arange(float(n)))
        problem = caught.value
        assert type(problem.where) is type(problem.args[0]) is np.ndarray
        assert type(problem.more["first"]) is np.float64
        assert type(problem.more["size"]) is int
        assert type(problem.more["items"][0]) is np.float64
        assert type(problem.more["items"][1][0]) is np.ndarray


# -- ours -----------------------------------------------------------------------------------------


def test_options() -> None:
    with pytest.raises(tg.OptionError, match="nonsense"):
        tg.compile(lambda a: a, nonsense=1)
    with pytest.raises(tg.OptionError, match=r"fp.*'fast'"):
        tg.compile(lambda a: a, fp="fast")
    with pytest.raises(tg.OptionError, match="nonsense"):
        tg.compile(nonsense=1)(lambda a: a)
    assert issubclass(tg.OptionError, TypeError)


@pytest.mark.parametrize(
    "transform", [tg.compile, tg.grad, tg.value_and_grad, tg.jacobian, tg.hessian, tg.vmap]
)
@pytest.mark.parametrize("thing", [3, X, "f", [len]])
def test_not_a_function(transform: Function, thing: Any) -> None:
    with pytest.raises(tg.NotAFunctionError, match=type(thing).__name__):
        transform(thing)


def test_not_a_function_for_vjp_and_jvp() -> None:
    with pytest.raises(tg.NotAFunctionError):
        tg.vjp(X, X)  # type: ignore[arg-type]
    with pytest.raises(tg.NotAFunctionError):
        tg.jvp(X, (X,), (X,))  # type: ignore[arg-type]


GRADIENTS: dict[str, tuple[Function, Any, str]] = {
    "ints": (lambda x: x.sum(), np.arange(3), "int64"),
    "bools": (lambda x: x.sum(), np.array([True]), "bool"),
    "a Python int": (lambda x: x * 2.0, 3, "int"),
    "text": (lambda x: 1.0, "s", "str"),
    "an array": (lambda x: x, X, "scalar"),
    "a tuple": (lambda x: (x.sum(), 1), X, "scalar"),
    "None": (lambda x: None, X, "scalar"),
    "text returned": (lambda x: "s", X, "scalar"),
    "a complex number": (lambda x: (x * 1j).sum(), X, "scalar"),
    "an int returned": (lambda x: x.sum().astype(int), X, "scalar"),
    "a bool returned": (lambda x: x.sum() > 0, X, "scalar"),
    "an array of one": (lambda x: x[:1], X, "scalar"),
    "objects": (lambda x: x.sum(), X.astype(object), "object"),
    "half precision": (lambda x: x.sum(), X.astype(np.float16), "float16"),
    "unknown code": (lambda x: np.union1d(x, x).sum(), X, "union1d"),
    "a size from data": (lambda x: np.unique(x).sum(), X, "unique"),
}


@BOTH
@pytest.mark.parametrize("what", GRADIENTS)
def test_gradients_that_do_not_exist(what: str, transform: Function) -> None:
    function, argument, word = GRADIENTS[what]
    gradient = transform(tg.grad(function))
    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with pytest.raises(tg.DifferentiationError, match=word):
                gradient(argument)
    assert active() is None


@BOTH
def test_argnums_that_do_not_exist(transform: Function) -> None:
    for argnums in (3, -3, (0, 5)):
        with pytest.raises(tg.DifferentiationError, match="argnums"):
            transform(tg.grad(lambda x, y: (x * y).sum(), argnums))(X, X)
    with pytest.raises(tg.DifferentiationError, match="position"):
        transform(tg.grad(lambda x: x.sum()))(x=X)


def test_tangents_and_cotangents_that_do_not_fit() -> None:
    for tangents in [(X, X), (np.ones(2),), ((X,),), (3,), (X > 0,)]:
        with pytest.raises(tg.DifferentiationError):
            tg.jvp(np.sin, (X,), tangents)
    for cotangent in (np.ones(2), (X,), {"a": X}, None):
        with pytest.raises(tg.DifferentiationError):
            tg.vjp(np.sin, X)[1](cotangent)
    with pytest.raises(tg.DifferentiationError):
        tg.jacobian(lambda x: (x, x))(X)


@BOTH
def test_vmap_of_what_cannot_be_mapped(transform: Function) -> None:
    bad: list[tuple[Function, tuple[Any, ...]]] = [
        (tg.vmap(lambda x: x), (3.0,)),
        (tg.vmap(lambda x, y: x), (X, np.ones(4))),
        (tg.vmap(lambda x: x, in_axes=(0, 0)), (X,)),
        (tg.vmap(lambda x: x, in_axes=2), (X,)),
        (tg.vmap(lambda x: x, in_axes=None), (X,)),
        (tg.vmap(lambda: 1.0), ()),
    ]
    for function, args in bad:
        with pytest.raises(tg.OptionError):
            transform(function)(*args)
    assert active() is None


@BOTH
@pytest.mark.parametrize(
    "body",
    ["complex(x, 1)", "f'{x}'", "'s'", "len(range(int(x)))", "[x][int(x)]", "{x: 1}"],
)
def test_vmap_of_what_needs_a_value(body: str, transform: Function) -> None:
    function = program(f"def f(x): return {body}")()[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(tg.AbstractValueError) as caught:
            transform(tg.vmap(function))(X)
    assert active() is None
    assert "vmap" in str(caught.value)


@BOTH
def test_vmap_and_indices_out_of_range(transform: Function) -> None:
    with pytest.raises((IndexError, tg.AbstractValueError)):
        transform(tg.vmap(lambda x: x[7]))(np.ones((2, 3)))
    with pytest.raises((IndexError, tg.AbstractValueError)):
        transform(tg.vmap(lambda x, i: x[i]))(np.ones((2, 3)), np.array([0, 7]))
    with pytest.raises(ValueError, match=r"matmul|shape|broadcast"):
        transform(tg.vmap(lambda x: x + np.ones(4)))(np.ones((2, 3)))


def test_leaked_abstract_values() -> None:
    def leak(x: Any) -> Any:
        raise LookupError(x)

    with pytest.raises(LookupError) as caught:
        tg.vmap(leak)(X)
    (leaked,) = caught.value.args
    uses: list[Function] = [
        lambda v: v + 1,
        float,
        bool,
        np.sin,
        lambda v: v[0],
        np.asarray,
        str,
        len,
    ]
    for use in uses:
        with pytest.raises(tg.AbstractValueError, match="vmap"):
            use(leaked)


def test_values_kept_from_a_gradient_are_plain() -> None:
    kept: list[Any] = []

    def leak(x: Any) -> Any:
        kept.append(x * 2)
        return (x * x).sum()

    for transform in (tg.grad, lambda f: tg.compile(tg.grad(f))):
        kept.clear()
        for shift in range(3):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                transform(leak)(X + shift)
            np.testing.assert_array_equal(kept[-1], (X + shift) * 2)
            np.testing.assert_array_equal(np.asarray(kept[-1]) + 1, (X + shift) * 2 + 1)
            assert isinstance(kept[-1], np.ndarray)
