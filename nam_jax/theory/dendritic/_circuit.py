"""The numbers that define a dendritic memory, and the check of their ranges."""

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
    """All numbers of a dendritic network except its three thresholds; rates are in Hz.

    Attributes:
        num_memory: N1, memory neurons (E1).
        num_feature: N2, feature neurons (E2).
        num_memory_inhibitory: M1, inhibitory neurons that E1 drives (I1).
        num_feature_inhibitory: M2, inhibitory neurons that E2 drives (I2).
        num_branches: D, branches of each feature neuron.
        connectivity: c in (0, 1], the probability that two neurons are connected. A memory neuron
            reaches a given branch of a feature neuron with the probability c / D.
        spread: w in [0, 1); weights other than those of branches are uniform in (1 - w, 1 + w).
        gamma_shape: Shape of the gamma distribution of the branch weights A.
        dendritic_mean: m, mean of the branch weights A.
        resting_output: g_min, output of a branch whose drive is below the threshold.
        width: Increase of the drive over which the output of a branch rises from g_min to g_max.
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
    """Two thresholds of a dendritic network and the saturation of a branch; `design` computes them.

    `Circuit` has g_min, width and rmin. For brevity all three numbers are called thresholds.

    Attributes:
        branch: g_t, the drive above which the output of a branch is above g_min.
        memory: f_t, the drive above which a memory neuron fires faster than rmin.
        saturation: g_max, the largest output of a branch, reached at the drive g_t + width.
    """

    branch: Number
    memory: Number
    saturation: Number


def as_numbers(circuit: Circuit) -> Circuit:
    """Returns the circuit with float arrays as numbers; checks the numbers that are not traced.

    Raises:
        ValueError: If a number is outside its range.
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
"""Numbers that may equal the lower end of their range; all may equal the upper end."""


def _check(name: str, value: Scalar, low: float | Array, high: float | Array, closed: bool) -> None:
    if not is_concrete(value):
        return
    if not (bool(value >= low if closed else value > low) and bool(value <= high)):
        left = f"be at least {low:g}" if closed else f"be above {low:g}"
        right = f" and at most {high:g}" if high < jnp.inf else ""
        raise argument_error(name, left + right, f"{value:g}")


def on_numbers(function: Callable) -> Callable:
    """Returns `function` of (circuit, thresholds, k, ...), compiled, with a check of its numbers.

    The first number after the thresholds is k, which must be at least 1.
    """
    compiled = jax.jit(function)

    @functools.wraps(function)
    def checked(circuit: Circuit, thresholds: Thresholds, *numbers: Number):
        rest = [jnp.asarray(value, float) for value in numbers]
        for k in rest[:1]:
            check_k(k)
        return compiled(as_numbers(circuit), as_levels(thresholds), *rest)

    return checked


def as_levels(thresholds: Thresholds) -> Thresholds:
    """Returns the thresholds with float arrays as numbers."""
    return Thresholds(*(jnp.asarray(value, float) for value in thresholds))


def check_k(k: Scalar) -> None:
    """Raises a `ValueError` if k is below 1; a traced k is not checked."""
    if is_concrete(k) and not float(k) >= 1:
        raise argument_error("k", "be at least 1", f"{k:g}")
