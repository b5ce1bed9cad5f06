"""`fit`: train the numbers of a network on the recalls of damaged patterns."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from nam_jax._lazy import extra
from nam_jax._misc import argument_error, check_key
from nam_jax._precision import full
from nam_jax._types import Key
from nam_jax.train._checkpoint import Checkpoint, Store
from nam_jax.train._loss import AbstractLoss, ContrastiveEnergy, Loss, SquaredError
from nam_jax.train._routes import AbstractRoute, ImplicitRoute, Sample
from nam_jax.train._step import Carry, Metrics, Problem, advance, validate


class ENDINGS(eqx.Enumeration):
    """How training ended; `ENDINGS[result]` is a sentence."""

    finished = "All steps were done."
    no_better = (
        "Training did not help: the loss is not lower than at the start. Lower the learning rate, "
        "make more steps, or choose other parts by `trainable`."
    )
    stopped_early = "The validation loss did not fall for `patience` validations."
    not_finite = "Too many steps in a row gave numbers that are not finite; the last good is kept."
    unsettled = "In too many steps in a row no sample came to rest; the last good is kept."


class Fit(eqx.Module):
    """A trained network.

    Attributes:
        network: The network after the last step that was taken; with validation, the network of the
            best validation (the fewest samples left out, then the lowest loss), which may be the
            first one. Nodes are still in it;
            [`nam_jax.train.resolve`][] replaces them by their values.
        metrics: The history. Each of its arrays is (S,), one entry a step: `loss`, `correct`,
            `failed`, `gradient_norm`, `adjoint_residual`, `adjoint_iterations`, `taken`,
            `validation_loss`, `validation_correct` and `validation_failed`.
        result: How training ended.
        step: Number S of steps tried.
    """

    network: Any
    metrics: Metrics
    result: ENDINGS
    step: int

    def dataset(self) -> Any:
        """The history as an `xarray.Dataset` over `step`; its attribute `result` is a sentence."""
        import xarray as xr  # in the extra `experiments` only

        variables = {
            name: ("step", rows, {"units": "1"}) for name, rows in self.metrics._asdict().items()
        }
        steps = {"step": ("step", np.arange(1, self.step + 1), {"units": "1"})}
        return xr.Dataset(variables, steps, {"result": ENDINGS[self.result]})


@full
def fit(
    network: Any,
    batches: Callable[[Key], Sample],
    *,
    key: Key,
    loss: Loss | None = None,
    optimizer: optax.GradientTransformation | None = None,
    num_steps: int = 100,
    gradient: AbstractRoute | None = None,
    trainable: Callable[[Any], Any] | None = None,
    project: Callable[[Any], Any] | None = None,
    chunk: int = 50,
    validation: Sample | None = None,
    patience: int | None = None,
    max_bad: int = 10,
    checkpoint: Checkpoint | None = None,
    progress: bool = False,
) -> Fit:
    """Descends the mean loss over minibatches with an optimizer of Optax.

    A sample whose recall or gradient fails, or that asks nothing, is left out of the mean, in the
    validation too; the history says how many. A step whose loss, gradient or
    new numbers are not finite is not taken: network and optimizer stay as they were. Batch i
    depends on `key` and i alone, so that a longer run begins with the steps of a shorter one.

    Args:
        network: The network; parts of it may be [`nam_jax.train.AbstractParameter`][] nodes.
        batches: Function from a key to a batch of samples, such as a
            [`nam_jax.train.Minibatches`][]; equal keys must give equal batches.
        key: Random key of the batches.
        loss: A [`nam_jax.train.AbstractLoss`][] or a [`nam_jax.train.ContrastiveEnergy`][]; by
            default `SquaredError()`, which counts the neurons that the samples ask for.
        optimizer: An optimizer of Optax with its schedule and clipping; by default
            `optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-2))`.
        num_steps: Number of steps, at least 1. With `checkpoint`, at least the earliest step kept.
        gradient: A gradient route; by default `ImplicitRoute()`. Not with `ContrastiveEnergy`.
        trainable: Function from the network to a list of the parts to be trained, arrays or modules
            that the network holds. By default the floating-point arrays with at least one axis,
            such as patterns, couplings and weights. Single numbers, such as time constants, leaks
            and strengths, have scales of their own and are trained only if they are given.
        project: Function from a network to one that keeps a promise, such as
            [`nam_jax.train.certify`][]; applied after every step. It may also change parts that are
            not trained.
        chunk: Steps of one compiled scan. Validation follows each chunk.
        validation: A batch that is not trained on; the best network on it is returned.
        patience: Validations without a lower loss after which training stops; None for all steps.
        max_bad: Steps in a row that are not taken, after which training stops.
        checkpoint: Where to keep the state of the run. A run goes on from the last state there that
            is not after `num_steps`.
        progress: Whether to show a progress bar.

    Returns:
        A `Fit`.

    Raises:
        ValueError: On a bad argument, or a checkpoint folder of another run.
    """
    check_key(key)
    _check(num_steps, chunk, max_bad, patience, validation)
    loss = SquaredError() if loss is None else loss
    optimizer = OPTIMIZER if optimizer is None else optimizer
    rest = eqx.filter(network, eqx.is_array, inverse=True)
    problem = Problem(
        rest=rest,
        chosen=_chosen(network, trainable),
        loss=loss,
        route=_route(loss, gradient),
        optimizer=optimizer,
        batches=batches,
        project=project,
        key=key,
        chunk=chunk,
        max_bad=max_bad,
    )
    carry = _start(problem, network, _loss_dtype(batches, key), validation)
    first = None
    if validation is not None:
        # The first network is kept too, so that training never makes the result worse than that.
        first, _, _, _ = validate(problem, carry, validation)
        kept = carry.best, first.best_loss, first.best_failed
        carry = eqx.tree_at(lambda c: (c.best, c.best_loss, c.best_failed), carry, kept)
    opened: Any = contextlib.nullcontext()
    if checkpoint is not None:
        opened = checkpoint.open(problem, carry, {"validation": validation, "patience": patience})
    with opened as store, _bar(num_steps, shown=progress) as show:
        carry, history = _run(problem, carry, num_steps, validation, patience, store, show)
    best = carry.arrays if validation is None else carry.best
    result = _ending(carry, max_bad, patience, _helped(carry, history, first))
    return Fit(eqx.combine(best, rest), history, result, int(carry.step))


def _start(problem: Problem, network: Any, dtype: Any, validation: Sample | None) -> Carry:
    """The state before the first step."""
    arrays = eqx.filter(network, eqx.is_array)
    return Carry(
        arrays=arrays,
        optimizer=problem.optimizer.init(eqx.filter(network, problem.chosen)),
        step=jnp.asarray(0),
        bad=jnp.asarray(0),
        unsettled=jnp.asarray(False),
        best=None if validation is None else arrays,
        best_loss=jnp.asarray(jnp.inf, dtype),
        best_failed=jnp.asarray(jnp.inf, dtype),
        since=jnp.asarray(0),
    )


def _run(
    problem: Problem,
    carry: Carry,
    num_steps: int,
    validation: Sample | None,
    patience: int | None,
    store: Store | None,
    show: Callable[[int, Metrics], None],
) -> tuple[Carry, Metrics]:
    """Calls compiled chunks from the host, and keeps history, validation and checkpoints."""
    history: list[Metrics] = []
    saved = None if store is None else store.restore(carry, Metrics._fields, num_steps)
    if saved is not None:
        carry, rows = saved
        history = [Metrics(**rows)]
    while int(carry.step) < num_steps and not _stopped(carry, problem.max_bad, patience):
        start = int(carry.step)
        # Chunks end at multiples of their size, also in a run that was resumed between two of them.
        stop = min((start // problem.chunk + 1) * problem.chunk, num_steps)
        carry, rows = advance(problem, carry, jnp.asarray(stop))
        done = int(carry.step) - start
        rows = jax.tree.map(lambda leaf, done=done: np.array(leaf[:done]), rows)
        history.append(rows)
        if validation is not None and int(carry.step) % problem.chunk == 0:
            carry = _validated(problem, carry, validation, rows)
        show(int(carry.step), rows)
        over = int(carry.step) >= num_steps or _stopped(carry, problem.max_bad, patience)
        if store is not None and store.is_due(int(carry.step), last=over):
            history = [_joined(history)]
            store.save(int(carry.step), carry, history[0]._asdict())
    history = [_joined(history)]
    if validation is not None and int(carry.step) % problem.chunk != 0:
        # A longer run makes no validation inside this chunk; so it comes after the checkpoint.
        carry = _validated(problem, carry, validation, history[0])
    return carry, history[0]


def _validated(problem: Problem, carry: Carry, validation: Sample, rows: Metrics) -> Carry:
    """Validates after the last step of `rows`, and writes the numbers into its row."""
    carry, loss, correct, failed = validate(problem, carry, validation)
    rows.validation_loss[-1], rows.validation_correct[-1] = loss, correct
    rows.validation_failed[-1] = failed
    return carry


def _joined(history: list[Metrics]) -> Metrics:
    return jax.tree.map(lambda *rows: np.concatenate(rows), *history)


def _stopped(carry: Carry, max_bad: int, patience: int | None) -> bool:
    tired = patience is not None and int(carry.since) >= patience
    return tired or int(carry.bad) >= max_bad


def _helped(carry: Carry, history: Metrics, first: Carry | None) -> bool:
    """Whether the loss fell: on the validation batch, or on the batches of the steps.

    The batches of steps differ. So the mean over the last five steps that were taken is compared
    with the mean over the first five.
    """
    if first is not None:
        now, then = ((float(c.best_failed), float(c.best_loss)) for c in (carry, first))
        return now < then
    losses = history.loss[np.asarray(history.taken, bool)]
    if len(losses) == 0:
        return False
    few = min(5, max(1, len(losses) // 2))
    return len(losses) < 2 or bool(losses[-few:].mean() < losses[:few].mean())


def _ending(carry: Carry, max_bad: int, patience: int | None, helped: bool) -> ENDINGS:
    if int(carry.bad) >= max_bad:
        return ENDINGS.unsettled if bool(carry.unsettled) else ENDINGS.not_finite
    if not helped:
        return ENDINGS.no_better
    return ENDINGS.stopped_early if _stopped(carry, max_bad, patience) else ENDINGS.finished


def _chosen(network: Any, trainable: Callable[[Any], Any] | None) -> Any:
    """The network's tree, true at the floating-point arrays that are trained."""
    given = trainable is not None
    chosen = _given(network, trainable) if given else jax.tree.map(_is_trained, network)
    if not any(jax.tree.leaves(chosen)):
        raise argument_error("network", "hold floating-point arrays", "none to be trained")
    return chosen


