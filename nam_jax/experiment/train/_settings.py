"""Settings of both trainings, for recall and for inpainting."""

from nam_jax.memory import AbstractPatternRule, Hebbian, Projection
from nam_jax.solve import Flow

RULES: dict[str, AbstractPatternRule] = {"hebbian": Hebbian(), "projection": Projection()}
"""Rules of the process tensor by their names in a config and in the Dataset."""

HOW = Flow(rest=1e-2, rtol=1e-3, atol=1e-4, max_steps=512)
"""How training brings networks to rest.

`rest` and the tolerances are those of `measure.COARSE`, with which trained networks are tested. A
step of training averages over a batch, so that it needs no smaller ones.
"""
