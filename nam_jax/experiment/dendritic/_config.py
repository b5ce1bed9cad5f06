"""Settings of `nam-jax dendritic`."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from nam_jax.record import Seed

Count = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0, le=1)]
Hertz = Annotated[float, Meta(ge=0)]
Positive = Annotated[float, Meta(gt=0)]
Part = Literal[
    "raster", "size", "noise", "sparsity", "controls", "inhibition",
    "partial", "features", "damage", "scaling",
]  # fmt: skip
Parts = Annotated[tuple[Part, ...], Meta(min_length=1)]
Counts = Annotated[tuple[Count, ...], Meta(min_length=1)]
Rates = Annotated[tuple[Hertz, ...], Meta(min_length=1)]
Connectivities = Annotated[tuple[Annotated[float, Meta(gt=0, lt=1)], ...], Meta(min_length=1)]
Positives = Annotated[tuple[Positive, ...], Meta(min_length=1)]
Shares = Annotated[tuple[Share, ...], Meta(min_length=1)]


@dataclass(frozen=True)
class DendriticConfig:
    """Which networks to build, and what to measure on them."""

    parts: Parts = (
        "raster", "size", "noise", "sparsity", "controls", "inhibition",
        "partial", "features", "damage", "scaling",
    )  # fmt: skip
    """What to measure: one trial in time; recall against the size of a memory, noise, sparsity,
    without dendrites, time constant of inhibition, members cued, features cued, damage; and the
    largest memories at several sizes of network."""
    num_memory: Annotated[int, Meta(ge=2)] = 1000
    """N1, memory neurons."""
    num_feature: Annotated[int, Meta(ge=2)] = 2000
    """N2, feature neurons."""
    num_inhibitory: tuple[Count, Count] = (500, 500)
    """M1 and M2, inhibitory neurons driven by memory and by feature neurons."""
    num_branches: Annotated[int, Meta(ge=2)] = 500
    """D, branches of a feature neuron; at most N1."""
    connectivity: Annotated[float, Meta(gt=0, le=1)] = 1.0
    """c, the probability of a connection."""
    size: Annotated[int, Meta(ge=2)] = 4
    """k, neurons of a memory, for which thresholds are designed and all but `sizes` varied."""
    thresholds: tuple[float, float, Positive] | None = None
    """g_t, f_t and g_max; left out, theory designs them, here and wherever sizes differ."""
    sizes: Counts = (1, 2, 3, 4, 5, 6, 7, 8)
    """Numbers of neurons of a memory."""
    noise: Rates = (0.0, 10.0, 20.0, 40.0, 60.0, 80.0, 100.0, 125.0, 150.0, 200.0)
    """Largest noise of a cue's features, in Hz; the raster has 20."""
    connectivities: Connectivities = (0.5, 0.2, 0.1)
    """Sparser networks to compare with."""
    inhibition: Positives = (0.5, 2.0, 5.0, 20.0, 50.0, 100.0, 200.0)
    """Time constants of inhibition, in ms."""
    damage: Shares = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)
    """Shares of branches or contacts that are lost; relative spreads of changed weights."""
    shares: Shares = (0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)
    """Shares of the features of the last member that a cue holds."""
    scaling_memory: tuple[Count, ...] = (500, 1000, 2000, 4000)
    """N1 of the networks whose largest memory is sought, other sizes as above."""
    scaling_feature: tuple[Count, ...] = (1000, 2000, 4000, 8000)
    """N2 of such networks."""
    scaling_branches: tuple[Annotated[int, Meta(ge=2)], ...] = (50, 100, 200, 500, 1000)
    """D of such networks."""
    scaling_joint: tuple[tuple[Count, Count, Count], ...] = ((2000, 4000, 500), (4000, 8000, 2000))
    """N1, N2 and D of such networks, together."""
    scaling_simulated: Annotated[int, Meta(ge=0)] = 32_000_000
    """Largest N1 N2 of a network that is simulated, not only predicted."""
    num_networks: Count = 3
    """Networks, each with a wiring of its own."""
    num_trials: Count = 32
    """Memories on each network at each point."""
    time: Positive = 300.0
    """How long a trial is followed, in ms."""
    step: Annotated[float, Meta(gt=0, le=5)] = 2.0
    """Step of exponential Euler, in ms."""
    fast: bool = False
    """Two networks of 200 memory and 2000 feature neurons with 100 branches and memories of 2
    neurons instead, and few points: under three minutes."""
    seed: Seed = 0
    """Seed of everything random."""
