"""Hetero-association: linear maps from patterns to other patterns, by rules in closed form."""

import abc

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import argument_error, in_one_dtype
from nam_jax._precision import AbstractPrecise, full
from nam_jax._types import Patterns
from nam_jax.memory.tensor import check_patterns


class LinearMap(AbstractPrecise):
    """The map y = W x + b.

    Attributes:
        weights: W, (M, N).
        offset: b, (M,).
    """

    weights: Float[Array, "M N"]
    offset: Float[Array, " M"]

    def __call__(self, x: Float[Array, " N"]) -> Float[Array, " M"]:
        return self.weights @ x + self.offset


class AbstractMapRule(AbstractPrecise):
    """A rule by which K inputs and their answers become a linear map.

    Not to be confused with an `AbstractLearningRule`, which couples neurons to each other.
    """

    @abc.abstractmethod
    def weights(self, inputs: Patterns, answers: Float[Array, "K M"]) -> Float[Array, "M N"]:
        """Returns W, (M, N), for inputs (K, N) and answers (K, M) whose means over K are 0."""


class RidgeMap(AbstractMapRule):
    """Ridge regression: least squares with the penalty p K <x^2> sum_ij W_ij^2.

    <x^2> is the mean of x_j^2 over inputs and neurons j. Solved by singular values, which tell
    nearly dependent inputs apart also in float32. If a random share e of the entries of an input is
    set to its mean, p = e / (1 - e) gives the least mean error up to a factor in W. Source: Bishop
    1995, Neural Computation 7, 108.

    Attributes:
        penalty: p, above 0.
    """

    penalty: float

    def __check_init__(self):
        if not self.penalty > 0:
            raise argument_error("penalty", "be above 0", self.penalty)

    def weights(self, inputs: Patterns, answers: Float[Array, "K M"]) -> Float[Array, "M N"]:
        left, sizes, right = jnp.linalg.svd(inputs, full_matrices=False)
        power = jnp.sum(sizes**2) / inputs.shape[1]
        ridge = self.penalty * jnp.where(power > 0, power, 1)
        shrunk = sizes / (sizes**2 + ridge)
        return (answers.T @ (left * shrunk[None])) @ right


@full
def associate(rule: AbstractMapRule, inputs: ArrayLike, answers: ArrayLike) -> LinearMap:
    """Returns the linear map by which `rule` answers `inputs`, (K, N), with `answers`, (K, M).

    The offset is chosen such that the map answers the mean input with the mean answer.

    Args:
        rule: A rule for linear maps, such as `RidgeMap`.
        inputs: (K, N) finite numbers, with N >= 2.
        answers: (K, M) finite numbers, with M >= 2.

    Raises:
        ValueError: If the shapes do not fit, or a number is not finite.
    """
    x = check_patterns(inputs, name="inputs")
    y = check_patterns(answers, name="answers")
    if len(x) != len(y):
        requirement = f"have {len(x)} rows, one for each input"
        raise argument_error("answers", requirement, f"shape {y.shape}")
    x, y = in_one_dtype(x, y)
    mean_x, mean_y = jnp.mean(x, axis=0), jnp.mean(y, axis=0)
    weights = rule.weights(x - mean_x[None], y - mean_y[None])
    return LinearMap(weights, mean_y - weights @ mean_x)
