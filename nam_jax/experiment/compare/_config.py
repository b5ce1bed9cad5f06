"""Settings of `nam-jax compare`."""

import dataclasses
import itertools
from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from nam_jax.experiment.common import (
    MEMORIES,
    SEPARATIONS,
    SIMILARITIES,
    WEIGHTINGS,
)
from nam_jax.record import Count, Flips, Fraction, Positive, Seed, Whole

Counts = Annotated[tuple[Annotated[Whole, Meta(ge=2)], ...], Meta(min_length=1)]
Texts = Annotated[tuple[str, ...], Meta(min_length=1)]


@dataclass(frozen=True)
class CompareConfig:
    """The images to store, the damage of queries and cues, and the memories to compare."""

    source: Annotated[str, Meta(min_length=1)] = "digits"
    """Labelled images, as for `data.load_images`: digits, fashion-mnist, or a path."""
    num_stored: Counts = (10, 100, 1000)
    """Numbers K of stored grey images."""
    num_queries: Count = 500
    """Queries of each damage."""
    hidden: Fraction = 0.5
    """Fraction of the rows, from below, that are hidden."""
    clamped: tuple[Positive, ...] = (0.3, 0.5)
    """Standard deviations of the noise n with which a pixel x becomes min(|x + n|, 1)."""
    unbiased: tuple[Positive, ...] = (1.0,)
    """Standard deviations of the noise n with which a pixel x becomes x + n."""
    similarities: Annotated[Texts, SIMILARITIES.doc("Similarities of grey images")] = (
        *("dot", "cosine", "pearson", "euclid", "manhattan"),
        *("visible-cosine", "visible-euclid", "visible-manhattan"),
    )
    weightings: Annotated[Texts, WEIGHTINGS.doc("What they become, scaled to [0, 1]")] = (
        *("identity", "polynomial-3", "polynomial-10", "threshold-0.9", "top-5"),
        *("softmax-100", "max"),
    )
    threshold: Fraction = 0.5
    """Intensity from which a pixel of a black and white image is +1."""
    num_patterns: Counts = (10, 20, 40, 80, 160, 640)
    """Numbers K of stored black and white images."""
    num_cues: Count = 100
    """Cues of each damage of black and white images, one an image; at most K."""
    flips: Annotated[tuple[Flips, ...], Meta(min_length=1)] = (
        0.1,
        0.3,
    )
    """Fractions of flipped bits. One more cue has the lower rows hidden, as set by `hidden`."""
    memories: Annotated[tuple[str, ...], MEMORIES.doc("Memories of black and white images")] = (
        *("hebb", "covariance", "expanded-hebb", "decay-0.1", "clamped-oja-0.1", "free-oja-100"),
        *("sanger-100", "oja-subspace-100", "unlearning-100", "storkey", "perceptron-100"),
        *("pseudo-inverse", "power-3", "power-4", "power-6", "power-10", "power-20", "power-40"),
        *("rectified-3", "rectified-4", "rectified-6", "rectified-10", "rectified-20"),
        *("rectified-40", "exponential", "log-sum-exp-0.1", "log-sum-exp-1", "single-pass-4"),
        "released",
    )
    largest_iterated: Count = 160
    """Largest K for learning rules that see the patterns many times, and for Storkey's rule."""
    largest_astrocyte: Count = 160
    """Largest K for memories with continuous time, such as neuron-astrocyte networks."""
    num_astrocyte_cues: Count = 100
    """Cues of each damage for memories with continuous time: the first cues of all memories."""
    margin: Positive = 0.1
    """Margin of the certified networks, whose tensor is Hebbian, a projection, or trained."""
    gain: Positive = 0.9
    """Neural leak of the certified networks, in units of the leak above which no memory supports
    itself."""
    training_steps: Count = 150
    """Steps of training of the trained tensor, at each K."""
    num_known: Counts = (100, 1000)
    """Numbers of labelled images that classifiers know."""
    num_test: Count = 500
    """Held-out images to be classified."""
    num_recalled: Annotated[Whole, Meta(ge=2)] = 1000
    """Images that are stored, for recall, and on which the classifier of recalls is trained."""
    class_separations: Annotated[
        tuple[str, ...], SEPARATIONS.doc("Separation functions of dense memories that classify")
    ] = ("rectified-2", "rectified-4", "rectified-11", "rectified-21", "rectified-41")
    beta: Positive = 3.0
    """Steepness of the softmax of squared Euclidean distances, for classes."""
    ridge: Positive = 10.0
    """Penalty of the ridge regression."""
    fast: bool = False
    """Fewer loads, memories and queries: under three minutes on two cores."""
    seed: Seed = 0
    """Seed of everything random."""

    def bytes_needed(self) -> dict[tuple[str, ...], float | int]:
        """Returns the bytes of the similarities of all queries to all stored images."""
        used = quick(self) if self.fast else self
        return {
            ("num_stored", "num_queries"): 4 * max(used.num_stored) * used.num_queries,
            ("num_recalled", "num_test"): 4 * used.num_recalled * min(used.num_test, 500),
            ("num_known", "num_test"): 4 * max(used.num_known) * min(used.num_test, 500),
        }


def quick(config: CompareConfig) -> CompareConfig:
    """Returns the config of a fast run: fewer loads, memories and queries."""
    small = [num for num in config.num_patterns if num <= config.largest_astrocyte]
    return dataclasses.replace(
        config,
        num_stored=config.num_stored[1:] or config.num_stored,
        num_queries=min(config.num_queries, 200),
        num_patterns=(max(small or config.num_patterns),),
        num_cues=min(config.num_cues, 50),
        memories=_thinned(config.memories),
        training_steps=max(config.training_steps // 5, 1),
        num_known=config.num_known[:2],
        num_test=min(config.num_test, 500),
        num_recalled=min(config.num_recalled, 1000),
    )


def _thinned(names: tuple[str, ...]) -> tuple[str, ...]:
    """Every second name of a kind that has three or more names in a row.

    For example, power-3, power-4, power-6 and power-10 become power-4 and power-10.
    """
    kept: list[str] = []
    for _, group in itertools.groupby(names, key=lambda name: MEMORIES.row_of(name, "memories")):
        kind = list(group)
        kept += kind[1::2] if len(kind) > 2 else kind
    return tuple(kept)
