"""Studies: experiments that can be run by name."""

import importlib
import math
import re
from dataclasses import dataclass
from typing import Any, final


@final
@dataclass(frozen=True)
class ImportPath:
    """The address of an object that is imported only when it is used.

    Calling the `ImportPath` calls the object: `ImportPath("math:sqrt")(4.0)` is 2.0.
    """

    path: str
    """The module and the object's name in it, as in `package.module:name`."""

    def __post_init__(self):
        if not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", self.path):
            raise ValueError(
                f"Argument `path` must be of the form package.module:name, but has {self.path!r}."
            )

    def resolve(self) -> Any:
        """Imports the module and returns the object.

        Raises:
            ImportError: If there is no such module.
            AttributeError: If the module has no such object.
        """
        module, name = self.path.split(":")
        return getattr(importlib.import_module(module), name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Calls the object."""
        return self.resolve()(*args, **kwargs)


GROUPS = {
    "try": "see memories recall",
    "measure": "capacity, basins, rules and gradients",
    "train": "let memories and attentions learn",
    "reproduce": "what the papers draw and claim",
    "tools": "many settings, figures, your shell",
}
"""What users want to do, in the order of the help of the command line, and what that means."""


def opening(example: str, seconds: int, summary: str) -> str:
    """Returns how the help of a command starts.

    Args:
        example: A command, without `nam-jax`.
        seconds: How long the example takes, in seconds.
        summary: One sentence about the command.
    """
    time = f"{seconds} s" if seconds < 120 else f"{math.ceil(seconds / 60)} min"
    return f"example (about {time} on two cores):\n  nam-jax {example}\n\n{summary}"


@final
@dataclass(frozen=True)
class Study:
    """One experiment: the class of its settings, and functions that run, tabulate and draw it.

    For example:

        from nam_jax.experiment import retrieve

        config = retrieve.study.config(num_patterns=3)
        dataset = retrieve.study.run(config)
        retrieve.study.figure(dataset).savefig("recalls.png")

    Making a study imports nothing; each part is imported when it is called.
    """

    name: str
    """Name of the study on the command line."""
    summary: str
    """One sentence for the help of the command line."""
    group: str
    """What users want to do with it, a key of `GROUPS`; the help lists studies by group."""
    example: str
    """A command, without `nam-jax`, for users who run the study for the first time."""
    seconds: int
    """How long the example takes on two cores, compiling included, as measured and rounded up."""
    config: ImportPath
    """Class of the settings, a frozen dataclass; every field has a default."""
    run: ImportPath
    """Function of the settings and a `Context` that returns the numbers, an `xarray.Dataset`."""
    table: ImportPath
    """Function of the Dataset that returns a short `rich` table."""
    figure: ImportPath
    """Function of the Dataset that returns a Matplotlib figure."""
    more: ImportPath | None = None
    """Function of the Dataset that returns further figures by name; None if there are none."""
    batched: bool = False
    """Whether samples are computed batch by batch, so that `Context.batch` applies."""
    run_many: ImportPath | None = None
    """Function of a list of settings and a `Context` that runs all in one program; it returns their
    numbers as one Dataset with a first dimension `unit`. None if settings are run one by one."""
    stacked: tuple[str, ...] = ("seed",)
    """Fields in which the settings of one call of `run_many` may differ."""
    check: ImportPath | None = None
    """Function of settings that raises a `ConfigError` where `run` would, before it computes
    anything; None if types and ranges of fields are all that can be told."""
    headline: str | None = None
    """The variable of the Dataset that sweeps show while they run, and draw."""

    def __post_init__(self):
        if not re.fullmatch(r"[a-z]+(-[a-z]+)*", self.name):
            raise ValueError(
                f"Argument `name` must be lower-case words joined by hyphens, "
                f"but has {self.name!r}."
            )
        if self.group not in GROUPS:
            raise ValueError(
                f"Argument `group` must be one of {', '.join(GROUPS)}, but has {self.group!r}."
            )
        if self.example.split()[:1] != [self.name]:
            raise ValueError(
                f"Argument `example` must start with the name {self.name}, but has "
                f"{self.example!r}."
            )
        if self.seconds < 1:
            raise ValueError(f"Argument `seconds` must be at least 1, but has {self.seconds}.")

    @property
    def opening(self) -> str:
        """How the help of the study starts: the example with its time, and the summary."""
        return opening(self.example, self.seconds, self.summary)

    def resolve(self) -> None:
        """Imports all parts; a missing package is then reported before anything is computed."""
        parts = (
            self.config,
            self.run,
            self.table,
            self.figure,
            self.more,
            self.run_many,
            self.check,
        )
        for part in parts:
            if part is not None:
                part.resolve()

    def figures(self, dataset: Any) -> dict[str, Any]:
        """Returns all figures of a Dataset by name: `figure`, then those of `more`."""
        further = {} if self.more is None else self.more(dataset)
        return {"figure": self.figure(dataset)} | further
