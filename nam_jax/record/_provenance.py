"""What makes a run reproducible."""

import dataclasses
import importlib.metadata
import json
from typing import Any

_PACKAGES = (
    "nam-jax",
    "jax",
    "equinox",
    "diffrax",
    "optax",
    "numpy",
    "scikit-image",
    "scikit-learn",
)


def provenance(config: Any, *, device: str, seed: int | None = None) -> dict[str, Any]:
    """What makes a run reproducible: its config and seed, versions of packages, the device.

    `seed` is for configs without one.
    """
    return {
        "seed": config.seed if seed is None else seed,
        "config": json.dumps(dataclasses.asdict(config)),
        "versions": json.dumps({name: importlib.metadata.version(name) for name in _PACKAGES}),
        "device": device,
    }
