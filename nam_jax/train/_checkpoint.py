"""Checkpoints of a training run: saved states from which the same run goes on."""

import contextlib
import dataclasses
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from nam_jax._lazy import extra
from nam_jax._misc import argument_error
from nam_jax._paths import expanded
from nam_jax.train._fingerprint import fingerprint
from nam_jax.train._step import Carry, Problem

DISCARDED = ".nam-jax-discarded"
"""Folder inside the folder of checkpoints, for old ones that are about to be removed."""


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """Folder in which `fit` saves its state, by Orbax; the same call of `fit` goes on from there.

    A checkpoint holds the network's arrays, the optimizer's state and the history. It appears in
    the folder by one rename, so that a run may be killed at any time. On the same machine a run
    that was resumed gives the numbers of a run that was never stopped, to the last bit.

    `fit` refuses a folder whose checkpoints are of another run, and says which part differs. Two
    runs are the same if all arguments of `fit` but `num_steps` and `progress` are equal: arrays by
    their bytes, modules by their fields, and functions by name, code, and the variables and globals
    that they use. Modules and installed packages count by name, and objects of their classes that
    are no trees of arrays by what they print. What a function takes from these, or reads from a
    file, goes into `config`.

    Attributes:
        folder: The folder; made if it does not exist.
        every: Least number of steps between two checkpoints, which are saved at ends of chunks.
        keep: Number of checkpoints that are kept, the latest ones.
        config: Further settings that tell this run from others, as for JSON.
    """

    folder: str | Path
    every: int = 100
    keep: int = 2
    config: Mapping[str, Any] | None = None

    def __post_init__(self):
        for name in ("every", "keep"):
            if getattr(self, name) < 1:
                raise argument_error(name, "be at least 1", f"{getattr(self, name)}")

    @contextlib.contextmanager
    def open(
        self, problem: Problem, carry: Carry, settings: Mapping[str, Any]
    ) -> "Iterator[Store]":
        """Opens the folder for a run.

        Args:
            problem: Settings of the run.
            carry: State before the first step.
            settings: Further arguments of `fit` that shape the run.

        Raises:
            ValueError: If the folder holds checkpoints of another run.
            ModuleNotFoundError: If Orbax, of the extra `experiments`, is not installed.
        """
        with extra("A folder of checkpoints"):
            import orbax.checkpoint as ocp

        # Saving in another thread would gain little, and the thread would outlive a stopped run.
        options = ocp.CheckpointManagerOptions(
            max_to_keep=self.keep,
            cleanup_tmp_directories=True,
            enable_async_checkpointing=False,
            todelete_subdir=DISCARDED,
        )
        names = ("state", "run")
        folder = expanded("folder", self.folder).absolute()
        _remove_discarded(folder)
        with ocp.CheckpointManager(folder, item_names=names, options=options) as manager:
            run = _description(problem, carry, settings, self.config)
            store = Store(manager, folder, run, self.every)
            store.check()
            yield store


class Store:
    """An open folder of checkpoints."""

    def __init__(self, manager: Any, folder: Path, run: dict[str, str], every: int):
        """Wraps Orbax's manager.

        Args:
            manager: Orbax's manager of the folder.
            folder: The folder.
            run: Description of the run, as from `_description`.
            every: Least number of steps between two checkpoints.
        """
        self._manager, self._folder, self._run, self._every = manager, folder, run, every

    def check(self) -> None:
        """Refuses checkpoints of another run."""
        import orbax.checkpoint as ocp

        if self._manager.latest_step() is None:
            return
        arguments = ocp.args.Composite(run=ocp.args.JsonRestore())
        other = self._manager.restore(self._manager.latest_step(), args=arguments).run
        differing = [name for name, text in self._run.items() if other.get(name) != text]
        if differing:
            other_run = f"{self._folder}, whose run had another {', '.join(differing)}"
            requirement = "name a new folder or that of this very run"
            raise argument_error("checkpoint", requirement, other_run)

    def is_due(self, step: int, *, last: bool) -> bool:
        """Whether to save after `step`: `every` steps after the latest save, and after the last."""
        latest = self._manager.latest_step() or 0
        return step > latest and (last or step - latest >= self._every)

    def save(self, step: int, carry: Carry, history: Mapping[str, np.ndarray]) -> None:
        """Writes the state after `step`."""
        import orbax.checkpoint as ocp

        arguments = ocp.args.Composite(
            state=ocp.args.StandardSave(_packed(carry, history)), run=ocp.args.JsonSave(self._run)
        )
        self._manager.save(step, args=arguments)
        _remove_discarded(self._folder)

    def restore(
        self, carry: Carry, fields: Sequence[str], num_steps: int
    ) -> tuple[Carry, dict[str, np.ndarray]] | None:
        """The latest state and history up to step `num_steps`; None if the folder is empty.

        Args:
            carry: A state with the structure of the saved one.
            fields: Names of the history's arrays.
            num_steps: Number of steps of the run.

        Raises:
            ValueError: If all checkpoints are of later steps.
        """
        import orbax.checkpoint as ocp

        steps = sorted(self._manager.all_steps())
        if not steps:
            return None
        if num_steps < steps[0]:
            requirement = f"be at least {steps[0]}, the earliest step kept in {self._folder}"
            raise argument_error("num_steps", requirement, f"{num_steps}; name a new folder")
        step = max(step for step in steps if step <= num_steps)
        dtype = carry.best_loss.dtype
        types = {name: bool if name == "taken" else dtype for name in fields}
        blank = {name: np.zeros(step, types[name]) for name in fields}
        arguments = ocp.args.Composite(state=ocp.args.StandardRestore(_packed(carry, blank)))
        saved = self._manager.restore(step, args=arguments).state
        leaves, structure = jax.tree.flatten(carry)
        restored = [
            jnp.asarray(saved["carry"][_name(place)]) if leaf.size else leaf
            for place, leaf in enumerate(leaves)
        ]
        return jax.tree.unflatten(structure, restored), dict(saved["history"])


def _remove_discarded(folder: Path) -> None:
    """Removes old checkpoints, which left by a rename: half a checkpoint never has its number."""
    shutil.rmtree(folder / DISCARDED, ignore_errors=True)


def _packed(carry: Carry, history: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """State and history as plain names and arrays, so that no class is needed to read them."""
    leaves = enumerate(jax.tree.leaves(carry))
    # Orbax refuses arrays without entries; they hold no numbers.
    state = {_name(place): np.asarray(leaf) for place, leaf in leaves if leaf.size}
    return {"carry": state, "history": dict(history)}


def _name(place: int) -> str:
    return f"{place:04d}"


def _description(
    problem: Problem, carry: Carry, settings: Mapping[str, Any], config: Mapping[str, Any] | None
) -> dict[str, str]:
    """Texts that differ between different runs, by the part of the run that they describe."""
    parts = {
        "network": (carry.arrays, problem.rest),
        "set of trained parts": problem.chosen,
        "optimizer": (problem.optimizer, jax.tree.map(jnp.zeros_like, carry.optimizer)),
        "key": problem.key,
        "loss": problem.loss,
        "gradient route": problem.route,
        "source of batches": problem.batches,
        "project": problem.project,
        "chunk": problem.chunk,
        "max_bad": problem.max_bad,
        **settings,
    }
    config_text = json.dumps(config, sort_keys=True, default=str)
    return {"config": config_text} | {name: fingerprint(part) for name, part in parts.items()}
