"""Settings of NumPy and Python around a call and inside the function: errstate, warnings, text."""

import warnings
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import agrees

X = np.arange(1.0, 7)


@pytest.mark.parametrize("mode", ["raise", "call", "print", "log", "warn", "ignore"])
def test_errstate_around_the_call(mode: Any) -> None:
    events: list[Any] = []
    function = tg.compile(lambda a: 1 / a)
    with warnings.catch_warnings(), np.errstate(divide="ignore"):
        warnings.simplefilter("ignore")
        for value in (X, X, X * 0):
            function(value)
    if mode in ("raise", "call"):
        with np.errstate(divide=mode, call=lambda *e: events.append(e)), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            function(X)
            if mode == "raise":
                with pytest.raises(FloatingPointError, match="divide by zero"):
                    function(X * 0)
            else:
                function(X * 0)
                assert len(events) == 1
    else:
        with np.errstate(divide=mode), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert np.isinf(function(X * 0)).all()


def test_warnings_as_errors_around_the_call() -> None:
    function = tg.compile(lambda a: 1 / a)
    with np.errstate(all="ignore"):
        for _ in range(2):
            function(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        with pytest.raises(RuntimeWarning, match="divide by zero"):
            function(X * 0)


INSIDE = {
    "errstate that raises": "with np.errstate(all='raise'):\n            return 1 / a",
    "errstate that ignores": "with np.errstate(all='ignore'):\n            return 1 / a, np.log(a)",
    "errstate that calls": "with np.errstate(all='call', call=lambda *e: L.append(e)):\n"
    "            return 1 / a",
    "seterr": "old = np.seterr(divide='raise')\n        try: return 1 / a\n"
    "        finally: np.seterr(**old)",
    "geterr": "return a * 2 if np.geterr()['over'] == 'ignore' else a * 1",
    "a decorated helper": "return h(a)\n\n@np.errstate(all='raise')\ndef h(a): return 1 / a",
    "catch_warnings": """
        import warnings
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            return 1 / a
        """,
    "printoptions": "with np.printoptions(precision=1):\n"
    "            return str(a / 3), f'{a[0] / 3}'",
    "localcontext": "import decimal\n        with decimal.localcontext():\n"
    "            return a * 2",
}


@pytest.mark.parametrize("what", INSIDE)
@pytest.mark.parametrize("caught", [False, True])
def test_settings_inside_the_function(what: str, caught: bool) -> None:
    source = f"L = []\ndef g(a):\n        {INSIDE[what].strip()}\n"
    if caught:
        source += (
            "def f(a):\n    try: return g(a)\n    except Exception as error: return repr(error)\n"
        )
    else:
        source += "def f(a): return g(a)\n"
    calls = [(X,), (X * 0,), (X + 1,), (X * 0,), (-X,)]
    agrees(source, *calls, *calls)
    agrees(source, *calls[::-1])


def test_text_settings_around_the_call() -> None:
    function = tg.compile(lambda a: (str(a), f"{a[0]}"))
    for precision in (8, 2, 4, 2):
        with np.printoptions(precision=precision), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert function(X / 3) == (str(X / 3), f"{X[0] / 3}")
