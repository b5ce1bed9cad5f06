"""Settings of `nam-jax generalise`."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from nam_jax.record import AtMost, Count, Positive, Seed, Whole

CircleBeta = Annotated[float, Meta(ge=5, le=1e9)]
SphereBeta = Annotated[float, Meta(ge=5, le=1e5)]
CircleBetas = Annotated[tuple[CircleBeta, ...], Meta(min_length=1)]
SphereBetas = Annotated[tuple[SphereBeta, ...], Meta(min_length=1)]
Counts = Annotated[tuple[Annotated[Whole, Meta(ge=2)], ...], Meta(min_length=1)]
Loads = Annotated[tuple[Annotated[AtMost, Meta(gt=1)], ...], Meta(min_length=1)]


@dataclass(frozen=True)
class GeneraliseConfig:
    """Inverse temperatures, numbers of samples, and the criteria of the phases."""

    circle_betas: CircleBetas = (50.0, 200.0, 800.0)
    """Values of beta on the circle. 1 / sqrt(beta) is the standard deviation of the cues' noise."""
    sphere_betas: SphereBetas = (10.0, 30.0, 90.0)
    """Values of beta on the sphere."""
    phase_beta: SphereBeta = 90.0
    """beta at which phases are measured, on the sphere."""
    phase_samples: Counts = (
        9, 18, 36, 90, 225, 450, 900, 3000, 9000,
    )  # fmt: skip
    """Numbers of stored samples K at which phases are measured."""
    steps: Count = 10
    """Number of passes of a recall."""
    weight: Annotated[float, Meta(gt=0.5, lt=1)] = 0.9
    """Attention on one sample above which a cue counts as memorised."""
    distance: Positive = 0.05
    """Distance to another cue's end, over the noise, below which a cue counts as spurious."""
    loads: Loads = (8.0, 24.0)
    """Values of K / K_c at which attractors are counted; half the cues are memorised at K_c. K is
    rounded to a power of two."""
    num_sets: Annotated[Whole, Meta(ge=4)] = 48
    """Independent sets of samples."""
    num_queries: Annotated[Whole, Meta(ge=2)] = 100
    """Cues of each set."""
    num_starts: Annotated[Whole, Meta(ge=10)] = 500
    """Number of starts in each set from which attractors are counted."""
    fast: bool = False
    """Half the sets and phases up to K = 900: under three minutes on two cores."""
    seed: Seed = 0
    """Seed of everything random."""

    def bytes_needed(self) -> dict[tuple[str, ...], float | int]:
        """Returns the bytes of samples in three dimensions, and of attention of cues on samples."""
        sets = max(4, self.num_sets // 2) if self.fast else self.num_sets
        few = [k for k in self.phase_samples if k <= 900] or [self.phase_samples[0]]
        samples = max(few if self.fast else self.phase_samples)
        far = max(0.6 * max(self.sphere_betas), 1.45 * max(self.circle_betas) ** 0.5)
        most = max(self.loads) * far / 2**0.5  # rounded to a power of two
        return {
            ("phase_samples", "num_sets"): 48 * samples * sets,
            ("phase_samples", "num_queries"): 4 * samples * self.num_queries,
            ("sphere_betas", "circle_betas", "loads", "num_sets"): 12 * most * max(4, sets // 2),
            ("sphere_betas", "circle_betas", "loads", "num_starts"): 4 * most * self.num_starts,
            ("num_sets", "num_queries"): 24 * sets * self.num_queries,
            ("num_sets", "num_starts"): 24 * max(4, sets // 2) * self.num_starts,
        }
