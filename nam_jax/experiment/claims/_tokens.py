"""Claims about tokens that descend an energy: the block of the Energy Transformer."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import xarray as xr
from jaxtyping import Array

from nam_jax import measure, solve
from nam_jax._types import Key, Keys, Scalar
from nam_jax.attention import EnergyBlock
from nam_jax.experiment import tokens
from nam_jax.experiment.claims._finding import Curve, Finding, Series, of_bounds, of_rate
from nam_jax.experiment.claims._once import once
from nam_jax.experiment.claims._registry import claim
from nam_jax.experiment.claims._sources import (
    DERIVED_TOKENS,
    ENERGY_TRANSFORMER,
    HIERARCHY,
    OURS,
)
from nam_jax.experiment.common import over_seeds
from nam_jax.interaction import Attention, Dense
from nam_jax.lagrangian import LayerNorm, Rows
from nam_jax.memory import RectifiedPower
from nam_jax.network import EnergyNetwork, Layer


def random_tokens(leak: float) -> EnergyNetwork:
    """Returns nine tokens of 8 numbers, two heads of 4, twelve memories: weights are random."""
    of_keys, of_queries, of_memory = jr.split(jr.key(1), 3)
    return EnergyNetwork(
        {"u": Layer(Rows(LayerNorm()), leak, shape=(9, 8))},
        [
            Attention("u", jr.normal(of_keys, (2, 4, 8)), jr.normal(of_queries, (2, 4, 8))),
            Dense("u", jr.normal(of_memory, (12, 8)), RectifiedPower(2)),
        ],
        "u",
    )


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
        net = random_tokens(leak)
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


@claim(
    "attention-forces",
    "The attention of a Transformer, by queries alone, is the force of an energy",
    f"{DERIVED_TOKENS}; the Energy Transformer adds a force by keys",
)
def attention_forces(fast: bool) -> Finding:
    """Jacobian of the force on 9 tokens of 8 numbers less its transpose, random weights.

    Attention to a vector of both parts, y as keys and y as queries, gives the force by queries.
    """
    del fast
    attention = random_tokens(0.0).interactions[0]
    assert isinstance(attention, Attention)
    none = jnp.zeros_like(attention.keys)
    parts = ([attention.keys, none], [none, attention.queries])
    apart = Attention("u", *(jnp.concatenate(part, axis=2) for part in parts))

    def by_queries(y: Array) -> Array:
        return apart.forces(jnp.concatenate([y, y], axis=1))[0][:, y.shape[1] :]

    y = jr.normal(jr.key(9), (9, 8))
    gaps = []
    for force in (lambda y: attention.forces(y)[0], by_queries):
        matrix = jax.jit(jax.jacobian(force))(y).reshape(y.size, y.size)
        gaps.append(float(jnp.linalg.norm(matrix - matrix.T) / jnp.linalg.norm(matrix)))
    meaning = f"the same as a share of the Jacobian, queries alone; with both forces: {gaps[0]:.0e}"
    fine = {"queries and keys": gaps[0] < 1e-5, "queries alone": gaps[1] < 1e-5}
    return Finding(gaps[1], gaps[1], gaps[1], meaning, fine)


STEPS = (0.3, 1.0, 3.0)
"""Lengths of a step of a block."""


@claim(
    "energy-falls-by-steps",
    "The energy falls in every discrete step of the block, whatever its length",
    f"{ENERGY_TRANSFORMER}, of the continuous flow",
)
def energy_falls_by_steps(fast: bool) -> Finding:
    """Steps of 0.3, 1 and 3 that raise E: 16 random tokens, D = 64, 8 heads, 128 patterns.

    40 steps of 16 blocks (full: 128), each with its own random weights and tokens. The full row has
    trained blocks as well.
    """
    keys = jr.split(jr.key(10), 16 if fast else 128)
    rises = {
        (leak, step): measure.rate(_rising(keys, leak, step), by_set=True)
        for leak in (0.0, 1.0)
        for step in STEPS
    }
    free = [rises[0.0, step] for step in STEPS]
    worst = max(free, key=lambda rate: rate.value)
    leaky = ", ".join(f"{rises[1.0, step].value:.3f}" for step in STEPS)
    meaning = f"share of steps that raise E, leak 0, all lengths; leak 1, by length: {leaky}"
    fine = {"leak 0": worst.value == 0}
    fine |= {f"leak 1, steps of {step:g}": rises[1.0, step].value == 0 for step in STEPS}
    if not fast:
        fine["trained, leak 0"] = float(_trained().rises.max()) == 0
    return Finding(*of_rate(worst), meaning, fine)


def _rising(keys: Keys, leak: float, step: float) -> np.ndarray:
    """Whether E rises in each step of each block by more than rounding, 16 units in last place."""
    energies = np.asarray(_energies(keys, jnp.asarray(leak), jnp.asarray(step)), float)
    before, after = energies[:, :-1], energies[:, 1:]
    return after > before + 16 * float(jnp.finfo(jnp.float32).eps) * np.abs(before)


@jax.jit
def _energies(keys: Keys, leak: Scalar, step: Scalar) -> Array:
    def one(key: Key) -> Array:
        of_block, of_start = jr.split(key)
        block = EnergyBlock.random(
            64, num_heads=8, head_size=8, num_memories=128, leak=leak, step=step, key=of_block
        )
        start = 0.8 * jr.normal(of_start, (16, 64))
        return jax.vmap(block.energy)(jnp.concatenate([start[None], block.path(start, 40)]))

    return jax.lax.map(one, keys)


@once
def _trained() -> xr.Dataset:
    """Blocks that learned to complete digits with half of their patches hidden, four seeds."""
    config = tokens.study.config(steps=1600, num_seeds=4, num_masks=1, step_sizes=STEPS)
    return tokens.study.run(config)


class _Gap(NamedTuple):
    """A mean difference of squared errors, with the ends of its interval over training seeds."""

    value: float
    low: float
    high: float

    @property
    def below(self) -> bool:
        """Whether the whole interval is below 0."""
        return self.high < 0


def _gap(dataset: xr.Dataset, model: str, other: str) -> _Gap:
    """The error of a trained block less that of another model, which may have no seeds."""
    if other in dataset.trained.values:
        base = dataset.by_seed.sel(trained=other, bound="value").values
    else:
        base = float(dataset.squared_error.sel(model=other, bound="value"))
    own = dataset.by_seed.sel(trained=model, bound="value").values
    return _Gap(*of_bounds(over_seeds(own - base)))


@claim(
    "tokens-attention",
    "Attention is the part of the block that completes images",
    f"{ENERGY_TRANSFORMER}; {DERIVED_TOKENS}",
    quick=False,
)
def tokens_attention(fast: bool) -> Finding:
    """Squared error of hidden pixels with and without attention, digits, 1600 steps of training."""
    del fast
    dataset = _trained()
    gap = _gap(dataset, "energy block", "without attention")
    alone = _gap(dataset, "without attention", "mean image")
    errors = dataset.squared_error.sel(bound="value")
    meaning = (
        f"error of the block ({float(errors.sel(model='energy block')):.4f}) less that of the "
        f"block without attention, which is that of the mean image {alone.value:+.4f}"
    )
    fine = {"with attention": gap.below, "without attention: no completion": not alone.below}
    return Finding(*gap, meaning, fine)


@claim(
    "tokens-memory",
    "The memory of the block lowers its error",
    f"{ENERGY_TRANSFORMER}; found by a prototype with one seed",
    quick=False,
)
def tokens_memory(fast: bool) -> Finding:
    """Squared error of hidden pixels with and without memory, digits, 1600 steps of training."""
    del fast
    gap = _gap(_trained(), "energy block", "without memory")
    meaning = "error of the block less that of the block without memory"
    return Finding(*gap, meaning, {"8 x 8 digits": gap.below})


@claim(
    "tokens-linear",
    "The block completes images better than the best linear answer",
    f"{OURS}, found by a prototype of the block",
    quick=False,
)
def tokens_linear(fast: bool) -> Finding:
    """Squared error of hidden pixels beside that of a ridge regression and a Gaussian, digits."""
    del fast
    dataset = _trained()
    gap, regression = (
        _gap(dataset, "energy block", name) for name in ("conditional Gaussian", "ridge regression")
    )
    meaning = (
        "error of the block less that of the Gaussian conditional on the known pixels; less that "
        f"of one regression for all masks: {regression.value:+.4f}"
    )
    fine = {"beside one regression": regression.below, "beside the Gaussian": gap.below}
    return Finding(*gap, meaning, fine)


@claim(
    "tokens-transient",
    "Further steps of a trained block, which lower its energy, give a better answer",
    f"{ENERGY_TRANSFORMER}, where recall is the descent of an energy",
    quick=False,
)
def tokens_transient(fast: bool) -> Finding:
    """Squared error of hidden pixels and E by the number of steps, trained through 3 of them."""
    del fast
    dataset = _trained().sel(trained="energy block")
    error, spread = (dataset.by_step.sel(bound=name) for name in ("value", "error"))
    first, last = (float(error.sel(step=step)) for step in (3, 16))
    # The images are the same, so that errors taken as independent make the interval too wide.
    wide = 1.96 * math.hypot(*(float(spread.sel(step=step)) for step in (3, 16)))
    energy = dataset.energy.mean("run")
    meaning = (
        f"error after 16 steps less that after 3 ({first:.4f}); after 8 steps "
        f"{float(error.sel(step=8)):.4f}; energy {float(energy.sel(step=3)):.0f} and "
        f"{float(energy.sel(step=16)):.0f}"
    )
    gap = last - first
    steps = dataset.step.values.tolist()
    lines = {"measured": Series(error.values.tolist())}
    curve = Curve(steps, "steps of the block (1)", "squared error of hidden pixels (1)", lines)
    return Finding(gap, gap - wide, gap + wide, meaning, {"16 steps": gap + wide < 0}, curve)
