"""Predictive coding networks as memories: hierarchical, and recurrent with two dynamics."""

from nam_jax.record import ImportPath, Study

study = Study(
    name="predictive",
    summary="Complete stored digits with hierarchical and recurrent predictive coding networks.",
    group="train",
    example="predictive --fast",
    seconds=30,
    config=ImportPath("nam_jax.experiment.predictive._config:PredictiveConfig"),
    run=ImportPath("nam_jax.experiment.predictive._run:run"),
    table=ImportPath("nam_jax.experiment.predictive._run:table"),
    figure=ImportPath("nam_jax.experiment.predictive._figure:predictive"),
    headline="score",
)
