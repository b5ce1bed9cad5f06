"""Keeps the compiled programs of commands between runs, in the cache folder of the user."""

import os
from pathlib import Path

import jax

from nam_jax._paths import expanded
from nam_jax.record import ConfigError, reading_input

VARIABLE = "NAM_JAX_CACHE"
LARGEST = 2**30
"""Bytes on disk above which JAX deletes the programs that were used longest ago."""


def keep_programs() -> None:
    """Lets JAX keep compiled programs on disk, so that the next run need not compile them.

    The environment variable `NAM_JAX_CACHE` names another folder; `off` keeps nothing. If JAX has
    been told of a folder already (`JAX_COMPILATION_CACHE_DIR`), that one stays.

    Raises:
        ConfigError: If the folder cannot be made.
    """
    wanted = os.environ.get(VARIABLE)
    told = jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
    if wanted == "off" or told is not None:
        return
    folder = _user_folder() if not wanted else _told(wanted)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if wanted:
            raise ConfigError(f"{VARIABLE}: {error}") from error
        return  # for example a home folder that cannot be written to
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_compilation_cache_max_size", LARGEST)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)


def _told(wanted: str) -> Path:
    with reading_input():
        return expanded(VARIABLE, wanted)


def _user_folder() -> Path:
    import platformdirs

    return platformdirs.user_cache_path("nam-jax") / "programs"
