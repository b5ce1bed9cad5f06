"""Store images in an astrocyte's process tensor and recall them from damaged cues (Figure 2)."""

from nam_jax.record import ImportPath, Study

study = Study(
    name="retrieve",
    summary="Store images in an astrocyte's process tensor and recall them from damaged cues.",
    group="try",
    example="retrieve",
    seconds=40,
    config=ImportPath("nam_jax.experiment.retrieve._config:RetrieveConfig"),
    run=ImportPath("nam_jax.experiment.retrieve._run:run"),
    table=ImportPath("nam_jax.experiment.retrieve._run:table"),
    figure=ImportPath("nam_jax.experiment.retrieve._figure:retrieve"),
    batched=True,
    headline="exact",
)
