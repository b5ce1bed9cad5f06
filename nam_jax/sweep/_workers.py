"""Where chunks are computed: in this process, or by the workers of a Dask cluster.

Dask owns the queue, retries and the loss of workers; results come back to this process, which alone
writes to the store, so workers need no shared disk. Dask pickles what it sends between its
processes: connect only to clusters whose every machine you trust. Files are never unpickled.
"""

import abc
import contextlib
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, final

from nam_jax.record import ConfigError, Study, shown
from nam_jax.sweep._chunk import computed
from nam_jax.sweep._plan import Chunk

WAITING = 2
"""Chunks that are sent to a cluster for each of its workers, so that none waits for the next."""
LOSSES = 3
"""How many workers may be lost over one chunk before it counts as failed."""

QUIET: Any = logging.ERROR
"""What Dask may tell; lost workers and retries are warnings."""

SETTINGS = {
    *("jax_enable_x64", "jax_default_matmul_precision", "jax_default_prng_impl"),
    *("jax_threefry_partitionable", "jax_platforms", "jax_compilation_cache_dir"),
    *("jax_compilation_cache_max_size", "jax_persistent_cache_min_compile_time_secs"),
    "jax_persistent_cache_min_entry_size_bytes",
}
"""Settings of JAX in this process that workers on this machine get too."""

Workers = int | Literal["devices"] | None


