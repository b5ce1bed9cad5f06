"""Settings of `nam-jax train-codec`."""

from dataclasses import dataclass
from typing import Annotated

import msgspec

from nam_jax.record import Seed


@dataclass(frozen=True)
class TrainCodecConfig:
    """The training images, the codec, and how it is trained."""

    seed: Seed = 0
    """Seed of everything random: weights, crops, batches."""
    source: Annotated[str, msgspec.Meta(min_length=1, description="Images.")] = "photos"
    """Images: photos, digits, fashion-mnist, or a path (CIFAR-10 binary, MNIST format, folder)."""
    steps: Annotated[int, msgspec.Meta(ge=1, description="Training steps.")] = 3000
    """Training steps."""
    batch_size: Annotated[int, msgspec.Meta(ge=2, description="Images a step.")] = 32
    """Images a step."""
    learning_rate: Annotated[float, msgspec.Meta(gt=0, description="Peak rate.")] = 5e-3
    """Peak learning rate of Adam; it warms up over a tenth of the steps and then decays."""
    num_bits: Annotated[int, msgspec.Meta(ge=1, description="Bits a code.")] = 768
    """Bits of a code: a multiple of (height / 4) (width / 4) of the images."""
    width: Annotated[int, msgspec.Meta(ge=1, description="Features.")] = 96
    """Features at each place of the feature map."""
    depth: Annotated[int, msgspec.Meta(ge=1, description="Blocks.")] = 2
    """Residual blocks in the encoder, and as many in the decoder."""
    overlap_weight: Annotated[float, msgspec.Meta(ge=0, description="Penalty.")] = 1.0
    """Weight of the mean squared overlap between the codes of a batch."""
    num_crops: Annotated[int, msgspec.Meta(ge=2, description="Training crops.")] = 20000
    """Random crops of the photographs to train on (source photos only)."""
    num_validation: Annotated[int, msgspec.Meta(ge=2, description="Held-out images.")] = 500
    """Held-out images, at most; crops of the held-out columns for source photos."""
    validation_fraction: Annotated[float, msgspec.Meta(gt=0, lt=1, description="Part.")] = 0.2
    """Fraction of each photograph's columns, or of the images of another source, held out."""
