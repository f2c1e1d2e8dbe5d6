"""What is printed, warned and logged comes from the user's line, once per call, in order."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import warnings
from typing import Any

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import program
from tests.frontend.support import Counted

X = np.linspace(-1, 1, 6)

SOURCE = """
import logging, warnings
from functools import partial
logger = logging.getLogger("tg.test")
extra = logging.LoggerAdapter(logger, {"k": 1})
DEBUG = logging.DEBUG
def helper(a):
    logger.error("in the helper %d", a.sum())
"""

LOGS = {
    "a method": 'logger.info("sum %s of %s", a.sum(), a)',
    "no data": 'logger.warning("here")',
    "a module's function": 'logging.getLogger("tg.test").error("%.2f", a[0])',
    "the root": 'logging.warning("root %s", a[0])',
    "text": 'logger.info(f"{a[0]:.3f} {a.shape}")',
    "a level": 'logger.log(DEBUG, "x %s", a[0])',
    "an adapter": 'extra.info("x %s", a[0])',
    "extra fields": 'logger.info("x", extra={"field": 3})',
    "a helper": "helper(a)",
    "before a write": 'logger.info("%s", a); a[0] = 9.0; logger.info("%s", a)',
    "around a branch": 'logger.info("1"); (logger.info("2") if a[0] > 0 else logger.error("3"))',
    "a dict": 'logger.info("%(k)s", {"k": a[0]})',
    "a condition": 'logger.isEnabledFor(DEBUG) and logger.info("on")',
    "an exception": 'logger.exception("bad")',
    "a level further up": 'logger.info("x", stacklevel=2)',
}
NOT_NATIVE = ("a condition", "an exception", "a level further up")


class Records(logging.Handler):
    """Keeps what a logger is told."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        where = (record.filename, record.funcName, record.lineno)
        self.told.append((record.name, record.levelname, record.getMessage(), where[1:]))


def logged(function: Any, calls: list[Any]) -> list[Any]:
    records = Records()
    root = logging.getLogger()
    old = root.level
    root.addHandler(records)
    root.setLevel(logging.DEBUG)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for x in calls:
                function(x.copy())
    finally:
        root.removeHandler(records)
        root.setLevel(old)
    return [one for one in records.told if not one[0].startswith("py")]


@pytest.mark.parametrize("what", LOGS)
def test_logging(what: str) -> None:
    make = program(f"{SOURCE}\ndef f(a):\n    b = a * 2\n    {LOGS[what]}\n    return b\n")
    calls = [X, X + 2, X - 3, X, X + 2]
    compiled = tg.compile(make()[0])
    expected, got = logged(make()[0], calls), logged(compiled, calls)
    assert len(expected) == len(got)
    # While it is recorded, a function has no caller but the recording.
    start = 1 if what == "a level further up" else 0
    assert expected[start:] == got[start:]
    assert bool(compiled.fallbacks) == (what in NOT_NATIVE)


def test_a_level_that_is_off_says_nothing() -> None:
    function = tg.compile(program(f"{SOURCE}\ndef f(a): logger.info('x'); return a * 2")()[0])
    records = Records()
    logger = logging.getLogger("tg.test")
    logger.addHandler(records)
    try:
        for level in (logging.ERROR, logging.INFO, logging.ERROR, logging.INFO):
            logger.setLevel(level)
            function(X)
    finally:
        logger.removeHandler(records)
        logger.setLevel(logging.NOTSET)
    assert len(records.told) == 2


WARNS = {
    "text": 'warnings.warn("uh")',
    "a category": 'warnings.warn("uh", DeprecationWarning)',
    "data": 'warnings.warn(f"uh {a[0]:.1f}", UserWarning)',
    "twice": 'warnings.warn("one"); warnings.warn("two")',
    "in a helper": "other(a)\n\ndef other(a):\n    warnings.warn('in the helper')",
}


def warned(function: Any, action: str) -> list[Any]:
    found = []
    for k in range(4):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter(action)  # type: ignore[arg-type]  # one of its actions
            function(X + k)
        found += [(str(w.message), w.category, w.lineno) for w in caught]
    return found


@pytest.mark.parametrize("what", WARNS)
@pytest.mark.parametrize("action", ["always", "ignore", "default"])
def test_warnings(what: str, action: str) -> None:
    make = program(f"{SOURCE}\ndef f(a):\n    b = a * 2\n    {WARNS[what]}\n")
    compiled = Counted(make()[0])
    expected, got = warned(make()[0], action), warned(compiled, action)
    assert expected == got
    assert not compiled.compiled.fallbacks
    assert compiled.slow <= 2


def test_a_warning_that_is_an_error_stops_the_function_where_it_is() -> None:
    make = program(
        f"{SOURCE}\ndef f(a):\n    warnings.warn('uh')\n    a[0] = 99.0\n    return a * 2"
    )
    function = tg.compile(make()[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(3):
            function(X.copy())
    x = X.copy()
    for _ in range(3):
        with warnings.catch_warnings():
            warnings.filterwarnings("error", category=UserWarning)
            with pytest.raises(UserWarning, match="uh"):
                function(x)
    np.testing.assert_array_equal(x, X)


def test_print_to_files() -> None:
    source = "import sys\ndef f(a, file): print(a.sum(), file=file); print('e', file=sys.stderr)"
    compiled = Counted(program(source)()[0])
    err = io.StringIO()
    with contextlib.redirect_stderr(err):
        for k in range(4):
            out = io.StringIO()
            compiled(np.ones(2) * k, out)
            assert out.getvalue() == f"{2.0 * k}\n"
    assert err.getvalue() == "e\n" * 4
    assert compiled.slow == 1
    assert not compiled.compiled.fallbacks
    assert sys.stderr is not err


def test_print_to_an_object_of_the_user() -> None:
    source = """
        class Writer:
            def __init__(self): self.text = ""
            def write(self, text): self.text += text
        w = Writer()
        def f(a): print(a[0], file=w); return len(w.text)
        """
    make = program(source)
    plain, compiled = make()[0], tg.compile(make()[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for k in range(3):
            assert plain(X + k) == compiled(X + k)
