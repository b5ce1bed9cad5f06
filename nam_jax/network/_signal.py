"""Inputs that jump in time: pulses, steps, and sums of them."""

import abc
import functools
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import argument_error, as_float, check_finite, is_concrete
from nam_jax._types import Scalar


class AbstractSignal(eqx.Module):
    """An input that is constant but for jumps at known times.

    It is called with a time, as any other function of time in a drive. A solver ends a step just
    before each jump and starts the next step just after it, so that no jump is stepped over.
    Signals can be added: `Pulse(1, 2, b) + Pulse(5, 6, b)`.

    Derivatives by the times of the jumps are zero. To fit such a time, make the input a smooth
    function of time.
    """

    @abc.abstractmethod
    def __call__(self, t: Scalar | float) -> Float[Array, "..."]:
        """Returns the input at time t, in the unit of the time constants."""

    @abc.abstractmethod
    def jumps(self) -> tuple[ArrayLike, ...]:
        """Returns the times at which the input jumps."""

    def __add__(self, other: "AbstractSignal") -> "AbstractSignal":
        if not isinstance(other, AbstractSignal):
            return NotImplemented
        return SignalSum((self, other))


class Pulse(AbstractSignal):
    """The input `value` from time `start` to time `stop`, and 0 before and after.

    Attributes:
        start: The first time at which the input is `value`, in the unit of the time constants.
        stop: The time at which the input is 0 again, after `start`.
        value: One number, or an array of the shape of the layer that is driven.

    Raises:
        ValueError: If `stop` is not after `start`, or `value` is not finite.
    """

    start: float | Scalar
    stop: float | Scalar
    value: float | Float[Array, "..."]

    def __check_init__(self):
        if is_concrete(self.start) and is_concrete(self.stop) and not self.stop > self.start:
            raise argument_error("stop", f"be after start = {self.start}", self.stop)
        check_finite("value", jnp.asarray(self.value))

    def __call__(self, t: Scalar | float) -> Float[Array, "..."]:
        t = as_float(t)
        is_on = (jnp.asarray(self.start, t.dtype) <= t) & (t < jnp.asarray(self.stop, t.dtype))
        return jnp.where(is_on, jnp.asarray(self.value), 0)

    def jumps(self) -> tuple[ArrayLike, ...]:
        return self.start, self.stop


class Steps(AbstractSignal):
    """An input that takes a new value at each of several times, and is 0 before the first.

    Attributes:
        times: (S,) ascending times, in the unit of the time constants.
        values: (S, ...), the value from each time to the next, and after the last; a row is one
            number or an array of the shape of the layer that is driven.

    Raises:
        ValueError: If `times` do not ascend, or there is not one row of `values` for each.
    """

    times: Float[Array, " S"]
    values: Float[Array, "S ..."]

    def __init__(self, times: ArrayLike | Sequence[Any], values: ArrayLike | Sequence[Any]):
        """Makes the input; see the attributes."""
        self.times, self.values = as_float(times), as_float(values)
        if self.times.ndim != 1 or not self.times.size:
            raise argument_error("times", "have shape (S,)", f"shape {self.times.shape}")
        if self.values.shape[:1] != self.times.shape:
            requirement = f"have a row for each of the {self.times.size} times"
            raise argument_error("values", requirement, f"shape {self.values.shape}")
        if is_concrete(self.times) and not bool((self.times[1:] > self.times[:-1]).all()):
            raise argument_error("times", "ascend", f"{self.times}")
        check_finite("values", self.values)

    def __call__(self, t: Scalar | float) -> Float[Array, "..."]:
        place = jnp.sum(self.times <= jnp.asarray(t, self.times.dtype))
        value = self.values[jnp.maximum(place - 1, 0)]
        return jnp.where(place > 0, value, 0)

    def jumps(self) -> tuple[ArrayLike, ...]:
        return (self.times,)


class SignalSum(AbstractSignal):
    """The sum of several signals.

    Attributes:
        parts: The signals.
    """

    parts: tuple[AbstractSignal, ...]

    def __call__(self, t: Scalar | float) -> Float[Array, "..."]:
        values = [jnp.asarray(part(t)) for part in self.parts]
        dtype = functools.reduce(jnp.promote_types, (value.dtype for value in values))
        return functools.reduce(jnp.add, (value.astype(dtype) for value in values))

    def jumps(self) -> tuple[ArrayLike, ...]:
        return tuple(time for part in self.parts for time in part.jumps())


def jump_times(drive: Any) -> list[ArrayLike]:
    """Returns the times at which the signals in `drive` jump."""
    leaves = jax.tree.leaves(drive, is_leaf=_is_signal)
    return [time for leaf in leaves if _is_signal(leaf) for time in leaf.jumps()]


def frozen(drive: Any, t: Scalar | float) -> Any:
    """Returns `drive` with its value at time t in place of each function of time."""
    return jax.tree.map(lambda leaf: leaf(t) if callable(leaf) else leaf, drive, is_leaf=callable)


def _is_signal(leaf: Any) -> bool:
    return isinstance(leaf, AbstractSignal)
