"""What a network says of itself is true, and who needs more than that refuses it by name."""

import functools
import re

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from tables.networks import (
    DISCRETE,
    EVERY,
    FEEDFORWARD,
    NETWORKS,
    K,
    M,
    N,
    drive_of,
    signs,
    state_of,
)

import nam_jax as nam
from nam_jax.network import Clamped, DenseAssociativeMemory, Drive, LayerInputs, NeuronAstrocyte
from nam_jax.network.dendritic import ExternalInputs
from nam_jax.solve import Energy


@functools.cache
def made(name):
    """The network of a row and a state of it, made once."""
    of_net, of_state = jr.split(jr.key(list(EVERY).index(name)))
    net = EVERY[name](of_net)
    return net, state_of(net, of_state)


every = pytest.mark.parametrize("name", EVERY)
continuous = pytest.mark.parametrize("name", NETWORKS)


def kind_of(net):
    return net.by_kind(
        flows=lambda net: NETWORKS, updates=lambda net: DISCRETE, passes=lambda net: FEEDFORWARD
    )


@every
def test_a_network_is_what_its_row_says(name):
    row, net = EVERY[name], made(name)[0]
    assert net.has_energy == row.energy
    assert net.drive_type is row.drive
    assert name in kind_of(net)
    assert net.dtype == jnp.result_type(float)


@every
def test_energies_are_given_or_refused_by_name(name, getkey):
    net, state = made(name)
    drive = drive_of(net, getkey())
    if net.has_energy:
        energy = net.energy(state, drive)
        assert energy.shape == () and bool(jnp.isfinite(energy))
        return
    refused = rf"`network` must have an energy, but has the type {type(net).__name__}"
    with pytest.raises(ValueError, match=refused):
        net.energy(state, drive)
    with pytest.raises(ValueError, match=refused):
        Energy()(net, jnp.asarray(0.0), state, drive)
    if name in NETWORKS:
        assert net.layers() is None and net.energy_terms(state, drive) is None
        with pytest.raises(ValueError, match=refused):
            net.energy_rate(state, drive)
        with pytest.raises(ValueError, match=refused):
            nam.simulate(net, state, 1.0, save={"energy": Energy()})


@pytest.mark.parametrize("name", FEEDFORWARD)
def test_retrieve_gives_the_energy_of_a_network_that_answers_in_passes(name, getkey):
    net, _ = made(name)
    recall = nam.retrieve(net, signs(getkey(), (N,)))
    if net.has_energy:
        np.testing.assert_allclose(recall.energy, net.energy(recall.state), rtol=1e-6)
    else:
        assert bool(jnp.isnan(recall.energy))


FOREIGN = {
    Drive: ExternalInputs(1.0),
    ExternalInputs: Drive(1.0),
    LayerInputs: Drive(1.0),
    None: Drive(1.0),
}


@every
def test_a_foreign_drive_is_refused_by_name(name):
    net, state = made(name)
    drive = FOREIGN[net.drive_type]
    wanted = "None" if net.drive_type is None else f"None or of the type {net.drive_type.__name__}"
    given = f", but has the type {type(drive).__name__}."
    refused = rf"`drive` must be {wanted}.*{type(net).__name__}.*{re.escape(given)}"
    doors = [lambda: nam.settle(net, state, drive=drive)]
    doors += [lambda: nam.retrieve(net, jnp.ones(N), drive=drive)]
    if net.has_energy:
        doors += [lambda: net.energy(state, drive)]
    if name in NETWORKS:
        doors += [lambda: net.vector_field(0.0, state, drive)]
        doors += [lambda: nam.simulate(net, state, 1.0, drive=drive)]
    for door in doors:
        with pytest.raises(ValueError, match=refused) as error:
            door()
        assert str(error.value).count("\n") == 0


@every
def test_a_drive_without_inputs_is_none(name):
    net, _ = made(name)
    assert net.as_drive(None) == (None if net.drive_type is None else net.drive_type())


@continuous
def test_the_visible_leaf_is_the_pattern(name):
    """Its activation is the readout: a change of another leaf does not change it."""
    row, (net, state) = NETWORKS[name], made(name)
    place = net.visible_place()
    assert (place is not None) == row.leaf
    if place is None:
        assert net.visible(state) is None
        return
    leaves, structure = jax.tree.flatten(state)
    assert net.visible(state) is leaves[place] and leaves[place].size == N
    others = [leaf if i == place else 2 * leaf + 1 for i, leaf in enumerate(leaves)]
    readout = net.readout(state)
    np.testing.assert_array_equal(net.readout(jax.tree.unflatten(structure, others)), readout)
    moved = eqx.tree_at(net.visible, state, net.visible(state) + 1)
    assert not bool(jnp.all(net.readout(moved) == readout))


