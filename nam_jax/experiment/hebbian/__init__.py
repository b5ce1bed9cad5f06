"""Measures how the coefficients of the expanded Hebbian rule set its capacity."""

from nam_jax.record import ImportPath, Study

study = Study(
    name="hebbian",
    summary="Map capacity over the coefficients of the expanded Hebbian rule, and find the best.",
    group="measure",
    example="hebbian --fast",
    seconds=90,
    config=ImportPath("nam_jax.experiment.hebbian._config:HebbianConfig"),
    run=ImportPath("nam_jax.experiment.hebbian._run:run"),
    table=ImportPath("nam_jax.experiment.hebbian._run:table"),
    figure=ImportPath("nam_jax.experiment.hebbian._figure:hebbian"),
)
