"""The numbers of a dendritic memory, and their check."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Real

from nam_jax._misc import argument_error, is_concrete
from nam_jax._types import Scalar

Number = float | int | Real[Array, ""]
"""A number that may be traced."""


class Circuit(NamedTuple):
    """The numbers of a dendritic network, but for its three thresholds; rates in Hz.

    Attributes:
        num_memory: N1, memory neurons (E1).
        num_feature: N2, feature neurons (E2).
        num_memory_inhibitory: M1, inhibitory neurons that E1 drives (I1).
        num_feature_inhibitory: M2, inhibitory neurons that E2 drives (I2).
        num_branches: D, branches of each feature neuron.
        connectivity: c in (0, 1], the probability of a connection; c / D for each branch.
        spread: w in [0, 1); the other weights are uniform in (1 - w, 1 + w).
        gamma_shape: Shape of the gamma law of the branch weights.
        dendritic_mean: m, mean of the branch weights.
        resting_output: g_min, output of a branch that is not driven.
        width: Drives over which the output of a branch goes from g_min to g_max.
        rmin: Lowest rate of a memory neuron.
        rmax: Highest rate of a memory neuron.
    """

    num_memory: Number = 1000
    num_feature: Number = 2000
    num_memory_inhibitory: Number = 500
    num_feature_inhibitory: Number = 500
    num_branches: Number = 500
    connectivity: Number = 1.0
    spread: Number = 0.2
    gamma_shape: Number = 0.5
    dendritic_mean: Number = 0.2
    resting_output: Number = 0.5
    width: Number = 0.5
    rmin: Number = 1.0
    rmax: Number = 100.0


class Thresholds(NamedTuple):
    """The three numbers that `design` finds.

    Attributes:
        branch: g_t, the drive at which a branch begins to fire.
        memory: f_t, the drive at which a memory neuron begins to fire above rmin.
        saturation: g_max, output of a branch whose drive is g_t plus the width or more.
    """

    branch: Number
    memory: Number
    saturation: Number


def as_numbers(circuit: Circuit) -> Circuit:
    """The circuit with arrays of floats for numbers, checked as far as they are not traced.

    Raises:
        ValueError: If one is outside of its range.
    """
    c = Circuit(*(jnp.asarray(value, float) for value in circuit))
    zero, one, infinity = 0.0, 1.0, jnp.inf
    most = c.num_memory if is_concrete(c.num_memory) else infinity
    least = c.rmin if is_concrete(c.rmin) else zero
    ranges = {
        "num_memory": (one, infinity),
        "num_feature": (one, infinity),
        "num_memory_inhibitory": (one, infinity),
        "num_feature_inhibitory": (one, infinity),
        "num_branches": (2.0, most),
        "connectivity": (zero, one),
        "spread": (zero, one),
        "gamma_shape": (zero, infinity),
        "dendritic_mean": (zero, infinity),
        "resting_output": (zero, infinity),
        "width": (zero, infinity),
        "rmin": (zero, infinity),
        "rmax": (least, infinity),
    }
    for name, (low, high) in ranges.items():
        _check(name, getattr(c, name), low, high, name in _ENDS_ALLOWED)
    return c


_ENDS_ALLOWED = {
    "num_memory",
    "num_feature",
    "num_memory_inhibitory",
    "num_feature_inhibitory",
    "num_branches",
    "spread",
    "resting_output",
}
"""Where the lower end of the range is in it; the upper end always is."""


def _check(name: str, value: Scalar, low: float | Array, high: float | Array, closed: bool) -> None:
    if not is_concrete(value):
        return
    if not (bool(value >= low if closed else value > low) and bool(value <= high)):
        left = f"be at least {low:g}" if closed else f"be above {low:g}"
        right = f" and at most {high:g}" if high < jnp.inf else ""
        raise argument_error(name, left + right, f"{value:g}")


def on_numbers(function: Callable) -> Callable:
    """A theory of (circuit, thresholds, k, ...) that checks its numbers and is compiled once."""
    compiled = jax.jit(function)

    @functools.wraps(function)
    def checked(circuit: Circuit, thresholds: Thresholds, *numbers: Number):
        rest = [jnp.asarray(value, float) for value in numbers]
        for k in rest[:1]:
            check_k(k)
        return compiled(as_numbers(circuit), as_levels(thresholds), *rest)

    return checked


def as_levels(thresholds: Thresholds) -> Thresholds:
    """The thresholds with arrays of floats for numbers."""
    return Thresholds(*(jnp.asarray(value, float) for value in thresholds))


def check_k(k: Scalar) -> None:
    """Raises a `ValueError` unless k is traced or at least 1."""
    if is_concrete(k) and not float(k) >= 1:
        raise argument_error("k", "be at least 1", f"{k:g}")
