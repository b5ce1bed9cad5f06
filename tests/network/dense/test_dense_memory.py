"""Binary dense memories: fields are energy differences whatever F is, and how recall ends."""

import math

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from marks import mostly_slow
from tables.networks import signs

import nam_jax as nam
from nam_jax.memory import DistinctPower, Exponential, LogSumExp, Power, RectifiedPower
from nam_jax.network import ContinuousDenseMemory, DenseAssociativeMemory
from nam_jax.solve import RESULTS, Asynchronous, Synchronous

N, K = 9, 3
SEPARATIONS = {
    "quadratic": Power(2),
    "cubic": Power(3),
    "quartic": Power(4),
    "power 7": Power(7),
    "rectified 2": RectifiedPower(2),
    "rectified 3": RectifiedPower(3),
    "rectified 6": RectifiedPower(6),
    "distinct 2": DistinctPower(2, N),
    "distinct 3": DistinctPower(3, N),
    "distinct 4": DistinctPower(4, N),
    "distinct 9": DistinctPower(9, N),
    "exponential": Exponential(0.7),
    "log-sum-exp": LogSumExp(0.7),
}
each_separation = pytest.mark.parametrize("name", SEPARATIONS)


def value(separation, overlaps):
    """-E in float64 without any of the tricks: plain sums of plain powers."""
    z = np.asarray(overlaps, np.float64)
    if isinstance(separation, Power):
        return np.sum(z**separation.n) / separation.n
    if isinstance(separation, RectifiedPower):
        return np.sum(np.maximum(z, 0) ** separation.n) / separation.n
    if isinstance(separation, DistinctPower):
        return sum(_products(value, separation.n) for value in z)
    if isinstance(separation, Exponential):
        return np.exp(0.7 * z).sum()
    if isinstance(separation, LogSumExp):
        return np.log(np.exp(0.7 * z).sum()) / 0.7
    raise TypeError(separation)


def _products(z, n):
    """The sum over sets of n out of N signs with the sum z of their products."""
    up = round((N + z) / 2)
    return sum((-1) ** (n - k) * math.comb(up, k) * math.comb(N - up, n - k) for k in range(n + 1))


@each_separation
def test_fields_are_energy_differences_up_to_a_positive_factor(name, getkey):
    """Against flips in float64 by hand, from many states, all bits of each."""
    separation, xi = SEPARATIONS[name], signs(getkey(), (K, N))
    states = signs(getkey(), (40, N))
    fields = jax.vmap(DenseAssociativeMemory(xi, separation).local_field)(states)
    for sigma, field in zip(np.asarray(states), np.asarray(fields, np.float64), strict=True):
        expected = []
        for i in range(N):
            up, down = sigma.copy(), sigma.copy()
            up[i], down[i] = 1, -1
            expected.append(value(separation, xi @ up) - value(separation, xi @ down))
        expected = np.array(expected)
        if name == "log-sum-exp":  # a monotone function of the energy: signs only
            np.testing.assert_array_equal(np.sign(field), np.sign(expected))
            continue
        sizes = np.linalg.norm(expected), np.linalg.norm(field)
        if sizes[0] == 0:  # rectified, and no pattern overlaps with the state
            assert sizes[1] == 0
            continue
        np.testing.assert_allclose(field / sizes[1], expected / sizes[0], atol=2e-6)
        ties = np.abs(expected) < 1e-9 * sizes[0]
        assert name == "exponential" or (field[ties] == 0).all()


