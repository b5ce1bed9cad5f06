"""Settings of `nam-jax dendritic`."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from nam_jax.record import AtMost, Count, Fraction, Number, Positive, Seed, Share, Whole

Hertz = Annotated[AtMost, Meta(ge=0)]
Part = Literal[
    "raster", "size", "noise", "sparsity", "controls", "inhibition",
    "partial", "features", "damage", "scaling",
]  # fmt: skip
Parts = Annotated[tuple[Part, ...], Meta(min_length=1)]
Counts = Annotated[tuple[Count, ...], Meta(min_length=1)]
Rates = Annotated[tuple[Hertz, ...], Meta(min_length=1)]
Connectivities = Annotated[tuple[Fraction, ...], Meta(min_length=1)]
Positives = Annotated[tuple[Positive, ...], Meta(min_length=1)]
Shares = Annotated[tuple[Share, ...], Meta(min_length=1)]


@dataclass(frozen=True)
class DendriticConfig:
    """The networks to build, and the measurements on them."""

    parts: Parts = (
        "raster", "size", "noise", "sparsity", "controls", "inhibition",
        "partial", "features", "damage", "scaling",
    )  # fmt: skip
    """The parts to run. `raster` is one trial in time, and `scaling` the largest memory at several
    sizes of network. The other parts measure recall against the number of neurons of a memory
    (`size`; with sparse connections: `sparsity`; without dendrites: `controls`), the noise of a cue
    (`noise`), the time constant of inhibition (`inhibition`), the number of members cued
    (`partial`), the share of features cued (`features`) and the strength of damage (`damage`)."""
    num_memory: Annotated[Whole, Meta(ge=2)] = 1000
    """N1, memory neurons."""
    num_feature: Annotated[Whole, Meta(ge=2)] = 2000
    """N2, feature neurons."""
    num_inhibitory: tuple[Count, Count] = (500, 500)
    """M1 and M2, inhibitory neurons driven by memory and by feature neurons."""
    num_branches: Annotated[Whole, Meta(ge=2)] = 500
    """D, branches of a feature neuron; at most N1."""
    connectivity: Annotated[float, Meta(gt=0, le=1)] = 1.0
    """c, the probability of a connection."""
    size: Annotated[Whole, Meta(ge=2)] = 4
    """k, neurons of a memory. Thresholds are designed for it, and parts that do not vary `sizes`
    use it."""
    thresholds: tuple[Number, Number, Positive] | None = None
    """g_t, f_t and g_max. If left out, theory designs them. Theory always designs those of networks
    with other sizes."""
    sizes: Counts = (1, 2, 3, 4, 5, 6, 7, 8)
    """Numbers of neurons of a memory in parts `size`, `sparsity` and `controls`."""
    noise: Rates = (0.0, 10.0, 20.0, 40.0, 60.0, 80.0, 100.0, 125.0, 150.0, 200.0)
    """Largest noise of a cue's features, in Hz. Part `raster` always uses 20 Hz."""
    connectivities: Connectivities = (0.5, 0.2, 0.1)
    """Connection probabilities c of the networks in part `sparsity`."""
    inhibition: Positives = (0.5, 2.0, 5.0, 20.0, 50.0, 100.0, 200.0)
    """Time constants of inhibition, in ms."""
    damage: Shares = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)
    """Strengths of damage: shares of branches or contacts that are lost, and standard deviations of
    the logarithm of changed weights."""
    shares: Shares = (0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)
    """Shares of the last member's features that a cue holds, in part `features`."""
    scaling_memory: tuple[Count, ...] = (500, 1000, 2000, 4000)
    """Values of N1 in part `scaling`; all other sizes are as above."""
    scaling_feature: tuple[Count, ...] = (1000, 2000, 4000, 8000)
    """Values of N2 in part `scaling`; all other sizes are as above."""
    scaling_branches: tuple[Annotated[Whole, Meta(ge=2)], ...] = (50, 100, 200, 500, 1000)
    """Values of D in part `scaling`; all other sizes are as above."""
    scaling_joint: tuple[tuple[Count, Count, Count], ...] = ((2000, 4000, 500), (4000, 8000, 2000))
    """Triples (N1, N2, D) in part `scaling`, which change together."""
    scaling_simulated: Annotated[Whole, Meta(ge=0)] = 32_000_000
    """Largest product N1 N2 of a network that part `scaling` simulates. Larger networks are only
    predicted by theory."""
    num_networks: Annotated[Whole, Meta(ge=2)] = 10
    """Number of networks; every network has its own random wiring, and intervals are over
    networks."""
    num_trials: Count = 12
    """Number of memories that are tried on every network, at every point of a curve."""
    time: Positive = 300.0
    """Simulated time of a trial, in ms."""
    step: Annotated[float, Meta(gt=0, le=5)] = 2.0
    """Step of exponential Euler, in ms."""
    fast: bool = False
    """Replaces sizes and numbers above by those of a run of under three minutes: four networks of
    200 memory and 2000 feature neurons with 100 branches, memories of 2 neurons, few points."""
    seed: Seed = 0
    """Seed of everything random."""

    def bytes_needed(self) -> dict[tuple[str, ...], float | int]:
        """Returns the bytes of the synapses of all networks of one size, and of rates of trials."""
        if self.fast:
            return {}  # has sizes of its own
        built = self.num_networks if {*self.parts} - {"scaling"} else 0
        first, second = self.num_inhibitory
        memory, feature, branches = self.num_memory, self.num_feature, self.num_branches

        def synapses(memory: int, feature: int, branches: int) -> float | int:
            label = 2 if branches <= 2**16 else 4
            return (label + 5) * memory * feature + 4 * feature * branches

        larger = [
            *((size, feature, branches) for size in self.scaling_memory if branches <= size),
            *((memory, size, branches) for size in self.scaling_feature),
            *((memory, feature, size) for size in self.scaling_branches if size <= memory),
            *self.scaling_joint,
        ]
        simulated = [sizes for sizes in larger if sizes[0] * sizes[1] <= self.scaling_simulated]
        scaling = max([0, *(synapses(*sizes) for sizes in simulated)])  # one network at a time
        inhibition = 4 * (first * (2 * memory + feature + first) + second * (feature + second))
        return {
            ("num_memory", "num_feature", "num_branches", "num_networks"): (
                built * synapses(memory, feature, branches)
            ),
            ("num_inhibitory", "num_memory", "num_feature", "num_networks"): built * inhibition,
            ("scaling_simulated",): scaling if "scaling" in self.parts else 0,
            ("num_trials", "num_networks", "num_feature"): (4 * built * self.num_trials * feature),
        }
