"""The command `transformer`: statistics over seeds and lengths, what is drawn and refused."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from figures import curves, drawn, labels

from nam_jax import theory
from nam_jax.experiment import transformer
from nam_jax.experiment.transformer._attentions import (
    failure,
    over_seeds,
)
from nam_jax.experiment.transformer._config import ATTENTIONS
from nam_jax.memory import LogSumExp, RectifiedPower

TINY = {
    "trained_pairs": (2,), "tested_pairs": (2, 4), "num_values": 4, "num_keys": 8, "size": 8,
    "head_size": 4, "steps": 2, "batch_size": 4, "num_seeds": 2, "num_sequences": 8,
}  # fmt: skip


@pytest.fixture(scope="module")
def tiny():
    return transformer.study.run(
        transformer.study.config(**TINY, attentions=("softmax", "hebbian"))
    )


@pytest.mark.slow
def test_dataset_holds_every_run_and_its_summary(tiny):
    assert tiny.accuracy.dims == ("attention", "run", "pairs")
    np.testing.assert_allclose(tiny["mean"], tiny.accuracy.mean("run"))
    assert ((tiny.low <= tiny["mean"]) & (tiny["mean"] <= tiny.high)).all()
    assert np.isfinite(tiny.loss).all() and tiny.loss.sizes["step"] == 2
    hebbian = tiny.sel(attention="hebbian", pairs=4)
    assert float(hebbian.predicted) == pytest.approx(1 - theory.superposition_error(4, 4, 4, 4))
    assert tiny.predicted.sel(attention="softmax").isnull().all()


@pytest.mark.slow
def test_figure_and_table(tiny):
    (axes,) = drawn(transformer.study, tiny)["figure"].axes
    shown = curves(axes)
    for name in ("softmax", "hebbian"):
        row = tiny.sel(attention=name)
        np.testing.assert_array_equal(shown[name].x, [2, 4])
        for values, expected in zip(shown[name][1:], (row["mean"], row.low, row.high), strict=True):
            np.testing.assert_allclose(values, expected, atol=1e-6)
    theory_line = shown["hebbian: theory, random codes"].y
    np.testing.assert_allclose(theory_line, tiny.predicted.sel(attention="hebbian"))
    assert "softmax: theory, random codes" not in shown
    np.testing.assert_allclose(shown["chance"].y, 1 / 4)
    assert labels(axes)[1] == "queries answered (1), held-out keys"
    columns = transformer.study.table(tiny).columns
    assert [column.header for column in columns] == ["pairs K", "softmax", "hebbian"]
    assert list(columns[0].cells) == ["2", "4", "K at 99%", "K at 50%"]
    assert "theory" in list(columns[2].cells)[-1] and "theory" not in list(columns[1].cells)[-1]


@pytest.mark.slow
def test_fast_does_less():
    config = transformer.study.config(**TINY | {"num_seeds": 5}, attentions=("softmax",), fast=True)
    dataset = transformer.study.run(config)
    assert (
        dataset.sizes["run"] == 2 and list(dataset.pairs) == [2] and dataset.loss.sizes["step"] == 1
    )


def test_failure_lengths():
    pairs, rates = (4, 16, 64), np.array([1.0, 0.8, 0.2])
    assert failure(pairs, rates, 0.5) == pytest.approx(32)
    assert failure(pairs, rates, 0.9) == pytest.approx(8)
    assert failure(pairs, rates, 0.1) == math.inf
    assert failure(pairs, rates - 0.3, 0.9) == 4


def test_intervals_know_both_seeds_and_sequences():
    """Seeds that agree have Wilson's interval, those that do not the wider one of Student."""
    right = np.zeros((1, 4, 2, 100), bool)
    right[:, :, 0] = True
    right[0, :2, 1] = True
    middle, low, high = over_seeds(right)
    np.testing.assert_allclose(middle, [[1.0, 0.5]])
    assert 0.985 < low[0, 0] < 1 and high[0, 0] == 1
    assert low[0, 1] == 0 and high[0, 1] == 1


def test_names_become_attentions(getkey):
    config, codes = transformer.study.config(**TINY), jr.normal(getkey(), (21, 8))

    def named(name):
        return ATTENTIONS.make(name, "attentions")

    def made(name):
        (block,) = named(name).network(config, codes, getkey()).blocks
        return block.attention

    assert made("rectified-12").separation == RectifiedPower(12)
    assert made("astrocyte-12").features.directions.shape == (12, 4)
    assert made("log-sum-exp-2").separation == LogSumExp(2.0)
    sizes = 8, 16, 64
    assert named("rectified-3").predicted(*sizes) > named("hebbian").predicted(*sizes)
    assert named("power-2").predicted(*sizes) == named("hebbian").predicted(*sizes)
    assert all(math.isnan(named(name).predicted(*sizes)) for name in ("softmax", "features"))


def test_blocks_of_energy_take_each_token_with_the_one_before_it(getkey):
    """As many blocks as set, each on the normed tokens of the last; about equal weights."""
    config = transformer.study.config(**TINY | {"size": 64, "head_size": 32}, num_blocks=2)
    codes = jr.normal(getkey(), (21, 64))
    net = ATTENTIONS.make("energy-block", "attentions").network(config, codes, getkey())
    tokens = jr.randint(getkey(), (5,), 0, 21)
    x = codes[tokens]
    for layer in net.layers:
        before = jnp.concatenate([jnp.zeros((1, 64)), x[:-1]])
        block = layer.block
        u = x @ layer.mix.weight[:, :64].T + before @ layer.mix.weight[:, 64:].T
        x = block.normed(block(u))
    expected = x @ net.head.weight.T + net.head.bias[None]
    np.testing.assert_allclose(net(tokens), expected, rtol=1e-3, atol=1e-3)

    def count(net):
        return sum(leaf.size for leaf in jax.tree.leaves(eqx.filter(net.trained(), eqx.is_array)))

    other = ATTENTIONS.make("softmax", "attentions").network(config, codes, getkey())
    assert 0.9 < count(net) / count(other) < 1.1


@pytest.mark.slow
def test_energy_blocks_are_trained_and_tested():
    config = transformer.study.config(**TINY, attentions=("energy-block",))
    dataset = transformer.study.run(config)
    assert np.isfinite(dataset.loss).all() and dataset.predicted.isnull().all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attentions": ("zebra",)}, "`attentions` must name attentions among"),
        ({"attentions": ("rectified-1",)}, "`attentions` must name attentions among"),
        ({"tested_pairs": (4, 2)}, "`tested_pairs` must hold ascending numbers"),
        ({"tested_pairs": (4, 16)}, "`num_keys` must be at least 16"),
    ],
)
def test_bad_configs(changes, message):
    with pytest.raises(ValueError, match=message):
        transformer.study.run(transformer.study.config(**TINY | changes))
