"""Settings of `nam-jax transformer`."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from nam_jax.experiment.common import Names, Row, separations
from nam_jax.experiment.common import Whole as WholeNumber
from nam_jax.record import Count, ImportPath, Positive, Seed, Whole


def _made(name: str) -> ImportPath:
    return ImportPath(f"nam_jax.experiment.transformer._attentions:{name}")


ATTENTIONS = Names(
    "attentions",
    (
        Row("softmax", _made("softmax"), "a pass of the modern Hopfield network"),
        *separations(_made("dense")),
        Row("hebbian", _made("hebbian"), "linear attention, a correlation matrix"),
        Row("features", _made("features"), "the same with a trained feature map"),
        Row("astrocyte", _made("astrocyte"), "synapses and calcium, F random features (64)",
            WholeNumber("num_features", most=65536, optional=True, symbol="F")),
        Row("energy-block", _made("energy_block"), "blocks of the Energy Transformer, 4 heads"),
    ),
)  # fmt: skip
"""Attentions; each name makes an `Attention`."""


@dataclass(frozen=True)
class TransformerConfig:
    """The attentions, the lengths of sequences, and how to train."""

    attentions: Annotated[
        tuple[str, ...], Meta(min_length=1), ATTENTIONS.doc("Attentions to compare")
    ] = ("softmax", "rectified-3", "hebbian", "features")
    trained_pairs: Annotated[tuple[Count, ...], Meta(min_length=1)] = (2, 4, 8, 16)
    """Numbers of pairs of the sequences of a training batch, in equal shares."""
    tested_pairs: Annotated[tuple[Count, ...], Meta(min_length=1)] = (4, 8, 16, 32, 64, 128, 256)
    """Ascending numbers of pairs of the sequences that are tested."""
    num_values: Annotated[Whole, Meta(ge=2)] = 64
    """Tokens that are values."""
    num_keys: Count = 1024
    """Tokens that are keys in training; tests use as many other tokens as keys."""
    num_queries: Count = 8
    """Queries of a training sequence; a tested sequence has one query."""
    size: Annotated[Whole, Meta(ge=2, multiple_of=2)] = 64
    """Numbers in the vector of a token."""
    head_size: Annotated[Whole, Meta(ge=2)] = 32
    """Numbers in a query, key or value of the one head; the memory of hebbian has their square."""
    num_blocks: Count = 1
    """Blocks of the Transformer."""
    steps: Count = 400
    """Steps of training."""
    batch_size: Count = 64
    """Sequences a step, rounded up to a multiple of the number of trained lengths."""
    learning_rate: Positive = 0.003
    """Learning rate of Adam at the first step; it falls as a cosine."""
    num_seeds: Annotated[Whole, Meta(ge=2)] = 5
    """Independent codes, weights and batches, each tested on sequences of its own."""
    num_sequences: Annotated[Whole, Meta(ge=2)] = 256
    """Tested sequences of each length and seed."""
    fast: bool = False
    """Two seeds, half the steps and sequences, every second length: under three minutes."""
    seed: Seed = 0
    """Seed of everything random."""

    def bytes_needed(self) -> dict[tuple[str, ...], float | int]:
        """Returns the bytes of codes and weights, and of the activations of a batch."""
        size, values, head = self.size, self.num_values, self.head_size
        tested = self.tested_pairs[::2] if self.fast else self.tested_pairs
        sequences = max(self.num_sequences // 2, 2) if self.fast else self.num_sequences
        seeds = 2 if self.fast else self.num_seeds
        steps = 2 * min(self.trained_pairs)
        return {
            ("size", "num_keys", "num_values"): 4 * size * (2 * self.num_keys + values),
            ("size", "num_values"): 4 * size * values,
            ("size", "head_size", "num_blocks"): 4 * self.num_blocks * size * (9 * head + 4 * size),
            ("batch_size", "trained_pairs", "num_values"): 4 * self.batch_size * steps * values,
            ("batch_size", "trained_pairs", "size"): 4 * self.batch_size * steps * size,
            ("batch_size", "num_queries"): 4 * self.batch_size * self.num_queries,
            ("tested_pairs", "num_values"): 8 * max(tested) * values,
            ("tested_pairs", "size"): 8 * max(tested) * size,
            ("num_sequences",): 8 * sequences,
            ("num_seeds", "attentions"): 100 * seeds * len(self.attentions),
            ("steps",): 2 * self.steps,
        }
