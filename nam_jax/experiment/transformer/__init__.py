"""The study `transformer`: associative recall by Transformers with several kinds of attention."""

from nam_jax.record import ImportPath, Study

study = Study(
    name="transformer",
    summary="Train Transformers with softmax, dense or Hebbian attention on associative recall.",
    group="train",
    example="transformer --fast",
    seconds=100,
    config=ImportPath("nam_jax.experiment.transformer._config:TransformerConfig"),
    run=ImportPath("nam_jax.experiment.transformer._run:run"),
    table=ImportPath("nam_jax.experiment.transformer._run:table"),
    figure=ImportPath("nam_jax.experiment.transformer._figure:transformer"),
    batched=True,
    headline="mean",
)
