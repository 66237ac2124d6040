"""The step of DeepDream: along the smoothed gradient, of a fixed length or of the length that the strength needs."""

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
    """The state of `dream_step` at the start of an octave.

    Args:
        base: The octave's pictures without a dream, (N, H, W, 3).
        octave, octaves: The number of the octave, from 0, and how many there are.
        first, steps: The step to begin with, from 0, and how many there are.
        size: Length of a fixed step. It is not used where strength is above 0.
        strength: RMS of the change at the end of the last octave, in pixel units [0, 1]. 0: the steps are fixed.
    """
    numbers = (octave, octaves, first, steps, size, strength)
    return tf.constant(base), tuple(tf.constant(float(number)) for number in numbers)


def change_after(
    octave: tf.Tensor, octaves: tf.Tensor, done: tf.Tensor, steps: tf.Tensor, strength: tf.Tensor
) -> tf.Tensor:
    """The RMS of the change of the picture that a strength asks for after `done` steps of an octave.

    Every octave adds strength / sqrt(octaves), step by step in one direction. This direction is at a right angle to the
    change before, because details of different sizes are independent.
    """
    return strength / tf.sqrt(octaves) * tf.sqrt(octave + tf.square(done / steps))


def dream_step(
    norm: str = 'mean_abs', smoothing: str = 'none', variation: float = 0.0, border: str = 'mirror'
) -> Update:
    """Steps against the smoothed gradient. The state is that of `step_state`.

    A fixed step changes the picture by `size`, measured by `norm` (Mordvintsev et al. 2015). A step with a strength
    changes it by the RMS that the strength leaves for one step. Then the whole change so far is scaled to the RMS of
    `change_after`.

    Args:
        norm: 'mean_abs' or 'std', see `stylegen.optimize.updates.normalize`.
        smoothing: One of `stylegen.utils.choices.SMOOTHINGS`.
        variation: How much the step lowers the total variation, as a share of its length.
        border: 'mirror' or 'wrap': what lies beyond the border for the smoothing.
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

        def step_to_strength():
            length = strength / (tf.sqrt(octaves) * steps)
            change = image - length * tf.math.divide_no_nan(direction, rms(direction)) - base
            factor = tf.math.divide_no_nan(change_after(octave, octaves, done, steps, strength), rms(change))
            factor = tf.clip_by_value(factor, 0.5, 2.0)  # clipping at black and white may leave too little to scale up
            return base + factor * change

        stepped = tf.cond(strength > 0, step_to_strength, lambda: image - size * direction)
        return stepped, (base, (octave, octaves, done, steps, size, strength))

    return Update(lambda image: step_state(image, 0, 1, 0, 1, 0.005, 0.0), step)
