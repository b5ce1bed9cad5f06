"""The dendritic experiment: its parts on small networks, and the paper's figures (slow)."""

import jax.random as jr
import numpy as np
import pytest

from nam_jax import plot
from nam_jax.experiment import DendriticConfig, dendritic
from nam_jax.experiment import _dendritic_scaling as scaling
from nam_jax.experiment._dendritic_trials import memories

SMALL = {"num_memory": 200, "num_feature": 2000, "num_inhibitory": (100, 200), "num_branches": 100,
         "size": 2, "num_networks": 1, "num_trials": 12, "time": 200.0, "step": 4.0}  # fmt: skip


def ran(*parts, **changes):
    return dendritic.run(DendriticConfig(parts=parts, **{**SMALL, **changes}))


@pytest.fixture(scope="module")
def found():
    return ran("size", "raster", "noise", sizes=(1, 2, 7), noise=(0.0, 200.0))


def test_memories_of_a_few_neurons_are_recalled_and_of_many_are_not(found):
    """Science page: k = 1 and 2 are recalled always; members at 60 and 51 Hz, 3 Hz allowed."""
    rates = found.size_strict.isel(size_line=0)
    np.testing.assert_array_equal(rates.sel(size_x=[1, 2]), 1.0)
    assert rates.sel(size_x=7) < 0.6
    cued = found.size_cued.isel(size_line=0).values
    assert abs(cued[0] - 60) < 3 and abs(cued[1] - 51) < 3
    assert np.allclose(found.predicted_rate.values[:2], cued[:2], rtol=0.05)
    assert (found.size_strict_low <= found.size_strict).all()
    assert found.size_predicted.isel(size_line=0).values[1] > 0.99


def test_noise_beyond_the_features_destroys_recall(found):
    clean, noisy = found.noise_strict.transpose("noise_x", "noise_line").values
    assert (clean == 1).all() and (noisy < 0.3).all()


def test_nobody_is_silent_or_saturated_in_the_raster(found):
    end = found.isel(time=-1)
    assert np.isclose(end.raster_lowest, 1, atol=1e-4) and np.isclose(end.raster_others, 1, atol=1)
    cued = end["raster"].values[found.raster_member.values]
    assert len(cued) == 2 and (cued > 10).all() and (cued < 99).all()


def test_capacity_counts_the_sets_recalled():
    assert np.isclose(scaling.capacity(10, [1.0, 0.5]), np.log10(10 + 45 / 2), atol=1e-5)
    found = ran("size", sizes=(1, 3), num_trials=2)
    assert found.up_to.values.tolist() == [1]  # k = 2 was not measured
    assert "combinations of N1" in found.attrs["note"] and "note" in found.capacity.attrs


def test_the_crossing_is_interpolated():
    assert np.isclose(scaling.crossing({1: 1.0, 2: 0.9}), 1.5)
    assert np.isclose(scaling.crossing({3: 0.9, 4: 0.1}), 2.5)
    assert scaling.crossing({3: 1.0, 4: 0.96}) == 4
    low, high = scaling._interval({1: np.ones((2, 50)), 2: np.eye(50)[:2]}, seed=0)
    assert 1 <= low <= high < 1.1


def test_memories_have_exactly_k_members_and_reproduce():
    drawn = memories(50, 3, 20, key=jr.key(1))
    assert (drawn.sum(axis=1) == 3).all() and len(np.unique(drawn, axis=0)) > 15
    np.testing.assert_array_equal(drawn, memories(50, 3, 20, key=jr.key(1)))


def test_figures_and_table_have_every_point(found):
    figures = {"figure": plot.dendritic(found)} | plot.dendritic_more(found)
    assert set(figures) == {"figure", "figure-noise", "figure-raster", "figure-capacity"}
    for figure in figures.values():
        assert all(axes.get_ylabel() for axes in figure.axes)
    assert dendritic.table(found).row_count == 3 + 2 * 2 + 1


def test_more_branches_than_neurons_are_refused():
    with pytest.raises(ValueError, match="num_branches"):
        ran("size", num_branches=300)
