"""The gradient of a picture of any size, tile by tile, with the seams in another place at every step."""

from dataclasses import dataclass

from stylegen.backend import tf
from stylegen.optimize import Objective


def _ceil_div(a, b):
    return (a + b - 1) // b


def _draw(key):
    """Two uint32 at random from a pair of int32, by integer hashing (Ellis and Wellons' lowbias32).

    TensorFlow's own stateless generators give other numbers under XLA than without.
    """
    seed, step = tf.unstack(tf.cast(key, tf.uint32))
    x = seed * 0x9E3779B1 + step * 0x85EBCA77 + tf.constant([0x27D4EB2F, 0x165667B1], tf.uint32)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
        x = tf.bitwise.bitwise_xor(x, tf.bitwise.right_shift(x, tf.constant(shift, tf.uint32))) * factor
    return x


@dataclass(frozen=True, eq=False)
class TiledObjective(Objective):
    """An objective whose picture is rolled at random and cut into tiles before the network sees it.

    The tiles of a picture are near-equal and cover it exactly, so that every pixel gets one gradient a step; what a
    tile needs beyond the edge wraps around. A tile's losses are means, and so are the picture's: the mean over its
    tiles. Tile origins lie on the network's stride. A picture that fits in one tile is not cut.

    With a margin the picture is mirrored outward first, and what comes of the margin is thrown away: at the edges that
    rolling brings together the picture then goes on as its own mirror image, and they show much less.

    Args:
        tile: Longest side of a tile, a multiple of `stride`; 0: the picture is never cut.
        stride: The network's total stride at the deepest layer of the terms.
        jitter: A picture, or an axis, of one tile is rolled by -jitter..jitter pixels; one of several by up to a tile.
        margin: Pixels mirrored at each border, or as many as the picture has.
    """

    tile: int = 0
    stride: int = 1
    jitter: int = 0
    margin: int = 0

    def value_and_gradient(self, image, key=None):
        """Weighted losses and gradient; `key`, a pair of int32, draws the roll (None: the picture is not rolled)."""
        inner = tf.shape(image)
        margins = tf.concat([[0], tf.minimum(self.margin, inner[1:3] - 1), [0]], 0)
        mirrored = tf.pad(image, tf.stack([margins, margins], 1), 'REFLECT')
        mirrored = tf.ensure_shape(mirrored, [image.shape[0], None, None, image.shape[3]])
        losses, gradient = self._rolled(mirrored, key)
        gradient = tf.slice(gradient, margins, inner)
        return losses, tf.ensure_shape(gradient, image.shape)

    def _rolled(self, image, key):
        size = tf.shape(image)[1:3]
        longest = self.tile or tf.reduce_max(size)
        counts = _ceil_div(size, longest)
        sides = tf.where(counts > 1, _ceil_div(_ceil_div(size, counts), self.stride) * self.stride, size)
        shift = tf.zeros([2], tf.int32)
        if key is not None:
            reach = tf.where(counts > 1, sides - 1, tf.minimum(self.jitter, size // 2))
            low = tf.where(counts > 1, 0, -reach)
            shift = low + tf.cast(_draw(key) % tf.cast(reach - low + 1, tf.uint32), tf.int32)
        rolled = tf.roll(image, shift, [1, 2])
        losses, gradient = self._by_tiles(rolled, counts, sides)
        return losses, tf.roll(gradient, -shift, [1, 2])

    def _by_tiles(self, image, counts, sides):
        size, covered = tf.shape(image)[1:3], counts * sides
        padded = tf.concat([image, image[:, : covered[0] - size[0]]], 1)
        padded = tf.concat([padded, padded[:, :, : covered[1] - size[1]]], 2)
        total = tf.reduce_prod(counts)

        def one(index, losses, gradients):
            y, x = index // counts[1] * sides[0], index % counts[1] * sides[1]
            tile = tf.slice(padded, [0, y, x, 0], [image.shape[0], sides[0], sides[1], 3])
            tile = tf.ensure_shape(tile, [image.shape[0], None, None, image.shape[3]])
            new_losses, gradient = super(TiledObjective, self).value_and_gradient(tile)
            losses = {name: losses[name] + value for name, value in new_losses.items()}
            return index + 1, losses, gradients.write(index, gradient)

        losses = {term.name: tf.constant(0.0) for term in self.terms if term.weight}
        gradients = tf.TensorArray(tf.float32, size=total, element_shape=[image.shape[0], None, None, 3])
        _, losses, gradients = tf.while_loop(
            lambda index, *_: index < total, one, (tf.constant(0), losses, gradients), parallel_iterations=1
        )
        share = 1.0 / tf.cast(total, tf.float32)
        rows = tf.reshape(gradients.stack(), [counts[0], counts[1], image.shape[0], sides[0], sides[1], 3])
        gradient = tf.reshape(tf.transpose(rows, [2, 0, 3, 1, 4, 5]), tf.shape(padded))
        gradient = tf.ensure_shape(gradient[:, : size[0], : size[1]] * share, image.shape)
        return {name: loss * share for name, loss in losses.items()}, gradient
