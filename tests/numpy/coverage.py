"""What becomes of each public function of NumPy.

``python -m tests.numpy.coverage > docs/numpy.md`` writes the page.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

from tracegraph.callables import PASSING
from tracegraph.calls import FORMS, escape
from tracegraph.generators import forms
from tracegraph.numpy.callouts import NumpyCall
from tracegraph.numpy.followed import IMPLEMENTATIONS, PURE_OF_NUMPY, is_about_dtypes
from tracegraph.numpy.table import RULES

DRAWING = forms(escape)
MODULES = (np, np.linalg, np.fft, np.random)

REASONS: dict[str, str] = {
    "reads or writes text or files": """
        array2string array_repr array_str base_repr binary_repr datetime_as_string
        format_float_positional format_float_scientific fromfile fromregex fromstring genfromtxt
        load loadtxt save savetxt savez savez_compressed typename""",
    "concerns the process, not arrays": """
        get_include get_printoptions getbufsize geterr geterrcall info printoptions
        set_printoptions setbufsize seterr seterrcall show_config show_runtime test""",
    "concerns dates": "busday_count busday_offset datetime_data is_busday isnat",
    "gives a matrix, which is no plain array": "asmatrix bmat",
    "calls a function that it is given": "frompyfunc mask_indices",
    "asks where an array lies in memory": "isfortran",
    "takes memory or an iterator that is not NumPy's": "from_dlpack frombuffer fromiter",
    "gives its argument, or a copy of another layout": "asarray_chkfinite",
    "gives what is no array": "einsum_path histogramdd min_scalar_type mintypecode nested_iters",
    "gives a part whose length depends on data": "trim_zeros",
    "is deprecated": "row_stack",
    "reads or replaces the global generator, or gives bytes": """
        bytes get_bit_generator get_state set_bit_generator set_state""",
}
"""Why functions run eagerly. A name that two modules have is taken from the module it is in."""

HEAD = """\
# NumPy's functions

What becomes of each public function of NumPy {version} in a compiled function. *Native*: it is part
of the graph, fuses with what is around it, and has derivatives where mathematics has them; sorting,
linear algebra, transforms and convolution are operations that run NumPy's own kernels. *Callout*:
it compiles, and NumPy's own function is called between native code, without derivatives. *Eager*:
the compiled function runs eagerly, with one warning. Options that a rule does not take make the
call a callout where there is one, else an eager run.
This page is made by `python -m tests.numpy.coverage`.
"""


def functions(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield the public functions of a module; classes are none."""
    for name in sorted(dir(module)):
        value = getattr(module, name)
        if not name.startswith("_") and callable(value) and not isinstance(value, type):
            yield name, value


def state(name: str, function: Any) -> str:
    """Return ``native``, ``callout``, or why a function runs eagerly."""
    rule = RULES.get(function)
    if isinstance(rule, NumpyCall) or getattr(function, "__func__", function) in DRAWING:
        return "callout"
    known = rule is not None or function in IMPLEMENTATIONS or is_about_dtypes(function)
    if known or function in PURE_OF_NUMPY or function in PASSING or function in FORMS:
        return "native"
    return next((why for why, names in REASONS.items() if name in names.split()), "?")


def table() -> str:
    """Return the page."""
    parts = [HEAD.format(version=".".join(np.__version__.split(".")[:2]))]
    for module in MODULES:
        found: dict[str, list[str]] = {}
        for name, function in functions(module):
            found.setdefault(state(name, function), []).append(f"`{name}`")
        parts.append(f"## `{module.__name__}`\n")
        for kind in ("native", "callout"):
            if kind in found:
                names = found.pop(kind)
                parts.append(f"**{kind.capitalize()}** ({len(names)}): {', '.join(names)}.\n")
        if found:
            parts.append("| eager | because it |\n|---|---|")
            parts += [f"| {', '.join(names)} | {why} |" for why, names in sorted(found.items())]
            parts[-1] += "\n"
    return "\n".join(parts)


if __name__ == "__main__":
    print(table(), end="")
