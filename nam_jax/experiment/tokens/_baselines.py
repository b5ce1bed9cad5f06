"""Completions without a block: the mean image, linear predictions, the nearest training image."""

import numpy as np
from jaxtyping import Bool, Float

Training = Float[np.ndarray, "training P"]
Images = Float[np.ndarray, "images P"]
Masks = Bool[np.ndarray, "images P"]

RIDGE = 0.001
"""Added to the variances of pixels where the covariance is inverted."""
MASKS = 20
"""Choices of hidden patches of each training image, for the regression."""


def hidden_pixels(
    num_images: int, num_hidden: int, random: np.random.Generator
) -> Bool[np.ndarray, "images 64"]:
    """Returns the pixels of `num_hidden` random patches of 2 x 2 in each of some 8 x 8 images."""
    ranks = random.random((num_images, 16)).argsort(axis=1).argsort(axis=1)
    patches = (ranks < num_hidden).reshape(-1, 4, 1, 4, 1)
    return np.broadcast_to(patches, (num_images, 4, 2, 4, 2)).reshape(num_images, 64)


def mean_image(training: Training, images: Images, masks: Masks) -> Images:
    """Returns the mean of the training images, for each image."""
    return np.broadcast_to(training.mean(axis=0), images.shape)


def conditional_gaussian(training: Training, images: Images, masks: Masks) -> Images:
    """Returns the conditional mean of hidden pixels: the best linear answer for each mask."""
    mean, covariance = training.mean(axis=0), np.cov(training.T)
    answers = np.array(images)
    for answer, image, mask in zip(answers, images, masks, strict=True):
        known = covariance[np.ix_(~mask, ~mask)] + RIDGE * np.eye(int((~mask).sum()))
        weights = np.linalg.solve(known, (image - mean)[~mask])
        answer[mask] = mean[mask] + covariance[np.ix_(mask, ~mask)] @ weights
    return answers


def nearest_image(training: Training, images: Images, masks: Masks) -> Images:
    """Returns the training image that is nearest in known pixels."""
    # |x - y|^2 over known pixels is a sum of products with the mask, without a larger array.
    known = (~masks).astype(training.dtype)
    distances = known @ (training**2).T - 2 * (images * known) @ training.T
    return training[distances.argmin(axis=1)]


def ridge_regression(
    training: Training, images: Images, masks: Masks, *, random: np.random.Generator
) -> Images:
    """Returns one linear map, for all masks, of known pixels and of the mask.

    Args:
        training: The training images.
        images: The images to complete.
        masks: Their hidden pixels, as many in each.
        random: Draws the hidden pixels of training images.
    """
    mean = training.mean(axis=0)

    def inputs(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        centred = np.where(masks, 0, images - mean)
        return np.concatenate([centred, masks, np.ones((len(images), 1))], axis=1)

    repeated = np.repeat(training, MASKS, axis=0)
    num_hidden = int(masks[0].sum()) // 4
    drawn = inputs(repeated, hidden_pixels(len(repeated), num_hidden, random))
    square = drawn.T @ drawn + np.eye(drawn.shape[1])
    weights = np.linalg.solve(square, drawn.T @ (repeated - mean))
    return mean + inputs(images, masks) @ weights
