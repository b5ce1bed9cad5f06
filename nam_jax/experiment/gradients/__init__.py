"""Compares gradient routes with finite differences, from saturation to the critical point."""

from nam_jax.record import ImportPath, Study

study = Study(
    name="gradients",
    summary="Judge gradient routes by finite differences, from saturation to the critical point.",
    group="measure",
    example="gradients --fast",
    seconds=120,
    config=ImportPath("nam_jax.experiment.gradients._config:GradientsConfig"),
    run=ImportPath("nam_jax.experiment.gradients._run:run"),
    table=ImportPath("nam_jax.experiment.gradients._run:table"),
    figure=ImportPath("nam_jax.experiment.gradients._figure:gradients"),
)
