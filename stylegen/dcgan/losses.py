"""Adversarial losses on logits, and penalties on the discriminator's gradient."""

from collections.abc import Callable
from dataclasses import dataclass

from stylegen.utils.backend import tf
from stylegen.utils.errors import unknown


@dataclass(frozen=True)
class Adversarial:
    """The losses of the two networks; both are means over the batch.

    Args:
        discriminator: Takes logits of real images and of generated ones, and the target for real ones.
        generator: Takes logits of generated images.
        smooth: Whether the target for real images counts (Salimans et al. 2016, section 3.4, has it below 1).
        penalty: Whether a gradient penalty belongs to it.
    """

    discriminator: Callable[[tf.Tensor, tf.Tensor, float], tf.Tensor]
    generator: Callable[[tf.Tensor], tf.Tensor]
    smooth: bool = False
    penalty: bool = False


def _cross_entropy(logits: tf.Tensor, target: float) -> tf.Tensor:
    """Returns the mean binary cross-entropy from logits; it is finite and has a gradient for every logit."""
    return tf.reduce_mean(target * tf.nn.softplus(-logits) + (1 - target) * tf.nn.softplus(logits))


def _half_square(logits: tf.Tensor, target: float) -> tf.Tensor:
    return 0.5 * tf.reduce_mean(tf.square(logits - target))


def _hinge(real: tf.Tensor, fake: tf.Tensor, target: float) -> tf.Tensor:
    return tf.reduce_mean(tf.nn.relu(1 - real)) + tf.reduce_mean(tf.nn.relu(1 + fake))


ADVERSARIAL = {
    # Goodfellow et al. 2014, section 3
    'non_saturating': Adversarial(
        lambda real, fake, target: _cross_entropy(real, target) + _cross_entropy(fake, 0.0),
        lambda fake: _cross_entropy(fake, 1.0),
        smooth=True,
    ),
    # Lim and Ye 2017; Miyato et al. 2018, equations 16 and 17
    'hinge': Adversarial(_hinge, lambda fake: -tf.reduce_mean(fake)),
    # Mao et al. 2017, equation 9
    'least_squares': Adversarial(
        lambda real, fake, target: _half_square(real, target) + _half_square(fake, 0.0),
        lambda fake: _half_square(fake, 1.0),
        smooth=True,
    ),
    # Gulrajani et al. 2017, equation 3; the penalty is `gradient_penalty`
    'wasserstein_gp': Adversarial(
        lambda real, fake, target: tf.reduce_mean(fake) - tf.reduce_mean(real),
        lambda fake: -tf.reduce_mean(fake),
        penalty=True,
    ),
}


def adversarial(name: str) -> Adversarial:
    """Returns the losses with a name of `ADVERSARIAL`.

    Raises:
        UserError: There is no such loss.
    """
    if name not in ADVERSARIAL:
        raise unknown('loss', name, ADVERSARIAL)
    return ADVERSARIAL[name]


def r1_penalty(logits: Callable[[tf.Tensor], tf.Tensor], real: tf.Tensor) -> tf.Tensor:
    """Returns the mean squared gradient norm at real images (Mescheder et al. 2018, equation 9, without 1/2).

    Args:
        logits: The discriminator.
        real: Images (N, H, W, C).
    """
    return tf.reduce_mean(_squared_lengths(logits, real))


def gradient_penalty(
    logits: Callable[[tf.Tensor], tf.Tensor], real: tf.Tensor, fake: tf.Tensor, share: tf.Tensor
) -> tf.Tensor:
    """Returns the mean of (gradient norm - 1)^2 between real and fake images (Gulrajani et al. 2017, equation 3).

    Args:
        logits: The discriminator.
        real, fake: Images (N, H, W, C).
        share: How far from fake to real each point lies, (N, 1, 1, 1) in [0, 1].
    """
    lengths = tf.sqrt(_squared_lengths(logits, fake + share * (real - fake)) + 1e-12)
    return tf.reduce_mean(tf.square(lengths - 1))


def _squared_lengths(logits: Callable[[tf.Tensor], tf.Tensor], images: tf.Tensor) -> tf.Tensor:
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(logits(images))
    return tf.reduce_sum(tf.square(tape.gradient(total, images)), [1, 2, 3])
