"""Train the binary autoencoder on crops of photographs and compare it with simple codecs."""

from nam_jax.record import ImportPath, Study

study = Study(
    name="train-codec",
    summary="Train the binary autoencoder that turns images into patterns.",
    group="train",
    example="train-codec --steps 100",
    seconds=60,
    config=ImportPath("nam_jax.experiment.train_codec._config:TrainCodecConfig"),
    run=ImportPath("nam_jax.experiment.train_codec._run:run"),
    table=ImportPath("nam_jax.experiment.train_codec._run:table"),
    figure=ImportPath("nam_jax.experiment.train_codec._figure:train_codec"),
)
