"""Shared fixtures: strict promotion everywhere, and a key whose seed shows when a test fails."""

import random

import jax
import pytest

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture
def getkey(request):
    """A function that returns a new random key at each call; the seed is fixed per test."""
    seed = random.Random(request.node.nodeid).randrange(2**31)
    request.node.add_report_section("setup", "getkey", f"seed {seed}")
    count = iter(range(2**31))
    return lambda: jax.random.fold_in(jax.random.key(seed), next(count))