def _given(network: Any, trainable: Callable[[Any], Any]) -> Any:
    """The network's tree, true at the floating-point arrays of the parts that `trainable` gives."""

    # For example, `trainable` may give those arrays of a part that have an axis. So it must see
    # arrays: here tracers, which are known again by their identity, although an array may stand at
    # two places of the network and only one of them be trained.
    def marked(network: Any) -> Any:
        parts = jax.tree.leaves(trainable(network))
        given = {id(part) for part in parts if eqx.is_inexact_array(part)}
        if not given:
            requirement = "give parts that hold floating-point arrays"
            raise argument_error("trainable", requirement, f"{len(parts)} parts without one")
        if not given <= set(map(id, jax.tree.leaves(network))):
            requirement = "give arrays of the network as they are"
            raise argument_error("trainable", requirement, "one that the network does not hold")
        return jax.tree.map(lambda leaf: id(leaf) in given, network)

    return eqx.filter_eval_shape(marked, network)


OPTIMIZER = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-2))
"""The optimizer unless told; one object, so that calls of `fit` share compiled programs."""


def _is_trained(leaf: Any) -> bool:
    """Whether a leaf is trained unless told: a floating-point array with at least one axis.

    Single numbers have units of their own. For example, a step of 0.01 is small for patterns of -1
    and +1, but a hundred times the strength of a dense memory of 24 neurons. By time constants,
    on which no equilibrium depends, the gradient is rounding, of which Adam makes whole steps.
    """
    return eqx.is_inexact_array(leaf) and leaf.ndim > 0


