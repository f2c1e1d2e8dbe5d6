"""``compile``: a function becomes a tree of traces, each one native function.

The first call of a kind runs eagerly and is recorded; the trace is compiled and its native entry
becomes the object's own. A call that fits no trace leaves the native code with nothing changed and
comes here, is run and recorded, and its trace is linked where the native code left: at the entry of
another signature, or behind the guard that came out differently.
"""

from __future__ import annotations

import functools
import types
import warnings
from collections.abc import Callable
from typing import Any, overload

import numpy as np

from tracegraph.calls import call
from tracegraph.codegen import jit, quiet, schedule
from tracegraph.codegen.executable import Executable
from tracegraph.codegen.native import compile_kernels
from tracegraph.codegen.native_type import NativeCallable
from tracegraph.evaluate import Waiting
from tracegraph.explain import Explanation, GraphView, explanation
from tracegraph.first_call import MISSED, copy_arrays, record_call, run_instead
from tracegraph.hooks import hooks_for
from tracegraph.ir.errors import FallbackWarning, NotAFunctionError, OptionError, RecordingError
from tracegraph.paths import Path, find_links
from tracegraph.pen import Fallback, fault_text
from tracegraph.pickling import Portable, file_of, with_file
from tracegraph.policy import Policy
from tracegraph.recording import Recording, active
from tracegraph.release import release, release_leaked
from tracegraph.trace import Trace, finish
from tracegraph.twin import is_generator_like
from tracegraph.values import as_user
from tracegraph.verify import Verifier, check_option

TRACE_LIMIT = 64
"""How many traces one function may have; a call that needs one more runs eagerly."""

FP_MODES = ("strict", "contract")


