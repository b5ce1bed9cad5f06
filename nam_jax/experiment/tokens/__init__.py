"""The study `tokens`: completion of digits by the block of the Energy Transformer."""

from nam_jax.record import ImportPath, Study

study = Study(
    name="tokens",
    summary="Train blocks of the Energy Transformer to complete digits, with and without a part.",
    group="train",
    example="tokens --fast",
    seconds=80,
    config=ImportPath("nam_jax.experiment.tokens._config:TokensConfig"),
    run=ImportPath("nam_jax.experiment.tokens._run:run"),
    table=ImportPath("nam_jax.experiment.tokens._dataset:table"),
    figure=ImportPath("nam_jax.experiment.tokens._figure:tokens"),
    more=ImportPath("nam_jax.experiment.tokens._figure:more"),
    headline="squared_error",
)
