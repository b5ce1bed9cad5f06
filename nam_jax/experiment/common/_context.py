"""Applies a `Context` to the `run` of a study: progress bar, device, precision, checks."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import jax
import xarray as xr
from rich.console import Console
from rich.progress import Progress, track

from nam_jax._misc import argument_error, free_memory
from nam_jax._paths import expanded
from nam_jax._precision import FULL, Precision, flows_in, in_precision
from nam_jax.record import Context, check_memory, clipped, reading_input, validate

Item = TypeVar("Item")


def tracked(items: Sequence[Item], text: str, context: Context) -> Iterable[Item]:
    """Returns `items` to loop over; a progress bar named `text` follows the loop.

    The bar is on standard error, and only if `context.progress` is true.
    """
    console = Console(stderr=True)
    return track(items, text, console=console, disable=not context.progress)


@contextlib.contextmanager
def counted(num: int, text: str, context: Context) -> Iterator[Callable[[int, int], None]]:
    """Returns a context manager that shows a progress bar named `text` up to `num`.

    Its value is the `progress` that `solve.retrieve_all` takes.
    """
    with progress_bar(context) as bar:
        task = bar.add_task(text, total=num)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def progress_bar(context: Context) -> Progress:
    """Returns a progress bar on standard error; it shows nothing if `context.progress` is false."""
    return Progress(console=Console(stderr=True), disable=not context.progress)


def device_named(name: str) -> Any:
    """Returns a device of JAX by its name.

    Args:
        name: A platform, such as `cpu`, for its first device; or platform and index, as in `gpu:1`.

    Raises:
        ValueError: If JAX has no such device.
    """
    platform, _, index = name.partition(":")
    requirement = "name a platform of JAX, or a device as in gpu:1"
    try:
        devices = jax.devices(platform)
    except RuntimeError as error:
        raise argument_error("device", requirement, clipped(name)) from error
    if not (index or "0").isdecimal() or int(index or 0) >= len(devices):
        raise argument_error(
            "device", f"{requirement}; {platform} has {len(devices)}", clipped(name)
        )
    return devices[int(index or 0)]


def computing(context: Context) -> contextlib.AbstractContextManager[Any]:
    """Returns a context manager whose block computes on the device and in the precision of a run.

    A thread that is started inside the block needs a block of its own.

    Raises:
        ValueError: If JAX has no such device.
    """
    device = None if context.device is None else device_named(context.device)
    return _computing(device, Precision[context.precision.upper()])


@contextlib.contextmanager
def _computing(device: Any, flows: Precision) -> Iterator[None]:
    chosen = contextlib.nullcontext() if device is None else jax.default_device(device)
    with chosen, in_precision(FULL), flows_in(flows):
        yield


def in_context(
    *, batched: bool
) -> Callable[[Callable[[Any, Context], xr.Dataset]], Callable[..., xr.Dataset]]:
    """Returns a decorator for the `run` of a study: it checks settings, sets device and precision.

    The decorated function takes the context as an optional second argument. It raises a
    `ConfigError` if a setting is not of its type or out of range, if its arrays cannot fit into the
    free memory, or if there is no such device.

    Args:
        batched: Whether the study uses `Context.batch`. If false, a context whose `batch` is a
            number raises a `ConfigError`.
    """

    def decorate(run: Callable[[Any, Context], xr.Dataset]) -> Callable[..., xr.Dataset]:
        @functools.wraps(run)
        def within(config: Any, context: Context | None = None) -> xr.Dataset:
            context = context or Context()
            config = validate(config)
            with reading_input():
                if context.batch is not None and not batched:
                    requirement = "be left out where samples are not computed in batches"
                    raise argument_error("batch", requirement, context.batch)
                for name, value in dataclasses.asdict(config).items():
                    if isinstance(value, str) and value.startswith("~"):
                        expanded(name, value)  # an unknown home is refused by the field's name
                block = computing(context)
            with block:
                check_memory(config, free_memory())
                dataset = run(config, context)
            dataset.attrs["precision"] = context.precision
            return dataset

        return within

    return decorate
