"""Settings of `nam-jax items`."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from nam_jax.experiment.common import MEMORIES
from nam_jax.record import Seed

Count = Annotated[int, Meta(ge=1)]
Positive = Annotated[float, Meta(gt=0)]


@dataclass(frozen=True)
class ItemsConfig:
    """The images and the memory, the ways to learn maps, and the damage of cues."""

    source: Annotated[str, Meta(min_length=1)] = "digits"
    """Images, as for `data.load_images`: digits, fashion-mnist, or a path, such as an IDX file."""
    threshold: Annotated[float, Meta(gt=0, lt=1)] = 0.5
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
    methods: Annotated[tuple[str, ...], Meta(min_length=1)] = (
        "hebbian",
        "ridge",
        "gradient",
        "ridge-features",
    )
    """Ways to learn maps: hebbian, ridge, gradient (cues drive memory neurons), or
    hebbian-features, ridge-features (cues are the rates of feature neurons)."""
    erased: Annotated[float, Meta(gt=0, lt=1)] = 0.3
    """Share of pixels erased at random in training, a damage that is not tested."""
    level: Annotated[float, Meta(ge=0, le=0.5)] = 0.1
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
    num_networks: Annotated[int, Meta(ge=2)] = 3
    """Independent networks, each with images, sets and cues of its own."""
    num_cues: Annotated[int, Meta(ge=2)] = 48
    """Cues of each damage, one for each image; at most K of them count."""
    num_selection: Annotated[int, Meta(ge=2)] = 64
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
