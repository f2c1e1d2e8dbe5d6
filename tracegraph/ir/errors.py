"""Every exception and warning that tracegraph raises itself, with its cause and its fix.

Errors about shapes, dtypes and indices of users' arrays are not here: they are NumPy's own.
"""

from __future__ import annotations


class TracegraphError(Exception):
    """Base of every error that is tracegraph's own."""


class OptionError(TracegraphError, TypeError):
    """An unknown option, or an option with a value it does not take.

    Fix: use one of the options that the message lists.
    """


class NotAFunctionError(TracegraphError, TypeError):
    """Something that cannot be called was given where a function is transformed.

    Fix: pass the function itself, not its result: ``tg.grad(f)(x)``, not ``tg.grad(f(x))``.
    """


class DifferentiationError(TracegraphError, TypeError):
    """A derivative was asked for that does not exist.

    Causes: an integer or boolean argument, an output that is not a real scalar for ``grad``,
    or a value that was computed by code that could not be recorded.
    Fix: choose float arguments with ``argnums``; reduce the output to a scalar, or use ``vjp``
    or ``jacobian``; write the computation with NumPy functions.
    """


class MissingRuleError(TracegraphError, NotImplementedError):
    """An operation has no rule for the transformation.

    Fix: rewrite the line that the message names without that operation, or declare the rule
    through ``tracegraph.extend``.
    """


class AbstractValueError(TracegraphError, TypeError):
    """A value was needed of a tensor that has none: inside ``vmap`` or after leaving it.

    Fix: use ``np.where`` instead of a Python ``if``, and return every result instead of storing it.

    ``made`` counts them: a function that catches one has gone a way that is not its own.
    """

    made = 0

    def __init__(self, *args: object) -> None:
        super().__init__(*args)
        AbstractValueError.made += 1


class UndecidedError(AbstractValueError):
    """A Python ``if`` asked for the truth of what has none, where only one way was drawn.

    It is raised out of functions that are drawn then on all ways, and by those that cannot be.
    """


class RecordingError(TracegraphError, RuntimeError):
    """A function cannot be recorded, and the caller asked for no fallback (``strict=True``).

    Fix: change the line that the message names, or allow the fallback.
    """


class VerificationError(TracegraphError, AssertionError):
    """A function compiled with ``verify=`` gave something else than NumPy: a fault of tracegraph.

    The message names the first operation that differs, its line, and both values.
    Cause: a fault of a rule, of a pass, or of native code; or memory that another thread changed
    while the call ran.
    Fix: leave the decorator off until the fault is mended, and report the message with the line.

    Attributes
    ----------
    op : str
        The first operation that differs; the empty string where none does, and only the result.
    filename, line : str or None, int or None
        The user's line that it comes from.
    stage : str
        What made the difference: the notes of the recording, a pass by its name, or native code.
    """

    def __init__(
        self, message: str, *, op: str, filename: str | None, line: int | None, stage: str
    ) -> None:
        super().__init__(message)
        self.op, self.filename, self.line, self.stage = op, filename, line, stage


class GraphError(TracegraphError):
    """A graph broke a rule that every pass must keep: a fault of a pass or of an extension."""


class ParseError(TracegraphError, ValueError):
    """A text is not a graph in the form that the printer writes."""


class TreeError(TracegraphError, ValueError):
    """Nested containers do not have the structure that is needed."""


class FallbackWarning(UserWarning):
    """A decorated function runs eagerly because something in it cannot be compiled.

    Fix: the message names the line and says what to write instead; ``f.fallbacks`` lists them.
    """
