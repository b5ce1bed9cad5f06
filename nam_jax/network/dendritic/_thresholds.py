"""Thresholds with which the dendritic memory recalls.

They must fit each other and the sizes of the network.
"""

import math
from typing import NamedTuple

from nam_jax._misc import argument_error


class Thresholds(NamedTuple):
    """Thresholds of branches and memory neurons; `nam_jax.theory.dendritic` designs them.

    Attributes:
        branch: g_t, input at which a branch begins to respond.
        memory: f_t, input at which a memory neuron leaves r_min.
        saturation: g_max, output of a saturated branch, in Hz.
    """

    branch: float
    memory: float
    saturation: float


_KNOWN = {
    (1000, 2000, 500, 1.0): Thresholds(5.3, -16.0, 555.0),
    (1000, 2000, 200, 1.0): Thresholds(5.12, -16.8, 372.8),
    (1000, 2000, 250, 0.5): Thresholds(5.774, -4.89, 418.1),
    (1000, 2000, 500, 0.5): Thresholds(6.352, -3.97, 579.6),
    (1000, 2000, 100, 0.2): Thresholds(5.103, 1.72, 322.7),
    (1000, 2000, 500, 0.2): Thresholds(6.684, 3.0, 685.1),
    (1000, 2000, 50, 0.1): Thresholds(5.058, 5.8, 288.3),
    (1000, 2000, 500, 0.1): Thresholds(8.29, 6.24, 837.8),
    (200, 2000, 100, 1.0): Thresholds(4.44, -28.13, 245.7),
    (2000, 4000, 500, 1.0): Thresholds(5.75, -39.37, 382.3),
}
"""Thresholds with which recall works, by N1, N2, D and c."""


def known_thresholds(
    sizes: tuple[int, int, int, float],
    thresholds: Thresholds | tuple[float, float, float] | None = None,
) -> Thresholds:
    """Returns `thresholds`, or for None the known thresholds of a network of these sizes.

    Args:
        sizes: N1, N2, D and c.
        thresholds: g_t, f_t and g_max.

    Raises:
        ValueError: If `thresholds` is None and none are known for `sizes`.
    """
    if thresholds is not None:
        return Thresholds(*thresholds)
    if sizes not in _KNOWN:
        requirement = "be given for sizes without known thresholds"
        raise argument_error("thresholds", requirement, f"None for N1, N2, D, c = {sizes}")
    return _KNOWN[sizes]


def check_branch_threshold(
    threshold: float, width: float, rates: tuple[float, float], load: float
) -> None:
    """Raises a `ValueError` unless one memory neuron at r_max takes a branch from rest to g_max.

    The mean input of a branch at rest is 0, since excitation and inhibition balance. One memory
    neuron at r_max changes it to (r_max - r_min) / sqrt(c N1 / D). Example: for rates of 1 and 100
    Hz, N1 = 1000, D = 500 and c = 1 this is 99 / sqrt(2) = 70.

    Args:
        threshold: g_t.
        width: Input over which a branch goes from g_min to g_max.
        rates: r_min and r_max, in Hz.
        load: c N1 / D, the mean number of memory neurons that arrive on a branch.

    Raises:
        ValueError: If g_t is not above the first input, or g_t + `width` is not below the second.
    """
    active_input = (rates[1] - rates[0]) / math.sqrt(load)
    if not 0 < threshold < threshold + width < active_input:
        requirement = f"have g_t above 0, the input of a branch at rest, and g_t + {width:g} below "
        requirement += f"{active_input:.3g}, the input of a branch with one neuron at r_max"
        raise argument_error("thresholds", requirement, f"g_t = {threshold:.3g}")
