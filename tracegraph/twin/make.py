"""Makes the twin of a function: finds its source, rewrites it, compiles it, binds it."""

import inspect
import re
import sys
import threading
import weakref
from collections.abc import Callable
from opcode import opmap
from types import CodeType, FunctionType
from typing import Any

from tracegraph.twin.assemble import compile_at
from tracegraph.twin.cells import NAMES, closure_of
from tracegraph.twin.errors import TwinError
from tracegraph.twin.hooks import Hooks
from tracegraph.twin.match import find_site, same_kind
from tracegraph.twin.statements import rewritten_body

# The last constant of every code object of a twin. No instruction loads it.
_MARK = "$tracegraph.twin"

# What the functions of loops add to the qualified names of what stands in them.
_OF_LOOPS = re.compile(r"\.<locals>\.\$\w+")

_GENERATOR_LIKE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR


def make_twin(function: FunctionType, hooks_for: Callable[[FunctionType], Hooks]) -> FunctionType:
    """A function that does what `function` does, by calls of `hooks_for(function)`.

    It shares the globals, the closure cells, the defaults and the attributes of the function, and
    has its lines. A function that is already a twin, or was defined by one, is returned as it is.
    Raises TwinError if the source is not there, or not the one that was compiled.
    """
    original = function.__code__
    if is_twin_code(original):
        return function
    code = _compiled.get(original)
    if code is None:
        code = _compiled.put(original, _twin_code(function))
    closure = closure_of(code.co_freevars, function, hooks_for(function))
    return _dressed(FunctionType(code, function.__globals__, closure=closure), function)


def is_twin_code(code: CodeType) -> bool:
    """Whether the code came out of `make_twin`, or belongs to a function nested in such code."""
    return code.co_consts[-1:] == (_MARK,)


def is_raised_by_statement(error: BaseException) -> bool:
    """Whether a ``raise`` or ``assert`` of a twin is where an exception comes from.

    Then whoever goes that way raises it. Others may come of an example that stands for a value.
    """
    at = error.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    if at is None or not is_twin_code(at.tb_frame.f_code):
        return False
    return at.tb_frame.f_code.co_code[at.tb_lasti] == opmap["RAISE_VARARGS"]


def is_generator_like(function: FunctionType) -> bool:
    """Whether a call does not run the function but gives a generator or coroutine that will."""
    return bool(function.__code__.co_flags & _GENERATOR_LIKE)


def _twin_code(function: FunctionType) -> CodeType:
    original = function.__code__
    try:
        with _parsing:
            site = find_site(function)
            code = compile_at(site, rewritten_body(site, original), original)
    except (SyntaxError, ValueError, RecursionError) as error:
        reason = f"{original.co_qualname} cannot be rewritten: {error}"
        raise TwinError(reason, original.co_filename, original.co_firstlineno) from error
    surroundings = {*original.co_freevars, *NAMES}
    if not same_kind(code, original) or not surroundings.issuperset(code.co_freevars):
        reason = f"{original.co_qualname} cannot be rewritten: its variables come out otherwise"
        raise TwinError(reason, original.co_filename, original.co_firstlineno)
    # Only the outermost flags can differ: CO_NESTED, and what `types.coroutine` has added.
    code = code.replace(co_flags=original.co_flags)
    return _finished(_Names(code, original), code, code.co_name, (_MARK,))


class _Names:
    """The qualified names of the original, for a twin's code and all code in it."""

    def __init__(self, code: CodeType, original: CodeType) -> None:
        self.prefix, self.qualname = code.co_qualname, original.co_qualname

    def of(self, name: str) -> str:
        if name == self.prefix or name.startswith(f"{self.prefix}."):
            name = self.qualname + name[len(self.prefix) :]
        return _OF_LOOPS.sub("", name)


def _finished(names: _Names, code: CodeType, name: str, mark: tuple[str, ...]) -> CodeType:
    """Give the code, that of a function `name`, and all in it the user's names and the mark.

    The functions of loops are called as the function they stand in, since tracebacks show that.
    Those without hooks have no mark, nor has what they define: these are the user's functions.
    """
    if code.co_name.startswith("$plain"):
        mark = ()
    qualname = names.of(code.co_qualname)
    consts: list[Any] = []
    for each in code.co_consts:
        if isinstance(each, CodeType):
            is_loop = each.co_name.startswith("$")
            each = _finished(names, each, name if is_loop else each.co_name, mark)
        elif each == code.co_qualname and not code.co_flags & inspect.CO_NEWLOCALS:
            each = qualname  # what a class body stores as `__qualname__`
        consts.append(each)
    return code.replace(co_consts=(*consts, *mark), co_name=name, co_qualname=qualname)


def _dressed(twin: FunctionType, function: FunctionType) -> FunctionType:
    twin.__defaults__ = function.__defaults__
    twin.__kwdefaults__ = function.__kwdefaults__
    twin.__name__ = function.__name__
    twin.__qualname__ = function.__qualname__
    twin.__module__ = function.__module__
    twin.__doc__ = function.__doc__
    twin.__annotations__ = function.__annotations__
    twin.__dict__ = function.__dict__  # shared: attributes set later are seen by both
    if sys.version_info >= (3, 12):
        twin.__type_params__ = function.__type_params__
    return twin


class _ByIdentity:
    """Twin code by original code. Code objects compare by value: equal ones of two files differ."""

    def __init__(self) -> None:
        self._entries: dict[int, tuple[weakref.ref[CodeType], CodeType]] = {}

    def get(self, original: CodeType) -> CodeType | None:
        entry = self._entries.get(id(original))
        return None if entry is None else entry[1]

    def put(self, original: CodeType, code: CodeType) -> CodeType:
        """Keep the code while the original lives; of two threads that come here, the first wins."""
        key = id(original)
        reference = weakref.ref(original, lambda _: self._entries.pop(key, None))
        return self._entries.setdefault(key, (reference, code))[1]


# CPython's parser keeps its depth for all threads together: two that parse at once may fail.
_parsing = threading.RLock()

_compiled = _ByIdentity()
