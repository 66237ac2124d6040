"""The gradient of a picture of any size, tile by tile, with the seams in another place at every step."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from stylegen.backend import tf
from stylegen.borders import extend
from stylegen.draws import draw
from stylegen.optimize import Objective, losses_and_gradient


def _ceil_div(a, b):
    return (a + b - 1) // b


@dataclass(frozen=True, eq=False)
class TiledObjective(Objective):
    """An objective whose picture is rolled at random and cut into tiles before the network sees it.

    The tiles of a picture are near-equal and cover it exactly, so that every pixel gets one gradient a step; what a
    tile needs beyond the edge wraps around. A tile's losses are means, and so are the picture's: the mean over its
    tiles. Tile origins lie on the network's stride. A picture that fits in one tile is not cut.

    With a margin the picture is extended first, and what comes of the margin is thrown away. Mirrored, its edges show
    much less where rolling brings them together. Wrapped, and by more than the network sees, it has no edges.

    Args:
        tile: Longest side of a tile, a multiple of `stride`; 0: the picture is never cut. It may be changed later, by
            assigning to `longest`, without another trace.
        stride: The network's total stride at the deepest layer of the terms.
        jitter: A picture, or an axis, of one tile is rolled by -jitter..jitter pixels; one of several by up to a tile.
        margin: Pixels beyond each border. Mirrored, no more than the picture has.
        border: 'mirror' or 'wrap': what is seen there.
        places: How many masks the terms refer to.
        fixed: Every tile is `tile` pixels square, whatever the picture's size, which is repeated to fill the last ones.
        xla: XLA compiles the gradient of a tile; with `fixed`, once for pictures of all sizes. The loop around it is
            then not to be compiled, for its sizes are not known (`optimize_image(..., jit='off')`).
    """

    tile: int = 0
    stride: int = 1
    jitter: int = 0
    margin: int = 0
    border: str = 'mirror'
    places: int = 0
    fixed: bool = False
    xla: bool = False
    longest: tf.Variable = field(init=False, repr=False)
    balance: tf.Variable = field(init=False, repr=False)  # a factor for each term
    masks: tf.Variable = field(init=False, repr=False)  # (1, H, W, places)

    def __post_init__(self):
        object.__setattr__(self, 'longest', tf.Variable(self.tile, trainable=False))
        factors = np.ones(len([term for term in self.terms if term.weight]), np.float32)
        object.__setattr__(self, 'balance', tf.Variable(factors, trainable=False))
        none = tf.zeros([1, 1, 1, self.places])
        open_shape = [1, None, None, self.places]
        object.__setattr__(self, 'masks', tf.Variable(none, shape=open_shape, trainable=False))

    def value_and_gradient(self, image, key=None):
        """Weighted losses and gradient; `key`, a pair of int32, draws the roll (None: the picture is not rolled)."""

        def one(tile, losses):
            new, gradient = self._of_tile(tile)
            return {name: losses[name] + value for name, value in new.items()}, gradient

        inner = tf.shape(image)
        extended = self._extended(image)
        rolled, shift, counts, sides = self._rolled(extended, key)
        nothing = {term.name: tf.constant(0.0) for term in self.terms if term.weight}
        losses, gradient = self._each_tile(rolled, counts, sides, one, nothing)
        gradient = tf.roll(gradient, -shift, [1, 2])
        begin = (tf.shape(gradient) - inner) // 2
        gradient = tf.slice(gradient, begin * [0, 1, 1, 0], inner)
        share = 1.0 / tf.cast(tf.reduce_prod(counts), tf.float32)
        return {name: loss * share for name, loss in losses.items()}, tf.ensure_shape(gradient * share, image.shape)

    def loudness(self, image, where: str = 'signal'):
        """For each term, without its weight, the norm of its gradient.

        The picture is cut as it is by `value_and_gradient` without a key.

        Args:
            image: (1, H, W, 3).
            where: 'signal', with respect to the features that the term reads; 'gradient', to the picture.
        """
        terms = [term for term in self.terms if term.weight]

        def one(tile, squares):
            pixels, places = tile[..., :3], tile[..., 3:]
            features = self.extractor(pixels) if where == 'signal' else None
            with tf.GradientTape(persistent=True) as tape:
                sources = [pixels] if features is None else [v for k, v in features.items() if k != 'input']
                tape.watch(sources)
                features = self.extractor(pixels) if features is None else features
                losses = [term.loss({**features, 'places': places}) for term in terms]
            zero = tf.UnconnectedGradients.ZERO
            gradients = [tape.gradient(loss, sources, unconnected_gradients=zero) for loss in losses]
            found = [tf.add_n([tf.reduce_sum(tf.square(g)) for g in parts]) for parts in gradients]
            return squares + tf.stack(found), tf.zeros_like(pixels)

        rolled, _, counts, sides = self._rolled(self._extended(image), None)
        squares, _ = self._each_tile(rolled, counts, sides, one, tf.zeros([len(terms)]))
        return tf.sqrt(squares) / tf.cast(tf.reduce_prod(counts), tf.float32)

    @cached_property
    def _of_tile(self):
        def of(tile):
            return losses_and_gradient(lambda pixels: self._losses(pixels, tile[..., 3:]), tile[..., :3])

        return tf.function(of, jit_compile=True, autograph=False) if self.xla else of

    def _losses(self, pixels, places):
        features = {**self.extractor(pixels), 'places': places}
        terms = [term for term in self.terms if term.weight]
        return {term.name: self.balance[i] * term.weight * term.loss(features) for i, term in enumerate(terms)}

    def _extended(self, image):
        """The picture with its masks as further channels, and with its margin."""
        if self.places:
            masks = tf.repeat(self.masks, tf.shape(image)[0], axis=0)
            image = tf.concat([image, masks], -1)
        if not self.margin:
            return image
        if self.border == 'wrap':
            return extend(image, self.margin, 'wrap')
        margins = tf.concat([[0], tf.minimum(self.margin, tf.shape(image)[1:3] - 1), [0]], 0)
        mirrored = tf.pad(image, tf.stack([margins, margins], 1), 'REFLECT')
        return tf.ensure_shape(mirrored, [image.shape[0], None, None, image.shape[3]])

    def _rolled(self, image, key):
        size = tf.shape(image)[1:3]
        longest = tf.where(self.longest > 0, self.longest, tf.reduce_max(size))
        counts = _ceil_div(size, longest)
        if self.fixed:
            sides = tf.constant([self.tile, self.tile])
        else:
            sides = tf.where(counts > 1, _ceil_div(_ceil_div(size, counts), self.stride) * self.stride, size)
        shift = tf.zeros([2], tf.int32)
        if key is not None:
            reach = tf.where(counts > 1, sides - 1, tf.minimum(self.jitter, size // 2))
            low = tf.where(counts > 1, 0, -reach)
            shift = low + tf.cast(draw(key) % tf.cast(reach - low + 1, tf.uint32), tf.int32)
        return tf.roll(image, shift, [1, 2]), shift, counts, sides

    def _each_tile(self, image, counts, sides, one, carried):
        """Folds `one(tile, carried) -> (carried, gradient)` over the tiles; the gradients are joined to a picture's."""
        size, covered = tf.shape(image)[1:3], counts * sides
        padded = tf.gather(image, tf.range(covered[0]) % size[0], axis=1)
        padded = tf.gather(padded, tf.range(covered[1]) % size[1], axis=2)
        total = tf.reduce_prod(counts)
        batch, channels = image.shape[0], image.shape[3]
        height, width = (self.tile, self.tile) if self.fixed else (None, None)

        def step(index, carried, gradients):
            y, x = index // counts[1] * sides[0], index % counts[1] * sides[1]
            tile = tf.slice(padded, [0, y, x, 0], [batch, sides[0], sides[1], channels])
            tile = tf.ensure_shape(tile, [batch, height, width, channels])
            carried, gradient = one(tile, carried)
            return index + 1, carried, gradients.write(index, gradient)

        gradients = tf.TensorArray(tf.float32, size=total, element_shape=[batch, None, None, 3])
        _, carried, gradients = tf.while_loop(
            lambda index, *_: index < total, step, (tf.constant(0), carried, gradients), parallel_iterations=1
        )
        rows = tf.reshape(gradients.stack(), [counts[0], counts[1], batch, sides[0], sides[1], 3])
        gradient = tf.reshape(tf.transpose(rows, [2, 0, 3, 1, 4, 5]), [batch, covered[0], covered[1], 3])
        return carried, gradient[:, : size[0], : size[1]]
