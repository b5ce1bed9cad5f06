"""Claims about networks of layers and interactions: equality, certificates, descent and rest."""

from typing import Any

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np

from nam_jax import data, measure, solve
from nam_jax._types import Patterns
from nam_jax.experiment.claims._finding import Curve, Finding, Series
from nam_jax.experiment.claims._registry import claim
from nam_jax.experiment.claims._sources import ASTROCYTE, DERIVED_COMPOSED, HIERARCHY
from nam_jax.interaction import Attention, Dense, Outer, Pairing, Tensor
from nam_jax.lagrangian import LayerNorm, LogCosh, Rows
from nam_jax.memory import AbstractProcessTensor, PatternTensor, RectifiedPower
from nam_jax.network import (
    AbstractContinuousNetwork,
    EnergyNetwork,
    Layer,
    NeuronAstrocyte,
    TripartiteState,
)

SIZE = 10
"""Neurons of the random networks."""


def _patterns(seed: int, num: int = 3) -> Patterns:
    return data.random_patterns(num, SIZE, key=jr.key(seed))


def _layers(astrocytes: tuple[str, ...], gamma: float, alpha: float) -> dict[str, Layer]:
    shape = (SIZE, SIZE)
    return {
        "x": Layer(LogCosh(), shape=SIZE),
        "s": Layer(LogCosh(), alpha, shape=shape, pairs=True),
        **{name: Layer(LogCosh(), gamma, shape=shape, pairs=True) for name in astrocytes},
    }


def _composed(
    tensor: AbstractProcessTensor, gamma: float, alpha: float, astrocytes: tuple[str, ...] = ("p",)
) -> EnergyNetwork:
    own = [term for p in astrocytes for term in (Pairing("s", p), Tensor(p, tensor))]
    layers = _layers(astrocytes, gamma, alpha)
    return EnergyNetwork(layers, [Outer("x", "s"), *own], "x", unbounded=True)


@claim(
    "composed-certificate",
    "The curvature of the interactions certifies (s, p) where the closed form does",
    DERIVED_COMPOSED,
)
def certificate_is_the_closed_form(fast: bool) -> Finding:
    """mu of composed networks, N = 10, against (t' + sqrt(t'^2 + 4 r)) / 2 and the margin."""
    draws, gaps, agreed = np.random.default_rng(0), [], True
    for seed in range(10 if fast else 40):
        tensor = draws.uniform(0.5, 2) * PatternTensor(_patterns(seed))
        largest = float(tensor.largest_eigenvalue())
        gamma, alpha = largest + draws.uniform(0.2, 3), draws.uniform(0.3, 3)
        mu = measure.certificate(_composed(tensor, gamma, alpha)).mu
        pull, ratio = largest / gamma, 1 / (alpha * gamma)
        expected = (pull + np.sqrt(pull**2 + 4 * ratio)) / 2
        gaps.append(abs(mu - expected) / expected)
        agreed &= (mu < 1) == (alpha * (gamma - largest) > 1)
    worst = max(gaps)
    meaning = f"largest relative difference of mu from the closed form, {len(gaps)} networks"
    return Finding(worst, worst, worst, meaning, {"random networks": worst < 1e-4 and agreed})


@claim(
    "two-astrocytes",
    "Synapses that two astrocytes wrap need a certificate of 2 in place of 1",
    DERIVED_COMPOSED,
)
def two_astrocytes_need_twice_the_margin(fast: bool) -> Finding:
    """mu with two process layers on the same synapses, slopes of at most 1, against the product."""
    products = (1.9, 2.1) if fast else (1.5, 1.9, 1.99, 2.01, 2.1, 3.0)
    tensor = PatternTensor(_patterns(0))
    tensor = (1 / tensor.largest_eigenvalue()) * tensor
    curvatures = [
        measure.certificate(_composed(tensor, 1 + product, 1.0, ("p", "q"))).mu
        for product in products
    ]
    line = {"measured": Series(curvatures)}
    curve = Curve(list(products), r"$\alpha (\gamma - \lambda_{max})$ (1)", "mu (1)", line)
    holds = all((mu < 1) == (p > 2) for mu, p in zip(curvatures, products, strict=True))
    worst = curvatures[products.index(1.9)]
    meaning = f"mu at 1.9; at 2.1 it is {curvatures[products.index(2.1)]:.4f}"
    return Finding(worst, worst, worst, meaning, {"N = 10, K = 3": holds}, curve)