class Compiled(Portable, NativeCallable):
    """A function that runs natively once it was recorded. Made by ``compile``.

    Attributes
    ----------
    eager : callable
        The function itself.
    fallbacks : list of Fallback
        Why and where calls ran eagerly; empty when everything runs natively.
    traces : list of Trace
        What was recorded, in order.
    """

    own = frozenset({"eager", "fallbacks"})

    def __init__(
        self, function: Callable[..., Any], *, strict: bool, fp: str, verify: Any = None
    ) -> None:
        self.look_like(function)
        self.eager = function
        self.fallbacks: list[Fallback] = []
        self._name = getattr(function, "__name__", type(function).__name__)
        self._strict, self._fp = strict, fp
        self._lock = jit.LOCK
        self._verify = verify
        # With it calls run through it, until there is nothing left to verify.
        self._verifier = None if verify is None else Verifier(verify, self._name, fp, self._missed)
        self._reset()

    def _reset(self) -> None:
        self._paths: list[Path] = []
        self._policy = Policy()
        self._eager_kinds: set[Any] = set()
        self._disagreements = 0

    @property
    def traces(self) -> list[Trace]:
        return [path.trace for path in self._paths]

    def clear(self) -> None:
        """Forget every trace. Calls that are running finish."""
        with self._lock:
            retired = self._paths
            self.run(None)
            if self._verifier is not None:
                self._verifier.clear()
            self.fallbacks.clear()
            self._reset()
        for path in retired:  # their code stays: another thread may be inside
            path.executable.trim()

    def graph(self, *args: Any, **kwargs: Any) -> GraphView:
        """Return the graph of a call as it was recorded; it shows itself as text or drawn.

        The function is run once on copies of the arguments.

        Raises
        ------
        RecordingError
            The call cannot be recorded.
        """
        return GraphView(self._trace_of(args, kwargs).recorded)

    def explain(self, *args: Any, **kwargs: Any) -> Explanation:
        """Return what became of the function: traces, guards, kernels and fallbacks, for reading.

        Without arguments it tells of the calls that were made. With arguments it tells of that
        call, and the function is run once on copies of them.
        """
        if not args and not kwargs:
            return explanation(self)
        return explanation(self, [self._trace_of(args, kwargs)])

    def __getstate__(self) -> Any:
        options = {"strict": self._strict, "fp": self._fp, "verify": self._verify}
        return self.eager, file_of(self.eager), options

    def __setstate__(self, state: Any) -> None:
        function, filename, options = state
        self.__init__(with_file(function, filename), **options)  # type: ignore[misc]  # a function that names itself

    def __repr__(self) -> str:
        return f"<compiled {getattr(self.eager, '__qualname__', self.eager)!s}>"

    # -- calls that no native code took ---------------------------------------------------------

    def _slow(self, *args: Any, **kwargs: Any) -> Any:
        if self._verifier is None:
            return self._missed(*args, **kwargs)
        result = self._verifier.call(args, kwargs)
        with self._lock:
            self.run(self._paths[0].executable if self._verifier.is_done and self._paths else None)
        return result

    def _missed(self, *args: Any, **kwargs: Any) -> Any:
        recording = active()
        if recording is not None and recording.is_noting:
            return call(recording, self.eager, args, kwargs)
        loud = quiet.why_loud()
        if loud is not None:
            return self._run_loudly(Fallback(loud, None), args, kwargs)
        kind = kind_of(args, kwargs)
        if kind in self._eager_kinds:
            if self._strict:
                raise RecordingError(f"{self._name} runs eagerly: {self.fallbacks[-1]}")
            return as_user()(self.eager, *args, **kwargs)
        return self._record(args, kwargs, kind)

    def _run_loudly(self, why: Fallback, args: Any, kwargs: Any) -> Any:
        """Run one call eagerly because of the caller's settings; other calls are not concerned."""
        if why not in self.fallbacks:
            self.fallbacks.append(why)
        return as_user()(self.eager, *args, **kwargs)

    def __tracegraph_call__(self, recording: Recording, args: Any, kwargs: Any) -> Any:
        """Take part in another recording: as the plain function."""
        return call(recording, self.eager, args, kwargs)

    def _record(self, args: Any, kwargs: Any, kind: Any) -> Any:
        why = cannot_record(self.eager)
        if why is None and len(self._paths) >= TRACE_LIMIT:
            why = f"more than {TRACE_LIMIT} different calls; each needs a trace of its own"
        if why is not None:
            self._fall_back(Fallback(why, None), kind)
            return as_user()(self.eager, *args, **kwargs)
        recording = Recording(hooks_for, self._policy)
        if self._verifier is None:
            recording.waiting = Waiting(recording)
        else:
            recording.kept = []
        try:
            return self._recorded(recording, args, kwargs, kind)
        finally:
            release_leaked(recording)

    def _recorded(self, recording: Recording, args: Any, kwargs: Any, kind: Any) -> Any:
        result = record_call(recording, self.eager, args, kwargs)
        trace, executable = None, None
        self._policy.learn(recording.externals)
        if recording.failure is None:
            trace = finish(recording, result, len(args) + len(kwargs), tuple(kwargs))
        release_leaked(recording)
        if trace is None and recording.externals.has_symbols:
            # Not a reason to give up yet: from now on each size is recorded by itself.
            self._policy.is_static = True
        elif trace is None and recording.raised and self._paths and not self._strict:
            self._disagreed(kind)  # values for which something raised: this call was eager
        elif trace is None:
            assert recording.failure is not None
            self._fall_back(recording.failure, kind)
        else:
            if self._verifier is not None:
                self._verifier.check_notes(recording, trace)
            executable = self._add(trace, kind)
        if trace is not None and executable is not None:
            found = run_instead(recording, trace, executable, args, kwargs)
            if found is not MISSED:
                return found
        return release(recording, result)

    def _fall_back(self, why: Fallback, kind: Any) -> None:
        self._eager_kinds.add(kind)
        if why in self.fallbacks:
            return
        self.fallbacks.append(why)
        message = f"{self._name} runs eagerly: {why.reason}"
        if self._strict:
            raise RecordingError(str(Fallback(message, why.site)))
        site = why.site
        if site is None:
            code = getattr(self.eager, "__code__", None)
            filename = code.co_filename if code else "<unknown>"
            line = code.co_firstlineno if code else 1
        else:
            filename, line = site.filename, site.line
        warnings.warn_explicit(message, FallbackWarning, filename, line)

    def _add(self, trace: Trace, kind: Any) -> Executable | None:
        """Make a trace part of the tree, and return its machine code if it is."""
        with self._lock:
            places = [] if not self._paths else find_links(self._paths[0], trace)
            if self._paths and not places:
                self._disagreed(kind)
                return None
            executable = self._native(trace, kind)
            if executable is None:
                return None
            path = Path(trace, executable)
            self._paths.append(path)
            if self._verifier is not None:
                self._verifier.traces.append(trace)
            for target, cell in places:
                target.executable.link(cell, path.executable)
                target.links[cell] = path
            if len(self._paths) == 1:
                (self._verifier or self).run(path.executable)
            return executable

    def _native(self, trace: Trace, kind: Any) -> Executable | None:
        """Return the machine code of a trace, or None where it cannot be made."""
        try:
            checked = trace if self._verifier is None else self._verifier.checked(trace)
            return native(checked, self._fp)
        except Exception as fault:
            # The eager run has given the result already; that it stays eager is said, not hidden.
            self._fall_back(Fallback(f"compiling failed: {fault_text(fault)}", None), kind)
            return None

    def _disagreed(self, kind: Any) -> None:
        """Let one call be eager, without a trace: it differs from others of its kind by values."""
        self._disagreements += 1
        if self._disagreements > TRACE_LIMIT:
            self._eager_kinds.add(kind)

    def _trace_of(self, args: Any, kwargs: Any) -> Trace:
        recording = Recording(hooks_for)
        recording.waiting = Waiting(recording)
        copies = copy_arrays((args, kwargs))
        result = record_call(recording, self.eager, *copies)
        trace = None
        if recording.failure is None:
            trace = finish(recording, result, len(args) + len(kwargs), tuple(kwargs))
        release_leaked(recording)
        if trace is None:
            raise RecordingError(f"{self._name} has no graph: {recording.failure}")
        return trace


