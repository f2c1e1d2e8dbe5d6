"""Random generators in a recorded function: their draws, their states, and how they are made.

The eager run draws from the real generators. The graph has their states as values: that of an
outside generator is an input, read at the entry of a compiled call (see `holding`), and what it has
come to is stored by the first effect of the call; that of a generator made inside is computed.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tracegraph.containers import register_node
from tracegraph.effects import Effect
from tracegraph.holding import Held, Unseeded, held
from tracegraph.ir.errors import AbstractValueError
from tracegraph.ir.graph import Value
from tracegraph.ir.ops.control import item
from tracegraph.ir.ops.random import IN_PLACE, draw, seed
from tracegraph.ir.size_values import hint
from tracegraph.ir.sizes import Size
from tracegraph.ir.streams import (
    PARTS,
    Handle,
    Stream,
    bits_of,
    is_stream,
    kinds,
    stream,
    stream_of,
)
from tracegraph.ir.types import Shape
from tracegraph.numpy.callouts import NumpyCall, Results, result_of, tree_of
from tracegraph.numpy.emit import Emitter, Sym, Unsupported
from tracegraph.places import fixed_place
from tracegraph.recording import Recording
from tracegraph.standin import Storage, Traced
from tracegraph.values import operands_of, real_of, user_site

DRAWS = """
    beta binomial chisquare choice dirichlet exponential f gamma geometric gumbel hypergeometric
    integers laplace logistic lognormal logseries multinomial multivariate_hypergeometric
    multivariate_normal negative_binomial noncentral_chisquare noncentral_f normal pareto
    permutation permuted poisson power rand randint randn random random_integers random_sample
    rayleigh shuffle standard_cauchy standard_exponential standard_gamma standard_normal standard_t
    tomaxint triangular uniform vonmises wald weibull zipf
