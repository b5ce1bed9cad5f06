"""Array aliases shared by every room; the symbols are those of docs/symbols.md."""

from jaxtyping import Array, Float, PRNGKeyArray, Shaped
from jaxtyping import Key as TypedKey

Scalar = Float[Array, ""]
"""One floating-point number as a JAX array."""

Pattern = Float[Array, " N"]
"""One pattern, cue or read-out over N neurons, usually in {-1, +1}."""

Patterns = Float[Array, "K N"]
"""K patterns over N neurons, one in each row."""

AnyPattern = Shaped[Array, " N"]
"""One state or cue of any real dtype; it is converted to the float dtype of the network."""

Pairs = Float[Array, "N N"]
"""One number for each ordered pair of neurons, such as the states of synapses or processes."""

Key = PRNGKeyArray
"""A JAX random key. Each key is used once."""

Keys = TypedKey[Array, " batch"]
"""One random key for each sample."""
