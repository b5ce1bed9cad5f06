"""Lesions in space: morphology, limited exchange, gap junctions, and the experiment on them."""

import jax.numpy as jnp
import numpy as np
import pytest

from nam_jax import data, memory
from nam_jax.experiment import lesion
from nam_jax.experiment.lesion._run import SWEEPS
from nam_jax.memory import GapJunctionTensor, PatternTensor, Projection

N = 8


def _tensor(key, num=3):
    patterns = data.random_patterns(num, N, key=key)
    return PatternTensor(patterns, Projection())


def test_morphology_is_a_tree_in_space(getkey):
    grown = memory.grow_astrocyte(N, key=getkey())
    places, paths = np.asarray(grown.positions), np.asarray(grown.distances)
    assert np.isfinite(places).all() and np.isfinite(paths).all()
    assert np.array_equal(places, places.swapaxes(0, 1))
    assert np.linalg.norm(places, axis=-1).max() <= 30.001
    points = places[np.triu_indices(N)]
    straight = np.linalg.norm(points[:, None] - points[None], axis=-1)
    assert (paths >= straight - 1e-3).all()
    assert (paths[:, None, :] <= paths[:, :, None] + paths[None, :, :] + 1e-3).all()
    half = np.asarray(grown.halves())
    assert np.array_equal(half, half.T) and half[np.triu_indices(N)].sum() == len(points) // 2


@pytest.mark.parametrize("change", [{"num_branches": 0}, {"step": 0.0}, {"territory_radius": -1.0}])
def test_growth_refuses(change, getkey):
    with pytest.raises(ValueError, match=next(iter(change))):
        memory.grow_astrocyte(4, key=getkey(), **change)


def test_exchange_within_a_radius(getkey):
    tensor, grown = _tensor(getkey()), memory.grow_astrocyte(N, key=getkey())
    whole = np.asarray(tensor.to_dense())
    assert np.allclose(memory.exchange_within(tensor, grown, jnp.inf).entries, whole, atol=1e-6)
    own = np.asarray(grown.between()) == 0
    none = np.asarray(memory.exchange_within(tensor, grown, 0.0).entries)
    assert np.allclose(none, np.where(own, whole, 0), atol=1e-6)
    assert own.sum() == 2 * N * N - N  # ij with ij and with ji
    with pytest.raises(ValueError, match="radius"):
        memory.exchange_within(tensor, grown, -1.0)


def test_gap_junctions_from_none_to_whole(getkey):
    tensor = _tensor(getkey())
    first = memory.grow_astrocyte(N, key=getkey()).halves()
    whole, mask = np.asarray(tensor.to_dense()), np.asarray(first)
    joined = GapJunctionTensor(tensor, first, 1.0)
    assert np.allclose(joined.to_dense(), whole, atol=1e-6)
    apart = np.asarray(GapJunctionTensor(tensor, first, 0.0).to_dense())
    assert np.all(apart[mask][:, ~mask] == 0)
    half = GapJunctionTensor(tensor, first, 0.5)
    entries = np.asarray(half.to_dense())
    assert np.allclose(entries, entries.transpose(2, 3, 0, 1), atol=1e-6)
    assert half.largest_eigenvalue() <= tensor.largest_eigenvalue() + 1e-3
    cut = memory.lesion(half, jnp.asarray(1.0), key=getkey())
    assert np.all(np.asarray(cut.to_dense()) == 0)
    with pytest.raises(ValueError, match="coupling"):
        GapJunctionTensor(tensor, first, 1.5)


def test_memory_mode_of_equal_halves(getkey):
    tensor = _tensor(getkey(), num=1)
    i, j = np.triu_indices(N, 1)
    first = np.zeros((N, N), bool)
    first[i[::2], j[::2]] = True  # 14 of the 28 processes between different neurons
    for coupling in (0.0, 0.3, 1.0):
        joined = GapJunctionTensor(tensor, jnp.asarray(first | first.T), coupling)
        assert np.isclose(joined.largest_eigenvalue(), (1 + coupling) / 2, atol=2e-3)


@pytest.mark.slow
def test_recall_falls_with_cut_fluxes():
    config = lesion.study.config(
        num_neurons=12, num_patterns=2, num_sets=2, num_cues=4, cuts=(0.0, 1.0),
        radii=(0.0, 200.0), tones=(0.0,), couplings=(0.0, 1.0),
    )  # fmt: skip
    dataset = lesion.study.run(config)
    for name in SWEEPS:
        low, rate, high = (dataset[f"{name}_{end}"] for end in ("low", "rate", "high"))
        assert ((low >= 0) & (low <= rate) & (rate <= high) & (high <= 1)).all()
    assert dataset.fluxes_rate[0] > dataset.fluxes_rate[1]
    assert lesion.study.table(dataset).row_count == len(SWEEPS)