""".split()
"""Methods of ``Generator`` and ``RandomState`` that draw, and do nothing else."""

BY_DIMENSIONS = ("rand", "randn")
"""Methods whose arguments are the dimensions of the result."""

FILLING = {
    "random": ("size", "dtype", "out"),
    "standard_normal": ("size", "dtype", "out"),
    "standard_gamma": ("shape", "size", "dtype", "out"),
    "standard_exponential": ("size", "dtype", "method", "out"),
}
"""Parameters of the methods that may be given ``out`` by position."""

Escape = Callable[..., Any]


@dataclass
class Slot:
    """The state of one bit generator in the graph.

    ``held`` belongs to an outside generator; one that was made inside has its ``seed`` instead, and
    ``leaves`` once it is among the results.
    """

    stream: Stream
    bits: Any
    value: Value
    held: Held | None = None
    seed: Any = None
    drawn: bool = False
    leaves: bool = False

    def move(self, value: Value) -> None:
        """Go on with another state."""
        self.value, self.drawn = value, True


class Draw(NumpyCall):
    """The rule of one draw."""

    can_write = True

    def __init__(self, method: str, slot: Slot) -> None:
        super().__init__(method)
        self.slot = slot
        self.writes_first = method == IN_PLACE

    def note(
        self,
        e: Emitter,
        results: Results,
        operands: Sequence[Any],
        options: dict[str, Any],
        *,
        guess: bool = False,
    ) -> list[Value]:
        """Add the draw to the graph; return its result, in a list."""
        del guess  # inside vmap nothing is drawn
        (result,) = map(result_of, results)
        found: list[Value] = []
        shape = self._shape(result.shape, operands, options)
        if options.pop("out", None) is not None and self.function in FILLING:
            options["size"] = shape
        arguments = tuple([tree_of(x, found) for x in operands])
        named = tuple([(name, tree_of(x, found)) for name, x in sorted(options.items())])
        attrs = {
            "stream": self.slot.stream.name,
            "method": self.function,
            "arguments": arguments,
            "options": named,
            "dtypes": (result.dtype,),
            "shapes": (shape,),
        }
        whole = e.builder.emit(draw, (self.slot.value, *found), attrs)
        e.guard(item(whole, index=0), True, repr((result.dtype.str, shape)).encode())
        self.slot.move(item(whole, index=1))
        return [item(whole, index=2)]

    def _shape(self, real: tuple[int, ...], operands: Sequence[Any], options: Any) -> Shape:
        """Return the shape of the result, in symbols where it follows from an argument."""
        given = [options.get("size"), *reversed(operands), *options.values()]
        if self.function in BY_DIMENSIONS:
            given.append(tuple(operands))
        shapes = [*map(_as_shape, given), real]
        if not any(isinstance(dim, Size) for shape in shapes for dim in shape or ()):
            return real
        for shape in shapes:
            if shape is not None and tuple(map(hint, shape)) == real:
                return shape
        return real


def _as_shape(argument: Any) -> Shape | None:
    """Return the shape that an argument says or has, if it does."""
    if isinstance(argument, Sym):
        return argument.shape
    dims = argument if type(argument) in (tuple, list) else (argument,)
    return tuple(dims) if all(type(dim) in (int, Size) for dim in dims) else None


def may_draw(function: Any) -> bool:
    """Return whether a function that is not followed may call a method that it is given."""
    if isinstance(function, type):
        return function.__module__ == "itertools"
    return function not in (sorted, min, max)


def is_drawn_from(value: Any) -> bool:
    """Return whether a value is a random generator, or a bound method of one."""
    while type(value) is functools.partial:
        value = value.func
    if type(value) in (types.MethodType, types.BuiltinMethodType):
        value = value.__self__
    return is_stream(value)


# -- states -------------------------------------------------------------------------------------


def slot_of(recording: Recording, owner: Any) -> Slot:
    """Return where the state of a generator is."""
    kind, bits = stream_of(owner), bits_of(owner)
    if kind is None:
        raise Unsupported(
            f"the state of a {type(owner).__name__} over a {type(bits).__name__} is not known; "
            "use np.random.default_rng"
        )
    slot = recording.streams.get(id(bits))
    if slot is None:
        slot = recording.streams[id(bits)] = _outside(recording, owner, kind)
    if slot.stream is not kind:
        raise Unsupported("a Generator and a RandomState share one bit generator")
    return slot


def _outside(recording: Recording, owner: Any, kind: Stream) -> Slot:
    """Read the state of an outside generator; from now on it is an input."""
    externals, bits = recording.externals, bits_of(owner)
    if owner is legacy() and externals.place_of(owner) is None:
        externals.load(fixed_place(owner), owner)
    place = externals.place_of(owner)
    if place is not None and owner is not bits:
        name = "_bit_generator" if kind.kind is np.random.RandomState else "bit_generator"
        externals.load(place.attribute(name), bits)
    if kind.kind is np.random.Generator:
        place = externals.place_of(bits)
    if place is None:
        raise Unsupported("a random generator is used whose origin is not known; pass it in")
    place = place.applied(held)
    seen = externals.load(place, Held(owner))
    state = externals.load(place.attribute("state"), seen.state)
    return Slot(kind, bits, state.storage.value, seen)


def stores(recording: Recording) -> Iterator[Effect]:
    """Yield the effects that give outside generators their new states."""
    for slot in recording.streams.values():
        if slot.held is not None and slot.drawn:
            real = Handle(slot.held.owner).read()
            state = Traced(recording, real, Storage(slot.value, None, array=real))
            yield Effect(Held.store, (slot.held, state), {}, by_value=True)


class Leaving:
    """A generator made inside that is a result: it is made again, and put into its last state."""

    def __init__(self, state: Any, seed: Any, stream: str, is_bits: bool) -> None:
        self.state, self.seed, self.stream, self.is_bits = state, seed, stream, is_bits


def _made_again(aux: Any, children: Sequence[Any]) -> Any:
    name, is_bits = aux
    state, seed = children
    owner = stream(name).new(seed)
    Handle(owner).write(state)
    return bits_of(owner) if is_bits else owner


register_node(Leaving, lambda one: ((one.state, one.seed), (one.stream, one.is_bits)), _made_again)


def leaving(recording: Recording, owner: Any) -> Leaving:
    """Return what stands for a generator that the function made in its results."""
    slot = recording.streams.get(id(bits_of(owner)))
    if slot is None or slot.held is not None or slot.seed is None or slot.leaves:
        raise Unsupported(
            f"a {type(owner).__name__} is returned or stored that the function made, without a "
            "seed, of an outside bit generator, or twice; pass it in"
        )
    slot.leaves = True
    real = Handle(owner).read()
    state = Traced(recording, real, Storage(slot.value, None, array=real))
    return Leaving(state, slot.seed, slot.stream.name, owner is slot.bits)


# -- calls --------------------------------------------------------------------------------------


@functools.cache
def legacy() -> Any:
    """Return the generator behind the functions of ``np.random``."""
    return np.random.random.__self__  # type: ignore[attr-defined]  # a bound method has it


def form_of(escape: Escape, function: Any) -> Callable[..., Any] | None:
    """Return what becomes of a call, None where it neither draws nor makes a generator.

    While ``numpy.random`` is not loaded, nobody has a function of it.
    """
    if "numpy.random" not in sys.modules:
        return None
    try:
        return forms(escape).get(function)
    except TypeError:  # an unhashable callable stands in no table
        return None


@functools.cache
def forms(escape: Escape) -> dict[Any, Callable[..., Any]]:
    """Return what becomes of calls of generators' methods and of what makes generators.

    ``escape(recording, function, args, kwargs)`` calls what cannot be recorded.
    """

    def of_legacy(method: Any) -> Callable[..., Any]:
        return lambda recording, *args, **kwargs: found[method](
            recording, legacy(), *args, **kwargs
        )

    found: dict[Any, Callable[..., Any]] = {
        getattr(kind, name): functools.partial(_draw, escape, name)
        for kind in (np.random.Generator, np.random.RandomState)
        for name in DRAWS
        if hasattr(kind, name)
    }
    found[np.random.sample] = found[np.random.ranf] = of_legacy(np.random.RandomState.random_sample)
    for name in PARTS:
        bits = getattr(np.random, name)
        found[bits] = functools.partial(_make, bits, stream(f"Generator({name})"))
    found[np.random.default_rng] = _default_rng
    found[np.random.Generator] = functools.partial(_generator, escape)
    found[np.random.RandomState] = functools.partial(
        _make, np.random.RandomState, stream("RandomState(MT19937)")
    )
    found[np.random.RandomState.seed] = functools.partial(_seed, escape)
    found[np.random.seed] = of_legacy(np.random.RandomState.seed)
    return found


def _check_not_mapped(recording: Recording) -> None:
    if recording.is_abstract:
        raise AbstractValueError(
            f"a random draw inside {recording.drawn or 'vmap'}: which examples or iterations share "
            "it is not said; draw for the whole batch before vmap or a loop, or use keys of "
            "tg.random"
        )


def _draw(
    escape: Escape, name: str, recording: Recording, owner: Any, *args: Any, **kwargs: Any
) -> Any:
    """Draw from a generator, and note it."""
    _check_not_mapped(recording)
    method = getattr(owner, name)
    names = FILLING.get(name, ())
    if names and ("out" in kwargs or len(args) == len(names)):
        args, kwargs = (), {**dict(zip(names, args, strict=False)), **kwargs}
    target = args[0] if name == IN_PLACE and args else kwargs.get("out")
    try:
        if target is not None and type(target) is not Traced:
            raise Unsupported(f"a {type(target).__name__} is filled or shuffled; use an array")
        slot = slot_of(recording, owner)
    except Unsupported as why:
        recording.give_up(f"{name}: {why}")
        return escape(recording, method, args, kwargs)
    recording.side_effects += slot.held is not None
    return recording.call(method, args, kwargs, Draw(name, slot))


def _seed(escape: Escape, recording: Recording, owner: Any, seed: Any = None) -> Any:
    """Seed a RandomState again."""
    _check_not_mapped(recording)
    try:
        if seed is None or type(owner._bit_generator) is not np.random.MT19937:
            raise Unsupported("seeding without a seed; give one")
        slot = slot_of(recording, owner)
        value = _seeded(recording, slot.stream, seed)
    except Unsupported as why:
        recording.give_up(f"numpy.random.seed: {why}")
        return escape(recording, owner.seed, (seed,), {})
    with recording.giving_up_if_raised(owner.seed):
        owner.seed(real_of(seed))
    recording.side_effects += slot.held is not None
    slot.move(value)
    return None


def _seeded(recording: Recording, kind: Stream, given: Any) -> Value:
    """Return the state that a seed makes."""
    found: list[Value] = []
    recording.builder.site = user_site()
    tree = tree_of(operands_of(recording, given), found)
    attrs = {"stream": kind.name, "arguments": (tree,)}
    return recording.builder.emit(seed, found, attrs)


def _make(
    function: Callable[..., Any], kind: Stream, recording: Recording, seed: Any = None
) -> Any:
    """Make a bit generator or a RandomState of a seed, or a Generator over a new bit generator."""
    _check_not_mapped(recording)
    with recording.giving_up_if_raised(function):
        made = function(real_of(seed))
    try:
        if stream_of(made) is not kind:
            raise Unsupported("its state is not known; give it a number as its seed")
        if seed is None:
            place = fixed_place(Unseeded(kind)).attribute("state")
            value = recording.externals.load(place, Handle(made).read()).storage.value
        else:
            value = _seeded(recording, kind, seed)
        recording.streams[id(bits_of(made))] = Slot(kind, bits_of(made), value, seed=seed)
    except Unsupported as why:
        recording.give_up(f"{function.__name__}: {why}")
    return made


def _default_rng(recording: Recording, seed: Any = None) -> Any:
    if type(seed) is np.random.Generator:
        return seed
    if kinds().get(type(seed)) in PARTS:
        return np.random.Generator(seed)
    return _make(np.random.default_rng, stream("Generator(PCG64)"), recording, seed)


def _generator(escape: Escape, recording: Recording, bit_generator: Any) -> Any:
    if kinds().get(type(bit_generator)) not in PARTS:
        return escape(recording, np.random.Generator, (bit_generator,), {})
    return np.random.Generator(bit_generator)
