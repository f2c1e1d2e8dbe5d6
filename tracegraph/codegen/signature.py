"""What a native entry checks before it computes, and what it gives back: plain data.

A ``Signature`` says where each input of a plan comes from and what it must be. The entry checks all
of it at every call; where anything differs it leaves by a miss cell with nothing changed.

===================  ===============================================================================
``ArrayInput``       an exact ndarray: dtype, rank, dimensions, layout; binds sizes and a buffer
``ScalarInput``      a Python or NumPy number, copied into a buffer of one element
``SizeInput``        a Python int, bound to a symbol
``SameObject``       the very object that another input is
``OtherObject``      another object than another input is
``Missing``          nothing: the last step of its source leads nowhere
``ExactObject``      one known value, or an equal one of the same type
``Structure``        an object of one exact type; of one length, or with the same keys in the same
                     order, where it is a container
===================  ===============================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import CellType
from typing import Any, Literal, TypeAlias

from tracegraph.ir.record import record
from tracegraph.ir.sizes import Dim, Symbol
from tracegraph.ir.types import ArrayType, DType, Shape


@record(eq=True)
class Argument:
    """Argument number ``position`` of the call; keywords follow the positional ones."""

    position: int


@record
class Global:
    """A global name of the user's module; found in ``builtins`` where the module has none."""

    namespace: dict[str, Any]
    name: str
    builtins: Mapping[str, Any] | None = None


@record
class Cell:
    """The content of a closure cell; an empty cell is a miss."""

    cell: CellType


@record
class Fixed:
    """An object kept alive by the executable."""

    value: Any


@record(eq=True)
class Attribute:
    """The step ``value.name``."""

    name: str


@record
class Key:
    """The step ``value[key]``."""

    key: Any


@record
class Applied:
    """The step ``function(value)``."""

    function: Callable[[Any], Any]


@record
class Entry:
    """The step ``value[key]`` of a dict, without what its class does for missing keys."""

    key: Any


@record(eq=True)
class Length:
    """The step ``len(value)``."""


Root: TypeAlias = Argument | Global | Cell | Fixed
Step: TypeAlias = Attribute | Key | Applied | Entry | Length


@record
class Source:
    """Where an object is found at each call: a root, then attributes, items, what functions give.

    A name, attribute or item that is missing, or that raises any ``Exception``, is a miss. Inputs
    are found in order, and each is checked before the next one is looked for: a function is given
    what the inputs before it have been checked to be.
    """

    root: Root
    steps: tuple[Step, ...] = ()


def argument(position: int) -> Source:
    """Return the source that is one argument of the call."""
    return Source(Argument(position))


@record(kw_only=True)
class ArrayInput:
    """An exact ndarray, aligned and in native byte order.

    Parameters
    ----------
    source : Source
        Where it comes from.
    type : ArrayType
        Its dtype (by number, never by the descriptor's address) and shape. A dimension that is a
        bare symbol binds it at first sight and must be at least its ``lower``.
    layout : tuple of int or Size, optional
        Its strides in elements: ints are checked, bare symbols bound, other sizes checked. None:
        C-contiguous. The stride of an axis whose dimension is the int 0 or 1 is not looked at.
    written : bool
        Whether a kernel writes into it: it must be writeable and overlap no other array input.
    buffer : str, optional
        The plan's buffer that is its memory.
    """

    source: Source
    type: ArrayType
    layout: tuple[Dim, ...] | None = None
    written: bool = False
    buffer: str | None = None


@record(kw_only=True)
class ScalarInput:
    """A number of one exact type, copied into a buffer: int as i64, NumPy scalars as their dtype.

    ``kind`` is ``float``, ``int``, ``bool``, ``complex`` or the dtype of a NumPy scalar. An int
    beyond int64 is a miss.
    """

    source: Source
    kind: type | DType
    buffer: str


@record(kw_only=True)
class SizeInput:
    """A Python int bound to a symbol; below ``symbol.lower`` or beyond int64 it is a miss."""

    source: Source
    symbol: Symbol


@record(kw_only=True)
class SameObject:
    """The same object as input number ``other``."""

    source: Source
    other: int


@record(kw_only=True)
class OtherObject:
    """Another object than input number ``other``."""

    source: Source
    other: int


@record(kw_only=True)
class Missing:
    """Nothing is found where the last step of ``source``, an Attribute or an Entry, leads."""

    source: Source


@record(kw_only=True)
class ExactObject:
    """``value`` itself, or an equal object of the same type: see ``same_value``."""

    source: Source
    value: Any


@record(kw_only=True)
class Structure:
    """An object of exactly this type.

    Parameters
    ----------
    source : Source
        Where it comes from.
    type : type
        Its exact type.
    length : int, optional
        How many items it has.
    keys : tuple, optional
        Of a dict: its keys in order, each as in ``same_value``. Then ``length`` is not needed.
    """

    source: Source
    type: type
    length: int | None = None
    keys: tuple[Any, ...] | None = None


ObjectCheck: TypeAlias = SameObject | OtherObject | ExactObject | Structure
Input: TypeAlias = ArrayInput | ScalarInput | SizeInput | ObjectCheck | Missing
Relation: TypeAlias = Literal["==", "!=", "<", "<="]


@record(eq=True)
class SizeCheck:
    """``(left relation right) == expected``, evaluated when all symbols are bound."""

    left: Dim
    relation: Relation
    right: Dim
    expected: bool = True


@record
class ArrayOutput:
    """A fresh ndarray that owns a buffer's memory.

    ``order`` lists the axes from the slowest to the fastest varying one; None is C order. Two
    results with the same buffer are one object.
    """

    buffer: str
    shape: Shape
    order: tuple[int, ...] | None = None


@record
class ScalarOutput:
    """A buffer's one element as a Python number, or as a NumPy scalar where ``kind`` is a dtype."""

    buffer: str
    kind: type | DType


@record
class InputOutput:
    """The object that is input number ``input``."""

    input: int


@record
class ViewOutput:
    """A view of an input or of an array of ours, with NumPy's ``base``.

    Offset and strides count elements of ``dtype``, which is that of the viewed array unless given.
    A view is writeable where this says so and the viewed array is. The same record twice in the
    results is one object twice.
    """

    of: InputOutput | ArrayOutput
    offset: Dim
    shape: Shape
    strides: tuple[Dim, ...]
    writeable: bool = True
    dtype: DType | None = None


@record
class ConstantOutput:
    """A known object; ``ConstantOutput(None)`` where the function returns nothing."""

    value: Any


Output: TypeAlias = ArrayOutput | ScalarOutput | InputOutput | ViewOutput | ConstantOutput


@record(kw_only=True)
class Signature:
    """Everything about a trace that is not computation.

    Parameters
    ----------
    arguments : int
        How many arguments a call must have, keywords included.
    keywords : tuple of str
        The names of the last of them, in the order of the call.
    inputs : tuple of Input
        What is checked and bound. Checks that may run Python code come first, in this order.
    checks : tuple of SizeCheck
        Relations of sizes.
    outputs : tuple of Output
        The results.
    container : type, optional
        ``tuple`` or ``list``, or None where the only output is the result itself.
    finish : callable, optional
        Called with the container; what it returns is the result. For nested results.
    """

    arguments: int
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    keywords: tuple[str, ...] = ()
    checks: tuple[SizeCheck, ...] = ()
    container: type | None = None
    finish: Any = None
