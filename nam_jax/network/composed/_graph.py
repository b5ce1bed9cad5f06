"""The graph of a composed network, in words and as a diagram."""

from typing import Any

import equinox as eqx
import jax
import numpy as np

from nam_jax._misc import is_concrete


class Diagram(str):
    """The text of a diagram in the language of Mermaid; notebooks and documentation draw it."""

    __slots__ = ()

    def _repr_markdown_(self) -> str:
        return f"```mermaid\n{self}\n```"


def diagram(network: Any) -> Diagram:
    """Returns the graph of a [`nam_jax.network.EnergyNetwork`][] as Mermaid text.

    Layers are boxes, the visible one with a double frame, and interactions are round nodes between
    them. Notebooks show it as a picture.

    Args:
        network: The network.
    """
    rows = ["graph LR"]
    for place, (name, layer) in enumerate(network.by_name.items()):
        words = f"{name}<br/>{units(layer.shape)}<br/>{type(layer.lagrangian).__name__}"
        left, right = ("[[", "]]") if name == network.visible_layer else ("[", "]")
        rows.append(f'  l{place}{left}"{words}"{right}')
    for number, interaction in enumerate(network.interactions):
        rows.append(f'  i{number}(("{type(interaction).__name__}"))')
        ends = [network.names.index(name) for name in interaction.joins]
        rows += [f"  l{place} --- i{number}" for place in ends]
    return Diagram("\n".join(rows))


def in_words(network: Any) -> str:
    """Returns the graph of a network in a few lines of text."""
    width = max(map(len, network.names), default=0)
    rows = [f"EnergyNetwork in {network.dtype}"]
    for name, layer in network.by_name.items():
        kind = type(layer.lagrangian).__name__
        facts = [f"{units(layer.shape)} units of {kind}"]
        facts += [f"leak {_number(layer.leak)}", f"time {_number(layer.time)}"]
        facts += ["visible"] if name == network.visible_layer else []
        facts += ["symmetric pairs"] if layer.pairs else []
        facts += [] if layer.held is None else ["some units held"]
        rows.append(f"  {name:<{width}}  {', '.join(facts)}")
    for interaction in network.interactions:
        leaves = jax.tree.leaves(eqx.filter(interaction, eqx.is_array))
        count = sum(int(np.prod(leaf.shape)) for leaf in leaves)
        joins = " - ".join(interaction.joins)
        rows.append(f"  {type(interaction).__name__}({joins}), {count} numbers")
    return "\n".join(rows)


def units(shape: tuple[int, ...]) -> str:
    """Returns a shape as in 3 x 4."""
    return " x ".join(map(str, shape))


def _number(value: Any) -> str:
    is_known = eqx.is_array_like(value) and is_concrete(value)
    return f"{float(value):g}" if is_known and np.ndim(value) == 0 else "(an array)"
