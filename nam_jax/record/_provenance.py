"""Attributes of a run with which it can be repeated."""

import dataclasses
import functools
import importlib.metadata
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

_PACKAGES = (
    "nam-jax",
    "jax",
    "jaxlib",
    "equinox",
    "diffrax",
    "optimistix",
    "lineax",
    "optax",
    "numpy",
    "scipy",
    "scikit-image",
    "scikit-learn",
)


def provenance(config: Any, *, device: str, seed: int | None = None) -> dict[str, Any]:
    """Returns the attributes of a run: config, seed, versions of packages, device.

    Args:
        config: The settings of the run, a dataclass.
        device: The device of the run, in words.
        seed: The seed of the run, for a config that has no field `seed`.
    """
    return {
        "seed": config.seed if seed is None else seed,
        "config": json.dumps(dataclasses.asdict(config)),
        "versions": json.dumps(dict(versions())),
        "device": device,
    }


@functools.cache
def versions() -> Mapping[str, str]:
    """Returns the versions of the packages on which numbers depend, by name."""
    return MappingProxyType({name: importlib.metadata.version(name) for name in _PACKAGES})
