"""Certificates of composed networks against closed forms, and stability against the Jacobian."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from compilations import compilations
from jax.flatten_util import ravel_pytree
from tables.networks import signs

import nam_jax as nam
from nam_jax.interaction import Bilinear, Dense, Outer, Pairing, Setwise, Tensor
from nam_jax.lagrangian import LogCosh, LogSumExp, Quadratic, RectifiedPower
from nam_jax.memory import PatternTensor, Power
from nam_jax.network import EnergyNetwork, Layer, NeuronAstrocyte

X64 = jax.config.jax_enable_x64
TOLERANCE = 1e-10 if X64 else 1e-4
pytestmark = pytest.mark.precision


def three_layers(tensor, leaks, synaptic, process):
    """Neurons, synapses and processes as a composition, and the same network as a class."""
    size = tensor.num_neurons
    pairs = {"shape": (size, size), "pairs": True}
    composed = EnergyNetwork(
        {
            "x": Layer(LogCosh(), leaks[0], shape=size),
            "s": Layer(synaptic, leaks[1], **pairs),
            "p": Layer(process, leaks[2], **pairs),
        },
        [Outer("x", "s"), Pairing("s", "p"), Tensor("p", tensor)],
        "x",
        unbounded=True,
    )
    return composed, NeuronAstrocyte(tensor, synaptic=synaptic, process=process, leaks=leaks)


@pytest.mark.parametrize("num", [6, pytest.param(40, marks=pytest.mark.slow)])
def test_the_certificate_of_three_layers_is_the_closed_form(num):
    draws = np.random.default_rng(0)
    size, agreed = 10, 0
    for seed in range(num):
        tensor = draws.uniform(0.5, 2) * PatternTensor(signs(jr.key(seed), (3, size)))
        alpha, gamma, slope_g, slope_psi = draws.uniform(0.5, 3, 4)
        gamma = gamma + float(tensor.largest_eigenvalue())
        composed, network = three_layers(
            tensor, (1.0, alpha, gamma), Quadratic(slope_g), LogCosh(slope_psi)
        )
        certificate = nam.measure.certificate(composed)
        pull = slope_psi * float(tensor.largest_eigenvalue()) / gamma
        ratio = slope_g * slope_psi / (alpha * gamma)
        mu = (pull + np.sqrt(pull**2 + 4 * ratio)) / 2
        np.testing.assert_allclose(certificate.mu, mu, rtol=TOLERANCE)
        assert certificate.fast == ("s", "p")
        agreed += certificate.certified == bool(nam.measure.certificate(network).certified)
    assert agreed == num


@pytest.mark.parametrize("kappa", [0.0, 0.5, 5.0])
def test_two_astrocytes_need_twice_the_margin_whatever_joins_them(kappa):
    """With +kappa/4 |psi - chi|^2 the certificate is alpha (gamma - t) > 2: composed by hand."""
    size = 8
    tensor = PatternTensor(signs(jr.key(3), (3, size)))
    tensor = (1 / tensor.largest_eigenvalue()) * tensor
    entries = jnp.einsum("ik,jl->ijkl", *[jnp.eye(size)] * 2)
    eye = nam.memory.DenseTensor((entries + entries.swapaxes(2, 3)) / 2)
    pairs = {"shape": (size, size), "pairs": True}
    for product, expected in ((1.9, 1.0206), (2.1, 0.9805)):
        layers = {
            "x": Layer(LogCosh(), shape=size),
            "s": Layer(Quadratic(), **pairs),
            **{name: Layer(Quadratic(), 1 + product, **pairs) for name in ("p", "q")},
        }
        own = [term for name in ("p", "q") for term in (Pairing("s", name), Tensor(name, tensor))]
        junction = [Tensor(name, -kappa * eye) for name in ("p", "q")]
        junction.append(Tensor("p", kappa * eye, other="q"))
        network = EnergyNetwork(layers, [Outer("x", "s"), *own, *junction], "x", unbounded=True)
        np.testing.assert_allclose(nam.measure.certificate(network).mu, expected, atol=1e-3)


def chain(key, hidden, scale):
    first, second = jr.split(key)
    return EnergyNetwork(
        {
            "x": Layer(Quadratic(), shape=8),
            "h": Layer(LogCosh(), time=0.3, shape=6),
            "z": Layer(hidden, leak=0.8, time=0.1, shape=4),
        },
        [
            Bilinear("x", "h", scale * jr.normal(first, (6, 8)) / 3),
            Bilinear("h", "z", scale * jr.normal(second, (4, 6)) / 2),
        ],
        "x",
    )


@pytest.mark.parametrize("num", [4, pytest.param(20, marks=pytest.mark.slow)])
@pytest.mark.parametrize("hidden", [LogCosh(), LogSumExp(2.0)], ids=["tanh", "softmax"])
def test_an_equilibrium_is_stable_where_mu_is_below_one(hidden, num):
    """Also at states that are no equilibria, of which many are unstable."""
    kinds = set()
    for seed in range(num):
        network = chain(jr.key(seed), hidden, (0.4, 0.8, 1.6)[seed % 3])
        state = network.initial_state(0.3 * jr.normal(jr.key(seed), (8,)))
        jacobian = np.asarray(jacobian_at(network, state), float)
        stable = np.linalg.eigvals(jacobian).real.max() < 0
        mu = nam.measure.stability(network, state)
        assert stable == (mu < 1)
        kinds.add(stable)
    assert len(kinds) == 2


@eqx.filter_jit
def jacobian_at(network, state):
    vector, rebuilt = ravel_pytree(state)
    flow = lambda v: ravel_pytree(network.vector_field(0.0, rebuilt(v)))[0]  # noqa: E731
    return jax.jacfwd(flow)(vector)


def test_a_second_certificate_of_equal_structure_compiles_nothing():
    state = chain(jr.key(0), LogSumExp(2.0), 0.5).initial_state(jnp.ones(8))
    for seed in (0, 1):
        with compilations() as events:
            network = chain(jr.key(seed), LogSumExp(2.0), 0.5)
            nam.measure.certificate(network)
            nam.measure.stability(network, state)
    assert not events


def test_linear_layers_are_bounded_up_to_the_norm_of_their_weights():
    weights = jr.normal(jr.key(0), (90, 70))
    weights = weights / jnp.linalg.norm(weights, ord=2)
    layers = {name: Layer(Quadratic(), shape=n) for name, n in (("x", 70), ("h", 90))}
    EnergyNetwork(layers, [Bilinear("x", "h", 0.98 * weights)], "x")
    with pytest.raises(ValueError, match=r"`interactions` must pull .* mu = 1.02"):
        EnergyNetwork(layers, [Bilinear("x", "h", 1.02 * weights)], "x")
    network = EnergyNetwork(layers, [Bilinear("x", "h", 0.98 * weights)], "x")
    certificate = nam.measure.certificate(network, fast=("x", "h"))
    np.testing.assert_allclose(certificate.mu, 0.98, rtol=1e-4)
    assert nam.measure.certificate(network).mu == 0


def tanh(*interactions, kind=LogCosh):
    layers = {"x": Layer(LogCosh(), shape=3), "h": Layer(kind(), shape=3)}
    return EnergyNetwork(layers, interactions, "x")


REFUSED = {
    "no such layer": (tanh(), {"fast": ["z"]}, "`fast` must name layers among x, h, but has z"),
    "cubic": (
        tanh(Dense("h", jnp.eye(3), Power(4))),
        {},
        "`network` must have interactions of at most degree 2 .* but has a Dense of h",
    ),
    "triangles": (tanh(Setwise("h", [[[0, 1, 2]]], [[1.0]])), {}, "but has a Setwise of h"),
    "another class": (
        NeuronAstrocyte.released(signs(jr.key(0), (2, 4))),
        {"fast": ["s"]},
        "`fast` must be None for a network that is not an EnergyNetwork",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_has_no_certificate_is_refused(case):
    network, arguments, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        nam.measure.certificate(network, **arguments)


def test_no_slope_bound_or_no_leak_certifies_nothing():
    joined = Bilinear("x", "h", jnp.eye(3))
    steep = nam.measure.certificate(tanh(joined, kind=lambda: RectifiedPower(3)))
    assert steep.mu == np.inf and not steep.certified


def test_curvature_that_depends_on_slow_layers_needs_a_state():
    """Neurons as the fast layer: their curvature is that of the synapses."""
    tensor = PatternTensor(signs(jr.key(0), (2, 6)))
    network, _ = three_layers(tensor, (1.0, 1.0, 40.0), LogCosh(), Quadratic())
    with pytest.raises(ValueError, match="`state` must be given"):
        nam.measure.certificate(network, fast=["x"])
    s = jr.normal(jr.key(1), (6, 6))
    state = network.states(x=jnp.zeros(6), s=s + s.T, p=jnp.zeros((6, 6)))
    certificate = nam.measure.certificate(network, fast=["x"], state=state)
    expected = np.linalg.eigvalsh(np.tanh(np.asarray(s + s.T, float)))[-1]
    np.testing.assert_allclose(certificate.mu, expected, rtol=1e-5)
