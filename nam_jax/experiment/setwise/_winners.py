"""Which pattern has the largest exponent: the memory of one exponent for each pattern."""

import numpy as np
from jaxtyping import Float, Int

from nam_jax.experiment.setwise._complexes import Sets

Signs = Float[np.ndarray, "C N"]


def exponents(sets: Sets, products: Float[np.ndarray, "N K"]) -> Int[np.ndarray, " K"]:
    """Returns sum_sigma prod_(i in sigma) xi_i S_i of every pattern xi, whole numbers.

    Args:
        sets: The units of each set.
        products: xi_i S_i as signs.
    """
    signs = products.astype(np.int8)
    total = np.zeros(signs.shape[1], np.int64)
    for units in sets:
        terms = signs[units[:, 0]]
        for k in range(1, units.shape[1]):
            terms = terms * signs[units[:, k]]
        total += terms.sum(axis=0, dtype=np.int64)
    return total


def right_winners(
    sets: Sets | None, patterns: Float[np.ndarray, "K N"], targets: np.ndarray, cues: Signs
) -> Float[np.ndarray, " C"]:
    """Returns 1 where the pattern of a cue has the largest exponent, and 1/m if m patterns have it.

    In E = leak [u . y - L] - 1/beta log sum_mu exp(beta sum_sigma prod_(i in sigma) xi_i^mu y_i)
    the pattern with the largest exponent at the cue draws the state, if beta is large.

    Args:
        sets: The units of each set; None for the overlap xi . S as the exponent.
        patterns: The stored patterns.
        targets: The number of the pattern that each cue is made of, (C,).
        cues: The cues.
    """
    right = []
    for target, cue in zip(targets, cues, strict=True):
        values = patterns @ cue if sets is None else exponents(sets, (patterns * cue).T)
        largest = values == values.max()
        right.append(largest[target] / largest.sum())
    return np.asarray(right, float)
