"""What a recorded function does to the world outside, to be done again in each compiled call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tracegraph.ir.record import record


@record
class Effect:
    """A call with stand-ins among its arguments, made after the computation.

    ``by_value`` says that arrays are shown as they were when the effect looked at them; otherwise
    the arrays themselves are handed over.
    """

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    by_value: bool = False
