"""Tells known cues from unknown cues by leak gating: the network stays active or falls silent."""

from nam_jax.record import ImportPath, Study

study = Study(
    name="recognise",
    summary="Tell known cues from unknown ones by whether a leak-gated network stays active.",
    group="try",
    example="recognise",
    seconds=50,
    config=ImportPath("nam_jax.experiment.recognise._config:RecogniseConfig"),
    run=ImportPath("nam_jax.experiment.recognise._run:run"),
    table=ImportPath("nam_jax.experiment.recognise._run:table"),
    figure=ImportPath("nam_jax.experiment.recognise._figure:recognise"),
    more=ImportPath("nam_jax.experiment.recognise._figure:more"),
    headline="exact",
)
