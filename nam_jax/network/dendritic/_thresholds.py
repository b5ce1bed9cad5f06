"""Thresholds with which the dendritic memory recalls: they must fit each other and the sizes."""

import math
from typing import NamedTuple

from nam_jax._misc import argument_error


class Thresholds(NamedTuple):
    """The numbers that must fit each other and the sizes: see `nam_jax.theory`.

    Attributes:
        branch: g_t, input at which a branch begins to respond.
        memory: f_t, input at which a memory neuron leaves r_min.
        saturation: g_max, output of a saturated branch.
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
"""Thresholds that work, by N1, N2, D and c."""


def known_thresholds(
    sizes: tuple[int, int, int, float],
    thresholds: Thresholds | tuple[float, float, float] | None = None,
) -> Thresholds:
    """Those given, or else those known for N1, N2, D and c.

    Raises:
        ValueError: If neither are there.
    """
    if thresholds is not None:
        return Thresholds(*thresholds)
    if sizes not in _KNOWN:
        requirement = "be given for sizes of which none are known"
        raise argument_error("thresholds", requirement, f"None for N1, N2, D, c = {sizes}")
    return _KNOWN[sizes]


def check_branch_threshold(
    threshold: float, width: float, rates: tuple[float, float], load: float
) -> None:
    """Whether one active memory neuron can tell an active branch from one at rest.

    Args:
        threshold: g_t.
        width: Input over which a branch goes from g_min to g_max.
        rates: r_min and r_max, in Hz.
        load: c N1 / D, memory neurons that arrive on a branch.

    Raises:
        ValueError: If g_t does not lie between the two inputs.
    """
    most = (rates[1] - rates[0]) / math.sqrt(load)
    if not 0 < threshold < threshold + width < most:
        requirement = f"have g_t above 0 (a branch at rest) and g_t + {width:g} below {most:.3g} "
        requirement += "(a branch with one neuron at r_max)"
        raise argument_error("thresholds", requirement, f"g_t = {threshold:.3g}")
