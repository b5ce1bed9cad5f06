"""The block of the Energy Transformer: its equations, its energy, and when it comes to rest."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import nam_jax as nam
from nam_jax.attention import EnergyBlock
from nam_jax.interaction import Attention, Bilinear, Dense
from nam_jax.lagrangian import LayerNorm, Rows
from nam_jax.network import LayerStates

X64 = jax.config.jax_enable_x64
T, D, H, M = 9, 8, 2, 12


def block_of(key, **settings):
    return EnergyBlock.random(D, num_heads=H, head_size=4, num_memories=M, key=key, **settings)


def states(tokens):
    return LayerStates(("tokens",), (tokens,))


def by_hand(block, u, *, as_key=True):
    """-dE/dy without leak, from the equations of the text; also without the force as a key."""
    gain, shift = block.lagrangian.row.gain, block.lagrangian.row.shift
    centred = u - u.mean(axis=1, keepdims=True)
    scale = jnp.sqrt((centred**2).mean(axis=1, keepdims=True) + block.lagrangian.row.epsilon)
    return forces(block, gain * centred / scale + shift[None], as_key=as_key)


def forces(block, y, *, as_key):
    """The same from the normed tokens."""
    attention, memory = block.interactions
    force = jax.nn.relu(y @ memory.patterns.T) @ memory.patterns
    for w_k, w_q in zip(attention.keys, attention.queries, strict=True):
        keys, queries = y @ w_k.T, y @ w_q.T
        scores = attention.beta * queries @ keys.T
        weights = jax.nn.softmax(jnp.where(jnp.eye(len(y), dtype=bool), -jnp.inf, scores), axis=1)
        force = force + weights @ keys @ w_q
        force = force + weights.T @ queries @ w_k if as_key else force
    return force


def test_a_block_is_the_equations_of_the_text_and_steps_of_its_network(getkey):
    block = block_of(getkey(), steps=4, step=0.5)
    shift = jr.normal(getkey(), (D,))
    block = eqx.tree_at(lambda b: b.lagrangian, block, Rows(LayerNorm(1.3, shift)))
    u = jr.normal(getkey(), (T, D))
    network = block.network(T, D)
    (flow,) = network.vector_field(0.0, states(u))
    close = {"rtol": 1e-10, "atol": 1e-10} if X64 else {"rtol": 1e-4, "atol": 1e-4}
    np.testing.assert_allclose(flow, by_hand(block, u), **close)
    np.testing.assert_allclose(block.energy(u), network.energy(states(u)), **close)
    expected = [u]
    for _ in range(6):
        expected.append(expected[-1] + 0.5 * by_hand(block, expected[-1]))
    np.testing.assert_allclose(block.path(u, 6), jnp.stack(expected[1:]), **close)
    np.testing.assert_allclose(block(u), expected[4], **close)
    np.testing.assert_allclose(block.normed(u).mean(axis=1), shift.mean() + np.zeros(T), **close)


def test_energy_falls_by_its_law_and_not_without_the_force_as_a_key(x64, getkey):
    """dE/dt = -u'.H u' at 20 states; without one force of attention it is not so."""
    block = block_of(getkey())

    @jax.jit
    def rates(u):
        network = block.network(T, D)
        (flow,) = network.vector_field(0.0, states(u))
        half = by_hand(block, u, as_key=False)
        energy = lambda u: network.energy(states(u))  # noqa: E731
        along, along_half = (jax.jvp(energy, (u,), (v,))[1] for v in (flow, half))
        (layer,) = network.layers()
        law, law_half = (-jnp.vdot(v, layer.bend(u, v)) for v in (flow, half))
        return along, law, along_half, law_half

    along, law, along_half, law_half = jax.vmap(rates)(jr.normal(getkey(), (20, T, D)))
    np.testing.assert_allclose(along, law, rtol=1e-12)
    assert (along < 0).all()
    assert (np.abs(along_half - law_half) > 1e-3 * np.abs(law_half)).all()


def test_attention_without_the_force_as_a_key_is_no_gradient(x64, getkey):
    """The Jacobian of a gradient in y is symmetric; that of a part of it is not."""
    block = block_of(getkey())
    y = jr.normal(getkey(), (T, D))
    for as_key, symmetric in ((True, True), (False, False)):
        jacobian = jax.jacobian(lambda y, as_key=as_key: forces(block, y, as_key=as_key))(y)
        jacobian = np.reshape(jacobian, (T * D, T * D))
        gap = np.linalg.norm(jacobian - jacobian.T) / np.linalg.norm(jacobian)
        assert gap < 1e-12 if symmetric else gap > 0.05


def test_without_a_leak_tokens_run_away_and_with_one_they_rest(x64, getkey):
    u = jr.normal(jr.key(1), (T, D))

    @eqx.filter_jit
    def sizes(leak):
        path = block_of(jr.key(1), leak=leak, step=0.05).path(u, 4000)
        ends = path[jnp.asarray([399, 3999])]
        (flow,) = block_of(jr.key(1), leak=leak).network(T, D).vector_field(0.0, states(path[-1]))
        return jnp.linalg.norm(ends, axis=(1, 2)), jnp.abs(flow).max()

    (early, late), speed = sizes(jnp.asarray(0.0))
    assert late > 8 * early > 1000 and speed > 1
    (early, late), speed = sizes(jnp.asarray(1.0))
    assert late < 1.1 * early < 100 and speed < 1e-10


@pytest.mark.slow
def test_with_a_leak_the_network_of_a_block_settles(getkey):
    block = block_of(jr.key(1), leak=1.0)
    network = block.network(T, D)
    equilibrium = nam.settle(network, states(jr.normal(jr.key(1), (T, D))), throw=True)
    (u,) = equilibrium.state
    (flow,) = network.vector_field(0.0, equilibrium.state)
    assert jnp.linalg.norm(flow) < 0.01 * jnp.linalg.norm(u)
    assert block_of(jr.key(1)).network(T, D).restless is not None


def test_blocks_are_batched_and_trained_by_their_parts(getkey):
    block = block_of(getkey())
    u = jr.normal(getkey(), (3, T, D))
    batched = eqx.filter_jit(lambda block, u: jax.vmap(block)(u))(block, u)
    np.testing.assert_allclose(batched[1], block(u[1]), rtol=1e-4, atol=1e-4)
    slopes = eqx.filter_grad(lambda block: jnp.sum(jnp.sin(block.normed(block(u[0])))))(block)
    trained = EnergyBlock.trained(slopes)
    assert all(float(jnp.abs(leaf).max()) > 0 for leaf in jax.tree.leaves(trained))
    leaves = jax.tree.leaves(block.trained())
    fixed = [block.leak, block.step, *(term for term in (block.interactions[0].beta,))]
    assert not any(leaf is number for leaf in leaves for number in fixed)
    assert len(leaves) == 5  # gain, shift, keys, queries, patterns
    networks = eqx.filter_vmap(block_of)(jr.split(getkey(), 2))
    outputs = eqx.filter_vmap(lambda b, u: b(u), in_axes=(eqx.if_array(0), None))(networks, u[0])
    assert outputs.shape == (2, T, D) and not np.allclose(outputs[0], outputs[1])


def attention(name="tokens"):
    return Attention(name, jnp.ones((H, 4, D)), jnp.ones((H, 4, D)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: EnergyBlock([]), "`interactions` must hold interactions of the one layer"),
        (lambda: EnergyBlock([attention("x")]), "`interactions` must hold interactions of the one"),
        (
            lambda: EnergyBlock([Bilinear("tokens", "h", jnp.ones((2, 3)))]),
            "`interactions` must hold interactions of the one layer",
        ),
        (lambda: EnergyBlock([attention()], steps=0), "`steps` must be a whole number of at"),
        (lambda: EnergyBlock([attention()], step=0.0), "`step` must be above 0"),
        (lambda: EnergyBlock([attention()], leak=-1.0), "`leak` must be at least 0"),
        (lambda: EnergyBlock([attention()]).network(T, D + 1), "`keys` must have shape"),
        (lambda: EnergyBlock([Dense("tokens", jnp.ones((2, 3)))]).network(T, D), "`patterns` must"),
        (lambda: block_of(jr.key(0), steps=-1), "`steps` must be a whole number of at"),
        (
            lambda: EnergyBlock.random(0, num_heads=1, head_size=1, num_memories=1, key=jr.key(0)),
            "`size` must be a whole number of at least 1",
        ),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()
