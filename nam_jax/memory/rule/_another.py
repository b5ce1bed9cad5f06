"""One more pattern for weights that are there already, without showing the others again.

A function that chooses by the kind of rule, because most rules need all patterns.
"""

import functools

from nam_jax._misc import argument_error
from nam_jax._types import Pairs, Pattern
from nam_jax.memory.rule._learning import (
    AbstractLearningRule,
    AbstractOnlineRule,
    ActivityProduct,
    Covariance,
)
from nam_jax.memory.rule._local import ExpandedHebbian, Storkey
from nam_jax.memory.rule._oja import ClampedOja


@functools.singledispatch
def learn_another(rule: AbstractLearningRule, weights: Pairs, pattern: Pattern) -> Pairs:
    """The weights, (N, N), that `rule` makes of the patterns of `weights` and of one more.

    Equal to [`nam_jax.memory.learn`][] with the new pattern as the last, in O(N^2). The diagonal of
    `weights` changes no other weight, so that it may have been set to 0.

    Args:
        rule: The rule that made `weights`: [`ActivityProduct`][], [`Covariance`][] with a mean, or
            [`ExpandedHebbian`][], [`Storkey`][] or [`ClampedOja`][] in a single pass.
        weights: W, (N, N).
        pattern: (N,), in the dtype of `weights`.

    Raises:
        ValueError: For another rule, or more than one pass.
    """
    requirement = "be a rule that can learn one pattern more without the others"
    raise argument_error("rule", requirement, f"a {type(rule).__name__}")


@learn_another.register
def _(rule: ActivityProduct, weights: Pairs, pattern: Pattern) -> Pairs:
    return weights + rule.weights(pattern[None])


@learn_another.register
def _(rule: Covariance, weights: Pairs, pattern: Pattern) -> Pairs:
    if rule.mean is None:
        requirement = "have a mean, as that over the patterns changes with each"
        raise argument_error("rule", requirement, None)
    return weights + rule.weights(pattern[None])


@learn_another.register(ExpandedHebbian)
@learn_another.register(Storkey)
@learn_another.register(ClampedOja)
def _(rule: AbstractOnlineRule, weights: Pairs, pattern: Pattern) -> Pairs:
    if rule.passes != 1:
        raise argument_error("rule", "show all patterns once", f"{rule.passes} passes")
    return rule.show(weights, pattern)
