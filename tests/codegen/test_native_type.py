"""The callable type: calls before and after there is native code, methods, attributes, memory."""

import ctypes
import gc
import pickle
import sys
import weakref
from typing import Any

import pytest

from tests.codegen.native_kit import Counting
from tracegraph.codegen.native_type import NativeCallable

_Vectorcall = ctypes.PYFUNCTYPE(
    ctypes.py_object, ctypes.py_object, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p
)


def _describe(callable: Any, args: int, count: int, names: int | None) -> Any:
    """A vectorcall function that says how it was called."""
    return "native", count & ~(1 << 63), names is not None


_vectorcall = _Vectorcall(_describe)


class _Address:
    address = ctypes.cast(_vectorcall, ctypes.c_void_p).value or 0


def test_without_code_calls_run_slow() -> None:
    f = Counting(lambda *args, **kwargs: (args, kwargs))
    assert f(1, 2, a=3) == ((1, 2), {"a": 3})
    assert f.slow_calls == 1
    assert f._entry == 0


def test_exceptions_of_slow_propagate() -> None:
    def fail(*args: Any) -> None:
        raise KeyError("reason")

    with pytest.raises(KeyError, match="reason"):
        Counting(fail)()


def test_every_way_of_calling_reaches_the_code() -> None:
    f = Counting(lambda *args: "slow")
    f.run(_Address())
    assert f() == ("native", 0, False)
    assert f(1, b=2) == ("native", 1, True)
    assert f(*[1, 2]) == ("native", 2, False)
    assert f(a=1) == ("native", 0, True)
    assert list(map(f, [1])) == [("native", 1, False)]
    assert sorted([1, 2], key=f) == [1, 2]
    assert f.__call__() == "slow"
    f.run(None)
    assert f() == "slow"


def test_subclasses_of_subclasses_reach_the_code() -> None:
    class Deeper(Counting):
        pass

    f = Deeper(lambda: "slow")
    assert f() == "slow"
    f.run(_Address())
    assert f() == ("native", 0, False)


def test_binds_as_a_method() -> None:
    class Owner:
        method = Counting(lambda self, x, y=2: (self, x, y))

    owner = Owner()
    assert owner.method(1, y=3) == (owner, 1, 3)
    assert Owner.method(owner, 1) == (owner, 1, 2)
    bound = owner.method
    assert bound(5) == (owner, 5, 2)
    assert bound.__self__ is owner
    assert bound.__func__ is Owner.__dict__["method"]
    Owner.method.run(_Address())
    assert owner.method(1) == ("native", 2, False)
    assert bound(1) == ("native", 2, False)


def test_attributes_and_weak_references() -> None:
    f = Counting(lambda: None)
    f.note = "kept"
    assert f.note == "kept"
    reference = weakref.ref(f)
    assert reference() is f
    assert callable(f)
    del f
    assert reference() is None


def test_circles_are_collected() -> None:
    f = Counting(lambda: None)
    f.self = f
    reference = weakref.ref(f)
    del f
    gc.collect()
    assert reference() is None


def test_instances_own_one_reference_to_their_class() -> None:
    class Own(NativeCallable):
        pass

    before = sys.getrefcount(Own)
    for _ in range(100):
        Own()
    assert sys.getrefcount(Own) == before
    kept = [Own() for _ in range(10)]
    assert sys.getrefcount(Own) - before in (0, 10)
    del kept
    assert sys.getrefcount(Own) == before


def test_what_ran_is_kept_as_long_as_the_callable() -> None:
    f = Counting(lambda: None)
    code = _Address()
    reference = weakref.ref(code)
    f.run(code)
    f.run(None)
    del code
    assert reference() is not None
    del f
    assert reference() is None


def test_cannot_be_pickled_by_accident() -> None:
    with pytest.raises((TypeError, AttributeError, pickle.PicklingError)):
        pickle.dumps(Counting(lambda: None))


def test_slow_must_be_defined() -> None:
    class Nothing(NativeCallable):
        pass

    with pytest.raises(NotImplementedError, match="Nothing"):
        Nothing()()
