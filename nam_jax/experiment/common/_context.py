"""What every `run` of a study does with its context."""

import contextlib
import functools
from collections.abc import Callable
from typing import Any

import jax
import xarray as xr

from nam_jax._misc import argument_error
from nam_jax.record import Context


def device_named(name: str) -> Any:
    """Returns the device of that name: a platform (its first device), or as in `gpu:1`.

    Raises:
        ValueError: If there is no such device.
    """
    platform, _, index = name.partition(":")
    requirement = "name a platform of JAX, or a device as in gpu:1"
    try:
        devices = jax.devices(platform)
    except RuntimeError as error:
        raise argument_error("device", requirement, name) from error
    if not (index or "0").isdecimal() or int(index or 0) >= len(devices):
        raise argument_error("device", f"{requirement}; {platform} has {len(devices)}", name)
    return devices[int(index or 0)]


def on_device(name: str | None) -> contextlib.AbstractContextManager[Any]:
    """A block that computes on the device of that name; None: on JAX's choice.

    Threads that are started inside need a block of their own.
    """
    return contextlib.nullcontext() if name is None else jax.default_device(device_named(name))


def in_context(
    *, batched: bool
) -> Callable[[Callable[[Any, Context], xr.Dataset]], Callable[..., xr.Dataset]]:
    """Decorates a study's `run`, so that it computes on the device of its context.

    Args:
        batched: Whether the study uses `Context.batch`; where it does not, a number is refused.
    """

    def decorate(run: Callable[[Any, Context], xr.Dataset]) -> Callable[..., xr.Dataset]:
        @functools.wraps(run)
        def within(config: Any, context: Context | None = None) -> xr.Dataset:
            context = context or Context()
            if context.batch is not None and not batched:
                raise argument_error(
                    "batch", "be left out where samples are not computed in batches", context.batch
                )
            with on_device(context.device):
                return run(config, context)

        return within

    return decorate
