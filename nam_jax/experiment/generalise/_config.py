"""Settings of `nam-jax generalise`."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from nam_jax.record import Seed

Beta = Annotated[float, Meta(ge=5)]
Betas = Annotated[tuple[Beta, ...], Meta(min_length=1)]
Counts = Annotated[tuple[Annotated[int, Meta(ge=2)], ...], Meta(min_length=1)]
Loads = Annotated[tuple[Annotated[float, Meta(gt=1)], ...], Meta(min_length=1)]


@dataclass(frozen=True)
class GeneraliseConfig:
    """Inverse temperatures, numbers of samples, and the criteria of the phases."""

    circle_betas: Betas = (50.0, 200.0, 800.0)
    """Values of beta on the circle. 1 / sqrt(beta) is the standard deviation of the cues' noise."""
    sphere_betas: Betas = (10.0, 30.0, 90.0)
    """Values of beta on the sphere."""
    phase_beta: Beta = 90.0
    """beta at which phases are measured, on the sphere."""
    phase_samples: Counts = (
        9, 18, 36, 90, 225, 450, 900, 3000, 9000,
    )  # fmt: skip
    """Numbers of stored samples K at which phases are measured."""
    steps: Annotated[int, Meta(ge=1)] = 10
    """Number of passes of a recall."""
    weight: Annotated[float, Meta(gt=0.5, lt=1)] = 0.9
    """Attention on one sample above which a cue counts as memorised."""
    distance: Annotated[float, Meta(gt=0)] = 0.05
    """Distance to another cue's end, over the noise, below which a cue counts as spurious."""
    loads: Loads = (8.0, 24.0)
    """Values of K / K_c at which attractors are counted; half the cues are memorised at K_c. K is
    rounded to a power of two."""
    num_sets: Annotated[int, Meta(ge=4)] = 48
    """Independent sets of samples."""
    num_queries: Annotated[int, Meta(ge=2)] = 100
    """Cues of each set."""
    num_starts: Annotated[int, Meta(ge=10)] = 500
    """Number of starts in each set from which attractors are counted."""
    fast: bool = False
    """Half the sets and phases up to K = 900: under three minutes on two cores."""
    seed: Seed = 0
    """Seed of everything random."""