def _route(loss: Loss, gradient: AbstractRoute | None) -> AbstractRoute:
    """The gradient route that `fit` was asked for."""
    if not isinstance(loss, AbstractLoss | ContrastiveEnergy):
        requirement = "be a loss, such as SquaredError()"
        raise argument_error("loss", requirement, f"a {type(loss).__name__}")
    if gradient is None:
        return ImplicitRoute()
    if not isinstance(gradient, AbstractRoute):
        requirement = "be a gradient route, such as ImplicitRoute()"
        raise argument_error("gradient", requirement, f"a {type(gradient).__name__}")
    if isinstance(loss, ContrastiveEnergy):
        requirement = "be left out with ContrastiveEnergy, which needs no route"
        raise argument_error("gradient", requirement, f"a {type(gradient).__name__}")
    return gradient


def _check(
    num_steps: int, chunk: int, max_bad: int, patience: int | None, validation: Sample | None
) -> None:
    counts = {"num_steps": num_steps, "chunk": chunk, "max_bad": max_bad, "patience": patience}
    for name, count in counts.items():
        if count is not None and count < 1:
            raise argument_error(name, "be at least 1", f"{count}")
    if patience is not None and validation is None:
        raise argument_error("patience", "come with a `validation` batch", "none")


def _loss_dtype(batches: Callable[[Key], Sample], key: Key) -> Any:
    """The dtype of the losses, by the shape and dtype of a batch, which are checked."""
    batch = eqx.filter_eval_shape(batches, key)
    if not isinstance(batch, Sample):
        raise argument_error("batches", "give a Sample with a leading axis", type(batch).__name__)
    sizes = {
        leaf.shape[:1] for leaf in jax.tree.leaves(batch) if isinstance(leaf, jax.ShapeDtypeStruct)
    }
    if batch.cue.ndim != 2 or len(sizes) != 1:
        shapes = f"cue {batch.cue.shape}, target {batch.target.shape}"
        raise argument_error("batches", "give arrays with one common leading axis", shapes)
    # Cues that are tokens are whole numbers; losses are floats.
    is_float = jnp.issubdtype(batch.cue.dtype, jnp.floating)
    return batch.cue.dtype if is_float else jnp.result_type(float)


@contextlib.contextmanager
def _bar(num_steps: int, *, shown: bool) -> Iterator[Callable[[int, Metrics], None]]:
    """Gives a function that shows the last step in a progress bar, or does nothing."""
    if not shown:
        yield lambda step, rows: None
        return
    with extra("A progress bar"):
        from rich.progress import Progress

    with Progress() as bar:
        task = bar.add_task("training", total=num_steps)

        def show(step: int, rows: Metrics) -> None:
            text = f"loss {rows.loss[-1]:.4g}, recalled {rows.correct[-1]:.0%}"
            bar.update(task, completed=step, description=text)

        yield show
