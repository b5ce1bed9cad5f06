"""Minerva 2: stored traces all answer a probe, each with the cube of its similarity to it."""

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import argument_error, as_float, axes_of, check_key, is_concrete
from nam_jax._types import AnyPattern, Key, Pattern, Patterns, Scalar
from nam_jax.memory import AbstractPatternStore, rows_of
from nam_jax.network._base import AbstractFeedforwardNetwork, without_energy
from nam_jax.network._drive import as_cue


class Echo(NamedTuple):
    """The answer to a probe.

    Attributes:
        intensity: I, the sum of the activations, which tells how familiar the probe is.
        content: C, (N,), the sum of traces times their activations; real numbers, not signs.
        activations: A, (K,), the similarities cubed.
    """

    intensity: Scalar
    content: Pattern
    activations: Float[Array, " K"]


class Minerva2(AbstractFeedforwardNetwork, AbstractPatternStore):
    """Traces T with features -1, 0 and +1, which answer a probe p by an echo.

        S_mu = sum_j p_j T_mu,j / N_R,   A = S^3,   I = sum_mu A_mu,   C = A^T T

    N_R is the number of features that are not 0 in the probe, in the trace, or in both. A retrieval
    is one echo C, divided by its largest |entry|. With `passes=2` this echo is the next probe
    (Hintzman's echo of an echo). The similarity S is not a cosine, and no signs are taken. A 0 in a
    probe stands for an unknown feature, and the echo fills it in. Source: Hintzman 1984, Behav.
    Res. Methods 16, 96; 1986, Psychol. Rev. 93, 411.

    Attributes:
        traces: T, (K, N), of -1, 0 and +1.
        passes: Number of echoes, at least 1.
    """

    traces: Patterns
    passes: int = eqx.field(static=True)

    def __init__(self, traces: ArrayLike, *, passes: int = 1):
        """Stores `traces`; `encode` stores traces that lose features at random.

        Args:
            traces: T, (K, N), of -1, 0 and +1.
            passes: Number of echoes, at least 1.

        Raises:
            ValueError: If `traces` is not (K, N) of -1, 0 and +1, or `passes` is below 1.
        """
        self.traces = as_float(traces)
        _check_traces("traces", self.traces)
        self.passes = passes

    @classmethod
    def encode(
        cls, patterns: ArrayLike, learning_rate: float, *, key: Key, passes: int = 1
    ) -> "Minerva2":
        """Returns a memory of traces that are patterns with some features lost, that is, set to 0.

        Args:
            patterns: (K, N), of -1, 0 and +1.
            learning_rate: Probability that a feature is kept, in [0, 1].
            key: Random key.
            passes: Number of echoes, at least 1.

        Raises:
            ValueError: If `learning_rate` is not in [0, 1], or as the class.
        """
        check_key(key)
        if not 0 <= learning_rate <= 1:
            raise argument_error("learning_rate", "be in [0, 1]", f"{learning_rate}")
        traces = as_float(patterns)
        kept = jr.bernoulli(key, learning_rate, traces.shape)
        return cls(jnp.where(kept, traces, 0), passes=passes)

    def stored(self) -> tuple[Patterns, None]:
        return self.traces, None

    def check_rows(self, patterns: Patterns) -> None:
        _check_traces("patterns", patterns)

    def with_rows(self, patterns: Patterns, answers: Patterns | None) -> "Minerva2":
        return eqx.tree_at(lambda net: net.traces, self, patterns)

    def echo(self, probe: AnyPattern) -> Echo:
        """Returns the echo of a probe.

        Args:
            probe: p, (N,).
        """
        # Example: probe (1, 0, -1), traces (1, 1, 0) and (1, 0, -1). The numbers of relevant
        # features N_R are 2 + 2 - 1 = 3 and 2 + 2 - 2 = 2, the similarities 1/3 and 2/2 = 1, the
        # activations 1/27 and 1. So I = 28/27 and C = (28/27, 1/27, -1): the unknown feature gets
        # 1/27.
        traces, probe = self.traces, self.as_state(probe)
        in_trace, in_probe = (traces != 0).astype(self.dtype), (probe != 0).astype(self.dtype)
        relevant = jnp.sum(in_probe) + jnp.sum(in_trace, axis=1) - in_trace @ in_probe
        similarity = traces @ probe / jnp.maximum(relevant, 1)
        activations = similarity**3
        return Echo(jnp.sum(activations), activations @ traces, activations)

    @property
    def dtype(self) -> np.dtype:
        return self.traces.dtype

    @property
    def has_energy(self) -> bool:
        return False

    def energy(self, state: AnyPattern, drive: Any = None, t: Scalar | float = 0.0) -> Scalar:
        raise without_energy(self)

    @property
    def nan_allowed(self) -> bool:
        return False

    def stored_rows(self) -> Patterns | None:
        return rows_of(self)

    def row_axes(self) -> tuple[Any, None]:
        return axes_of(self, lambda n: n.traces, 0), None

    def initial_state(self, cue: ArrayLike) -> Pattern:
        """Returns the probe itself."""
        return as_cue(cue, self.traces.shape[1], self.dtype)

    def respond(self, state: AnyPattern) -> Float[Array, " M"]:
        """Returns the content of the echo over its largest |entry|; zeros if all entries are 0."""
        content = self.echo(state).content
        largest = jnp.max(jnp.abs(content))
        return content / jnp.where(largest > 0, largest, 1)


def _check_traces(name: str, traces: Float[Array, "..."]) -> None:
    """Raises a `ValueError` if `traces` is not (K, N) of -1, 0 and +1; traced values pass."""
    if traces.ndim != 2 or 0 in traces.shape:
        requirement = "have shape (K, N), with one trace in each row"
        raise argument_error(name, requirement, f"shape {traces.shape}")
    if is_concrete(traces) and not np.isin(np.asarray(traces), (-1, 0, 1)).all():
        raise argument_error(name, "hold only -1, 0 and +1", "other numbers")
