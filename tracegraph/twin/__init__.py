"""The twin of a user's function: the same function, in which every construct is a call of a hook.

`make_twin(function, hooks_for)` reads the function's source, rewrites it (`f(x) + a[i]` becomes
`$call(f, x) + $getitem(a, i)`) and binds the result to the function's own globals and cells. With
`PlainHooks` the twin behaves exactly as the function; with other hooks it can be watched.
"""

from tracegraph.twin.errors import TwinError
from tracegraph.twin.hooks import Bound, Exit, Hooks
from tracegraph.twin.make import is_generator_like, is_twin_code, make_twin
from tracegraph.twin.plain import PlainHooks

__all__ = [
    "Bound",
    "Exit",
    "Hooks",
    "PlainHooks",
    "TwinError",
    "is_generator_like",
    "is_twin_code",
    "make_twin",
]
