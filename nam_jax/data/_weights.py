"""Trained codecs in safetensors files, which hold arrays and short texts and never code."""

from collections.abc import Mapping
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from nam_jax.data._autoencoder import BinaryAutoencoder
from nam_jax.record import read_arrays, write_arrays

SHIPPED = Path(__file__).parent / "weights" / "codec.safetensors"
"""Weights trained on the bundled photographs; the metadata of the file say how."""

_SIZES = ("height", "columns", "channels", "num_bits", "width", "depth")
_MAX_SIZE = 2**16


def save_codec(
    codec: BinaryAutoencoder, path: str | Path, *, metadata: Mapping[str, str] | None = None
) -> None:
    """Writes weights and sizes of a codec to a safetensors file.

    The file is written whole or not at all.

    Args:
        codec: The codec to write.
        path: The file; its folder must exist.
        metadata: Texts to store in the file, such as the command and seed of the training.

    Raises:
        FileExistsError: If `path` is a folder or not an ordinary file.
        OSError: If the folder does not exist or cannot be written.
    """
    height, columns, channels = codec.image_shape
    width, depth = codec.to_code.kernel.shape[0], len(codec.encoder)
    sizes = zip(_SIZES, (height, columns, channels, codec.num_bits, width, depth), strict=True)
    arrays = {name: np.asarray(leaf) for name, leaf in _named_leaves(codec).items()}
    texts = {**(metadata or {}), **{name: str(size) for name, size in sizes}}
    write_arrays(path, arrays, texts)


def load_codec(path: str | Path | None = None) -> BinaryAutoencoder:
    """Returns a codec from a file that `save_codec` wrote.

    Args:
        path: The file; None for the shipped weights (32 x 32 x 3 images, 768 bits).

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged or does not hold such a codec.
    """
    path = SHIPPED if path is None else path
    arrays, texts = read_arrays(path)
    codec = _skeleton(path, texts)
    expected = _named_leaves(codec)
    if arrays.keys() != expected.keys():
        difference = sorted(arrays.keys() ^ expected.keys())
        raise ValueError(f"{path}: not the arrays of this codec; missing or unknown: {difference}.")
    for name, leaf in expected.items():
        if arrays[name].shape != leaf.shape or arrays[name].dtype.kind != "f":
            raise ValueError(
                f"{path}: array {name} must be of floats with shape {leaf.shape}, "
                f"found {arrays[name].dtype} with shape {arrays[name].shape}."
            )
        if not np.isfinite(arrays[name]).all():
            raise ValueError(f"{path}: array {name} holds NaN or infinity.")
    leaves = [jnp.asarray(arrays[name]) for name in expected]
    return jax.tree.unflatten(jax.tree.structure(codec), leaves)


def codec_metadata(path: str | Path | None = None) -> dict[str, str]:
    """Returns the texts stored in a codec file, such as command, seed, errors and sizes.

    Args:
        path: The file; None for the shipped weights.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged.
    """
    return read_arrays(SHIPPED if path is None else path)[1]


def _skeleton(path: str | Path, texts: Mapping[str, str]) -> BinaryAutoencoder:
    """Returns a codec of the sizes in `texts` whose leaves are shapes; no array is allocated."""
    sizes = [texts.get(name, "") for name in _SIZES]
    if not all(_is_size(text) for text in sizes):
        pairs = ", ".join(
            f"{name} = {text[:20]!r}" for name, text in zip(_SIZES, sizes, strict=True)
        )
        raise ValueError(f"{path}: the sizes in the metadata are missing or wrong: {pairs}.")
    height, columns, channels, num_bits, width, depth = (int(text) for text in sizes)
    if depth > 64:
        raise ValueError(f"{path}: expected at most 64 blocks, found depth {depth}.")
    try:
        return eqx.filter_eval_shape(
            lambda key: BinaryAutoencoder(
                (height, columns, channels), num_bits, width=width, depth=depth, key=key
            ),
            jax.random.key(0),
        )
    except ValueError as error:
        raise ValueError(f"{path}: the sizes in the metadata do not fit: {error}") from error


def _is_size(text: str) -> bool:
    """Returns whether a text is a whole number from 1 to `_MAX_SIZE`, of at most 9 digits."""
    plain = text.isascii() and text.isdigit() and len(text) < 10
    return plain and 0 < int(text) <= _MAX_SIZE


def _named_leaves(codec: BinaryAutoencoder) -> dict[str, jax.Array | jax.ShapeDtypeStruct]:
    leaves, _ = jax.tree.flatten_with_path(codec)
    return {jax.tree_util.keystr(where).lstrip("."): leaf for where, leaf in leaves}
