"""Differentiable augmentation of what the discriminator sees, real and generated alike (Zhao et al. 2020)."""

from collections.abc import Callable

from stylegen.dcgan.settings import parse_policy
from stylegen.utils.backend import tf

SHIFT, CUT = 1 / 8, 1 / 2  # greatest shift and side of the cutout, divided by the side of the image
ADAPT_IMAGES = 100_000  # from probability 0 of an augmentation to 1
SIGN_STAYS = 0.9  # share of the running mean of the sign that stays at each step
DRAWS = 7  # random numbers of an image, for all operations together


def _color(images: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """Shifts brightness by up to 0.5, then multiplies saturation by 0 to 2 and contrast by 0.5 to 1.5."""
    brightness, saturation, contrast = (draws[:, i, None, None, None] for i in range(3))
    images = images + (brightness - 0.5)
    grey = tf.reduce_mean(images, 3, keepdims=True)
    images = (images - grey) * (2 * saturation) + grey
    mean = tf.reduce_mean(images, [1, 2, 3], keepdims=True)
    return (images - mean) * (contrast + 0.5) + mean


def _translation(images: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """Shifts by whole pixels, up to an eighth of the side; the pixels that come in are 0, the middle grey."""
    _, height, width, _ = images.shape
    rows = _shifting(draws[:, 3], height)
    columns = _shifting(draws[:, 4], width)
    images = tf.einsum('nij,njwc->niwc', rows, images)
    return tf.einsum('nij,nhjc->nhic', columns, images)


def _shifting(draws: tf.Tensor, side: int) -> tf.Tensor:
    """Returns matrices (N, side, side) that shift by a random number of places."""
    reach = int(side * SHIFT + 0.5)
    shifts = tf.floor(draws * (2 * reach + 1)) - reach
    places = tf.range(side, dtype=tf.float32)
    return tf.cast(places[None, :, None] - places[None, None, :] == shifts[:, None, None], tf.float32)


def _cutout(images: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """Sets a rectangle of half the sides to 0. Its centre is anywhere, so a part of it may be outside the image."""
    _, height, width, _ = images.shape
    inside = _covered(draws[:, 5], height)[:, :, None] * _covered(draws[:, 6], width)[:, None, :]
    return images * (1 - inside[..., None])


def _covered(draws: tf.Tensor, side: int) -> tf.Tensor:
    """Returns (N, side): 1 within a random interval of half the side, else 0."""
    length = int(side * CUT + 0.5)
    first = tf.floor(draws * (side + 1 - length % 2)) - length // 2
    places = tf.range(side, dtype=tf.float32)[None, :] - first[:, None]
    return tf.cast((places >= 0) & (places < length), tf.float32)


OPERATIONS: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {
    'color': _color,
    'translation': _translation,
    'cutout': _cutout,
}


def augment(images: tf.Tensor, draws: tf.Tensor, policy: str, chance: tf.Tensor | float | None = None) -> tf.Tensor:
    """Returns the images, each changed at random.

    Args:
        images: float32 (N, H, W, C) in [-1, 1]. Colours may leave the range: a gradient must reach every pixel.
        draws: float32 (N, DRAWS) in [0, 1); with a `chance`, (N, `draws_of(policy, True)`).
        policy: Names of `OPERATIONS`, with commas between; 'none' leaves the images as they are.
        chance: The probability of each operation on each image (Karras et al. 2020, section 2.2), scalar in [0, 1];
            None: each operation changes every image.
    """
    for number, name in enumerate(parse_policy(policy)):
        changed = OPERATIONS[name](images, draws)
        if chance is None:
            images = changed
        else:
            chosen = draws[:, DRAWS + number, None, None, None] < chance
            images = tf.where(chosen, changed, images)
    return images


def draws_of(policy: str, adaptive: bool) -> int:
    """Returns the random numbers that an image needs."""
    return DRAWS + len(parse_policy(policy)) * adaptive


def adapted(state: tf.Tensor, sign: tf.Tensor, count: tf.Tensor | int, target: float) -> tf.Tensor:
    """Moves the probability of an augmentation towards what a target asks for (Karras et al. 2020, section 3).

    There the target is 0.6, and the probability takes 500,000 images from 0 to 1; here `ADAPT_IMAGES`, for short runs.

    Args:
        state: (2,): the probability, and the running mean of the sign.
        sign: The mean sign of the logits of real images, in [-1, 1].
        count: So many images were seen.
        target: The mean of the sign that is aimed at.

    Returns:
        The state after them.
    """
    mean = state[1] + (1 - SIGN_STAYS) * (sign - state[1])
    change = tf.sign(mean - target) * (tf.cast(count, tf.float32) / ADAPT_IMAGES)
    return tf.stack([tf.clip_by_value(state[0] + change, 0.0, 1.0), mean])
