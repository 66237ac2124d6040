"""The step of DeepDream: smoothed, of one length, and steered to a change of the picture that was asked for."""

import numpy as np

from stylegen.losses.features import total_variation_loss
from stylegen.optimize.gradient_smoothing import smooth
from stylegen.optimize.updates import Update, normalize
from stylegen.utils.backend import tf

_variation = total_variation_loss()


def rms(image: tf.Tensor) -> tf.Tensor:
    """Root mean square of each image of a batch, (N, 1, 1, 1)."""
    return tf.sqrt(tf.reduce_mean(tf.square(image), axis=[1, 2, 3], keepdims=True))


def step_state(
    base: np.ndarray, octave: int, octaves: int, first: int, steps: int, size: float, strength: float
) -> tuple[tf.Tensor, tuple[tf.Tensor, ...]]:
    """What the steps of one octave need to know: the octave's picture without a dream, and how far the dream is.

    Args:
        base: (N, H, W, 3).
        octave, octaves: Which octave of how many, from 0.
        first, steps: The step to begin with, of how many.
        size: Length of a raw step; unused where strength is above 0.
        strength: RMS of the change at the end of the last octave, in pixel units [0, 1]; 0: raw steps.
    """
    numbers = (octave, octaves, first, steps, size, strength)
    return tf.constant(base), tuple(tf.constant(float(number)) for number in numbers)


def radius(octave: tf.Tensor, octaves: tf.Tensor, done: tf.Tensor, steps: tf.Tensor, strength: tf.Tensor) -> tf.Tensor:
    """How far from the undreamt picture a steered dream is after `done` steps of an octave, as an RMS.

    Every octave adds strength / sqrt(octaves), step by step in one direction, at a right angle to what was there:
    detail of another size is independent of it.
    """
    return strength / tf.sqrt(octaves) * tf.sqrt(octave + tf.square(done / steps))


def dream_step(
    norm: str = 'mean_abs', smoothing: str = 'none', variation: float = 0.0, border: str = 'mirror'
) -> Update:
    """Steps against the smoothed gradient, of one length or towards a strength; the state is `step_state`'s.

    A raw step changes the picture by `size`, measured by `norm` (Mordvintsev et al. 2015). A steered one changes it by
    the RMS that the strength leaves for it, and then the whole change so far is scaled to the `radius` it should have.

    Args:
        norm: 'mean_abs' or 'std', see `stylegen.optimize.updates.normalize`.
        smoothing: One of `stylegen.utils.choices.SMOOTHINGS`.
        variation: How strongly total variation is pushed down, as a share of the step's length.
        border: 'mirror' or 'wrap', what the smoothing sees beyond the border.
    """

    def step(image, gradient, loss, state, evaluate):
        base, (octave, octaves, done, steps, size, strength) = state
        done += 1.0
        direction = normalize(smooth(gradient, smoothing, done / steps, border), norm)
        if variation:
            with tf.GradientTape() as tape:
                tape.watch(image)
                roughness = _variation({'input': image})
            direction += variation * normalize(tape.gradient(roughness, image), norm)

        def steered():
            length = strength / (tf.sqrt(octaves) * steps)
            grown = image - length * tf.math.divide_no_nan(direction, rms(direction)) - base
            factor = tf.math.divide_no_nan(radius(octave, octaves, done, steps, strength), rms(grown))
            factor = tf.clip_by_value(factor, 0.5, 2.0)  # clipping at black and white may leave too little to scale up
            return base + factor * grown

        moved = tf.cond(strength > 0, steered, lambda: image - size * direction)
        return moved, (base, (octave, octaves, done, steps, size, strength))

    return Update(lambda image: step_state(image, 0, 1, 0, 1, 0.005, 0.0), step)
