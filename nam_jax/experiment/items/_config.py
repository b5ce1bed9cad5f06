"""Settings of `nam-jax items`."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from nam_jax.experiment.common import MEMORIES, Names, Row
from nam_jax.record import Count, Flips, Fraction, ImportPath, Positive, Seed, Whole


def _method(name: str) -> ImportPath:
    return ImportPath(f"nam_jax.experiment.items._methods:{name}")


METHODS = Names(
    "methods",
    (
        Row("hebbian", _method("hebbian"), "both maps by Hebb's rule, cues drive memory neurons"),
        Row("ridge", _method("ridge"), "both maps by least squares"),
        Row("gradient", _method("gradient"), "the cue map by logistic regression"),
        Row("hebbian-features", _method("hebbian_features"), "cues are rates of feature neurons"),
        Row("ridge-features", _method("ridge_features"), "so too, by least squares"),
    ),
)
"""Ways to learn the maps; each name makes a `Method`."""


@dataclass(frozen=True)
class ItemsConfig:
    """The images and the memory, the ways to learn maps, and the damage of cues."""

    source: Annotated[str, Meta(min_length=1)] = "digits"
    """Images, as for `data.load_images`: digits, fashion-mnist, or a path, such as an IDX file."""
    threshold: Fraction = 0.5
    """Intensity from which a pixel is +1; duplicates are dropped."""
    num_items: Annotated[tuple[Count, ...], Meta(min_length=1)] = (20, 40, 80, 160, 320, 640)
    """Ascending numbers K of stored images."""
    num_memory: Count = 200
    """Memory neurons, N1."""
    num_feature: Count = 2000
    """Feature neurons, N2."""
    num_branches: Count = 100
    """Branches of each feature neuron, D; thresholds are known only for some sizes N1, N2, D."""
    num_members: Count = 2
    """Memory neurons that stand for an image, k."""
    methods: Annotated[tuple[str, ...], Meta(min_length=1), METHODS.doc("How maps are learned")] = (
        *("hebbian", "ridge", "gradient", "ridge-features"),
    )
    erased: Fraction = 0.3
    """Share of pixels erased at random in training, a damage that is not tested."""
    level: Flips = 0.1
    """Share of flipped pixels in flipped cues."""
    noise: Positive = 1.0
    """Standard deviation of the noise in noisy cues; pixels are -1 and +1."""
    memories: Annotated[
        tuple[str, ...],
        MEMORIES.doc("Memories of as many synapses, their neurons updated one after another"),
    ] = ("power-4", "power-20")
    steps: Count = 600
    """Steps of gradient training."""
    learning_rate: Positive = 0.05
    """Learning rate of Adam."""
    num_networks: Annotated[Whole, Meta(ge=2)] = 3
    """Independent networks, each with images, sets and cues of its own."""
    num_cues: Annotated[Whole, Meta(ge=2)] = 48
    """Cues of each damage, one for each image; at most K of them count."""
    num_selection: Annotated[Whole, Meta(ge=2)] = 64
    """Cues with erased pixels on which gains and thresholds are chosen."""
    time: Positive = 200.0
    """Duration of a recall, in ms."""
    step: Positive = 4.0
    """Step of exponential Euler, in ms."""
    fast: bool = False
    """Two networks, every third load, the last memory, half the steps and cues: under three minutes
    on two cores."""
    seed: Seed = 0
    """Seed of everything random."""

    def bytes_needed(self) -> dict[tuple[str, ...], float | int]:
        """Returns the bytes of the synapses of a network, and of rates and sets of the items."""
        items = max(self.num_items[::3] if self.fast else self.num_items)
        cues = max(self.num_cues // 2, 2) if self.fast else self.num_cues
        networks = 2 if self.fast else self.num_networks
        chosen = max(self.num_selection // 2, 2) if self.fast else self.num_selection
        memory, feature, branches = self.num_memory, self.num_feature, self.num_branches
        return {
            ("num_networks", "num_items"): 100 * networks * len(self.num_items),
            ("steps",): 4 * self.steps,
            ("num_memory", "num_feature"): 7 * memory * feature + memory**2 // 2 + feature**2,
            ("num_feature", "num_branches"): 4 * feature * branches,
            ("num_items", "num_memory", "num_feature"): 4 * items * (memory + feature),
            ("num_cues", "num_memory", "num_feature"): 16 * cues * (memory + feature),
            ("num_selection", "num_memory", "num_feature"): 4 * chosen * (memory + feature),
        }
