"""Shared fixtures: strict promotion everywhere, and a key whose seed shows when a test fails."""

import random
from pathlib import Path

import equinox
import jax
import pytest

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_configure(config):
    """Compiles with few optimisations, but not for the slow tests; commands run as they are.

    Compiling takes most of the time of the others.
    """
    if "not slow" in config.option.markexpr:
        jax.config.update("jax_disable_most_optimizations", True)


FIRST = ("test_cli_runs",)
"""The files that take longest, so that no worker ends with them."""


def pytest_collection_modifyitems(items):
    """Puts the longest files before all others."""
    items.sort(key=lambda item: FIRST.index(item.path.stem) if item.path.stem in FIRST else 9)


MAPS = Path("/proc/self/maps")
MOST_MAPS = 35_000
"""Memory maps at which programs are dropped; Linux ends a process at 65 530, a few a program."""


@pytest.fixture(scope="module", autouse=True)
def forget_programs():
    """Drops compiled programs after a file when there are too many of them."""
    yield
    if MAPS.exists() and MAPS.read_bytes().count(b"\n") > MOST_MAPS:
        equinox.clear_caches()
        jax.clear_caches()


@pytest.fixture
def getkey(request):
    """A function that returns a new random key at each call; the seed is fixed per test."""
    seed = random.Random(request.node.nodeid).randrange(2**31)
    request.node.add_report_section("setup", "getkey", f"seed {seed}")
    count = iter(range(2**31))
    return lambda: jax.random.fold_in(jax.random.key(seed), next(count))


@pytest.fixture
def x64():
    """Double precision inside one test, whatever the environment says."""
    with jax.enable_x64(True):
        yield
