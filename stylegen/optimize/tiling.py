"""The gradient of a picture of any size, tile by tile, with the seams in another place at every step."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from stylegen.networks.padding import seen_at
from stylegen.optimize.loop import Objective, losses_and_gradient
from stylegen.optimize.stateless_random import draw
from stylegen.utils.backend import tf


def _ceil_div(a, b):
    return (a + b - 1) // b


class _Layout(NamedTuple):
    """How a picture is cut; all are pairs, down and across."""

    counts: tf.Tensor  # of tiles
    sides: tf.Tensor  # of a tile
    shown: tuple[tf.Tensor, tf.Tensor]  # for each row of the tiles together, which of the picture's it shows
    found: tuple[tf.Tensor, tf.Tensor]  # for each row of the picture, which of the tiles' it is


@dataclass(frozen=True, eq=False)
class TiledObjective(Objective):
    """An objective whose picture is moved at random and cut into tiles before the network sees it.

    The tiles of a picture are near-equal and cover it exactly, so that every pixel gets one gradient a step. A tile's
    losses are means, and so are the picture's: the mean over its tiles. Tile origins lie on the network's stride.

    With a margin the picture is extended first, and what comes of the margin is thrown away. A picture that fits in one
    tile is not cut, and is moved about within its margins: rolled, it would have its opposite edges side by side, an
    edge that networks dream on (experiments/margins.py). One of several tiles is rolled, by up to a tile, so that the
    seams are everywhere. Wrapped, and by more than the network sees, a picture has no edges.

    Args:
        tile: Longest side of a tile, margins included, a multiple of `stride`; 0: the picture is never cut. It may be
            changed later, by assigning (height, width) to `longest`, without another trace.
        stride: The network's total stride at the deepest layer of the terms.
        jitter: How far a picture of one tile is moved, in pixels: from -jitter to jitter - 1, within its margins.
        margin: Pixels beyond each border. With half the stride and as much jitter all phases of the network's grid
            have their turn.
        border: 'mirror' or 'wrap': what is seen there.
        places: How many masks the terms refer to.
        fixed: Every tile has the sides of `longest`, whatever the picture's size; what it has not is seen as in a
            margin.
        xla: XLA compiles the gradient of a tile; with `fixed`, once for each shape of tiles. The loop around it is then
            not to be compiled, for its sizes are not known (`optimize_image(..., jit='off')`).
    """

    tile: int = 0
    stride: int = 1
    jitter: int = 0
    margin: int = 0
    border: str = 'mirror'
    places: int = 0
    fixed: bool = False
    xla: bool = False
    longest: tf.Variable = field(init=False, repr=False)  # of a tile's sides, down and across
    balance: tf.Variable = field(init=False, repr=False)  # a factor for each term
    masks: tf.Variable = field(init=False, repr=False)  # (1, H, W, places)

    def __post_init__(self) -> None:
        object.__setattr__(self, 'longest', tf.Variable([self.tile, self.tile], trainable=False))
        factors = np.ones(len([term for term in self.terms if term.weight]), np.float32)
        object.__setattr__(self, 'balance', tf.Variable(factors, trainable=False))
        none = tf.zeros([1, 1, 1, self.places])
        open_shape = [1, None, None, self.places]
        object.__setattr__(self, 'masks', tf.Variable(none, shape=open_shape, trainable=False))

    def value_and_gradient(self, image: tf.Tensor, key: tf.Tensor | None = None) -> tuple[dict, tf.Tensor]:
        """Weighted losses and gradient; `key`, a pair of int32, draws the move (None: the picture is not moved)."""

        def one(tile, losses):
            new, gradient = self._of_tile(tile)
            return {name: losses[name] + value for name, value in new.items()}, gradient

        layout = self._layout(tf.shape(image)[1:3], key)
        nothing = {term.name: tf.constant(0.0) for term in self.terms if term.weight}
        losses, gradient = self._each_tile(image, layout, one, nothing)
        for axis in (1, 2):
            gradient = tf.gather(gradient, layout.found[axis - 1], axis=axis)
        share = 1.0 / tf.cast(tf.reduce_prod(layout.counts), tf.float32)
        return {name: loss * share for name, loss in losses.items()}, tf.ensure_shape(gradient * share, image.shape)

    def loudness(self, image: tf.Tensor, where: str = 'signal') -> tf.Tensor:
        """For each term, without its weight, the norm of its gradient.

        The picture is cut as it is by `value_and_gradient` without a key.

        Args:
            image: (1, H, W, 3).
            where: 'signal', with respect to the features that the term reads; 'gradient', to the picture.

        Returns:
            float32 (terms,), those of weight 0 left out.
        """
        terms = [term for term in self.terms if term.weight]

        def one(tile, squares):
            pixels, masks = tile[..., :3], tile[..., 3:]
            features = self.extractor(pixels) if where == 'signal' else None
            with tf.GradientTape(persistent=True) as tape:
                sources = [pixels] if features is None else [v for k, v in features.items() if k != 'input']
                tape.watch(sources)
                features = self.extractor(pixels) if features is None else features
                losses = [term.loss({**features, 'masks': masks}) for term in terms]
            zero = tf.UnconnectedGradients.ZERO
            gradients = [tape.gradient(loss, sources, unconnected_gradients=zero) for loss in losses]
            found = [tf.add_n([tf.reduce_sum(tf.square(g)) for g in parts]) for parts in gradients]
            return squares + tf.stack(found), tf.zeros_like(pixels)

        layout = self._layout(tf.shape(image)[1:3], None)
        squares, _ = self._each_tile(image, layout, one, tf.zeros([len(terms)]))
        return tf.sqrt(squares) / tf.cast(tf.reduce_prod(layout.counts), tf.float32)

    @cached_property
    def _of_tile(self):
        def of(tile):
            return losses_and_gradient(lambda pixels: self._losses(pixels, tile[..., 3:]), tile[..., :3])

        if self.xla:
            return tf.function(of, jit_compile=True, autograph=False)
        # Inlined into the loops, some gradients of max poolings are not done by oneDNN (TensorFlow 2.21 goes through
        # the operations in an order that a loop upsets): 9% more for a step of inception_v3.
        return tf.function(of, autograph=False, experimental_attributes={'_noinline': True})

    def _losses(self, pixels, masks):
        features = {**self.extractor(pixels), 'masks': masks}
        terms = [term for term in self.terms if term.weight]
        return {term.name: self.balance[i] * term.weight * term.loss(features) for i, term in enumerate(terms)}

    def _layout(self, size: tf.Tensor, key: tf.Tensor | None) -> _Layout:
        wanted = size + 2 * self.margin
        counts = _ceil_div(wanted, tf.where(self.longest > 0, self.longest, tf.reduce_max(wanted)))
        single = counts == 1
        if self.fixed:
            sides = tf.convert_to_tensor(self.longest)
        else:
            sides = tf.where(single, wanted, _ceil_div(_ceil_div(wanted, counts), self.stride) * self.stride)
        spare = (sides - wanted) // 2 // self.stride * self.stride  # so that the grid lies as it does without
        before = tf.where(single, self.margin + spare, 0)
        if key is not None:
            low = tf.where(single, -tf.minimum(self.jitter, before), 0)
            span = tf.where(single, tf.maximum(-2 * low, 1), sides)
            before += low + tf.cast(draw(key) % tf.cast(span, tf.uint32), tf.int32)
        shown, found = [], []
        for axis in (0, 1):  # one tile is moved, several are rolled
            index = tf.range(counts[axis] * sides[axis]) - before[axis]
            index = tf.where(single[axis], index, index % wanted[axis] - self.margin)
            shown.append(seen_at(index, size[axis], self.border))
            index = tf.range(size[axis]) + before[axis]
            found.append(tf.where(single[axis], index, (index + self.margin) % wanted[axis]))
        return _Layout(counts, sides, tuple(shown), tuple(found))

    def _each_tile(self, image, layout, one, carried):
        """Folds `one(tile, carried) -> (carried, gradient)` over the tiles; the gradients are joined."""
        if self.places:
            image = tf.concat([image, tf.repeat(self.masks, tf.shape(image)[0], axis=0)], -1)
        counts, sides, covered = layout.counts, layout.sides, layout.counts * layout.sides
        padded = image
        for axis in (1, 2):
            padded = tf.gather(padded, layout.shown[axis - 1], axis=axis)
        total = tf.reduce_prod(counts)
        batch, channels = image.shape[0], image.shape[3]

        def step(index, carried, gradients):
            y, x = index // counts[1] * sides[0], index % counts[1] * sides[1]
            tile = tf.slice(padded, [0, y, x, 0], [batch, sides[0], sides[1], channels])
            tile = tf.ensure_shape(tile, [batch, None, None, channels])
            carried, gradient = one(tile, carried)
            return index + 1, carried, gradients.write(index, gradient)

        gradients = tf.TensorArray(tf.float32, size=total, element_shape=[batch, None, None, 3])
        _, carried, gradients = tf.while_loop(
            lambda index, *_: index < total, step, (tf.constant(0), carried, gradients), parallel_iterations=1
        )
        rows = tf.reshape(gradients.stack(), [counts[0], counts[1], batch, sides[0], sides[1], 3])
        return carried, tf.reshape(tf.transpose(rows, [2, 0, 3, 1, 4, 5]), [batch, covered[0], covered[1], 3])
