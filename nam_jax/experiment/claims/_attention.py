"""Claims about attention by neurons and astrocytes, and about random features of it."""

import functools
import math

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from nam_jax.attention import AstrocyteAttention, HebbianAttention, RandomFeatures
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
"""Numbers of features."""


@claim(
    "random-features",
    "Linear attention with positive random features comes near softmax attention",
    f"{PERFORMERS}; the bound 0.15 is ours",
)
def random_features(fast: bool) -> Finding:
    """Median error of all answers, 32 keys, D = 16, by the number of features; 60 draws.

    Numbers of queries and keys have the standard deviation 0.5 or 1. The error is the norm of the
    difference from softmax answers over the norm of those.
    """
    draws = 60 if not fast else 30
    half, whole = (np.array([_errors(m, s, draws) for m in COUNTS]) for s in (0.5, 1.0))
    text = ", ".join(f"{np.median(row):.3f}" for row in half)
    wide = ", ".join(f"{np.median(row):.3f}" for row in whole)
    meaning = (
        f"median error with 1024 features, and its quartiles, standard deviation 0.5; with 16, 64, "
        f"256, 1024: {text}; at standard deviation 1: {wide}"
    )
    quarter, median, most = np.quantile(half[-1], [0.25, 0.5, 0.75]).tolist()
    fine = {
        "1024 features, standard deviation 0.5": median < 0.15,
        "1024 features, standard deviation 1": float(np.median(whole[-1])) < 0.15,
    }
    lines = {
        name: Series(*np.quantile(rows, [0.5, 0.25, 0.75], axis=1).tolist())
        for name, rows in (("standard deviation 0.5", half), ("standard deviation 1", whole))
    }
    slope = (np.median(half[0]) * np.sqrt(COUNTS[0] / np.array(COUNTS))).tolist()
    lines["theory: as m^(-1/2)"] = Series(slope)
    axes = "features m (1)", "error of answers, median and quartiles (1)"
    return Finding(median, quarter, most, meaning, fine, Curve(COUNTS, *axes, lines, log=True))


def _errors(count: int, deviation: float, draws: int) -> np.ndarray:
    """Relative errors of all answers without a causal mask, for each draw."""
    keys = jr.split(jr.key(count), draws)
    return np.asarray(jax.lax.map(functools.partial(_error, count, deviation), keys))


def _error(count: int, deviation: float, key: Array) -> Float[Array, ""]:
    of_tokens, of_features = jr.split(key)
    queries, keys = deviation * jr.normal(of_tokens, (2, T, D))
    values = jr.normal(jr.fold_in(of_tokens, 1), (T, M))
    phi = jax.vmap(RandomFeatures(D, count, key=of_features))
    weights = phi(queries) @ phi(keys).T
    answers = weights @ values / jnp.sum(weights, axis=1, keepdims=True)
    exact = jax.nn.softmax(queries @ keys.T / D**0.5) @ values
    return jnp.linalg.norm(answers - exact) / jnp.linalg.norm(exact)