COLLECTIVE = ("softmax-neurons", "layer-norm-neurons", "two-layer-c", "composed-tokens")


@continuous
def test_neurons_are_held_in_every_network_that_has_some(name, getkey):
    row, (net, state) = NETWORKS[name], made(name)
    mask, values = jnp.arange(N) % 3 == 0, jr.normal(getkey(), (N,))
    if name in COLLECTIVE or not row.leaf:
        sentence = "additive Lagrangian" if name in COLLECTIVE else "`base` must have neurons"
        with pytest.raises(ValueError, match=sentence):
            Clamped(net, mask, values)
        with pytest.raises(ValueError, match=sentence):
            Clamped.at_cue(net, mask, values)
        return
    drive, shape = drive_of(net, getkey()), net.visible(state).shape
    mask, values = mask.reshape(shape), values.reshape(shape)
    held = Clamped(net, mask, values)
    started = eqx.tree_at(net.visible, state, jnp.where(mask, values, net.visible(state)))
    flow, expected = (
        value.vector_field(0.0, s, drive) for value, s in ((held, state), (net, started))
    )
    expected = eqx.tree_at(net.visible, expected, jnp.where(mask, 0, net.visible(expected)))
    for one, other in zip(jax.tree.leaves(flow), jax.tree.leaves(expected), strict=True):
        np.testing.assert_array_equal(one, other)
    assert (held.has_energy, held.drive_type) == (net.has_energy, net.drive_type)
    if net.has_energy:
        np.testing.assert_array_equal(held.energy(state, drive), net.energy(started, drive))
        layers, place = held.layers(), net.visible_place()
        assert [layer.held is not None for layer in layers] == [
            i == place for i in range(len(layers))
        ]
        before = net.layers()[place].held  # units that the network holds itself stay held
        np.testing.assert_array_equal(layers[place].held, mask if before is None else mask | before)


def test_networks_without_dynamics_are_refused_where_something_flows():
    net, state = made("hopfield")
    refused = "must flow in time; .* but has the type Hopfield"
    with pytest.raises(ValueError, match=f"`network` {refused}"):
        nam.simulate(net, state, 1.0)
    with pytest.raises(ValueError, match=f"`base` {refused}"):
        Clamped.at_cue(net, jnp.ones(N, bool), state)
    sample = nam.train.Sample(state, state)
    with pytest.raises(ValueError, match=f"`network` {refused}"):
        nam.train.ImplicitRoute().value_and_grad(lambda readout, sample: readout[0], net, sample)


def test_a_certificate_is_for_three_layers():
    with pytest.raises(ValueError, match=r"`network` must be a NeuronAstrocyte.*Tripartite"):
        nam.measure.certificate(made("tripartite")[0])


def test_an_overlap_needs_a_pattern_of_the_size_of_the_readout():
    with pytest.raises(ValueError, match=rf"`target` must have shape \({N},\)"):
        nam.simulate(*made("released"), 1.0, target=jnp.ones(1))


@pytest.mark.parametrize("name", ["dendritic-reduced", "continuous-dense"])
def test_default_observables_are_those_that_the_network_has(name):
    net, state = made(name)
    run = eqx.filter_eval_shape(lambda: nam.simulate(net, state, 0.1, times=2))
    energy = {"energy"} if net.has_energy else set()
    assert set(run.observables) == {"activity", "overlap"} | energy
    if not net.has_energy:
        with pytest.raises(ValueError, match="`save` must hold an `energy`"):
            _ = run.energy


def test_slow_inputs_are_not_taken_for_those_to_neurons(getkey):
    """They are given once, so that a neural input among them would be forgotten."""
    full = NeuronAstrocyte.certified(signs(getkey()))
    for reduce in (nam.network.EffectiveNeuronAstrocyte.from_full, nam.network.QuasiStatic):
        with pytest.raises(ValueError, match="`drive` must drive synapses and processes only"):
            reduce(full, drive=Drive(1.0, 0.1))


PASSES = [name for name, row in FEEDFORWARD.items() if row.energy]


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_is_a_step_down_the_energy(name, getkey):
    """x' = x - dE/dx, the step of the concave-convex procedure, and E(x') <= E(x)."""
    net, _ = made(name)
    for scale in (0.1, 1.0, 5.0):
        x = scale * jr.normal(getkey(), (N,))
        for _ in range(4):
            after = net.respond(x)
            slope = jax.grad(net.energy)(x)
            size = float(jnp.max(jnp.abs(after))) + scale
            np.testing.assert_allclose(after, x - slope, rtol=1e-5, atol=1e-6 * size)
            before, now = float(net.energy(x)), float(net.energy(after))
            assert now <= before + 1e-6 * (1 + abs(before))
            if size > 1e4:
                break  # powers of larger states overflow
            x = after


