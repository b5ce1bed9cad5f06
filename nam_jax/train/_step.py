"""One step of training, and a chunk of steps in one compiled scan."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Int

from nam_jax._types import Key, Scalar
from nam_jax.solve import RESULTS
from nam_jax.train._loss import Loss, value_and_grad
from nam_jax.train._parameters import is_parameter, resolve
from nam_jax.train._routes import AbstractRoute, Sample


class Metrics(NamedTuple):
    """Numbers recorded at each step of training; in a history of S steps every entry is (S,).

    Some routes solve an equation for the gradient of each sample, such as the equation for mu of
    [`nam_jax.train.ImplicitRoute`][]. Its residual and iterations are those of
    [`nam_jax.train.Info`][].

    Attributes:
        loss: Mean loss over the samples that did not fail; NaN if all failed.
        correct: Fraction of samples that came to rest and were recalled without an error, among
            those that ask anything; NaN if none does.
        failed: Fraction of samples left out of loss and gradient: the network did not come to rest,
            the equation for the gradient was not solved, loss or gradient is not finite, or the
            sample asks nothing (see [`nam_jax.train.AbstractLoss.asks`][]).
        gradient_norm: Norm of the gradient with respect to the trained arrays, before the optimizer
            changes it.
        adjoint_residual: Largest residual of that equation over the samples that did not fail; 0 if
            none is solved.
        adjoint_iterations: Mean number of iterations of that equation over all samples.
        taken: Whether the step was taken; if not, network and optimizer stayed as they were.
        validation_loss: Mean loss over the validation samples after this step; NaN at steps
            without validation. A sample that did not come to rest counts with the loss of its last
            state, because a network must not win by not coming to rest.
        validation_correct: As `correct`, of the validation samples; NaN at steps without
            validation.
        validation_failed: Fraction of validation samples left out of `validation_loss`: the loss is
            not finite, or the sample asks nothing; NaN at steps without validation.
    """

    loss: Any
    correct: Any
    failed: Any
    gradient_norm: Any
    adjoint_residual: Any
    adjoint_iterations: Any
    taken: Any
    validation_loss: Any
    validation_correct: Any
    validation_failed: Any


class Carry(eqx.Module):
    """State of a run: everything that changes from step to step. All leaves are arrays.

    A step is rejected if its loss, its gradient or the new arrays are not finite. A rejected step
    changes neither `arrays` nor `optimizer`.

    Attributes:
        arrays: The network's arrays.
        optimizer: The optimizer's state.
        step: Number of steps so far, with the rejected ones.
        bad: Number of steps rejected in a row, up to the last step; 0 after a step that was taken.
        unsettled: True if in the last step all samples failed to come to rest.
        best: The network's arrays at the best validation so far, which is the one that left out the
            fewest samples, and among equals the one with the lowest loss; None without validation.
        best_loss: The loss of the best validation; infinite before the first.
        best_failed: The fraction of samples that it left out; infinite before the first.
        since: Number of validations after the best one.
    """

    arrays: Any
    optimizer: Any
    step: Int[Array, ""]
    bad: Int[Array, ""]
    unsettled: Bool[Array, ""]
    best: Any
    best_loss: Scalar
    best_failed: Scalar
    since: Int[Array, ""]


class Problem(eqx.Module):
    """Settings of a run: everything that does not change.

    Attributes:
        rest: The network without its arrays.
        chosen: A tree like the network: True for arrays that are trained, False for other leaves.
        loss: The loss.
        route: The gradient route; not used by `ContrastiveEnergy`.
        optimizer: From Optax.
        batches: Function of a random key; returns a batch.
        project: Function applied to the network after each step, which restores a property such as
            a certificate; None for none.
        key: Key of the batches; step i uses `fold_in(key, i)`.
        chunk: Steps of one compiled scan.
        max_bad: Number of steps rejected in a row at which the run stops.
    """

    rest: Any
    chosen: Any
    loss: Loss
    route: AbstractRoute
    optimizer: optax.GradientTransformation
    batches: Callable[[Key], Sample]
    project: Callable[[Any], Any] | None
    key: Key
    chunk: int
    max_bad: int


class Recall(NamedTuple):
    """Loss and gradient of one sample; `ok` is False if the sample failed and is left out.

    `asked` is False if the sample asks nothing; then it is left out of shares of correct ones too.
    """

    loss: Scalar
    asked: Bool[Array, ""]
    settled: Bool[Array, ""]
    correct: Bool[Array, ""]
    ok: Bool[Array, ""]
    residual: Scalar
    iterations: Array
    gradient: Any


@eqx.filter_jit
def advance(problem: Problem, carry: Carry, stop: Int[Array, ""]) -> tuple[Carry, Metrics]:
    """Makes steps until step `stop`, or until `problem.max_bad` steps in a row were rejected.

    Args:
        problem: Settings of the run.
        carry: State before the first step.
        stop: At most `problem.chunk` steps after the step of `carry`.

    Returns:
        The state after the last step, and the metrics, (chunk,) each. Rows after the last step hold
        zeros; the caller cuts them off.
    """

    def body(carry: Carry, _: None) -> tuple[Carry, Metrics]:
        running = (carry.step < stop) & (carry.bad < problem.max_bad)
        nothing = jnp.zeros_like(carry.best_loss)
        blank = Metrics(*[nothing] * len(Metrics._fields))._replace(taken=jnp.asarray(False))
        return jax.lax.cond(running, lambda: step(problem, carry), lambda: (carry, blank))

    return jax.lax.scan(body, carry, None, length=problem.chunk)


def step(problem: Problem, carry: Carry) -> tuple[Carry, Metrics]:
    """Makes one step; it is rejected if the loss, gradient or new arrays are not finite."""
    batch = problem.batches(jax.random.fold_in(problem.key, carry.step))
    network = eqx.combine(carry.arrays, problem.rest)
    trained, frozen = eqx.partition(network, problem.chosen)
    resolved, pull_back = eqx.filter_vjp(lambda part: resolve(eqx.combine(part, frozen)), trained)
    recalls = recall_all(problem, resolved, _needed(network, problem.chosen), batch)
    mean = _mean_over(recalls.ok, recalls.gradient)
    others = jax.tree.map(jnp.zeros_like, eqx.filter(resolved, eqx.is_inexact_array))
    # The gradient by a node's numbers is linear in the gradient by its value, so that one pull-back
    # of the batch's mean replaces one of each sample.
    (gradient,) = pull_back(eqx.combine(mean, others))
    loss = _mean_over(recalls.ok, recalls.loss)

    # Optax relies on promotions that JAX's strict mode refuses.
    with jax.numpy_dtype_promotion("standard"):
        change, optimizer = problem.optimizer.update(gradient, carry.optimizer, trained)
        new = eqx.combine(optax.apply_updates(trained, change), frozen)
        norm = optax.tree.norm(gradient).astype(loss.dtype)
    new = new if problem.project is None else problem.project(new)
    arrays = eqx.filter(new, eqx.is_array)
    taken = jnp.isfinite(loss) & _finite(gradient) & _finite(arrays)
    moved = Carry(
        arrays=_choose(taken, arrays, carry.arrays),
        optimizer=_choose(taken, optimizer, carry.optimizer),
        step=carry.step + 1,
        bad=jnp.where(taken, 0, carry.bad + 1),
        unsettled=~jnp.any(recalls.settled),
        best=carry.best,
        best_loss=carry.best_loss,
        best_failed=carry.best_failed,
        since=carry.since,
    )
    return moved, _metrics(recalls, loss, norm, taken)


def recall_all(problem: Problem, network: Any, needed: Any, batch: Sample) -> Recall:
    """Returns the loss of each sample, and its gradient with respect to arrays in `needed`.

    Args:
        problem: Settings of the run.
        network: The network with resolved parameters.
        needed: A tree like the network, True for arrays whose gradient is needed; or False.
        batch: The samples, stacked along the first axis.
    """

    def recall(network: Any, sample: Sample) -> Recall:
        outcome, gradient = value_and_grad(problem.loss, problem.route, network, sample)
        loss, readout, info = outcome
        # XLA does not compute the gradient by other arrays, and NaN in it must fail no sample.
        gradient = eqx.filter(gradient, needed)
        sound = info.settled & (info.result == RESULTS.converged)
        asked = problem.loss.asks(sample)
        ok = sound & asked & jnp.isfinite(loss) & _finite(gradient)
        correct = info.settled & problem.loss.correct(readout, sample)
        return Recall(
            loss=loss,
            asked=asked,
            settled=info.settled,
            correct=correct,
            ok=ok,
            residual=info.residual,
            iterations=info.iterations,
            gradient=gradient,
        )

    return eqx.filter_vmap(recall, in_axes=(None, eqx.if_array(0)))(network, batch)


@eqx.filter_jit
def validate(problem: Problem, carry: Carry, batch: Sample) -> tuple[Carry, Scalar, Scalar, Scalar]:
    """Measures the network on a validation batch, and keeps the best network so far.

    Samples that did not come to rest count with the loss of their last state. Samples whose loss is
    not finite, or that ask nothing, are left out.

    Returns:
        The state; the mean loss; the fraction of correct recalls; and that of samples left out.
    """
    network = resolve(eqx.combine(carry.arrays, problem.rest))
    recalls = recall_all(problem, network, False, batch)
    counted = recalls.asked & jnp.isfinite(recalls.loss)
    loss = _mean_over(counted, recalls.loss)
    failed = jnp.mean((~counted).astype(loss.dtype))
    fewer, equal = failed < carry.best_failed, failed == carry.best_failed
    better = jnp.isfinite(loss) & (fewer | (equal & (loss < carry.best_loss)))
    kept = (
        _choose(better, carry.arrays, carry.best),
        jnp.where(better, loss, carry.best_loss),
        jnp.where(better, failed, carry.best_failed),
        jnp.where(better, 0, carry.since + 1),
    )
    carry = eqx.tree_at(lambda c: (c.best, c.best_loss, c.best_failed, c.since), carry, kept)
    return carry, loss, _share_correct(recalls, loss), failed


def _needed(network: Any, chosen: Any) -> Any:
    """Returns a tree like the resolved network: True for arrays that depend on a trained array."""

    def flagged(node: Any, chosen: Any) -> Any:
        flag = any(jax.tree.leaves(chosen))
        return jax.tree.map(lambda _: flag, resolve(node))

    return jax.tree.map(flagged, network, chosen, is_leaf=is_parameter)


def _metrics(recalls: Recall, loss: Scalar, norm: Scalar, taken: Bool[Array, ""]) -> Metrics:
    missing = jnp.full_like(loss, jnp.nan)
    return Metrics(
        loss=loss,
        correct=_share_correct(recalls, loss),
        failed=jnp.mean((~recalls.ok).astype(loss.dtype)),
        gradient_norm=norm,
        adjoint_residual=jnp.max(jnp.where(recalls.ok, recalls.residual, 0)).astype(loss.dtype),
        adjoint_iterations=jnp.mean(recalls.iterations.astype(loss.dtype)),
        taken=taken,
        validation_loss=missing,
        validation_correct=missing,
        validation_failed=missing,
    )


def _share_correct(recalls: Recall, loss: Scalar) -> Scalar:
    return _mean_over(recalls.asked, recalls.correct.astype(loss.dtype))


def _mean_over(ok: Bool[Array, " B"], tree: Any) -> Any:
    """Returns the mean over samples that did not fail; NaN if all failed."""

    def mean(leaf: Array) -> Array:
        counted = jnp.where(ok.reshape(-1, *[1] * (leaf.ndim - 1)), leaf, 0)
        return jnp.sum(counted, axis=0) / jnp.sum(ok).astype(leaf.dtype)

    return jax.tree.map(mean, tree)


def _finite(tree: Any) -> Bool[Array, ""]:
    """Returns whether all floating-point arrays of a tree are finite."""
    leaves = jax.tree.leaves(eqx.filter(tree, eqx.is_inexact_array))
    return jnp.all(jnp.stack([jnp.asarray(True), *(jnp.all(jnp.isfinite(x)) for x in leaves)]))


def _choose(condition: Bool[Array, ""], new: Any, old: Any) -> Any:
    """Returns `new` if `condition` is True, otherwise `old`, in the dtypes of `old`."""
    return jax.tree.map(lambda new, old: jnp.where(condition, new.astype(old.dtype), old), new, old)
