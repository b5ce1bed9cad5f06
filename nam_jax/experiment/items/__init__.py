"""Images stored as sets of neurons of a dendritic memory, by a learned cue map and read-out."""

from nam_jax.record import ImportPath, Study

study = Study(
    name="items",
    summary="Store images as sets of neurons of a dendritic memory by learned maps to and from it.",
    group="train",
    example="items --fast",
    seconds=120,
    config=ImportPath("nam_jax.experiment.items._config:ItemsConfig"),
    run=ImportPath("nam_jax.experiment.items._run:run"),
    table=ImportPath("nam_jax.experiment.items._run:table"),
    figure=ImportPath("nam_jax.experiment.items._figure:items"),
    more=ImportPath("nam_jax.experiment.items._figure:items_more"),
    headline="exact",
)
