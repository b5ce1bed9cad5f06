"""Errors of the trained codec and of simpler codecs on held-out images."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, UInt8

from nam_jax import data
from nam_jax.experiment.common import key_of_seed

MAX_FIT = 5000
"""Training images that the simpler methods are fitted to, at most."""

Flat = Float[np.ndarray, "M D"]


class _Method(NamedTuple):
    """A method that encodes and restores flattened images.

    Attributes:
        bits: Bits that the method spends on an image; 0 if it uses only the training images.
        restore: Function of images, (M, D); returns the restored images, (M, D).
        codes: Function of images, (M, D); returns codes of -1 and +1, (M, N). None if the method
            has no binary codes.
    """

    bits: int
    restore: Callable[[Flat], Flat]
    codes: Callable[[Flat], Float[np.ndarray, "M N"]] | None = None


def measure(
    codec: data.BinaryAutoencoder,
    training: UInt8[np.ndarray, "M H W C"],
    validation: Float[np.ndarray, "V H W C"],
    stored: Float[np.ndarray, "S H W C"],
    *,
    seed: int,
) -> xr.Dataset:
    """Returns the errors and code overlaps of the trained autoencoder and of six simpler methods.

    The simpler methods are the mean image, the majority pixel, a pixel threshold, a random
    projection, and principal components with real scores and with signs of scores.

    Args:
        codec: The trained autoencoder.
        training: Images, 0 to 255; the first 5000 at most fit the simpler methods.
        validation: Held-out images in [0, 1], on which errors are measured.
        stored: Images in [0, 1] whose codes are compared with each other.
        seed: Seed of the random projection and of the randomised PCA.

    Returns:
        A dataset along `codec`, the names of the methods: the mean squared error and the peak
        signal-to-noise ratio in dB on `validation`, the mean and the largest |overlap| of the codes
        of two different images of `stored` (NaN without codes), and the bits of a code.
    """
    fitted = training[:MAX_FIT].astype(np.float32) / 255
    methods = _methods(codec, fitted, seed=seed)
    flat = validation.reshape(len(validation), -1)
    errors = np.array([np.mean((m.restore(flat) - flat) ** 2) for m in methods.values()])
    overlaps = np.array([_overlaps(m, stored) for m in methods.values()])
    return xr.Dataset(
        {
            "validation_mse": ("codec", errors, {"units": "1"}),
            "validation_psnr": ("codec", -10 * np.log10(errors), {"units": "dB"}),
            "overlap_mean": ("codec", overlaps[:, 0], {"units": "1"}),
            "overlap_max": ("codec", overlaps[:, 1], {"units": "1"}),
            "bits": ("codec", [m.bits for m in methods.values()], {"units": "bits"}),
        },
        coords={"codec": list(methods)},
    )


def _methods(
    codec: data.BinaryAutoencoder, images: Float[np.ndarray, "M H W C"], *, seed: int
) -> dict[str, _Method]:
    """Returns the methods by name; all but the autoencoder are fitted to `images`."""
    flat = images.reshape(len(images), -1)
    mean, majority = flat.mean(axis=0), _majority(flat)
    key = key_of_seed(seed)
    projection = data.RandomProjection.fit(jnp.asarray(images), codec.num_bits, key=key)
    return {
        "autoencoder": _of_codec(codec),
        "mean image": _Method(0, lambda x: np.broadcast_to(mean, x.shape)),
        "majority pixel": _Method(0, lambda x: np.broadcast_to(majority, x.shape)),
        "pixel threshold": _of_codec(data.PixelThreshold.fit(jnp.asarray(images))),
        "random projection": _of_codec(projection),
        **_principal_components(flat, codec.num_bits, seed=seed),
    }


def _of_codec(codec: data.AbstractCodec) -> _Method:
    """Returns the method that encodes and decodes with `codec`."""
    encode, decode = jax.jit(jax.vmap(codec.encode)), jax.jit(jax.vmap(codec.decode))

    def codes(flat: Flat) -> Float[np.ndarray, "M N"]:
        return np.asarray(encode(_unflattened(flat, codec)))

    def restore(flat: Flat) -> Flat:
        return np.asarray(decode(encode(_unflattened(flat, codec)))).reshape(flat.shape)

    return _Method(codec.num_bits, restore, codes)


def _unflattened(flat: Flat, codec: data.AbstractCodec) -> Float[Array, "M H W C"]:
    return jnp.asarray(flat).reshape(len(flat), *codec.image_shape)


def _majority(flat: Flat) -> Float[np.ndarray, " D"]:
    """Returns an image in which each pixel is bright or dark by majority vote of the images.

    A pixel's intensity is its mean over the images of the majority. For example, for the
    intensities 0.1, 0.3 and 0.9 the majority is dark, and the pixel is 0.2.
    """
    bright = flat >= 0.5
    winners = bright == (bright.mean(axis=0) >= 0.5)
    return np.where(winners, flat, 0).sum(axis=0) / winners.sum(axis=0)


def _principal_components(flat: Flat, num: int, *, seed: int) -> dict[str, _Method]:
    """Returns two methods with `num` principal components.

    The first restores images from real scores, of 32 bits each. The second restores images from
    the signs of the scores, each times the mean |score| of that component.
    """
    from sklearn.decomposition import PCA

    num = min(num, *flat.shape)
    random = np.random.RandomState(np.random.MT19937(seed))  # takes seeds of any size
    pca = PCA(num, svd_solver="randomized", random_state=random).fit(flat)
    size = np.abs(pca.transform(flat)).mean(axis=0)

    def codes(x: Flat) -> Float[np.ndarray, "M N"]:
        return np.where(pca.transform(x) >= 0, 1, -1).astype(x.dtype)

    return {
        "PCA, real": _Method(
            32 * num, lambda x: np.clip(pca.inverse_transform(pca.transform(x)), 0, 1)
        ),
        "PCA, signs": _Method(
            num, lambda x: np.clip(pca.inverse_transform(size * codes(x)), 0, 1), codes
        ),
    }


def _overlaps(method: _Method, stored: Float[np.ndarray, "S H W C"]) -> tuple[float, float]:
    """Returns the mean and largest |overlap| of codes of different images, or NaN without codes."""
    if method.codes is None:
        return np.nan, np.nan
    codes = method.codes(stored.reshape(len(stored), -1))
    overlap = np.abs(codes @ codes.T / codes.shape[1])[np.triu_indices(len(codes), 1)]
    return float(overlap.mean()), float(overlap.max())
