"""Ways to hinder an astrocyte: subjects, sweeps, and the tensors that are left."""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool

from nam_jax import memory
from nam_jax._types import Key, Scalar
from nam_jax.experiment.common import RandomProblem
from nam_jax.memory import AbstractProcessTensor, DenseTensor, GapJunctionTensor, Morphology
from nam_jax.network import Drive, NeuronAstrocyte


class Subject(eqx.Module):
    """One set of memories and the astrocyte that holds them; stacked along a leading set axis.

    Attributes:
        network: Unharmed, with a pattern tensor.
        morphology: Where its processes stand.
        territory: True for processes of the first of two astrocytes.
        problem: Stored patterns, cues and their targets.
    """

    network: NeuronAstrocyte
    morphology: Morphology
    territory: Bool[Array, "*sets N N"]
    problem: RandomProblem


class Sweep(NamedTuple):
    """A way to hinder or modulate one astrocyte, and how strongly.

    Attributes:
        coordinate: Name of the strength's coordinate in the Dataset.
        values: Strengths.
        lesion: Subject, strength and key to the tensor that is left.
        drive: Strength to constant inputs.
        released: Whether the released parameters are tried instead of the certified ones.
    """

    coordinate: str
    values: tuple[float, ...]
    lesion: Callable[[Subject, Scalar, Key], AbstractProcessTensor]
    drive: Callable[[Scalar], Drive] = lambda _: Drive(process=jnp.asarray(0.0))
    released: bool = False


def dense(tensor: AbstractProcessTensor) -> DenseTensor:
    """All entries of a small tensor."""
    return tensor if isinstance(tensor, DenseTensor) else DenseTensor(tensor.to_dense())


def cut_fluxes(subject: Subject, cut: Scalar, key: Key) -> AbstractProcessTensor:
    """Single fluxes cut at random."""
    return memory.lesion(dense(subject.network.tensor), cut, key=key)


def isolate_processes(subject: Subject, cut: Scalar, key: Key) -> AbstractProcessTensor:
    """Whole processes isolated at random."""
    return memory.lesion(subject.network.tensor, cut, key=key)


def within(subject: Subject, radius: Scalar, key: Key) -> AbstractProcessTensor:
    """Exchange within a radius along the branches."""
    del key
    return memory.exchange_within(subject.network.tensor, subject.morphology, radius)


def as_many_as_within(subject: Subject, radius: Scalar, key: Key) -> AbstractProcessTensor:
    """As many fluxes as within the radius, kept at random."""
    return cut_fluxes(subject, 1 - subject.morphology.share_within(radius), key)


def with_tone(tone: Scalar) -> Drive:
    """One constant input to every process."""
    return Drive(process=tone)


def joined(subject: Subject, coupling: Scalar, key: Key) -> AbstractProcessTensor:
    """Two astrocytes joined by gap junctions."""
    del key
    return GapJunctionTensor(subject.network.tensor, subject.territory, coupling)
