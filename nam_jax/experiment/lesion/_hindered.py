"""Changes to an astrocyte: the networks they act on, the sweeps, and the tensors after a lesion."""

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
    """One set of memories and the astrocyte that holds it; arrays may have a leading axis of sets.

    Attributes:
        network: The network before any lesion, with a pattern tensor.
        morphology: Positions of its processes.
        territory: True for processes of the first of two astrocytes.
        problem: Stored patterns, cues and their targets.
    """

    network: NeuronAstrocyte
    morphology: Morphology
    territory: Bool[Array, "*sets N N"]
    problem: RandomProblem


class Sweep(NamedTuple):
    """One kind of change to an astrocyte, and its strengths.

    Attributes:
        coordinate: Name of the strength's coordinate in the Dataset.
        values: Strengths.
        lesion: Function of a subject, a strength and a key; returns the tensor after the lesion.
        drive: Function of a strength; returns the constant inputs.
        released: Whether networks have the released parameters instead of the certified ones.
    """

    coordinate: str
    values: tuple[float, ...]
    lesion: Callable[[Subject, Scalar, Key], AbstractProcessTensor]
    drive: Callable[[Scalar], Drive] = lambda _: Drive(process=jnp.asarray(0.0))
    released: bool = False


def dense(tensor: AbstractProcessTensor) -> DenseTensor:
    """A small tensor with all its entries."""
    return tensor if isinstance(tensor, DenseTensor) else DenseTensor(tensor.to_dense())


def cut_fluxes(subject: Subject, cut: Scalar, key: Key) -> AbstractProcessTensor:
    """The tensor with a fraction `cut` of its single fluxes cut at random."""
    return memory.lesion(dense(subject.network.tensor), cut, key=key)


def isolate_processes(subject: Subject, cut: Scalar, key: Key) -> AbstractProcessTensor:
    """The tensor with a fraction `cut` of its processes isolated at random."""
    return memory.lesion(subject.network.tensor, cut, key=key)


def within(subject: Subject, radius: Scalar, key: Key) -> AbstractProcessTensor:
    """The tensor with exchange only within `radius`, in micrometres along the branches."""
    del key
    return memory.exchange_within(subject.network.tensor, subject.morphology, radius)


def as_many_as_within(subject: Subject, radius: Scalar, key: Key) -> AbstractProcessTensor:
    """The tensor with as many fluxes as `within` keeps, chosen at random."""
    return cut_fluxes(subject, 1 - subject.morphology.share_within(radius), key)


def with_tone(tone: Scalar) -> Drive:
    """The constant input `tone` to every process."""
    return Drive(process=tone)


def joined(subject: Subject, coupling: Scalar, key: Key) -> AbstractProcessTensor:
    """The tensor of two astrocytes joined by gap junctions."""
    del key
    return GapJunctionTensor(subject.network.tensor, subject.territory, coupling)
