"""The study `setwise`: pairs of neurons against sets of three, as connections of a memory."""

from nam_jax.record import ImportPath, Study

study = Study(
    name="setwise",
    summary="Compare memories of pairs, of triples, and of both, at equal numbers of connections.",
    group="measure",
    example="setwise --fast",
    seconds=40,
    config=ImportPath("nam_jax.experiment.setwise._config:SetwiseConfig"),
    run=ImportPath("nam_jax.experiment.setwise._run:run"),
    table=ImportPath("nam_jax.experiment.setwise._run:table"),
    figure=ImportPath("nam_jax.experiment.setwise._figure:setwise"),
    headline="recalled",
)
