"""The study `capacity`: how many random patterns memories hold, at several numbers of neurons."""

from nam_jax.record import ImportPath, Study

study = Study(
    name="capacity",
    summary="Measure how many random patterns memories hold, and how that grows with their size.",
    group="measure",
    example="capacity --fast --memories power-2 power-3",
    seconds=110,
    config=ImportPath("nam_jax.experiment.capacity._config:CapacityConfig"),
    run=ImportPath("nam_jax.experiment.capacity._run:run"),
    table=ImportPath("nam_jax.experiment.capacity._run:table"),
    figure=ImportPath("nam_jax.experiment.capacity._figure:capacity"),
    more=ImportPath("nam_jax.experiment.capacity._figure:capacity_per_cost"),
    check=ImportPath("nam_jax.experiment.capacity._run:check"),
    headline="capacity",
)
