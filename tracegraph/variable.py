"""``Variable``: a value that training changes, read and assigned as a whole."""

from __future__ import annotations

from typing import Any

import numpy as np

from tracegraph.dispatch import apply, as_real, held
from tracegraph.externals import Externals
from tracegraph.places import Place, fixed_place
from tracegraph.recording import Recording, active
from tracegraph.standin import Traced
from tracegraph.tensor import Tensor
from tracegraph.values import real_of, stand_ins


class Variable(Tensor):
    """A Tensor with identity: ``assign`` gives it a new value.

    Parameters
    ----------
    initial : array_like
        Its first value, copied.
    dtype : dtype, optional
        Its dtype.
    name : str, optional
        A name for people.
    trainable : bool
        Whether optimizers are to change it.

    Examples
    --------
    >>> import tracegraph as tg
    >>> w = tg.Variable(3.0)
    >>> w.assign_sub(1.0)
    Variable(2.)
    """

    __slots__ = ("name", "trainable")
    __hash__ = object.__hash__

    def __init__(
        self, initial: Any, dtype: Any = None, name: str | None = None, trainable: bool = True
    ) -> None:
        recording = active()
        if recording is not None and stand_ins(held(initial)):
            recording.give_up("a Variable is made of recorded values; make it outside")
        self._data = np.array(real_of(held(initial)), dtype=dtype)
        self.name, self.trainable = name, trainable

    def _read(self) -> Any:
        recording = active()
        if recording is None or not recording.is_noting:
            return self._data
        return read(recording, self)

    def value(self) -> Tensor:
        """Return the present value."""
        return Tensor(self._read())

    def assign(self, value: Any) -> Variable:
        """Replace the value; its dtype and shape stay.

        Raises
        ------
        ValueError
            The value does not broadcast to the variable's shape.
        """
        new = apply(np.broadcast_to, held(value), self._data.shape)
        new = apply(_as_new, new, dtype=self._data.dtype)
        recording = active()
        if recording is not None and recording.is_noting and type(new) is Traced:
            recording.no_effect_in_drawn("assigning a Variable")
            known_place(recording, self)
            recording.variables[id(self)] = (self, new)
            recording.note_effect(_store, (self, new))
        self._data = as_real(new)
        return self

    def assign_add(self, value: Any) -> Variable:
        """Add to the value."""
        return self.assign(apply(np.add, self, held(value)))

    def assign_sub(self, value: Any) -> Variable:
        """Subtract from the value."""
        return self.assign(apply(np.subtract, self, held(value)))

    def __copy__(self) -> Variable:
        return Variable(self._data, name=self.name, trainable=self.trainable)

    def __deepcopy__(self, memo: Any) -> Variable:
        return Variable(self._data, name=self.name, trainable=self.trainable)

    def __reduce__(self) -> Any:
        return Variable, (self._data, None, self.name, self.trainable)

    @classmethod
    def __tracegraph_load__(cls, externals: Externals, place: Place, value: Any) -> Any:
        """Keep the object: it has identity. Its value is read where it is used."""
        externals.add_identity(place, value)
        return value


_as_new = np.array


def _store(variable: Variable, value: Any) -> None:
    variable._data = np.asarray(value)


def known_place(recording: Recording, variable: Variable) -> Place:
    """Return where a variable is found: the way that led to it, or the object itself."""
    place = recording.externals.place_of(variable)
    if place is None:
        place = fixed_place(variable)
        recording.externals.add_identity(place, variable)
    return place


def read(recording: Recording, variable: Variable) -> Any:
    """Return the stand-in of a variable's present value."""
    found = recording.variables.get(id(variable))
    if found is None:
        place = known_place(recording, variable)
        traced = recording.externals.load(place.attribute("_data"), variable._data)
        found = recording.variables[id(variable)] = (variable, traced)
    for reads in recording.watchers:
        reads.setdefault(id(variable), found[1])
    return found[1]
