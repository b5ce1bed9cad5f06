"""Kinds of settings: types of fields that say the range of their values.

Every number of a setting has a least and a largest value. JAX counts in 32 bits and computes in
float32 by default: larger whole numbers would overflow, and with larger or smaller real numbers a
product of three would.
"""

from dataclasses import dataclass
from typing import Annotated, final

from msgspec import Meta

MOST = 2**31 - 1
"""Largest whole number of a setting."""
FARTHEST = 1e12
"""Largest size of a real number of a setting."""

Seed = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""Seed of random keys: every seed gives a run of its own."""
Whole = Annotated[int, Meta(le=MOST)]
"""Whole number; the field says the least value."""
Count = Annotated[int, Meta(ge=1, le=MOST)]
"""Whole number of at least 1."""
Number = Annotated[float, Meta(ge=-FARTHEST, le=FARTHEST)]
"""Number of either sign."""
AtMost = Annotated[float, Meta(le=FARTHEST)]
"""Number; the field says the least value."""
Positive = Annotated[float, Meta(ge=1 / FARTHEST, le=FARTHEST)]
"""Number above 0."""
Share = Annotated[float, Meta(ge=0, le=1)]
"""Share of a whole."""
Fraction = Annotated[float, Meta(gt=0, lt=1)]
"""Share that is neither nothing nor all."""
Flips = Annotated[float, Meta(ge=0, le=0.5)]
"""Share of flipped bits; half of the bits is as bad as it gets."""


@final
@dataclass(frozen=True)
class Named:
    """What stands in the type of a field that takes names.

    For example, `device: Annotated[str, Named("Where to compute.", ("cpu", "gpu"))]`.
    """

    text: str
    """The help of the field."""
    words: tuple[str, ...]
    """Names that shells offer; the field may take others too."""
