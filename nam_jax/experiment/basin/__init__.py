"""The study `basin`: the shares of cues that recall their pattern, by damage and by load."""

from nam_jax.record import ImportPath, Study

study = Study(
    name="basin",
    summary="Measure from how damaged a cue a memory recalls, and what it reaches instead.",
    group="measure",
    example="basin --fast",
    seconds=40,
    config=ImportPath("nam_jax.experiment.basin._config:BasinConfig"),
    run=ImportPath("nam_jax.experiment.basin._run:run"),
    table=ImportPath("nam_jax.experiment.basin._run:table"),
    figure=ImportPath("nam_jax.experiment.basin._figure:basin"),
    check=ImportPath("nam_jax.experiment.basin._run:check"),
    headline="radius",
)