def native(trace: Trace, fp: str) -> Executable:
    """Return the machine code of a trace."""
    plan = schedule.plan(trace.graph, trace.destinations, trace.layouts)
    kernels = compile_kernels(plan, fp)
    return Executable(trace.named(plan.params, plan.outputs), plan, kernels)


def cannot_record(function: Callable[..., Any]) -> str | None:
    """Return why a function is never recorded, whatever its arguments."""
    if isinstance(function, types.FunctionType) and is_generator_like(function):
        return "generators and async functions are not compiled"
    return None


def kind_of(args: Any, kwargs: Any) -> Any:
    """Return what tells calls apart roughly: the types of the arguments, dtypes and ranks."""
    return tuple(map(_kind, args)), tuple((name, _kind(value)) for name, value in kwargs.items())


def _kind(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return type(value), value.dtype, value.ndim
    if isinstance(value, (tuple, list)):
        return type(value), tuple(map(_kind, value))
    return type(value)


@overload
def compile(function: Callable[..., Any], /, **options: Any) -> Compiled: ...
@overload
def compile(
    function: None = None, /, **options: Any
) -> Callable[[Callable[..., Any]], Compiled]: ...
def compile(function: Callable[..., Any] | None = None, /, **options: Any) -> Any:
    """Compile a NumPy function: it means the same, and runs natively after its first call.

    Parameters
    ----------
    function : callable
        Any function of arrays, numbers and containers of them. Without it a decorator is returned.
    strict : bool
        Raise RecordingError instead of warning where a call cannot be compiled.
    fp : {"strict", "contract"}
        ``"contract"`` lets a multiplication and an addition be rounded once (fma).
    verify : {"first", "always"} or float, optional
        Compare native calls with NumPy: the first of each trace, all, or each with a probability.
        The recorded graph is computed by NumPy from copies of the inputs, so effects happen once.
        Values must have the same bits where only operations are used that round once; else they
        may differ as far as the rounding of elementary functions, sums and products carries.

    Returns
    -------
    Compiled
        The function, with ``graph``, ``explain``, ``fallbacks``, ``traces``, ``clear``, ``eager``.

    Raises
    ------
    NotAFunctionError
        ``function`` cannot be called.
    OptionError
        An option is not one of those above.
    VerificationError
        In a call: with ``verify``, a result differs. The message names the first operation that
        does, and its line.

    Warns
    -----
    FallbackWarning
        Once for each reason why a call runs eagerly, at the user's line.

    Examples
    --------
    >>> import numpy as np
    >>> import tracegraph as tg
    >>> double = tg.compile(lambda x: x * 2)
    >>> double(np.arange(3.0))
    array([0., 2., 4.])
    """
    if function is None:
        return functools.partial(compile, **options)
    if not callable(function):
        raise NotAFunctionError(
            f"compile needs a function, got {type(function).__name__}; write tg.compile(f)(x), "
            "not tg.compile(f(x))"
        )
    unknown = options.keys() - {"strict", "fp", "verify"}
    if unknown:
        raise OptionError(
            f"compile takes the options strict, fp and verify, got {', '.join(sorted(unknown))}"
        )
    fp = options.get("fp", "strict")
    if fp not in FP_MODES:
        raise OptionError(f"fp must be one of {FP_MODES}, got {fp!r}")
    verify = check_option(options.get("verify"))
    return Compiled(function, strict=bool(options.get("strict", False)), fp=fp, verify=verify)
