"""The share of damaged cues that one memory recalls at one size, load and damage."""

from nam_jax.record import ImportPath, Study

study = Study(
    name="rate",
    summary="Measure how many damaged cues a memory recalls at one size, load and damage.",
    group="measure",
    example="rate --memory power-3 --load 0.5",
    seconds=15,
    config=ImportPath("nam_jax.experiment.rate._config:RateConfig"),
    run=ImportPath("nam_jax.experiment.rate._run:run"),
    table=ImportPath("nam_jax.experiment.rate._run:table"),
    figure=ImportPath("nam_jax.experiment.rate._figure:rate"),
    run_many=ImportPath("nam_jax.experiment.rate._run:run_many"),
    stacked=("seed", "flips", "overlap"),
    check=ImportPath("nam_jax.experiment.rate._run:check"),
    headline="recalled",
)
