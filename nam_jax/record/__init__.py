"""Studies, strict reading of their settings, and folders of runs.

Names are imported when they are used, so the list of studies can be read without the extras.
"""

from typing import TYPE_CHECKING

from nam_jax._lazy import attach

if TYPE_CHECKING:
    from nam_jax.record._arrays import read_arrays, write_arrays
    from nam_jax.record._completion import complete_parser, offer
    from nam_jax.record._config import (
        ConfigError,
        converted,
        entry_of,
        field_hint,
        hints,
        read_config,
        reading_input,
        validate,
        write_config,
    )
    from nam_jax.record._context import Context, Precision
    from nam_jax.record._dataset import from_bytes, to_bytes
    from nam_jax.record._file import staged_file
    from nam_jax.record._flags import Flags, read_flags, read_given, value_of
    from nam_jax.record._folder import WRITTEN, staged_folder
    from nam_jax.record._help import Parser, add_flags
    from nam_jax.record._kinds import (
        FARTHEST,
        MOST,
        AtMost,
        Count,
        Flips,
        Fraction,
        Named,
        Number,
        Positive,
        Seed,
        Share,
        Whole,
    )
    from nam_jax.record._memory import Timed, check_memory
    from nam_jax.record._owned import FORMATS, Format
    from nam_jax.record._provenance import provenance, versions
    from nam_jax.record._read import Run, read_run, study_of
    from nam_jax.record._run import (
        Finished,
        RunError,
        check_result,
        faults_logged,
        redraw,
        run_study,
        write_result,
    )
    from nam_jax.record._signals import stopped_by_signals
    from nam_jax.record._store import Store, StoreError
    from nam_jax.record._study import GROUPS, ImportPath, Study, opening
    from nam_jax.record._text import clipped, one_line, shown

__getattr__, __dir__ = attach(
    __name__,
    {
        "_arrays": ["read_arrays", "write_arrays"],
        "_completion": ["complete_parser", "offer"],
        "_config": [
            *("ConfigError", "converted", "entry_of", "field_hint", "hints", "read_config"),
            *("reading_input", "validate", "write_config"),
        ],
        "_context": ["Context", "Precision"],
        "_dataset": ["from_bytes", "to_bytes"],
        "_file": ["staged_file"],
        "_flags": ["Flags", "read_flags", "read_given", "value_of"],
        "_help": ["Parser", "add_flags"],
        "_folder": ["WRITTEN", "staged_folder"],
        "_kinds": [
            *("FARTHEST", "MOST", "AtMost", "Count", "Flips", "Fraction", "Named", "Number"),
            *("Positive", "Seed", "Share", "Whole"),
        ],
        "_memory": ["Timed", "check_memory"],
        "_owned": ["FORMATS", "Format"],
        "_provenance": ["provenance", "versions"],
        "_read": ["Run", "read_run", "study_of"],
        "_run": [
            *("Finished", "RunError", "check_result", "faults_logged", "redraw", "run_study"),
            "write_result",
        ],
        "_signals": ["stopped_by_signals"],
        "_store": ["Store", "StoreError"],
        "_study": ["GROUPS", "ImportPath", "Study", "opening"],
        "_text": ["clipped", "one_line", "shown"],
    },
)

__all__ = [
    "FARTHEST",
    "FORMATS",
    "GROUPS",
    "MOST",
    "WRITTEN",
    "AtMost",
    "ConfigError",
    "Context",
    "Count",
    "Finished",
    "Flags",
    "Flips",
    "Format",
    "Fraction",
    "ImportPath",
    "Named",
    "Number",
    "Parser",
    "Positive",
    "Precision",
    "Run",
    "RunError",
    "Seed",
    "Share",
    "Store",
    "StoreError",
    "Study",
    "Timed",
    "Whole",
    "add_flags",
    "check_memory",
    "check_result",
    "clipped",
    "complete_parser",
    "converted",
    "entry_of",
    "faults_logged",
    "field_hint",
    "from_bytes",
    "hints",
    "offer",
    "one_line",
    "opening",
    "provenance",
    "read_arrays",
    "read_config",
    "read_flags",
    "read_given",
    "read_run",
    "reading_input",
    "redraw",
    "run_study",
    "shown",
    "staged_file",
    "staged_folder",
    "stopped_by_signals",
    "study_of",
    "to_bytes",
    "validate",
    "value_of",
    "versions",
    "write_arrays",
    "write_config",
    "write_result",
]
