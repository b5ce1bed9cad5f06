"""Studies of pure NumPy for tests of sweeps: they compile nothing, and workers import them."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import xarray as xr
from msgspec import Meta

from nam_jax.record import ConfigError, Count, ImportPath, Seed, Share, Study


@dataclass(frozen=True)
class Config:
    """A point of the sweep, and what goes wrong there."""

    size: Annotated[int, Meta(ge=1, le=100)] = 3
    """The number of places."""
    level: Share = 0.5
    """The chance of a success."""
    kind: Literal["one", "other"] = "one"
    """A word."""
    marked: bool = False
    """A truth value."""
    most: Count | None = None
    """A number that may be left out."""
    parts: tuple[Annotated[int, Meta(ge=0, le=9)], ...] = (1,)
    """A list."""
    fault: str = ""
    """What goes wrong."""
    where: str = ""
    """A folder of marks, one for each unit that was computed."""
    pause: Annotated[float, Meta(ge=0, le=9)] = 0
    """Seconds."""
    seed: Seed = 0
    """Seed."""


def run(config, context=None):
    """The successes of a few trials, with dimensions and coordinates of every kind."""
    mark(config)
    random = np.random.default_rng([config.seed, config.size, round(1000 * config.level)])
    outcomes = random.random((4, 8)) < config.level
    return xr.Dataset(
        {
            "recalled": outcomes.mean(),
            "trials": outcomes.size,
            "worked": bool(outcomes[0, 0]),
            "name": f"{config.kind}-{config.size}",
            "set_mean": ("set", outcomes.mean(axis=1), {"units": "1"}),
            "curve": ("time", np.linspace(0, 1, config.size).astype(np.float32)),
            "count": ("place", np.arange(config.size)),
        },
        coords={"time": np.linspace(0, config.size, config.size), "twice": 2 * config.size},
        attrs={"seed": config.seed, "config": "{}", "device": "a table"},
    )


def run_many(configs, context=None):
    """The same units at once, along the dimension `unit`."""
    parts = [run(config) for config in configs]
    return xr.concat(parts, "unit", coords="minimal", compat="override")


def run_little(config, context=None):
    """One number, where the writing counts and not what is written."""
    return xr.Dataset({"recalled": float(config.seed)})


def mark(config):
    """Leaves a mark, and does what the settings ask for."""
    if config.pause:
        time.sleep(config.pause)
    if config.where:
        name = f"{config.size}-{config.level}-{config.seed}"
        with open(Path(config.where) / name, "a", encoding="utf-8") as file:
            file.write(f"{os.getpid()}\n")
    if config.fault == "input":
        raise ConfigError("Argument `fault` must be none.")
    if config.fault == "raise":
        raise ValueError("no luck")
    if config.fault.startswith("SIG"):
        signal.raise_signal(getattr(signal, config.fault))
    if config.fault == "die" and not Path(config.where, "dead").exists():
        Path(config.where, "dead").touch()
        os.kill(os.getpid(), signal.SIGKILL)


def check(config):
    """Refuses a fault that can be told before."""
    if config.fault == "refused":
        raise ConfigError("Argument `fault` must be none.")


def table(dataset):
    return f"a table of {dataset.sizes}"


def figure(dataset):
    import matplotlib.figure

    return matplotlib.figure.Figure()


def here(function, module="tables.toys"):
    return ImportPath(f"{module}:{function.__name__}")


ONE_BY_ONE = Study(
    "toy", "A toy.", "try", "toy", 1, here(Config), here(run), here(table), here(figure),
    check=here(check), headline="recalled",
)  # fmt: skip
AT_ONCE = Study(
    "toy-many", "A toy.", "try", "toy-many", 1, here(Config), here(run), here(table), here(figure),
    check=here(check), run_many=here(run_many), stacked=("seed", "level", "where", "fault"),
    headline="recalled",
)  # fmt: skip
LITTLE = Study(
    "toy-little", "A toy.", "try", "toy-little", 1,
    here(Config), here(run_little), here(table), here(figure),
)  # fmt: skip