def test_the_energy_of_modern_hopfield_networks_is_that_of_the_paper(getkey):
    """Ramsauer et al., eq 2: -lse(beta, Xi x) + x.x / 2, without constants."""
    xi, x, beta = jr.normal(getkey(), (K, N)), jr.normal(getkey(), (N,)), 0.7
    expected = -np.log(np.exp(beta * np.asarray(xi @ x)).sum()) / beta + np.dot(x, x) / 2
    energy = nam.network.ModernHopfield(xi, beta).energy(x)
    np.testing.assert_allclose(energy, expected, rtol=1e-5)
    universal = nam.network.UniversalHopfield(xi, weighting=nam.memory.Softmax(beta))
    np.testing.assert_allclose(universal.energy(x), expected, rtol=1e-5)


WEIGHTINGS = {
    "identity": nam.memory.Identity(),
    "cubed": nam.memory.Polynomial(3),
    "softmax": nam.memory.Softmax(1.7),
    "max": nam.memory.Max(),
    "top 2": nam.memory.TopQ(2),
}


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_potentials_are_convex_and_weights_their_slopes(name, getkey):
    weighting, potential = WEIGHTINGS[name], WEIGHTINGS[name].potential
    one, other = jr.normal(getkey(), (2, 6))
    np.testing.assert_allclose(jax.grad(potential)(one), weighting(one), rtol=1e-5, atol=1e-6)
    above = potential(one) + jnp.vdot(weighting(one), other - one)
    assert float(potential(other)) >= float(above) - 1e-5


@pytest.mark.parametrize(
    "weighting",
    [nam.memory.Polynomial(2), nam.memory.Threshold(0.1), nam.memory.Slope(nam.memory.Power(3)),
     nam.memory.Normalised(nam.memory.Max())],
)  # fmt: skip
def test_weightings_that_are_no_slopes_have_no_potential(weighting):
    assert weighting.potential is None
    net = nam.network.UniversalHopfield(jnp.ones((2, 3)), weighting=weighting)
    assert not net.has_energy


def sizes_along(axes, tree):
    """The length of every array that may be split, along its axis; arrays without one are left."""

    def size(axis, leaf):
        assert axis is None or 0 <= axis < jnp.ndim(leaf)
        return None if axis is None else jnp.shape(leaf)[axis]

    return jax.tree.leaves(jax.tree.map(size, axes, tree, is_leaf=lambda axis: axis is None))


@every
def test_row_axes_fit_the_network_and_its_state(name):
    net, state = made(name)
    of_net, of_state = net.row_axes()
    rows = {K, N, M} if name in FEEDFORWARD else {N}
    assert set(sizes_along(of_net, net)) <= rows
    assert set(sizes_along(of_state, state)) <= rows
    assert bool(sizes_along(of_net, net)) == EVERY[name].rows
    assert name in FEEDFORWARD or bool(sizes_along(of_state, state)) == EVERY[name].rows


def test_starts_and_fast_layers_need_the_lagrangians_that_they_invert(getkey):
    tensor = nam.memory.PatternTensor(signs(getkey()))
    for start in (nam.network.Algebraic(), nam.network.Conditional()):
        with pytest.raises(ValueError, match="`start` must need no Lagrangians"):
            eqx.tree_at(lambda n: n.start, made("tripartite")[0], start).__check_init__()
    net = NeuronAstrocyte(tensor, process=nam.lagrangian.LogSumExp(1.0))
    with pytest.raises(ValueError, match=r"`network` must have additive Lagrangians.*LogSumExp"):
        nam.network.settle_fast(net, jnp.ones(N))


def test_fields_for_the_first_patterns_are_those_of_their_network(getkey):
    patterns, state = signs(getkey()), signs(getkey(), (N,))
    partial = DenseAssociativeMemory(patterns).partial_fields(state, (1, 2, K))
    for fields, count in zip(partial, (1, 2, K), strict=True):
        np.testing.assert_allclose(
            fields,
            DenseAssociativeMemory(patterns[:count]).local_field(state),
            rtol=1e-5,
            atol=1e-6,
        )
    assert made("hopfield")[0].partial_fields(state, (1, 2)) is None
