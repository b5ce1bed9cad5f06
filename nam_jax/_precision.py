"""The precision of products, chosen here and nowhere else.

GPUs and TPUs multiply matrices of float32 with fewer digits unless they are told otherwise: by
default GPUs round the factors to TF32 (11 significant bits) and TPUs to bfloat16 (8 bits). Laws of
energy, certificates and conjugate gradients then fail at the third digit. So JAX's own setting
`jax_default_matmul_precision` does not matter within the library:

* the products of all methods and functions are computed in full (`FULL`), those of energies,
  residuals, spectra, gradients, certificates, measures and training among them;
* the vector fields within the steps of a flow are computed in the precision of the flow
  (`solve.Flow.precision`, or else that of `flows_in`), but for steps that are differentiated.

CPUs multiply in full whatever is asked. Sums and functions of single numbers are always in full.
"""

# Example: `network.energy(state)` is a method of an `AbstractPrecise`. A call sets JAX's setting
# to "highest" until it returns, so that every product that JAX traces meanwhile carries that
# precision, in a compiled program too. The stepping loop calls the vector field within
# `in_precision(Precision.DEFAULT)`: the same methods then set "default".

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar, cast

import equinox as eqx
import jax
from jax.lax import Precision

FULL = Precision.HIGHEST

_F = TypeVar("_F", bound=Callable[..., Any])


class _Choice(NamedTuple):
    """The precisions in use.

    Attributes:
        products: Of the products that are computed now.
        flows: Of flows that name none.
    """

    products: Precision = FULL
    flows: Precision = FULL


# Compiled programs are kept for each value of a user context, as for each of JAX's settings.
_CHOICE: Any = jax.make_user_context(_Choice())


@contextlib.contextmanager
def in_precision(precision: Precision) -> Iterator[None]:
    """Computes the products of the block, and of methods called in it, in `precision`."""
    choice = _CHOICE.value._replace(products=precision)
    with _CHOICE(choice), jax.default_matmul_precision(precision.name.lower()):
        yield


def flows_in(precision: Precision) -> contextlib.AbstractContextManager[None]:
    """Computes flows of the block that name no precision in `precision`."""
    return _CHOICE(_CHOICE.value._replace(flows=precision))


def of_flow(precision: Precision | None) -> Precision:
    """Returns `precision`, or if it is None that of `flows_in`; in full without such a block."""
    return _CHOICE.value.flows if precision is None else precision


def precise(function: _F) -> _F:
    """Returns `function`, with its products in the precision in use: in full outside flows."""

    @functools.wraps(function)
    def within(*arguments: Any, **named: Any) -> Any:
        with jax.default_matmul_precision(_CHOICE.value.products.name.lower()):
            return function(*arguments, **named)

    return cast(_F, within)


def full(function: _F) -> _F:
    """Returns `function`, with its products in full, within flows too."""

    @functools.wraps(function)
    def within(*arguments: Any, **named: Any) -> Any:
        with in_precision(FULL):
            return function(*arguments, **named)

    return cast(_F, within)


class AbstractPrecise(eqx.Module):
    """A module whose methods, also those of its subclasses, are `precise`."""

    def __init_subclass__(cls, **arguments: Any):
        super().__init_subclass__(**arguments)
        for name, member in list(vars(cls).items()):
            if isinstance(member, classmethod | staticmethod):
                setattr(cls, name, type(member)(precise(member.__func__)))
            elif inspect.isfunction(member) and not getattr(member, "__isabstractmethod__", False):
                setattr(cls, name, precise(member))
