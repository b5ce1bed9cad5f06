"""Trained codecs on disk: safetensors, which hold arrays and short texts and never code."""

from collections.abc import Mapping
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from nam_jax.data._autoencoder import BinaryAutoencoder
from nam_jax.record import staged_file

SHIPPED = Path(__file__).parent / "weights" / "codec.safetensors"
"""Weights trained on the bundled photographs; how is told in their metadata."""

_SIZES = ("height", "columns", "channels", "num_bits", "width", "depth")
_MAX_SIZE = 2**16


def save_codec(
    codec: BinaryAutoencoder, path: str | Path, *, metadata: Mapping[str, str] | None = None
) -> None:
    """Writes a codec's weights and sizes as safetensors, whole or not at all.

    Args:
        codec: What to write.
        path: The file; its folder must exist.
        metadata: Texts to go with it, such as the command and seed that made it.
    """
    from safetensors.numpy import save_file

    height, columns, channels = codec.image_shape
    width, depth = codec.to_code.kernel.shape[0], len(codec.encoder)
    sizes = zip(_SIZES, (height, columns, channels, codec.num_bits, width, depth), strict=True)
    arrays = {name: np.asarray(leaf) for name, leaf in _named_leaves(codec).items()}
    texts = {**(metadata or {}), **{name: str(size) for name, size in sizes}}
    with staged_file(path) as place:
        save_file(arrays, place, metadata=texts)


def load_codec(path: str | Path | None = None) -> BinaryAutoencoder:
    """Reads a codec written by `save_codec`.

    Args:
        path: The file; the shipped weights (32 x 32 x 3 images, 768 bits) if None.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged or not such a codec.
    """
    path = _existing(path)
    arrays, texts = _read(path)
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
    """The texts that go with a codec file (None: the shipped one): command, seed, errors, sizes.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged.
    """
    return _read(_existing(path))[1]


def _existing(path: str | Path | None) -> Path:
    path = SHIPPED if path is None else Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such codec file.")
    return path


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return arrays, dict(file.metadata() or {})
    except (SafetensorError, OSError, TypeError) as error:
        raise ValueError(f"{path}: damaged or not a safetensors file ({error}).") from error


def _skeleton(path: Path, texts: Mapping[str, str]) -> BinaryAutoencoder:
    """A codec of the sizes announced whose leaves are shapes only, so that none is allocated."""
    found = [texts.get(name, "") for name in _SIZES]
    if not all(_is_size(text) for text in found):
        pairs = ", ".join(
            f"{name} = {text[:20]!r}" for name, text in zip(_SIZES, found, strict=True)
        )
        raise ValueError(f"{path}: the sizes in the metadata are missing or wrong: {pairs}.")
    height, columns, channels, num_bits, width, depth = (int(text) for text in found)
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
    """Whether a text is a whole number from 1 to the largest size; one of many digits is none."""
    plain = text.isascii() and text.isdigit() and len(text) < 10
    return plain and 0 < int(text) <= _MAX_SIZE


def _named_leaves(codec: BinaryAutoencoder) -> dict[str, jax.Array | jax.ShapeDtypeStruct]:
    leaves, _ = jax.tree.flatten_with_path(codec)
    return {jax.tree_util.keystr(where).lstrip("."): leaf for where, leaf in leaves}
