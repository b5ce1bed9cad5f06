"""Cases of which the default suite runs some, and `pytest -m slow` the others."""

import pytest

from nam_jax.data._idx import FASHION as FASHION_FILE

FASHION = pytest.mark.skipif(
    not FASHION_FILE.is_file(), reason="the package dataset-fashion-mnist is not installed"
)
SOURCES = ["digits", pytest.param("fashion-mnist", marks=[FASHION, pytest.mark.slow])]
"""Real images by name."""


def mostly_slow(cases, *quick):
    """The cases, values of one parameter or tuples of several, all but the quick ones slow."""
    assert set(quick) <= set(cases)
    return [case if case in quick else slow(case) for case in cases]


def slow(case):
    values = case if isinstance(case, tuple) else (case,)
    return pytest.param(*values, marks=pytest.mark.slow)
