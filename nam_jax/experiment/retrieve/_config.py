"""Settings of `nam-jax retrieve`."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from nam_jax.record import AtMost, Count, Positive, Seed, Whole


@dataclass(frozen=True)
class RetrieveConfig:
    """The images to store, the damage of their cues, and the network that recalls them."""

    source: str = "photos"
    """photos, digits, fashion-mnist, or a path: CIFAR-10 binary, MNIST format, pictures."""
    num_patterns: Count = 25
    """K, how many images are stored."""
    num_recalled: Count | None = None
    """Number of stored images that are recalled, from the first on; left out: all."""
    codec: Literal["autoencoder", "threshold", "projection"] = "autoencoder"
    """Codec of images as bits: the trained autoencoder (32 x 32 colour), a threshold with one bit
    a pixel, or random projections."""
    codec_path: str | None = None
    """File of weights that `nam-jax train-codec` wrote, for the autoencoder alone."""
    num_bits: Annotated[Whole, Meta(ge=2)] = 768
    """N for random projections; the other codecs have their own number of bits."""
    corruption: Literal["flip", "mask", "noise", "occlude"] = "flip"
    """Damage: flipped, zeroed or noisy bits, or the lower part of the image hidden."""
    level: Annotated[AtMost, Meta(ge=0)] = 0.1
    """Fraction of bits or of the image that is damaged; for noise its standard deviation."""
    dynamics: Literal["released", "certified"] = "released"
    """Parameters of the network: the authors' released ones, or the certified regime."""
    margin: Positive = 0.1
    """Certified only: gamma - lambda_max - 1, small for strong memories that relax slowly."""
    gain: Positive = 0.9
    """Certified only: leak of the neurons in units of beta M0 N."""
    start: Literal["default", "cold", "algebraic", "conditional"] = "default"
    """State of synapses and processes when the cue arrives; by default that of the dynamics."""
    solver: Literal["tsit5", "bosh3", "dopri5", "heun", "euler"] = "tsit5"
    """Diffrax solver."""
    rtol: Positive = 1e-4
    """Relative tolerance of a step."""
    atol: Positive = 1e-5
    """Absolute tolerance of a step."""
    step: Positive | None = None
    """Fixed step instead of tolerances, in time constants. Solvers without an error estimate, such
    as euler, need one."""
    end_time: Positive = 12.0
    """Longest time of a recall, in time constants."""
    num_times: Annotated[Whole, Meta(ge=2)] = 61
    """Times at which observables are saved."""
    rest: Positive = 1e-2
    """Residual at which the network counts as being at rest and recall stops."""
    max_steps: Count = 4096
    """Solver steps after which a recall is given up."""
    dtype: Literal["float32", "float64"] = "float32"
    """Precision of the whole run."""
    seed: Seed = 0
    """Seed of everything random."""

    def bytes_needed(self) -> dict[tuple[str, ...], float | int]:
        """Returns the bytes of N x N synapses and processes with their slopes, and of saved times.

        N is known only for random projections.
        """
        size = self.num_bits if self.codec == "projection" else 1
        return {
            ("num_bits",): 16 * size**2,
            ("num_times",): 480 * self.num_times,
            ("num_bits", "num_recalled"): 4 * size * (self.num_recalled or 1),
        }
