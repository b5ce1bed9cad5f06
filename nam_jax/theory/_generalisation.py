"""How many states a dense memory ends in that has seen very many samples of a simple manifold."""

import math


def circle_attractors(beta: float | int) -> float:
    """sqrt(3 beta / 2): attractors of K points on the unit circle, whatever K is, once K is large.

    The energy -log(mean exp(-beta |x - y|^2 / 2)) / beta is then its average, which is flat along
    the circle, and a Gaussian field of covariance exp(-beta d^2 / 4) that K makes small but not
    smooth: Rice's formula counts its peaks. Derived for this project.
    """
    return math.sqrt(1.5 * beta)


def sphere_attractors(beta: float | int) -> float:
    """beta / sqrt(3): the same on the unit sphere in three dimensions.

    By the density of peaks of a Gaussian field in two dimensions (Bardeen, Bond, Kaiser & Szalay
    1986, Astrophys. J. 304, 15).
    """
    return beta / math.sqrt(3)
