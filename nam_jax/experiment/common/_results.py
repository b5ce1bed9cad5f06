"""How recalls ended, as one variable of every Dataset."""

from collections.abc import Sequence
from typing import Any

from jax.typing import ArrayLike

from nam_jax import solve


def result_variable(
    dims: str | Sequence[str], places: ArrayLike
) -> tuple[str | Sequence[str], ArrayLike, dict[str, Any]]:
    """The variable `result` of a Dataset: how each recall ended.

    Args:
        dims: Names of its axes.
        places: Places in `nam_jax.solve.OUTCOMES`; -1 where nothing was recalled. Their names
            stand in the attributes, as in the CF conventions, so that a file explains itself.
    """
    attrs = {
        "long_name": "how recall ended: place in nam_jax.solve.OUTCOMES",
        "units": "1",
        "flag_values": list(range(-1, len(solve.OUTCOMES))),
        "flag_meanings": " ".join(("undefined", *solve.OUTCOMES)),
    }
    return dims, places, attrs
