"""Recall by predictive coding networks."""

from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import as_float


def implicit_recall(correlation: ArrayLike) -> Float[Array, "..."]:
    """Returns 2 rho / (1 + rho^2), the variable that a covariance network recalls from the other.

    Two variables of mean 0 and variance 1 have the correlation rho, and the first is held at 1. At
    the end of learning W_12 = W_21 = rho. The energy 1/2 |(I - W) x|^2 of the implicit dynamics is
    then 1/2 [(1 - rho x)^2 + (x - rho)^2], with its minimum at this x. The dendritic dynamics
    dx/dt = -(x - rho) rest at rho, which is the conditional mean.

    Args:
        correlation: rho, in [-1, 1].
    """
    rho = as_float(correlation)
    return 2 * rho / (1 + rho**2)
