"""Measurements that several claims share, and of which the first claim to ask makes one."""

import functools
import threading
from collections.abc import Callable

import xarray as xr

Measurement = Callable[..., xr.Dataset]


def once(measure: Measurement) -> Measurement:
    """Returns `measure`, which then runs once for each set of arguments.

    Claims that are checked at the same time wait for the one that measures.

    Args:
        measure: A function of hashable arguments that returns a Dataset.
    """
    lock, kept = threading.RLock(), functools.cache(measure)

    @functools.wraps(measure)
    def measured(*arguments: bool) -> xr.Dataset:
        with lock:
            return kept(*arguments)

    return measured
