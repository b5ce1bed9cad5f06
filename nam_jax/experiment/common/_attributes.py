"""What makes a run reproducible, its device included."""

from typing import Any

import jax.numpy as jnp

from nam_jax import record


def attributes(config: Any, *, seed: int | None = None) -> dict[str, Any]:
    """Attributes of the Dataset of a run: config, seed, versions of packages, device.

    `seed` is for configs without one.
    """
    (device,) = jnp.zeros(()).devices()  # that of the context, if one is set
    return record.provenance(config, device=f"{device.platform}: {device.device_kind}", seed=seed)
