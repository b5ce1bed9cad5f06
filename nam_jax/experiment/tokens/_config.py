"""Settings of `nam-jax tokens`."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from nam_jax.record import Count, Positive, Seed, Whole

StepSizes = Annotated[tuple[Positive, ...], Meta(min_length=1)]


@dataclass(frozen=True)
class TokensConfig:
    """The block, how it is trained, and how it is tested."""

    num_hidden: Annotated[int, Meta(ge=1, le=15)] = 8
    """Patches of 2 x 2 pixels, of 16, that are not known."""
    size: Annotated[Whole, Meta(ge=2)] = 64
    """Numbers in a token."""
    num_heads: Count = 8
    """Heads of the attention."""
    head_size: Count = 8
    """Numbers in a query or key of a head."""
    num_memories: Count = 128
    """Patterns of the memory."""
    block_steps: Count = 3
    """Steps of a block in training, each of length 1."""
    tested_steps: Count = 40
    """Largest number of steps in tests, at least the number in training."""
    step_sizes: StepSizes = (0.3, 1.0, 3.0)
    """Lengths of steps at which rises of the energy are counted."""
    steps: Count = 4800
    """Steps of training."""
    batch_size: Annotated[int, Meta(ge=1, le=797)] = 64
    """Images of a step of training."""
    learning_rate: Positive = 0.005
    """Learning rate of Adam after a rise of 50 steps; then it falls to 0 as a cosine."""
    num_seeds: Annotated[Whole, Meta(ge=2)] = 2
    """Independent weights and batches."""
    num_test: Annotated[int, Meta(ge=8, le=1000)] = 360
    """Images that are tested; the other ones of 1797 train."""
    num_masks: Count = 4
    """Choices of hidden patches of each tested image."""
    fast: bool = False
    """100 steps of training, one choice of hidden patches: under a minute on two cores."""
    seed: Seed = 0
    """Seed of everything random."""

    def bytes_needed(self) -> dict[tuple[str, ...], float | int]:
        """Returns the bytes of weights, and of the activations of training and of tests."""
        width = self.num_heads * self.head_size
        masks = 1 if self.fast else self.num_masks
        activations = 4 * 16 * (self.size + 2 * width + 16 * self.num_heads + self.num_memories)
        tested = self.num_test * masks
        weights = 8 * self.size * (2 * width + self.num_memories + 40)
        return {
            ("size", "num_heads", "head_size", "num_memories", "batch_size"): weights
            * (2 + self.batch_size),
            ("size", "num_heads", "head_size", "num_memories", "block_steps", "batch_size"): 2
            * activations
            * self.block_steps
            * self.batch_size,
            ("size", "tested_steps"): 4 * 16 * self.size * 64 * self.tested_steps,
            ("num_test", "num_masks", "tested_steps"): 16 * tested * self.tested_steps,
            ("num_test", "num_masks"): 4 * 64 * 8 * tested,
            ("num_seeds",): 12 * self.num_seeds * (tested + self.tested_steps),
        }
