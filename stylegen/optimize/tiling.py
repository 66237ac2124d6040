"""Computes the gradient of a picture of any size tile by tile, with the seams in another place at every step.

`stylegen.optimize.windows` computes the exact gradient of a large picture. It could do so for the losses of dreams too,
which are means. Dreams have tiles of their own because of the cost: exact windows overlap by the receptive field. It
reaches 42 pixels beyond a window for VGG-16 to block4_conv3, but 469 for Inception V3 to mixed5 and 853 to mixed7. A
core of 512 pixels would then be a window of 1450, which is eight times the work. Tiles do not overlap, because the
random shift that a dream needs anyway moves their seams at every step. All tiles of a step also have one shape, so that
XLA compiles them; windows at the border are smaller.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np

from stylegen.networks.padding import source_index
from stylegen.optimize.loop import Objective, losses_and_gradient
from stylegen.optimize.stateless_random import draw
from stylegen.utils.backend import tf


def _ceil_div(a, b):
    return (a + b - 1) // b


class _Layout(NamedTuple):
    """How a picture is cut. All are pairs (down, across)."""

    counts: tf.Tensor  # of tiles
    sides: tf.Tensor  # of a tile
    picture_rows: tuple[tf.Tensor, tf.Tensor]  # row of the picture for each row of the joined tiles
    tile_rows: tuple[tf.Tensor, tf.Tensor]  # row of the joined tiles for each row of the picture


@dataclass(frozen=True, eq=False)
class TiledObjective(Objective):
    """An objective that shifts its picture at random and cuts it into tiles before the network sees it.

    The tiles have almost equal size and cover the picture exactly, so that every pixel gets one gradient a step. Losses
    of a tile are means, and losses of the picture are the mean over its tiles. Tile origins are multiples of the
    network's stride.

    With a margin the picture is extended first, and the gradient of the margin is dropped. A picture that fits in one
    tile is not cut, and is shifted within its margins. Rolling it would put its opposite edges side by side, and
    networks dream on such an edge (experiments/margins.py). A picture of several tiles is rolled by up to a tile, so
    that the seams are everywhere. If it is wrapped and the margin exceeds the receptive field, a picture has no edges.

    Args:
        tile: Longest side of a tile, margins included, a multiple of `stride`; 0: the picture is never cut. It can be
            changed later without another trace, by assigning (height, width) to `longest`.
        stride: The network's total stride at the deepest layer of the terms.
        jitter: A picture of one tile is shifted by -jitter to jitter - 1 pixels, within its margins.
        margin: Pixels beyond each border. Half the stride, with the same jitter, gives every phase of the network's
            grid.
        border: 'mirror' or 'wrap': what the margin shows.
        places: The number of masks that the terms use.
        fixed: Every tile has the sides of `longest`, for any picture size; missing pixels are filled like a margin.
        xla: XLA compiles the gradient of a tile; with `fixed`, once for each shape of tiles. The loop around it must
            not be compiled, because its sizes are unknown (`optimize_image(..., jit='off')`).
    """

    tile: int = 0
    stride: int = 1
    jitter: int = 0
    margin: int = 0
    border: str = 'mirror'
    places: int = 0
    fixed: bool = False
    xla: bool = False
    longest: tf.Variable = field(init=False, repr=False)  # longest sides of a tile (down, across)
    term_factors: tf.Variable = field(init=False, repr=False)  # a factor for each term
    masks: tf.Variable = field(init=False, repr=False)  # (1, H, W, places)

    def __post_init__(self) -> None:
        object.__setattr__(self, 'longest', tf.Variable([self.tile, self.tile], trainable=False))
        factors = np.ones(len([term for term in self.terms if term.weight]), np.float32)
        object.__setattr__(self, 'term_factors', tf.Variable(factors, trainable=False))
        none = tf.zeros([1, 1, 1, self.places])
        open_shape = [1, None, None, self.places]
        object.__setattr__(self, 'masks', tf.Variable(none, shape=open_shape, trainable=False))

    def value_and_gradient(self, image: tf.Tensor, key: tf.Tensor | None = None) -> tuple[dict, tf.Tensor]:
        """Returns weighted losses and gradient. `key`, a pair of int32, draws the shift; None: no shift."""

        def one(tile, losses):
            new, gradient = self._of_tile(tile)
            return {name: losses[name] + value for name, value in new.items()}, gradient

        layout = self._layout(tf.shape(image)[1:3], key)
        nothing = {term.name: tf.constant(0.0) for term in self.terms if term.weight}
        losses, gradient = self._each_tile(image, layout, one, nothing)
        for axis in (1, 2):
            gradient = tf.gather(gradient, layout.tile_rows[axis - 1], axis=axis)
        share = 1.0 / tf.cast(tf.reduce_prod(layout.counts), tf.float32)
        return {name: loss * share for name, loss in losses.items()}, tf.ensure_shape(gradient * share, image.shape)

    def gradient_norms(self, image: tf.Tensor, where: str = 'layer') -> tf.Tensor:
        """Returns the norm of each term's gradient, without the term's weight.

        The picture is cut as by `value_and_gradient` without a key.

        Args:
            image: (1, H, W, 3).
            where: 'layer' for the gradient with respect to the features that the term reads; 'picture' with respect
                to the picture.

        Returns:
            float32 (terms,), without terms of weight 0.
        """
        terms = [term for term in self.terms if term.weight]

        def one(tile, squares):
            pixels, masks = tile[..., :3], tile[..., 3:]
            features = self.extractor(pixels) if where == 'layer' else None
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
        # If it is inlined into the loops, oneDNN misses some gradients of max poolings, because TensorFlow 2.21
        # visits operations in another order there: a step of inception_v3 takes 9% more time.
        return tf.function(of, autograph=False, experimental_attributes={'_noinline': True})

    def _losses(self, pixels, masks):
        features = {**self.extractor(pixels), 'masks': masks}
        terms = [term for term in self.terms if term.weight]
        return {term.name: self.term_factors[i] * term.weight * term.loss(features) for i, term in enumerate(terms)}

    def _layout(self, size: tf.Tensor, key: tf.Tensor | None) -> _Layout:
        wanted = size + 2 * self.margin
        counts = _ceil_div(wanted, tf.where(self.longest > 0, self.longest, tf.reduce_max(wanted)))
        single = counts == 1
        if self.fixed:
            sides = tf.convert_to_tensor(self.longest)
        else:
            sides = tf.where(single, wanted, _ceil_div(_ceil_div(wanted, counts), self.stride) * self.stride)
        spare = (sides - wanted) // 2 // self.stride * self.stride  # keeps the phase of the network's grid
        before = tf.where(single, self.margin + spare, 0)
        if key is not None:
            low = tf.where(single, -tf.minimum(self.jitter, before), 0)
            span = tf.where(single, tf.maximum(-2 * low, 1), sides)
            before += low + tf.cast(draw(key) % tf.cast(span, tf.uint32), tf.int32)
        picture_rows, tile_rows = [], []
        for axis in (0, 1):  # one tile is shifted, several are rolled
            index = tf.range(counts[axis] * sides[axis]) - before[axis]
            index = tf.where(single[axis], index, index % wanted[axis] - self.margin)
            picture_rows.append(source_index(index, size[axis], self.border))
            index = tf.range(size[axis]) + before[axis]
            tile_rows.append(tf.where(single[axis], index, (index + self.margin) % wanted[axis]))
        return _Layout(counts, sides, tuple(picture_rows), tuple(tile_rows))

    def _each_tile(self, image, layout, one, carried):
        """Folds `one(tile, carried) -> (carried, gradient)` over the tiles, and joins the gradients."""
        if self.places:
            image = tf.concat([image, tf.repeat(self.masks, tf.shape(image)[0], axis=0)], -1)
        counts, sides, covered = layout.counts, layout.sides, layout.counts * layout.sides
        padded = image
        for axis in (1, 2):
            padded = tf.gather(padded, layout.picture_rows[axis - 1], axis=axis)
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
