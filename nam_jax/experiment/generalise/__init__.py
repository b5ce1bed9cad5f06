"""Measures the outputs of a dense memory that stores more and more samples of a manifold."""

from nam_jax.record import ImportPath, Study

study = Study(
    name="generalise",
    summary="Store ever more samples of a circle or sphere: memorised, spurious, generalised.",
    group="measure",
    example="generalise --fast",
    seconds=65,
    config=ImportPath("nam_jax.experiment.generalise._config:GeneraliseConfig"),
    run=ImportPath("nam_jax.experiment.generalise._run:run"),
    table=ImportPath("nam_jax.experiment.generalise._run:table"),
    figure=ImportPath("nam_jax.experiment.generalise._figure:generalise"),
)
