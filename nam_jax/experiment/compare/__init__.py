"""Memories on real images: recall from damaged queries, and classes by what is recalled."""

from nam_jax.record import ImportPath, Study

study = Study(
    name="compare",
    summary="Compare memories on real images: recall from damaged queries, and classes.",
    group="try",
    example="compare --fast",
    seconds=100,
    config=ImportPath("nam_jax.experiment.compare._config:CompareConfig"),
    run=ImportPath("nam_jax.experiment.compare._run:run"),
    table=ImportPath("nam_jax.experiment.compare._tables:table"),
    figure=ImportPath("nam_jax.experiment.compare._figure:compare"),
    more=ImportPath("nam_jax.experiment.compare._figure:compare_more"),
    headline="recalled",
)
