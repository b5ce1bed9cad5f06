"""Measures recall while calcium exchange between astrocyte processes is cut or modulated."""

from nam_jax.record import ImportPath, Study

study = Study(
    name="lesion",
    summary="Recall with cut calcium fluxes, changed astrocyte tone, and two coupled astrocytes.",
    group="reproduce",
    example="lesion --num-sets 2 --num-cues 8",
    seconds=75,
    config=ImportPath("nam_jax.experiment.lesion._config:LesionConfig"),
    run=ImportPath("nam_jax.experiment.lesion._run:run"),
    table=ImportPath("nam_jax.experiment.lesion._run:table"),
    figure=ImportPath("nam_jax.experiment.lesion._figure:lesion"),
)
