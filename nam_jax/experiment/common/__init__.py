"""What studies share: random problems, memories by name, styles of figures."""

from nam_jax.experiment.common._attributes import attributes
from nam_jax.experiment.common._binary_images import BinaryImages, binary_images
from nam_jax.experiment.common._lines import styled
from nam_jax.experiment.common._memories import Memory, memory_named
from nam_jax.experiment.common._random import (
    RandomProblem,
    Recalls,
    padded,
    patterns_of,
    random_problem,
    recall_all,
    starts,
)
from nam_jax.experiment.common._slopes import Slope, log_slope
from nam_jax.experiment.common._variants import (
    Exchanged,
    certified,
    reduced,
    released_with,
    ungated,
)

__all__ = [
    "BinaryImages",
    "Exchanged",
    "Memory",
    "RandomProblem",
    "Recalls",
    "Slope",
    "attributes",
    "binary_images",
    "certified",
    "log_slope",
    "memory_named",
    "padded",
    "patterns_of",
    "random_problem",
    "recall_all",
    "reduced",
    "released_with",
    "starts",
    "styled",
    "ungated",
]
