"""What studies, sweeps and the site share: strict configs and staged folders."""

from nam_jax.record._config import ConfigError, read_config, validate, write_config
from nam_jax.record._folder import staged_folder
from nam_jax.record._provenance import provenance

__all__ = [
    "ConfigError",
    "provenance",
    "read_config",
    "staged_folder",
    "validate",
    "write_config",
]
