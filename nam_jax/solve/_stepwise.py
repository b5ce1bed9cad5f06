"""The recall of one cue, step by step: it can stop after any step and go on with the same bits."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from nam_jax._types import Scalar
from nam_jax.network import AbstractContinuousNetwork, AbstractDiscreteNetwork, AbstractNetwork
from nam_jax.solve._how import AbstractHow, Flow
from nam_jax.solve._integrate import begin_to_rest, ended, in_dtype_of, integration_to_rest
from nam_jax.solve._loop import is_going, step_of
from nam_jax.solve._settle import Equilibrium, first_energy, judged, of_updates, rest_of
from nam_jax.solve._updates import AbstractUpdates


class Stepwise(NamedTuple):
    """The recall of one cue, step by step.

    Attributes:
        begin: Returns the course of a cue before its first step.
        is_going: Returns whether a course has not ended; False for a course of zeros.
        step: Returns a course after one more step, or unchanged if it has ended.
        end: Returns the equilibrium at the end of a course.
    """

    begin: Callable[[Array], Any]
    is_going: Callable[[Any], Bool[Array, ""]]
    step: Callable[[Any], Any]
    end: Callable[[Any], Equilibrium]


def goes_by_steps(network: AbstractNetwork, how: AbstractHow) -> bool:
    """Returns whether recalls can stop after a step and go on.

    Passes of a feedforward network are equally many for all cues, and those integrations whose
    steps Diffrax differentiates cannot stop.
    """
    return network.by_kind(
        flows=lambda _: not (isinstance(how, Flow) and how.follows_steps),
        updates=lambda _: True,
        passes=lambda _: False,
    )


def stepwise(network: AbstractNetwork, drive: Any, how: Any, index: Any) -> Stepwise:
    """Returns the steps of one recall.

    Args:
        network: A network for which `goes_by_steps` is True.
        drive: Its inputs.
        how: Its settings.
        index: The row of the cue among all cues.
    """

    def refuse(_: AbstractNetwork) -> Stepwise:
        raise AssertionError("Passes are no steps.")

    return network.by_kind(
        flows=lambda flowing: _of_flow(flowing, drive, how),
        updates=lambda discrete: _of_updates(discrete, how.of_sample(index)),
        passes=refuse,
    )


def _of_flow(network: AbstractContinuousNetwork, drive: Any, how: Flow) -> Stepwise:
    rest = rest_of(how)
    integration = integration_to_rest(network, drive, how, rest)

    def begin(cue: Array) -> tuple[Any, Scalar | None]:
        state = in_dtype_of(network, network.initial_state(cue))
        course = begin_to_rest(network, state, drive, how, rest)
        return course, first_energy(network, state, drive)

    def end(course: tuple[Any, Scalar | None]) -> Equilibrium:
        last, energy = course
        return judged(network, drive, rest, energy, ended(integration, last))

    return Stepwise(
        begin,
        lambda course: is_going(integration, course[0]),
        lambda course: (step_of(integration, course[0]), course[1]),
        end,
    )


def _of_updates(network: AbstractDiscreteNetwork, updates: AbstractUpdates) -> Stepwise:
    def step(course: Any) -> Any:
        going, after = updates.is_going(course), updates.advance(network, course, 1)
        return jax.tree.map(lambda new, old: jnp.where(going, new, old), after, course)

    return Stepwise(
        lambda cue: updates.begin(network, in_dtype_of(network, network.initial_state(cue))),
        updates.is_going,
        step,
        lambda course: of_updates(updates.ending(course)),
    )
