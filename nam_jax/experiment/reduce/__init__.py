"""Recalls equal cues with the full network and with its reductions, down to a dense memory."""

from nam_jax.record import ImportPath, Study

study = Study(
    name="reduce",
    summary="Walk from the full network to the discrete dense memory on the same cues.",
    group="reproduce",
    example="reduce",
    seconds=50,
    config=ImportPath("nam_jax.experiment.reduce._config:ReduceConfig"),
    run=ImportPath("nam_jax.experiment.reduce._run:run"),
    table=ImportPath("nam_jax.experiment.reduce._run:table"),
    figure=ImportPath("nam_jax.experiment.reduce._figure:reduce"),
)