@claim(
    "asymmetric-synapses",
    "The flow of the equations goes down the energy also where synapses are not symmetric",
    f"{ASTROCYTE}, eqs 9 and 10 (stated for symmetric s)",
)
def asymmetric_synapses(fast: bool) -> Finding:
    """dE/dt by the formula of eq 10 against the slope of E along the flow, s with noise of 0.3."""
    del fast
    tensor = PatternTensor(_patterns(1))
    composed = _composed(tensor, 2.0, 1.0)
    steep = LogCosh()
    network = NeuronAstrocyte(
        tensor, neural=steep, synaptic=steep, process=steep, leaks=(1.0, 1.0, 2.0)
    )
    x, s, p, noise = (jr.normal(key, shape) for key, shape in _shapes())
    s, p = (s + s.T) / 2 + 0.3 * noise, (p + p.T) / 2
    states = composed.states(x=x, s=s, p=p), TripartiteState(x, s, p)
    gaps = [_gap(net, state) for net, state in zip((composed, network), states, strict=True)]
    meaning = f"relative difference, equations of the paper; composed network: {gaps[0]:.1e}"
    cases = {"composed network": gaps[0] < 1e-4, "equations of the paper": gaps[1] < 1e-4}
    return Finding(gaps[1], gaps[1], gaps[1], meaning, cases)


def _gap(net: AbstractContinuousNetwork, state: Any) -> float:
    """Returns the relative difference of `energy_rate` from the slope of E along the flow."""
    flow = net.vector_field(0.0, state)
    along = jax.jvp(net.energy, (state,), (flow,))[1]
    return float(abs(net.energy_rate(state) - along) / abs(along))


def _shapes() -> list[tuple[jax.Array, tuple[int, ...]]]:
    shapes = ((SIZE,), *[(SIZE, SIZE)] * 3)
    return list(zip(jr.split(jr.key(5), 4), shapes, strict=True))


@claim(
    "descent-is-rest",
    "A network whose energy falls comes to rest",
    f"{HIERARCHY}, where it is implied",
)
def descent_is_not_rest(fast: bool) -> Finding:
    """Tokens of an Energy Transformer, T = 9, D = 8, with a leak of 0 and of 1: speed and size."""
    del fast
    times = (20.0, 200.0)
    speeds, sizes = {}, {}
    for leak in (0.0, 1.0):
        net = _tokens(leak)
        start = net.initial_state(jr.normal(jr.key(2), (72,)))
        runs = [
            solve.simulate(net, start, time, times=2, save={}, how=solve.Flow(rtol=1e-4))
            for time in times
        ]
        flow = net.vector_field(0.0, runs[-1].state)
        speeds[leak] = float(jnp.linalg.norm(flow["u"]))
        sizes[leak] = [float(jnp.linalg.norm(run.state["u"])) for run in runs]
    first, last = sizes[0.0]
    meaning = (
        f"length of u at time {times[1]:g} over that at {times[0]:g}, leak 0; "
        f"leak 1: {sizes[1.0][1] / sizes[1.0][0]:.3f}; speeds there {speeds[0.0]:.1f}, "
        f"{speeds[1.0]:.0e}"
    )
    cases = {"leak 1": speeds[1.0] < 1e-2, "leak 0": speeds[0.0] < 1e-2}
    return Finding(last / first, last / first, last / first, meaning, cases)


def _tokens(leak: float) -> EnergyNetwork:
    """Nine tokens of 8 numbers, two heads of 4, twelve memories: all weights are random."""
    of_keys, of_queries, of_memory = jr.split(jr.key(1), 3)
    return EnergyNetwork(
        {"u": Layer(Rows(LayerNorm()), leak, shape=(9, 8))},
        [
            Attention("u", jr.normal(of_keys, (2, 4, 8)), jr.normal(of_queries, (2, 4, 8))),
            Dense("u", jr.normal(of_memory, (12, 8)), RectifiedPower(2)),
        ],
        "u",
    )
