"""From which place in its file a compiled function came, and whether it still stands there.

A candidate is compiled as it is written. If that gives the code of the function, instruction by
instruction, the file is the one that was imported. Only pytest's rewriting of asserts is excused.
"""

import inspect
from types import CodeType, FunctionType
from typing import Any

from tracegraph.twin.assemble import compile_at
from tracegraph.twin.errors import TwinError
from tracegraph.twin.source import Site, candidates

_KIND = (
    inspect.CO_VARARGS
    | inspect.CO_VARKEYWORDS
    | inspect.CO_GENERATOR
    | inspect.CO_COROUTINE
    | inspect.CO_ASYNC_GENERATOR
)
_SIGNATURE = ("co_name", "co_argcount", "co_posonlyargcount", "co_kwonlyargcount")
_CONTENTS = ("co_varnames", "co_cellvars", "co_freevars", "co_names", "co_code")


def find_site(function: FunctionType) -> Site:
    """The one place in the file where the function is written."""
    code = function.__code__
    compiled = [(site, _as_written(site, code)) for site in candidates(function)]
    same = [(site, plain) for site, plain in compiled if _same(plain, code)]
    # Lambdas of equal code on one line: columns decide, unless Python was told to keep none.
    exact = [site for site, plain in same if plain.co_linetable == code.co_linetable]
    if exact or len(same) == 1:
        return exact[0] if exact else same[0][0]
    line = code.co_firstlineno
    if same:
        reason = f"several functions equal to {code.co_qualname} stand on this line"
        raise TwinError(reason, code.co_filename, line)
    if "@pytest_ar" in function.__globals__ and len(compiled) == 1:
        site, plain = compiled[0]
        if _same_names(plain, code):
            return site
    reason = f"the source of {code.co_qualname} is not what was compiled: has the file changed?"
    raise TwinError(reason, code.co_filename, line)


def _as_written(site: Site, code: CodeType) -> CodeType:
    return compile_at(site, site.node.body, code)


def same_kind(one: CodeType, other: CodeType) -> bool:
    """Whether two codes are called alike and give the same kind of thing."""
    alike = all(getattr(one, name) == getattr(other, name) for name in _SIGNATURE)
    return alike and one.co_flags & _KIND == other.co_flags & _KIND


def _same(one: CodeType, other: CodeType) -> bool:
    if not same_kind(one, other):
        return False
    if any(getattr(one, name) != getattr(other, name) for name in _CONTENTS):
        return False
    return _same_constant(one.co_consts, other.co_consts)


def _same_constant(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, CodeType):
        return _same(one, other)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(_same_constant, one, other))
    if isinstance(one, frozenset):
        return _typed(one) == _typed(other)
    return repr(one) == repr(other)  # tells 0.0 from -0.0, and finds nan equal to itself


def _typed(constants: frozenset[Any]) -> set[tuple[type, str]]:
    return {(type(each), repr(each)) for each in constants}


def _same_names(plain: CodeType, rewritten: CodeType) -> bool:
    """Whether pytest may have made the second code of the first: its own names begin with @."""
    if not same_kind(plain, rewritten):
        return False
    names = ("co_varnames", "co_cellvars", "co_freevars")
    return all(
        sorted(getattr(plain, name)) == sorted(n for n in getattr(rewritten, name) if n[0] != "@")
        for name in names
    )
