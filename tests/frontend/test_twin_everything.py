"""One small function for each construct of Python, and whether it compiles without a fallback.

The table is `constructs.txt`. Each function is run plainly and compiled over calls that differ in
values, shapes and dtypes, and must agree in values, types, dtypes, layout, printed text, exceptions
and what it changes. Where the table says that it is compiled, a call of a kind that was met before
must run natively; where it says eager, there is a fallback.
"""

import re
import warnings
from pathlib import Path
from textwrap import indent

import numpy as np
import pytest

import tracegraph as tg
from tests.frontend.programs import agrees
from tests.frontend.support import call

X = np.linspace(-1.5, 2, 4)
CALLS = [
    call(X, 2.0), call(X, 2.0), call(X + 1, 0.5), call(np.linspace(0, 1, 6), 2.0),
    call(np.linspace(3, 1, 9), -1.0), call(X.astype("f4"), 2.0), call(np.arange(4), 2.0),
    call(X, 3.0), call(X, 2.0),
]  # fmt: skip

TABLE = (Path(__file__).parent / "constructs.txt").read_text(encoding="utf-8")
ROWS = re.findall(r"^## (.+) \| (compiled|eager)\n((?:(?!#).*\n)+)", TABLE, re.MULTILINE)
CASES = {name: (how == "compiled", source.strip("\n")) for name, how, source in ROWS}


def whole(source: str) -> str:
    """The program of a row: its lines, or the function whose body they are."""
    is_body = not re.search(r"^(def f\(|f = )", source, re.MULTILINE)
    return f"def f(x, s):\n{indent(source, '    ')}" if is_body else source


def test_every_row_is_read_and_stands_once() -> None:
    assert len(CASES) == len(ROWS) == TABLE.count("\n## ") > 150


@pytest.mark.parametrize("name", CASES)
def test_construct(name: str) -> None:
    is_compiled, source = CASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", tg.FallbackWarning)
        function = agrees(whole(source), *CALLS, native=1 if is_compiled else None)
    assert (not function.compiled.fallbacks) == is_compiled, function.compiled.fallbacks
