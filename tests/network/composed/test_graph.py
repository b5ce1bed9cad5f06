"""What graphs are refused, how a composed network prints, and how every verb takes one."""

import functools
import re

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from refusals import REFUSED
from tables.compositions import COMPOSITIONS, HALF, N, hierarchy, setwise, tokens
from tables.networks import signs, state_of

import nam_jax as nam
from nam_jax.interaction import (
    Anchor,
    Attention,
    Bilinear,
    Dense,
    Outer,
    Pairing,
    Pairwise,
    Prediction,
    Setwise,
)
from nam_jax.lagrangian import LayerNorm, LogCosh, LogSumExp, Quadratic, RectifiedPower, Rows
from nam_jax.memory import Exponential, Power
from nam_jax.memory import LogSumExp as LogSumExps
from nam_jax.network import (
    Clamped,
    Drive,
    EnergyNetwork,
    Forward,
    Layer,
    LayerInputs,
    LayerStates,
    Silent,
    diagram,
)
from nam_jax.solve import Flow

TANH = lambda shape, **rest: Layer(LogCosh(), shape=shape, **rest)  # noqa: E731
LINEAR = lambda shape, **rest: Layer(Quadratic(), shape=shape, **rest)  # noqa: E731
RELU = lambda shape, **rest: Layer(RectifiedPower(2), shape=shape, **rest)  # noqa: E731
V = {"v": TANH(5)}
VH = {"v": TANH(5), "h": TANH(3)}


