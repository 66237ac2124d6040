"""Parameterisations of pictures: the same objective gives other pictures in other coordinates.

Olah, Mordvintsev, Schubert (2017), "Feature Visualization", Distill, section "Preconditioning and Parameterization". A
parameterisation has `image(parameters)`, its inverse `parameters(image)`, and `noise(count, seed, contrast)` for a
start. Parameters are unbounded; a sigmoid maps them to [0, 1].
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stylegen.optimize.loop import Objective
from stylegen.utils.backend import tf

# A matrix B with B B' = the covariance of natural colours: of the logits of all 77,200,500
# pixels of BSDS500 (Arbelaez et al. 2011; sRGB, 8 bits, values taken as at least 1/512 from 0 and 1, where 2 % are).
# Its columns are the eigenvectors of the covariance, each times the root of its eigenvalue: light and dark, yellow and
# blue, green and magenta. Between them the colours of photographs do not correlate.
COLOR_BASIS = np.array([[1.539, 0.660, 0.196], [1.473, 0.033, -0.375], [1.508, -0.706, 0.166]])

_CLOSEST = 1 / 512  # smallest distance of a pixel to 0 and 1: half a level of 8 bits


def _logits(image: tf.Tensor) -> tf.Tensor:
    inside = tf.clip_by_value(image, _CLOSEST, 1 - _CLOSEST)
    return tf.math.log(inside) - tf.math.log1p(-inside)


def _white_noise(count: int, height: int, width: int, seed: int) -> np.ndarray:
    """Returns standard normal float32 (count, height, width, 3). A picture does not depend on `count`."""
    rows = [np.random.default_rng([seed, i]).standard_normal((height, width, 3), np.float32) for i in range(count)]
    return np.stack(rows)


@dataclass(frozen=True)
class Pixels:
    """The logit of every pixel and channel. Simple, but high frequencies dominate.

    Parameters: (N, height, width, 3).
    """

    height: int
    width: int

    def image(self, parameters: tf.Tensor) -> tf.Tensor:
        """Returns pictures (N, height, width, 3) in [0, 1]."""
        return tf.sigmoid(parameters)

    def parameters(self, image: tf.Tensor) -> tf.Tensor:
        """Returns the parameters of given pictures. `image` restores them to within 1/512."""
        return _logits(image)

    def noise(self, count: int, seed: int, contrast: float) -> tf.Tensor:
        """Returns parameters of white noise around grey. `contrast` is the standard deviation of the logits."""
        return tf.constant(contrast * _white_noise(count, self.height, self.width, seed))


@dataclass(frozen=True)
class Fourier:
    """The spectrum of a picture with decorrelated colours; every frequency f is scaled by 1 / f^decay.

    The amplitudes of natural pictures fall about as 1 / f (Field 1987; the luma of BSDS500's logits as 1 / f^1.2), so
    their parameters are almost white. Standard normal parameters give noise with the spectrum, contrast and colours of
    a photograph, at any size. Equal steps change low frequencies much and high ones less.

    Parameters: (N, height, width // 2 + 1, 6), the real and then the imaginary parts of `rfft2` for each of three
    colour axes (`COLOR_BASIS`).

    Args:
        height, width: Of the pictures, even or odd.
        decay: Power of the frequency. 0 treats all frequencies alike.
    """

    height: int
    width: int
    decay: float

    def image(self, parameters: tf.Tensor) -> tf.Tensor:
        """Returns pictures (N, height, width, 3) in [0, 1]."""
        parts = tf.transpose(parameters * self._scale(), [0, 3, 1, 2])
        maps = tf.signal.irfft2d(tf.complex(parts[:, :3], parts[:, 3:]), [self.height, self.width])
        axes = tf.transpose(maps, [0, 2, 3, 1])
        return tf.sigmoid(tf.einsum('nhwa,ca->nhwc', axes, tf.constant(COLOR_BASIS, parameters.dtype)))

    def parameters(self, image: tf.Tensor) -> tf.Tensor:
        """Returns the parameters of given pictures. `image` restores them to within 1/512."""
        image = tf.convert_to_tensor(image)
        axes = tf.einsum('nhwc,ac->nhwa', _logits(image), tf.constant(np.linalg.inv(COLOR_BASIS), image.dtype))
        return self._spectrum(axes) / self._scale()

    def noise(self, count: int, seed: int, contrast: float) -> tf.Tensor:
        """Returns parameters of noise with a natural spectrum and colours. A `contrast` of 1 is a photograph's."""
        white = contrast * _white_noise(count, self.height, self.width, seed)
        return self._spectrum(tf.constant(white)) / np.float32(np.sqrt(self.height * self.width / 2))

    def _spectrum(self, maps: tf.Tensor) -> tf.Tensor:
        spectrum = tf.signal.rfft2d(tf.transpose(maps, [0, 3, 1, 2]))
        return tf.transpose(tf.concat([tf.math.real(spectrum), tf.math.imag(spectrum)], 1), [0, 2, 3, 1])

    def _scale(self) -> np.ndarray:
        """Returns the factor of each frequency, (height, width // 2 + 1, 1).

        Except for the transform's own factor, its mean square over all frequencies is 1: standard normal parameters
        give maps of variance 1. The mean has the factor of the lowest frequency.
        """
        lowest = 1 / max(self.height, self.width)
        down, across = np.fft.fftfreq(self.height)[:, None], np.fft.fftfreq(self.width)[None]
        scale = np.maximum(np.hypot(down, across), lowest) ** -self.decay
        scale *= np.sqrt(self.height * self.width / 2 / np.mean(scale**2))
        return scale[:, : self.width // 2 + 1, None]


@dataclass(frozen=True, eq=False)
class ParameterizedObjective(Objective):
    """An objective whose value belongs to a picture and whose gradient belongs to the picture's parameters.

    `optimize_image` then changes parameters, with bounds=None; its "image" is the parameters.

    Args:
        render: Maps parameters to pictures (N, H, W, 3) in [0, 1].
        view: Maps (pictures, key) to what the network sees at this step, the feature 'input'.
    """

    render: Callable[[tf.Tensor], tf.Tensor] = tf.identity
    view: Callable[[tf.Tensor, tf.Tensor], tf.Tensor] = lambda pictures, key: pictures

    def value_and_gradient(self, image: tf.Tensor, key: tf.Tensor | None = None) -> tuple[dict, tf.Tensor]:
        """Returns the weighted losses of the view, and their gradient shaped as the parameters.

        Without `key` the view is the picture itself.
        """
        with tf.GradientTape() as tape:
            tape.watch(image)
            pictures = self.render(image)
            view = pictures if key is None else self.view(pictures, key)
        losses, gradient = super().value_and_gradient(view)
        return losses, tape.gradient(view, image, gradient)
