"""Recall by the dendritic memory: size of memories, noise, wiring, controls, scaling, damage."""

from typing import TYPE_CHECKING

from nam_jax._lazy import attach
from nam_jax.record import ImportPath, Study

study = Study(
    name="dendritic",
    summary="Recall by rates of neurons with dendrites: size, noise, wiring, controls.",
    group="reproduce",
    example="dendritic --fast --parts raster size",
    seconds=85,
    config=ImportPath("nam_jax.experiment.dendritic._config:DendriticConfig"),
    run=ImportPath("nam_jax.experiment.dendritic._run:run"),
    table=ImportPath("nam_jax.experiment.dendritic._run:table"),
    figure=ImportPath("nam_jax.experiment.dendritic._figure:dendritic"),
    more=ImportPath("nam_jax.experiment.dendritic._figure:dendritic_more"),
    headline="size_strict",
)

if TYPE_CHECKING:
    from nam_jax.experiment.dendritic._bench import Bench, Point
    from nam_jax.experiment.dendritic._changes import held, with_inhibition
    from nam_jax.experiment.dendritic._controls import (
        KINDS,
        Candidate,
        best_of,
        from_evoked,
        one_branch,
    )
    from nam_jax.experiment.dendritic._design import network_of, wiring_of
    from nam_jax.experiment.dendritic._recall import first
    from nam_jax.experiment.dendritic._trials import (
        Follow,
        TrialRates,
        ended,
        follow,
        from_features,
        judged,
        memories,
    )

__getattr__, __dir__ = attach(
    __name__,
    {
        "_bench": ["Bench", "Point"],
        "_changes": ["held", "with_inhibition"],
        "_controls": ["KINDS", "Candidate", "best_of", "from_evoked", "one_branch"],
        "_design": ["network_of", "wiring_of"],
        "_recall": ["first"],
        "_trials": [
            "Follow",
            "TrialRates",
            "ended",
            "follow",
            "from_features",
            "judged",
            "memories",
        ],
    },
)

__all__ = [
    "KINDS",
    "Bench",
    "Candidate",
    "Follow",
    "Point",
    "TrialRates",
    "best_of",
    "ended",
    "first",
    "follow",
    "from_evoked",
    "from_features",
    "held",
    "judged",
    "memories",
    "network_of",
    "one_branch",
    "study",
    "wiring_of",
    "with_inhibition",
]
