"""Settings of `nam-jax train-codec`."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from nam_jax.record import AtMost, Count, Fraction, Positive, Seed, Whole


@dataclass(frozen=True)
class TrainCodecConfig:
    """The training images, the codec, and how it is trained."""

    seed: Seed = 0
    """Seed of everything random: weights, crops, batches."""
    source: Annotated[str, Meta(min_length=1)] = "photos"
    """Images: photos, digits, fashion-mnist, or a path (CIFAR-10 binary, MNIST format, folder)."""
    steps: Count = 3000
    """Training steps."""
    batch_size: Annotated[Whole, Meta(ge=2)] = 32
    """Images a step."""
    learning_rate: Positive = 5e-3
    """Peak learning rate of Adam; it warms up over a tenth of the steps and then decays."""
    num_bits: Count = 768
    """Bits of a code: a multiple of (height / 4) (width / 4) of the images."""
    width: Count = 96
    """Features at each place of the feature map."""
    depth: Count = 2
    """Residual blocks in the encoder, and as many in the decoder."""
    overlap_weight: Annotated[AtMost, Meta(ge=0)] = 1.0
    """Weight of the mean squared overlap between the codes of a batch."""
    num_crops: Annotated[Whole, Meta(ge=2)] = 20000
    """Random crops of the photographs to train on (source photos only)."""
    num_validation: Annotated[Whole, Meta(ge=2)] = 500
    """Held-out images, at most; crops of the held-out columns for source photos."""
    validation_fraction: Fraction = 0.2
    """Fraction of each photograph's columns, or of the images of another source, held out."""

    def bytes_needed(self) -> dict[tuple[str, ...], float | int]:
        """Returns the bytes of weights with gradients and two moments, of crops, and of a batch."""
        photos = self.source == "photos"
        places = 64 if photos else 1
        weights = 16 * 2 * (10 * self.depth * self.width**2)
        return {
            ("width", "depth"): weights + 16 * 2 * 48 * self.width,
            ("width", "num_bits"): 16 * 2 * self.width * (self.num_bits // places),
            ("num_crops",): 8 * 3072 * self.num_crops if photos else 0,
            ("num_validation",): 8 * 3072 * self.num_validation if photos else 0,
            ("batch_size", "width"): 4 * 9 * places * self.batch_size * self.width,
            ("steps",): 8 * self.steps,
            ("batch_size", "num_bits"): 4 * self.batch_size * self.num_bits,
        }
