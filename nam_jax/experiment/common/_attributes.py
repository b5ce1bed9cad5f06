"""The attributes that let a run be repeated, with its device."""

from typing import Any

import jax.numpy as jnp

from nam_jax import record


def attributes(config: Any, *, seed: int | None = None) -> dict[str, Any]:
    """Returns the attributes of a run's Dataset: config, seed, versions of packages, device.

    Args:
        config: The settings of the run, a dataclass.
        seed: The seed of the run, for a config that has no field `seed`.
    """
    (device,) = jnp.zeros(()).devices()  # the device of the context, if it sets one
    return record.provenance(config, device=f"{device.platform}: {device.device_kind}", seed=seed)
