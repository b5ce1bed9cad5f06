"""Binary memories in the comparison on real images: their cues, costs and what they recall."""

import dataclasses

import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from marks import SOURCES

from nam_jax.experiment import compare
from nam_jax.experiment.common import MEMORIES
from nam_jax.experiment.common._binary_images import binary_images
from nam_jax.experiment.compare import _binary_recall as binary
from nam_jax.experiment.compare import _labelled_images as labelled


def contenders(config, occluded):
    memories = MEMORIES.make_all(config.memories, "memories")
    return binary.contenders(config, memories, occluded)


def test_binary_cues_and_their_judgement():
    patterns = binary_images("digits", 0.5, 20, key=jr.key(0)).patterns
    occluded = jnp.arange(64) >= 32
    cues = binary.make_cues(patterns, (0.1, 0.3), occluded, key=jr.key(1))
    assert [int((cue != patterns).sum(1)[0]) for cue in cues.values()] == [6, 19, 32]
    readouts = np.asarray(patterns).copy()
    readouts[1, 0] *= -1
    readouts[2, :5] *= -1
    known = np.arange(20) != 3
    near, exact = binary.judged(readouts, known, np.asarray(patterns))
    assert list(near[:5]) == [True, True, False, False, True]
    assert list(exact[:5]) == [True, False, False, False, True]


def test_memories_are_counted_by_what_they_are_made_of():
    config, occluded = compare.study.config(), jnp.arange(64) >= 32
    every = contenders(config, occluded)
    assert every["hebb"].costs(64, 100) == (64, 64**2, 64)
    assert every["power-3"].costs(64, 100) == (164, 6400, 164)
    assert every["astrocyte, trained"].costs(64, 100) == (64, 64**2, 64 + 2 * 64**2)


@pytest.mark.slow
@pytest.mark.parametrize("source", SOURCES)
def test_steep_dense_memories_recall_correlated_images_and_flat_ones_do_not(source):
    """Table 4.2 at K = 100, neurons one by one."""
    num = 100
    images = binary_images(source, 0.5, num, key=jr.key(0))
    patterns = images.patterns
    occluded = jnp.arange(patterns.shape[1]) >= patterns.shape[1] // 2
    chosen = labelled.targets_of(num, 60, key=jr.key(1))
    cues = binary.make_cues(patterns[chosen], (0.1,), occluded, key=jr.key(2))
    config = dataclasses.replace(
        compare.study.config(),
        memories=(
            "hebb",
            "covariance",
            "pseudo-inverse",
            "power-3",
            "power-10",
            "power-40",
            "log-sum-exp-1",
        ),
    )
    every = contenders(config, occluded)

    cues |= binary.make_cues(patterns[chosen], (0.3,), occluded, key=jr.key(4))

    def recalled(name, damage="10% flipped"):
        held = jnp.broadcast_to(~occluded & (damage == binary.HIDDEN), cues[damage].shape)
        answers, known = every[name].recall(patterns, cues[damage], held, jr.key(3))
        return binary.judged(np.asarray(answers), np.asarray(known), np.asarray(patterns[chosen]))[
            0
        ]

    names = ("hebb", "covariance", "power-3", "power-10", "power-40")
    rates = {name: recalled(name).mean() for name in (*names, "log-sum-exp-1", "nearest stored")}
    assert rates["hebb"] < 0.05 and rates["covariance"] < 0.3 and rates["power-3"] < 0.1
    assert 0.4 < rates["power-10"] < rates["power-40"] + 0.01
    assert rates["power-40"] > 0.9 and rates["log-sum-exp-1"] > 0.9
    assert rates["nearest stored"] > 0.9
    if source == "fashion-mnist":
        assert recalled("pseudo-inverse").mean() > 0.9
        assert recalled("power-40", "30% flipped").mean() > 0.9
        half = [recalled(name, binary.HIDDEN).mean() for name in
                ("power-40", "pseudo-inverse", "hebb")]  # fmt: skip
        assert half[0] > 0.9 > half[1] > half[2] + 0.3


@pytest.mark.slow
def test_astrocyte_networks_are_asked_the_same_cues_and_projection_recalls():
    """20 digits, 10 % flipped: the certified projection tensor, and not the Hebbian one."""
    patterns = binary_images("digits", 0.5, 20, key=jr.key(0)).patterns
    occluded = jnp.arange(64) >= 32
    cues = binary.make_cues(patterns, (0.1,), occluded, key=jr.key(1))["10% flipped"]
    every = contenders(compare.study.config(), occluded)

    def recalled(name):
        answers, known = every[name].recall(patterns, cues, jnp.zeros(cues.shape, bool), jr.key(2))
        return binary.judged(np.asarray(answers), np.asarray(known), np.asarray(patterns))[0].mean()

    assert recalled("astrocyte, projection") >= 0.8
    assert recalled("astrocyte, Hebbian") <= 0.2
    assert recalled("nearest stored") == 1
