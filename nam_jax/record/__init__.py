"""Studies, strict reading of their settings, and folders of runs.

Names are imported when they are used, so the list of studies can be read without the extras.
"""

from typing import TYPE_CHECKING

from nam_jax._lazy import attach

if TYPE_CHECKING:
    from nam_jax.record._config import (
        ConfigError,
        Seed,
        one_line,
        read_config,
        reading_input,
        validate,
        write_config,
    )
    from nam_jax.record._context import Context
    from nam_jax.record._file import staged_file
    from nam_jax.record._folder import staged_folder
    from nam_jax.record._provenance import provenance
    from nam_jax.record._read import Run, read_run, study_of
    from nam_jax.record._run import Finished, RunError, redraw, run_study
    from nam_jax.record._signals import stopped_by_signals
    from nam_jax.record._study import ImportPath, Study

__getattr__, __dir__ = attach(
    __name__,
    {
        "_config": [
            *("ConfigError", "Seed", "one_line", "read_config", "reading_input", "validate"),
            "write_config",
        ],
        "_context": ["Context"],
        "_file": ["staged_file"],
        "_folder": ["staged_folder"],
        "_provenance": ["provenance"],
        "_read": ["Run", "read_run", "study_of"],
        "_run": ["Finished", "RunError", "redraw", "run_study"],
        "_signals": ["stopped_by_signals"],
        "_study": ["ImportPath", "Study"],
    },
)

__all__ = [
    "ConfigError",
    "Context",
    "Finished",
    "ImportPath",
    "Run",
    "RunError",
    "Seed",
    "Study",
    "one_line",
    "provenance",
    "read_config",
    "read_run",
    "reading_input",
    "redraw",
    "run_study",
    "staged_file",
    "staged_folder",
    "stopped_by_signals",
    "study_of",
    "validate",
    "write_config",
]
