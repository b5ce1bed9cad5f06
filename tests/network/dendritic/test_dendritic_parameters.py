"""The dendritic memory: what it refuses."""

import jax.random as jr
import numpy as np
import pytest

from nam_jax.network import DendriticMemory
from nam_jax.network.dendritic import Dendrites


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"connectivity": 0.0}, r"`connectivity` must lie in \(0, 1\]"),
        ({"connectivity": 1.5}, r"`connectivity` must lie in \(0, 1\]"),
        ({"num_branches": 11}, "`num_branches` must be at most `num_memory` = 10"),
        ({"num_branches": 0}, "`num_branches` must be at least 1"),
        ({"thresholds": None}, "`thresholds` must be given"),
        ({"thresholds": (-0.1, 0.0, 9.0)}, "`thresholds` must have g_t above 0"),
        ({"thresholds": (60.0, 0.0, 9.0)}, "g_t \\+ 0.5 below 54.2"),
        ({"thresholds": (3.0, 0.0, 0.4)}, "`low` must be below `high`"),
        ({"rates": (2.0, 2.0)}, "`low` must be below `high`"),
        ({"rates": (-1.0, 2.0)}, "`low` must be at least 0"),
        ({"width": 0.0}, "`width` must be above 0"),
        ({"spread": 1.2}, r"`spread` must lie in \[0, 1\]"),
        ({"gamma_shape": 0.0}, "`gamma_shape` must be above 0"),
        ({"dendritic_mean": 0.0}, "`dendritic_mean` must be above 0"),
        ({"time_constants": (10.0, 50.0, 0.0)}, "`time_constants` must be above 0"),
        ({"num_inhibitory": (0, 3)}, "`num_inhibitory` must be at least 1"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(arguments, sentence):
    good = {"num_memory": 10, "num_feature": 12, "num_branches": 3, "thresholds": (3.0, 0.0, 9.0)}
    with pytest.raises(ValueError, match=sentence) as error:
        DendriticMemory.random(**{**good, **arguments}, key=jr.key(0))
    assert str(error.value).count("\n") == 0


def test_branches_out_of_range_are_refused():
    with pytest.raises(ValueError, match="`branch` must lie in -1"):
        Dendrites(np.array([[3]]), np.ones((1, 1)), np.ones((1, 3)))
