"""What is drawn and tabulated of a sweep over any study."""

from nam_jax.record import ImportPath, Study

study = Study(
    name="sweep",
    summary="Run a study with every combination of settings; what is computed is kept.",
    group="tools",
    example="sweep rate --grid load=0.2:1:5 --seeds 4",
    seconds=30,
    config=ImportPath("nam_jax.sweep:SweepConfig"),
    run=ImportPath("nam_jax.experiment.sweep._run:run"),
    table=ImportPath("nam_jax.experiment.sweep._run:table"),
    figure=ImportPath("nam_jax.experiment.sweep._figure:sweep"),
    more=ImportPath("nam_jax.experiment.sweep._figure:sweep_more"),
)
