"""Checkpoints of a training run: written whole or not at all, and of one run only."""

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

from nam_jax._misc import argument_error
from nam_jax.train._step import Carry, Problem


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """Where a run keeps its state, by Orbax; the same call of `fit` goes on from it.

    A checkpoint holds the network's arrays, the optimizer's state and the history, and appears in
    its folder by one rename, so that a run may be killed at any time. A run that goes on gives the
    numbers, to the last bit on the same machine, of one that was never stopped. Whose checkpoints
    they are is known from the first network, the key, the loss, the route, the batches and
    `config`; an optimizer is known by the shape of its state alone, so name its numbers there.

    Attributes:
        folder: Made if it is not there.
        every: Steps between two checkpoints, at least; they fall on ends of chunks.
        keep: How many of the last ones stay.
        config: What else tells this run from others, as for JSON.
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
        """The folder, open for this run.

        Args:
            problem: What does not change in the run.
            carry: Its state before the first step.

        Raises:
            ValueError: If the folder holds checkpoints of another run.
        """
        import orbax.checkpoint as ocp  # in the extra `experiments` only

        # A thread of its own would save little here, and outlive a run that is stopped.
        options = ocp.CheckpointManagerOptions(
            max_to_keep=self.keep, cleanup_tmp_directories=True, enable_async_checkpointing=False
        )
        names = ("state", "run")
        folder = Path(self.folder).absolute()
        with ocp.CheckpointManager(folder, item_names=names, options=options) as manager:
            store = Store(manager, _description(problem, carry, self.config), self.every)
            store.check(folder)
            yield store


class Store:
    """An open folder of checkpoints."""

    def __init__(self, manager: Any, run: dict[str, str], every: int):
        """Takes Orbax's manager, what tells the run from others, and steps between saves."""
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
            found = f"{folder}, whose run had another {', '.join(differing)}"
            raise argument_error("checkpoint", "name a new folder or that of this very run", found)

    def is_due(self, step: int, *, last: bool) -> bool:
        """Whether to save after `step`: every so many steps, and after the last."""
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
        """The last state and history, with the structure of `carry`; None if there is none."""
        import orbax.checkpoint as ocp

        step = self._manager.latest_step()
        if step is None:
            return None
        dtype = carry.best_loss.dtype
        types = {name: bool if name == "taken" else dtype for name in fields}
        blank = {name: np.zeros(step, types[name]) for name in fields}
        arguments = ocp.args.Composite(state=ocp.args.StandardRestore(_packed(carry, blank)))
        found = self._manager.restore(step, args=arguments).state
        leaves, structure = jax.tree.flatten(carry)
        restored = [
            jnp.asarray(found["carry"][_name(place)]) if leaf.size else leaf
            for place, leaf in enumerate(leaves)
        ]
        return jax.tree.unflatten(structure, restored), dict(found["history"])


def _packed(carry: Carry, history: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """What is written, as plain names and arrays, so that no class is needed to read it."""
    leaves = enumerate(jax.tree.leaves(carry))
    # Orbax refuses arrays without entries; they hold nothing anyway.
    state = {_name(place): np.asarray(leaf) for place, leaf in leaves if leaf.size}
    return {"carry": state, "history": dict(history)}


def _name(place: int) -> str:
    return f"{place:04d}"


def _description(
    problem: Problem, carry: Carry, config: Mapping[str, Any] | None
) -> dict[str, str]:
    """What tells one run from another, part by part."""
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
    """A hash of places, shapes and bytes of arrays, and of the text of everything else."""
    found = hashlib.sha256()
    for path, leaf in jax.tree.leaves_with_path(tree):
        found.update(jax.tree_util.keystr(path).encode())
        found.update(_bytes(leaf) if eqx.is_array(leaf) else _text(leaf))
    found.update(_text(tree))
    return found.hexdigest()


def _bytes(array: Array) -> bytes:
    if jax.dtypes.issubdtype(array.dtype, jax.dtypes.prng_key):
        array = jax.random.key_data(array)
    return f"{array.shape} {array.dtype}".encode() + np.asarray(array).tobytes()


def _text(value: Any) -> bytes:
    # Addresses in memory change from process to process, and wrappers, such as those of type
    # checkers, with how it was started; both change where lines break.
    return re.sub(r"( at 0x[0-9a-f]+)|(?<=<)wrapped |\s", "", eqx.tree_pformat(value)).encode()
