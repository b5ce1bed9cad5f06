"""The ladder of reductions and recognition by activity, as measures and as experiments."""

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import nam_jax as nam
from nam_jax.experiment import recognise, reduce
from nam_jax.experiment.common._random import random_problem
from nam_jax.experiment.recognise._run import area_under_curve
from nam_jax.network import NeuronAstrocyte


@pytest.fixture(scope="module")
def certified():
    problem = random_problem(4, 24, 0.1, 4, key=jr.key(0))
    network = NeuronAstrocyte.certified(problem.patterns, margin=0.2)
    return network, nam.measure.reduction_report(
        network, problem.cues, problem.targets, ratios=(1.0, 0.1)
    )


def test_every_rung_of_a_certified_linear_network_is_defined(certified):
    _, report = certified
    assert bool(report.defined.all()) and len(report.rungs) == 7
    assert bool(jnp.isfinite(report.readout).all()) and float(report.certificate.margin) > 0


def test_fast_layers_and_closed_form_agree(certified):
    _, report = certified
    fast, effective = (report.readout[report.rungs.index(name)] for name in report.rungs[2:4])
    # Both are at rest to a residual of 1e-2; silent or saturated, read-outs differ by less.
    np.testing.assert_allclose(fast, effective, atol=2e-2)
    assert float(report.agreement[3].min()) == 1


@pytest.mark.slow
def test_released_network_has_no_eliminated_rungs_and_says_so():
    problem = random_problem(3, 16, 0.1, 2, key=jr.key(1))
    network = NeuronAstrocyte.released(problem.patterns)
    report = nam.measure.reduction_report(network, problem.cues, problem.targets, ratios=(1.0,))
    assert report.defined.tolist() == [True, False, False, True, True, True]
    assert not bool(report.exact[1:3].any()) and bool(jnp.isnan(report.overlap[1:3]).all())
    assert (report.result[1:3] == -1).all()
    text = str(report)
    assert text.count("not defined") == 2 and "certificate margin -0.9" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [({"ratios": ()}, "`ratios` must hold"), ({"ratios": (0.0,)}, "`ratios` must hold")],
)
def test_bad_ratios_are_named(certified, change, message):
    network, _ = certified
    cues = jnp.ones((1, 24))
    with pytest.raises(ValueError, match=message):
        nam.measure.reduction_report(network, cues, cues, **change)


def test_reduce_needs_a_network():
    with pytest.raises(ValueError, match="`leaks` or `margins` must hold a number"):
        reduce.study.run(reduce.study.config(leaks=(), margins=()))


@pytest.fixture(scope="module")
def recognised():
    config = recognise.study.config(
        num_patterns=(20,), levels=(0.05, 0.15), gains=(0.01, 0.9), num_cues=40
    )
    return recognise.study.run(config)


def test_gated_network_knows_its_memories_and_rejects_the_rest(recognised):
    gated = recognised.sel(gain=0.9, stored=20)
    assert float(gated.exact.sel(flips=0.05)) > 0.9 and float(gated.unknown_activity) < 0.1
    assert float(gated.area.sel(flips=0.05, bound="low")) > 0.9


def test_ungated_network_cannot_tell(recognised):
    ungated = recognised.sel(gain=0.01, stored=20)
    assert float(ungated.unknown_activity) > 0.99
    np.testing.assert_allclose(ungated.area.sel(bound="value"), 0.5, atol=0.05)


def test_operating_curves_fall_with_the_threshold(recognised):
    for name in ("true_positive", "false_positive"):
        assert float(recognised[name].diff("threshold").max()) <= 0
        assert float(recognised[name].isel(threshold=0).min()) == 1


def test_area_under_the_curve_counts_ties_half():
    assert area_under_curve(np.array([1.0, 2.0]), np.array([0.0])) == 1
    assert area_under_curve(np.array([0.0]), np.array([0.0])) == 0.5


def test_recognition_is_part_of_a_retrieval():
    problem = random_problem(20, 64, 0.1, 1, key=jr.key(2))
    network = NeuronAstrocyte.certified(problem.patterns, margin=0.2)
    effective = nam.network.EffectiveNeuronAstrocyte.from_full(network)
    unknown = nam.data.random_patterns(1, 64, key=jr.key(3))
    cues = jnp.concatenate([problem.cues, unknown])
    recall = jax.jit(jax.vmap(lambda cue: nam.retrieve(effective, cue)))(cues)
    assert recall.known.tolist() == [True, False]
    picky = nam.retrieve(effective, problem.cues[0], silence=1.1)
    assert not bool(picky.known)
