"""Sweeps: a study over a grid of settings, kept chunk by chunk, to be stopped at any time.

Names are imported when they are used, so that the command line is fast.
"""

from typing import TYPE_CHECKING

from nam_jax._lazy import attach

if TYPE_CHECKING:
    from nam_jax.sweep._config import SweepConfig
    from nam_jax.sweep._run import SweepError, run, run_config
    from nam_jax.sweep._status import Status, is_there, read, status
    from nam_jax.sweep._words import complete_parser, read_words

__getattr__, __dir__ = attach(
    __name__,
    {
        "_config": ["SweepConfig"],
        "_run": ["SweepError", "run", "run_config"],
        "_status": ["Status", "is_there", "read", "status"],
        "_words": ["complete_parser", "read_words"],
    },
)

__all__ = [
    "Status",
    "SweepConfig",
    "SweepError",
    "complete_parser",
    "is_there",
    "read",
    "read_words",
    "run",
    "run_config",
    "status",
]