class AbstractPool(abc.ABC):
    """Computes chunks, several at a time."""

    @property
    @abc.abstractmethod
    def capacity(self) -> int:
        """How many chunks may be sent before one is taken back."""

    @abc.abstractmethod
    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Returns the value of a function that is called where chunks are computed."""

    @abc.abstractmethod
    def send(self, chunk: Chunk, environment: Mapping[str, str]) -> None:
        """Sends a chunk to be computed."""

    @abc.abstractmethod
    def take(self) -> tuple[str, bytes | Exception]:
        """Returns the name of a finished chunk, and its bytes or the error that it ended with."""


@final
class Here(AbstractPool):
    """Computes one chunk at a time in this process."""

    def __init__(self, study: Study):
        self._study = study
        self._sent: list[tuple[Chunk, Mapping[str, str]]] = []

    @property
    def capacity(self) -> int:
        """As for `AbstractPool`."""
        return 1

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """As for `AbstractPool`."""
        return function(*arguments)

    def send(self, chunk: Chunk, environment: Mapping[str, str]) -> None:
        """As for `AbstractPool`."""
        self._sent.append((chunk, environment))

    def take(self) -> tuple[str, bytes | Exception]:
        """As for `AbstractPool`."""
        chunk, environment = self._sent.pop(0)
        try:
            return chunk.name, computed(self._study, chunk, environment)
        except Exception as error:
            return chunk.name, error


@final
class Cluster(AbstractPool):
    """Sends chunks to the workers of a Dask cluster."""

    def __init__(self, study: Study, client: Any):
        from distributed import as_completed

        self._study, self._client = study, client
        self._done = as_completed(loop=client.loop)  # not that of another client
        self._names: dict[str, str] = {}

    @property
    def capacity(self) -> int:
        """As for `AbstractPool`; it follows the number of workers, which may come and go."""
        return WAITING * max(1, len(self._client.nthreads()))

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """As for `AbstractPool`."""
        with _scheduler_there():
            return self._client.submit(function, *arguments, pure=False).result()

    def send(self, chunk: Chunk, environment: Mapping[str, str]) -> None:
        """As for `AbstractPool`."""
        future = self._client.submit(
            computed, self._study, chunk, environment, pure=False, retries=0
        )
        self._names[future.key] = chunk.name
        self._done.add(future)

    def take(self) -> tuple[str, bytes | Exception]:
        """As for `AbstractPool`."""
        future = next(self._done)
        name = self._names.pop(future.key)
        error = future.exception()
        with _scheduler_there():
            return name, future.result() if error is None else _as_exception(error)


@contextlib.contextmanager
def _scheduler_there() -> Iterator[None]:
    """Tells in one sentence that the scheduler was lost, which ends the sweep."""
    from distributed.client import FutureCancelledError

    try:
        yield
    except FutureCancelledError as error:
        raise ConnectionError(
            "the connection to the Dask scheduler was lost; finished chunks are kept, and the same "
            "command goes on with the rest"
        ) from error


@contextlib.contextmanager
def pool_of(study: Study, workers: Workers, scheduler: str | None) -> Iterator[AbstractPool]:
    """Returns a context manager that yields the pool that computes the chunks of a study.

    Args:
        study: The study.
        workers: None for this process; a number of processes on this machine; or "devices" for one
            process for each GPU of this machine.
        scheduler: The address of a Dask scheduler, in place of `workers`.

    Raises:
        ConfigError: If both are given, or there is no such scheduler or device.
        ConnectionError: In the block, if the scheduler is lost.
        ModuleNotFoundError: If Dask, of the extra `cluster`, is needed and not installed.
    """
    if workers is None and scheduler is None:
        yield Here(study)
        return
    if workers is not None and scheduler is not None:
        raise ConfigError("Argument `workers` must be left out with `scheduler`, but has a value.")
    environments = [] if workers is None else _environments(workers)
    try:
        import dask
        import distributed
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "Workers need the package distributed: pip install 'nam-jax[cluster]'.",
            name=error.name,
        ) from error
    with contextlib.ExitStack() as stack:
        address: Any = scheduler
        if scheduler is None:
            stack.enter_context(dask.config.set({"distributed.scheduler.allowed-failures": LOSSES}))
            address = stack.enter_context(_local_cluster(environments))
        client = stack.enter_context(_client(distributed, address))
        if scheduler is not None and not client.nthreads():
            raise ConfigError(f"Argument `scheduler` must have workers, but {scheduler} has none.")
        yield Cluster(study, client)


@contextlib.contextmanager
def _client(distributed: Any, address: Any) -> Iterator[Any]:
    """Returns a context manager that yields a connection to a scheduler."""
    try:
        client = distributed.Client(address, timeout="30s")
    except (OSError, ValueError) as error:  # a TimeoutError is an OSError
        raise ConfigError(
            "Argument `scheduler` must be the address of a running Dask scheduler, as in "
            f"tcp://host:8786, but {address!r} cannot be reached."
        ) from error
    with client:
        yield client


def _local_cluster(environments: list[dict[str, str]]) -> Any:
    """A cluster of one process on this machine for each of the environments.

    The variables are set before the process imports anything.
    """
    from distributed import Nanny, Scheduler, SpecCluster

    options = {"nthreads": 1, "memory_limit": 0, "dashboard": False, "silence_logs": QUIET}
    return SpecCluster(
        scheduler={"cls": Scheduler, "options": {"dashboard": False, "host": "127.0.0.1"}},
        workers={
            place: {"cls": Nanny, "options": {**options, "env": variables}}
            for place, variables in enumerate(environments)
        },
        silence_logs=QUIET,
    )


def _environments(workers: int | str) -> list[dict[str, str]]:
    """The environment variables of each process."""
    shared = {name: value for name, value in os.environ.items() if name.startswith("JAX_")}
    shared |= _settings()
    shared["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    if workers == "devices":
        devices = _devices()
        if not devices:
            raise ConfigError(
                "Argument `workers` must be a number of processes on a machine without GPUs, but "
                "has 'devices'."
            )
        return [{**shared, "CUDA_VISIBLE_DEVICES": device} for device in devices]
    if not isinstance(workers, int) or workers < 1:
        raise ConfigError(
            "Argument `workers` must be a whole number of at least 1, or 'devices', but has "
            f"{shown(workers)}."
        )
    return [dict(shared) for _ in range(workers)]


def _settings() -> dict[str, str]:
    """The settings of JAX that were changed in this process, as environment variables."""
    jax: Any = sys.modules.get("jax")
    values = {} if jax is None else {name: jax.config.values.get(name) for name in SETTINGS}
    return {name.upper(): str(value) for name, value in values.items() if value is not None}


def _devices() -> list[str]:
    """The GPUs of this machine, asked without JAX, which would take their memory."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name and name != "-1"]
    if shutil.which("nvidia-smi") is None:
        return []
    listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=False)
    gpus = [line for line in listed.stdout.splitlines() if line.startswith("GPU ")]
    return [str(place) for place in range(len(gpus))]


def _as_exception(error: BaseException) -> Exception:
    return error if isinstance(error, Exception) else RuntimeError(str(error))
