"""What a sweep tells while it runs: a bar in a terminal, else a line now and then."""

import sys
import time
from typing import TYPE_CHECKING, Any

from nam_jax.record import from_bytes

if TYPE_CHECKING:
    import xarray as xr

EVERY = 10.0
"""Seconds between two lines where there is no terminal."""


class Watch:
    """Counts finished units, and tells of them on standard error.

    Used as a context manager, which ends the bar.
    """

    def __init__(self, units: int, headline: str | None, *, shown: bool):
        """Prepares the bar.

        Args:
            units: The number of units of the sweep.
            headline: The variable whose mean is told; None for none.
            shown: Whether anything is told.
        """
        self._units, self._headline, self._shown = units, headline, shown
        self._to = sys.stderr
        self._start = self._told = time.monotonic()
        self._before = self._finished = self._failed = self._recalls = 0
        self._sum = self._squares = self._numbers = 0.0
        self._bar: Any = None

    def __enter__(self) -> "Watch":
        if self._shown and self._to.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            text = TextColumn("{task.fields[text]}")
            self._bar = Progress(BarColumn(), text, console=Console(file=self._to))
            self._bar.add_task("", total=self._units, text="")
            self._bar.start()
        return self

    def __exit__(self, *_: Any) -> None:
        if self._bar is not None:
            self._bar.stop()

    def kept(self, units: int) -> None:
        """Counts units that were there before this run, or that another run has computed."""
        self._before += units
        self._tell()

    def finished(self, units: int, data: bytes) -> None:
        """Counts units that this run has computed, with the bytes of their numbers."""
        self._finished += units
        if self._shown:
            self._add(from_bytes(data))
        self._tell()

    def _add(self, numbers: "xr.Dataset") -> None:
        import numpy as np

        if "trials" in numbers:
            self._recalls += int(np.nansum(numbers["trials"].values))
        if self._headline in numbers:
            headline = numbers[self._headline]
            if "value" in headline.coords.get("bound", ()):  # with the ends of its interval
                headline = headline.sel(bound="value")
            values = headline.values.astype(float).ravel()
            values = values[np.isfinite(values)]
            self._sum += float(values.sum())
            self._squares += float((values**2).sum())
            self._numbers += values.size

    def failed(self, units: int) -> None:
        """Counts units whose chunk failed."""
        self._failed += units
        self._tell()

    def text(self) -> str:
        """Returns the line that tells how far the sweep is."""
        done, seconds = self._before + self._finished, time.monotonic() - self._start
        parts = [f"{done} of {self._units} units"]
        if self._failed:
            parts.append(f"{self._failed} failed")
        if self._finished:
            rate = self._finished / max(seconds, 1e-9)
            parts.append(f"{rate:.3g} units/s")
            if self._recalls:
                parts.append(f"{self._recalls / max(seconds, 1e-9):.3g} recalls/s")
            parts.append(f"{duration((self._units - done - self._failed) / rate)} left")
        if self._numbers > 1:
            mean = self._sum / self._numbers
            variance = max(self._squares / self._numbers - mean**2, 0.0)
            error = (variance / self._numbers) ** 0.5
            parts.append(f"mean {self._headline} {mean:.4g} +- {error:.2g}")
        return ", ".join(parts)

    def _tell(self) -> None:
        last = self._before + self._finished + self._failed == self._units
        if self._bar is not None:
            self._bar.update(0, completed=self._before + self._finished, text=self.text())
        elif self._shown and (last or time.monotonic() > self._told + EVERY):
            self._told = time.monotonic()
            print(self.text(), file=self._to, flush=True)


def duration(seconds: float | int) -> str:
    """Returns a time in words of two digits or so, such as 45 s, 12 min or 3.2 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
