"""Number of attractors of a dense memory that stores very many samples of a circle or sphere."""

import math


def circle_attractors(beta: float | int) -> float:
    """Returns sqrt(3 beta / 2), the number of attractors of K samples of the unit circle, K large.

    For large K the energy -log(mean over samples y of exp(-beta |x - y|^2 / 2)) / beta is a mean,
    which is constant along the circle, plus a Gaussian field of covariance exp(-beta d^2 / 4) at
    the distance d. A larger K makes the field smaller but not smoother, so the number of its peaks,
    which Rice's formula gives, does not depend on K. Derived for this project.
    """
    return math.sqrt(1.5 * beta)


def sphere_attractors(beta: float | int) -> float:
    """Returns beta / sqrt(3), the number of attractors of many samples of the unit sphere in 3D.

    From the density of peaks of a Gaussian field in two dimensions (Bardeen, Bond, Kaiser & Szalay
    1986, Astrophys. J. 304, 15).
    """
    return beta / math.sqrt(3)
