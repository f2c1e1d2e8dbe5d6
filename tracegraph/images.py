"""Images: how memory looks to a function that is transformed, where it is the chosen argument.

What a derivative is taken by is read through the argument; the same array, read by another name,
is a constant. So the argument has a content of its own while the function runs, an image of its
memory. Once one of the two is written they differ in more than the derivative: reading the other
then is refused. Afterwards they are one again, with all stand-ins and views that are left.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tracegraph.ir.errors import AbstractValueError, DifferentiationError
from tracegraph.ir.graph import Value
from tracegraph.ir.size_values import hint
from tracegraph.ir.sizes import Size
from tracegraph.layouts import order_of
from tracegraph.numpy.emit import Unsupported
from tracegraph.standin import Step, Storage, Traced, next_birth
from tracegraph.views import write_through

if TYPE_CHECKING:
    from tracegraph.pen import Pen
    from tracegraph.recording import Recording

AMBIGUOUS = (
    "an array that a derivative is taken by is written under one name and read under another, "
    "where the derivative is not defined; use only the argument's name in the function, or pass a "
    "copy"
)


class Image(Storage):
    """Memory as an argument of a function that is transformed shows it.

    Parameters
    ----------
    shown : Traced
        The argument.
    value : Value
        Its content.

    ``origin`` is the memory, ``path`` how the argument looks at it, and ``since`` the version that
    it had when the function started. ``stand_ins`` are those of the image, None once it is one
    with its memory again.
    """

    __slots__ = ("origin", "path", "shown", "since")

    origin: Storage
    path: tuple[Step, ...]

    def __init__(self, shown: Traced, value: Value) -> None:
        memory = shown.storage
        super().__init__(value, memory.owner, array=shown.likeness, external=memory.external)
        self.shown, self.path, self.origin, self.since = shown, shown.path, memory, memory.version
        self.version = memory.version
        self.shares, self.seen = memory.shares, memory.seen
        self.is_read_only, self.still = memory.is_read_only, memory.still
        self.number, self.order, self.strides = memory.number, memory.order, memory.strides
        if shown.path and not isinstance(self.array, np.ndarray):
            self.order, self.strides = order_of(shown), None
        self.stand_ins = []

    @property
    def is_changed(self) -> bool:
        """Whether it was written."""
        return self.version != self.since


def attach(images: Iterable[Image]) -> None:
    """Let memory know its images: the function starts."""
    for image in images:
        if not image.origin.images:
            image.origin.stores = ()
        image.origin.images = (*image.origin.images, image)


def rejoin(recording: Recording, images: Sequence[Image]) -> None:
    """Let images be one with their memory: the function has ended."""
    for image in images:
        others = tuple(other for other in image.origin.images if other is not image)
        image.origin.images = others
    for image in images:
        memory = image.origin
        if image.is_changed and recording.is_noting:
            recording.externals.before_write(memory)
            content = write_through(memory.value, image.path, image.value)
            memory.write(content, image.version - image.since)
            memory.stores = (*memory.stores, image.shown)
        _move_stand_ins(image)
    for image in images:
        image.since = image.origin.version


def _move_stand_ins(image: Image) -> None:
    memory = image.origin
    for reference in image.stand_ins or ():
        traced = reference()
        if traced is None or traced.storage is not image:
            continue
        object.__setattr__(traced, "storage", memory)
        object.__setattr__(traced, "path", (*image.path, *traced.path))
        if memory.stand_ins is not None:
            memory.stand_ins.append(weakref.ref(traced))
    image.stand_ins = None


def root_of(storage: Storage) -> Storage:
    """Return the memory itself that a storage is, or is an image of."""
    while isinstance(storage, Image):
        storage = storage.origin
    return storage


def same_array(traced: Traced) -> Iterator[Traced]:
    """Yield a stand-in, and those of the same array that the argument is around its function."""
    yield traced
    while isinstance(traced.storage, Image) and traced.actual is traced.storage.array:
        traced = traced.storage.shown
        yield traced


def is_written(storage: Storage) -> bool:
    """Return whether memory was written, through an image or not."""
    return storage.written or any(True for _ in _changed(storage.images))


def look(recording: Pen, traced: Traced, storage: Storage) -> None:
    """Take notice that memory is read.

    Raises
    ------
    DifferentiationError
        It was written through another image, so that it is not defined what depends on which.
    AbstractValueError
        The same, in what is drawn.
    """
    if not storage.images and not isinstance(storage, Image):
        return
    storage.looked = next_birth()
    if any(_overlap(recording, traced, other) for other in _ahead(storage)):
        if isinstance(storage, Image) and storage.stand_ins is None:
            raise Unsupported("memory was written that this value is a view of, by data or parts")
        raise (DifferentiationError if recording.drawn is None else AbstractValueError)(AMBIGUOUS)


def check_met(array: Any, known: Iterable[Storage]) -> None:
    """Raise where an array is met late that shows what was written through an image."""
    changed = (image for storage in known for image in _changed(storage.images))
    if any(np.shares_memory(array, image.array) for image in changed):
        raise DifferentiationError(AMBIGUOUS)


def check_iterations(recording: Pen, storage: Storage) -> None:
    """Raise where what is drawn reads one image and writes another: a loop does so by turns."""
    if recording.drawn is None:
        return
    for other in _family(root_of(storage)):
        is_read = other is not storage and other.looked >= recording.drawn_since
        if is_read and _overlap(recording, storage, other):
            raise AbstractValueError(AMBIGUOUS)


def storing(target: Traced) -> Traced:
    """Return the stand-in by which elements are to be stored: of the image that alone is read."""
    storage = target.storage
    while len(storage.images) == 1:
        (image,) = storage.images
        if image.path or storage.looked > image.born:
            break
        storage = image
    if storage is target.storage:
        return target
    return Traced(target.recording, target.held, storage, target.path)


def _family(memory: Storage) -> Iterator[Storage]:
    yield memory
    for image in memory.images:
        yield from _family(image)


def _ahead(storage: Storage) -> Iterator[Traced | Storage]:
    """Yield what was written of the same memory through others since they stand beside it.

    An image is one piece: as such it is written into its memory.
    """
    yield from _changed(storage.images)
    while isinstance(storage, Image):
        memory = storage.origin
        if memory.version != storage.since:
            yield from memory.stores
        yield from _changed(other for other in memory.images if other is not storage)
        storage = memory


def _changed(images: Iterable[Image]) -> Iterator[Image]:
    for image in images:
        if image.is_changed:
            yield image
        yield from _changed(image.images)


def _overlap(recording: Pen, one: Traced | Storage, other: Traced | Storage) -> bool:
    """Return whether two parts of one memory share elements, or nobody knows."""
    arrays = [each.likeness if type(each) is Traced else each.array for each in (one, other)]
    if not all(isinstance(array, np.ndarray) for array in arrays) or np.shares_memory(*arrays):
        return True
    sizes = [*_sizes_of(one), *_sizes_of(other)]
    # That they lie apart holds where they lie so, to which the trace is bound.
    return not all([recording.ask_size(size, "==", _known(size)) for size in sizes])


def _known(size: Size) -> int:
    number = hint(size)
    assert number is not None, "what has a value has a shape"
    return number


def _sizes_of(part: Traced | Storage) -> Iterator[Size]:
    """Yield the symbols in what tells where in its memory a part lies."""
    storage = part.storage if type(part) is Traced else part
    steps = [*part.path] if type(part) is Traced else []
    attributes = [storage.value.shape]
    while isinstance(storage, Image):
        steps += storage.path
        storage = storage.origin
        attributes.append(storage.value.shape)
    attributes += [attribute for step in steps for attribute in step.attrs.values()]
    for attribute in attributes:
        dims = attribute if isinstance(attribute, tuple) else (attribute,)
        yield from (dim for dim in dims if isinstance(dim, Size))
