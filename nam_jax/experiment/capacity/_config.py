"""Settings of `nam-jax capacity`."""

from dataclasses import dataclass
from typing import Annotated, Literal

from msgspec import Meta

from nam_jax.experiment.common import MEMORIES
from nam_jax.record import Count, Flips, Seed, Whole

Sizes = Annotated[tuple[Annotated[Whole, Meta(ge=2)], ...], Meta(min_length=1)]


@dataclass(frozen=True)
class CapacityConfig:
    """The memories, their sizes, and the criterion by which a pattern counts as stored."""

    memories: Annotated[
        tuple[str, ...], Meta(min_length=1), MEMORIES.doc("Memories to measure")
    ] = ("power-2", "power-3", "power-4", "single-pass-4")
    sizes: Sizes = (40, 80, 120)
    """Numbers of neurons N. At multiples of 40 the default criterion means one share of bits: 10 %
    flipped in the cue, and 2.5 % wrong."""
    criterion: Literal["one-step", "fixed-point", "recall"] = "recall"
    """When a pattern counts as stored. one-step: one update leaves few wrong bits; fixed-point: no
    update changes it; recall: it is recalled from a damaged cue."""
    error: Annotated[float, Meta(gt=0, lt=0.5)] = 0.005
    """one-step: probability of a wrong bit."""
    flips: Flips = 0.1
    """recall: fraction of flipped bits of a cue."""
    overlap: Annotated[float, Meta(gt=0, le=1)] = 0.95
    """recall: least overlap that counts as recalled. 1 asks for every bit; capacity then grows a
    little slower than N^(n-1). No exponent is fitted if the wrong bits that are allowed,
    floor((1 - overlap) N / 2), are not one share of all sizes."""
    updates: Literal["one-by-one", "all-at-once"] = "one-by-one"
    """recall: in which order neurons of a binary network are updated. The memories single-pass
    are always updated all at once."""
    all_patterns: bool = False
    """Require that all K patterns are stored, rather than a given one."""
    num_sets: Annotated[Whole, Meta(ge=2)] = 24
    """Independent sets of patterns."""
    num_queries: Count = 8
    """Patterns of each set that are asked for."""
    largest: Count = 30_000
    """The largest K that is tried; a memory that holds more is reported as above a bound."""
    fast: bool = False
    """The first two sizes and half the sets: under three minutes on two cores."""
    seed: Seed = 0
    """Seed of everything random."""

    def bytes_needed(self) -> dict[tuple[str, ...], float | int]:
        """Returns the bytes of the patterns of a set, as bits, int64 and float32, and of resamples.

        Fewer than N / 20 patterns are tried only for memories that hold almost nothing.
        """
        sizes, sets = self.sizes, self.num_sets
        if self.fast:
            sizes, sets = sizes[:2], max(2, sets // 2)
        tried = min(self.largest, max(sizes) // 20)
        return {
            ("sizes", "largest"): 13 * max(sizes) * max(1, tried),
            ("num_sets",): 8000 * sets,
        }
