"""The targets of a picture in variables, and the windows of a large picture."""

from collections.abc import Mapping
from dataclasses import dataclass

from stylegen.utils.backend import tf


class TargetVariables:
    """The targets of a picture, in variables: one trace serves all sizes.

    Attributes:
        content: {layer: (1, h, w, C)}, the maps of the content.
        total_variance: {layer: ()}, their sum of squares about the mean of each channel.
        weights: {layer: (1, h, w, R)}, the weight of each position for each region; empty without regions.
        factors: A factor for each term of the objective, (terms,).
        core: Side of a window without its halo, in pixels, a multiple of every stride.
        gradient: The sum of the windows' gradients.
    """

    def __init__(self, channels: Mapping[str, int], content: tuple[str, ...], terms: int, regions: int = 0):
        def open_map(depth):
            return tf.Variable(tf.zeros([1, 1, 1, depth]), shape=[1, None, None, depth], trainable=False)

        self.content = {layer: open_map(channels[layer]) for layer in content}
        self.total_variance = {layer: tf.Variable(1.0, trainable=False) for layer in content}
        self.weights = {layer: open_map(regions) for layer in channels} if regions else {}
        self.factors = tf.Variable(tf.ones([terms]), trainable=False)
        self.core = tf.Variable(0, trainable=False)
        self.gradient = open_map(3)


@dataclass(frozen=True)
class Window:
    """The place of a window in a picture. All attributes are pairs (down, across), int32 (2,).

    Attributes:
        core: Where its core begins.
        core_end: Where its core ends.
        begin: Where the window begins.
        end: Where it ends.
        size: The size of the whole picture.
    """

    core: tf.Tensor
    core_end: tf.Tensor
    begin: tf.Tensor
    end: tf.Tensor
    size: tf.Tensor

    @classmethod
    def at(cls, index: tf.Tensor, core: tf.Tensor, halo: int, size: tf.Tensor) -> 'Window':
        """Returns the window of a number; windows are counted row by row."""
        across = -(-size[1] // core)
        begin = tf.stack([index // across, index % across]) * core
        end = tf.minimum(begin + core, size)
        return cls(begin, end, tf.maximum(begin - halo, 0), tf.minimum(end + halo, size), size)

    def cut(self, image: tf.Tensor) -> tf.Tensor:
        """Returns the window's part of a picture."""
        return image[:, self.begin[0] : self.end[0], self.begin[1] : self.end[1]]

    def core_of(self, features: tf.Tensor, stride: int, whole: bool) -> tf.Tensor:
        """Returns the core's part of a map of this window or of the whole picture. The last core takes the rest."""
        first = self.core // stride if whole else (self.core - self.begin) // stride
        rest = tf.shape(features)[1:3] - first
        count = tf.where(self.core_end == self.size, rest, (self.core_end - self.core) // stride)
        last = first + count
        return features[:, first[0] : last[0], first[1] : last[1]]
