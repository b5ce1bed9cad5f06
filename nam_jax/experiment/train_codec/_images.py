"""Splits photographs into a part to train on and a part that is held out."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

Photograph = Float[np.ndarray, "_ _ 3"]


def split_columns(
    images: Mapping[str, Photograph], held_out: float
) -> tuple[dict[str, Photograph], dict[str, Photograph]]:
    """Cuts each photograph into a left and a right part, and returns both sets by name.

    Args:
        images: Photographs by name.
        held_out: Fraction of the columns, in (0, 1), that goes to the right part.
    """
    cuts = {name: round(image.shape[1] * (1 - held_out)) for name, image in images.items()}
    left = {name: image[:, : cuts[name]] for name, image in images.items()}
    return left, {name: image[:, cuts[name] :] for name, image in images.items()}
