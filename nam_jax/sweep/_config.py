"""Settings of a sweep: a study, the values of its fields, and the seeds."""

import re
from dataclasses import dataclass, field
from typing import Annotated, Any

from msgspec import Meta

from nam_jax.record import Count

Value = Any
"""A value of a field as TOML has it; a list is one value of a field that takes a list."""
Values = Any
"""Values of a field: a list of them, or a range as text, such as "0.05:0.3:6"."""


@dataclass(frozen=True)
class SweepConfig:
    """Which study is run, with which settings.

    For example, in TOML:

        study = "rate"
        seeds = 20

        [settings]
        memory = "power-2"

        [grid]
        num_neurons = [64, 128]
        load = "0.05:0.2:16"
    """

    study: Annotated[str, Meta(min_length=1)] = "rate"
    """Name of the study."""
    seeds: Count | None = None
    """Number of seeds of each point of the grid: the seed of `settings`, and those after it. None:
    only that one, without a dimension `seed`."""
    chunk: Count | None = None
    """The largest number of units in a chunk; None: as many as take about a minute."""
    settings: dict[str, Value] = field(default_factory=dict)
    """Values of fields that are the same in all units; other fields have their defaults."""
    grid: dict[str, Values] = field(default_factory=dict)
    """Values by field; every value of a field is combined with every value of the others."""
    zip: list[dict[str, Values]] = field(default_factory=list)
    """Groups of fields whose values go together, first with first, second with second."""


RANGE = re.compile(r"([^:\s]+):([^:\s]+):(\d{1,7})(:log)?")
"""A range: first and last value and their number, evenly spaced, or by equal factors."""
