"""Minerva 2: memory as traces that answer a probe all at once, each by its similarity cubed."""

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from nam_jax._misc import argument_error, as_float, axes_of, is_concrete
from nam_jax._types import Key, Pattern, Patterns, Scalar
from nam_jax.memory import AbstractPatternStore
from nam_jax.network._base import AbstractFeedforwardNetwork, without_energy
from nam_jax.network._drive import as_cue


class Echo(NamedTuple):
    """What comes back from a probe.

    Attributes:
        intensity: I, the sum of the activations: how familiar the probe is.
        content: C, (N,), the traces weighted by their activations; real, not signs.
        activations: A, (K,), the similarities cubed.
    """

    intensity: Scalar
    content: Pattern
    activations: Float[Array, " K"]


class Minerva2(AbstractFeedforwardNetwork, AbstractPatternStore):
    """Traces T of -1, 0 and +1, and the echo of a probe p.

        S_mu = sum_j p_j T_mu,j / N_R,   A = S^3,   I = sum_mu A_mu,   C = A^T T

    N_R counts the features that are not 0 in the probe or in the trace. A retrieval is one echo,
    normalised to a largest entry of 1; `passes=2` probes with the echo (echo of echo). Hintzman's
    similarity is no cosine, and his network takes no signs; a probe with zeros asks for the
    features that it lacks. Source: Hintzman 1984, Behav. Res. Methods 16, 96; 1986, Psychol. Rev.
    93, 411.

    Attributes:
        traces: T, (K, N), of -1, 0 and +1.
        passes: How many echoes.
    """

    traces: Patterns
    passes: int = eqx.field(static=True)

    def __init__(self, traces: ArrayLike, *, passes: int = 1):
        """Stores `traces`; see `encode` for traces that lost features.

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
        """Traces in which each feature of `patterns` is kept with probability `learning_rate`.

        Raises:
            ValueError: If `learning_rate` is not in [0, 1], or as the class itself does.
        """
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

    def echo(self, probe: Pattern) -> Echo:
        """The echo of `probe`, (N,)."""
        traces = self.traces
        there, asked = (traces != 0).astype(self.dtype), (probe != 0).astype(self.dtype)
        relevant = jnp.sum(asked) + jnp.sum(there, axis=1) - there @ asked
        similarity = traces @ probe / jnp.maximum(relevant, 1)
        activations = similarity**3
        return Echo(jnp.sum(activations), activations @ traces, activations)

    @property
    def dtype(self) -> np.dtype:
        return self.traces.dtype

    @property
    def has_energy(self) -> bool:
        return False

    def energy(self, state: Pattern, drive: Any = None, t: Scalar | float = 0.0) -> Scalar:
        raise without_energy(self)

    def row_axes(self) -> tuple[Any, None]:
        return axes_of(self, lambda n: n.traces, 0), None

    def initial_state(self, cue: ArrayLike) -> Pattern:
        """The probe itself."""
        return as_cue(cue, self.traces.shape[1], self.dtype)

    def respond(self, state: Pattern) -> Float[Array, " M"]:
        """The normalised echo: the content over its largest |entry|, 0 where nothing answers."""
        content = self.echo(state).content
        largest = jnp.max(jnp.abs(content))
        return content / jnp.where(largest > 0, largest, 1)


def _check_traces(name: str, traces: Float[Array, "..."]) -> None:
    if traces.ndim != 2 or 0 in traces.shape:
        requirement = "have shape (K, N), one trace a row"
        raise argument_error(name, requirement, f"shape {traces.shape}")
    if is_concrete(traces) and not np.isin(np.asarray(traces), (-1, 0, 1)).all():
        raise argument_error(name, "hold only -1, 0 and +1", "other numbers")
