"""A set of pictures of one size, and the batches that a training takes from it."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from stylegen.datasets.order import Order, sampling_order
from stylegen.datasets.readers import Reader
from stylegen.datasets.shutdown import tracked_call
from stylegen.utils.errors import UserError

if TYPE_CHECKING:
    import tensorflow as tf


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Pictures of one size, as `stylegen.datasets.open_images` gives them.

    Attributes:
        count: How many; for 'shapes', those that are called an epoch, each of which brings others.
        size: (height, width).
        channels: 1 or 3.
        classes: The names that labels stand for; () without labels.
        labels: int32 (count,), or None.
        split: The part that was taken: 'train', 'val', 'test' or 'all'.
        manifest: What the set is, as JSON has it; its `sha256` is over names, contents and labels, so that it is the
            same wherever the files lie and whenever they were written.
        skipped: (name, reason) of each picture that could not be read.
        first_only: Names of animations and files of several pages, of each of which the first one is taken.
        in_memory: Whether the pixels are in memory, rather than read or drawn for each batch.
    """

    count: int
    size: tuple[int, int]
    channels: int
    classes: tuple[str, ...]
    labels: np.ndarray | None
    split: str
    manifest: dict[str, Any]
    skipped: tuple[tuple[str, str], ...]
    in_memory: bool
    _read: Reader = field(repr=False)
    _fresh: bool = field(default=False, repr=False)
    first_only: tuple[str, ...] = ()

    def batches(
        self, batch_size: int, *, seed: int, first_step: int = 0, shard: tuple[int, int] = (0, 1), parts: int = 1
    ) -> 'tf.data.Dataset':
        """Batches without end: step s has the places from s * batch_size on in the epochs laid end to end.

        Each epoch is a permutation of its own. A batch goes over the end of an epoch into the next.

        Args:
            batch_size: Pictures of a step, of all workers together.
            seed: Of the order.
            first_step: To begin with; what comes is as if the steps before had been passed over.
            shard: (index, count) of a worker: it gets that share of each batch, batch_size / count pictures.
            parts: That a batch is taken in, one after the other; a worker gets its share of each.

        Returns:
            Of (uint8 (n, height, width, channels), int32 (n,)); labels are zeros where there are none. It is not to be
            cut up between workers again.

        Raises:
            UserError: A batch size below 1, or one that cannot be shared out equally.
        """
        index, workers = shard
        if batch_size < 1 or not 0 <= index < workers or batch_size % (workers * parts):
            raise UserError(
                f'a batch of {batch_size} cannot be shared out among {workers} workers (this is number {index}); '
                'give a --batch_size that is a multiple of their number'
            )
        from stylegen.utils.backend import prepare_devices, tf

        prepare_devices()
        share = batch_size // workers
        order = Order(self.count, seed, self._fresh)
        places = np.arange(batch_size).reshape(parts, workers, -1)[:, index].ravel()

        def load(step: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            with tracked_call() as used:
                if not used:
                    return np.zeros((share, *self.size, self.channels), np.uint8), np.zeros(share, np.int32)
                return self._at(order, int(step) * batch_size + places)

        def batch(step):
            pixels, labels = tf.numpy_function(load, [step], [tf.uint8, tf.int32], stateful=False)
            return tf.ensure_shape(pixels, (share, *self.size, self.channels)), tf.ensure_shape(labels, (share,))

        dataset = tf.data.Dataset.counter(first_step, dtype=tf.int64)
        options = tf.data.Options()
        options.deterministic = True
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
        return dataset.map(batch, num_parallel_calls=2).prefetch(4).with_options(options)

    def take(self, n: int, seed: int = 0) -> np.ndarray:
        """`n` different pictures at random, uint8 (n, height, width, channels); none is repeated.

        Raises:
            UserError: There are not as many.
        """
        if not 1 <= n <= self.count:
            raise UserError(f'{n} pictures were asked for, but there are {self.count}; ask for 1 to {self.count}')
        indices = sampling_order(self.count, seed)
        pixels, lost = self._read(indices[:n])
        spare = iter(indices[n:])
        for row in lost:
            for index in spare:
                other, failed = self._read(np.array([index]))
                if not failed:
                    pixels[row] = other[0]
                    break
            else:
                raise UserError(f'fewer than {n} pictures of {self.manifest["source"]} can still be read; ask for less')
        return pixels

    def _at(self, order: Order, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pixels and labels of these places; the next one that can be read stands in for one that cannot."""
        indices = order.at(positions)
        pixels, lost = self._read(indices)
        for row in lost:
            indices[row], pixels[row] = self._next(order, int(positions[row]))
        labels = np.zeros(len(indices), np.int32) if self.labels is None else self.labels[indices % self.count]
        return pixels, labels

    def _next(self, order: Order, position: int) -> tuple[int, np.ndarray]:
        for place in range(position + 1, position + 2 * self.count):  # every picture is among these
            index = order.at(np.array([place]))
            pixels, lost = self._read(index)
            if not lost:
                return int(index[0]), pixels[0]
        raise UserError(f'no picture of {self.manifest["source"]} can be read any more; is its disk still there?')
