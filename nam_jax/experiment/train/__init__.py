"""Training: recall of correlated images by trained and untrained tensors, and inpainting."""

from typing import TYPE_CHECKING

from nam_jax._lazy import attach
from nam_jax.record import ImportPath, Study

study = Study(
    name="train",
    summary="Train the tensor on correlated images and compare recall and inpainting.",
    group="train",
    example="train --fast",
    seconds=90,
    config=ImportPath("nam_jax.experiment.train._config:TrainConfig"),
    run=ImportPath("nam_jax.experiment.train._run:run"),
    table=ImportPath("nam_jax.experiment.train._run:table"),
    figure=ImportPath("nam_jax.experiment.train._figure:train"),
    more=ImportPath("nam_jax.experiment.train._figure:train_more"),
    headline="exact",
)

if TYPE_CHECKING:
    from nam_jax.experiment.train._config import TrainConfig
    from nam_jax.experiment.train._recall import trained

__getattr__, __dir__ = attach(
    __name__,
    {
        "_config": ["TrainConfig"],
        "_recall": ["trained"],
    },
)

__all__ = [
    "TrainConfig",
    "study",
    "trained",
]