WRONG = {
    "unknown layer": (
        lambda: EnergyNetwork(VH, [Bilinear("v", "w", jnp.ones((3, 5)))], "v"),
        "`interactions` must join layers among v, h, but has 'w' in a Bilinear",
    ),
    "shapes": (
        lambda: EnergyNetwork(VH, [Bilinear("v", "h", jnp.ones((3, 4)))], "v"),
        r"`weights` must have shape \(3, 5\) for `v` of shape \(5,\) and `h` of shape \(3,\), "
        r"but has shape \(3, 4\)",
    ),
    "unsymmetric pairs": (
        lambda: TANH((5, 4), pairs=True),
        r"`shape` must be \(N, N\) for a layer of pairs, but has \(5, 4\)",
    ),
    "synapses that are no pairs": (
        lambda: EnergyNetwork(
            {"x": TANH(5), "s": TANH((4, 4), pairs=True)}, [Outer("x", "s")], "x"
        ),
        r"`Outer` must join N neurons and N x N pairs, but has .*\(5,\).*\(4, 4\)",
    ),
    "no visible layer": (
        lambda: EnergyNetwork(VH, [], "x"),
        "`visible` must be one of the layers v, h, but has 'x'",
    ),
    "no layer": (lambda: EnergyNetwork({}, [], "v"), "`layers` must hold at least one layer"),
    "no shape": (
        lambda: EnergyNetwork({"v": Layer(LogCosh())}, [], "v"),
        "`layers` must hold layers with a shape.*no shape at `v`",
    ),
    "a Lagrangian": (
        lambda: EnergyNetwork({"v": LogCosh()}, [], "v"),
        "`layers` must hold layers .* a LogCosh at `v`",
    ),
    "a matrix": (
        lambda: EnergyNetwork(V, [jnp.eye(5)], "v"),
        "`interactions` must be of `nam_jax.interaction`",
    ),
    "held shape": (
        lambda: TANH(5, held=jnp.ones(4, bool)),
        r"`held` must have the shape \(5,\), but has \(4,\)",
    ),
    "missing state": (
        lambda: EnergyNetwork(VH, [], "v").states(v=jnp.ones(5)),
        "`values` must name the layers v, h, but has v",
    ),
    "state of another shape": (
        lambda: EnergyNetwork(VH, [], "v").states(v=jnp.ones(5), h=jnp.ones(5)),
        r"`h` must have the shape \(3,\) of the layer, but has \(5,\)",
    ),
    "drive": (
        lambda: EnergyNetwork(VH, [], "v").as_drive(LayerInputs(x=1.0)),
        "`drive` must drive layers among v, h, but has an input to x",
    ),
    "drive of another network": (
        lambda: EnergyNetwork(VH, [], "v").as_drive(Drive(1.0)),
        "`drive` must be None or of the type LayerInputs",
    ),
    "cue": (
        lambda: EnergyNetwork(VH, [], "v").initial_state(jnp.ones(4)),
        r"`cue` must have shape \(5,\)",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_graphs_are_refused_in_one_sentence(name):
    make, sentence = WRONG[name]
    # Where annotations are checked, a wrong type is told by them.
    with pytest.raises(REFUSED, match=f"{sentence}|Type-check") as error:
        make()
    if error.type is ValueError:
        assert str(error.value).count("\n") == 0


def orthogonal(size, norm):
    """A matrix whose singular values are all `norm`."""
    return norm * jnp.linalg.qr(jr.normal(jr.key(0), (size, size)))[0]


def two_linear(norm, **arguments):
    layers = {"v": LINEAR(4), "h": LINEAR(4)}
    return EnergyNetwork(layers, [Bilinear("v", "h", orthogonal(4, norm))], "v", **arguments)


BOUNDED = {
    "two linear layers": lambda: two_linear(0.98),
    "linear and relu": lambda: EnergyNetwork(
        {"v": LINEAR(4), "h": RELU(4)}, [Bilinear("v", "h", orthogonal(4, 0.98))], "v"
    ),
    "linear and tanh": lambda: EnergyNetwork(
        {"v": LINEAR(5), "h": TANH(3)}, [Bilinear("v", "h", 9 * jnp.ones((3, 5)))], "v"
    ),
    "tanh and triangles": lambda: EnergyNetwork(
        V, [Setwise("v", [[[0, 1, 2]]], [np.array([9.0])])], "v"
    ),
    "linear and softmax memory": lambda: EnergyNetwork(
        {"v": LINEAR(5)}, [Dense("v", 9 * jnp.ones((2, 5)), LogSumExps(3.0))], "v"
    ),
    "strong leak": lambda: EnergyNetwork(
        {"v": LINEAR(4, leak=9.1)}, [Pairwise("v", 9 * jnp.eye(4))], "v"
    ),
    "prediction without a leak": lambda: EnergyNetwork(
        {"x": LINEAR(5, leak=0.0), "y": LINEAR(3, leak=0.0)},
        [Prediction("x", "y", 9 * jnp.ones((5, 3)))],
        "x",
    ),
    "anchor": lambda: EnergyNetwork({"v": LINEAR(5)}, [Anchor("v", jnp.ones(5))], "v"),
    "linear synapses": lambda: EnergyNetwork(
        {"x": TANH(5), "s": LINEAR((5, 5), pairs=True)}, [Outer("x", "s")], "x"
    ),
}
UNBOUNDED = {
    "two linear layers": (lambda **u: two_linear(1.02, **u), r"mu < 1.*mu = 1\.02"),
    "triangles": (
        lambda **u: EnergyNetwork(
            {"v": LINEAR(5)}, [Setwise("v", [[[0, 1, 2]]], [np.array([0.1])])], "v", **u
        ),
        "lowest value.*Quadratic units `v` and an interaction of power 3",
    ),
    "quartic memory": (
        lambda **u: EnergyNetwork({"v": LINEAR(5)}, [Dense("v", jnp.ones((2, 5)))], "v", **u),
        "power 4 in them",
    ),
    "exponential memory": (
        lambda **u: EnergyNetwork(
            {"v": LINEAR(5)}, [Dense("v", jnp.ones((2, 5)), Exponential())], "v", **u
        ),
        "power inf in them",
    ),
    "linear neurons and synapses": (
        lambda **u: EnergyNetwork(
            {"x": LINEAR(5), "s": LINEAR((5, 5), pairs=True)}, [Outer("x", "s")], "x", **u
        ),
        "power 3 in them",
    ),
    "strong feedback of relu": (
        lambda **u: EnergyNetwork({"h": RELU(4)}, [Pairwise("h", 1.1 * jnp.eye(4))], "h", **u),
        r"mu = 1\.1",
    ),
    "no leak": (
        lambda **u: EnergyNetwork(
            {"v": LINEAR(5, leak=0.0), "h": TANH(3)},
            [Bilinear("v", "h", jnp.ones((3, 5)))],
            "v",
            **u,
        ),
        "leak above 0 in `v`",
    ),
}


@pytest.mark.parametrize("name", BOUNDED)
def test_energies_with_a_lowest_value_are_accepted(name):
    assert BOUNDED[name]().restless is None


@pytest.mark.parametrize("name", UNBOUNDED)
def test_energies_without_a_lowest_value_are_refused(name):
    make, sentence = UNBOUNDED[name]
    with pytest.raises(ValueError, match=sentence) as error:
        make()
    assert str(error.value).count("\n") == 0 and "`unbounded=True` allows it" in str(error.value)
    make(unbounded=True)


def test_powers_of_two_interactions_in_one_layer_are_those_of_the_larger(getkey):
    """Power 3/2 of a cubic layer against a bilinear term of power 1: the term is slower."""
    layers = {"v": TANH(5), "h": Layer(RectifiedPower(3), shape=3)}
    EnergyNetwork(layers, [Bilinear("v", "h", 9 * jnp.ones((3, 5)))], "v")
    with pytest.raises(ValueError, match=r"RectifiedPower units `h`.*power 2"):
        EnergyNetwork(
            layers, [Bilinear("v", "h", jnp.ones((3, 5))), Pairwise("h", jnp.eye(3))], "v"
        )


# Networks that never rest


def restless(leak=0.0):
    layer = Layer(Rows(LayerNorm(epsilon=0.1)), leak, shape=(5, 2))
    return EnergyNetwork({"t": layer}, [Attention("t", *jr.normal(jr.key(0), (2, 1, 2, 2)))], "t")


def test_tokens_without_a_leak_are_simulated_and_never_said_to_rest(getkey):
    net, cue = restless(), jr.normal(getkey(), (N,))
    state = net.initial_state(cue)
    refused = "`network` must be able to come to rest; `simulate` follows .* leak of 0 .*`t`"
    doors = (
        lambda: nam.settle(net, state),
        lambda: nam.retrieve(net, cue),
        lambda: nam.retrieve_all(net, cue[None]),
    )
    for door in doors:
        with pytest.raises(ValueError, match=refused) as error:
            door()
        assert str(error.value).count("\n") == 0
    run = nam.simulate(net, state, 2.0, times=5)
    assert bool(jnp.all(jnp.diff(run.energy) < 0))
    assert restless(0.1).restless is None
    softmax = EnergyNetwork({"v": Layer(LogSumExp(), 0.0, shape=5)}, [], "v")
    assert "LogSumExp" in str(softmax.restless)


# Words and pictures


@functools.cache
def made(name):
    return COMPOSITIONS[name](jr.key(0))


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_printing_and_diagrams_show_every_layer_and_interaction(name):
    net = made(name)
    words, picture = repr(net), diagram(net)
    assert words.count("\n") == len(net.parts) + len(net.interactions)
    assert picture.startswith("graph LR\n") and picture in picture._repr_markdown_()
    for i, (layer_name, layer) in enumerate(net.by_name.items()):
        kind = type(layer.lagrangian).__name__
        assert re.search(rf"^  {layer_name} .*{kind}", words, re.MULTILINE)
        assert re.search(rf"^  l{i}\[.*{layer_name}<br/>.*{kind}", picture, re.MULTILINE)
    assert words.count("visible") == 1 == picture.count("[[")
    for i, term in enumerate(net.interactions):
        assert f"{type(term).__name__}({' - '.join(term.joins)})" in words
        assert f'i{i}(("{type(term).__name__}"))' in picture
        assert picture.count(f"--- i{i}\n") + picture.endswith(f"--- i{i}") == len(term.joins)
    assert eqx.tree_pformat(net)  # as within another module, or traced
    assert "EnergyNetwork" in repr(jax.eval_shape(lambda: net))


def test_terms_have_names_and_equal_ones_are_counted(getkey):
    net = made("astrocytes")
    terms = net.terms_by_name(state_of(net, getkey()), LayerInputs(x=0.3))
    assert [*terms] == [
        *("x", "s", "p", "q", "Outer(x, s)", "Pairing(s, p)", "Pairing(s, q)"),
        *("Tensor(p)", "Tensor(q)", "Tensor(p, q)", "inputs"),
    ]
    twice = EnergyNetwork(V, [Pairwise("v", jnp.eye(5)), Pairwise("v", jnp.ones((5, 5)))], "v")
    assert twice.term_names == ("v", "Pairwise(v) 1", "Pairwise(v) 2", "inputs")


def test_states_are_found_by_name_and_by_place(getkey):
    net = made("hierarchy")
    state = net.initial_state(signs(getkey(), (N,)))
    assert len(state) == 4 and state["pooled"] is state[2] is [*state][2]
    with pytest.raises(KeyError, match="no layer 'x'; the layers are image"):
        state["x"]
    again = net.states(**{name: state[name] for name in net.names})
    assert eqx.tree_equal(again, state)


# Starts


def test_silent_starts_leave_all_layers_but_the_visible_at_zero(getkey):
    net = eqx.tree_at(lambda n: n.start, made("hierarchy"), Silent(2.0))
    cue = signs(getkey(), (N,))
    state = net.initial_state(cue)
    np.testing.assert_array_equal(state["image"].ravel(), 2 * cue)
    assert all(not bool(state[name].any()) for name in net.names[1:])


def test_forward_starts_balance_each_layer_by_those_before(getkey):
    """Each layer would be at rest if all layers after it were silent."""
    net = made("hierarchy")
    cue = 0.7 * signs(getkey(), (N,))
    state = net.initial_state(cue)
    for place in range(1, 4):
        silent = [u if i <= place else 0 * u for i, u in enumerate(state)]
        # The classes at 0 fire a quarter each, and push the pooled maps already at the start.
        flow = net.vector_field(0.0, LayerStates(net.names, tuple(silent)))
        np.testing.assert_allclose(flow[place], 0, atol=1e-5)
    no_leak = EnergyNetwork(
        {"v": TANH(5), "h": TANH(3, leak=0.0)},
        [Bilinear("v", "h", jnp.ones((3, 5)))],
        "v",
        start=Forward(),
    )
    np.testing.assert_array_equal(no_leak.initial_state(jnp.ones(5))["h"], 0)


# Verbs


def test_recalls_of_many_cues_equal_single_ones(getkey):
    net, cues = setwise(getkey()), signs(getkey(), (3, N))
    how = Flow(rest=1e-4, rtol=1e-5, atol=1e-6)
    many = nam.retrieve_all(net, cues, how=how)
    assert many.pattern.shape == (3, N)
    assert bool(jnp.all(many.result == nam.solve.RESULTS.converged))
    alone = nam.retrieve(net, cues[1], how=how)
    np.testing.assert_allclose(many.pattern[1], alone.pattern, atol=1e-3)
    np.testing.assert_allclose(many.energy[1], alone.energy, rtol=1e-3)


def test_clamped_pixels_of_an_image_stay_where_the_cue_puts_them(getkey):
    """The visible layer is an image, and cues and masks are its pixels row by row."""
    net, cue = hierarchy(getkey()), signs(getkey(), (N,))
    held = Clamped.at_cue(net, HALF, 0.5 * cue)
    recall = nam.retrieve(held, cue, how=Flow(rest=1e-3))
    assert bool(recall.result == nam.solve.RESULTS.converged)
    expected = LogCosh(0.9).activation(0.5 * cue)
    np.testing.assert_allclose(recall.pattern[HALF], expected[HALF], rtol=1e-6)
    assert not np.allclose(recall.pattern[~HALF], expected[~HALF], atol=1e-2)
    with pytest.raises(ValueError, match="additive Lagrangian"):
        Clamped.at_cue(tokens(getkey()), HALF, cue)
    layer = Layer(LogCosh(), 0.0, shape=N)
    soft = Layer(LogSumExp(), 0.0, shape=3)
    never = EnergyNetwork({"v": layer, "h": soft}, [], "v")
    assert Clamped.at_cue(never, HALF, cue).restless == never.restless is not None


def test_held_units_of_any_layer_do_not_move(getkey):
    mask = jnp.array([True, False, False])
    layers = {"v": TANH(5), "h": Layer(LogCosh(), time=0.3, shape=3, held=mask)}
    net = EnergyNetwork(layers, [Bilinear("v", "h", jr.normal(getkey(), (3, 5)))], "v")
    state = net.states(v=jr.normal(getkey(), (5,)), h=jnp.array([0.7, 0.2, -0.4]))
    rest = nam.settle(net, state, how=Flow(rest=1e-4))
    assert bool(rest.result == nam.solve.RESULTS.converged)
    np.testing.assert_array_equal(rest.state["h"][0], state["h"][0])
    assert bool(jnp.all(rest.state["h"][1:] != state["h"][1:]))
    both = Clamped(net, jnp.arange(5) < 2, jnp.zeros(5)).layers()
    assert both[1].held is mask and bool(both[0].held[0])
    held = {"v": TANH(5, held=jnp.arange(5) > 3)}
    one = EnergyNetwork(held, [Pairwise("v", jnp.eye(5))], "v")
    of_both = Clamped(one, jnp.arange(5) < 2, jnp.zeros(5)).layers()[0].held
    np.testing.assert_array_equal(of_both, [True, True, False, False, True])


def test_inputs_that_change_in_time_drive_any_layer(getkey):
    net = made("hierarchy")
    state = net.initial_state(jnp.zeros(N))
    drive = LayerInputs(classes=lambda t: jnp.array([3.0, 0.0, 0.0, 0.0]) * t)
    plain, driven = (net.vector_field(2.0, state, given) for given in (None, drive))
    np.testing.assert_allclose(
        driven["classes"] - plain["classes"], jnp.array([6.0, 0, 0, 0]) / 0.3, rtol=1e-4, atol=1e-5
    )
    pushed = nam.retrieve(net, jnp.zeros(N), drive=LayerInputs(image=0.4), how=Flow(rest=1e-3))
    assert bool(jnp.all(pushed.pattern > nam.retrieve(net, jnp.zeros(N)).pattern))


def test_synapses_share_the_meaning_of_leaks_and_inputs_with_their_pairs(getkey):
    """An input c to a pair moves it by c / tau, although the pair stands twice in E."""
    net = EnergyNetwork(
        {"x": TANH(5), "s": LINEAR((5, 5), leak=2.0, time=0.5, pairs=True)}, [Outer("x", "s")], "x"
    )
    state = net.initial_state(jr.normal(getkey(), (5,)))
    flow = net.vector_field(0.0, state, LayerInputs(s=0.3))
    phi = jnp.tanh(state["x"])
    np.testing.assert_allclose(flow["s"], (jnp.outer(phi, phi) + 0.3) / 0.5, rtol=1e-5)
    two = {"s": TANH((5, 5), pairs=True), "p": TANH((5, 5), pairs=True)}
    joined = EnergyNetwork(two, [Pairing("s", "p")], "s")
    ones = joined.states(s=jnp.zeros((5, 5)), p=jnp.ones((5, 5)))
    np.testing.assert_allclose(joined.vector_field(0.0, ones)["s"], jnp.tanh(1.0), rtol=1e-6)


def test_a_memory_of_power_two_is_a_pairwise_one(getkey):
    """F(z) = z^2 / 2 is 1/2 y . Xi^T Xi y."""
    xi, y = jr.normal(getkey(), (2, 5)), jr.normal(getkey(), (5,))
    one, other = Dense("y", xi, Power(2)), Pairwise("y", xi.T @ xi)
    np.testing.assert_allclose(one.energy(y), other.energy(y), rtol=1e-5)
    np.testing.assert_allclose(one.forces(y)[0], other.forces(y)[0], rtol=1e-4, atol=1e-5)
