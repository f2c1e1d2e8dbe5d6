"""Optimizers: rules by which gradients change parameters, each written as plain NumPy.

One rule serves two ways of working. With Variables, ``apply_gradients(zip(grads, variables))``
assigns new values and keeps what the rule remembers (its *slots*: a velocity, moments) in Variables
of its own. With arrays in any tree, ``state = init(params)`` and
``params, state = update(grads, state, params)`` change nothing that they are given.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from tracegraph.dispatch import as_real
from tracegraph.ir.errors import TreeError
from tracegraph.recording import Recording
from tracegraph.tree import flatten, tree_map, unflatten
from tracegraph.variable import Variable

State = tuple[Any, tuple[Any, ...]]
"""How many steps were made, and for each slot of the rule a tree like that of the parameters."""


class Optimizer:
    """Base class: a subclass says in ``rule`` how one parameter changes.

    Parameters
    ----------
    learning_rate : float or Variable
        How far a step goes. It may be changed between steps.

    Attributes
    ----------
    slots : tuple of str
        Names of what the rule remembers of each parameter, zeros at first.
    iterations : Variable
        How many times ``apply_gradients`` was called.

    Examples
    --------
    >>> import tracegraph as tg
    >>> class SignDescent(tg.optimizers.Optimizer):
    ...     def rule(self, parameter, gradient, slots, step):
    ...         return parameter - self.learning_rate * np.sign(gradient), ()
    >>> w = tg.Variable([1.0, -1.0])
    >>> SignDescent(0.5).apply_gradients([(np.array([3.0, -4.0]), w)])
    >>> w
    Variable([ 0.5, -0.5])
    """

    slots: tuple[str, ...] = ()

    def __init__(self, learning_rate: Any) -> None:
        self.learning_rate = learning_rate
        self.iterations = Variable(np.int64(0), name="iterations")
        self._slots: dict[Variable, tuple[Variable, ...]] = {}

    @property
    def variables(self) -> list[Variable]:
        """All that it remembers: ``iterations``, then the slots in the order of first use."""
        return [self.iterations, *(slot for slots in self._slots.values() for slot in slots)]

    def rule(
        self, parameter: Any, gradient: Any, slots: tuple[Any, ...], step: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        """Return the new value of one parameter and of its slots; ``step`` counts from 1."""
        raise NotImplementedError(f"{type(self).__name__} defines no rule")

    def apply_gradients(
        self, grads_and_vars: Iterable[tuple[Any, Variable]], global_step: Variable | None = None
    ) -> None:
        """Change Variables by one step.

        Parameters
        ----------
        grads_and_vars : iterable of pairs
            Gradients and their Variables. Where the gradient is None nothing changes.
        global_step : Variable, optional
            A counter that is incremented.

        Raises
        ------
        ValueError
            There is no gradient, or one that does not have the shape of its Variable.
        """
        pairs = [(gradient, v) for gradient, v in grads_and_vars if gradient is not None]
        if not pairs:
            raise ValueError("apply_gradients got no gradient; does the loss depend on a variable?")
        for gradient, v in pairs:
            check_shape(np.shape(gradient), v.shape, v.name or "a variable")
        self.iterations.assign_add(1)
        step = self.iterations.value()
        for gradient, v in pairs:
            slots = slots_of(self, v)
            remembered = tuple(slot.value() for slot in slots)
            new, kept = self.rule(v.value(), gradient, remembered, step)
            v.assign(new)
            for slot, value in zip(slots, kept, strict=True):
                slot.assign(value)
        if global_step is not None:
            global_step.assign_add(1)

    def init(self, params: Any) -> State:
        """Return the state before the first ``update``, for parameters in any tree."""
        return np.int64(0), tuple(tree_map(np.zeros_like, params) for _ in self.slots)

    def update(self, grads: Any, state: State, params: Any) -> tuple[Any, State]:
        """Return the parameters and the state after one step.

        Parameters
        ----------
        grads, params : trees of arrays
            Of one structure.
        state : tuple
            What ``init`` or the step before returned.

        Raises
        ------
        TreeError
            ``grads`` does not have the structure of ``params``.
        ValueError
            A gradient does not have the shape of its parameter.

        Examples
        --------
        >>> import tracegraph as tg
        >>> params = {"w": np.array([1.0, 2.0])}
        >>> adam = tg.optimizers.Adam(0.1)
        >>> state = adam.init(params)
        >>> params, state = adam.update({"w": np.array([5.0, -5.0])}, state, params)
        >>> params["w"].round(6)
        array([0.9, 2.1])
        """
        step = state[0] + 1
        leaves, structure = flatten(params)
        gradients, found = flatten(grads)
        if found != structure:
            raise TreeError(f"grads need the structure of params, {structure}, got {found}")
        columns = [flatten(slot)[0] for slot in state[1]]
        new, kept = [], []
        for i, (leaf, gradient) in enumerate(zip(leaves, gradients, strict=True)):
            check_shape(np.shape(gradient), np.shape(leaf), "a parameter")
            value, slots = self.rule(leaf, gradient, tuple(column[i] for column in columns), step)
            new.append(value)
            kept.append(slots)
        trees = [unflatten(structure, [slots[k] for slots in kept]) for k in range(len(self.slots))]
        return unflatten(structure, new), (step, tuple(trees))


def check_shape(found: Any, expected: Any, what: str) -> None:
    """Raise ValueError where a gradient has another shape than what it belongs to."""
    if found != expected:
        raise ValueError(f"the gradient of {what} needs its shape {expected}, got {found}")


class _SlotsOf:
    """Finds or makes the slots of a Variable: plain objects, made once even while recording."""

    def __call__(self, optimizer: Optimizer, variable: Variable) -> tuple[Variable, ...]:
        found = optimizer._slots.get(variable)
        if found is None:
            zeros = np.zeros_like(as_real(variable._data))
            found = tuple(Variable(zeros, name=name) for name in optimizer.slots)
            optimizer._slots[variable] = found
        return found

    def __tracegraph_call__(
        self, recording: Recording, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Variable, ...]:
        """Take part in a recording: the trace holds while the optimizer has these very slots."""
        optimizer, variable = args
        slots = self(optimizer, variable)
        place = recording.externals.place_of(optimizer)
        if place is not None:
            place = place.attribute("_slots").item(variable)
            for i, slot in enumerate(slots):
                recording.externals.load(place.item(i), slot)
        return slots


slots_of = _SlotsOf()


class SGD(Optimizer):
    """Gradient descent: ``w - learning_rate * g``.

    Parameters
    ----------
    learning_rate : float or Variable
        How far a step goes.

    References
    ----------
    H. Robbins, S. Monro: A stochastic approximation method. Annals of Mathematical Statistics 22,
    1951, pages 400-407.

    Examples
    --------
    >>> import tracegraph as tg
    >>> w = tg.Variable(3.0)
    >>> with tg.GradientTape() as tape:
    ...     loss = w * w
    >>> tg.optimizers.SGD(0.25).apply_gradients(zip(tape.gradient(loss, [w]), [w]))
    >>> w
    Variable(1.5)
    """

    def __init__(self, learning_rate: Any = 0.01) -> None:
        super().__init__(learning_rate)

    def rule(
        self, parameter: Any, gradient: Any, slots: tuple[Any, ...], step: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        return parameter - self.learning_rate * gradient, ()


class Momentum(Optimizer):
    """Gradient descent with a velocity: ``v = momentum * v + g``, then ``w - learning_rate * v``.

    Parameters
    ----------
    learning_rate : float or Variable
        How far a step goes.
    momentum : float
        How much of the velocity remains after a step.
    nesterov : bool
        Look ahead along the velocity: ``w - learning_rate * (g + momentum * v)``.

    References
    ----------
    B. T. Polyak: Some methods of speeding up the convergence of iteration methods. USSR
    Computational Mathematics and Mathematical Physics 4, 1964, pages 1-17.
    I. Sutskever, J. Martens, G. Dahl, G. Hinton: On the importance of initialization and momentum
    in deep learning. ICML 2013 (for ``nesterov``).

    Examples
    --------
    >>> import tracegraph as tg
    >>> w, descent = tg.Variable(1.0), tg.optimizers.Momentum(0.5, momentum=0.5)
    >>> for _ in range(2):
    ...     descent.apply_gradients([(1.0, w)])
    >>> w
    Variable(-0.25)
    """

    slots = ("velocity",)

    def __init__(
        self, learning_rate: Any = 0.01, momentum: float = 0.9, nesterov: bool = False
    ) -> None:
        super().__init__(learning_rate)
        self.momentum, self.nesterov = momentum, nesterov

    def rule(
        self, parameter: Any, gradient: Any, slots: tuple[Any, ...], step: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        velocity = self.momentum * slots[0] + gradient
        direction = gradient + self.momentum * velocity if self.nesterov else velocity
        return parameter - self.learning_rate * direction, (velocity,)


class RMSProp(Optimizer):
    """Steps divided by a running root mean square of the gradient.

    Parameters
    ----------
    learning_rate : float or Variable
        How far a step goes.
    decay : float
        How much of the mean square remains after a step.
    epsilon : float
        Added to the root, so that nothing is divided by zero.

    References
    ----------
    T. Tieleman, G. Hinton: Lecture 6.5, RMSProp: divide the gradient by a running average of its
    recent magnitude. COURSERA: Neural Networks for Machine Learning, 2012.

    Examples
    --------
    >>> import tracegraph as tg
    >>> w = tg.Variable([1.0, 1.0])
    >>> tg.optimizers.RMSProp(0.1, decay=0.75).apply_gradients([(np.array([4.0, -0.5]), w)])
    >>> w
    Variable([0.8, 1.2])
    """

    slots = ("mean_square",)

    def __init__(
        self, learning_rate: Any = 0.001, decay: float = 0.9, epsilon: float = 1e-10
    ) -> None:
        super().__init__(learning_rate)
        self.decay, self.epsilon = decay, epsilon

    def rule(
        self, parameter: Any, gradient: Any, slots: tuple[Any, ...], step: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        mean_square = self.decay * slots[0] + (1.0 - self.decay) * (gradient * gradient)
        scale = np.sqrt(mean_square) + self.epsilon
        return parameter - self.learning_rate * (gradient / scale), (mean_square,)


class Adam(Optimizer):
    """Steps along a running mean of the gradient, divided by a running root mean square.

    Parameters
    ----------
    learning_rate : float or Variable
        How far a step goes; ``alpha`` in the paper.
    beta1, beta2 : float
        How much of the mean and of the mean square remain after a step.
    epsilon : float
        Added to the root, so that nothing is divided by zero.

    References
    ----------
    D. P. Kingma, J. Ba: Adam: a method for stochastic optimization. ICLR 2015, algorithm 1.
    https://arxiv.org/abs/1412.6980

    Examples
    --------
    >>> import tracegraph as tg
    >>> w = tg.Variable([1.0, 1.0])
    >>> tg.optimizers.Adam(0.1).apply_gradients([(np.array([4.0, -0.5]), w)])
    >>> w.numpy().round(6)
    array([0.9, 1.1])
    """

    slots = ("mean", "mean_square")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        super().__init__(learning_rate)
        self.beta1, self.beta2, self.epsilon = beta1, beta2, epsilon

    def rule(
        self, parameter: Any, gradient: Any, slots: tuple[Any, ...], step: Any
    ) -> tuple[Any, tuple[Any, ...]]:
        mean = self.beta1 * slots[0] + (1.0 - self.beta1) * gradient
        mean_square = self.beta2 * slots[1] + (1.0 - self.beta2) * (gradient * gradient)
        # The means start at zero and are too small at first; these are their weights so far. They
        # are float64 whatever the parameters are, so their dtype must not spread.
        weight = (1.0 - np.power(self.beta1, step)).astype(mean.dtype)
        weight_square = (1.0 - np.power(self.beta2, step)).astype(mean.dtype)
        change = (mean / weight) / (np.sqrt(mean_square / weight_square) + self.epsilon)
        return parameter - self.learning_rate * change, (mean, mean_square)
