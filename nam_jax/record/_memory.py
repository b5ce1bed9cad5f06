"""Refuses settings whose arrays cannot fit into the memory of the machine."""

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from nam_jax.record._config import ConfigError


@runtime_checkable
class Sized(Protocol):
    """Settings that shape arrays."""

    def bytes_needed(self) -> Mapping[tuple[str, ...], float | int]:
        """Returns the bytes of the largest arrays of a run, by the fields that shape them.

        Each number counts arrays that the run holds at one time, and no array that it could do
        without, so that no run is refused that would fit. Sizes that only the data know, such as
        the pixels of an image, count as 1.
        """
        ...


@runtime_checkable
class Timed(Protocol):
    """Settings that tell about how long a run takes."""

    def seconds_needed(self) -> float:
        """Returns the seconds of a run on two cores, to within a factor of ten.

        A sweep cuts its runs into chunks of about a minute by this number, so it must follow from
        the settings alone.
        """
        ...


def check_memory(config: Any, free: float | int) -> None:
    """Raises a `ConfigError` if a run with these settings cannot fit into the free memory.

    Args:
        config: The settings; checked if they are `Sized`.
        free: Free memory in bytes.
    """
    needed = config.bytes_needed() if isinstance(config, Sized) else {}
    for fields, number in needed.items():
        if number > free:
            names = ", ".join(f"`{name}`" for name in fields)
            word = "Argument" if len(fields) == 1 else "Arguments"
            raise ConfigError(
                f"{word} {names} must be smaller for this machine, which has {_bytes(free)} of "
                f"free memory, but the run would need at least {_bytes(number)}."
            )


def _bytes(number: float | int) -> str:
    """A number of bytes with three digits, such as 1.5 GB; 1 GB is 10^9 bytes."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if number < 1000:
            return f"{number:.3g} {unit}"
        number /= 1000
    return f"{number:.3g} PB"
