"""Claims about attention by neurons and astrocytes, and about random features of it."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from nam_jax.attention import (
    AbstractFeatureMap,
    AstrocyteAttention,
    HebbianAttention,
    RandomFeatures,
    TrigonometricFeatures,
)
from nam_jax.experiment.claims._finding import Curve, Finding, Series
from nam_jax.experiment.claims._registry import claim
from nam_jax.experiment.claims._sources import NEURONS_ASTROCYTES, PERFORMERS

T, D, M = 32, 16, 8
"""Tokens, numbers in a key or query, and numbers in a value."""


@claim(
    "astrocyte-attention",
    "Hebbian synapses and calcium that divides compute linear attention",
    NEURONS_ASTROCYTES,
)
def astrocyte_attention(fast: bool) -> Finding:
    """Answers of synapses and calcium against those of linear attention, 32 tokens, 24 features."""
    del fast
    sizes = (D, D, M)
    tokens = [
        jr.normal(key, (T, size)) for key, size in zip(jr.split(jr.key(0), 3), sizes, strict=True)
    ]
    features = RandomFeatures(D, 24, key=jr.key(1))
    expected = HebbianAttention(features)(*tokens)

    def gap(attention: AstrocyteAttention) -> float:
        """Relative difference of all answers, as norms."""
        answers = attention(*tokens)
        return float(jnp.linalg.norm(answers - expected) / jnp.linalg.norm(expected))

    rest = gap(AstrocyteAttention(features))
    brief = gap(AstrocyteAttention(features, reading_time=3.0))
    leaky = gap(AstrocyteAttention(features, leak=0.01))
    factor = 1 / (1 - math.exp(-3.0)) - 1
    meaning = (
        f"relative difference of all answers with calcium at rest; {brief:.3f} if read for 3 tau_p "
        f"(1 / (1 - exp(-3)) - 1 = {factor:.3f}), {leaky:.3f} with a leak of 0.01 a token"
    )
    fine = {"calcium at rest, no leak": rest < 1e-4, "calcium read for 3 tau_p": brief < 1e-4}
    return Finding(rest, rest, rest, meaning, fine)


COUNTS = (16, 64, 256, 1024)
"""Numbers of directions m; features in pairs, F = 2 m, have two for each direction."""

KINDS: dict[str, Callable[[int, Array], AbstractFeatureMap]] = {
    "positive": lambda m, key: RandomFeatures(D, m, key=key),
    "positive, orthogonal": lambda m, key: RandomFeatures(D, m, orthogonal=True, key=key),
    "exp(+-), orthogonal": lambda m, key: RandomFeatures(
        D, 2 * m, orthogonal=True, mirrored=True, key=key
    ),
    "cos, sin, orthogonal": lambda m, key: TrigonometricFeatures(
        D, 2 * m, orthogonal=True, key=key
    ),
}
SHORT, LONG = 0.5, 1.0
"""Standard deviations of numbers of queries and keys."""
FEW = 0.15
"""The largest median error that still is near softmax attention."""


@claim(
    "random-features",
    "Linear attention with random features comes near softmax attention",
    f"{PERFORMERS}; the bound 0.15 is ours",
)
def random_features(fast: bool) -> Finding:
    """Median error of all answers, 32 keys, D = 16, by the number m of directions; 60 draws.

    Numbers of queries and keys have the standard deviation 0.5 or 1. The error is the norm of the
    difference from softmax answers over the norm of those. An answer whose divisor is not above 0
    counts with the quotient as it is, and the share of such answers is stated.
    """
    draws = 60 if not fast else 30
    errors, wrong = {}, {}
    for deviation in (SHORT, LONG):
        for kind in KINDS:
            pairs = [_errors(kind, m, deviation, draws) for m in COUNTS]
            errors[kind, deviation], wrong[kind, deviation] = map(
                np.array, zip(*pairs, strict=True)
            )
    medians = {case: np.median(rows, axis=1) for case, rows in errors.items()}
    short = [f"{kind}: {_quartiles(errors[kind, SHORT])}" for kind in KINDS]
    long = [f"{kind}: {', '.join(f'{x:.3f}' for x in medians[kind, LONG])}" for kind in KINDS]
    waves = "cos, sin, orthogonal"
    shares = ", ".join(f"{100 * row.mean():.2g}" for row in wrong[waves, LONG])
    quarter, median, most = np.quantile(errors["positive", SHORT][-1], [0.25, 0.5, 0.75]).tolist()
    meaning = (
        "median error with 1024 positive features and its quartiles, standard deviation 0.5; with "
        f"m = 16, 64, 256, 1024: {'; '.join(short)}; medians at standard deviation 1: "
        f"{'; '.join(long)}; cos, sin at standard deviation 1: {shares} % of the divisors are not "
        "above 0"
    )
    fine = {
        f"{kind}, m = 1024, standard deviation {deviation:g}": bool(row[-1] < FEW)
        for (kind, deviation), row in medians.items()
    } | {
        f"all divisors of {waves} above 0, standard deviation {deviation:g}": not np.any(
            wrong[waves, deviation]
        )
        for deviation in (SHORT, LONG)
    }
    return Finding(median, quarter, most, meaning, fine, _curve(errors))


def _quartiles(rows: np.ndarray) -> str:
    """Median and quartiles over draws of each row, as text."""
    quartiles = np.quantile(rows, [0.5, 0.25, 0.75], axis=1).T
    return ", ".join(f"{middle:.3f} [{low:.3f}, {high:.3f}]" for middle, low, high in quartiles)


def _curve(errors: dict[tuple[str, float], np.ndarray]) -> Curve:
    """Errors of short queries and keys by kind, and of long ones with positive features."""
    drawn = {kind: errors[kind, SHORT] for kind in KINDS if kind != "positive, orthogonal"}
    drawn["positive, standard deviation 1"] = errors["positive", LONG]
    lines = {
        name: Series(*np.quantile(rows, [0.5, 0.25, 0.75], axis=1).tolist())
        for name, rows in drawn.items()
    }
    slope = np.median(drawn["positive"][0]) * np.sqrt(COUNTS[0] / np.array(COUNTS))
    lines["theory: as m^(-1/2)"] = Series(slope.tolist())
    axes = "directions m (1)", "error of answers, median and quartiles (1)"
    return Curve(COUNTS, *axes, lines, log=True)


def _errors(kind: str, count: int, deviation: float, draws: int) -> tuple[np.ndarray, np.ndarray]:
    """Relative errors of all answers, and the share without a positive divisor, for each draw."""
    keys = jr.split(jr.key(count), draws)
    split = [jr.split(key) for key in keys]
    made = [KINDS[kind](count, of_features) for _, of_features in split]
    features = jax.tree.map(lambda *leaves: jnp.stack(leaves), *made)
    of_tokens = jnp.stack([of_tokens for of_tokens, _ in split])
    errors, wrong = _all_errors(features, of_tokens, jnp.asarray(deviation))
    return np.asarray(errors), np.asarray(wrong)


@jax.jit
def _all_errors(
    features: AbstractFeatureMap, of_tokens: Array, deviation: Array
) -> tuple[Float[Array, " draws"], Float[Array, " draws"]]:
    return jax.lax.map(lambda given: _error(given[0], given[1], deviation), (features, of_tokens))


def _error(
    features: AbstractFeatureMap, of_tokens: Array, deviation: Array
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Both numbers of one draw, without a causal mask."""
    queries, keys = deviation * jr.normal(of_tokens, (2, T, D))
    values = jr.normal(jr.fold_in(of_tokens, 1), (T, M))
    phi = jax.vmap(features)
    weights = phi(queries) @ phi(keys).T
    totals = jnp.sum(weights, axis=1, keepdims=True)
    answers = weights @ values / totals
    exact = jax.nn.softmax(queries @ keys.T / D**0.5) @ values
    error = jnp.linalg.norm(answers - exact) / jnp.linalg.norm(exact)
    return error, jnp.mean((totals <= 0).astype(error.dtype))
