"""Checkpoints of a training run: saved states from which the same run goes on."""

import contextlib
import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from nam_jax._lazy import extra
from nam_jax._misc import argument_error
from nam_jax._paths import expanded
from nam_jax.train._step import Carry, Problem


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """Folder in which `fit` saves its state, by Orbax; the same call of `fit` goes on from there.

    A checkpoint holds the network's arrays, the optimizer's state and the history. It appears in
    the folder by one rename, so that a run may be killed at any time. On the same machine a run
    that was resumed gives the numbers of a run that was never stopped, to the last bit.

    `fit` refuses a folder whose checkpoints are of another run. Two runs are the same if they have
    the same first network, key, loss, route, batches and `config`. Of the optimizer only the shape
    of its state is compared, so put its numbers into `config`.

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
    def open(self, problem: Problem, carry: Carry) -> "Iterator[Store]":
        """Opens the folder for a run.

        Args:
            problem: Settings of the run.
            carry: State before the first step.

        Raises:
            ValueError: If the folder holds checkpoints of another run.
            ModuleNotFoundError: If Orbax, of the extra `experiments`, is not installed.
        """
        with extra("A folder of checkpoints"):
            import orbax.checkpoint as ocp

        # Saving in another thread would gain little, and the thread would outlive a stopped run.
        options = ocp.CheckpointManagerOptions(
            max_to_keep=self.keep, cleanup_tmp_directories=True, enable_async_checkpointing=False
        )
        names = ("state", "run")
        folder = expanded("folder", self.folder).absolute()
        with ocp.CheckpointManager(folder, item_names=names, options=options) as manager:
            store = Store(manager, _description(problem, carry, self.config), self.every)
            store.check(folder)
            yield store


class Store:
    """An open folder of checkpoints."""

    def __init__(self, manager: Any, run: dict[str, str], every: int):
        """Wraps Orbax's manager.

        Args:
            manager: Orbax's manager of the folder.
            run: Description of the run, as from `_description`.
            every: Least number of steps between two checkpoints.
        """
        self._manager, self._run, self._every = manager, run, every

    def check(self, folder: Path) -> None:
        """Refuses checkpoints of another run."""
        import orbax.checkpoint as ocp

        if self._manager.latest_step() is None:
            return
        arguments = ocp.args.Composite(run=ocp.args.JsonRestore())
        other = self._manager.restore(self._manager.latest_step(), args=arguments).run
        differing = [name for name, text in self._run.items() if other.get(name) != text]
        if differing:
            other_run = f"{folder}, whose run had another {', '.join(differing)}"
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

    def restore(
        self, carry: Carry, fields: Sequence[str]
    ) -> tuple[Carry, dict[str, np.ndarray]] | None:
        """The latest state and history; None if the folder has no checkpoint.

        Args:
            carry: A state with the structure of the saved one.
            fields: Names of the history's arrays.
        """
        import orbax.checkpoint as ocp

        step = self._manager.latest_step()
        if step is None:
            return None
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


def _packed(carry: Carry, history: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """State and history as plain names and arrays, so that no class is needed to read them."""
    leaves = enumerate(jax.tree.leaves(carry))
    # Orbax refuses arrays without entries; they hold no numbers.
    state = {_name(place): np.asarray(leaf) for place, leaf in leaves if leaf.size}
    return {"carry": state, "history": dict(history)}


def _name(place: int) -> str:
    return f"{place:04d}"


def _description(
    problem: Problem, carry: Carry, config: Mapping[str, Any] | None
) -> dict[str, str]:
    """Texts that differ between different runs, by the part of the run that they describe."""
    return {
        "config": json.dumps(config, sort_keys=True, default=str),
        "network": _digest((carry.arrays, problem.rest)),
        "set of trained parts": _digest(problem.chosen),
        "optimizer": _digest(jax.tree.map(jnp.zeros_like, carry.optimizer)),
        "key": _digest(problem.key),
        "loss": _digest(problem.loss),
        "gradient route": _digest(problem.route),
        "source of batches": _digest(problem.batches),
        "use of validation": str(carry.best is not None),
    }


def _digest(tree: Any) -> str:
    """A hash of places, shapes and bytes of arrays, and of the text of all other leaves."""
    digest = hashlib.sha256()
    for path, leaf in jax.tree.leaves_with_path(tree):
        digest.update(jax.tree_util.keystr(path).encode())
        digest.update(_bytes(leaf) if eqx.is_array(leaf) else _text(leaf))
    digest.update(_text(tree))
    return digest.hexdigest()


def _bytes(array: Array) -> bytes:
    if jax.dtypes.issubdtype(array.dtype, jax.dtypes.prng_key):
        array = jax.random.key_data(array)
    return f"{array.shape} {array.dtype}".encode() + np.asarray(array).tobytes()


def _text(value: Any) -> bytes:
    # The text must be the same in every process. Addresses in memory differ; type checkers add the
    # word "wrapped" to names of functions; both change where lines break, so that white space goes.
    return re.sub(r"( at 0x[0-9a-f]+)|(?<=<)wrapped |\s", "", eqx.tree_pformat(value)).encode()
