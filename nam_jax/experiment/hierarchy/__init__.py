"""Trains memories with one, two and convolutional hidden layers to complete stored digits."""

from nam_jax.record import ImportPath, Study

study = Study(
    name="hierarchy",
    summary="Complete stored digits with memories of one, two and convolutional hidden layers.",
    group="train",
    example="hierarchy --fast",
    seconds=60,
    config=ImportPath("nam_jax.experiment.hierarchy._config:HierarchyConfig"),
    run=ImportPath("nam_jax.experiment.hierarchy._run:run"),
    table=ImportPath("nam_jax.experiment.hierarchy._run:table"),
    figure=ImportPath("nam_jax.experiment.hierarchy._figure:hierarchy"),
    headline="score",
)
