"""The ledger of claims: a check of every claim of the theory, with a measured verdict."""

from nam_jax.record import ImportPath, Study

study = Study(
    name="claims",
    summary="Check every claim of the theory and say where it holds.",
    group="reproduce",
    example="claims --fast --only capacity gating",
    seconds=110,
    config=ImportPath("nam_jax.experiment.claims._config:ClaimsConfig"),
    run=ImportPath("nam_jax.experiment.claims._run:run"),
    table=ImportPath("nam_jax.experiment.claims._run:table"),
    figure=ImportPath("nam_jax.experiment.claims._figure:claims"),
    more=ImportPath("nam_jax.experiment.claims._figure:claim_figures"),
)
