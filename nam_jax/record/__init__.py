"""Studies, strict reading of their settings, and folders of runs.

Names are imported when they are used, so the list of studies can be read without the extras.
"""

from typing import TYPE_CHECKING

from nam_jax._lazy import attach

if TYPE_CHECKING:
    from nam_jax.record._arrays import read_arrays, write_arrays
    from nam_jax.record._config import (
        ConfigError,
        read_config,
        reading_input,
        validate,
        write_config,
    )
    from nam_jax.record._context import Context
    from nam_jax.record._file import staged_file
    from nam_jax.record._flags import Flags, read_flags
    from nam_jax.record._folder import WRITTEN, staged_folder
    from nam_jax.record._kinds import (
        FARTHEST,
        MOST,
        AtMost,
        Count,
        Flips,
        Fraction,
        Number,
        Positive,
        Seed,
        Share,
        Whole,
    )
    from nam_jax.record._memory import check_memory
    from nam_jax.record._provenance import provenance
    from nam_jax.record._read import Run, read_run, study_of
    from nam_jax.record._run import Finished, RunError, redraw, run_study
    from nam_jax.record._signals import stopped_by_signals
    from nam_jax.record._study import ImportPath, Study
    from nam_jax.record._text import clipped, one_line, shown

__getattr__, __dir__ = attach(
    __name__,
    {
        "_arrays": ["read_arrays", "write_arrays"],
        "_config": ["ConfigError", "read_config", "reading_input", "validate", "write_config"],
        "_context": ["Context"],
        "_file": ["staged_file"],
        "_flags": ["Flags", "read_flags"],
        "_folder": ["WRITTEN", "staged_folder"],
        "_kinds": [
            *("FARTHEST", "MOST", "AtMost", "Count", "Flips", "Fraction", "Number", "Positive"),
            *("Seed", "Share", "Whole"),
        ],
        "_memory": ["check_memory"],
        "_provenance": ["provenance"],
        "_read": ["Run", "read_run", "study_of"],
        "_run": ["Finished", "RunError", "redraw", "run_study"],
        "_signals": ["stopped_by_signals"],
        "_study": ["ImportPath", "Study"],
        "_text": ["clipped", "one_line", "shown"],
    },
)

__all__ = [
    "FARTHEST",
    "MOST",
    "WRITTEN",
    "AtMost",
    "ConfigError",
    "Context",
    "Count",
    "Finished",
    "Flags",
    "Flips",
    "Fraction",
    "ImportPath",
    "Number",
    "Positive",
    "Run",
    "RunError",
    "Seed",
    "Share",
    "Study",
    "Whole",
    "check_memory",
    "clipped",
    "one_line",
    "provenance",
    "read_arrays",
    "read_config",
    "read_flags",
    "read_run",
    "reading_input",
    "redraw",
    "run_study",
    "shown",
    "staged_file",
    "staged_folder",
    "stopped_by_signals",
    "study_of",
    "validate",
    "write_arrays",
    "write_config",
]