@each_separation
def test_value_slope_and_relative_value_belong_together(name, getkey):
    separation = SEPARATIONS[name]
    xi = signs(getkey(), (K, N))
    z = xi @ xi[0].at[0].multiply(-1)
    np.testing.assert_allclose(separation(z), value(separation, z), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(separation.slope(z), jax.grad(separation)(z), rtol=1e-5)
    scaled, slope = separation.scaled_slope(z, float(N)), separation.slope(z)
    factor = float(jnp.vdot(scaled, slope) / jnp.vdot(slope, slope))
    assert factor > 0
    np.testing.assert_allclose(scaled, factor * slope, rtol=1e-4, atol=1e-6)
    whole = value(separation, np.array([N]))
    expected = value(separation, z) / whole
    if name in ("exponential", "log-sum-exp"):
        beta = float(separation.beta)
        expected = np.log(np.sum(np.exp(beta * np.asarray(z, np.float64)))) / beta
        expected = expected / N if name == "exponential" else expected
    np.testing.assert_allclose(separation.relative(z, float(N)), expected, rtol=1e-4, atol=1e-6)


def test_the_energy_of_a_steep_exponential_keeps_its_meaning_far_from_memories(getkey):
    """N = 784 and damaged cues, where exp(z - N) is 0 in float32; against float64."""
    xi = signs(getkey(), (5, 784))
    net = DenseAssociativeMemory(xi, Exponential(1.0))
    states = jnp.stack([xi[0].at[:flips].multiply(-1) for flips in (0, 50, 100, 200, 300)])
    overlaps = np.asarray(states, np.float64) @ np.asarray(xi, np.float64).T
    top = overlaps.max(1)
    expected = -top - np.log(np.exp(overlaps - top[:, None]).sum(1))
    energies = jax.vmap(net.energy)(states)
    np.testing.assert_allclose(energies, expected / 784, rtol=1e-6)
    assert (np.diff(energies) > 0).all()
    np.testing.assert_allclose(energies[0], -1, rtol=1e-6)


def test_distinct_powers_use_the_bound_they_are_given():
    separation, z = DistinctPower(3, 20), jnp.asarray([4.0, -2.0, 20.0])
    for whole in (20.0, 30.0, 1000.0):
        ratio = separation(z) / separation(jnp.asarray([whole]))
        np.testing.assert_allclose(separation.relative(z, whole), ratio, rtol=1e-5)
        scaled, slope = separation.scaled_slope(z, whole), separation.slope(z)
        np.testing.assert_allclose(scaled / scaled[2], slope / slope[2], rtol=1e-5)
    huge = jnp.asarray([1e25, 5e24])  # real vectors have no bound; n = 3 overflows in float32
    scaled = separation.scaled_slope(huge, math.inf)
    np.testing.assert_allclose(scaled[1] / scaled[0], 0.25, rtol=1e-5)
    for method in (separation.relative, separation.scaled_slope, separation.differences):
        with pytest.raises(ValueError, match="`whole` must be at least N = 20"):
            method(z, 1.0)


@pytest.mark.parametrize(
    "name",
    mostly_slow(SEPARATIONS, "quartic", "rectified 3", "distinct 3", "log-sum-exp"),
)
def test_updates_one_by_one_lower_the_energy_and_equal_a_loop_in_a_batch(name, getkey):
    net = DenseAssociativeMemory(signs(getkey(), (K, N)), SEPARATIONS[name])
    states = signs(getkey(), (16, N))
    keys = jr.split(getkey(), 16)

    def one(state, key):
        rest = nam.settle(net, state, how=Asynchronous(key))
        return rest.state, net.energy(rest.state) - net.energy(state)

    ends, changes = jax.jit(jax.vmap(one))(states, keys)
    assert float(changes.max()) <= 1e-6
    jitted = jax.jit(one)
    for place in (0, 7):
        np.testing.assert_array_equal(ends[place], jitted(states[place], keys[place])[0])


@pytest.mark.parametrize(
    "separation", [Power(20), Power(40), RectifiedPower(41), Exponential(5.0), LogSumExp(50.0)]
)
@pytest.mark.parametrize("updates", ["together", "one by one"])
def test_steep_memories_neither_freeze_nor_overflow_in_float32(separation, updates, getkey):
    """N = 784, 30 % flips: (1 - 2 r)^39 = 3e-16, and exp(beta N) has more than 1000 digits."""
    xi = signs(getkey(), (50, 784)).astype(jnp.float32)
    net = DenseAssociativeMemory(xi, separation)
    how = {"together": Synchronous(), "one by one": Asynchronous(order=jnp.arange(784))}[updates]
    cue = nam.data.flip(xi[0], 0.3, key=getkey())
    recall = jax.jit(lambda cue: nam.retrieve(net, cue, how=how))(cue)
    assert recall.result == RESULTS.converged
    np.testing.assert_array_equal(recall.pattern, xi[0])
    assert -1.001 <= float(recall.energy) <= -0.999 or isinstance(separation, LogSumExp)


def test_distinct_indices_of_many_neurons_do_not_overflow():
    """C(784, 4) is beyond 32-bit integers."""
    xi = jnp.ones((1, 784))
    separation = DistinctPower(4, 784)
    actual = separation(xi @ xi[0])
    np.testing.assert_allclose(float(actual), math.comb(784, 4), rtol=1e-5)


def test_quadratic_signs_are_hopfields_without_its_diagonal_bit_for_bit(getkey):
    """Ties included: of 16 x 200 fields with K = 4 and N = 16 many are 0."""
    for key in jr.split(getkey(), 16):
        xi, states = signs(key, (4, 16)), signs(jr.fold_in(key, 1), (200, 16))
        fields = jax.vmap(DenseAssociativeMemory(xi, Power(2)).local_field)(states)
        expected = states @ (xi.T @ xi - 4 * jnp.eye(16))
        np.testing.assert_array_equal(jnp.sign(fields), jnp.sign(expected))


@each_separation
def test_a_single_pass_without_self_coupling_sees_the_overlap_of_the_others(name, getkey):
    """Against a loop over neurons, patterns and other neurons, up to a positive factor."""
    separation = SEPARATIONS[name]
    xi, states = (np.asarray(signs(getkey(), (count, N))) for count in (K, 10))
    net = DenseAssociativeMemory(xi, separation, single_pass=True)
    fields = np.asarray(jax.vmap(net.local_field)(states), np.float64)
    others = [
        [sum(pattern[j] * state[j] for j in range(N) if j != i) for pattern in xi]
        for state in states
        for i in range(N)
    ]
    slopes = np.asarray(jax.vmap(separation.slope)(jnp.array(others)), np.float64)
    for field, slope in zip(fields, slopes.reshape(10, N, K), strict=True):
        expected = np.sum(xi.T * slope, axis=1)
        if name == "log-sum-exp":  # its sum over patterns is a factor of each neuron's own
            np.testing.assert_array_equal(np.sign(field), np.sign(expected))
            continue
        sizes = [np.linalg.norm(value) or 1.0 for value in (expected, field)]
        np.testing.assert_allclose(field / sizes[1], expected / sizes[0], atol=2e-6)


@pytest.mark.parametrize(
    ("separation", "least", "most"),
    [(Power(2), 1.0, 0.92), (Power(3), 0.999, 0.98), (Power(4), 0.999, 0.92),
     (Exponential(0.3), 0.9999, 0.98)],
    ids=["2", "3", "4", "exponential"],
)  # fmt: skip
def test_a_single_pass_without_self_coupling_is_nearly_an_energy_difference(
    separation, least, most, getkey
):
    """Share of equal bits, as in an independent prototype: N = 64 and K = 5, 64 and 1500.

    States are random, and a bit whose field is 0 keeps its state. With self-coupling .49 to .91 of
    the bits are equal for n = 2 and 4, and .96 for n = 3.
    """
    xi, states = signs(getkey(), (20, 1500, 64)), signs(getkey(), (20, 200, 64))

    def agreement(sets):
        xi, states = sets
        kinds = {}, {"single_pass": True}, {"self_coupling": True}
        nets = [DenseAssociativeMemory(xi, separation, **kind) for kind in kinds]
        signed = [
            jnp.sign(jax.vmap(lambda s, net=net: net.partial_fields(s, (5, 64, 1500)))(states))
            for net in nets
        ]
        kept = [jnp.where(sign == 0, states[:, None], sign) for sign in signed]
        return [jnp.mean(value == kept[0], axis=(0, 2)) for value in kept[1:]]

    without, literal = jax.jit(lambda sets: jax.lax.map(agreement, sets))((xi, states))
    assert (without.mean(axis=0) >= least).all()
    assert (literal.mean(axis=0) < most).all()


def test_the_continuous_memory_of_a_log_sum_exp_is_attention(getkey):
    xi, x = signs(getkey(), (K, N)), jr.normal(getkey(), (N,))
    net = ContinuousDenseMemory(xi, LogSumExp(0.7), neural=nam.lagrangian.Quadratic(), strength=1.0)
    expected = jax.nn.softmax(0.7 * xi @ x) @ xi
    np.testing.assert_allclose(net.force(x), expected, rtol=1e-5, atol=1e-6)


def test_discrete_recall_and_how_it_ends(getkey):
    xi = signs(getkey(), (K, 40))
    net = DenseAssociativeMemory(xi)
    recall = nam.retrieve(net, nam.data.flip(xi[0], 0.2, key=getkey()))
    np.testing.assert_array_equal(recall.pattern, xi[0])
    assert float(recall.residual) == 0 and int(recall.steps) >= 1 and bool(recall.is_active)
    assert recall.result == nam.solve.RESULTS.converged
    limited = nam.retrieve(
        net, nam.data.flip(xi[0], 0.2, key=getkey()), how=Synchronous(max_steps=0)
    )
    assert limited.result == nam.solve.RESULTS.step_limit and float(limited.residual) > 0
    cues = jnp.stack([xi[0], xi[0].at[0].set(jnp.nan)])
    said = nam.solve.sentences(jax.vmap(lambda cue: nam.retrieve(net, cue).result)(cues))
    assert "NaN" in said[1] and "rest" in said[0]


def test_a_cycle_of_two_states_is_reported():
    """Two neurons that each take the other's state: (1, -1) and (-1, 1) for ever."""
    net = DenseAssociativeMemory(jnp.ones((1, 2)), Power(2))
    recall = nam.retrieve(net, jnp.array([1.0, -1.0]))
    assert recall.result == nam.solve.RESULTS.cycled and float(recall.residual) == 1


def test_a_tie_keeps_the_state():
    patterns = jnp.array([[1.0, 1.0, 1.0], [1.0, -1.0, -1.0]])
    net = DenseAssociativeMemory(patterns, Power(2))
    cue = jnp.array([-1.0, 1.0, -1.0])
    assert float(net.local_field(cue)[0]) == 0
    assert float(nam.retrieve(net, cue, how=Synchronous(max_steps=1)).pattern[0]) == -1


BAD = {
    "power": (lambda: Power(1), "`n` must be a whole number of at least 2"),
    "rectified": (lambda: RectifiedPower(1), "`n` must be a whole number of at least 2"),
    "distinct": (lambda: DistinctPower(4, 3), "`num_neurons` must be at least n = 4"),
    "beta": (lambda: Exponential(0.0), "`beta` must be above 0"),
    "nan": (lambda: LogSumExp(float("nan")), "`beta` must be above 0"),
    "patterns": (lambda: DenseAssociativeMemory(jnp.ones((2, 3)) / 2), "must hold only -1 and"),
    "size": (
        lambda: DenseAssociativeMemory(jnp.ones((2, 3)), DistinctPower(2, 4)),
        "`separation` must be made for 3 neurons",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    act, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        act()
