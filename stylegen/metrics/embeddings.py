"""Maps each picture to a feature vector, to measure generators. Importing this does not import TensorFlow."""

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from stylegen.networks.pretrained import WeightsSource, find_weights
from stylegen.networks.registry import feature_extractor
from stylegen.utils.errors import UserError, unknown

if TYPE_CHECKING:
    from stylegen.networks.extractor import FeatureExtractor

Images = np.ndarray | Iterable[np.ndarray]  # uint8 (N, H, W, C), or batches of them

BATCH = 64  # most pictures of a network's batch


class _Recipe(NamedTuple):
    """The layer whose average over a picture is its vector, and the side to which pictures are resized."""

    network: str
    layer: str
    side: int


# mini does not recognise pictures of 32 pixels a side: of 600 of CIFAR-10's, as JPEG, it names 9 % correctly at 32,
# 61 % at 64 and 64 % at 96, which takes 2.5 times as long. Its classifier averages block5_conv2. The average of mixed10
# is InceptionV3(include_top=False, pooling='avg') of keras.applications.
EMBEDDINGS = {
    'mini': _Recipe('mini', 'block5_conv2', 64),
    'inception_keras': _Recipe('inception_v3', 'mixed10', 299),
}


@dataclass(frozen=True, eq=False)
class Embedding:
    """A frozen map from pictures to vectors.

    Pictures are resized to a square by Pillow's bicubic filter in floats, clipped and not rounded, as Parmar et al.
    2022, "On aliased resizing and surprising subtleties in GAN evaluation", recommend. Grey ones are repeated to RGB.

    Attributes:
        name: A key of `EMBEDDINGS`; it is part of every figure's name.
        layer: Of the network, averaged over the picture.
        side: Of the square, in pixels.
        dimension: Of the vectors.
        source: The weights file.
        run: The compiled function from (pictures, vertical and horizontal resize matrices) to vectors.
    """

    name: str
    layer: str
    side: int
    dimension: int
    source: WeightsSource
    run: Callable

    @property
    def resize(self) -> str:
        """How pictures are resized, for the record."""
        return f'bicubic to {self.side}x{self.side} (Pillow), clipped, not rounded'

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Maps uint8 (N, H, W, 1 or 3) to float32 (N, dimension)."""
        down, across = (_resizing(length, self.side) for length in images.shape[1:3])
        return self.run(images, down, across).numpy()


def open_embedding(name: str, weights: str | Path | None = None) -> Embedding:
    """Opens an embedding by name.

    Args:
        name: A key of `EMBEDDINGS`.
        weights: A file, see `pretrained.find_weights`; None finds or downloads one.

    Raises:
        UserError: The name is unknown, or there are no weights.

    Example:
        vectors = open_embedding('mini')(pictures)
    """
    if name not in EMBEDDINGS:
        raise unknown('features', name, EMBEDDINGS)
    network, layer, side = EMBEDDINGS[name]
    extractor = feature_extractor(network, (layer,), weights=weights)
    return Embedding(name, layer, side, extractor.channels[layer], extractor.source, _averaging(extractor, layer, side))


def embeddings_here() -> tuple[str, ...]:
    """Returns the names of embeddings whose weights are on this machine; `mini` always is."""

    def is_here(network):
        try:
            return bool(find_weights(network, offline=True))
        except UserError:
            return False

    return tuple(name for name, recipe in EMBEDDINGS.items() if is_here(recipe.network))


@dataclass(frozen=True, eq=False)
class Embedded:
    """The vectors of a set of pictures.

    Attributes:
        shape: (height, width, channels) of the pictures.
        vectors: {name of the embedding: float32 (N, dimension)}.
    """

    shape: tuple[int, int, int]
    vectors: dict[str, np.ndarray]

    @property
    def count(self) -> int:
        """The number of pictures."""
        return len(next(iter(self.vectors.values())))


def embed(
    images: Images,
    embeddings: Sequence[Embedding],
    *,
    progress: Callable[[int], None] | None = None,
) -> Embedded:
    """Computes the vectors of all pictures with each embedding, in one pass.

    Args:
        images: uint8 (N, H, W, 1 or 3), or an iterable of such arrays, all of one H, W and C.
        embeddings: At least one.
        progress: Called after every batch with the number of pictures that are done.

    Raises:
        UserError: There are no pictures.
        ValueError: The arrays are no pictures, or of several shapes.
    """
    shapes: set[tuple[int, int, int]] = set()
    parts: list[list[np.ndarray]] = [[] for _ in embeddings]
    done = 0
    for batch in _batches(images):
        shapes.add(batch.shape[1:])
        if len(shapes) > 1:
            raise ValueError(f'the pictures of a set are of one shape; these are of {sorted(shapes)}')
        for found, embedding in zip(parts, embeddings, strict=True):
            found.append(embedding(batch))
        done += len(batch)
        if progress:
            progress(done)
    if not shapes:
        raise UserError('there are no pictures to measure')
    names = (embedding.name for embedding in embeddings)
    return Embedded(shapes.pop(), {name: np.concatenate(found) for name, found in zip(names, parts, strict=True)})


def _batches(images: Images) -> Iterator[np.ndarray]:
    for batch in [images] if isinstance(images, np.ndarray) else images:
        batch = np.asarray(batch)
        if batch.dtype != np.uint8 or batch.ndim != 4 or batch.shape[3] not in (1, 3) or 0 in batch.shape[1:]:
            raise ValueError(
                f'expected pictures as uint8 (count, height, width, 1 or 3), got {batch.dtype} {batch.shape}'
            )
        for start in range(0, len(batch), BATCH):
            yield batch[start : start + BATCH]


@functools.lru_cache(maxsize=16)
def _resizing(old: int, new: int) -> np.ndarray:
    """Returns the matrix of Pillow's bicubic filter from `old` pixels to `new`, float32 (new, old)."""
    units = Image.fromarray(np.eye(old, dtype=np.float32))
    return np.asarray(units.resize((old, new), Image.Resampling.BICUBIC))


def _averaging(extractor: 'FeatureExtractor', layer: str, side: int) -> Callable:
    from stylegen.utils.backend import tf, use_xla

    matrix = tf.TensorSpec([None, None], tf.float32)

    def run(images, down, across):
        x = tf.cast(images, tf.float32) / 255
        x = tf.einsum('ph,nhwc->npwc', down, x)
        x = tf.clip_by_value(tf.einsum('qw,npwc->npqc', across, x), 0, 1)
        x = tf.broadcast_to(x, [tf.shape(x)[0], side, side, 3])
        return tf.reduce_mean(extractor(tf.ensure_shape(x, [None, side, side, 3]))[layer], [1, 2])

    signature = [tf.TensorSpec([None, None, None, None], tf.uint8), matrix, matrix]
    return tf.function(run, input_signature=signature, jit_compile=use_xla('auto'), autograph=False)
