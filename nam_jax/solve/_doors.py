"""What `simulate`, `settle`, `retrieve` and `retrieve_all` do before and after compiled programs.

These functions check their arguments, then call a program that is compiled once for arguments of
equal shapes, dtypes and structure, in which functions and Python numbers of networks must be the
same. The program does not call back to Python, so that it can be kept between runs and exported;
only Diffrax's adjoints do.
"""

from typing import Any, TypeVar

import equinox as eqx
import jax
import numpy as np

from nam_jax._misc import argument_error, brief, is_concrete
from nam_jax.network import AbstractNetwork, AbstractSignal
from nam_jax.solve._how import AbstractHow, Flow, Passes
from nam_jax.solve._result import RESULTS, sentences
from nam_jax.solve._updates import SYNCHRONOUS, AbstractUpdates

FLOW = Flow()
PASSES = Passes()

_H = TypeVar("_H", bound=AbstractHow)


def how_for(network: AbstractNetwork, how: AbstractHow | None) -> Any:
    """Returns `how`, or the default settings for the kind of `network` if it is None.

    Args:
        network: Any network.
        how: Settings, or None.

    Raises:
        ValueError: If `how` belongs to networks of another kind.
    """

    def of_kind(kind: type, otherwise: AbstractHow, named: str) -> AbstractHow:
        if how is None:
            return otherwise
        if not isinstance(how, kind):
            requirement = f"be {named} for a {type(network).__name__}"
            raise argument_error("how", requirement, f"the type {type(how).__name__}")
        return how

    return network.by_kind(
        flows=lambda _: of_kind(Flow, FLOW, "a `Flow`"),
        updates=lambda _: of_kind(
            AbstractUpdates, SYNCHRONOUS, "`Synchronous` or `Asynchronous` updates"
        ),
        passes=lambda _: of_kind(Passes, PASSES, "`Passes`"),
    )


def as_network(network: Any) -> AbstractNetwork:
    """Returns `network`; refuses what is none, as when arguments are swapped.

    Raises:
        ValueError: If `network` is not a network.
    """
    if not isinstance(network, AbstractNetwork):
        requirement = "be a network, such as `NeuronAstrocyte.released(patterns)`, and come first"
        raise argument_error("network", requirement, f"the type {type(network).__name__}")
    return network


def as_state(network: AbstractNetwork, state: Any) -> Any:
    """Returns `state` in the network's dtype, after a check of its structure.

    Raises:
        ValueError: If `state` does not have the layers of the network, as a cue in its place, or
            holds complex numbers.
    """

    def layers(network: Any) -> Any:
        return jax.tree.structure(network.time_scales())

    def one(_: AbstractNetwork) -> Any:
        return jax.tree.structure(0)

    wanted = network.by_kind(flows=layers, updates=one, passes=one)
    # A list of numbers is one array, where one is wanted.
    tree = np.asarray(state) if isinstance(state, list) and wanted == one(network) else state
    if jax.tree.structure(tree) != wanted:
        requirement = "be a state, as from `network.initial_state(cue)`"
        given = f"the type {type(state).__name__}"
        raise argument_error("state", requirement, given)
    return network.as_state(tree)


def prepared(
    network: AbstractNetwork, drive: Any, how: AbstractHow | None
) -> tuple[Any, AbstractHow]:
    """Returns checked inputs and settings, with arrays in place of numbers.

    Args:
        network: Any network.
        drive: Its inputs, or None.
        how: Settings, or None for the defaults of its kind.

    Raises:
        ValueError: If the network can never come to rest or takes no such drive, the drive is a
            function of time without declared jumps, or `how` is for networks of another kind.
    """
    restless = network.by_kind(flows=lambda n: n.restless, updates=_can_rest, passes=_can_rest)
    if restless is not None:
        requirement = "be able to come to rest; `simulate` follows it in time"
        raise argument_error("network", requirement, restless)
    network.as_drive(drive)
    for signal in jax.tree.leaves(drive, is_leaf=callable):
        if callable(signal) and not isinstance(signal, AbstractSignal):
            requirement = "be constant, a `Pulse` or `Steps`; `simulate` takes functions of time"
            raise argument_error("drive", requirement, f"the function {brief(signal)}")
    settings = with_arrays(how_for(network, how), network.dtype)
    return numbers_as_arrays(drive, network.dtype), settings


def _can_rest(network: AbstractNetwork) -> None:
    """Networks that do not flow in time end by themselves."""


def with_arrays(how: _H, dtype: np.dtype, *, fixed_steps: bool = False) -> _H:
    """Returns `how` with arrays in place of numbers, so that other numbers compile nothing anew.

    Args:
        how: Settings.
        dtype: Dtype of the numbers.
        fixed_steps: Whether `max_steps` stays a number, which the program then depends on. Diffrax
            needs that where it differentiates steps.
    """
    fixed_steps |= isinstance(how, Flow) and how.follows_steps
    dtypes: dict[str, Any] = dict.fromkeys(("rtol", "atol", "step", "rest", "max_time"), dtype)
    if not fixed_steps:
        dtypes["max_steps"] = np.int32
    given = {name: getattr(how, name, None) for name in dtypes}
    arrays = {
        name: np.asarray(value, dtypes[name]) if is_concrete(value) else value.astype(dtypes[name])
        for name, value in given.items()
        if value is not None
    }
    if not arrays:
        return how
    return eqx.tree_at(lambda h: [getattr(h, name) for name in arrays], how, [*arrays.values()])


def numbers_as_arrays(tree: Any, dtype: np.dtype) -> Any:
    """Returns `tree` with arrays of `dtype` in place of Python numbers, as of constant drives."""
    return jax.tree.map(
        lambda leaf: np.asarray(leaf, dtype) if isinstance(leaf, int | float) else leaf, tree
    )


def raise_unless(result: RESULTS, *accepted: RESULTS) -> None:
    """Raises a `RuntimeError` with the sentence of the first result that is not accepted.

    Raises:
        ValueError: If the results have no values yet.
    """
    if result.is_traced():
        raise argument_error("throw", *_NOT_TRACED)
    fine = np.any([np.asarray(result == item) for item in accepted], axis=0)
    if not fine.all():
        first = int(np.argmin(np.atleast_1d(fine)))
        sentence = sentences(result)[first]
        raise RuntimeError(sentence if np.ndim(fine) == 0 else f"Cue {first}: {sentence}")


def refuse_traced(throw: bool, *arguments: Any) -> None:
    """Raises a `ValueError` if `throw` is True although results will have no values yet."""
    if throw and not all(is_concrete(x) for x in jax.tree.leaves(arguments)):
        raise argument_error("throw", *_NOT_TRACED)


_NOT_TRACED = "be False under jit, vmap and grad, where a result has no value yet", True
