"""Settings of `nam-jax train`."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from nam_jax.experiment.common import MEMORIES
from nam_jax.record import Count, Flips, Fraction, Positive, Seed, Whole


@dataclass(frozen=True)
class TrainConfig:
    """The images to store, the damage of cues, and how to train."""

    source: Annotated[str, Meta(min_length=1)] = "digits"
    """Images, as for `data.load_images`: digits, fashion-mnist, or a path, such as an IDX file."""
    threshold: Fraction = 0.5
    """Intensity from which a pixel is +1; duplicates are dropped."""
    num_patterns: Annotated[tuple[Count, ...], Meta(min_length=1)] = (10, 20, 40, 80, 160)
    """Numbers K of stored images."""
    level: Flips = 0.1
    """Fraction of flipped bits."""
    hidden: Fraction = 0.5
    """Fraction of the rows, from below, that are hidden in occluded cues and in inpainting."""
    margin: Positive = 0.1
    """Margin of the certificate: that of untrained networks, and the least of trained ones."""
    gains: Annotated[tuple[Positive, ...], Meta(min_length=1)] = (0.01, 0.3, 0.6, 0.8, 0.9)
    """Neural leaks; each certified network is run with the leak that is best on other cues."""
    gain: Positive = 0.9
    """The neural leak in training."""
    start: Literal["projection", "hebbian"] = "projection"
    """The rule from which training starts."""
    gradient: Literal["implicit", "through_solver", "equilibrium_propagation", "truncated"] = (
        "implicit"
    )
    """The gradient route."""
    train_patterns: bool = False
    """Whether patterns are trained too, besides couplings."""
    memories: Annotated[tuple[str, ...], MEMORIES.doc("Memories beside the trained one")] = (
        *("pseudo-inverse", "storkey", "power-4", "power-10", "power-20"),
    )
    steps: Count = 300
    """Steps of training for recall, at each K."""
    inpainting_steps: Count = 300
    """Steps of training for inpainting."""
    batch_size: Count = 32
    """Samples a step."""
    learning_rate: Positive = 0.01
    """Learning rate of Adam at the first step."""
    num_cues: Annotated[Whole, Meta(ge=2)] = 200
    """Cues of each damage on which a method is judged, one for each stored image; at most K."""
    num_stored: Count = 100
    """Images stored for inpainting."""
    num_training: Count = 1200
    """Images whose completion is trained; the stored ones are the first of them."""
    num_held_out: Annotated[Whole, Meta(ge=2)] = 300
    """Images that are only completed."""
    checkpoints: str | None = None
    """Folder for the state of training; after a break, the same command continues from it."""
    fast: bool = False
    """Two loads, half the steps and cues: under two minutes on two cores."""
    seed: Seed = 0
    """Seed of everything random."""

    def bytes_needed(self) -> dict[tuple[str, ...], float | int]:
        """Returns the bytes of one number for each sample, which has at least one pixel."""
        return {
            ("num_patterns",): 16 * max(self.num_patterns),
            ("num_training", "num_held_out"): 16 * (self.num_training + self.num_held_out),
            ("batch_size",): 1000 * self.batch_size,
            ("steps",): 2 * self.steps,
            ("inpainting_steps",): 2 * self.inpainting_steps,
        }
